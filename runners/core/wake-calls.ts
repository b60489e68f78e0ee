/**
 * WakeCalls: cells whose triggers wait for a clock, by the time at which to ask them again.
 *
 * Law: a cell is asked once the clock is *past* its time. Several calls of a cell that are due together are one question: a
 * trigger that begins anew when it fires may be ready again. Calls are not taken back: one whose pane has gone, or whose
 * window has expired, is asked in vain or not found.
 */
import { invariant } from '../../sdk/invariant.js'
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { Watermarks } from './pane-info-tracker.js'
import type { CellDetails, ReduceCell } from './reduce-table.js'
import { TimerQueue } from './timer-internals.js'
import type { TriggerClock, TriggerContext } from './trigger-node.js'

/** The clocks that triggers may wait for. */
export interface TriggerClocks {
  /** The processing time. */
  readonly processing: () => number
  /** The processing time that everything upstream has got beyond; never after `processing`. */
  readonly synchronized: () => number
}

/** A call that waits. */
export interface WakeCall {
  readonly clock: TriggerClock
  readonly time: number
  /** Calls of one time are in the order of these. */
  readonly sequence: number
}

const NO_CALLS: readonly WakeCall[] = []

/** Cells to be asked, by clock. */
export class WakeCalls {
  readonly #clocks: TriggerClocks
  readonly #isAlive: (cell: ReduceCell) => boolean
  readonly #queues: Readonly<Record<TriggerClock, TimerQueue<ReduceCell>>> = {
    processing: new TimerQueue(),
    synchronized: new TimerQueue(),
    batch: new TimerQueue(),
  }
  /** What waits for each cell, where that is kept from batch to batch. */
  #byCell: Map<ReduceCell, WakeCall[]> | undefined
  #sequence = 0

  /** @param isAlive whether a cell still lies in a window. */
  constructor(clocks: TriggerClocks, isAlive: (cell: ReduceCell) => boolean) {
    this.#clocks = clocks
    this.#isAlive = isAlive
  }

  add(clock: TriggerClock, time: number, cell: ReduceCell): void {
    this.#queues[clock].add(time, cell)
    if (this.#byCell === undefined) return
    const call = { clock, time, sequence: this.#sequence++ }
    const calls = this.#byCell.get(cell)
    if (calls === undefined) this.#byCell.set(cell, [call])
    else calls.push(call)
  }

  /** From now on remembers which calls wait for a cell. */
  track(): void {
    this.#byCell = new Map()
  }

  /** The calls that wait for a cell; known where they are remembered. */
  callsOf(cell: ReduceCell): readonly WakeCall[] {
    return this.#byCell?.get(cell) ?? NO_CALLS
  }

  /** Calls that waited when they were kept. */
  restore(calls: readonly (WakeCall & { readonly cell: ReduceCell })[]): void {
    for (const { clock, time, cell } of [...calls].sort((a, b) => a.sequence - b.sequence)) this.add(clock, time, cell)
  }

  /** Takes out the earliest call of a clock that is past. */
  #take(clock: TriggerClock, now: number): ReduceCell | undefined {
    const entry = this.#queues[clock].takeDue(now)
    if (entry === undefined) return undefined
    const calls = this.#byCell?.get(entry.payload)
    if (calls === undefined) return entry.payload
    const left = calls.filter((call) => call.clock !== clock || call.time !== entry.timestamp)
    if (left.length === 0) this.#byCell?.delete(entry.payload)
    else this.#byCell?.set(entry.payload, left)
    return entry.payload
  }

  /** Number of calls that wait for a clock, those in vain included. */
  get size(): number {
    return this.#queues.processing.size + this.#queues.synchronized.size
  }

  /** Whether a cell is to be asked now. */
  get isDue(): boolean {
    return this.#isDue('processing') || this.#isDue('synchronized')
  }

  /** The earliest time at which a cell may have to be asked; the end of time when none waits. */
  get next(): number {
    if (this.size === 0) return TIMESTAMP_MAX
    const times = (['processing', 'synchronized'] as const).map((clock) => {
      const queue = this.#queues[clock]
      for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
        if (this.#isAlive(head.payload)) return head.timestamp + 1
        this.#take(clock, Number.POSITIVE_INFINITY)
      }
      return TIMESTAMP_MAX
    })
    return Math.min(...times)
  }

  /** The cells to be asked now, each once. */
  take(): readonly ReduceCell[] {
    const due = new Set<ReduceCell>()
    for (const clock of ['processing', 'synchronized'] as const) {
      while (this.#isDue(clock)) {
        const cell = this.#take(clock, this.#clocks[clock]())
        if (cell !== undefined) due.add(cell)
      }
    }
    return [...due].filter(this.#isAlive)
  }

  /** Whether a cell is to be asked at the end of the batch. */
  get awaitsBatch(): boolean {
    return this.#queues.batch.size > 0
  }

  /** The cells to be asked at the end of the batch, each once. */
  takeBatch(): readonly ReduceCell[] {
    const due = new Set<ReduceCell>()
    while (this.#queues.batch.size > 0) {
      const cell = this.#take('batch', Number.POSITIVE_INFINITY)
      if (cell !== undefined) due.add(cell)
    }
    return [...due].filter(this.#isAlive)
  }

  #isDue(clock: keyof TriggerClocks): boolean {
    const head = this.#queues[clock].peek()
    return head !== undefined && head.timestamp < this.#clocks[clock]()
  }
}

/** What triggers see of the stage, for one cell at a time: made once per grouping, so that asking costs no object. */
export class CellContext implements TriggerContext {
  readonly #watermarks: Watermarks
  readonly #clocks: TriggerClocks
  readonly #calls: WakeCalls
  readonly #askAtEnd: (cell: ReduceCell, window: BoundedWindow) => void
  /** Set while cells are asked at the end of a batch. */
  isBatchOver = false
  #cell: (ReduceCell & { readonly details: CellDetails }) | undefined

  /** @param askAtEnd sees to it that a cell is asked at the end of its window; called once for each. */
  constructor(
    watermarks: Watermarks,
    clocks: TriggerClocks,
    calls: WakeCalls,
    askAtEnd: (cell: ReduceCell, window: BoundedWindow) => void,
  ) {
    this.#watermarks = watermarks
    this.#clocks = clocks
    this.#calls = calls
    this.#askAtEnd = askAtEnd
  }

  /** The context of a cell, until it is that of another. */
  of(cell: ReduceCell): TriggerContext {
    invariant(hasDetails(cell), 'a trigger is asked about a cell that it remembers')
    this.#cell = cell
    return this
  }

  get window(): BoundedWindow {
    invariant(this.#cell !== undefined, 'a trigger is asked about a cell')
    return this.#cell.details.window
  }

  get inputWatermark(): number {
    return this.#watermarks.input
  }

  get processingTime(): number {
    return this.#clocks.processing()
  }

  get synchronizedTime(): number {
    return this.#clocks.synchronized()
  }

  askAtEnd(): void {
    const cell = this.#cell
    if (cell === undefined || cell.details.isAskedAtEnd) return
    cell.details.isAskedAtEnd = true
    this.#askAtEnd(cell, cell.details.window)
  }

  wakeAt(clock: TriggerClock, time: number): void {
    if (this.#cell !== undefined) this.#calls.add(clock, time, this.#cell)
  }
}

function hasDetails(cell: ReduceCell): cell is ReduceCell & { readonly details: CellDetails } {
  return cell.details !== undefined
}
