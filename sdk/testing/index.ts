/**
 * The testing kit: scripted sources and assertions that run on every runner.
 *
 * @module millrace/testing
 */
export { type Assertion, assertThat, type Judge, type ObservedElement } from './assert-that.js'
export {
  type DeliveryEvent,
  type RedeliveringOptions,
  redeliveringSource,
  RedeliveringSource,
} from './redelivering-source.js'
export { at, type TestStream, testStream, type TimestampedValue } from './test-stream.js'
export { AssertionFailed, type Verdict } from './verdict.js'
