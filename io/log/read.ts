/**
 * Reading: the records of a partition from an offset on.
 *
 * Law: what is read is there for good, in order of offsets, and nothing in between is left out but what compaction has removed; an
 * offset that is not kept any more is never taken for a later one.
 */
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { LogFile } from './log-file.js'
import { decodeRecord, type LogRecord, type RecordRow } from './records.js'
import { type PartitionRow, partitionOfTopic, partitionsOf, topicOf } from './topics.js'

/** How much is read at once. */
export interface ReadLimits {
  /** Records, from 1. Default 1000. */
  readonly max?: number
  /** Bytes of keys, values and headers; the first record comes whatever its size. From 1. Default 16 MiB. */
  readonly maxBytes?: number
}

/** What a partition holds. */
export interface PartitionInfo {
  readonly partition: number
  /** The first offset that retention has left. */
  readonly begin: number
  /** The offset that the next record will have. */
  readonly end: number
  /** Records that are there; fewer than `end - begin` where keys are made unique. */
  readonly records: number
  /** Bytes of their keys, values and headers. */
  readonly bytes: number
}

/** Records are taken from the file so many at a time. */
const PIECE = 256

/** Records from `offset` on. @throws when the offset is not in the log, any more or yet; MR-1002 for limits that nothing fits. */
export function readRecords(
  file: LogFile,
  topic: string,
  partition: number,
  offset: number,
  { max = 1000, maxBytes = 16 * 1024 * 1024 }: ReadLimits = {},
): readonly LogRecord[] {
  refuseLimit('max', max)
  refuseLimit('maxBytes', maxBytes)
  return file.read(() => {
    const row = partitionOfTopic(file, topic, partition)
    refuseOutside(topic, row, offset)
    const records: LogRecord[] = []
    const statement = file
      .statement(
        `SELECT offset, timestamp, appended, key, value, headers FROM p${row.id} WHERE offset >= ? ORDER BY offset LIMIT ?`,
      )
      .raw()
    let bytes = 0
    for (let next = offset; records.length < max && next < row.end;) {
      const rows = statement.all(next, Math.min(PIECE, max - records.length)) as RecordRow[]
      for (const each of rows) {
        bytes += sizeOf(each)
        if (bytes > maxBytes && records.length > 0) return records
        records.push(decodeRecord(topic, partition, each))
        next = each[0] + 1
      }
      if (rows.length < PIECE) break
    }
    return records
  })
}

/** With none at all a reader would take a topic to be at its end. */
function refuseLimit(name: keyof ReadLimits, limit: number): void {
  if (Number.isSafeInteger(limit) && limit >= 1) return
  refuse('MR-1002', `${name} of read of a log must be a whole number from 1, but is ${preview(limit)}.`)
}

/** What each partition of a topic holds, at one moment. */
export function partitionInfos(file: LogFile, topic: string): readonly PartitionInfo[] {
  return file.read(() =>
    partitionsOf(file, topicOf(file, topic).id).map(({ partition, begin, end, records, bytes }) => ({
      partition,
      begin,
      end,
      records,
      bytes,
    })),
  )
}

/** What one partition holds. */
export function partitionInfo(file: LogFile, topic: string, partition: number): PartitionInfo {
  return file.read(() => partitionOfTopic(file, topic, partition))
}

function refuseOutside(topic: string, { partition, begin, end }: PartitionRow, offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw coded('MR-1002', new RangeError(`an offset is a whole number from 0, but is ${preview(offset)}.`))
  if (offset < begin)
    throw coded(
      'MR-5405',
      new RangeError(
        `offset ${offset} of partition ${partition} of topic "${topic}" is gone: retention has left offsets from ${begin} on. Read on from there, or give the topic a longer retention.`,
      ),
    )
  if (offset > end)
    throw coded(
      'MR-5408',
      new RangeError(
        `offset ${offset} of partition ${partition} of topic "${topic}" lies behind its end, ${end}. Was the topic deleted and made anew? Begin at its beginning, or at its end.`,
      ),
    )
}

function sizeOf([, , , key, value, headers]: RecordRow): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + (headers?.length ?? 0)
}
