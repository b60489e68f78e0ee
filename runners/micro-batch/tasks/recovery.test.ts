/**
 * Workers that end at any task, answer late or twice: the results are those of a run to which nothing happens.
 */
import {
  errorCode,
  fixedWindows,
  OffsetRangeTracker,
  pipeline,
  type Pipeline,
  resume,
  run,
  type RunnerOptions,
  seededRandom,
  source,
  sum,
  watermarks,
} from 'millrace'
import * as t from 'io-ts'
import { generateSequence } from 'millrace/io/generate'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { countSoFar } from '../../../conformance/support/count-so-far.js'
import { heardLines } from '../../../conformance/support/heard-lines.js'
import { killing } from '../../../conformance/support/killing-links.js'
import { testFolders } from '../../../conformance/support/test-folders.js'
import { nodeCapabilities } from '../node.js'
import type { LinkScript } from './memory-link.js'
import type { FromWorker, ToWorker } from './worker-link.js'

const folder = testFolders('tasks')

/** A pipeline with state, a combine, a grouping, a side input and a sink. */
function everything(sunk: number[]): Pipeline {
  const p = pipeline()
  const offset = p.create('offset', [1000]).asSingleton('view')
  const numbers = p
    .create(
      'numbers',
      Array.from({ length: 120 }, (_, i) => i),
    )
    .withTimestamps('at', (n) => n * 1000)
    .windowInto('in', fixedWindows('30 seconds'))
  const keyed = numbers.keyBy('by', (n) => n % 5)
  keyed.combinePerKey('sums', sum()).collect('sums')
  countSoFar(keyed)
    .groupByKey('counts')
    .map('most', ({ key, value }) => `${key}: ${Math.max(...value)}`)
    .collect('most')
  numbers
    .reshuffle('spread')
    .parDo('add', {
      sides: { offset },
      output: t.number,
      process: (n, { sides, emit }) => emit(n + sides.offset),
    })
    .parDo('write', {
      delivery: { codec: t.number, repeats: 'visible', deliver: (items) => void sunk.push(...items) },
      process: (n, { deliver }) => deliver(n),
    })
  return p
}

const OPTIONS: RunnerOptions = { workers: 3, isolation: 'memory', batchInterval: '20 seconds', batchSize: 40 }

interface Outcome {
  readonly sums: readonly string[]
  readonly most: readonly string[]
  readonly sunk: readonly number[]
}

async function outcome(options: RunnerOptions, linkScript?: LinkScript): Promise<Outcome> {
  const sunk: number[] = []
  const capabilities = { ...nodeCapabilities(), ...(linkScript === undefined ? {} : { linkScript }) }
  const result = await run(everything(sunk), { runner: microBatchRunner({}, capabilities), ...OPTIONS, ...options })
  const texts = (name: string): readonly string[] => result.collect(name).map((each) => JSON.stringify(each)).sort() // prettier-ignore
  return { sums: texts('sums'), most: texts('most'), sunk: sunk.sort((a, b) => a - b) }
}

async function reference(): Promise<Outcome> {
  return outcome({ workers: 0, isolation: undefined } as unknown as RunnerOptions)
}

async function messagesOf(kind: (ToWorker | FromWorker)['kind']): Promise<number> {
  let count = 0
  await outcome(
    {},
    {
      fateOf: (_, message) => {
        if (message.kind === kind) count++
        return undefined
      },
    },
  )
  return count
}

describe('partitions on workers', () => {
  it.each([1, 2, 3, 4])('give what one process gives, with %i workers', async (workers) => {
    expect(await outcome({ workers })).toEqual(await reference())
  })

  it('may be more than workers', async () => {
    expect(await outcome({ workers: 2, partitions: 7 })).toEqual(await reference())
  })

  it.each(['task', 'done', 'changes', 'host', 'hosted'] as const)(
    'are made anew where a worker ends at any message of the kind "%s"',
    async (kind) => {
      const expected = await reference()
      const count = await messagesOf(kind)
      expect(count).toBeGreaterThan(2)
      const step = Math.max(1, Math.floor(count / 12))
      for (let at = 0; at < count; at += step) {
        const script = killing(kind, new Set([at]))
        expect(await outcome({}, script)).toEqual(expected)
        expect(script.kills).toBe(1)
      }
    },
    120_000,
  )

  it('are spread over the workers', async () => {
    const workers = new Set<string>()
    await outcome(
      { workers: 3 },
      {
        fateOf: (worker, { kind }) => {
          if (kind === 'task') workers.add(worker)
          return undefined
        },
      },
    )
    expect(workers.size).toBe(3)
  })

  it('are made anew where workers end again and again, by seed', async () => {
    const expected = await reference()
    for (let seed = 1; seed <= 6; seed++) {
      const random = seededRandom(seed)
      let kills = 0
      const script: LinkScript = {
        fateOf: () => {
          if (kills >= 12 || random() > 0.04) return undefined
          kills++
          return { kills: true }
        },
      }
      expect(await outcome({ partitions: 5 }, script), `seed ${seed}`).toEqual(expected)
      expect(kills).toBeGreaterThan(0)
    }
  }, 120_000)

  it('go on from a checkpoint with another number of workers', async () => {
    const expected = await reference()
    const checkpoint = folder()
    const sunk: number[] = []
    const texts = new Set<string>()
    for (const workers of [3, 1, 4, 2]) {
      const running = microBatchRunner({}, nodeCapabilities()).start(everything(sunk).build(), {
        ...OPTIONS,
        workers,
        checkpoint,
        batchInterval: '1 milli',
      })
      if (workers !== 2) running.stop()
      const result = await running.result
      for (const each of result.collect('sums')) texts.add(JSON.stringify(each))
    }
    expect([...texts].sort()).toEqual(expected.sums)
    expect(sunk.sort((a, b) => a - b)).toEqual(expected.sunk)
  })
})

it('a sink that begins to refuse fails the run, which names its step', async () => {
  const p = pipeline()
  let batches = 0
  p.create(
    'numbers',
    Array.from({ length: 60 }, (_, n) => n),
  ).parDo('write', {
    delivery: {
      codec: t.number,
      repeats: 'visible',
      deliver: () => {
        if (++batches > 2) throw new Error('the disk is full')
      },
    },
    process: (n, { deliver }) => deliver(n),
  })
  const failing = run(p, { runner: microBatchRunner(), ...OPTIONS, batchSize: 10 })
  await expect(failing).rejects.toMatchObject({ step: 'write', message: /the disk is full/ })
  expect(batches).toBe(3)
})

it('the last panes of all partitions are shown to who asks for them', async () => {
  const recorded = async (workers: number): Promise<readonly string[]> => {
    const alike: RunnerOptions = { batchInterval: '20 seconds', batchSize: 40 }
    const options: RunnerOptions = workers === 0 ? alike : { ...OPTIONS, workers }
    const running = microBatchRunner().start(everything([]).build(), options)
    running.recordPanes(40)
    await running.result
    const { panes } = running.status()
    expect(panes.map(({ sequence }) => sequence)).toEqual(panes.map((_, n) => n + (panes[0]?.sequence ?? 0)))
    return panes.map(({ step, key, value, window, timing, index }) => JSON.stringify([step, key, value, window, timing, index])).sort() // prettier-ignore
  }
  const alone = (await recorded(0)).filter((text) => text.includes('"sums'))
  expect(alone).toHaveLength(20)
  expect((await recorded(3)).filter((text) => text.includes('"sums'))).toEqual(alone)
})

it('what a source has given that cannot be read again is not asked for again where its partition is made anew', async () => {
  let given = 0
  const once = source({
    output: t.number,
    bounded: true,
    replayable: false,
    watermark: watermarks.none(),
    restriction: () => ({ from: 0, to: 20 }),
    restrictionCodec: t.type({ from: t.number, to: t.number }),
    tracker: (range) => new OffsetRangeTracker(range),
    process(_, tracker, { emit }) {
      for (let at = tracker.currentRestriction().from; tracker.tryClaim(at); at++) emit(given++)
    },
  })
  const p = pipeline()
  p.apply('once', once)
    .keyBy('by', (n) => n % 4)
    .groupByKey('group')
    .flatMap('all', ({ value }) => value)
    .collect('out')
  const { logger, lines } = heardLines()
  const result = await run(p, { ...OPTIONS, runner: microBatchRunner({}, { linkScript: killsReaders(1) }), logger })
  expect([...result.collect<number>('out')].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  expect(given).toBe(20)
  expect(lines.join('\n')).toContain('has ended')
  expect(lines.join('\n')).not.toContain('not deterministic')
})

describe('a task that is slow', () => {
  /** Holds up the first answer with something for results; doubles all others. */
  const slow = (millis: number): LinkScript => {
    let isHeld = false
    return {
      fateOf(_worker, message) {
        if (message.kind !== 'done') return undefined
        if (isHeld || message.done.collected.length === 0) return { againAfterMillis: 1 }
        isHeld = true
        return { delayMillis: millis }
      },
    }
  }
  const twins = async (options: RunnerOptions): Promise<{ readonly won: number; readonly sums: readonly string[] }> => {
    const running = microBatchRunner({}, { linkScript: slow(2500) }).start(everything([]).build(), {
      ...OPTIONS,
      ...options,
    })
    const result = await running.result
    const sums = result.collect('sums').map((each) => JSON.stringify(each))
    return { won: running.status().batches?.tasks?.twinsWon ?? -1, sums: sums.sort() }
  }

  it('is done on another worker too, and whichever is done first counts', async () => {
    const { sums } = await reference()
    const { won, ...outcomes } = await twins({ partitions: 6 })
    expect(won).toBeGreaterThan(0)
    expect(outcomes).toEqual({ sums })
  }, 30_000)

  it('is waited for where it is not to be done twice', async () => {
    const { sums } = await reference()
    expect(await twins({ partitions: 6, speculation: false })).toEqual({ won: 0, sums })
  }, 30_000)
})

/** Ends the worker that has read, when what it has read was consumed, from a batch on. */
function killsReaders(most: number, fromBatch = 1): LinkScript {
  let kills = 0
  const readers = new Set<string>()
  return {
    fateOf: (worker, message) => {
      if (message.kind === 'done' && message.done.record !== undefined && message.done.blocks.length > 0)
        readers.add(worker)
      const isAfter =
        message.kind === 'task' &&
        message.order.source === undefined &&
        message.order.stage > 0 &&
        message.order.batch >= fromBatch
      return isAfter && readers.has(worker) && kills++ < most ? { kills: true } : undefined
    },
  }
}

it('a task that is done again gives the same although its code was warm the first time', async () => {
  const count = 6000
  const p = pipeline()
  // More elements of a task than the closures of a stage are given before code is generated for it.
  p.apply('numbers', generateSequence({ to: count }))
    .keyBy('by', (n) => n % 7)
    .groupByKey('group')
    .flatMap('all', ({ value }) => value)
    .collect('out')
  const { logger, lines } = heardLines()
  const script = killsReaders(1, 4)
  const options = { ...OPTIONS, batchSize: 600, bundleSize: 200, logger }
  const running = microBatchRunner({}, { linkScript: script }).start(p.build(), options)
  const result = await running.result
  expect(result.collect<number>('out')).toHaveLength(count)
  expect(running.status().batches?.tasks?.recomputed).toBeGreaterThan(0)
  expect(lines.join('\n')).not.toContain('not deterministic')
})

describe('reading that is slow', () => {
  /** Four workers read five numbers each; the first answer with something is held up. */
  const read = async (
    replayable: boolean,
    { has = () => true, take = (at) => at }: { has?: (at: number) => boolean; take?: (at: number) => number },
  ): Promise<{ readonly out: readonly number[]; readonly twins: number; readonly text: string }> => {
    const numbers = source({
      output: t.number,
      bounded: true,
      replayable,
      watermark: watermarks.none(),
      restriction: () => ({ from: 0, to: 20 }),
      restrictionCodec: t.type({ from: t.number, to: t.number }),
      split: () => [0, 5, 10, 15].map((from) => ({ from, to: from + 5 })),
      tracker: (range) => new OffsetRangeTracker(range),
      process(_, tracker, { emit }) {
        for (let at = tracker.currentRestriction().from; ; at++) {
          if (!has(at)) return resume({ after: 100 })
          if (!tracker.tryClaim(at)) return
          emit(take(at))
        }
      },
    })
    const p = pipeline()
    p.apply('numbers', numbers)
      .keyBy('by', (n) => n % 4)
      .groupByKey('group')
      .flatMap('all', ({ value }) => value)
      .collect('out')
    let isHeld = false
    const linkScript: LinkScript = {
      fateOf(_worker, message) {
        if (isHeld || message.kind !== 'done' || message.done.record === undefined || message.done.blocks.length === 0)
          return undefined
        isHeld = true
        return { delayMillis: 1500 }
      },
    }
    const { logger, lines } = heardLines()
    const options = { ...OPTIONS, workers: 4, partitions: 4, batchInterval: '1 second', logger } as const
    const running = microBatchRunner({}, { linkScript }).start(p.build(), options)
    const result = await running.result
    expect(isHeld).toBe(true)
    return {
      out: [...result.collect<number>('out')].sort((a, b) => a - b),
      twins: running.status().batches?.tasks?.twins ?? -1,
      text: lines.join('\n'),
    }
  }
  const all = Array.from({ length: 20 }, (_, n) => n)

  it('is done on another worker too, where it finds less, and nobody is blamed', async () => {
    const asked = new Map<number, number>()
    const { out, twins, text } = await read(true, {
      // There just then, and late when the twin asks.
      has(at) {
        const times = (asked.get(at) ?? 0) + 1
        asked.set(at, times)
        return times !== 2
      },
    })
    expect(out).toEqual(all)
    expect(twins).toBeGreaterThan(0)
    expect(text).not.toContain('not deterministic')
  }, 30_000)

  it('is waited for where nothing is given twice', async () => {
    let given = 0
    const { out, twins } = await read(false, { take: () => given++ })
    expect(out).toEqual(all)
    expect([given, twins]).toEqual([20, 0])
  }, 30_000)
})

describe('a step that is not deterministic', () => {
  const pipelineOf = (value: (n: number) => number): Pipeline => {
    const p = pipeline()
    p.create('numbers', [1, 2, 3, 4, 5, 6])
      .map('draw', value)
      .keyBy('by', (n) => n % 2)
      .groupByKey('group')
      .map('size', ({ value: all }) => [...all].length)
      .collect('sizes')
    return p
  }
  it('has its batch done again, and is named', async () => {
    const { logger, lines } = heardLines()
    let draws = 0
    const result = await run(
      pipelineOf((n) => n + (draws++ < 2 ? 10 : 0)),
      {
        ...OPTIONS,
        batchInterval: '500 millis',
        runner: microBatchRunner({}, { linkScript: killsReaders(1) }),
        logger,
      },
    )
    expect(result.collect<number>('sizes').reduce((a, b) => a + b)).toBe(6)
    expect(lines.join('\n')).toMatch(/is not deterministic: a task that was done again did not give the same/)
    expect(result.metrics.elements.get('draw.out')).toBe(6)
  })

  it('fails the run when it goes on so', async () => {
    let draws = 0
    const failing = run(
      pipelineOf(() => draws++),
      { ...OPTIONS, runner: microBatchRunner({}, { linkScript: killsReaders(1000) }) },
    )
    expect(errorCode(await failing.catch((error: unknown) => error))).toBe('MR-6030')
  })
})
