/** What is dropped under load, how much of it, and that a batch which is done again drops the same. */
import {
  type Env,
  type PCollection,
  type Pipeline,
  pipeline,
  readFrom,
  run,
  type RunStatus,
  shed,
  type ShedOptions,
  start,
  typed,
  watermarks,
} from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { SimulatedWorld } from '../../conformance/proof/sim/simulated-world.js'
import { spans } from './batch-latency.js'
import { batchLength } from './latency-objective.js'
import { cutOf, LoadShedding, NO_SHED, nextShed, type ShedState } from './load-shedding.js'
import { NO_CUT } from './shed-gate.js'
import { openMemoryStore } from './store/memory-store.js'
import { ModelDisk } from './store/model-disk.js'
import { UtilitySample } from './utility-sample.js'

const OBJECTIVE = 2000

describe('the share that is dropped', () => {
  it('is nothing below the objective', () => {
    let state: ShedState = NO_SHED
    for (let i = 0; i < 20; i++) state = nextShed(state, 0.95 * OBJECTIVE, OBJECTIVE)
    expect(state.share).toBe(0)
  })

  it.each([1.2, 1.5, 3, 10])('at %f times the load comes to the excess, and latency to the objective', (load) => {
    let state: ShedState = NO_SHED
    let latency = 0
    // What waits grows by what comes and falls by what is done; 100 ms a batch.
    const latencies: number[] = []
    for (let i = 0; i < 2000; i++) {
      latency = Math.max(50, latency + 100 * (1 - 1 / (load * (1 - state.share))))
      state = nextShed(state, latency, OBJECTIVE)
      latencies.push(latency)
    }
    expect(state.share).toBeCloseTo(1 - 1 / load, 1)
    for (const each of latencies.slice(1000)) expect(Math.abs(each - OBJECTIVE)).toBeLessThan(0.2 * OBJECTIVE)
  })

  it('becomes nothing again when the load is over, and never becomes all', () => {
    let state: ShedState = NO_SHED
    for (let i = 0; i < 100; i++) state = nextShed(state, 100 * OBJECTIVE, OBJECTIVE)
    expect(state.share).toBeLessThanOrEqual(0.95)
    for (let i = 0; i < 30; i++) state = nextShed(state, 0.1 * OBJECTIVE, OBJECTIVE)
    expect(state.share).toBe(0)
  })
})

describe('the bound of what is dropped', () => {
  it('has the share below it that is asked for', () => {
    const utilities = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1000)
    const { below } = cutOf(utilities, 0.3)
    expect(utilities.filter((each) => each < below)).toHaveLength(300)
  })

  it('of equal utilities drops a share', () => {
    expect(cutOf([5, 5, 5, 5], 0.25)).toEqual({ below: 5, shareAt: 0.25 })
    expect(cutOf([1, 5, 5, 5], 0.5)).toEqual({ below: 5, shareAt: 1 / 3 })
  })

  it('drops nothing where nothing is known or asked for', () => {
    expect(cutOf([], 0.5)).toBe(NO_CUT)
    expect(cutOf([1], 0)).toBe(NO_CUT)
  })
})

describe('a sample of utilities', () => {
  it('is all of them while they are few', () => {
    const sample = new UtilitySample(200)
    for (let i = 0; i < 199; i++) sample.add(i)
    expect(sample.values).toEqual(all(199))
  })

  it.each([
    ['in turn', (i: number) => i % 8],
    ['one after another', (i: number) => Math.floor(i / 10_000)],
  ])('stays small, and shows nothing of the order in which they come: %s', (_, utility) => {
    const sample = new UtilitySample(2000)
    for (let i = 0; i < 80_000; i++) sample.add(utility(i))
    expect(sample.values.length).toBeLessThan(2000)
    expect(sample.values.length).toBeGreaterThanOrEqual(1000)
    for (let worth = 0; worth < 8; worth++) {
      const share = sample.values.filter((each) => each === worth).length / sample.values.length
      expect(Math.abs(share - 1 / 8)).toBeLessThan(0.04)
    }
  })

  it('of tasks counts elements, however many of them a task tells', () => {
    const shedding = new LoadShedding(100)
    shedding.gate('step', 'arrival')
    shedding.begin(1, undefined)
    for (let i = 0; i < 10; i++) {
      shedding.add([{ step: 'step', seen: 90, dropped: 0, utilities: [1, 1, 1] }])
      shedding.add([{ step: 'step', seen: 10, dropped: 4, utilities: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }])
    }
    shedding.over(() => 200)
    expect(shedding.status()).toMatchObject([{ step: 'step', dropped: 40 }])
    shedding.begin(2, undefined)
    // Half is to be dropped, of which a tenth is worth nothing.
    const [cut] = shedding.cuts ?? []
    expect(cut?.below).toBe(1)
    expect(cut?.shareAt).toBeCloseTo((0.525 - 0.1) / 0.9, 1)
  })
})

it('quantiles are of elements, however many a sample stands for', () => {
  expect(spans([[10, 97], [20, 2], [1000, 1]])).toEqual({ p50Millis: 10, p99Millis: 20, maxMillis: 1000 }) // prettier-ignore
  expect(spans([])).toBeUndefined()
})

it('batches last half of an objective at most, and no longer than they are told', () => {
  expect([[500, undefined], [500, 1000], [500, 2000], [500, 100], [500, 2]].map(([interval, objective]) => batchLength(interval as number, objective))).toEqual([500, 500, 500, 50, 1]) // prettier-ignore
})

// ---- runs ------------------------------------------------------------------------------------------------------------

/** Numbers that come one each so many milliseconds, and again from the first that nobody has acknowledged. */
class Numbers {
  readonly count: number
  readonly #everyMillis: number
  #next = 0
  #acknowledged = 0

  constructor(count: number, everyMillis: number) {
    this.count = count
    this.#everyMillis = everyMillis
  }

  reconnect(): void {
    this.#next = this.#acknowledged
  }

  read(): (p: Pipeline) => PCollection<number> {
    return readFrom({
      output: typed<number>(),
      bounded: false,
      replayable: false,
      watermark: watermarks.monotonic(),
      pollEvery: '1 milli',
      open: (_: number | undefined, { now }) => {
        const [began, before] = [now(), this.#next]
        return {
          read: () => {
            if (this.#next >= this.count) return 'end'
            const sent = before + Math.floor((now() - began) / this.#everyMillis)
            if (this.#next >= sent) return 'idle'
            const timestamp = Math.floor(began + (this.#next - before) * this.#everyMillis)
            return { value: this.#next++, timestamp }
          },
          mark: () => this.#next,
        }
      },
      acknowledge: (mark) => void (this.#acknowledged = Math.max(this.#acknowledged, mark)),
    })
  }
}

interface Life {
  readonly spend: number
  readonly sheds?: boolean
  readonly disk?: ModelDisk
  /** Default 0. */
  readonly workers?: number
  /** Default 'arrival'. */
  readonly measure?: 'arrival' | 'event'
  /** Called at each crash point, with what the batch at hand has dropped so far. */
  readonly at?: (point: string, dropped: readonly number[], status: () => RunStatus) => void
}

let drivers = 0

function begun(numbers: Numbers, { spend, sheds = true, disk, workers = 0, measure = 'arrival', at }: Life) {
  const world = new SimulatedWorld(() => 0.5, 0.002)
  let dropped: number[] = []
  const lines: string[] = []
  const env: Env = {
    ...world.env,
    print: (line) => void lines.push(line),
    crashpoint(name) {
      at?.(name, dropped, () => running.status())
      if (name === 'batch.committed') dropped = []
    },
  }
  const p = pipeline()
  const read = p.apply('read', numbers.read())
  const to = (less: PCollection<number>): unknown =>
    less
      .map('noted', (n) => {
        dropped.push(n)
        return n
      })
      .collect('dropped')
  // A number is worth its last digit.
  ;(sheds ? read.apply('under load', shed({ utility: (n) => n % 10, measure, to })) : read)
    .parDo('work', {
      output: typed<number>(),
      concurrency: 1,
      async process(n, { emit }) {
        await new Promise<void>((resolve) => void world.env.setTimer(spend, resolve))
        emit(n)
      },
    })
    .collect('kept')
  const driver = { own: `driver ${++drivers}`, isGone: () => true }
  const store = (place: string, storeEnv: Env) => openMemoryStore(disk as ModelDisk, place, storeEnv)
  const runner = microBatchRunner({ batchInterval: '100 ms' }, { openStore: store, driver })
  const kept = disk === undefined ? {} : { checkpoint: 'kept' }
  const on = workers === 0 ? {} : ({ workers, isolation: 'memory' } as const)
  const running = start(p, { runner, env, latencyObjective: '1 second', ...on, ...kept })
  return { world, running, lines }
}

const all = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((a, b) => a - b)

const WAYS = [
  [0, 'arrival'],
  [0, 'event'],
  [2, 'arrival'],
  [2, 'event'],
] as const

describe.each(WAYS)('a run with a latency objective, %i workers, by %s', (workers, measure) => {
  it('at 1.5 times its load drops what is worth least, keeps to the objective, and nothing else is lost', async () => {
    const looks: RunStatus[] = []
    const { world, running } = begun(new Numbers(6000, 2), {
      workers,
      measure,
      spend: 3,
      at: (name, _, status) => void (name === 'batch.committed' && looks.push(status())),
    })
    const result = await world.until(running.result, 1e6)
    const [kept, dropped] = [result.collect<number>('kept'), result.collect<number>('under load/dropped')]
    expect(sorted([...kept, ...dropped])).toEqual(all(6000))
    expect(result.metrics.get('under load/shed', 'shed') ?? result.metrics.get('under load', 'shed')).toBe(
      dropped.length,
    )
    expect(dropped.length).toBeGreaterThan(1000)
    expect(dropped.length).toBeLessThan(2500)
    const worth = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + (n % 10), 0) / numbers.length
    expect(worth(dropped)).toBeLessThan(worth(kept) - 3)
    const late = looks.slice(looks.length / 2).map(({ batches }) => batches?.last?.latency.arrival?.p99Millis ?? 0)
    for (const millis of late) expect(millis).toBeLessThan(1500)
    expect(running.status().batches?.queues[0]).toMatchObject({ elements: 0 })
    expect(running.status().batches?.queues[0]?.elementsMax).toBeLessThan(800)
  })

  it('below its load drops nothing', async () => {
    const { world, running, lines } = begun(new Numbers(2000, 3), { workers, measure, spend: 2 })
    const result = await world.until(running.result, 1e6)
    expect(result.collect('kept')).toHaveLength(2000)
    expect(result.collect('under load/dropped')).toEqual([])
    expect(lines.join()).not.toContain('latency')
    const { latency } = running.status().batches?.last ?? {}
    expect(latency?.arrival?.p99Millis).toBeLessThan(400)
    expect(latency?.skew?.maxMillis).toBeDefined()
  })

  it('where nothing may be dropped loses nothing, and names the step that takes the time', async () => {
    const { world, running, lines } = begun(new Numbers(2000, 1), { workers, spend: 3, sheds: false })
    const result = await world.until(running.result, 1e6)
    expect(sorted(result.collect<number>('kept'))).toEqual(all(2000))
    const warnings = lines.filter((line) => line.includes('latency'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(
      /latency stays above its objective\. \d+ % of the time goes into ".*"\. Nothing may be dropped/,
    )
  })

  it('that crashes in a batch drops the same again, and no more', async () => {
    const count = 3000
    const numbers = new Numbers(count, 2)
    const disk = new ModelDisk(() => 0.5)
    const redone: (readonly [before: readonly number[], again: readonly number[]])[] = []
    let crashed: readonly number[] | undefined
    for (let lives = 0; ; lives++) {
      numbers.reconnect()
      let batches = 0
      const at = (name: string, dropped: readonly number[]): void => {
        if (name === 'batch.committed' && crashed !== undefined) {
          redone.push([crashed, dropped])
          crashed = undefined
        }
        if (name !== 'batch.commit' || redone.length >= 4 || dropped.length === 0 || ++batches < 3) return
        crashed = [...dropped]
        throw new Error('power is gone')
      }
      const { world, running } = begun(numbers, { workers, measure, spend: 3, disk, at })
      const result = await world.until(running.result, 1e6).catch((error: Error) => error)
      expect(lives).toBeLessThan(20)
      if (result instanceof Error) {
        expect(result.message).toContain('power is gone')
        continue
      }
      const [kept, dropped] = [result.collect<number>('kept'), result.collect<number>('under load/dropped')]
      expect(sorted([...kept, ...dropped])).toEqual(all(count))
      break
    }
    expect(redone.length).toBeGreaterThan(2)
    for (const [before, again] of redone) expect(again).toEqual(before)
  })
})

describe('shed', () => {
  it('drops nothing without an objective, on any runner', async () => {
    for (const runner of ['direct', 'micro-batch'] as const) {
      const p = pipeline()
      const kept = p.create('numbers', [1, 2, 3]).apply('shed', shed({ utility: (n) => n }))
      expectTypeOf(kept).toEqualTypeOf<PCollection<number>>()
      kept.collect('kept')
      expect((await run(p, { runner })).collect('kept')).toEqual([1, 2, 3])
    }
  })

  it('refuses what is no utility, and options that there are not', async () => {
    const built = (options: unknown): Pipeline => {
      const p = pipeline()
      p.create('numbers', [1]).apply('shed', shed(options as ShedOptions<number>))
      return p
    }
    expect(() => built({})).toThrow(/shed needs a function `utility`/)
    expect(() => built({ utility: () => 1, too: () => 1 })).toThrow(/no option "too" of shed\. Did you mean "to"/)
    expect(() => built({ utility: () => 1, measure: 'age' })).toThrow(/must be 'arrival' or 'event'/)
    await expect(run(built({ utility: () => NaN }))).rejects.toThrow(/utility of shed must give a number, but gave NaN/)
  })

  it('an objective that no batch could meet is refused', async () => {
    const p = pipeline()
    p.create('numbers', [1]).collect('out')
    await expect(run(p, { runner: 'micro-batch', latencyObjective: '1 milli' })).rejects.toThrow(
      /at least 2 milliseconds/,
    )
    await expect(run(p, { latencyObjective: '1 second' })).rejects.toThrow(
      /latencyObjective is an option of the micro-batch/,
    )
  })
})
