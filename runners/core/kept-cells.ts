/**
 * Keeps a grouping from batch to batch: tables, cells, slices, windows that merge, and where its watermarks are. Timers, holds
 * and calls of clocks are not stored by themselves where they follow from those.
 *
 * Law: between two batches nothing of a grouping is due and no bundle is open, so what follows from the tables is all of it.
 */
import { type Coder, decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import { PipelineError } from '../../sdk/errors.js'
import { authorPath } from '../../sdk/graph/names.js'
import { invariant } from '../../sdk/invariant.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { windowCoderOf } from '../../sdk/windowing/window-coder.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { CellFormat } from './cell-format.js'
import type { CellHolds } from './cell-holds.js'
import { EntryWriter } from './kept-entries.js'
import { KeptForm, STAGE } from './kept-form.js'
import { KeptMerging } from './kept-merging.js'
import { type ReadCell, type ReadEntries, readEntries, type ReadKey, type ReadPlace } from './kept-reading.js'
import type { ChangeSink, Keeper, KeptEntry } from './kept-state.js'
import { KeptTables, type WrittenTable } from './kept-tables.js'
import { CellWriting } from './kept-writing.js'
import type { MergingWindows } from './merging-windows.js'
import type { ReduceFn } from './reduce-fn.js'
import { type MergingCell, newTable, type ReduceCell, type ReduceTable, type TimerPayload } from './reduce-table.js'
import type { TimerQueue } from './timer-internals.js'
import type { TriggerStateMachine } from './trigger-state-machine.js'
import type { WakeCall, WakeCalls } from './wake-calls.js'
import type { WindowMap } from './window-map.js'
import type { WindowSlices } from './window-slices.js'

/** The parts of a grouping that are kept. */
export interface GroupingParts {
  readonly step: string
  readonly strategy: WindowingStrategy
  readonly reduce: ReduceFn
  readonly keyCoder: Coder<unknown>
  /** Of an accumulator; of a value where values are listed. */
  readonly accumulatorCoder: Coder<unknown>
  readonly trigger: TriggerStateMachine
  readonly tables: WindowMap<ReduceTable>
  readonly slices: WindowSlices | undefined
  readonly merging: MergingWindows | undefined
  readonly timers: TimerQueue<TimerPayload>
  readonly calls: WakeCalls
  readonly holds: CellHolds
  readonly watermarks: { input: number; output: number }
  readonly guard: <T>(call: string, key: unknown, window: BoundedWindow, run: () => T) => T
  /** A cell, counted as one where it is state of a key. */
  readonly newCell: (key: unknown, accumulator: unknown, isCounted: boolean) => ReduceCell
  /** Whether something is due, or a bundle open. */
  readonly isBusy: () => boolean
  /** Changes are to be noted from now on. */
  readonly onTrack: () => void
}

/** Keeps one grouping. */
export class CellKeeper implements Keeper {
  readonly #parts: GroupingParts
  readonly #form: KeptForm
  readonly #format: CellFormat
  readonly #tables: KeptTables
  readonly #merging: KeptMerging | undefined
  readonly #touched = new Set<ReduceCell>()
  #stage = ''

  constructor(parts: GroupingParts) {
    const { strategy, keyCoder, reduce, calls, guard, merging } = parts
    this.#parts = parts
    this.#form = new KeptForm(keyCoder, windowCoderOf(strategy.windowFn))
    this.#format = new CellFormat(reduce, parts.accumulatorCoder, parts.trigger)
    const writing = new CellWriting({ form: this.#form, format: this.#format, reduce, calls, guard })
    this.#tables = new KeptTables(this.#form, writing, parts.tables, reduce)
    if (merging !== undefined) this.#merging = new KeptMerging(this.#form, this.#format, writing, merging, keyCoder)
  }

  /** @throws {PipelineError} when what it accumulates in cannot be stored. */
  track(): void {
    this.#checkAccumulator()
    this.#parts.calls.track()
    this.#parts.onTrack()
  }

  #checkAccumulator(): void {
    const { step, reduce, accumulatorCoder } = this.#parts
    if (reduce.sample === undefined) return
    try {
      decodeFromBytes(accumulatorCoder, encodeToBytes(accumulatorCoder, reduce.sample()))
    } catch (cause) {
      throw new PipelineError(
        'MR-4004',
        `step "${authorPath(step)}" combines through accumulators that cannot be stored: ${cause instanceof Error ? cause.message : String(cause)}. Give its CombineFn a codec for them: { accumulator: codec }.`,
        authorPath(step),
      )
    }
  }

  // ---- what happens ----------------------------------------------------------------------------------------------

  /** Something is added to a table, or it becomes another. */
  used(table: ReduceTable): void {
    this.#tables.used(table)
  }

  /** A table is there no more, nor are its cells. */
  gone(table: ReduceTable): void {
    this.#tables.gone(table)
    if (this.#touched.size > 0) for (const cell of table.cells.values()) this.#touched.delete(cell)
  }

  /** A cell of a window that merges is there no more. */
  left(cell: MergingCell): void {
    this.#touched.delete(cell)
    this.#merging?.left(cell.key)
  }

  /** Something happens to a cell that has details. */
  touched(cell: ReduceCell): void {
    this.#touched.add(cell)
    this.#merging?.changed(cell.key)
  }

  /** Windows of a key come or go. */
  changed(key: unknown): void {
    this.#merging?.changed(key)
  }

  /** A timer waits for the expiry of a window whose trigger has finished, or does so no more. */
  closing(key: unknown, window: BoundedWindow, isWaiting: boolean): void {
    this.#merging?.closing(key, window, isWaiting)
  }

  // ---- what is stored --------------------------------------------------------------------------------------------

  changes(sink: ChangeSink): void {
    invariant(!this.#parts.isBusy(), 'what a grouping keeps is stored when nothing of it is due and no bundle is open')
    const writer = new EntryWriter(sink)
    this.#writeStage(writer)
    if (this.#merging === undefined) this.#tables.changes(writer, this.#touched)
    else this.#merging.changes(writer, this.#touched)
    this.#touched.clear()
    writer.flush()
  }

  /** Where the watermarks are, and the unions of slices. */
  #writeStage(writer: EntryWriter): void {
    const { watermarks, slices } = this.#parts
    const numbers = [watermarks.input, watermarks.output, ...(slices?.limits ?? [])]
    const stage = numbers.join(' ')
    if (stage === this.#stage) return
    this.#stage = stage
    this.#form.begin(writer, STAGE)
    writer.beginContent()
    for (const number of numbers) writer.out.double(number)
    writer.put()
  }

  // ---- what is taken back ----------------------------------------------------------------------------------------

  restore(entries: Iterable<KeptEntry>): void {
    const { merging, calls, watermarks } = this.#parts
    const read = readEntries(entries, this.#form, this.#format)
    if (read.stage === undefined) return
    watermarks.input = read.stage.double()
    watermarks.output = read.stage.double()
    const waiting: (WakeCall & { readonly cell: ReduceCell })[] = []
    const cellOf = ({ key, written: { accumulator, details, calls: ofCell } }: ReadCell, isCounted: boolean) => {
      const cell = this.#parts.newCell(key, accumulator, isCounted)
      cell.details = details
      if (details !== undefined) this.#parts.holds.restore(details)
      for (const call of ofCell) waiting.push({ ...call, cell })
      return cell
    }
    this.#restoreTables(read, cellOf)
    if (merging !== undefined) this.#restoreKeys(read.keys, merging, cellOf)
    calls.restore(waiting)
    this.#stage = [watermarks.input, watermarks.output, ...(this.#parts.slices?.limits ?? [])].join(' ')
  }

  #restoreTables({ tables, stage }: ReadEntries, cellOf: (cell: ReadCell, isCounted: boolean) => ReduceCell): void {
    const { slices } = this.#parts
    const ofSlices: ReduceTable[] = []
    for (const place of tables) {
      const table = this.#restoreTable(place)
      const cells = place.cells.map((read) => {
        const cell = cellOf(read, place.role === 'window')
        table.cells.set(cell.key, cell)
        return { cell, kept: read.kept, content: read.content }
      })
      this.#tables.restore({ table, written: place.table, cells })
      if (place.role !== 'window') ofSlices.push(table)
    }
    if (slices === undefined) this.#takeInSlices(ofSlices)
    else if (stage !== undefined && stage.remaining > 0) slices.restore(stage.double(), stage.double(), ofSlices)
  }

  /** A run that reduced before the grouping, or did not, goes on as one that does it otherwise: the windows have all of their slices. */
  #takeInSlices(slices: readonly ReduceTable[]): void {
    const { tables, reduce, newCell } = this.#parts
    for (const slice of slices) {
      this.#tables.gone(slice)
      if (slice.role !== 'slice') continue
      for (const table of tables.values()) {
        const { start, end } = table.window
        if (slice.window.start < start || slice.window.start >= end) continue
        for (const { key, accumulator } of slice.cells.values()) {
          const cell = table.cells.get(key)
          if (cell !== undefined) cell.accumulator = reduce.mergeShared(cell.accumulator, accumulator)
          else table.cells.set(key, newCell(key, reduce.own(accumulator), true))
        }
        this.#tables.used(table)
      }
    }
  }

  #restoreTable({ window, role, table: written }: ReadPlace & { readonly table: WrittenTable }): ReduceTable {
    invariant(role !== 'merging', 'windows that merge have no tables')
    const { strategy, keyCoder, tables, timers, holds, watermarks } = this.#parts
    const { isFast, isAskedAtEnd } = written
    // What has no slices, or had none, shares none.
    const isSliced = role === 'window' && isFast && this.#parts.slices !== undefined
    const expiry = expiryOf(window, strategy.allowedLatenessMillis)
    const table = newTable(window, role, keyCoder, { expiry, isFast, isAskedAtEnd, isSliced })
    if (role !== 'window') return table
    tables.set(window, table)
    if (isFast) holds.addTable(window)
    if (!isFast) timers.add(expiry, { kind: 'table', table })
    if (isFast || (isAskedAtEnd && window.maxTimestamp >= watermarks.input))
      timers.add(window.maxTimestamp, { kind: 'table', table })
    return table
  }

  #restoreKeys(
    keys: readonly ReadKey[],
    merging: MergingWindows,
    cellOf: (cell: ReadCell, isCounted: boolean) => ReduceCell,
  ): void {
    const { strategy, timers, watermarks } = this.#parts
    const expiry = (window: BoundedWindow): number => expiryOf(window, strategy.allowedLatenessMillis)
    const all: { readonly cell: MergingCell; readonly order: number }[] = []
    for (const { key, cells: read, closing } of keys) {
      const cells = read.map((of) => ({ cell: cellOf(of, true) as MergingCell, kept: of.kept }))
      merging.restore(
        key,
        cells.map(({ cell }) => cell),
        closing,
      )
      this.#merging?.restore({ key, cells, closing })
      for (const { cell, kept } of cells) all.push({ cell, order: kept.order })
      for (const { window } of closing) timers.add(expiry(window), { kind: 'closed', key, window })
    }
    for (const { cell } of all.sort((a, b) => a.order - b.order)) {
      const { window, isAskedAtEnd } = cell.details
      timers.add(expiry(window), { kind: 'cell', cell })
      if (isAskedAtEnd && window.maxTimestamp >= watermarks.input)
        timers.add(window.maxTimestamp, { kind: 'cell', cell })
    }
  }
}
