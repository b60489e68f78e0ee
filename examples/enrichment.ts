/**
 * Enrichment: each order gets the country of its customer, asked for at a service that is slow, sometimes fails and does
 * not know everybody. Sixteen questions are open at a time and answers leave in the order of the orders. What fails is
 * tried again, with longer waits; an order that stays without an answer becomes a dead letter, and the rest goes on.
 *
 *     npx millrace run examples/enrichment.ts                                  # asks a service made up in this file
 *     npx millrace run examples/enrichment.ts --service http://127.0.0.1:8080  # GET /customers/ID → { "country": … }
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as t from 'io-ts'
import { definePipeline, type PCollection, sum, typed } from 'millrace'

/** What comes in. */
export interface Order {
  readonly id: number
  readonly customer: string
  readonly cents: number
}

const Customer = t.type({ country: t.string })

export default definePipeline({
  name: 'enrichment',
  options: t.partial({ service: t.string, orders: t.number }),
  build(p, { service, orders = 200 }) {
    const unanswered = p.errors(
      'unanswered',
      (letters) =>
        letters
          .map('as text', ({ element, error }) => `order ${(element as Order).id}: ${error.message}`)
          .collect('letters')
          .print('letter', { limit: 5 }),
      { maxDeadLetters: 1000 },
    )
    const enriched: PCollection<Order & { readonly country: string }> = p
      .create(
        'orders',
        Array.from({ length: orders }, (_, id) => orderOf(id)),
      )
      .parDo('ask', {
        output: typed<Order & { readonly country: string }>(),
        retry: { attempts: 4, backoff: 5 },
        concurrency: 16,
        onError: unanswered,
        setup: () => (service === undefined ? madeUpService() : httpService(service)),
        async process(order, { resource: ask, emit }) {
          emit({ ...order, country: (await ask(order.customer)).country })
        },
      })
    enriched.collect('enriched')
    enriched
      .keyBy('by country', ({ country }) => country)
      .combinePerKey(
        'turnover',
        sum(({ cents }) => cents),
      )
      .collect('turnover')
      .map('turnover as text', ({ key, value }) => `${key}  ${(value / 100).toFixed(2).padStart(9)}`)
      .print('turnover')
  },
})

/** Answers who a customer is. */
type Service = (customer: string) => Promise<t.TypeOf<typeof Customer>>

/** A service over HTTP. What it says is checked before anybody relies on it. */
function httpService(base: string): Service {
  return async (customer) => {
    const response = await fetch(`${base}/customers/${encodeURIComponent(customer)}`, {
      signal: AbortSignal.timeout(2000),
    })
    if (!response.ok) throw new Error(`${response.status} for customer ${customer}`)
    const answer: unknown = await response.json()
    if (!Customer.is(answer)) throw new Error(`no country in what was said of customer ${customer}`)
    return answer
  }
}

/** Slow, fails every third time it is asked about somebody new, and does not know who has a 7 at the end. */
function madeUpService(): Service {
  const asked = new Map<string, number>()
  return async (customer) => {
    await sleep(2)
    const times = (asked.get(customer) ?? 0) + 1
    asked.set(customer, times)
    const n = Number(customer.slice(1))
    if (n % 10 === 7) throw new Error(`404 for customer ${customer}`)
    if (n % 3 === 0 && times === 1) throw new Error(`503 for customer ${customer}`)
    return { country: ['PT', 'NO', 'JP'][n % 3] as string }
  }
}

function orderOf(id: number): Order {
  return { id, customer: `c${id % 60}`, cents: 500 + ((id * 7919) % 4000) }
}
