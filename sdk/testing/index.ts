/**
 * The testing kit's part that knows no runner: scripted sources, assertions, a tester of DoFns, checkers of laws.
 */
export {
  type Assertion,
  type AssertionOptions,
  assertThat,
  type Judge,
  type ObservedElement,
  type WindowEnds,
} from './assert-that.js'
export type { EventJson, ScriptJson } from './script-json.js'
export { at, type TestStream, testStream, testStreamFrom, type TimestampedValue } from './test-stream.js'
export { type ScriptedCollections, type TestStreams, testStreams } from './test-streams.js'
export { unrunAssertions } from './unrun.js'
export { AssertionFailed, type Verdict } from './verdict.js'
export { checkCoder } from './check-coder.js'
export { checkCombineFn, type CombineCheckOptions } from './check-combine.js'
export { checkSource, checkTracker, type SourceCheckOptions, type TrackerCheckOptions } from './check-source.js'
export { LawBroken, type LawOptions, type LawReport } from './laws.js'
export {
  type DoFnTester,
  doFnTester,
  type DoFnTesterOptions,
  type ElementOptions,
  type PendingTimer,
  type TestedElement,
} from './do-fn-tester.js'
export type { StateReading, StateReadings } from './state-readings.js'
