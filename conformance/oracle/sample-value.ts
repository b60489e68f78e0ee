/**
 * Values as samples write them (JSON, bytes in hexadecimal, wide integers as text), as our coders take them.
 */
import { logicalTypes } from '../../sdk/schema/schema.js'
import { decodeElementContext, fromWireMillis } from '../../sdk/coders/index.js'
import { fromHex } from './hex.js'
import { type CoderSpec, coderOf } from './sample-coder.js'
import type { SampleSchema, SampleType } from './sample-schema.js'

type Json = Readonly<Record<string, unknown>>

/** Fields of an object. */
function fieldsOf(json: unknown, what: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`expected ${what}, got ${JSON.stringify(json)}`)
  return json as Json
}

/** A field that must be there. */
function fieldOf(fields: Json, name: string, what: string): unknown {
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (field === undefined) throw new Error(`${what} has no "${name}"`)
  return field
}

function listOf(json: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(json)) throw new Error(`expected ${what}, got ${JSON.stringify(json)}`)
  return json
}

function integerOf(json: unknown): number | bigint {
  if (typeof json !== 'number' && !(typeof json === 'string' && /^-?\d+$/.test(json)))
    throw new Error(`expected an integer, got ${JSON.stringify(json)}`)
  if (typeof json === 'number' && !Number.isInteger(json)) throw new Error(`expected an integer, got ${json}`)
  const exact = BigInt(json)
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact
}

const specialNumbers: ReadonlyMap<string, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
  ['-0.0', -0],
])

function floatOf(json: unknown): number {
  const value = typeof json === 'number' ? json : specialNumbers.get(json as string)
  if (value === undefined) throw new Error(`expected a number, got ${JSON.stringify(json)}`)
  return value
}

function decimalOf(json: unknown): string {
  if (typeof json !== 'string' && typeof json !== 'number')
    throw new Error(`expected the text of a decimal number, got ${JSON.stringify(json)}`)
  return String(json)
}

const timings: ReadonlyMap<unknown, string> = new Map([
  ['EARLY', 'early'],
  ['ON_TIME', 'onTime'],
  ['LATE', 'late'],
  ['UNKNOWN', 'unknown'],
])

function paneOf(json: unknown): unknown {
  const pane = fieldsOf(json, 'a pane')
  for (const name of ['isFirst', 'isLast', 'timing', 'index', 'nonSpeculativeIndex']) fieldOf(pane, name, 'a pane')
  return { ...pane, timing: timings.get(pane['timing']) ?? pane['timing'] }
}

/** Timestamps of samples are Beam's. */
function timestampOf(json: unknown): number {
  return fromWireMillis(BigInt(integerOf(json)))
}

/** The value that the coder of `spec` takes, from a sample's. @throws {Error} when it is none. */
export function valueOf(spec: CoderSpec, json: unknown): unknown {
  const part = (i: number, value: unknown): unknown => {
    const component = spec.components?.[i]
    if (component === undefined) throw new Error(`coder ${spec.urn} needs a component number ${i}`)
    return valueOf(component, value)
  }
  switch (spec.urn) {
    case 'beam:coder:bytes:v1':
      return fromHex(json as string)
    case 'beam:coder:varint:v1':
      return integerOf(json)
    case 'beam:coder:double:v1':
      return floatOf(json)
    case 'beam:coder:global_window:v1':
      return { kind: 'global' }
    case 'beam:coder:interval_window:v1': {
      const window = fieldsOf(json, 'a window')
      return {
        start: timestampOf(fieldOf(window, 'start', 'a window')),
        end: timestampOf(fieldOf(window, 'end', 'a window')),
      }
    }
    case 'beam:coder:custom_window:v1':
    case 'beam:coder:length_prefix:v1':
      return part(0, json)
    case 'beam:coder:nullable:v1':
      return json === null ? null : part(0, json)
    case 'beam:coder:kv:v1': {
      const pair = fieldsOf(json, '{ key, value }')
      return { key: part(0, fieldOf(pair, 'key', 'a pair')), value: part(1, fieldOf(pair, 'value', 'a pair')) }
    }
    case 'beam:coder:iterable:v1':
    case 'beam:coder:state_backed_iterable:v1':
      return listOf(json, 'a list').map((element) => part(0, element))
    case 'beam:coder:sharded_key:v1': {
      const sharded = fieldsOf(json, '{ key, shardId }')
      return {
        key: part(0, fieldOf(sharded, 'key', 'a sharded key')),
        shardId: fromHex(fieldOf(sharded, 'shardId', 'a sharded key') as string),
      }
    }
    case 'beam:coder:windowed_value:v1': {
      const windowed = fieldsOf(json, 'a windowed value')
      const field = (name: string): unknown => fieldOf(windowed, name, 'a windowed value')
      return {
        value: part(0, field('value')),
        timestamp: timestampOf(field('timestamp')),
        windows: listOf(field('windows'), 'windows').map((window) => part(1, window)),
        pane: paneOf(field('pane')),
      }
    }
    case 'beam:coder:param_windowed_value:v1': {
      const window = spec.components?.[1]
      if (window === undefined) throw new Error(`coder ${spec.urn} needs a component number 1`)
      const context = decodeElementContext(fromHex(spec.payloadHex ?? ''), coderOf(window))
      return { value: part(0, fieldOf(fieldsOf(json, 'a windowed value'), 'value', 'a windowed value')), ...context }
    }
    case 'beam:coder:timer:v1':
      return timerOf(fieldsOf(json, 'a timer'), part)
    case 'beam:coder:row:v1':
      return rowOf(spec.schema, json)
    default:
      return json
  }
}

function timerOf(timer: Json, part: (i: number, value: unknown) => unknown): unknown {
  const field = (name: string): unknown => fieldOf(timer, name, 'a timer')
  const base = {
    userKey: part(0, field('userKey')),
    dynamicTimerTag: field('dynamicTimerTag'),
    windows: listOf(field('windows'), 'windows').map((window) => part(1, window)),
    clearBit: timer['clearBit'] === true,
  }
  if (base.clearBit) return base
  return {
    ...base,
    fireTimestamp: timestampOf(field('fireTimestamp')),
    holdTimestamp: timestampOf(field('holdTimestamp')),
    pane: paneOf(field('pane')),
  }
}

function rowOf(schema: SampleSchema | undefined, json: unknown): unknown {
  if (schema === undefined) throw new Error('coder beam:coder:row:v1 needs a schema')
  const row = fieldsOf(json, 'a row')
  const known = new Set(schema.fields.map(({ name }) => name))
  const stranger = Object.keys(row).find((name) => !known.has(name))
  if (stranger !== undefined) throw new Error(`the schema has no field "${stranger}"`)
  return Object.fromEntries(
    schema.fields.map(({ name, type }) => [name, Object.hasOwn(row, name) ? fieldValue(type, row[name]) : null]),
  )
}

function fieldValue(type: SampleType, json: unknown): unknown {
  if (json === null || json === undefined) return null
  const { typeName, element, key, value, schema, urn, representation } = type
  switch (typeName) {
    case 'BYTE':
    case 'INT16':
    case 'INT32':
    case 'INT64':
    case 'DATETIME':
      return integerOf(json)
    case 'FLOAT':
    case 'DOUBLE':
      return floatOf(json)
    case 'BYTES':
      return fromHex(json as string)
    case 'DECIMAL':
      return decimalOf(json)
    case 'ARRAY':
    case 'ITERABLE':
      return listOf(json, 'a list').map((item) => (element === undefined ? item : fieldValue(element, item)))
    case 'MAP':
      return new Map(
        listOf(json, 'a list of [key, value]').map((entry) => {
          const [k, v] = listOf(entry, '[key, value]')
          return [key === undefined ? k : fieldValue(key, k), value === undefined ? v : fieldValue(value, v)]
        }),
      )
    case 'ROW':
      return rowOf(schema, json)
    case 'LOGICAL_TYPE':
      if (urn === logicalTypes.decimal) return decimalOf(json)
      return representation === undefined ? json : fieldValue(representation, json)
    default:
      return json
  }
}
