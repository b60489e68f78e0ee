/**
 * Output modes in batches: one answer a batch, and through crashes the same answers, each once.
 */
import {
  type Env,
  fixedWindows,
  outputMode,
  type PCollection,
  pipeline,
  type Pipeline,
  type ResultTable,
  run,
  type RunOptions,
  sum,
  watermarks,
} from 'millrace'
import { replay } from 'millrace/io/generate'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { testFolders } from '../../conformance/support/test-folders.js'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from './node.js'

const folder = testFolders('modes')

const NUMBERS = Array.from({ length: 60 }, (_, i) => i)

/** The numbers, each a second after the one before; the watermark follows. */
const streamed = (p: Pipeline): PCollection<number> =>
  p.apply('numbers', replay(NUMBERS, { timestamp: (n) => n * 1000, watermark: watermarks.outOfOrder(0) }))

function modes(): Pipeline {
  const p = pipeline()
  const keyed = streamed(p)
    .windowInto('tens', fixedWindows('10 seconds'))
    .keyBy('by', (n) => n % 2)
  keyed.apply('update', outputMode('update').combinePerKey(sum())).collect('update')
  keyed.apply('append', outputMode('append').combinePerKey(sum())).collect('append')
  keyed.apply('complete', outputMode('complete').combinePerKey(sum())).collect('complete')
  return p
}

const outOf = async (options: RunOptions): Promise<Readonly<Record<string, readonly unknown[]>>> => {
  const result = await run(modes(), options)
  return Object.fromEntries(['append', 'update', 'complete'].map((name) => [name, result.collect(name)]))
}

describe('in batches', () => {
  it.each([1, 3])('a key and window is updated once by each batch that changes it, %i bundles a batch', async (n) => {
    const p = pipeline()
    const options: RunOptions = { runner: 'micro-batch', batchSize: 15, bundleSize: 15 / n }
    p.apply('numbers', replay(NUMBERS, { timestamp: (i) => i }))
      .keyBy('all', () => 'all')
      .apply('count', outputMode('update').countPerKey())
      .values('counts')
      .collect('counts')
    expect((await run(p, options)).collect('counts')).toEqual([15, 30, 45, 60])
  })

  it.each<RunOptions>([{}, { workers: 2, isolation: 'memory', partitions: 4 }])(
    'there is one table for each batch, of all partitions: %o',
    async (more) => {
      const p = pipeline()
      p.apply('numbers', replay(NUMBERS, { timestamp: (n) => n }))
        .keyBy('by', (n) => n % 7)
        .apply('count', outputMode('complete').countPerKey())
        .map('total', (table) => table.reduce((all, { value }) => all + value, 0))
        .collect('totals')
      const totals = (await run(p, { runner: 'micro-batch', batchSize: 20, ...more })).collect<number>('totals')
      expect(totals).toEqual([20, 40, 60])
    },
  )

  it('a table lets go of what has expired, and what it keeps does not grow with the windows', async () => {
    const { complete } = await outOf({ runner: 'micro-batch', batchSize: 5 })
    const sizes = (complete as ResultTable<number, number>[]).map(({ length }) => length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6)
    expect((complete?.at(-1) as ResultTable<number, number>).map(({ window }) => window.end)).toContain(60_000)
  })
})

class Crash extends Error {}

describe('through crashes', () => {
  it.each<RunOptions>([{}, { workers: 2, isolation: 'memory' }])(
    'come the same updates and tables, each once: %o',
    async (more) => {
      const whole = await outOf({ runner: 'micro-batch', batchSize: 7, ...more })
      const checkpoint = folder()
      let drivers = 0
      let crashes = 0
      for (;;) {
        let left = 9 + (crashes % 5)
        const real = nodeEnv()
        const env: Env = {
          ...real,
          crashpoint() {
            if (--left === 0) throw new Crash()
          },
        }
        const driver = { own: `driver ${++drivers}`, isGone: () => true }
        const runner = microBatchRunner(
          { batchSize: 7, batchInterval: '1 milli', ...more },
          { ...nodeCapabilities(), driver },
        )
        try {
          const result = await run(modes(), { runner, checkpoint, env })
          for (const name of ['append', 'update', 'complete']) expect(result.collect(name), name).toEqual(whole[name])
          break
        } catch (error) {
          if (!(error instanceof Crash)) throw error
          crashes++
        }
      }
      expect(crashes).toBeGreaterThan(3)
    },
    30_000,
  )
})
