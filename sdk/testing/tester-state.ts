/**
 * State and timers of a DoFn under test: what is kept for each key and window, as plain data.
 *
 * Law: a failed call leaves no trace; what a cell gives out and takes in is a copy, as if it had been stored.
 */
import { dynamicCoder } from '../coders/index.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { TimeDomain } from '../state/timer-spec.js'
import type { StateSpecs } from '../transforms/do-fn.js'
import type { BoundedWindow } from '../windowing/window.js'
import { roundTrip } from './laws.js'
import { identityOf } from './same-value.js'
import { type CellPlace, testerCell } from './tester-cells.js'

/** When a timer fires, and the timestamp of what its handler emits. */
export interface TimerSetting {
  readonly name: string
  /** Which timer of a family it is. */
  readonly tag: string | undefined
  readonly timeDomain: TimeDomain
  readonly fireTimestamp: number
  readonly outputTimestamp: number
}

/** What is kept for a key and window. */
export interface TesterRecord {
  readonly key: unknown
  readonly window: BoundedWindow
  /** Contents of cells that hold something, by name. */
  cells: Map<string, unknown>
  /** Settings of timers that wait, by {@link timerId}. */
  timers: Map<string, TimerSetting>
}

/** A timer of a record. */
export function timerId(name: string, tag: string | undefined): string {
  return JSON.stringify([name, tag ?? null])
}

/** The records of a DoFn. */
export class TesterState {
  readonly #records = new Map<string, TesterRecord>()

  /** The record of a key and window, made if there is none. */
  record(key: unknown, window: BoundedWindow): TesterRecord {
    const id = recordId(key, window)
    let record = this.#records.get(id)
    if (record === undefined)
      this.#records.set(
        id,
        (record = { key: roundTrip(dynamicCoder, key), window, cells: new Map(), timers: new Map() }),
      )
    return record
  }

  /** The record of a key and window, if there is one. */
  find(key: unknown, window: BoundedWindow): TesterRecord | undefined {
    return this.#records.get(recordId(key, window))
  }

  /** Every record that holds something. */
  all(): readonly TesterRecord[] {
    return [...this.#records.values()].filter(({ cells, timers }) => cells.size + timers.size > 0)
  }

  /** Forgets a record. */
  remove({ key, window }: TesterRecord): void {
    this.#records.delete(recordId(key, window))
  }
}

/** Copies of what a record holds, and the way back to it. */
export function savepoint(record: TesterRecord): () => void {
  const { cells, timers } = record
  record.cells = new Map(cells)
  record.timers = new Map(timers)
  return () => {
    record.cells = cells
    record.timers = timers
  }
}

/** The cells of a declaration, bound to a record; `record` throws once the call has ended. */
export function cellsOf(specs: StateSpecs, record: () => TesterRecord): object {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, testerCell(spec, placeOf(name, record)).cell]),
  )
}

/** What the cells of a record read as; those of no record, too. */
export function readingsOf(specs: StateSpecs, record: TesterRecord | undefined): Readonly<Record<string, unknown>> {
  const nothing: Pick<TesterRecord, 'cells'> = { cells: new Map() }
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      testerCell(
        spec,
        placeOf(name, () => record ?? nothing),
      ).reading(),
    ]),
  )
}

function placeOf(name: string, record: () => Pick<TesterRecord, 'cells'>): CellPlace {
  return {
    get: () => {
      const { cells } = record()
      return cells.has(name) ? { content: cells.get(name) } : undefined
    },
    set: (content) => void record().cells.set(name, content),
    clear: () => void record().cells.delete(name),
  }
}

function recordId(key: unknown, { start, end }: BoundedWindow): string {
  return `${identityOf(key)} ${start} ${end}`
}

/** The key of an element of a DoFn with state. */
export function keyOf(element: unknown): unknown {
  if (typeof element === 'object' && element !== null && 'key' in element) return element.key
  throw refuse('MR-1009', `a DoFn with state or timers takes elements { key, value }, but got ${preview(element)}.`)
}
