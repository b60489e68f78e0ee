/**
 * What engines can do, and what of it goes through a worker here. What is not in a set is refused before a job is submitted.
 */
import type { Feature } from '../runner.js'

/** Names of engines. */
export type EngineName = 'prism' | 'flink' | 'flink-cluster'

/** Prism 2.77. It plays scripts, but not as they say: timers and panes come at other times, and one script is all that a job may have. */
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
  'windows.calendar',
  'windows.custom',
  'splittable.bounded',
  'splittable.unbounded',
]

/** What only the streams of an engine have: its batches know no panes. */
export const STREAM_FEATURES: readonly Feature[] = [
  'lateness',
  'accumulating',
  'triggers.early',
  'triggers.late',
  'triggers.processingTime',
  'triggers.composite',
  'testStream',
]

/** Flink 1.19 in Beam's job server 2.62. */
const FLINK: readonly Feature[] = [...PRISM, ...STREAM_FEATURES, 'timers.processingTime', 'bundleFinalizer', 'external']

/** By engine. */
export const ENGINE_FEATURES: Readonly<Record<EngineName, ReadonlySet<Feature>>> = {
  prism: new Set(PRISM),
  flink: new Set(FLINK),
  'flink-cluster': new Set(FLINK),
}

/** What engines leave to us. */
export interface EngineNeeds {
  /** Combines must come to it in the parts that it knows. */
  readonly takesCombinesInParts: boolean
  /** Expirations of windows must be timers. */
  readonly expiresByTimers: boolean
  /** Options of its jobs that are given where the author says nothing. */
  readonly jobOptions: JobOptions
  /** Those of jobs that it runs as streams, besides. */
  readonly streamOptions: JobOptions
  /** Those of jobs that keep checkpoints in a folder, besides; absent where it keeps none. */
  readonly checkpointOptions?: (folder: string) => JobOptions
}

/** Options of a job, by their names in snake case. */
export type JobOptions = Readonly<Record<string, string | boolean | readonly string[]>>

const FLINK_NEEDS: EngineNeeds = {
  takesCombinesInParts: true,
  expiresByTimers: true,
  // One worker is here: more slots would only wait for each other.
  jobOptions: { parallelism: '1' },
  streamOptions: {
    streaming: true,
    // What is left of an unbounded source is read on when its bundle ends, and nothing but time ends it.
    max_bundle_time_mills: '20',
    // Else what a bundle gave before a checkpoint waits for the next bundle, which never comes behind the beginning of a pipeline.
    finish_bundle_before_checkpointing: true,
  },
  checkpointOptions: (folder) => ({
    checkpointing_interval: '10000',
    state_backend: 'filesystem',
    state_backend_storage_path: folder,
  }),
}

/** By engine. */
export const ENGINE_NEEDS: Readonly<Record<EngineName, EngineNeeds>> = {
  prism: { takesCombinesInParts: false, expiresByTimers: true, jobOptions: {}, streamOptions: {} },
  flink: FLINK_NEEDS,
  'flink-cluster': FLINK_NEEDS,
}
