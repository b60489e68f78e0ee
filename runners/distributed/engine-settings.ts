/**
 * What a run on an engine is told besides: checked before anything is started.
 */
import { PipelineError } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import type { EngineSettings } from '../engine-settings.js'
import { type RunnerOptions, UnsupportedFeature } from '../runner.js'
import { ENGINE_NEEDS, type EngineName } from './engine-features.js'

const NAMES: OptionNames<EngineSettings> = {
  jobEndpoint: true,
  flinkMaster: true,
  environment: true,
  environmentConfig: true,
  linkHost: true,
  tokenFile: true,
  tls: true,
  nativePackages: true,
  detach: true,
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

/** What says where an engine is. */
type EnginePlace = Pick<EngineSettings, 'jobEndpoint' | 'flinkMaster'>

/** @throws {PipelineError} when an address is none, or is of another engine. */
export function checkPlace(name: EngineName, engine: EnginePlace): void {
  for (const key of ['jobEndpoint', 'flinkMaster'] as const) addressOf(`${key} of engine`, engine[key])
  if (engine.flinkMaster !== undefined && name === 'prism')
    throw new PipelineError('MR-1016', 'flinkMaster names a cluster of Flink, and the runner is prism. Leave it out.')
}

/** The same for what opens engines. */
export function placeOf({ jobEndpoint: endpoint, flinkMaster }: EnginePlace): {
  readonly endpoint?: string
  readonly flinkMaster?: string
} {
  // prettier-ignore
  return { ...(endpoint === undefined ? {} : { endpoint }), ...(flinkMaster === undefined ? {} : { flinkMaster }) }
}

/** @throws {PipelineError} naming what is wrong, or would have no effect. */
export function checkEngineSettings(name: EngineName, { engine = {}, module, workers = 0 }: RunnerOptions): void {
  refuseUnknownOptions('engine', engine, NAMES)
  checkPlace(name, engine)
  if (workers > 0 && name === 'prism')
    throw new PipelineError('MR-1016', `workers: ${workers} would change nothing on prism, which asks for one worker and shares nothing out by that number. Leave workers out, or use runner: 'flink'.`) // prettier-ignore
  for (const key of ['environmentConfig', 'linkHost', 'tokenFile'] as const)
    if (engine[key] !== undefined && (typeof engine[key] !== 'string' || engine[key] === ''))
      throw new PipelineError('MR-1002', `${key} of engine must be a text, but is ${preview(engine[key])}.`)
  const { environment = 'loopback', environmentConfig, linkHost, tokenFile } = engine
  refuseUnknownValue('environment of engine', environment, ['loopback', 'external', 'process'])
  refuseDetached(name, engine)
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

/** A job is left with an engine that goes on, and with workers that do. */
function refuseDetached(name: EngineName, { detach, jobEndpoint, flinkMaster, ...engine }: EngineSettings): void {
  if (detach === undefined || detach === false) return
  if (detach !== true) throw new PipelineError('MR-1002', `detach of engine must be true or false, but is ${preview(detach)}.`) // prettier-ignore
  if (!isRemote(engine))
    throw new PipelineError('MR-6206', "detach leaves the job without this process, and with environment 'loopback' its steps run here. Add environment: 'external' or 'process', or leave detach out.") // prettier-ignore
  if (jobEndpoint === undefined && (name !== 'flink-cluster' || flinkMaster !== undefined))
    throw new PipelineError('MR-1016', `detach leaves the job with its engine, and the ${name === 'prism' ? 'Prism' : 'job server'} that is started for a run ends with it. Name one that runs already: jobEndpoint: 'localhost:8099'.`) // prettier-ignore
}

const PORT_MAX = 65_535

/** @throws {PipelineError} when it is said, and no address. */
export function addressOf(what: string, address: unknown): void {
  if (address === undefined) return
  const [, port] = (typeof address === 'string' ? /^[^\s:/]+:(\d{1,5})$/.exec(address) : undefined) ?? []
  if (port !== undefined && Number(port) <= PORT_MAX) return
  throw new PipelineError('MR-1002', `${what} must be an address such as 'localhost:8099', but is ${preview(address)}.`)
}

/** Refuses options that mean nothing on an engine, or that do not exist there yet. @throws {PipelineError} or {@link UnsupportedFeature} */
export function refuseOptions(name: EngineName, options: RunnerOptions): void {
  const local = ['strict', 'seed', 'reexecute', 'bundleSize', 'batchInterval', 'batchSize'] as const
  const given = local.find((option) => options[option] !== undefined && options[option] !== false)
  if (given !== undefined)
    throw new PipelineError(
      'MR-1016',
      `${given} is an option of runners of millrace's own, and would change nothing on ${name}. Leave it out.`,
    )
  const { guarantee = 'gap', telemetry, callTimeoutMillis, checkpoint } = options
  if (checkpoint !== undefined && ENGINE_NEEDS[name].checkpointOptions === undefined)
    throw new UnsupportedFeature('MR-6001', 'checkpoint', `${name} keeps everything in memory: it has no checkpoints. Leave checkpoint out.`) // prettier-ignore
  if (guarantee !== 'gap')
    throw new UnsupportedFeature('MR-6004', `guarantee.${guarantee}`, `the ${name} runner does not promise ${guarantee}: a job that fails is begun anew. Leave guarantee out.`) // prettier-ignore
  const later =
    telemetry !== undefined ? 'telemetry' : callTimeoutMillis !== undefined ? 'callTimeoutMillis' : undefined
  if (later !== undefined)
    throw new UnsupportedFeature('MR-6001', later, `the ${name} runner does not support ${later} yet. Leave it out.`)
}
