/**
 * Reads the rows of one Parquet file from a row on. It outlives bundles, and so do the values of the group it is in.
 *
 * Law: each row of a range is emitted once; a group that cannot be read is one letter, of the range that has its first row.
 */
import type { FileSystem } from '../../sdk/env.js'
import { errorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import type { UnreadPart } from '../records/bad-part.js'
import type { PlacedReader } from '../records/open-readers.js'
import { setField } from '../records/set-field.js'
import { ParquetFile, type ParquetFileOptions, type RowGroupValues } from './parquet-file.js'
import type { RowTracker } from './row-ranges.js'

/** Takes the rows of a bundle. */
export interface RowSink {
  /** How many rows are wanted now. */
  readonly room: () => number
  readonly emit: (row: unknown) => void
  /** Takes what cannot be read. @throws when nobody wants to have it. */
  readonly unread: (part: UnreadPart) => void
}

/** A file that is being read. */
export class RowReader implements PlacedReader {
  readonly #path: string
  readonly #opening: Promise<ParquetFile>
  #group: RowGroupValues | undefined
  /** The next row. */
  #row: number

  constructor(
    files: FileSystem,
    { path, size }: { readonly path: string; readonly size: number },
    from: number,
    options: ParquetFileOptions,
  ) {
    this.#path = path
    this.#row = from
    this.#opening = ParquetFile.open(files, path, size, options)
    // Whoever reads hears of it.
    this.#opening.catch(() => undefined)
  }

  isAt(from: number): boolean {
    return from === this.#row
  }

  close(): void {
    void this.#opening.then(
      (file) => file.close(),
      () => undefined,
    )
  }

  /** Emits the rows of the tracker's range until a claim is refused. */
  async read(tracker: RowTracker, sink: RowSink): Promise<void> {
    const file = await this.#opening
    for (;;) {
      const { to } = tracker.currentRestriction()
      if (this.#row >= to) {
        tracker.tryClaim(to)
        return
      }
      const group = this.#groupOf(file)
      if (this.#group?.from !== file.starts[group]) {
        this.#group = undefined
        try {
          this.#group = await file.read(group)
        } catch (error) {
          if (!this.#passOver(file, group, tracker, sink, error)) return
          continue
        }
      }
      if (!this.#emitRows(file, group, this.#group as RowGroupValues, tracker, sink)) return
    }
  }

  /** The group that the next row is in; groups without rows have none. */
  #groupOf({ starts }: ParquetFile): number {
    let group = 0
    while ((starts[group + 1] as number) <= this.#row) group++
    return group
  }

  /** @returns whether all the rows that were asked for were granted. */
  #emitRows(
    file: ParquetFile,
    index: number,
    group: RowGroupValues,
    tracker: RowTracker,
    { room, emit, unread }: RowSink,
  ): boolean {
    const asked = Math.min(group.to - this.#row, room())
    const from = this.#row
    const granted = tracker.tryClaimBlock(from, asked)
    const { columns } = file
    const { values } = group
    for (let at = from; at < from + granted; at++) {
      const row: Record<string, unknown> = {}
      let isRead = true
      for (let i = 0; i < columns.length; i++) {
        const { name, convert } = columns[i] as (typeof columns)[number]
        const raw = (values[i] as ArrayLike<unknown>)[at - group.from]
        try {
          setField(row, name, convert === undefined ? (raw ?? null) : convert(raw))
        } catch (error) {
          isRead = false
          unread(this.#unread(file, index, error, `row ${at}, column "${name}"`))
          break
        }
      }
      this.#row = at + 1
      if (isRead) emit(row)
    }
    return granted === asked
  }

  /** Takes a group that cannot be read for done. @returns whether there may be more. */
  #passOver(file: ParquetFile, group: number, tracker: RowTracker, { unread }: RowSink, error: unknown): boolean {
    const [start, end] = [file.starts[group] as number, file.starts[group + 1] as number]
    const from = this.#row
    const asked = end - from
    const granted = tracker.tryClaimBlock(from, asked)
    this.#row = from + granted
    if (from === start) unread(this.#unread(file, group, error, `row group ${group} (rows ${start} to ${end - 1})`))
    return granted === asked
  }

  #unread(file: ParquetFile, group: number, error: unknown, where: string): UnreadPart {
    const code = errorCode(error) ?? 'MR-4104'
    return {
      file: this.#path,
      offset: file.offsetOf(group),
      code,
      reason: `${where}: ${messageOf(error)}`,
      beginning: '',
    }
  }
}
