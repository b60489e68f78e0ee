/**
 * From the fields of a row to its record: which field is which column, decoded by what.
 *
 * Law: a record has exactly the columns that were asked for, each an own property, whatever it is called.
 */
import type { Codec } from '../../sdk/codec.js'
import { preview } from '../../sdk/preview.js'
import { BadRecord } from '../text/read-records.js'
import { decodeRecord } from '../text/record-codec.js'

/** What is asked for. */
export interface Wanted {
  /** Columns with their codecs; `undefined`: all columns, as texts. */
  readonly columns: ReadonlyMap<string, Codec> | undefined
  /** Describes the record of texts, where there are no typed columns. */
  readonly codec: Codec | undefined
  readonly ragged: 'error' | 'allow'
}

/** Longest name of a column, in UTF-16 units. */
export const NAME_LENGTH_MAX: number = 1024 * 1024

/** Makes records of rows. */
export type RecordPlan = (fields: readonly string[]) => unknown

/** Plan for rows without names: the fields as they are. */
export function plainPlan({ codec }: Wanted): RecordPlan {
  return codec === undefined ? (fields) => fields : (fields) => decodeRecord(codec, fields)
}

/** Plan for rows of named columns. @throws {BadRecord} when the names are not what is asked for. */
export function namedPlan(names: readonly string[], { columns, codec, ragged }: Wanted): RecordPlan {
  refuseNames(names)
  const wanted = columns === undefined ? names.map((name) => [name, undefined] as const) : [...columns]
  const picks = wanted.map(([name, of]) => ({ name, of, at: indexOf(names, name), isPlain: name !== '__proto__' }))
  const count = names.length
  return (fields) => {
    if (fields.length !== count && ragged === 'error') {
      throw new BadRecord(
        'MR-5101',
        `has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, and there are ${count} columns`,
      )
    }
    const record: Record<string, unknown> = {}
    let waiting: Promise<void>[] | undefined
    for (const { name, of, at, isPlain } of picks) {
      const text = fields[at] ?? ''
      const value = of === undefined ? text : inColumn(name, of, text)
      if (value instanceof Promise) {
        // Its place among the fields is taken at once.
        put(record, name, undefined, isPlain)
        ;(waiting ??= []).push(value.then((decoded) => put(record, name, decoded, isPlain)))
      } else put(record, name, value, isPlain)
    }
    if (waiting !== undefined) return Promise.all(waiting).then(() => record)
    return codec === undefined ? record : decodeRecord(codec, record)
  }
}

/** An assignment to `__proto__` would not make a field. */
function put(record: Record<string, unknown>, name: string, value: unknown, isPlain: boolean): void {
  if (isPlain) record[name] = value
  else Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true })
}

function inColumn(name: string, codec: Codec, text: string): unknown {
  const failed = (error: unknown): never => {
    if (!(error instanceof BadRecord)) throw error
    throw new BadRecord(
      error.code,
      `in column ${preview(name)} ${error.reason}`,
      error.message.slice(error.reason.length + 2),
    )
  }
  try {
    const value = decodeRecord(codec, text)
    return value instanceof Promise ? value.catch(failed) : value
  } catch (error) {
    return failed(error)
  }
}

function refuseNames(names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    if (name.length > NAME_LENGTH_MAX)
      throw new BadRecord('MR-5102', `belongs to a header with a name longer than ${NAME_LENGTH_MAX} characters`)
    if (seen.has(name))
      throw new BadRecord(
        'MR-5102',
        'belongs to a header with two columns of one name',
        `${preview(name)} would be lost`,
      )
    seen.add(name)
  }
}

function indexOf(names: readonly string[], name: string): number {
  const at = names.indexOf(name)
  if (at >= 0) return at
  throw new BadRecord(
    'MR-5102',
    'belongs to a header that lacks a column',
    `there is no ${preview(name)} among ${preview(names)}. Name the columns with the option header if the file has no header`,
  )
}
