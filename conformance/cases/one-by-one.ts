/**
 * Elements that come one after the other, each in a bundle of its own: in this order in every mode, for cases in which a
 * call sees what an earlier one has done.
 */
import type { PCollection, Pipeline } from 'millrace'
import { testStream, type TimestampedValue } from 'millrace/testing'

/** The elements, in their order; the watermark does not move until the end. */
export function oneByOne<T>(p: Pipeline, ...elements: readonly TimestampedValue<T>[]): PCollection<T> {
  return p.apply('script', elements.reduce((script, each) => script.add(each), testStream<T>()).end())
}
