import { describe, expect, it } from 'vitest'
import { start } from 'millrace'
import { notReadyBecause, READINESS_LIMITS } from './readiness.js'
import { respond, type Routes } from './respond.js'
import { RunSource } from './run-source.js'
import type { RunSnapshot } from './snapshot.js'

async function finished(): Promise<RunSnapshot> {
  const running = start((p) => p.create('numbers', [1]).collect('all'))
  await running.result
  return RunSource.once(running)
}

const snapshot = await finished()
const with_ = (status: Partial<RunSnapshot['status']>): RunSnapshot => ({
  ...snapshot,
  status: { ...snapshot.status, ...status },
})
const running = with_({ state: 'running' })

function routesOf(latest: Routes['latest'] = () => ({ snapshot: running, ageMillis: 0 })): Routes {
  return { latest, limits: READINESS_LIMITS, allowedHosts: ['metrics.internal'] }
}

const PATHS = ['/metrics', '/healthz', '/readyz'] as const
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', ''] as const
const GOOD_HOSTS = ['127.0.0.1', '127.0.0.1:9464', 'localhost:1', 'LOCALHOST', '[::1]:9464', '10.1.2.3:80', 'Metrics.Internal:9464'] // prettier-ignore
const BAD_HOSTS = [undefined, '', 'evil.example', 'evil.example:9464', '127.0.0.1.evil.example', 'localhost.evil.example', '[::1', '127.0.0.1:x', '127.0.0.1:9464:1', 'a b', '127.0.0.1, evil.example', 'metrics.internal.evil', '[evil]'] // prettier-ignore

describe('the answers, for every route, method and host', () => {
  it.each(
    PATHS.flatMap((path) => METHODS.flatMap((method) => GOOD_HOSTS.map((host) => [method, path, host] as const))),
  )('%s %s of %s', (method, target, host) => {
    const { status, headers } = respond(routesOf(), { method, target, host })
    const isRead = method === 'GET' || method === 'HEAD'
    expect([status, headers['allow']]).toEqual(isRead ? [200, undefined] : [405, 'GET, HEAD'])
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })

  it.each(PATHS.flatMap((path) => METHODS.flatMap((method) => BAD_HOSTS.map((host) => [method, path, host] as const))))(
    'refuses %s %s of the name %s',
    (method, target, host) => {
      const answer = respond(routesOf(), { method, target, host })
      expect(answer.status).toBe(403)
      expect(answer.body).not.toContain('millrace_')
    },
  )

  it.each([
    '/',
    '',
    '/metrics/',
    '/metrics?x=1',
    '/METRICS',
    '//metrics',
    '/healthz/..',
    '/%6detrics',
    'http://localhost/metrics',
    '*',
    '/constructor',
    '/metrics#a',
  ])('has no page %j', (target) => {
    // prettier-ignore
    expect(respond(routesOf(), { method: 'GET', target, host: 'localhost' }).status).toBe(404)
  })

  it('says what the pages are, and repeats nothing of the request', () => {
    const { body } = respond(routesOf(), { method: 'GET', target: '/<script>', host: 'localhost' })
    expect(body).toBe('There are /metrics, /healthz and /readyz.\n')
  })

  it('answers 503 before there is anything to tell, and 500 when looking fails; /healthz is 200 all the same', () => {
    const statuses = (latest: Routes['latest']): readonly number[] =>
      PATHS.map((target) => respond(routesOf(latest), { method: 'GET', target, host: 'localhost' }).status)
    expect(statuses(() => undefined)).toEqual([503, 200, 503])
    const fails = (): never => {
      throw new Error('secret')
    }
    expect(statuses(fails)).toEqual([500, 200, 500])
    const { body } = respond(routesOf(fails), { method: 'GET', target: '/metrics', host: 'localhost' })
    expect(body).not.toContain('secret')
  })

  it('tells the age of what it says', () => {
    const old = routesOf(() => ({ snapshot: running, ageMillis: 12_345 }))
    const { body, headers } = respond(old, { method: 'GET', target: '/metrics', host: 'localhost' })
    expect(body).toMatch(/^millrace_run_status_age_seconds\{pipeline="[^"]+"\} 12\.345$/m)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  })
})

describe('readiness', () => {
  const reasons = (status: Partial<RunSnapshot['status']>, ageMillis = 0): readonly string[] =>
    notReadyBecause({ snapshot: with_(status), ageMillis }, READINESS_LIMITS)
  const call = (millis: number) =>
    ({ state: 'running', oldestCall: { step: 'ask', call: 'process', element: '"card 4711"', millis } }) as const

  it.each(['running', 'draining'] as const)('a run that is %s is ready', (state) =>
    expect(reasons({ state, oldestCall: undefined })).toEqual([]),
  )

  it.each([
    ['done', 'the run is over: done'],
    ['drained', 'the run is over: drained'],
    ['cancelled', 'the run is over: cancelled'],
    ['failed', 'the run is over: failed'],
    ['paused', 'the run is paused'],
  ] as const)('a run that is %s is not', (state, reason) => expect(reasons({ state })).toEqual([reason]))

  it('a run that has not started is not', () =>
    expect(notReadyBecause(undefined, READINESS_LIMITS)).toEqual(['the run has not started']))

  it('nothing may be older than the limit: neither what is known, nor a call', () => {
    expect(reasons({ state: 'running' }, 10_000)).toEqual([])
    expect(reasons({ state: 'running' }, 10_001)).toEqual(["the pipeline's thread has not answered for 10 s"])
    expect(reasons(call(60_000))).toEqual([])
    expect(reasons(call(60_001))).toEqual(['step "ask" has waited 60 s for its call of process'])
  })

  it('a call goes on while nothing new is known, and its element is not told', () => {
    const both = reasons(call(55_000), 11_000)
    expect(both).toHaveLength(2)
    expect(both.join()).not.toContain('4711')
  })
})
