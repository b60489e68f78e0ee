import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type KV, type PipelineResult, run } from 'millrace'
import { nodeEnv } from '../runners/direct/node.js'
import enrichment, { type Order } from './enrichment.js'

/** A real service with faults: each customer's first question fails, c13 is unknown, c14 speaks nonsense, c15 hangs up. */
const asked = new Map<string, number>()
let open = 0
let openAtOnce = 0
let server: Server
beforeAll(async () => {
  server = createServer((request, response) => {
    const customer = /\/customers\/(\w+)$/.exec(request.url ?? '')?.[1] ?? ''
    const times = (asked.get(customer) ?? 0) + 1
    asked.set(customer, times)
    openAtOnce = Math.max(openAtOnce, (open += 1))
    setTimeout(() => {
      open -= 1
      if (customer === 'c13') response.writeHead(404).end()
      else if (customer === 'c14') response.end('<html>')
      else if (customer === 'c15') request.socket.destroy()
      else if (times === 1) response.writeHead(503).end()
      else response.end(JSON.stringify({ country: `land of ${customer}` }))
    }, 3)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
})
afterAll(() => new Promise((closed) => server.close(closed)))

const enrich = async (options: { service?: string; orders?: number }): Promise<PipelineResult> =>
  run(enrichment, { options, env: { ...nodeEnv(), print: () => undefined } })

it('every order is enriched, in order, or is a dead letter that says why', async () => {
  const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const result = await enrich({ service, orders: 180 })
  const enriched = result.collect<Order & { country: string }>('enriched')
  const dead = result.collect<string>('unanswered/letters')
  expect(enriched.length + dead.length).toBe(180)
  expect(enriched.map(({ id }) => id)).toEqual([...enriched.map(({ id }) => id)].sort((a, b) => a - b))
  expect(enriched.every(({ customer, country }) => country === `land of ${customer}`)).toBe(true)
  expect(dead.map((text) => Number(/\d+/.exec(text)) % 60).sort()).toEqual([13, 13, 13, 14, 14, 14, 15, 15, 15])
  expect(dead.join('\n')).toMatch(/404 for customer c13/)
  expect(asked.get('c13')).toBe(12) // three orders, four attempts each
  expect(openAtOnce).toBeGreaterThan(4)
  expect(openAtOnce).toBeLessThanOrEqual(16)
})

it('without a service it asks the one it makes up: who has a 7 at the end is unknown', async () => {
  const result = await enrich({})
  expect(result.collect('unanswered/letters')).toHaveLength(20)
  const cents = result.collect<KV<string, number>>('turnover').reduce((all, { value }) => all + value, 0)
  const plain = Array.from({ length: 200 }, (_, id) => ({ customer: id % 60, cents: 500 + ((id * 7919) % 4000) }))
    .filter(({ customer }) => customer % 10 !== 7)
    .reduce((all, order) => all + order.cents, 0)
  expect(cents).toBe(plain)
  expect(result.metrics.counter('retries')).toBeGreaterThan(60)
})
