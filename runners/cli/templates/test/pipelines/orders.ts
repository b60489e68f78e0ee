/**
 * What each customer spends per hour. A small pipeline made to be tested: tests/orders.test.ts brings its own input and its
 * own time.
 *
 *     npx millrace run pipelines/orders.ts
 */
import * as t from 'io-ts'
import { definePipeline, fixedWindows, type KV, type PCollection, sum } from 'millrace'

/** An order. When is the timestamp. */
export const Order = t.type({ customer: t.string, cents: t.number })
export type Order = t.TypeOf<typeof Order>

/** What customers spend per hour; orders that come up to a day late correct it. */
export function spentPerHour(orders: PCollection<Order>): PCollection<KV<string, number>> {
  return orders
    .windowInto('per hour', fixedWindows('1 hour'), { allowedLateness: '1 day', accumulation: 'accumulating' })
    .keyBy('by customer', ({ customer }) => customer)
    .combinePerKey(
      'spent',
      sum(({ cents }) => cents),
    )
}

const examples = [
  { customer: 'ann', cents: 700, at: '2026-03-01T10:05:00Z' },
  { customer: 'bob', cents: 250, at: '2026-03-01T10:40:00Z' },
  { customer: 'ann', cents: 400, at: '2026-03-01T11:10:00Z' },
  { customer: 'ann', cents: 100, at: '2026-03-01T10:50:00Z' },
]

export default definePipeline({
  name: 'orders',
  build(p) {
    p.create('orders', examples, { timestamp: ({ at }) => at })
      .map('order', ({ customer, cents }) => ({ customer, cents }), { codec: Order })
      .apply('spent', spentPerHour)
      .collect('spent')
      .map('row', ({ key, value }) => `${key} ${value}`)
      .print('spent')
  },
})
