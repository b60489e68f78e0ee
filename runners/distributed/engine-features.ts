/**
 * What engines can do, and what of it goes through a worker here. What is not in a set is refused before a job is submitted.
 */
import type { Feature } from '../runner.js'

/** Names of engines. */
export type EngineName = 'prism'

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
  'deadLetters',
  'splittable.bounded',
]

/** By engine. */
export const ENGINE_FEATURES: Readonly<Record<EngineName, ReadonlySet<Feature>>> = { prism: new Set(PRISM) }
