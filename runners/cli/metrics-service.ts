/**
 * Serves the metrics of a run from the supervising thread: the pipeline's thread sends a snapshot once a second, and is
 * never asked. So a call that blocks it blocks no answer, and shows in the age of what is answered.
 */
import { messageOf } from '../../sdk/errors.js'
import type { RunSnapshot } from '../metrics/snapshot.js'
import { hostWarning } from '../metrics/hosts.js'
import { READINESS_LIMITS } from '../metrics/readiness.js'
import { listen } from '../metrics/server.js'
import { UsageError } from './command-line.js'
import type { MetricsPlace } from './observation-settings.js'

/** Milliseconds between two snapshots. */
export const SNAPSHOT_MILLIS = 1000

/** Serves what it is given. */
export interface MetricsService {
  /** What people should know: where it listens, and who else may. */
  readonly notes: readonly string[]
  /** Takes a snapshot, to be served from now on. */
  readonly take: (snapshot: RunSnapshot) => void
  readonly close: () => Promise<void>
}

/** Starts to serve. @throws {UsageError} when nobody can listen there. */
export async function metricsService(
  { host, port, allowedHosts }: MetricsPlace,
  staleMillis: number = READINESS_LIMITS.staleMillis,
): Promise<MetricsService> {
  let last: { readonly snapshot: RunSnapshot; readonly at: number } | undefined
  const latest = () =>
    last === undefined ? undefined : { snapshot: last.snapshot, ageMillis: performance.now() - last.at }
  const limits = { ...READINESS_LIMITS, staleMillis }
  const server = await listen({ latest, limits, allowedHosts }, { host, port }).catch((error: unknown) => {
    throw new UsageError('MR-6011', messageOf(error))
  })
  const warning = hostWarning(host)
  return {
    notes: [
      `metrics: ${server.url}/metrics, and /healthz, /readyz`,
      ...(warning === undefined ? [] : [`warning: ${warning}`]),
    ],
    take: (snapshot) => {
      last = { snapshot, at: performance.now() }
    },
    close: () => server.close(),
  }
}
