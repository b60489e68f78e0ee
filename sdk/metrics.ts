/**
 * Metrics a DoFn declares: counters, distributions, gauges and sets of strings, kept per step and read from the pipeline's result.
 *
 * Law: counters, distributions and sets do not depend on the order of updates; a gauge keeps the latest value set.
 */

/** Declares a metric. */
export interface MetricSpec<Kind extends MetricKind = MetricKind> {
  readonly metric: Kind
}

/** Kinds of metric. */
export type MetricKind = 'counter' | 'distribution' | 'gauge' | 'stringSet'

/** A sum of increments; exact for integers beyond 2^53 too, because it is kept as a bigint there. */
export interface Counter {
  /** Adds `by`, default 1. */
  inc(by?: number): void
  /** Takes `by` away, default 1. */
  dec(by?: number): void
}

/** Count, sum, smallest and largest of the values given. */
export interface Distribution {
  /** Takes a value into account. */
  update(value: number): void
}

/** The latest value set. */
export interface Gauge {
  /** Replaces the value. */
  set(value: number): void
}

/** Which strings there were, such as the versions of a client. For few: all of them stay in memory. */
export interface StringSet {
  /** Adds a string. */
  add(value: string): void
}

/** The metrics of a declaration. */
export type MetricCells<M> = {
  readonly [K in keyof M]: M[K] extends MetricSpec<infer Kind>
    ? Kind extends 'counter'
      ? Counter
      : Kind extends 'distribution'
        ? Distribution
        : Kind extends 'gauge'
          ? Gauge
          : StringSet
    : never
}

/** What a distribution has seen. `mean` is `sum / count`; all but `count` are `undefined` for an empty one. */
export interface DistributionResult {
  readonly count: number
  readonly sum: number
  readonly min: number | undefined
  readonly max: number | undefined
  readonly mean: number | undefined
}

/** Metric declarations. */
export interface MetricBuilders {
  /** A sum of increments. */
  counter(): MetricSpec<'counter'>
  /** Count, sum, smallest and largest. */
  distribution(): MetricSpec<'distribution'>
  /** The latest value. */
  gauge(): MetricSpec<'gauge'>
  /** Which strings there were; in the result a sorted list. */
  stringSet(): MetricSpec<'stringSet'>
}

/**
 * Declares metrics.
 *
 * @example
 * ```ts
 * import { metric } from 'millrace'
 * const metrics = { parsed: metric.counter(), bytes: metric.distribution() }
 * ```
 */
export const metric: MetricBuilders = {
  counter: () => ({ metric: 'counter' }),
  distribution: () => ({ metric: 'distribution' }),
  gauge: () => ({ metric: 'gauge' }),
  stringSet: () => ({ metric: 'stringSet' }),
}
