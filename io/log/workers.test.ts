/** Groups whose runs have workers: the partitions are dealt to the runs by the group, and in each to its workers by the runner. */
import { join } from 'node:path'
import * as t from 'io-ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pipeline, type Pipeline, start } from 'millrace'
import { type Log, openLog, readLog } from 'millrace/io/log'
import { microBatchRunner } from 'millrace/micro-batch'
import { testFolders } from '../../conformance/support/test-folders.js'
import { nodeCapabilities } from '../../runners/micro-batch/node.js'
import type { LinkScript } from '../../runners/micro-batch/tasks/memory-link.js'
import type { RunnerOptions, RunningPipeline } from '../../runners/runner.js'
import { partitionWorkCodec } from './topic-reader.js'

let folder: string
let log: Log
const runs: RunningPipeline[] = []

const newFolder = testFolders('log')
beforeEach(async () => {
  folder = newFolder()
  log = await openLog(folder, { sync: 'normal' })
})
afterEach(async () => {
  // One that has failed an expectation is still at it.
  for (const running of runs) running.cancel()
  await Promise.allSettled(runs.splice(0).map(async (running) => running.result))
  log.close()
})

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const sorted = (list: readonly unknown[]): number[] => (list as number[]).toSorted((a, b) => a - b)
const lag = (): number => log.group('g', 't').partitions.reduce((sum, each) => sum + each.lag, 0)
const onWorkers = (workers: number): RunnerOptions =>
  workers === 0 ? { batchInterval: 20 } : { batchInterval: 20, workers, isolation: 'memory' }

/** Appends numbers to partitions in turn. */
function append(count: number, from = 0): void {
  const { length } = log.partitions('t')
  log.append(
    't',
    upTo(count).map((n) => ({ value: from + n, partition: n % length })),
  )
}

function reading(options: { until?: 'end' }): Pipeline {
  const p = pipeline()
  p.apply(
    'read',
    readLog({ folder, topic: 't', group: 'g', session: '60 s', codec: t.number, pollEvery: 5, ...options }),
  ).collect('all')
  return p
}

function started(options: RunnerOptions, read: { until?: 'end' } = {}, linkScript?: LinkScript): RunningPipeline {
  const capabilities = { ...nodeCapabilities(), ...(linkScript === undefined ? {} : { linkScript }) }
  const running = start(reading(read), { runner: microBatchRunner({}, capabilities), ...options })
  runs.push(running)
  return running
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 15_000; !holds();) {
    if (performance.now() > end)
      throw new Error(`${what}: it has not come to that: ${JSON.stringify(log.group('g', 't'))}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function drained(running: RunningPipeline): Promise<readonly unknown[]> {
  running.drain()
  return (await running.result).collect('all')
}

describe('a group that is read with workers', () => {
  it.each([1, 2, 3, 7])('is read to the end, each record once, and ends, with %i', async (workers) => {
    log.createTopic('t', { partitions: 5 })
    append(500)
    const runToEnd = async (): Promise<readonly unknown[]> => {
      const running = started(onWorkers(workers), { until: 'end' })
      return (await running.result).collect('all')
    }
    expect(sorted(await runToEnd())).toEqual(upTo(500))
    expect([lag(), log.group('g', 't').members]).toEqual([0, []])
    append(50, 500)
    expect(sorted(await runToEnd())).toEqual(upTo(50).map((n) => 500 + n))
  })

  it.each([
    [2, 3],
    [0, 2],
  ])(
    'is shared by runs, whatever workers they have, and left to the other by one that stops: %i and %i',
    async (...workers) => {
      log.createTopic('t', { partitions: 6 })
      append(60)
      const [first, second] = workers.map((each) => started(onWorkers(each))) as [RunningPipeline, RunningPipeline]
      const members = (): readonly number[] => log.group('g', 't').members.map(({ partitions }) => partitions.length)
      await eventually('sharing', () => members().length === 2 && members().every((count) => count === 3))
      append(600, 60)
      await eventually('reading', () => lag() === 0)
      const all = [...(await drained(first))]
      expect(all.length).toBeGreaterThanOrEqual(300)
      append(60, 660)
      await eventually('reading alone', () => lag() === 0)
      expect(members()).toEqual([6])
      all.push(...(await drained(second)))
      expect(sorted(all)).toEqual(upTo(720))
      expect(members()).toEqual([])
    },
  )

  it('is read on at once by the worker that takes the place of one that was killed', async () => {
    log.createTopic('t', { partitions: 4 })
    append(40)
    let victim: string | undefined
    const names = new Set<string>()
    const running = started(
      onWorkers(2),
      {},
      {
        fateOf(worker) {
          names.add(worker)
          if (worker !== victim) return undefined
          victim = undefined
          return { kills: true }
        },
      },
    )
    await eventually('reading', () => lag() === 0)
    const killed = [...names].at(-1)
    victim = killed
    await eventually('killing', () => victim === undefined)
    append(400, 40)
    await eventually('reading all', () => lag() === 0)
    expect(log.group('g', 't').members).toHaveLength(1)
    expect([...new Set(sorted(await drained(running)))]).toEqual(upTo(440))
  })

  it('is read on by a run that goes on with other workers, as the member it was', async () => {
    log.createTopic('t', { partitions: 5 })
    const checkpoint = join(newFolder(), 'checkpoint')
    let all: readonly unknown[] = []
    const names = new Set<string>()
    for (const [round, workers] of [2, 3, 0, 1].entries()) {
      append(100, round * 100)
      const running = started({ ...onWorkers(workers), checkpoint })
      await eventually('reading', () => lag() === 0)
      for (const { member } of log.group('g', 't').members) names.add(member)
      running.stop()
      all = (await running.result).collect('all')
      expect(log.group('g', 't').members).toEqual([])
    }
    expect(sorted(all)).toEqual(upTo(400))
    expect(names.size).toBe(1)
  })
})

it('work on a partition that was kept before runs had names in their groups is still work', () => {
  expect(partitionWorkCodec.is({ partition: 1, from: 0, to: null })).toBe(true)
})
