/**
 * The first half of a lifted combine: reduces the values of a key and window within one bundle, before they travel.
 *
 * Law: with the merging half after the grouping, the result equals that of the unlifted combine.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { kv } from '../../sdk/kv.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import type { Push } from './element-buffer.js'
import { keyOf } from './key-of.js'
import { KeyMap, representative } from './key-map.js'
import type { ReduceFn } from './reduce-fn.js'
import type { Operator } from './stage.js'
import type { StageRuntime } from './stage-runtime.js'
import { WindowMap } from './window-map.js'

/** Cells held before they are sent on early. */
const CELLS_MAX = 10_000

interface Cell {
  readonly key: unknown
  accumulator: unknown
  timestamp: number
}

interface Table {
  readonly window: BoundedWindow
  readonly cells: KeyMap<Cell>
}

type PrecombineOperator = Extract<Operator, { kind: 'precombine' }>

/** A pre-combining step at work. */
export class PrecombineRuntime {
  readonly #operator: PrecombineOperator
  readonly #reduce: ReduceFn
  readonly #keyCoder: Coder<unknown>
  readonly #runtime: StageRuntime
  readonly #output: Push
  readonly #tables = new WindowMap<Table>()
  #cells = 0

  constructor(
    operator: PrecombineOperator,
    reduce: ReduceFn,
    keyCoder: Coder<unknown>,
    runtime: StageRuntime,
    output: Push,
  ) {
    this.#operator = operator
    this.#reduce = reduce
    this.#keyCoder = keyCoder
    this.#runtime = runtime
    this.#output = output
  }

  /** Adds an element in each of its windows. */
  push(value: unknown, timestamp: number, windows: Windows): void {
    try {
      const key = keyOf(value)
      const { value: input } = value as { readonly value: unknown }
      for (const window of Array.isArray(windows)
        ? (windows as readonly BoundedWindow[])
        : [windows as BoundedWindow]) {
        this.#add(window, key, input, timestamp)
      }
    } catch (error) {
      this.#runtime.failed(this.#operator.info, 'addInput', error, value, timestamp, windows, undefined)
    }
    if (this.#cells > CELLS_MAX) this.flush()
  }

  /** Sends everything on; at the end of a bundle, or when it has become much. */
  flush(): void {
    const tables = [...this.#tables.values()]
    this.#tables.clear()
    this.#cells = 0
    for (const { window, cells } of tables) {
      for (const { key, accumulator, timestamp } of cells.values()) {
        this.#output(kv(key, this.#compact(accumulator)), timestamp, window, NO_FIRING)
      }
    }
  }

  #compact(accumulator: unknown): unknown {
    const { combine, info } = this.#operator
    const compact = combine.kind === 'full' ? combine.fn.compact : undefined
    if (compact === undefined) return accumulator
    try {
      return compact(accumulator as never)
    } catch (error) {
      return this.#runtime.failedOutside(info, 'compact', error)
    }
  }

  #add(window: BoundedWindow, key: unknown, input: unknown, timestamp: number): void {
    let table = this.#tables.get(window)
    if (table === undefined) this.#tables.set(window, (table = { window, cells: new KeyMap(this.#keyCoder) }))
    let cell = table.cells.get(key)
    if (cell === undefined) {
      cell = { key: representative(key, this.#keyCoder), accumulator: this.#reduce.create(), timestamp }
      table.cells.set(key, cell)
      this.#cells++
    }
    cell.accumulator = this.#reduce.add(cell.accumulator, input)
    const earliest = this.#operator.strategy.timestampCombiner === 'earliest'
    cell.timestamp = earliest ? Math.min(cell.timestamp, timestamp) : Math.max(cell.timestamp, timestamp)
  }
}
