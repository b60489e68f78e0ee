/**
 * State and timers that were stored and taken back, against the same that were never stored: scripts drawn from a seed run on
 * both, and everything that can be seen of them must be equal.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import { type KV, kv, mean, pipeline, state, timer, typed } from 'millrace'
import { ByteReader, type Coder, encodeToBytes } from '../../sdk/coders/index.js'
import { seededRandom } from '../../sdk/env.js'
import { coderOf } from '../../sdk/graph/coders.js'
import type {
  BagState,
  CombiningState,
  MapState,
  MultimapState,
  OrderedListState,
  SetState,
  ValueState,
} from '../../sdk/state/state-cell.js'
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import { NO_FIRING, type PaneInfo } from '../../sdk/windowing/pane-info.js'
import { IntervalWindow } from '../../sdk/windowing/window.js'
import { windowCoderOf } from '../../sdk/windowing/window-coder.js'
import { fixedWindows } from '../../sdk/windowing/window-fn.js'
import { KeptEntries } from '../../conformance/support/kept-entries.js'
import { cellCodersOf } from './cells/cell-place.js'
import type { DoFnRuntime } from './do-fn-runtime.js'
import { ElementCoding } from './element-coding.js'
import { fuse } from './fusion.js'
import { KeyedState } from './keyed-state.js'
import { slotOf } from './kept-state.js'
import type { ParDoOperator } from './stage.js'
import { stateCells } from './state-cells.js'
import type { StateRecord, TimerSetting } from './state-internals.js'
import type { StepContext } from './step-context.js'
import { timerCells } from './timer-cells.js'

const LATENESS = 5

const cells = {
  value: state.value(t.array(t.number)),
  bag: state.bag(t.number),
  set: state.set(t.unknown),
  map: state.map(t.number, t.array(t.number)),
  multimap: state.multimap(t.number, t.number),
  ordered: state.orderedList(t.number),
  text: state.combining({ of: (n: number) => `${n},`, semigroup: { concat: (a: string, b: string) => a + b }, codec: t.string }), // prettier-ignore
  mean: state.combining(mean()),
}

const timers = {
  due: timer.eventTime(),
  family: timer.eventTimeFamily(),
  clocked: timer.processingTime(),
}

interface Cells {
  readonly value: ValueState<number[], undefined>
  readonly bag: BagState<number>
  readonly set: SetState<unknown>
  readonly map: MapState<number, number[]>
  readonly multimap: MultimapState<number, number>
  readonly ordered: OrderedListState<number>
  readonly text: CombiningState<number, string | undefined>
  readonly mean: CombiningState<number, number>
}

interface Handle {
  set(at: number, options?: object): void
  setRelative(delay: number): void
  clear(): void
}

interface Family {
  set(tag: string, at: number, options?: object): void
  clear(tag: string): void
}

interface Timers {
  readonly due: Handle
  readonly family: Family
  readonly clocked: Handle
}

const staged = (() => {
  const p = pipeline()
  p.create('elements', [kv<unknown, number>('a', 1)], { codec: typed<KV<unknown, number>>() })
    .windowInto('windows', fixedWindows(10), { allowedLateness: LATENESS })
    .parDo('keeps', {
      output: typed<string>(),
      state: cells,
      timers,
      process: () => undefined,
      onTimer: { due: () => undefined, family: () => undefined, clocked: () => undefined },
      onWindowExpiration: () => undefined,
    })
  return fuse(p.build())
})()

const operator = ((): ParDoOperator => {
  for (const { root } of staged.stages) if (root.kind === 'parDo') return root.operator
  throw new Error('the pipeline has a stateful step')
})()
const coder = (id: string): Coder<unknown> => coderOf(staged.built, id)
const keyCoder = coder(staged.built.graph.components.coders.get(operator.inputCoderId)?.componentCoderIds[0] ?? '')
const coders = [...operator.payload.stateSpecs.values()].map((node) => cellCodersOf(node, coder))

/** The slot that an entry must lie in, by the key that it names. */
function slotOfEntry(id: Uint8Array, content: Uint8Array): number {
  const kind = String.fromCharCode(id[0] as number)
  if (kind === 'e') {
    const element = operator.inputCoderId
    let key: unknown
    new ElementCoding(coder(element), fixedWindows(10)).read(new ByteReader(content), (value) => {
      key = (value as KV<unknown, number>).key
    })
    return slotOf(encodeToBytes(keyCoder, key, true))
  }
  if (kind !== 'r') return 0
  const input = new ByteReader(id.subarray(1))
  windowCoderOf(fixedWindows(10)).decode(input, true)
  return slotOf(encodeToBytes(keyCoder, keyCoder.decode(input, true), true))
}

/** A stateful step without its DoFn: what is done in its calls is drawn from the seed. */
class Step {
  readonly #clock = { now: 0 }
  readonly #random: () => number
  readonly #copies: boolean
  keyed: KeyedState
  readonly log: string[] = []
  /** Called where a batch may end. */
  between: () => void = () => undefined
  #record: StateRecord | undefined
  #n = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#copies = seed % 2 === 0
    this.keyed = this.#made()
  }

  #made(): KeyedState {
    return new KeyedState(operator, keyCoder, () => this.#clock.now, coder)
  }

  /** Goes on with what a store has, as after a crash. */
  restore(store: KeptEntries, random: () => number): void {
    const { inputWatermark } = this.keyed
    this.keyed = store.restore(this.#made(), random)
    expect(this.keyed.inputWatermark).toBe(inputWatermark)
  }

  #int(to: number): number {
    return Math.floor(this.#random() * to)
  }

  #key(): unknown {
    return ['a', -0, { x: 1, y: [2] }, null][this.#int(4)]
  }

  #recordOf = (): StateRecord => this.#record as StateRecord

  get #cells(): Cells {
    return stateCells('keeps', cells, coders, this.#copies, this.#recordOf) as Cells
  }

  #timers(timestamp: number): Timers {
    const { window } = this.#recordOf()
    const context = { timestamp, window, canSetTimers: true } as StepContext
    const limits = { allowedLatenessMillis: LATENESS, allowedSkewMillis: 100 }
    return timerCells(timers, this.keyed, context, this.#recordOf, limits) as Timers
  }

  /** One change of one cell or timer. */
  #act(timestamp: number, canSetTimers: boolean): void {
    const cell = this.#cells
    const n = this.#n++
    const k = this.#int(40)
    const { maxTimestamp } = this.#recordOf().window
    const timer = this.#timers(timestamp)
    const at = maxTimestamp - this.#int(12)
    const actions: (() => unknown)[] = [
      () => cell.value.write([n]),
      () => this.#copies || cell.value.read()?.push(n),
      () => cell.value.clear(),
      () => {
        for (let i = 0; i < 20; i++) cell.bag.add(n + i)
      },
      () => this.#int(4) > 0 || cell.bag.clear(),
      () => cell.set.add(k % 2 === 0 ? k : { k }),
      () => cell.set.remove(k % 2 === 0 ? k : { k }),
      () => {
        for (let i = 0; i < 9; i++) cell.map.put(k + i, [n])
      },
      () => this.#copies || cell.map.get(k)?.push(n),
      () => {
        for (let i = 0; i < 5; i++) cell.map.remove(k + i)
      },
      () => this.#int(4) > 0 || cell.map.clear(),
      () => {
        for (let i = 0; i < 20; i++) cell.multimap.put(k % 3, n + i)
      },
      () => cell.multimap.put(k, n),
      () => cell.multimap.remove(k % 5),
      () => {
        for (let i = 0; i < 30; i++) cell.ordered.add((k % 6) + (i % 2), n + i)
      },
      () => cell.ordered.clearRange(k % 9, (k % 9) + this.#int(3)),
      () => cell.text.add(n),
      () => cell.mean.add(n),
      () => cell.mean.clear(),
      () => [...cell.map.keys(), ...cell.set.read(), ...cell.multimap.keys()],
      () => timer.due.set(at, { outputTimestamp: at - this.#int(3) }),
      () => timer.due.clear(),
      () => timer.family.set(`t${k % 4}`, at, { holdsWatermark: k % 3 > 0 }),
      () => timer.family.clear(`t${k % 4}`),
      () => timer.clocked.setRelative(1 + this.#int(9)),
      () => timer.clocked.clear(),
    ]
    const which = this.#int(canSetTimers ? actions.length : actions.length - 6)
    ;(actions[which] as () => unknown)()
  }

  /** A call: it stays, is taken back, or cannot be. */
  #call(record: StateRecord, timestamp: number, canSetTimers = true): void {
    this.#record = record
    const end = this.#int(3)
    if (end > 0) record.beginCall()
    for (let left = this.#int(7); left > 0; left--) this.#act(timestamp, canSetTimers)
    if (end === 1) record.rollBack()
    record.endCall()
    if (record.mayBeEmpty) this.keyed.state.prune(record)
  }

  #doFn = {
    pushInWindow: (value: KV<unknown, number>, timestamp: number, window: IntervalWindow, pane: PaneInfo) => {
      this.log.push(`${text(value)} at ${timestamp} in ${window.toString()} ${text(pane)}`)
      this.#call(this.keyed.state.record(value.key, window), timestamp)
    },
    fireTimer: (record: StateRecord, timer: number, { fireTimestamp, outputTimestamp, tag }: TimerSetting) => {
      this.log.push(`${text(record.key)} ${timer} ${tag ?? ''} at ${fireTimestamp}, ${outputTimestamp}`)
      if (this.#int(2) === 0) this.#call(record, outputTimestamp)
      else this.keyed.state.prune(record)
    },
    expire: (record: StateRecord) => {
      this.log.push(`${text(record.key)} expires in ${record.window.toString()}: ${this.#look(record)}`)
    },
    calls: { isBusy: false, isFull: false },
  } as unknown as DoFnRuntime

  /** What can be read of a record. */
  #look(record: StateRecord): string {
    this.#record = record
    const cell = this.#cells
    return text([
      cell.value.read(),
      [...cell.bag.read()],
      [...cell.set.read()],
      [...cell.map.entries()],
      [...cell.multimap.entries()],
      [...cell.ordered.read()],
      cell.text.read(),
      cell.mean.read(),
    ])
  }

  get #window(): IntervalWindow {
    const start = 10 * (Math.floor(Math.max(0, this.keyed.inputWatermark) / 10) + this.#int(2))
    // Several windows of one end expire in the order of their coming.
    return new IntervalWindow(start + this.#int(2), start + 10)
  }

  async #fire(): Promise<void> {
    const budget = 1 + this.#int(9)
    while (this.keyed.isDue) {
      await this.keyed.fire(this.#doFn, budget)
      this.between()
    }
  }

  async turn(): Promise<void> {
    const window = this.#window
    const what = this.#int(10)
    if (what < 6) this.#call(this.keyed.state.record(this.#key(), window), window.start)
    else if (what < 8) {
      const timestamp = window.start + this.#int(10)
      const pane = { ...NO_FIRING, index: this.#int(2) }
      this.log.push(String(this.keyed.keep(kv(this.#key(), this.#n++), timestamp, window, pane)))
    } else if (what < 9) this.#clock.now += this.#int(8)
    else this.keyed.inputWatermark = Math.max(0, this.keyed.inputWatermark) + this.#int(4)
    await this.#fire()
    const { hold, isDue, nextProcessingTime, state } = this.keyed
    this.log.push(`${hold} ${isDue} ${nextProcessingTime} ${state.size} ${state.windowCount}`)
  }

  /** The input ends: everything fires, and nothing is left. */
  async end(): Promise<void> {
    this.keyed.inputWatermark = TIMESTAMP_MAX
    await this.#fire()
    const { hold, state, processingTime } = this.keyed
    this.log.push(`${hold} ${state.size} ${state.windowCount} ${processingTime}`)
  }
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? 'undefined'
}

describe('what a stateful step keeps', () => {
  it('is the same after it was stored and taken back, at any moment', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const straight = new Step(seed)
        const stored = new Step(seed)
        const store = new KeptEntries()
        const random = seededRandom(seed + 1)
        const agree = (): void => {
          expect(stored.log).toEqual(straight.log)
          straight.log.length = 0
          stored.log.length = 0
        }
        stored.keyed.track()
        stored.between = () => {
          if (random() > 0.3) return
          store.take(stored.keyed)
          for (const { slot, id, content } of store.shuffled(random).slice(0, 5))
            expect(slot).toBe(slotOfEntry(id, content))
          if (random() < 0.6) stored.restore(store, random)
        }
        for (let turn = 0; turn < 80; turn++) {
          await straight.turn()
          await stored.turn()
          agree()
          stored.between()
        }
        await straight.end()
        await stored.end()
        agree()
        store.take(stored.keyed)
        expect(
          store.list().map(({ id }) => String.fromCharCode(...id)),
          'nothing is left but the times',
        ).toEqual(['t'])
      }),
      { numRuns: 40 },
    )
  }, 60_000)
})
