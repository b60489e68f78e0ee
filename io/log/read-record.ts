/**
 * From a record as it is stored to what a pipeline asks for.
 *
 * Law: a record becomes its element, or one dead letter that says where it lies.
 */
import * as t from 'io-ts'
import { type Codec, decodeWith, isIoTs, typed, type TypeOnly } from '../../sdk/codec.js'
import { coded, type ErrorCode, errorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import type { LogRecord } from './records.js'

/** A record that was read, and perhaps why it cannot be used. */
export interface ReadRecord extends LogRecord {
  readonly problem?: { readonly code: ErrorCode | undefined; readonly message: string }
}

/** A record whose value the codec has checked. @throws, or rejects, when it cannot be used. */
export function usable<V>(codec: Codec | undefined, record: ReadRecord): LogRecord<V> | Promise<LogRecord<V>> {
  if (record.problem !== undefined) return refuseRecord(record, record.problem.code, record.problem.message)
  try {
    const value = codec === undefined ? record.value : decodeWith(codec, record.value)
    if (!(value instanceof Promise)) return { ...record, value: value as V }
    return value.then(
      (each: unknown) => ({ ...record, value: each as V }),
      (error: unknown) => refuseRecord(record, errorCode(error), messageOf(error), error),
    )
  } catch (error) {
    return refuseRecord(record, errorCode(error), messageOf(error), error)
  }
}

/** The same, for those who cannot wait. */
export function usableNow<V>(codec: Codec | undefined, record: LogRecord): LogRecord<V> {
  if (codec === undefined) return record as LogRecord<V>
  const value = decodeWith(codec, record.value)
  if (!(value instanceof Promise)) return { ...record, value: value as V }
  value.catch(() => undefined)
  throw coded('MR-4006', new TypeError('the codec checks asynchronously, and option timestamp of readLog cannot wait.'))
}

/** Describes what comes out. */
export function elementCodec<V>(codec: Codec | undefined, withMetadata: boolean): TypeOnly<V> {
  // What a Standard Schema has made of a value is, in general, nothing that it would take again.
  const value = codec !== undefined && isIoTs(codec) ? (codec as unknown as t.Mixed) : undefined
  if (value === undefined) return typed<V>()
  if (!withMetadata) return value as unknown as TypeOnly<V>
  return t.type({
    topic: t.string,
    partition: t.number,
    offset: t.number,
    timestamp: t.number,
    appended: t.number,
    key: t.unknown,
    value,
    headers: t.unknown,
  }) as unknown as TypeOnly<V>
}

function refuseRecord(record: LogRecord, code: ErrorCode | undefined, message: string, cause?: unknown): never {
  const { topic, partition, offset } = record
  throw coded(
    code ?? 'MR-5410',
    new Error(
      `the record at offset ${offset} of partition ${partition} of topic "${topic}" cannot be used: ${message}`,
      {
        cause,
      },
    ),
  )
}
