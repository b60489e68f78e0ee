/**
 * Reading records: frames are found in files, then understood one by one, and what cannot be understood is a dead letter that
 * says where it lies.
 *
 * Law: every frame becomes its record, or one dead letter, or the failure of the run; `skipped` says that it is no record (a
 * blank line, a header).
 */
import { coded, errorCode, type ErrorCode } from '../../sdk/error-codes.js'
import { type Codec, isIoTs, typed } from '../../sdk/codec.js'
import type { FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { RecordError } from '../../sdk/record-error.js'
import { type Instant, toTimestamp } from '../../sdk/time.js'
import { type Frame, FramePlaces } from './frame.js'
import type { FileStream } from './file-stream.js'
import { filesOf, type MatchedFile } from './match-files.js'
import { type Framing, readFrames } from './read-frames.js'
import type { ReadSettings, RecordPreview } from './read-options.js'

/** Says that a frame is no record. */
export const skipped: unique symbol = Symbol('skipped')

/** What is wrong with a record. `detail` may quote from it, and is left out where nothing of it may be shown. */
export class BadRecord extends Error {
  readonly code: ErrorCode
  readonly reason: string

  constructor(code: ErrorCode, reason: string, detail?: string) {
    super(detail === undefined ? `${reason}.` : `${reason}: ${detail}`)
    this.code = code
    this.reason = reason
  }
}

/** Understands frames. */
export type FrameDecoder = (frame: Frame) => unknown

/** How records are read. */
export interface RecordFormat {
  readonly framing: Framing<Frame>
  /** Makes the decoder of a worker. */
  readonly decoder: (files: FileSystem, match: ReadSettings['match']) => FrameDecoder
  /** Describes the records, where that is known. */
  readonly codec: Codec | undefined
}

/** Reads the records of all files that fit. */
export function readRecords(
  pipeline: Pipeline,
  patterns: readonly string[] | FileStream,
  settings: ReadSettings,
  { framing, decoder, codec }: RecordFormat,
): PCollection<unknown> {
  const { onError, timestamp } = settings
  return readFrames(pipeline, patterns, settings.match, framing).parDo('decode', {
    // What a Standard Schema has made of a record is, in general, nothing that it would take again.
    output: (codec !== undefined && isIoTs(codec) ? codec : typed()) as ReturnType<typeof typed>,
    ...(onError === undefined ? {} : { onError }),
    setup({ env, step }) {
      const files = filesOf(env, step)
      return { decode: decoder(files, settings.match), places: new FramePlaces(files) }
    },
    process(frame, { emit, resource: { decode, places } }) {
      const failed = (error: unknown): never => {
        throw recordError(frame, error, places, settings.preview)
      }
      const give = (record: unknown): void => {
        if (record === skipped) return
        if (timestamp === undefined) return emit(record)
        let at: number
        try {
          at = eventTime(timestamp(record as never))
        } catch (error) {
          return failed(new BadRecord('MR-2002', 'has no valid timestamp', messageOf(error)))
        }
        emit(record, at)
      }
      if (frame.bad !== undefined) return failed(new BadRecord(frame.bad.code, frame.bad.reason.replace(/\.$/, '')))
      let record: unknown
      try {
        record = decode(frame)
      } catch (error) {
        return failed(error)
      }
      return record instanceof Promise ? record.then(give, failed) : give(record)
    },
  })
}

/** Milliseconds of the last moment of the year 9999, and of the first of the year −9999. */
const LATEST = 253_402_300_799_999
const EARLIEST = -377_673_580_800_000

/** @throws {RangeError} when it is no time that a record can have. */
export function eventTime(instant: Instant): number {
  const millis = toTimestamp(instant)
  if (millis <= LATEST && millis >= EARLIEST) return millis
  throw coded(
    'MR-2002',
    new RangeError(
      `${preview(instant)} is not between the years -9999 and 9999. Milliseconds are meant; divide microseconds by 1000 and nanoseconds by 1,000,000`,
    ),
  )
}

function recordError(frame: Frame, thrown: unknown, places: FramePlaces, shown: RecordPreview): RecordError {
  const place = places.placeOf(frame)
  const code = errorCode(thrown) ?? 'MR-5101'
  if (shown === 'start') return new RecordError(code, place, messageOf(thrown), preview(frame.text), thrown)
  const reason = thrown instanceof BadRecord ? `${thrown.reason}.` : 'cannot be decoded.'
  return new RecordError(code, place, reason, shown === 'none' ? '(not shown)' : preview(masked(frame.text)))
}

/** As much of a text as a preview shows, without what it says. */
function masked(text: string): string {
  return text.slice(0, 200).replace(/\p{L}/gu, 'x').replace(/\p{N}/gu, '9')
}

/** A file that was matched, for those who look at its beginning once more. */
export type { MatchedFile }
