/**
 * Generated input: sequences, ticks, and lists replayed as streams. For tests, demonstrations, heartbeats and loads.
 *
 * @module
 */
export type { Disorder } from './disorder.js'
export { periodic, type PeriodicOptions } from './periodic.js'
export { replay, type ReplayOptions } from './replay.js'
export { generateSequence, type SequenceOptions, type StreamedSequenceOptions } from './sequence.js'
