/**
 * Where sources begin: a batch that is done again after a crash reads from where it read, wherever the source would begin by now.
 */
import { join } from 'node:path'
import {
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type Pipeline,
  pipeline,
  run,
  source,
  watermarks,
} from 'millrace'
import * as t from 'io-ts'
import { microBatchRunner } from 'millrace/micro-batch'
import { expect, it } from 'vitest'
import { runOn, type RunOptions } from '../../conformance/support/feeds.js'
import { testFolders } from '../../conformance/support/test-folders.js'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from './node.js'

const folder = testFolders('begun')

const ways: readonly RunOptions[] = [
  {},
  { bundleSize: 3 },
  { workers: 2, isolation: 'memory' },
  { workers: 3, isolation: 'memory', bundleSize: 3 },
]

it.each(ways)('a source that begins at the newest is asked once where that is: %j', async (options) => {
  // What there is grows all the time.
  let end = 100
  let asked = 0
  const newest = source({
    output: t.number,
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    restriction: (): OffsetRange => {
      asked++
      return { from: end, to: end + 40 }
    },
    split: (_, { from, to }) => [from, from + 10, from + 20, from + 30].map((at, i) => ({ from: at, to: i === 3 ? to : at + 10 })), // prettier-ignore
    restrictionCodec: offsetRangeCodec,
    tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
    process(_, tracker, { emit }) {
      for (let n = tracker.currentRestriction().from; tracker.tryClaim(n); n++) emit(n)
    },
  })
  const build = (p: Pipeline): unknown => p.apply('newest', newest).collect('all')
  const place = join(folder(), 'kept')
  const whole = [{ isExhausted: false, isClosed: true }]
  const crashpoint = (name: string): void => {
    if (name === 'batch.commit') throw new Error('the process ended')
  }
  const batches = { batchSize: 17, ...options }
  await expect(runOn(place, build, whole, { ...batches, env: { ...nodeEnv(), crashpoint } })).rejects.toThrow('the process ended') // prettier-ignore
  end = 150
  const result = await runOn(place, build, whole, batches)
  expect(asked).toBe(1)
  expect(result.collect<number>('all').toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => 100 + n))
})

it('the first batch of a table that is captured is done again from the rows that it has read', async () => {
  const { default: Database } = await import('better-sqlite3')
  const { readChanges } = await import('millrace/io/sqlite')
  const file = join(folder(), 'orders.db')
  const db = new Database(file)
  db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, cents INTEGER)')
  const insert = db.prepare('INSERT INTO orders VALUES (?, ?)')
  for (let id = 1; id <= 20; id++) insert.run(id, 100 * id)
  const p = pipeline()
  const options = { file, table: 'orders', columns: ['id'], startAt: 'snapshot', until: 'now' } as const
  p.apply('read', readChanges(options)).map('id', ({ value: { id } }) => id).collect('ids') // prettier-ignore
  const checkpoint = join(folder(), 'kept')
  let isOver = false
  const crashpoint = (name: string): void => {
    if (!isOver && name === 'batch.commit') throw new Error('the process ended')
  }
  const runner = microBatchRunner({ batchInterval: '1 ms', batchSize: 7 }, nodeCapabilities())
  const lived = (): ReturnType<typeof run> => run(p, { runner, checkpoint, env: { ...nodeEnv(), crashpoint } })
  await expect(lived()).rejects.toThrow('the process ended')
  insert.run(21, 2100)
  isOver = true
  expect((await lived()).collect('ids')).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  db.close()
})
