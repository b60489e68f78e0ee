/**
 * millrace: Apache Beam's model for TypeScript. One pipeline (what is computed, where in event time, when results appear,
 * how refinements relate), any runner.
 *
 * @module millrace
 */
export * from '../sdk/index.js'
export { attach } from './attach.js'
export type { AttachedJob, AttachOptions, JobNews } from './distributed/attached-job.js'
export type { EngineName } from './distributed/engine-features.js'
export { isMain } from './is-main.js'
export { run, type Runnable, type RunnerName, type RunOptions, start } from './run.js'
export { runEffect } from './run-effect.js'
export type {
  DeadLetterGroup,
  EndState,
  Feature,
  Guarantee,
  Isolation,
  MetricReading,
  MetricsResult,
  PipelineResult,
  Progress,
  Runner,
  RunnerOptions,
  RunningPipeline,
  SourceLimit,
  SourceQueueBounds,
  SourceReading,
  StepProgress,
  StuckCallReport,
  SystemReading,
  WindowedElement,
  WorkerModule,
} from './runner.js'
export type { EngineSettings } from './engine-settings.js'
export { UnsupportedFeature } from './runner.js'
export { type Explanation, why } from './run-status-why.js'
export type { RunTelemetry, Telemetry } from './telemetry.js'
export type {
  Awaited,
  AwaitedPane,
  AwaitedTimer,
  Hold,
  PaneStatus,
  PartitionStatus,
  RunState,
  BatchesStatus,
  QueueStatus,
  LatencyStatus,
  SheddingStatus,
  SpanStatus,
  RunStatus,
  SourceHold,
  StepStatus,
  TasksStatus,
  WindowStatus,
} from './run-status.js'
