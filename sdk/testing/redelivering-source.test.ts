/** A source that delivers until it is told that it need not: how it keeps account of many records. */
import { expect, it } from 'vitest'
import { pipeline, run } from 'millrace'
import { redeliveringSource } from 'millrace/testing'

const many = Array.from({ length: 40_000 }, (_, i) => i)

it('delivers and acknowledges many records in time that grows with their number alone', async () => {
  const broker = redeliveringSource(many)
  const p = pipeline()
  p.apply('read', broker.read()).collect('out')
  const result = await run(p, { guarantee: 'at-least-once' })
  expect(result.collect('out')).toEqual(many)
  expect(broker.unacknowledged).toEqual([])
  expect(broker.history).toHaveLength(2 * many.length)
}, 10_000)

it('delivers first what broke off, in the order in which it was delivered before', async () => {
  const broker = redeliveringSource(['a', 'b', 'c', 'd'])
  broker.failAfter(3)
  broker.failAcknowledgementAfter(0)
  const p = pipeline()
  p.apply('read', broker.read()).collect('out')
  for (const _ of [1, 2]) await run(p, { guarantee: 'at-least-once', bundleSize: 10 }).catch(() => undefined)
  const result = await run(p, { guarantee: 'at-least-once' })
  const delivered = broker.history.filter(({ kind }) => kind === 'delivered').map(({ record }) => record)
  expect(delivered.slice(0, 7)).toEqual([0, 1, 2, 0, 1, 2, 3])
  expect(broker.unacknowledged).toEqual([])
  expect(result.state).toBe('DONE')
})
