/** What partitions drop under load: the same whenever a task is done again, counted once, and decided by the driver. */
import {
  type Env,
  OffsetRangeTracker,
  type PCollection,
  pipeline,
  type Pipeline,
  type RunnerOptions,
  shed,
  source,
  start,
  watermarks,
} from 'millrace'
import * as t from 'io-ts'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { heardLines } from '../../../conformance/support/heard-lines.js'
import { killing } from '../../../conformance/support/killing-links.js'
import { systemEnv } from '../../core/system-env.js'
import { openMemoryStore } from '../store/memory-store.js'
import { ModelDisk } from '../store/model-disk.js'
import type { LinkScript } from './memory-link.js'
import { TaskShedding } from './task-shedding.js'
import { TaskWorld } from './task-world.js'

const COUNT = 1600

/** Numbers that happened so long ago that almost all of them are to be dropped; several read parts of them. */
const numbers = source({
  output: t.number,
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to: COUNT }),
  restrictionCodec: t.type({ from: t.number, to: t.number }),
  split: (_, { from, to }, parts) =>
    Array.from({ length: parts }, (_each, i) => ({
      from: from + Math.floor(((to - from) * i) / parts),
      to: from + Math.floor(((to - from) * (i + 1)) / parts),
    })),
  tracker: (range) => new OffsetRangeTracker(range),
  process(_, tracker, { emit }) {
    for (let at = tracker.currentRestriction().from; tracker.tryClaim(at); at++) emit(at, at)
  },
})

/** Two values of utility, so that the bound lies at one of them and chance decides; two steps that shed, before and after a shuffle. */
function dropping(droppedInBatch: number[] = []): Pipeline {
  const p = pipeline()
  const to = (less: PCollection<number>): unknown =>
    less
      .map('noted', (n) => {
        droppedInBatch.push(n)
        return n
      })
      .collect('less')
  p.apply('old', numbers)
    .apply('first', shed({ utility: (n) => n % 2, measure: 'event', to }))
    .reshuffle('spread')
    .apply('second', shed({ utility: () => 1, measure: 'event', to: (less) => less.collect('lesser') }))
    .keyBy('by', (n) => n % 10)
    .groupByKey('group')
    .flatMap('all', ({ value }) => value)
    .collect('kept')
  return p
}

const OPTIONS: RunnerOptions = {
  isolation: 'memory',
  batchInterval: '100 millis',
  batchSize: 80,
  latencyObjective: '1 second',
}

const sorted = (of: readonly number[]): readonly number[] => [...of].sort((a, b) => a - b)
const all = Array.from({ length: COUNT }, (_, n) => n)

/** Runs it, and sees to it that every element is somewhere once, and every dropped one counted once. */
async function dropped(options: RunnerOptions, linkScript?: LinkScript) {
  const { logger, lines } = heardLines()
  const runner = microBatchRunner({}, linkScript === undefined ? {} : { linkScript })
  const running = start(dropping(), { ...OPTIONS, workers: 2, ...options, runner, logger })
  const result = await running.result
  const [kept, less, lesser] = ['kept', 'first/less', 'second/lesser'].map((name) => result.collect<number>(name))
  expect(sorted([...(kept ?? []), ...(less ?? []), ...(lesser ?? [])])).toEqual(all)
  const counted = ['first', 'second'].map(
    (step) => result.metrics.get(step, 'shed') ?? result.metrics.get(`${step}/shed`, 'shed'),
  )
  expect(counted).toEqual([less?.length ?? 0, lesser?.length ?? 0])
  const { tasks, shedding = [] } = running.status().batches ?? {}
  return { less, lesser, lines: lines.join('\n'), tasks, shedding }
}

describe('steps that shed, in partitions', () => {
  it.each([1, 2, 3])('drop what the driver decides, with %i workers', async (workers) => {
    const { less = [], lesser = [], shedding } = await dropped({ workers })
    expect(shedding.map(({ step }) => step)).toEqual([expect.stringMatching(/^first/), expect.stringMatching(/^second/)]) // prettier-ignore
    for (const { share } of shedding) expect(share).toBeGreaterThan(0.9)
    expect(less.length).toBeGreaterThan(COUNT / 2)
    expect(lesser.length).toBeGreaterThan(10)
    // Of those worth most only a share goes.
    expect(less.filter((n) => n % 2 === 0).length).toBeGreaterThan(0.8 * (COUNT / 2))
    expect(less.filter((n) => n % 2 === 1).length).toBeLessThan(COUNT / 2)
  })

  it('drop in each task of one batch by a chance of its own', () => {
    const world = new TaskWorld(systemEnv(), false)
    const shedding = new TaskShedding(true, (salt) => world.chance(salt))
    const gates = [shedding.gate('a', 'arrival'), shedding.gate('b', 'arrival')]
    const cuts = ['a', 'b'].map((step) => ({ step, below: 1, shareAt: 0.5 }))
    const task = (seed: number, utility: number): string => {
      world.begin(0, seed)
      shedding.begin(cuts)
      return gates.map((gate) => Array.from({ length: 64 }, () => (gate.drops(utility) ? 'x' : '.')).join('')).join(' ')
    }
    expect(task(7, 1)).toBe(task(7, 1))
    // The driver gives other numbers to the task after one that has drawn some.
    expect(world.hasDrawn).toBe(true)
    expect(task(8, 1)).not.toBe(task(7, 1))
    const [a, b] = task(7, 1).split(' ')
    expect(a).not.toBe(b)
    expect(task(7, 0)).toBe(`${'x'.repeat(64)} ${'x'.repeat(64)}`)
    expect(world.hasDrawn).toBe(false)
  })

  it('drop nothing without an objective, and are shown', async () => {
    const { less, lesser, shedding } = await dropped({ latencyObjective: undefined as unknown as '1 second' })
    expect([less, lesser]).toEqual([[], []])
    expect(shedding.map(({ share }) => share)).toEqual([0, 0])
  })

  it.each(['task', 'done', 'changes'] as const)(
    'drop the same again where a worker ends at a message of the kind "%s"',
    async (kind) => {
      let recomputed = 0
      for (const at of [7, 20, 43]) {
        const { lines, tasks } = await dropped({ workers: 3 }, killing(kind, new Set([at])))
        expect(lines).toContain('has ended')
        expect(lines).not.toContain('not deterministic')
        recomputed += tasks?.recomputed ?? 0
      }
      expect(recomputed).toBeGreaterThan(0)
    },
    60_000,
  )

  it('drop the same as their twins, and are counted once', async () => {
    let held = 0
    const slow: LinkScript = {
      fateOf(_, message) {
        if (message.kind !== 'done') return undefined
        // Each answer comes twice; some of them late.
        const isLate = (message.done.shed?.length ?? 0) > 0 && ++held % 25 === 0
        return isLate ? { delayMillis: 900, againAfterMillis: 1 } : { againAfterMillis: 1 }
      },
    }
    const { lines, tasks } = await dropped({ workers: 3 }, slow)
    expect(tasks?.twins).toBeGreaterThan(0)
    expect(tasks?.twinsWon).toBeGreaterThan(0)
    expect(lines).not.toContain('not deterministic')
  }, 60_000)
})

describe('a run that goes on after a crash', () => {
  /** Lives that end at commits, each with so many workers. @returns what each batch that was done twice has dropped. */
  async function lives(workers: readonly number[]) {
    const disk = new ModelDisk(() => 0.5)
    const store = (place: string, env: Env) => openMemoryStore(disk, place, env)
    const redone: (readonly [before: readonly number[], again: readonly number[]])[] = []
    let crashed: readonly number[] | undefined
    for (const [life, count] of workers.entries()) {
      const inBatch: number[] = []
      let batches = 0
      const env: Env = {
        ...systemEnv(),
        crashpoint(name) {
          if (name === 'batch.committed') {
            if (crashed !== undefined) redone.push([crashed, [...inBatch]])
            crashed = undefined
            inBatch.length = 0
          }
          if (name !== 'batch.commit' || life === workers.length - 1 || ++batches < 3) return
          crashed = [...inBatch]
          throw new Error('power is gone')
        },
      }
      const runner = microBatchRunner({}, { openStore: store, driver: { own: `life ${life}`, isGone: () => true } })
      const options = { ...OPTIONS, workers: count, ...(count === 0 ? { isolation: undefined } : {}) } as RunnerOptions
      const running = start(dropping(inBatch), { ...options, runner, env, checkpoint: 'kept' })
      const result = await running.result.catch((error: Error) => error)
      if (result instanceof Error) {
        expect(result.message).toContain('power is gone')
        continue
      }
      const parts = ['kept', 'first/less', 'second/lesser'].map((name) => result.collect<number>(name))
      expect(sorted(parts.flat())).toEqual(all)
    }
    return redone
  }

  it('drops the same again where there are as many workers', async () => {
    const redone = await lives([2, 2, 2, 2])
    expect(redone).toHaveLength(3)
    for (const [before, again] of redone) expect(sorted(again)).toEqual(sorted(before))
    expect(redone.some(([before]) => before.length > 0)).toBe(true)
  }, 60_000)

  it('loses nothing where there are others', async () => {
    await lives([2, 3, 0, 2, 1])
  }, 60_000)
})
