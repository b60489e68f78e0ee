/**
 * The direct runner, free of Node: it runs in a page too. Node's capabilities come from `./node.ts`.
 *
 * @module millrace/direct
 */
export { systemEnv, type SystemCapabilities } from '../core/system-env.js'
export { DIRECT_FEATURES, directRunner } from './direct-runner.js'
export type {
  EndState,
  Feature,
  Guarantee,
  MetricReading,
  MetricsResult,
  PipelineResult,
  Progress,
  Runner,
  RunnerOptions,
  RunningPipeline,
  SourceReading,
  StepProgress,
  StuckCallReport,
  SystemReading,
  WindowedElement,
} from '../runner.js'
export { UnsupportedFeature } from '../runner.js'
export type { RunTelemetry, Telemetry } from '../telemetry.js'
