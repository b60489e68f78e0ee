/**
 * `attach`: from the id of a job that an engine has to a handle of it.
 */
import { distributedCapabilities, platformEnv } from '#platform'
import { PipelineError } from '../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../sdk/known-options.js'
import { preview } from '../sdk/preview.js'
import { type AttachedJob, type AttachOptions, attachTo } from './distributed/attached-job.js'

const NAMES: OptionNames<AttachOptions> = { runner: true, engine: true, heard: true, logger: true, env: true }

/**
 * Comes to a job that an engine has: one whose client has gone, was killed, or has left it there (`engine: { detach: true }`). Its id
 * is `status().jobId` of the run that has submitted it, and is printed by `millrace run`. What the job collects is told to that
 * client alone; the result here has how it ended, and what the engine has counted.
 *
 * @returns a handle. `cancel` and `drain` ask the engine for that; `detach` leaves the job alone. Its `result` rejects within seconds
 *   when the engine does not answer, or does not know the job.
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts
 * import { attach } from 'millrace'
 * const job = attach('orders_4f2a', { runner: 'flink', engine: { jobEndpoint: 'localhost:1' } })
 * const failure = await job.result.catch((error) => error.code)
 * failure // => 'MR-6201'
 * ```
 */
export function attach(jobId: string, options: AttachOptions): AttachedJob {
  if (typeof options !== 'object' || options === null)
    throw new PipelineError('MR-1004', `options of attach must be an object such as { runner: 'flink', engine: { jobEndpoint: 'localhost:8099' } }, but are ${preview(options)}.`) // prettier-ignore
  refuseUnknownOptions('attach', options, NAMES)
  refuseUnknownValue('runner of attach', options.runner, ['flink', 'prism', 'flink-cluster'])
  return attachTo(jobId, { ...options, env: options.env ?? platformEnv() }, distributedCapabilities())
}
