/**
 * Reads captured changes in the order of their numbers, and makes insertions and retractions of them.
 */
import type { Codec } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import { preview } from '../../sdk/preview.js'
import type { Change } from '../../sdk/transforms/change.js'
import { Capture, type CaptureOptions } from './capture.js'
import { isSameName, quoted } from './identifier.js'
import type { Key, KeyTracker } from './key-range.js'
import { type RowMaker, rowMaker } from './row-maker.js'
import { RowReader } from './row-reader.js'
import { notThere } from './table-options.js'
import { type UnreadRow, unreadRow } from './unread-row.js'
import type { SqliteValue } from './values.js'

/** What is wanted of the rows. */
export interface ChangeReading {
  readonly columns: readonly string[] | undefined
  readonly codec: Codec | undefined
  /** Event time of a row; `undefined`: that of the change. */
  readonly timeOf: ((row: unknown) => number) | undefined
  readonly busyMillis: number
}

/** Takes what was read. */
export interface ChangeSink {
  readonly emit: (change: Change<unknown>, timestamp: number) => void
  /** Takes a row that cannot be used. @throws when nobody wants to have it. */
  readonly unread: (row: UnreadRow) => void
}

/** Values of a change before those of the row: its number, whether it comes or goes, and when. */
const BEFORE_ROW = 3

/** Captured changes that are being read. */
export class ChangeReader {
  readonly capture: Capture
  readonly #place: CaptureOptions['place']
  readonly #reader: RowReader
  readonly #maker: RowMaker
  readonly #timeOf: ChangeReading['timeOf']

  private constructor(capture: Capture, { place, reader, busyMillis }: CaptureOptions, reading: ChangeReading) {
    this.capture = capture
    this.#place = place
    this.#timeOf = reading.timeOf
    const columns = reading.columns ?? capture.columns
    const cells = columns.map((name) => {
      const at = capture.columns.findIndex((other) => isSameName(other, name))
      if (at < 0)
        throw notThere(
          `database ${preview(place.file)}: table ${preview(place.table)} has no column ${preview(name)}; it has ${preview(capture.columns)}.`,
        )
      return `c${at}`
    })
    this.#maker = rowMaker(columns, reading.codec)
    this.#reader = new RowReader(
      capture.env,
      capture.db,
      {
        place,
        from: `(SELECT * FROM ${quoted(capture.changes)} WHERE reader IS NULL OR reader = @reader)`,
        key: 'seq',
        isUnique: true,
        columns: ['kind', 'at', ...cells],
        positional: [],
        named: { reader },
      },
      busyMillis,
    )
  }

  /** Sees to it that changes are captured, and opens them. */
  static async open(env: Env, options: CaptureOptions, reading: ChangeReading): Promise<ChangeReader> {
    const capture = await Capture.open(env, options)
    try {
      return new ChangeReader(capture, options, reading)
    } catch (error) {
      capture.close()
      throw error
    }
  }

  /** Reads the changes of a range until a claim is refused, or there are no more for now. */
  async read(
    tracker: KeyTracker,
    { emit, unread }: ChangeSink,
    isEndless: boolean,
  ): Promise<{ readonly next: Key; readonly isIdle: boolean }> {
    this.capture.checkKept(Number(tracker.currentRestriction().from))
    const { rowOf, checked } = this.#maker
    return this.#reader.read(
      tracker,
      (number, values) => {
        const row = rowOf(values, BEFORE_ROW)
        const bad = (error: unknown): void => unread(unreadRow(this.#place, number, row, error))
        const give = (value: unknown): void => {
          let time: number
          try {
            time = this.#timeOf === undefined ? (values[2] as number) : this.#timeOf(value)
          } catch (error) {
            return bad(error)
          }
          emit({ kind: kindOf(values), value }, time)
        }
        let value: unknown
        try {
          value = checked(row)
        } catch (error) {
          return bad(error)
        }
        return value instanceof Promise ? value.then(give, bad) : give(value)
      },
      isEndless,
    )
  }

  close(): void {
    this.capture.close()
  }
}

function kindOf(values: readonly SqliteValue[]): Change<unknown>['kind'] {
  return values[1] === 1 ? 'insert' : 'retract'
}
