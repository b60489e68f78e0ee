import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { endOnFlink } from './flink-jobs.js'

/** What answers in a cluster's place: clusters of the real kind are asked in conformance/engines/flink-cluster.test.ts. */
let server: Server | undefined
afterEach(() => new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve()))))

interface Said {
  readonly name: string
  readonly state: string
}

async function rest(
  jobs: readonly Said[],
  status = 200,
): Promise<{ readonly address: string; readonly cancelled: string[] }> {
  const cancelled: string[] = []
  server = createServer(({ method, url = '' }, response) => {
    const jid = /^\/jobs\/(\d+)\?mode=cancel$/.exec(url)?.[1]
    if (method === 'PATCH' && jid !== undefined) cancelled.push(jid)
    const now = jobs.map((each, at) => ({
      ...each,
      jid: String(at),
      state: cancelled.includes(String(at)) ? 'CANCELED' : each.state,
    }))
    response.writeHead(status).end(JSON.stringify(status === 200 ? { jobs: now } : { errors: ['busy'] }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server?.once('listening', resolve))
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, cancelled }
}

describe('a cancelled job', () => {
  it('is ended on the cluster, and no other', async () => {
    const { address, cancelled } = await rest([
      { name: 'other-1', state: 'RUNNING' },
      { name: 'ticks-1', state: 'FINISHED' },
      { name: 'ticks-1', state: 'RUNNING' },
    ])
    expect(await endOnFlink(address, 'ticks-1_4f2a')).toBeUndefined()
    expect(cancelled).toEqual(['2'])
  })

  it('that has ended is left alone', async () => {
    const { address, cancelled } = await rest([{ name: 'ticks-1', state: 'FAILED' }])
    expect(await endOnFlink(address, 'ticks-1_4f2a')).toBeUndefined()
    expect(cancelled).toEqual([])
  })

  it('is not guessed where several have its name', async () => {
    const { address, cancelled } = await rest([
      { name: 'import', state: 'RUNNING' },
      { name: 'import', state: 'CREATED' },
    ])
    expect(await endOnFlink(address, 'import_4f2a')).toMatch(/several jobs of the cluster at .* are called import/)
    expect(cancelled).toEqual([])
  })

  it.each([
    ['refuses to answer', 503, /it answers 503 to GET/],
    ['is not there', undefined, /cannot be asked: .*ECONNREFUSED/],
  ])('of a cluster that %s is said to go on', async (_, status, why) => {
    const { address } = await rest([], status ?? 200)
    if (status === undefined) await new Promise((resolve) => server?.close(resolve))
    if (status === undefined) server = undefined
    expect(await endOnFlink(address, 'ticks-1_4f2a')).toMatch(why)
  })
})
