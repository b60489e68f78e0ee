/**
 * A file that grows, as a stream of lines: a log that a program writes, whatever becomes of its name.
 *
 * Law: as that of `tail-reader.ts`; what a run has read and another one shall not is the position between them.
 */
import * as t from 'io-ts'
import type { TypeOnly } from '../../sdk/codec.js'
import type { FileSystem } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { StepLog } from '../../sdk/logger.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { Duration } from '../../sdk/time.js'
import { readFrom, type SourceReader } from '../../sdk/transforms/read-from.js'
import { type EventTimeOptions, eventTimes } from '../event-times.js'
import type { FedLine } from './line-feed.js'
import { type LineAt, lineAtCodec } from './line-reader.js'
import { type LineTextOptions, lineLimits, oneOf } from './line-options.js'
import { filesOf } from './match-files.js'
import { isPath } from './paths.js'
import { type TailPosition, tailPositionCodec, TailReader } from './tail-reader.js'

/** What a worker reads with. */
interface World {
  readonly files: FileSystem
  readonly log: StepLog
}

/** Options of {@link tailLines}; `P` is whether elements come with their position. */
export interface TailLinesOptions<P extends boolean = false> extends EventTimeOptions<string>, LineTextOptions {
  /**
   * Where reading begins: at the beginning of the file that is there, at its end (with the next whole line), or where another
   * run ended. A file that comes later, or takes the name, is read from its beginning. Default `'beginning'`.
   */
  readonly startAt?: 'beginning' | 'end' | TailPosition
  /** How often it is looked for more. Default 250 ms. */
  readonly pollEvery?: Duration
  /** Whether a name that is gone is waited for, or ends the source. Default `'wait'`. */
  readonly whenDeleted?: 'wait' | 'end'
  /** Gives `{ line, file, offset }` instead of the line. Default `false`. */
  readonly withPosition?: P
  /**
   * Told the position after lines that need not be read again: with `guarantee: 'at-least-once'` because everything that
   * became of them has left the pipeline, else because their bundle is committed. Store it, and give it to the next run.
   */
  readonly onPosition?: (position: TailPosition) => void | Promise<void>
}

/**
 * Follows a file line by line, from a run's beginning until it is drained. The file may not be there yet; a last line without
 * an end waits for it. Text and lines are as for `readLines`; packed files cannot be followed.
 *
 * - **Renamed and made anew** (rotation): the old file is read to its end, then the new one from its beginning. The old one
 *   counts as finished when nothing has come for a poll after the new one was there.
 * - **Cut and filled anew** (copy and truncate): read from its beginning again. What was not read before the cut is lost, as it
 *   is for every reader; where the reader knew of it, a warning is logged with the number of bytes.
 * - **Two rotations between two polls, or while no run follows**: the file in the middle is not read. Poll more often than that.
 *   A run that begins at a position logs a warning with its name.
 *
 * Event times: see {@link EventTimeOptions}. Memory: a block of 256 KiB, or the longest line. One reader; replayable for as
 * long as the file is there, also under another name in the same folder; the backlog is counted in bytes.
 *
 * @throws {PipelineError} when an option is wrong. What is wrong with the file fails the run, with its path.
 * @example
 * ```ts no-run
 * import { pipeline, watermarks } from 'millrace'
 * import { tailLines } from 'millrace/io/text'
 * const p = pipeline()
 * p.apply('log', tailLines('/var/log/app.log', {
 *   startAt: 'end',
 *   timestamp: (line) => line.slice(0, 24),
 *   watermark: watermarks.outOfOrder('5 seconds', { idleAfter: '30 seconds' }),
 * }))
 *   .filter('errors', (line) => line.includes(' ERROR '))
 *   .print('errors')
 * ```
 */
export function tailLines<P extends boolean = false>(
  path: string,
  options: TailLinesOptions<P> = {},
): (pipeline: Pipeline) => PCollection<P extends true ? LineAt : string> {
  if (!isPath(path)) refuse('MR-1004', `tailLines needs the path of a file, but got ${preview(path)}.`)
  refuseUnknownOptions('tailLines', options, names)
  const { startAt = 'beginning', whenDeleted = 'wait', pollEvery = 250, withPosition, onPosition } = options
  if (typeof startAt === 'string') oneOf('tailLines', 'startAt', startAt, ['beginning', 'end'])
  else if (!tailPositionCodec.is(startAt)) {
    refuse('MR-1002', `option startAt of tailLines is 'beginning', 'end' or a position, but is ${preview(startAt)}.`)
  }
  oneOf('tailLines', 'whenDeleted', whenDeleted, ['wait', 'end'])
  const limits = lineLimits('tailLines', options)
  const { watermark, timeOf } = eventTimes('tailLines', options)
  const rules = { path, whenDeleted, withOffsets: withPosition === true, ...limits }
  type Element = P extends true ? LineAt : string
  return readFrom<TypeOnly<Element>, TailPosition | undefined, World>({
    // Which of the two is known to the caller's types.
    output: (withPosition === true ? lineAtCodec : t.string) as unknown as TypeOnly<Element>,
    bounded: false,
    replayable: true,
    watermark,
    pollEvery,
    setup: ({ env, step, log }) => ({ files: filesOf(env, step), log }),
    begin({ resource: { files } }) {
      if (typeof startAt === 'object') return startAt
      const first = new TailReader(files, startAt, { ...rules, warn: () => undefined })
      try {
        return first.begin()
      } finally {
        first.close()
      }
    },
    open: (mark, { resource: { files, log }, now }): SourceReader<Element, TailPosition | undefined> => {
      const warn = (fields: object, message: string): void => log.warn(fields, message)
      const reader = new TailReader(files, mark ?? startAt, { ...rules, warn })
      const valueOf = ({ line, offset }: FedLine): string | LineAt =>
        withPosition === true ? { line, file: path, offset } : line
      return {
        read() {
          const next = reader.next()
          if (typeof next === 'string') return next
          return { value: valueOf(next) as Element, timestamp: timeOf(next.line, now) }
        },
        mark: () => reader.position(),
        backlog: () => reader.backlog(),
        close: () => reader.close(),
      }
    },
    ...(onPosition === undefined
      ? {}
      : { acknowledge: (mark: TailPosition | undefined) => (mark === undefined ? undefined : onPosition(mark)) }),
  })
}

const names: OptionNames<TailLinesOptions<boolean>> = {
  startAt: true,
  pollEvery: true,
  whenDeleted: true,
  withPosition: true,
  onPosition: true,
  timestamp: true,
  watermark: true,
  maxLineBytes: true,
  invalidUtf8: true,
}
