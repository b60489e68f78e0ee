import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { scenarioOf } from '../../conformance/oracle/random-scenarios.js'
import type { RecordedScenario } from '../../conformance/oracle/reference/scenario-text.js'
import { optionsOf } from '../../conformance/oracle/scenario.js'
import { type Draw, drawOf } from '../../conformance/proof/draw.js'
import { dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import type { KV } from '../../sdk/kv.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import type { AnyCombine } from '../../sdk/transforms/combine.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import { customWindows } from '../../sdk/windowing/custom-windows.js'
import {
  fixedWindows,
  globalWindows,
  mergeOverlapping,
  sessionWindows,
  slidingWindows,
  type WindowFn,
} from '../../sdk/windowing/window-fn.js'
import { globalStrategy, rewindow, type WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { type ChangeSink, type Keeper, type KeptEntry, slotOf } from './kept-state.js'
import { Metrics } from './metrics.js'
import { reduceFnOf } from './reduce-fn.js'
import { ReduceFnRunner } from './reduce-fn-runner.js'

/** Seeds that are played; `MILLRACE_KEPT_SEEDS` asks for more. */
const SEEDS = Number(process.env['MILLRACE_KEPT_SEEDS'] ?? 300)

/** What a store has, checked as it changes. */
class Store implements ChangeSink {
  readonly entries = new Map<string, KeptEntry>()
  readonly #seen = new Set<string>()
  changes = 0

  put(slot: number, id: Uint8Array, content: Uint8Array): void {
    this.#note(id)
    const text = Buffer.from(id).toString('hex')
    const before = this.entries.get(text)
    if (before !== undefined) expect(before.slot).toBe(slot)
    this.entries.set(text, { slot, id, content })
  }

  remove(slot: number, id: Uint8Array): void {
    this.#note(id)
    const text = Buffer.from(id).toString('hex')
    expect(this.entries.get(text)?.slot, 'only what is there is removed').toBe(slot)
    this.entries.delete(text)
  }

  #note(id: Uint8Array): void {
    this.changes++
    const text = Buffer.from(id).toString('hex')
    expect(this.#seen.has(text), 'each entry once').toBe(false)
    this.#seen.add(text)
  }

  take(keeper: Keeper): number {
    this.#seen.clear()
    this.changes = 0
    keeper.changes(this)
    return this.changes
  }
}

type Reducing = 'list' | 'sum' | 'product' | 'last' | 'mutable' | 'accumulators'

const reducing: Readonly<Record<Reducing, AnyCombine | undefined>> = {
  list: undefined,
  sum: { kind: 'monoid', of: (n: number) => n, empty: 0, concat: (a: number, b: number) => a + b },
  // Not associative in its last digits: what is united in another order is another number.
  product: { kind: 'monoid', of: (n: number) => 1 + n / 7, empty: 1, concat: (a: number, b: number) => a * b },
  last: { kind: 'semigroup', of: (n: number) => ({ n }), concat: (_: object, b: object) => b },
  mutable: {
    kind: 'full',
    fn: {
      createAccumulator: () => ({ values: [] as number[] }),
      addInput: (all: { values: number[] }, n: number) => (all.values.push(n), all),
      mergeAccumulators: (a: { values: number[] }, b: { values: number[] }) => (a.values.push(...b.values), a),
      extractOutput: ({ values }: { values: number[] }) => values.join('+'),
    } as never,
  },
  accumulators: {
    kind: 'full',
    fn: {
      createAccumulator: () => ({ values: [] as number[] }),
      addInput: (all: { values: number[] }, n: number) => (all.values.push(n), all),
      mergeAccumulators: (a: { values: number[] }, b: { values: number[] }) => (a.values.push(...b.values), a),
      extractOutput: ({ values }: { values: number[] }) => values.join('+'),
    } as never,
  },
}

interface Clock {
  millis: number
}

/** A grouping with its keeper, as its executor drives it. */
class Grouping {
  readonly runner: ReduceFnRunner
  readonly keeper: Keeper
  readonly #log: string[]
  readonly #clock: Clock
  readonly #windowFn: WindowFn
  readonly #reducing: Reducing
  #output: number

  constructor(strategy: WindowingStrategy, how: Reducing, clock: Clock, log: string[], output: number) {
    this.#log = log
    this.#clock = clock
    this.#windowFn = strategy.windowFn
    this.#reducing = how
    this.#output = output
    this.runner = new ReduceFnRunner({
      step: 'group',
      strategy,
      reduce: reduceFnOf(reducing[how], how === 'accumulators', dynamicCoder, dynamicCoder),
      keyCoder: dynamicCoder,
      accumulatorCoder: dynamicCoder,
      metrics: new Metrics(0, 0),
      clocks: { processing: () => clock.millis, synchronized: () => clock.millis - 2 },
      guard: (_call, _key, _window, act) => act(),
      late: (reason, key, value, timestamp, window) =>
        log.push(`${reason} ${JSON.stringify(key)} ${JSON.stringify(value)} @${timestamp} ${String(window)}`),
      output: (element, timestamp, windows, pane) => {
        const { key, value } = element as KV<unknown, unknown>
        const { start, end } = windows as BoundedWindow
        log.push(
          `${JSON.stringify(key)}=${JSON.stringify(value)} ${start}-${end} @${timestamp} ${JSON.stringify(pane)}`,
        )
      },
    })
    this.keeper = this.runner.keeper()
  }

  get output(): number {
    return this.#output
  }

  add(key: unknown, value: number, timestamp: number): void {
    const given = this.#reducing === 'accumulators' ? { values: [value] } : value
    const windows: Windows = this.#windowFn.assign(timestamp)
    this.runner.add(key, given, timestamp, windows)
  }

  settle(watermark: number): void {
    const { runner } = this
    for (;;) {
      const reached = runner.advanceInput(watermark)
      this.#output = Math.max(this.#output, Math.min(reached, runner.isDue ? this.#output : runner.hold))
      runner.beginTurn(this.#output)
      if (!runner.isDue) return
      while (runner.fireTimers(3));
    }
  }

  clockMoved(): void {
    if (this.runner.calls.isDue) this.runner.fireClocks()
  }

  /** What those outside can see of it. */
  note(): void {
    const { hold, calls, size } = this.runner
    this.#log.push(`hold ${hold} next ${calls.next} cells ${size} output ${this.#output} at ${this.#clock.millis}`)
  }
}

/** Windows that merge where they overlap and carry the same data. */
const ownSessions = customWindows({
  name: 'own sessions',
  data: t.string,
  assign: ({ timestamp }: { readonly timestamp: number }) => ({
    start: timestamp,
    end: timestamp + 8,
    data: timestamp % 2 === 0 ? 'even' : 'odd',
  }),
  assignsToOneWindow: true,
  merge: (windows) =>
    ['even', 'odd'].flatMap((data) =>
      mergeOverlapping(windows.filter((window) => window.data === data)).map(({ merged: { start, end }, parts }) => ({
        merged: { start, end, data },
        parts: parts as typeof windows,
      })),
    ),
})

/** Windows that carry data and do not merge. */
const ownWindows = customWindows({
  name: 'own windows',
  data: t.string,
  assign: ({ timestamp }: { readonly timestamp: number }) =>
    ['x', 'y'].map((data) => ({ start: Math.floor(timestamp / 9) * 9, end: Math.floor(timestamp / 9) * 9 + 9, data })),
})

function strategyOf(scenario: RecordedScenario, own: 'own' | 'theirs'): WindowingStrategy {
  const fn = scenario.windowFn
  if (own === 'own' && fn.windowFn === 'Sessions') return rewindow(globalStrategy, ownSessions, optionsOf(scenario))
  if (own === 'own' && fn.windowFn === 'FixedWindows') return rewindow(globalStrategy, ownWindows, optionsOf(scenario))
  const windowFn =
    fn.windowFn === 'GlobalWindows'
      ? globalWindows()
      : fn.windowFn === 'FixedWindows'
        ? fixedWindows(fn.size, { offset: fn.offset })
        : fn.windowFn === 'SlidingWindows'
          ? slidingWindows(fn.size, { every: fn.period, offset: fn.offset })
          : sessionWindows(fn.gap)
  return rewindow(globalStrategy, windowFn, optionsOf(scenario))
}

/** Keys of several shapes. */
const keys: Readonly<Record<string, unknown>> = { a: 'a', b: { of: [1, 'b'] }, c: 3 }

interface Run {
  readonly log: readonly (readonly string[])[]
  readonly left: number
}

/** @param interrupt says after an event whether what has changed is stored, and whether all begins anew from it. */
function play(
  scenario: RecordedScenario,
  how: Reducing,
  own: 'own' | 'theirs',
  interrupt: ((event: number) => 'no' | 'store' | 'restart') | undefined,
): Run {
  const strategy = strategyOf(scenario, own)
  const clock = { millis: 0 }
  const store = new Store()
  let log: string[] = []
  let grouping = new Grouping(strategy, how, clock, log, TIMESTAMP_MIN)
  let watermark = TIMESTAMP_MIN
  if (interrupt !== undefined) grouping.keeper.track()
  const logs: string[][] = []
  scenario.events.forEach((event, number) => {
    if (event.type === 'elements') {
      for (const { key, value, timestamp } of event.elements) grouping.add(keys[key], value, timestamp)
      grouping.runner.finishBundle()
    } else if (event.type === 'processingTime') {
      clock.millis += event.advance
      grouping.clockMoved()
    } else {
      watermark = event.timestamp === 'infinity' ? TIMESTAMP_MAX : event.timestamp
    }
    grouping.settle(watermark)
    grouping.note()
    logs.push(log.splice(0))
    const what = interrupt?.(number) ?? 'no'
    if (what === 'no') return
    store.take(grouping.keeper)
    expect(store.take(grouping.keeper), 'nothing has changed since').toBe(0)
    if (what === 'store') return
    const before = logs.at(-1)?.at(-1)
    log = []
    grouping = new Grouping(strategy, how, clock, log, grouping.output)
    grouping.keeper.track()
    grouping.keeper.restore([...store.entries.values()].reverse())
    grouping.note()
    expect(log.splice(0)).toEqual([before])
    expect(store.take(grouping.keeper), 'nothing has changed by being taken back').toBe(0)
  })
  if (interrupt !== undefined) store.take(grouping.keeper)
  return { log: logs.map((lines) => lines.sort()), left: store.entries.size }
}

function checkSeed(seed: number): void {
  const scenario = scenarioOf(seed)
  const draw: Draw = drawOf(seed ^ 0x5eed)
  const how = draw.pick(['list', 'sum', 'product', 'last', 'mutable', 'accumulators'] as const)
  const own = draw.pick(['own', 'theirs', 'theirs'] as const)
  const straight = play(scenario, how, own, undefined)
  const interrupted = play(scenario, how, own, () => draw.pick(['no', 'store', 'restart', 'restart'] as const))
  const text = `seed ${seed}, ${how}, ${own}: ${JSON.stringify(scenario)}`
  expect(interrupted.log, text).toEqual(straight.log)
  // Where the watermarks are is all that is left.
  expect(interrupted.left, text).toBe(1)
}

describe('what a grouping keeps', () => {
  it(`behaves, taken back at the end of any bundle, as what was kept (${SEEDS} seeds)`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        checkSeed(seed)
      } catch (error) {
        throw new Error(`seed ${seed} of kept-cells.test.ts fails`, { cause: error })
      }
    }
  }, 600_000)
})

/** A grouping by itself, stored into a map. */
function stored(combine: AnyCombine | undefined, windowFn: WindowFn = fixedWindows(10)) {
  const store = new Store()
  const runner = new ReduceFnRunner({
    step: 'count/group',
    strategy: rewindow(globalStrategy, windowFn, {}),
    reduce: reduceFnOf(combine, false, dynamicCoder, dynamicCoder),
    keyCoder: dynamicCoder,
    accumulatorCoder: dynamicCoder,
    metrics: new Metrics(0, 0),
    clocks: { processing: () => 0, synchronized: () => 0 },
    guard: (_call, _key, _window, act) => act(),
    output: () => undefined,
  })
  const keeper = runner.keeper()
  const add = (key: unknown, value: unknown): void => {
    runner.add(key, value, 1, windowFn.assign(1))
    runner.finishBundle()
  }
  return { store, keeper, add, take: () => store.take(keeper) }
}

describe('what is handed out of a grouping', () => {
  it('is only what has changed: a sum that is another, the values that a list has got since', () => {
    const sums = stored(reducing.sum)
    sums.keeper.track()
    for (let key = 0; key < 100; key++) sums.add(key, 1)
    // The watermarks, the table, and the cells.
    expect(sums.take()).toBe(102)
    sums.add(3, 1)
    sums.add(4, 0)
    expect(sums.take()).toBe(1)

    const lists = stored(undefined)
    lists.keeper.track()
    for (const value of ['a'.repeat(1000), 'b'.repeat(1000)]) lists.add('k', value)
    lists.take()
    lists.add('k', 'c')
    expect(lists.take()).toBe(1)
    const sizes = [...lists.store.entries.values()].map(({ content }) => content.length)
    expect(sizes.filter((size) => size > 1000)).toHaveLength(1)
    expect(sizes.filter((size) => size < 20)).toHaveLength(sizes.length - 1)
  })

  it('lies in the slot of its key', () => {
    const { keeper, add, take, store } = stored(reducing.sum)
    keeper.track()
    for (let key = 0; key < 50; key++) add(`key ${key}`, 1)
    take()
    const slots = [...store.entries.values()].map(({ slot }) => slot)
    const expected = Array.from({ length: 50 }, (_, key) => slotOf(encodeToBytes(dynamicCoder, `key ${key}`, true)))
    expect(slots.sort()).toEqual([0, 0, ...expected].sort())
  })

  it('is of one grouping as of another that goes on with it, also where a combiner makes accumulators smaller', () => {
    const longest: AnyCombine = {
      kind: 'full',
      fn: {
        createAccumulator: () => [] as number[],
        addInput: (all: number[], n: number) => (all.push(n), all),
        mergeAccumulators: (a: number[], b: number[]) => [...a, ...b],
        extractOutput: (all: number[]) => Math.max(...all),
        compact: (all: number[]) => [Math.max(...all)],
      } as never,
    }
    const { keeper, add, take, store } = stored(longest)
    keeper.track()
    for (let n = 0; n < 100; n++) add('k', n)
    take()
    expect(Math.max(...[...store.entries.values()].map(({ content }) => content.length))).toBeLessThan(20)
    // Made smaller, it is as it was.
    add('k', 5)
    expect(take()).toBe(0)
  })

  it('is nothing where nobody asks: a grouping that is not tracked notes nothing', () => {
    const { keeper, add, take } = stored(undefined)
    add('k', 1)
    keeper.track()
    // Where the watermarks are.
    expect(take()).toBe(1)
  })

  it('is refused before anything runs, by the name of the step, where an accumulator has no form', () => {
    class Sketch {}
    const { keeper } = stored({
      kind: 'full',
      fn: {
        createAccumulator: () => new Sketch(),
        addInput: (sketch: Sketch) => sketch,
        mergeAccumulators: (sketch: Sketch) => sketch,
        extractOutput: () => 0,
      } as never,
    })
    expect(() => keeper.track()).toThrow(
      /^step "count\/group" combines through accumulators that cannot be stored: .*Sketch.*accumulator: codec/,
    )
  })

  it('is refused where a value has no form', () => {
    const { keeper, add, take } = stored(undefined)
    keeper.track()
    add('k', () => 1)
    expect(take).toThrow(/function/)
  })
})
