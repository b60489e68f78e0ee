/**
 * The configuration file of a project, `millrace.config.ts` (or `.mjs`, `.js`, `.json`): settings of `millrace run` that are
 * said once instead of each time.
 *
 * @module millrace/config
 */
import type { OptionNames } from '../sdk/known-options.js'
import type { Guarantee } from './runner.js'

/** What a configuration file may say. Flags and `MILLRACE_…` variables come before it. */
export interface MillraceConfig {
  /** Who runs pipelines. Default `'direct'`. */
  readonly runner?: 'direct' | 'micro-batch' | 'flink' | 'prism' | 'flink-cluster'
  /** Folder where the micro-batch runner keeps the run, or Flink its checkpoints, from the working folder. Default: none. */
  readonly checkpoint?: string
  /** How long a batch of the micro-batch runner lasts: `'2s'`. Default: `'500ms'`. */
  readonly batchInterval?: string
  /** Elements that a batch of the micro-batch runner reads at most, about, from 1. Default: as many as come in its interval. */
  readonly batchSize?: number
  /** How the micro-batch runner waits where another run has the checkpoint. Default: it is refused. */
  readonly standby?: 'cold' | 'warm' | 'hot'
  /** How much sources of the micro-batch runner may read: `'read orders=1000/s, read clicks=5000/batch'`. Default: no limits. */
  readonly rate?: string
  /** How long the micro-batch runner may take from an arrival to its commit: `'2s'`. Default: as long as it takes. */
  readonly latencyObjective?: string
  /** Workers of the micro-batch runner, or of Flink with another `environment`, from 0. Default 0: everything runs on one thread. */
  readonly workers?: number
  /** What workers are. Default `'thread'`. */
  readonly isolation?: 'thread' | 'process'
  /** Job API of an engine that runs already: `'localhost:8099'`. Default: one is started for the run. */
  readonly jobEndpoint?: string
  /** REST address of a Flink cluster: `'localhost:8081'`. Default: Flink runs inside of its job server. */
  readonly flinkMaster?: string
  /** Options of an engine's jobs, by the names that it has for them: `{ max_bundle_size: 100 }`. Default: none. */
  readonly engineOptions?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** Where an engine has steps run. Default `'loopback'`: in the process of the run. */
  readonly environment?: 'loopback' | 'external' | 'process'
  /** Address of the pool of workers, or the program that starts a worker. Default of that: one for this machine. */
  readonly environmentConfig?: string
  /** Address by which workers on other machines reach the run. Default: loopback. */
  readonly linkHost?: string
  /** File of a text that the run and the workers of an engine share. Default: none. */
  readonly tokenFile?: string
  /** Files in PEM by which what the workers of an engine tell the run is encrypted: its certificate. Default: none. */
  readonly tlsCertificate?: string
  /** The key of `tlsCertificate`. */
  readonly tlsKey?: string
  /** Certificates of who has signed `tlsCertificate`. */
  readonly tlsAuthority?: string
  /** Packages with native code, separated by commas, that are installed where the workers of an engine run. Default: none. */
  readonly nativePackages?: string
  /** How long a run may take to end after SIGTERM: `'30s'`. Default `'10s'`. */
  readonly grace?: string
  /** How long one call of user code may take before the run fails: `'30s'`, `'2 minutes'`. Default: no limit. */
  readonly callTimeout?: string
  /** Type-check before running, with the project's own `typescript`. Default false. */
  readonly check?: boolean
  /** Check coders, changed inputs and bundle sizes while running. Default false. */
  readonly strict?: boolean
  /** Seed of strict mode, a whole number. Default: a random one. */
  readonly seed?: number
  /** In strict mode: attempt every bundle twice. Default false. */
  readonly reexecute?: boolean
  /** Elements per bundle of a source, from 1. Default: as many as a slice of time allows. */
  readonly bundleSize?: number
  /** Refuse groupings of elements that no codec describes. Default false. */
  readonly requireCodecs?: boolean
  /** How stages are compiled. Default `'auto'`. */
  readonly stageCompiler?: 'auto' | 'generated' | 'closures'
  /** What is promised when something fails. Default: the runner's. */
  readonly guarantee?: Guarantee
  /** How much is shown of what pipelines write to the console. Default `'limited'`. */
  readonly console?: 'limited' | 'all' | 'off'
  /** Options of pipelines, by the name of the pipeline and the name that the option has in its codec. */
  readonly pipelines?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const keys: OptionNames<MillraceConfig> = {
  runner: true,
  checkpoint: true,
  batchInterval: true,
  batchSize: true,
  standby: true,
  rate: true,
  latencyObjective: true,
  workers: true,
  isolation: true,
  jobEndpoint: true,
  flinkMaster: true,
  engineOptions: true,
  environment: true,
  environmentConfig: true,
  linkHost: true,
  tokenFile: true,
  tlsCertificate: true,
  tlsKey: true,
  tlsAuthority: true,
  nativePackages: true,
  grace: true,
  callTimeout: true,
  check: true,
  strict: true,
  seed: true,
  reexecute: true,
  bundleSize: true,
  requireCodecs: true,
  stageCompiler: true,
  guarantee: true,
  console: true,
  pipelines: true,
}

/** Names of all keys. */
export const CONFIG_KEYS: readonly string[] = Object.keys(keys)

/**
 * A configuration, with its type: the default export of `millrace.config.ts`. It is checked when a command reads it, as
 * one in JSON is: an unknown key is an error with the nearest name. `millrace config print` shows what is made of it.
 *
 * @example
 * ```ts
 * import { defineConfig } from 'millrace/config'
 * export default defineConfig({
 *   callTimeout: '30s',
 *   pipelines: { 'word-count': { input: 'data/*.txt', top: 5 } },
 * })
 * ```
 */
export function defineConfig(config: MillraceConfig): MillraceConfig {
  return config
}
