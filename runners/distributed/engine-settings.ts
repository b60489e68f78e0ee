/**
 * What a run on an engine is told besides: checked before anything is started.
 */
import { PipelineError } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import type { EngineSettings } from '../engine-settings.js'
import type { RunnerOptions } from '../runner.js'
import type { EngineName } from './engine-features.js'

const NAMES: OptionNames<EngineSettings> = {
  jobEndpoint: true,
  flinkMaster: true,
  environment: true,
  environmentConfig: true,
  linkHost: true,
  tokenFile: true,
  tls: true,
  nativePackages: true,
}

/** Addresses by which only this machine is reached. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1'])

/** Whether only this machine reaches a host. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host)
}

/** Whether an address is of this machine; what is not named is started here. */
export function isHere(address: string | undefined): boolean {
  return address === undefined || isLoopback(address.replace(/:\d+$/, ''))
}

/** Whether steps run in other processes than this. */
export function isRemote({ environment = 'loopback' }: EngineSettings): boolean {
  return environment !== 'loopback'
}

/** @throws {PipelineError} naming what is wrong, or would have no effect. */
export function checkEngineSettings(name: EngineName, { engine = {}, module, workers = 0 }: RunnerOptions): void {
  refuseUnknownOptions('engine', engine, NAMES)
  for (const key of ['jobEndpoint', 'flinkMaster'] as const) addressOf(`${key} of engine`, engine[key])
  for (const key of ['environmentConfig', 'linkHost', 'tokenFile'] as const)
    if (engine[key] !== undefined && (typeof engine[key] !== 'string' || engine[key] === ''))
      throw new PipelineError('MR-1002', `${key} of engine must be a text, but is ${preview(engine[key])}.`)
  const { environment = 'loopback', environmentConfig, flinkMaster, jobEndpoint, linkHost, tokenFile } = engine
  refuseUnknownValue('environment of engine', environment, ['loopback', 'external', 'process'])
  if (flinkMaster !== undefined && name === 'prism')
    throw new PipelineError('MR-1016', 'flinkMaster names a cluster of Flink, and the runner is prism. Leave it out.')
  if (flinkMaster !== undefined && jobEndpoint !== undefined)
    throw new PipelineError('MR-1016', 'flinkMaster is for the job server that is started for the run, and jobEndpoint names one that runs already and knows its cluster. Leave one of them out.') // prettier-ignore
  if (!isRemote(engine)) {
    const idle = (['environmentConfig', 'linkHost', 'tokenFile', 'tls', 'nativePackages'] as const).find((key) => engine[key] !== undefined) // prettier-ignore
    if (idle !== undefined)
      throw new PipelineError('MR-1016', `${idle} of engine is for workers in other processes; with environment 'loopback' it changes nothing. Add environment: 'external' or 'process', or leave it out.`) // prettier-ignore
    if (workers > 0)
      throw new PipelineError('MR-6206', `workers: ${workers} asks for processes, and steps run in this one. Add engine: { environment: 'external' } with a pool (millrace worker-pool), or 'process', or leave workers out.`) // prettier-ignore
    return
  }
  if (environment === 'external') addressOf('environmentConfig of engine', environmentConfig)
  if (environment === 'external' && environmentConfig === undefined)
    throw new PipelineError('MR-6206', "environment 'external' needs the pool of workers. Start one (millrace worker-pool) and say where: environmentConfig: 'localhost:50000'.") // prettier-ignore
  if (module === undefined)
    throw new PipelineError('MR-6040', `environment '${environment}' runs steps in other processes, which load the pipeline from a module. Give run the option module: import.meta.url, in a module whose default export is the pipeline, or leave environment out.`) // prettier-ignore
  if (linkHost !== undefined && !isLoopback(linkHost) && tokenFile === undefined)
    throw new PipelineError('MR-6207', `linkHost ${linkHost} is reached by other machines, so workers must prove who they are. Give tokenFile, here and to the pool.`) // prettier-ignore
}

function addressOf(what: string, address: unknown): void {
  if (address === undefined || (typeof address === 'string' && /^[^\s:/]+:\d{1,5}$/.test(address))) return
  throw new PipelineError('MR-1002', `${what} must be an address such as 'localhost:8099', but is ${preview(address)}.`)
}
