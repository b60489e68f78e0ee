/**
 * From a value to its JSON text, in one line.
 *
 * Law: what is written is read again as an equal value (−0 as 0, a Date as its text, a field that is `undefined` as none); what
 * JSON cannot say is refused, with the path to it.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Codec } from '../../sdk/codec.js'
import { fieldSegment } from '../../sdk/coders/refusal.js'
import { preview } from '../../sdk/preview.js'
import { encodeRecord } from '../text/record-codec.js'
import { DEPTH_MAX } from './parse-json.js'

/** What a value cannot be written for, and where in it. */
interface Problem {
  readonly what: string
  readonly path: string
}

/** The text of a record. @throws {TypeError} when JSON has none for it. */
export function formatJson(codec: Codec | undefined, value: unknown): string {
  const plain = encodeRecord(codec, value)
  const problem = problemOf(plain, 0)
  if (problem !== undefined) {
    const where = problem.path === '' ? '' : ` at ${problem.path.replace(/^\./, '')}`
    const hint = codec === undefined ? ' Map it to what JSON has, or give a codec that does.' : ''
    throw coded(
      'MR-4016',
      new TypeError(`${preview(value)} cannot be written as JSON: ${problem.what}${where}.${hint}`),
    )
  }
  return JSON.stringify(plain)
}

function problemOf(value: unknown, depth: number): Problem | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : { what: `JSON has no ${String(value)}`, path: '' }
    case 'object':
      return value === null ? undefined : problemOfObject(value, depth)
    default:
      return { what: `JSON has no ${typeof value}`, path: '' }
  }
}

function problemOfObject(value: object, depth: number): Problem | undefined {
  if (depth >= DEPTH_MAX)
    return { what: `it is nested deeper than ${DEPTH_MAX} arrays and objects, or holds itself`, path: '' }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = problemOf(value[i], depth + 1)
      if (problem !== undefined) return { what: problem.what, path: `[${i}]${problem.path}` }
    }
    return undefined
  }
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? { what: 'JSON has no invalid date', path: '' } : undefined
  if (typeof toJSON === 'function') return problemOf(toJSON.call(value, ''), depth + 1)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype)
    return { what: `JSON has no ${nameOf(prototype)}`, path: '' }
  for (const name of Object.keys(value)) {
    const field = (value as Readonly<Record<string, unknown>>)[name]
    if (field === undefined) continue
    const problem = problemOf(field, depth + 1)
    if (problem !== undefined) return { what: problem.what, path: `${fieldSegment(name)}${problem.path}` }
  }
  return undefined
}

function nameOf(prototype: unknown): string {
  const made = (prototype as { readonly constructor?: { readonly name?: string } }).constructor
  return made?.name === undefined || made.name === '' ? 'object of a class' : made.name
}
