/**
 * What engines can do, and what of it goes through a worker here. What is not in a set is refused before a job is submitted.
 */
import type { Feature } from '../runner.js'

/** Names of engines. */
export type EngineName = 'prism' | 'flink'

/** Prism 2.77. */
const PRISM: readonly Feature[] = [
  'groupByKey',
  'combine',
  'flatten',
  'reshuffle',
  'sideInputs',
  'state.value',
  'state.bag',
  'state.set',
  'state.map',
  'state.multimap',
  'state.orderedList',
  'state.combining',
  'timers.eventTime',
  'timers.family',
  'onWindowExpiration',
  'windows.merging',
  'deadLetters',
  'splittable.bounded',
]

/** Flink 1.19 in Beam's job server 2.62. */
const FLINK: readonly Feature[] = PRISM

/** By engine. */
export const ENGINE_FEATURES: Readonly<Record<EngineName, ReadonlySet<Feature>>> = {
  prism: new Set(PRISM),
  flink: new Set(FLINK),
}

/** What engines leave to us. */
export interface EngineNeeds {
  /** Combines must come to it in the parts that it knows. */
  readonly takesCombinesInParts: boolean
  /** Expirations of windows must be timers. */
  readonly expiresByTimers: boolean
  /** Options of its jobs that are given where the author says nothing. */
  readonly jobOptions: Readonly<Record<string, string | boolean>>
}

/** By engine. */
export const ENGINE_NEEDS: Readonly<Record<EngineName, EngineNeeds>> = {
  prism: { takesCombinesInParts: false, expiresByTimers: true, jobOptions: {} },
  // One worker is here: more slots would only wait for each other.
  flink: { takesCombinesInParts: true, expiresByTimers: true, jobOptions: { parallelism: '1' } },
}
