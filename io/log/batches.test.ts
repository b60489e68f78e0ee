/** The log between pipelines that run in batches, which have a clock and a chance of their own. */
import * as t from 'io-ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fixedWindows, type KV, pipeline, run, seededRandom, start, typed } from 'millrace'
import { type Log, openLog, readLog, writeLog } from 'millrace/io/log'
import { testFolders } from '../../conformance/support/test-folders.js'
import { restartingRunner } from '../../runners/testing/restarting-runner.js'

let folder: string
let log: Log

const newFolder = testFolders('log')
beforeEach(async () => {
  folder = newFolder()
  log = await openLog(folder, { sync: 'normal' })
})
afterEach(() => log.close())

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

describe('what a batch appends', () => {
  it('has the time of the append, not that of the batch', async () => {
    const madeAt: number[] = []
    const p = pipeline()
    p.create('words', ['tea', 'cake'])
      .parDo('slow', {
        output: t.string,
        async process(word, { emit }) {
          await pause(30)
          madeAt.push(Date.now())
          emit(word)
        },
      })
      .apply('write', writeLog<string>({ folder, topic: 't', create: { partitions: 1 } }))
    await run(p, { runner: 'micro-batch' })
    const appended = log.read('t', 0, 0).map((record) => record.appended)
    expect(appended).toHaveLength(2)
    expect(Math.min(...appended)).toBeGreaterThanOrEqual(Math.max(...madeAt))
  })

  it.each([
    ['a direct one', { runner: 'direct' }],
    ['one in batches', { runner: 'micro-batch', batchInterval: 50 }],
    ['one with a worker', { runner: 'micro-batch', batchInterval: 50, workers: 1, isolation: 'memory' }],
  ] as const)('is late for no pipeline that reads it on, here %s', async (_, options) => {
    log.createTopic('raw')
    log.createTopic('mid')
    const first = pipeline()
    first
      .apply('read', readLog({ folder, topic: 'raw', codec: t.number, pollEvery: 10 }))
      .apply('write', writeLog({ folder, topic: 'mid', sync: 'normal' }))
    const second = pipeline()
    second
      .apply('read', readLog({ folder, topic: 'mid', codec: t.number, pollEvery: 10 }))
      .windowInto('windows', fixedWindows(20))
      .countPerElement('count')
      .collect('counts')
    const runs = [start(first, { runner: 'micro-batch', batchInterval: 200 }), start(second, options)]
    for (let n = 0; n < 80; n++) {
      log.append('raw', [{ value: n }])
      await pause(10)
    }
    const until = performance.now() + 15_000
    while ((log.partitions('mid')[0]?.end ?? 0) < 80 && performance.now() < until) await pause(20)
    await pause(100)
    for (const running of runs) running.drain()
    const [, result] = await Promise.all(runs.map(async (running) => running.result))
    const counts = (result?.collect('counts') ?? []).map((count) => (count as KV<string, number>).value)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(80)
  })
})

it('a batch that is done again has the chance it had, whatever the log has drawn for itself', async () => {
  log.createTopic('t', { partitions: 2 })
  log.append('t', Array.from({ length: 20 }, (_, value) => ({ value }))) // prettier-ignore
  const drawn = new Map<number, number[]>()
  const p = pipeline()
  p.apply('read', readLog({ folder, topic: 't', group: 'g', codec: t.number, pollEvery: 5, session: '200 ms' }))
    .parDo('draw', {
      output: typed<number>(),
      process(n, { random, emit }) {
        drawn.set(n, [...(drawn.get(n) ?? []), random()])
        emit(n)
      },
    })
    .apply('write', writeLog<number>({ folder, topic: 'out', create: { partitions: 1 } }))
  let crashes = 0
  const runner = restartingRunner(
    { batchInterval: 20 },
    {
      random: seededRandom(1),
      planOf: () => ({ crashAt: (point) => (point === 'batch.commit' && crashes++ < 3 ? 'process' : undefined) }),
    },
  )
  const running = start(p, { runner })
  const until = performance.now() + 15_000
  const end = (): number => log.topics().some(({ name }) => name === 'out') ? (log.partitions('out')[0]?.end ?? 0) : 0 // prettier-ignore
  while (end() < 20 && performance.now() < until) await pause(20)
  running.drain()
  await running.result
  const values = log.read('out', 0, 0).map(({ value }) => value as number)
  expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  expect([...drawn.values()].some((draws) => draws.length > 1)).toBe(true)
  for (const draws of drawn.values()) expect(new Set(draws).size).toBe(1)
})

it('a latency objective holds for what waits in a log, from the first batch on', async () => {
  log.createTopic('in')
  log.createTopic('out')
  const p = pipeline()
  p.apply('read', readLog({ folder, topic: 'in', pollEvery: 10, withMetadata: true }))
    .map('since', ({ appended }) => appended)
    .apply('write', writeLog<number>({ folder, topic: 'out', sync: 'normal' }))
  const running = start(p, { runner: 'micro-batch', latencyObjective: '200 ms' })
  for (let n = 0; n < 60; n++) {
    log.append('in', [{ value: n }])
    await pause(15)
  }
  const until = performance.now() + 15_000
  while ((log.partitions('out')[0]?.end ?? 0) < 60 && performance.now() < until) await pause(20)
  running.drain()
  await running.result
  const latencies = log.read('out', 0, 0).map(({ appended, value }) => appended - (value as number))
  expect(latencies).toHaveLength(60)
  expect(latencies.toSorted((a, b) => a - b)[30]).toBeLessThan(200)
})

it.each([
  ['keys were made unique', { compact: true }, 'fail', [0, 1, 2, 3]],
  ['retention has gone on, and that is let go', { retention: { records: 4 } }, 'skip', [0, 1, 2, 3]],
] as const)('a batch is done again from what it read, also where meanwhile %s', async (_, options, onLost, keys) => {
  log.createTopic('t', options)
  const four = (round: number): { key: number; value: number }[] => keys.map((key) => ({ key, value: round * 4 + key }))
  log.append('t', four(0))
  const seen: number[] = []
  const p = pipeline()
  p.apply('read', readLog({ folder, topic: 't', codec: t.number, pollEvery: 5, onLost })).map('see', (n) => seen.push(n)) // prettier-ignore
  let crashes = 0
  const runner = restartingRunner(
    { batchInterval: 20 },
    {
      random: seededRandom(1),
      planOf: () => ({
        crashAt(point) {
          if (point !== 'batch.commit' || seen.length < 4 || crashes++ > 0) return undefined
          log.append('t', four(1))
          log.maintain()
          return 'process'
        },
      }),
    },
  )
  const running = start(p, { runner })
  const until = performance.now() + 15_000
  while (!seen.includes(7) && performance.now() < until) await pause(20)
  running.drain()
  await running.result
  expect(crashes).toBeGreaterThan(0)
  expect(seen).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7])
})
