/**
 * Records, as they are given to a log and as it gives them back.
 *
 * Law: what is read equals what was appended, as values of the dynamic coder are equal; equal keys have equal bytes.
 */
import { ByteWriter } from '../../sdk/coders/bytes.js'
import { dynamicCoder } from '../../sdk/coders/dynamic.js'
import { decodeFromBytes } from '../../sdk/coders/whole.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { type Instant, toTimestamp } from '../../sdk/time.js'

/** A record to be appended. */
export interface NewRecord {
  /**
   * What the record is about: records with equal keys lie in one partition, one after another. Default: no key; such records are
   * spread over the partitions in turn.
   */
  readonly key?: unknown
  /** Plain data, as the default coder knows it. `null` takes the key out of a topic that keeps the last record of each. */
  readonly value: unknown
  /** What is said of the record besides its value. */
  readonly headers?: ReadonlyMap<string, string | Uint8Array>
  /** Event time. Default: when it is appended. */
  readonly timestamp?: Instant
  /** Which partition, whatever the key. */
  readonly partition?: number
}

/** A record of a log. */
export interface LogRecord<T = unknown> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** What the writer said, else as `appended`. Milliseconds. */
  readonly timestamp: number
  /** When it was appended, on the writer's clock; never falls within a partition. Milliseconds. */
  readonly appended: number
  /** `undefined`: none. */
  readonly key: unknown
  readonly value: T
  readonly headers: ReadonlyMap<string, string | Uint8Array>
}

/** A record as it is stored. */
export interface EncodedRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Uint8Array | null
  readonly timestamp: number | undefined
  readonly partition: number | undefined
}

/** A row of a partition. */
export type RecordRow = readonly [
  offset: number,
  timestamp: number,
  appended: number,
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: Uint8Array | null,
]

const NO_HEADERS: LogRecord['headers'] = new Map()

/** @throws when a part of the record cannot be stored. */
export function encodeRecord(topic: string, record: NewRecord): EncodedRecord {
  if (typeof record !== 'object' || record === null)
    throw coded('MR-5407', new TypeError(`topic "${topic}" takes records { key, value }, but got ${preview(record)}`))
  const { key, value, headers, timestamp, partition } = record
  if (headers !== undefined && !(headers instanceof Map))
    throw coded('MR-5407', new TypeError(`headers of a record of topic "${topic}" are a Map, but are ${preview(headers)}`)) // prettier-ignore
  try {
    return {
      key: key === undefined ? null : bytesOf(key),
      value: value === null ? null : bytesOf(value),
      headers: headers === undefined || headers.size === 0 ? null : bytesOf(headers),
      timestamp: timestamp === undefined ? undefined : toTimestamp(timestamp),
      partition,
    }
  } catch (error) {
    throw coded(
      'MR-5407',
      new TypeError(`a record cannot be appended to topic "${topic}": ${messageOf(error)}`, { cause: error }),
    )
  }
}

/** One writer serves all calls, except those made from within a call (by a getter of the user's). */
let idleWriter: ByteWriter | undefined = new ByteWriter()

function bytesOf(value: unknown): Uint8Array {
  const out = idleWriter ?? new ByteWriter()
  idleWriter = undefined
  try {
    dynamicCoder.encode(value, out, false)
    return out.written().slice()
  } finally {
    out.reset()
    idleWriter = out
  }
}

/** What a row says. */
export function decodeRecord(topic: string, partition: number, row: RecordRow): LogRecord {
  const [offset, timestamp, appended, key, value, headers] = row
  return {
    topic,
    partition,
    offset,
    timestamp,
    appended,
    key: key === null ? undefined : decodeFromBytes(dynamicCoder, key),
    value: value === null ? null : decodeFromBytes(dynamicCoder, value),
    headers: headers === null ? NO_HEADERS : (decodeFromBytes(dynamicCoder, headers) as LogRecord['headers']),
  }
}
