/**
 * The server for a run of one's own: `serveMetrics(start(p))`. What `millrace run --metrics-port` serves, it serves too; but
 * on the thread of the run, so a call that blocks it blocks the answers.
 */
import { PipelineError } from '../../sdk/errors.js'
import { refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import type { RunningPipeline } from '../runner.js'
import { exposition, EXPOSITION_TYPE } from './exposition.js'
import { hostWarning } from './hosts.js'
import { RunSource } from './run-source.js'
import { READINESS_LIMITS } from './readiness.js'
import { runFamilies } from './run-families.js'
import { listen } from './server.js'

/** Where Prometheus looks for exporters of OpenTelemetry, and we listen. */
export const METRICS_PORT_DEFAULT = 9464

/** Options of {@link serveMetrics}. */
export interface ServeMetricsOptions {
  /** Default 9464; 0 for any free one. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`, which only this machine reaches; another is warned of. */
  readonly host?: string
  /** Names by which the server may be called besides addresses and `localhost`. Default none. */
  readonly allowedHosts?: readonly string[]
  /** `/readyz` says no when an asynchronous call of user code takes longer. Default 1 minute. */
  readonly callLimit?: Duration
  /** `/readyz` says no when nothing has been heard of the run for longer. Default 10 seconds. */
  readonly staleAfter?: Duration
}

/** A server of {@link serveMetrics}. */
export interface MetricsServer {
  /** Such as `http://127.0.0.1:9464`. */
  readonly url: string
  readonly port: number
  /** Resolves when it has ended. The process does not wait for it. */
  close(): Promise<void>
}

/**
 * Serves `/metrics` (Prometheus), `/healthz` and `/readyz` of a run, until it is closed; after the run it shows how that
 * ended. The run is looked at once a second at most, however often the server is asked.
 *
 * @throws {PipelineError} for a wrong option; an error when the port is taken.
 * @example
 * ```ts
 * import { pipeline, start } from 'millrace'
 * import { serveMetrics } from 'millrace/metrics'
 * const p = pipeline()
 * p.create('numbers', [1, 2, 3]).map('double', (n) => 2 * n).collect('all')
 * const running = start(p)
 * const server = await serveMetrics(running, { port: 0 })
 * await running.result
 * const page = await (await fetch(`${server.url}/metrics`)).text()
 * page.includes('millrace_step_elements_out_total{pipeline="pipeline",step="double"} 3') // => true
 * await server.close()
 * ```
 */
export async function serveMetrics(
  running: RunningPipeline,
  options: ServeMetricsOptions = {},
): Promise<MetricsServer> {
  const { port, host, allowedHosts, limits } = checked(options)
  const warning = hostWarning(host)
  if (warning !== undefined) process.emitWarning(warning)
  const source = new RunSource(running)
  try {
    const server = await listen(
      { latest: () => source.latest(), limits, allowedHosts: [...allowedHosts, host] },
      { host, port },
    )
    return {
      ...server,
      close: async () => {
        source.close()
        await server.close()
      },
    }
  } catch (error) {
    source.close()
    throw error
  }
}

/**
 * The same text, for a server of one's own; its content type is {@link METRICS_CONTENT_TYPE}. Each call looks at the run.
 *
 * @example
 * ```ts
 * import { start } from 'millrace'
 * import { metricsText } from 'millrace/metrics'
 * const running = start((p) => p.create('numbers', [1, 2]).collect('all'))
 * await running.result
 * metricsText(running).startsWith('# HELP millrace_run_info') // => true
 * ```
 */
export function metricsText(running: Pick<RunningPipeline, 'status' | 'metrics'>): string {
  return exposition(runFamilies(RunSource.once(running), 0))
}

/** What `content-type` says of {@link metricsText}. */
export const METRICS_CONTENT_TYPE: string = EXPOSITION_TYPE

type Checked = Required<Pick<ServeMetricsOptions, 'port' | 'host' | 'allowedHosts'>> & {
  readonly limits: { readonly callMillis: number; readonly staleMillis: number }
}

function checked(options: ServeMetricsOptions): Checked {
  const names = { port: true, host: true, allowedHosts: true, callLimit: true, staleAfter: true }
  refuseUnknownOptions('serveMetrics', options, names)
  const { port = METRICS_PORT_DEFAULT, host = '127.0.0.1', allowedHosts = [], callLimit, staleAfter } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new PipelineError(
      'MR-1002',
      `port of serveMetrics must be a whole number from 0 to 65535, but is ${preview(port)}.`,
    )
  if (typeof host !== 'string' || host === '')
    throw new PipelineError(
      'MR-1002',
      `host of serveMetrics must be an address such as '127.0.0.1', but is ${preview(host)}.`,
    )
  if (!Array.isArray(allowedHosts) || allowedHosts.some((each) => typeof each !== 'string'))
    throw new PipelineError(
      'MR-1002',
      `allowedHosts of serveMetrics must be a list of names, but is ${preview(allowedHosts)}.`,
    )
  return {
    port,
    host,
    allowedHosts,
    limits: {
      callMillis: callLimit === undefined ? READINESS_LIMITS.callMillis : durationMillis(callLimit),
      staleMillis: staleAfter === undefined ? READINESS_LIMITS.staleMillis : durationMillis(staleAfter),
    },
  }
}
