/**
 * What the server answers, as a function: three pages, two methods, no parameters.
 *
 * Law: a request is answered only when it names this machine by an address, `localhost`, or a name that was allowed: a page
 * in somebody's browser can make its own name point here, and its name is then what it sends. Nothing of a request is
 * repeated in an answer.
 */
import { exposition, EXPOSITION_TYPE } from './exposition.js'
import { isAddress } from './hosts.js'
import { type AgedSnapshot, notReadyBecause, type ReadinessLimits } from './readiness.js'
import { runFamilies } from './run-families.js'

/** What the pages are made of. */
export interface Routes {
  /** What is known of the run. */
  readonly latest: () => AgedSnapshot
  readonly limits: ReadinessLimits
  /** Names, besides addresses and `localhost`, by which the server may be called. */
  readonly allowedHosts: readonly string[]
}

/** A request, as far as it matters. */
export interface Request {
  readonly method: string
  /** Path and query, as sent. */
  readonly target: string
  readonly host: string | undefined
}

/** An answer. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The pages, by path. */
const PAGES: ReadonlyMap<string, (routes: Routes) => Answer> = new Map([
  ['/metrics', metricsPage],
  ['/healthz', () => answer(200, 'ok\n')],
  ['/readyz', readyPage],
])

/** Answers a request. */
export function respond(routes: Routes, { method, target, host }: Request): Answer {
  if (!isAllowed(host, routes.allowedHosts))
    return answer(403, 'This server is called by an address, as localhost, or by a name it was told.\n')
  const page = PAGES.get(target)
  if (page === undefined) return answer(404, 'There are /metrics, /healthz and /readyz.\n')
  if (method !== 'GET' && method !== 'HEAD') return answer(405, 'Only GET and HEAD.\n', { allow: 'GET, HEAD' })
  try {
    return page(routes)
  } catch {
    return answer(500, 'The run could not be looked at.\n')
  }
}

function metricsPage({ latest }: Routes): Answer {
  const aged = latest()
  if (aged === undefined) return answer(503, 'The run has not started.\n')
  const text = exposition(runFamilies(aged.snapshot, aged.ageMillis / 1000))
  return answer(200, text, { 'content-type': EXPOSITION_TYPE })
}

function readyPage({ latest, limits }: Routes): Answer {
  const aged = latest()
  const reasons = notReadyBecause(aged, limits)
  const page = { ready: reasons.length === 0, state: aged?.snapshot.status.state ?? 'starting', reasons }
  return answer(page.ready ? 200 : 503, `${JSON.stringify(page)}\n`, { 'content-type': 'application/json' })
}

function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body,
  }
}

function isAllowed(host: string | undefined, allowed: readonly string[]): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(host ?? '')?.[1]?.toLowerCase()
  if (name === undefined) return false
  return isAddress(name) || name === 'localhost' || allowed.some((each) => each.toLowerCase() === name)
}
