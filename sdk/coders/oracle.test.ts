/** Every value of every coder that Beam Java 2.60.0 has answered for (`conformance/oracle/coders.jsonl`), rows excepted. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../conformance/oracle/hex.js'
import { coderOf, type CoderSpec } from '../../conformance/oracle/sample-coder.js'
import { decodeElementContext, decodeFromBytes, encodeElementContext, encodeToBytes } from './index.js'

interface Sample {
  readonly group: string
  readonly coder: CoderSpec
  readonly value: unknown
  readonly hexNested: string
  readonly hexOuter: string
}

const samples = readFileSync(new URL('../../conformance/oracle/coders.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Sample)
const rows = samples.filter((sample) => sample.group.startsWith('row'))
const standard = samples.filter((sample) => !sample.group.startsWith('row'))

const globalWindow = { kind: 'global' } as const
const short = (urn: string): string => urn.replace('beam:coder:', '').replace(':v1', '')

/** Beam's ends of time and the timestamps that stand for them. Written out: the translation is under test here. */
const endsOfTime: Readonly<Record<string, number>> = {
  '9223372036854775': 9007199254740991,
  '-9223372036854775': -9007199254740991,
  '9223371950454775': 9007199254740991 - 86400000,
}
const timings: Readonly<Record<string, string>> = {
  EARLY: 'early',
  ON_TIME: 'onTime',
  LATE: 'late',
  UNKNOWN: 'unknown',
}

type Json = Readonly<Record<string, unknown>>
const timestampOf = (json: unknown): number =>
  typeof json === 'number' ? json : (endsOfTime[json as string] as number)
const paneOf = (json: unknown): unknown => ({ ...(json as Json), timing: timings[(json as { timing: string }).timing] })

/** The oracle's JSON as the value that the coder takes and gives. */
function valueOf(spec: CoderSpec, json: unknown): unknown {
  const [first, second] = spec.components ?? []
  const part = (of: CoderSpec | undefined, value: unknown): unknown => valueOf(of as CoderSpec, value)
  const fields = json as Json
  switch (short(spec.urn)) {
    case 'bytes':
      return fromHex(json as string)
    case 'varint': {
      const exact = BigInt(json as string | number)
      return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact
    }
    case 'double':
      return typeof json === 'number' ? json : Number(json)
    case 'global_window':
      return globalWindow
    case 'custom_window':
    case 'length_prefix':
      return part(first, json)
    case 'nullable':
      return json === null ? null : part(first, json)
    case 'kv':
      return { key: part(first, fields['key']), value: part(second, fields['value']) }
    case 'iterable':
      return (json as unknown[]).map((element) => part(first, element))
    case 'sharded_key':
      return { key: part(first, fields['key']), shardId: fromHex(fields['shardId'] as string) }
    case 'windowed_value':
      return {
        value: part(first, fields['value']),
        timestamp: timestampOf(fields['timestamp']),
        windows: (fields['windows'] as unknown[]).map((window) => part(second, window)),
        pane: paneOf(fields['pane']),
      }
    case 'param_windowed_value':
      return {
        value: part(first, fields['value']),
        ...decodeElementContext(fromHex(spec.payloadHex ?? ''), coderOf(second as CoderSpec)),
      }
    case 'timer':
      return {
        userKey: part(first, fields['userKey']),
        dynamicTimerTag: fields['dynamicTimerTag'],
        windows: (fields['windows'] as unknown[]).map((window) => part(second, window)),
        clearBit: fields['clearBit'],
        ...(fields['clearBit'] === true
          ? {}
          : {
              fireTimestamp: timestampOf(fields['fireTimestamp']),
              holdTimestamp: timestampOf(fields['holdTimestamp']),
              pane: paneOf(fields['pane']),
            }),
      }
    default:
      return json
  }
}

describe('the coders write and read what Beam Java does', () => {
  test('for 226 values of 16 coders; the other 30 of 256 are rows', () => {
    expect(samples).toHaveLength(256)
    expect(rows).toHaveLength(30)
    expect(standard).toHaveLength(226)
    expect(new Set(standard.map((sample) => sample.group)).size).toBe(16)
  })

  standard.forEach(({ group, coder: spec, value: json, hexNested, hexOuter }, line) => {
    test(`${group} ${line}`, () => {
      const coder = coderOf(spec)
      const value = valueOf(spec, json)
      expect(toHex(encodeToBytes(coder, value, true)), 'nested').toBe(hexNested)
      expect(toHex(encodeToBytes(coder, value, false)), 'outer').toBe(hexOuter)
      expect(decodeFromBytes(coder, fromHex(hexNested), true), 'nested').toEqual(value)
      expect(decodeFromBytes(coder, fromHex(hexOuter), false), 'outer').toEqual(value)
    })
  })

  test('the payload of a param_windowed_value coder is written as it was read', () => {
    const payloads = standard.filter((sample) => sample.group === 'param_windowed_value').map((sample) => sample.coder)
    expect(payloads.length).toBeGreaterThan(0)
    for (const { components, payloadHex } of payloads) {
      const window = coderOf(components?.[1] as CoderSpec)
      const payload = fromHex(payloadHex as string)
      expect(toHex(encodeElementContext(decodeElementContext(payload, window), window))).toBe(payloadHex)
    }
  })
})
