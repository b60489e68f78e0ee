import { expect, it } from 'vitest'
import { type KV, type PipelineResult, run, type RunOptions } from 'millrace'
import { nodeEnv } from '../runners/direct/node.js'
import billing, { type Bill } from './billing.js'

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 5, stageCompiler: 'closures' },
]

const bill = async (way: RunOptions, disorderSeed = 1): Promise<PipelineResult> =>
  run(billing, { ...way, options: { disorderSeed }, env: { ...nodeEnv(), print: () => undefined } })

const asText = (bills: Iterable<Omit<Bill, 'corrections'>>): readonly string[] =>
  [...bills].map(({ customer, hour, cents }) => `${customer} ${hour} ${cents}`).sort()

/** Adds up every order by a plain loop. */
function plainBills(result: PipelineResult): readonly string[] {
  const sums = new Map<string, Omit<Bill, 'corrections'>>()
  for (const { value, timestamp } of result.collectWindowed<{ customer: string; cents: number }>('orders')) {
    const hour = Math.floor(timestamp / 3_600_000) * 3_600_000
    const key = `${value.customer} ${hour}`
    sums.set(key, { customer: value.customer, hour, cents: (sums.get(key)?.cents ?? 0) + value.cents })
  }
  return asText(sums.values())
}

it.each(ways)('every customer and hour has one bill, and it has every order in it: %j', async (way) => {
  const result = await bill(way)
  expect(result.collect('orders')).toHaveLength(600)
  expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  expect(asText(result.collect<Bill>('bills'))).toEqual(plainBills(result))
})

it('late orders correct what was said on time, the same in every way', async () => {
  const seen = new Set<string>()
  for (const way of ways) {
    const result = await bill(way)
    const answers = result
      .collectWindowed<KV<string, number>>('answers')
      .map(({ value, window, pane }) => `${window.start} ${value.key} ${pane.index} ${pane.timing} ${value.value}`)
    seen.add(JSON.stringify(answers.sort()))
    expect(answers.filter((answer) => answer.includes(' onTime ')).length).toBe(plainBills(result).length)
    expect(answers.filter((answer) => answer.includes(' late ')).length).toBeGreaterThan(3)
  }
  expect(seen.size).toBe(1)
})

it('another seed delays other orders', async () => {
  const corrections = (result: PipelineResult): readonly number[] =>
    result.collect<Bill>('bills').map((each) => each.corrections)
  expect(corrections(await bill({}, 1))).not.toEqual(corrections(await bill({}, 2)))
})
