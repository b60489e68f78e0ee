import { IntervalWindow, kv, pipeline, run } from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import 'millrace/testing/vitest'
import { expect, it } from 'vitest'
import orders, { type Order, spentPerHour } from '../pipelines/orders.js'

const MINUTE = 60_000
const hour = new IntervalWindow(0, 60 * MINUTE)

it('the pipeline as it runs', async () => {
  await expect(orders).toRunTo({ spent: [kv('ann', 800), kv('bob', 250), kv('ann', 400)] })
})

it('an order that comes late corrects its hour', async () => {
  const p = pipeline()
  const input = testStream<Order>()
    .add(at(5 * MINUTE, { customer: 'ann', cents: 700 }))
    .advanceWatermarkTo(hour.end)
    .add(at(50 * MINUTE, { customer: 'ann', cents: 100 }))
    .end()
  const spent = p.apply('orders', input).apply('spent', spentPerHour)
  assertThat('on time', spent).inOnTimePane(hour).containsInAnyOrder(kv('ann', 700))
  assertThat('late', spent).inLatePanes(hour).containsInAnyOrder(kv('ann', 800))
  await run(p, { strict: true })
})
