/**
 * The testing kit: scripted sources and assertions that run on every runner, a tester of DoFns, checkers of laws, and the
 * simulation of an author's own pipeline.
 *
 * @module millrace/testing
 */
export {
  type Assertion,
  type AssertionOptions,
  assertThat,
  type Judge,
  type ObservedElement,
  type WindowEnds,
} from '../../sdk/testing/assert-that.js'
export type { TestStreamEvent } from '../../sdk/graph/model.js'
export type { ByteReader, ByteWriter, Coder } from '../../sdk/coders/index.js'
export type { EventJson, ScriptJson } from '../../sdk/testing/script-json.js'
export {
  at,
  type TestStream,
  testStream,
  testStreamFrom,
  type TimestampedValue,
} from '../../sdk/testing/test-stream.js'
export { type ScriptedCollections, type TestStreams, testStreams } from '../../sdk/testing/test-streams.js'
export {
  type DeliveryEvent,
  type RedeliveringOptions,
  type RedeliveringSource,
  redeliveringSource,
} from '../../sdk/testing/redelivering-source.js'
export { unrunAssertions } from '../../sdk/testing/unrun.js'
export { AssertionFailed, type Verdict } from '../../sdk/testing/verdict.js'
export { checkCoder } from '../../sdk/testing/check-coder.js'
export { checkCombineFn, type CombineCheckOptions } from '../../sdk/testing/check-combine.js'
export {
  checkSource,
  checkTracker,
  type SourceCheckOptions,
  type TrackerCheckOptions,
} from '../../sdk/testing/check-source.js'
export { LawBroken, type LawOptions, type LawReport } from '../../sdk/testing/laws.js'
export { type DoFnTester, doFnTester } from '../../sdk/testing/do-fn-tester.js'
export type {
  DoFnTesterOptions,
  ElementOptions,
  PendingTimer,
  TestedElement,
} from '../../sdk/testing/tester-options.js'
export type { StateReading, StateReadings } from '../../sdk/testing/state-readings.js'
export type { CrashOptions } from './crashes.js'
export type { CrashKind } from './restarting-runner.js'
export type { CrashChange, ScenarioChange, Perturbation, Scenario } from './scenario.js'
export {
  type Finding,
  simulate,
  type SimulateOptions,
  type SimulationReport,
  type SimulationVerdict,
} from './simulate.js'
