/**
 * Options of a job: what an engine needs for a pipeline of this kind, then what the author says.
 *
 * Law: what the author says stands. Numbers go as text: those of the protocol's own options are all fractions.
 */
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { featuresOf } from '../core/features.js'
import type { RunnerOptions } from '../runner.js'
import { type EngineNeeds, type JobOptions, STREAM_FEATURES } from './engine-features.js'

/** What the author says of a job. */
export interface GivenJobOptions extends Pick<RunnerOptions, 'engineOptions'> {
  /** URL of the folder of checkpoints. */
  readonly checkpointUrl: string | undefined
}

/** Whether a pipeline is a stream: something in it has no end, or it asks for what only streams have. */
export function isStream(built: BuiltPipeline): boolean {
  const needs = featuresOf(built)
  return hasNoEnd(built) || needs.has('splittable.unbounded') || STREAM_FEATURES.some((feature) => needs.has(feature))
}

function hasNoEnd({ graph }: BuiltPipeline): boolean {
  return [...graph.components.collections.values()].some(({ isBounded }) => !isBounded)
}

/** Whether a job has checkpoints, and is begun again from them when it fails. */
export function keepsCheckpoints({ checkpoint, engineOptions = {} }: RunnerOptions): boolean {
  return checkpoint !== undefined || hasInterval(engineOptions)
}

function hasInterval(engineOptions: NonNullable<RunnerOptions['engineOptions']>): boolean {
  const { checkpointing_interval: interval } = engineOptions
  return interval !== undefined && Number(interval) > 0
}

/** Whether the author wants a stream where a batch would do. */
function asksForStream({ streaming }: NonNullable<RunnerOptions['engineOptions']>): boolean {
  return streaming === true || streaming === 'true'
}

/** The options of a job. */
export function jobOptionsOf(
  built: BuiltPipeline,
  { jobOptions, streamOptions, checkpointOptions }: EngineNeeds,
  { engineOptions = {}, checkpointUrl }: GivenJobOptions,
): JobOptions {
  const own = Object.entries(engineOptions).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value] as const) // prettier-ignore
  const parallelism = own.find(([name]) => name === 'parallelism')?.[1] ?? jobOptions['parallelism']
  const keeps = checkpointUrl !== undefined || hasInterval(engineOptions)
  return {
    ...jobOptions,
    ...(keeps || isStream(built) || asksForStream(engineOptions) ? streamOptions : {}),
    ...(checkpointUrl === undefined ? {} : checkpointOptions?.(checkpointUrl)),
    // Jobs with checkpoints wait for ever at their beginning, unless they are told that nothing more comes.
    ...(keeps && !hasNoEnd(built) ? { shutdown_sources_after_idle_ms: '0' } : {}),
    // Flink keeps a table for each part of the keys each time that a source is read on, and never lets go of it: as few as there may be.
    ...(hasNoEnd(built) && parallelism !== undefined ? { max_parallelism: parallelism } : {}),
    ...Object.fromEntries(own),
  }
}
