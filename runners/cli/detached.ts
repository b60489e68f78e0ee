/**
 * Jobs that are left with their engine, and how a person comes to them again.
 */
import { type Options, UsageError } from './command-line.js'
import { engineRunners } from './commands.js'
import type { RunnerSettings } from './runner-settings.js'

/** What `--detach` changes. @throws {UsageError} when the runner has no jobs. */
export function detachSettings(options: Options, { runner, engine }: RunnerSettings): Pick<RunnerSettings, 'engine'> {
  if (options.get('detach') !== true) return {}
  if (engineRunners.every((each) => each !== runner))
    throw new UsageError('MR-1016', `--detach leaves a job with an engine; with the ${runner} runner there is none. Add --runner flink, or leave --detach out.`, '') // prettier-ignore
  return { engine: { ...engine, detach: true } }
}

/** What is said of a job to whom it can be of use: an engine that was started for the run ends with it. */
export function jobNote(
  jobId: string,
  { runner, engine = {} }: Pick<RunnerSettings, 'runner' | 'engine'>,
): string | undefined {
  const { jobEndpoint, flinkMaster } = engine
  if (jobEndpoint === undefined && (runner !== 'flink-cluster' || flinkMaster !== undefined)) return undefined
  const place = jobEndpoint === undefined ? '' : ` --job-endpoint ${jobEndpoint}`
  const rest = flinkMaster === undefined ? '' : ` --flink-master ${flinkMaster}`
  return `job ${jobId} is submitted; to come to it: millrace attach ${jobId} --runner ${runner}${place}${rest}`
}
