/**
 * What a run on another engine is told besides its options: data, which `runners/distributed` checks and uses.
 */

/**
 * What runners on other engines are told besides: which engine, and where its workers run. Refused by other runners.
 *
 * @example
 * ```ts
 * import type { EngineSettings } from 'millrace'
 * const engine: EngineSettings = { environment: 'external', environmentConfig: 'localhost:50000' }
 * engine.environment // => 'external'
 * ```
 */
export interface EngineSettings {
  /** `host:port` of a Job API that runs already. Default: the engine, or its job server, is started for the run. */
  readonly jobEndpoint?: string
  /**
   * `host:port` of the REST service of a Flink cluster. The job server that is started for the run hands jobs to it; default: Flink runs inside
   * of that server. Beside `jobEndpoint`, whose server knows its cluster, it is where the steps of a cancelled job are ended.
   */
  readonly flinkMaster?: string
  /**
   * Where steps run. `'loopback'`, the default: in this process. `'external'`: in workers of the pool (`millrace worker-pool`) that
   * `environmentConfig` names. `'process'`: in processes that the engine starts by itself. Both need `module`.
   */
  readonly environment?: 'loopback' | 'external' | 'process'
  /**
   * With `'external'` the `host:port` of the pool, as the engine reaches it. With `'process'` the path, where the engine's workers are, of a
   * program that starts a worker. Default of that: one that starts this copy of millrace, on this machine.
   */
  readonly environmentConfig?: string
  /** The address of this process by which workers on other machines reach it. Default: loopback. Another needs `tokenFile`. */
  readonly linkHost?: string
  /** File of a text that this process and the workers share, of 16 characters or more. Default: `MILLRACE_TOKEN_FILE` names it, or there is none. */
  readonly tokenFile?: string
  /** Files, in PEM, by which what workers report is encrypted: a certificate for `linkHost`, its key, and whoever has signed it. Default: it is not. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly authority: string }
  /** Packages with native code, which are not sent to workers, because they are installed there. Default: none. */
  readonly nativePackages?: readonly string[]
  /**
   * Leaves the job with its engine as soon as that has taken it: the result says `DETACHED`, and `running.status().jobId` which job it
   * is, for `attach`. Needs an engine that runs already, and an `environment` other than `'loopback'`. Default false.
   */
  readonly detach?: boolean
}
