/** What Beam Java has written is what we write and read: every recorded value of every coder, and none that is broken. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeFromBytes } from '../../sdk/coders/index.js'
import { seededRandom } from '../../sdk/env.js'
import { DecodeError } from '../../sdk/errors.js'
import { coderOf, type CoderSample, runCoderSample } from './coder-sample.js'
import { fromHex } from './sample-value.js'

interface Recorded extends CoderSample {
  readonly group: string
  readonly hexNested: string
  readonly hexOuter: string
}
const samples = readFileSync(new URL('coders.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded)

describe('the samples of Beam Java', () => {
  test('are 256 of 18 groups, rows among them', () => {
    expect(samples).toHaveLength(256)
    expect(new Set(samples.map(({ group }) => group)).size).toBe(18)
  })

  samples.forEach((sample, line) => {
    test(`${sample.group} ${line}: the same bytes, from the value and from the bytes`, () => {
      const { hexNested, hexOuter, ...value } = sample
      expect(runCoderSample(value)).toEqual(sample)
      const { value: _value, ...bytes } = sample
      expect(runCoderSample(bytes)).toEqual(bytes)
      const outer = { group: sample.group, coder: sample.coder, hexOuter }
      expect(runCoderSample(outer)).toEqual({ ...outer, hexNested })
    })
  })
})

/** Examples of our own, worked out by hand from Beam's description of the formats. */
// prettier-ignore
const byHand: readonly (readonly [string, CoderSample['coder'], unknown, string])[] = [
  ['a negative 64-bit integer', { urn: 'beam:coder:varint:v1' }, '-1', 'ffffffffffffffffff01'],
  ['the largest 64-bit integer', { urn: 'beam:coder:varint:v1' }, '9223372036854775807', 'ffffffffffffffff7f'],
  ['a shard without a name', { urn: 'beam:coder:sharded_key:v1', components: [{ urn: 'beam:coder:string_utf8:v1' }] }, { key: 'k', shardId: '' }, '00016b'],
  ['a custom window around the global one', { urn: 'beam:coder:custom_window:v1', components: [{ urn: 'beam:coder:global_window:v1' }] }, {}, '8020c49ba0bcf7f7'],
  ['a row with a null in the middle', { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 's', type: { typeName: 'STRING' } }, { name: 'i', type: { typeName: 'INT64' } }, { name: 'd', type: { typeName: 'DOUBLE' } }, { name: 'o', type: { typeName: 'STRING', nullable: true } }, { name: 'l', type: { typeName: 'ARRAY', element: { typeName: 'STRING' } } }] } }, { s: 'ab', i: 300, d: 1.5, o: null, l: ['x', 'yz'] }, '050108026162ac023ff80000000000000000000201780279' + '7a'],
  ['a row whose fields are encoded in another order', { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'a', type: { typeName: 'BYTE', nullable: true }, encodingPosition: 1 }, { name: 'b', type: { typeName: 'BOOLEAN' }, encodingPosition: 0 }] } }, { a: null, b: true }, '02010201'],
  ['small integers, single precision and a micros instant', { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'a', type: { typeName: 'BYTE' } }, { name: 'b', type: { typeName: 'INT16' } }, { name: 'c', type: { typeName: 'INT32' } }, { name: 'd', type: { typeName: 'FLOAT' } }, { name: 'e', type: { typeName: 'BYTES' } }, { name: 'f', type: { typeName: 'LOGICAL_TYPE', urn: 'beam:logical_type:micros_instant:v1', representation: { typeName: 'ROW', schema: { fields: [{ name: 'seconds', type: { typeName: 'INT64' } }, { name: 'micros', type: { typeName: 'INT64' } }] } } } }] } }, { a: 2, b: 258, c: -1, d: 1.5, e: '0102', f: { seconds: 1, micros: 500000 } }, '0600020102ffffffff0f3fc000000201020200' + '01a0c21e'],
  ['a decimal', { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'm', type: { typeName: 'DECIMAL' } }] } }, { m: '12.34' }, '0100020204d2'],
  ['a decimal that ends in zeros', { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'm', type: { typeName: 'DECIMAL' } }] } }, { m: '-1.28E+4' }, '0100feffffff0f0180'],
]
test.each(byHand)('writes %s', (_, coder, value, hex) => {
  expect(runCoderSample({ coder, value })).toMatchObject({ hexNested: hex })
})

// prettier-ignore
const wrong: readonly (readonly [string, CoderSample, string])[] = [
  ['an unknown coder', { coder: { urn: 'beam:coder:moon:v1' }, value: 1 }, 'unknown coder beam:coder:moon:v1'],
  ['a coder without a part', { coder: { urn: 'beam:coder:kv:v1', components: [] }, value: {} }, 'coder beam:coder:kv:v1 needs a component number 0'],
  ['an unknown type in a schema', { coder: { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'a', type: { typeName: 'MOON' } }] } }, value: {} }, 'unknown schema type MOON'],
  ['nothing to encode', { coder: { urn: 'beam:coder:varint:v1' } }, 'a sample needs a value, hexNested or hexOuter'],
  ['a value of another kind', { coder: { urn: 'beam:coder:bool:v1' }, value: 1 }, 'expected a boolean, got 1'],
  ['null where none may be', { coder: { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'a', type: { typeName: 'STRING' } }] } }, value: { a: null } }, 'field "a" must not be null, in { a: null }'],
  ['bytes that end early', { coder: { urn: 'beam:coder:string_utf8:v1' }, hexNested: '05616263' }, 'length 5, but only 3 bytes follow, at byte 0 of 4'],
]
test.each(wrong)('answers %s with an error', (_, sample, error) => {
  expect(runCoderSample(sample)).toMatchObject({ error })
  expect(runCoderSample(sample)).not.toHaveProperty('hexNested')
})

describe('broken bytes', () => {
  const seed = Number(process.env['MILLRACE_SEED'] ?? 20261121)
  test(`are refused or read as another value, in no time and memory (seed ${seed})`, () => {
    const random = seededRandom(seed)
    let refused = 0
    let read = 0
    for (let round = 0; round < 40; round++) {
      for (const sample of samples) {
        const coder = coderOf(sample.coder)
        const bytes = fromHex(sample.hexNested)
        const kind = random()
        const broken = kind < 0.4 ? bytes.slice(0, Math.floor(random() * bytes.length)) : bytes.slice()
        if (kind >= 0.4 && broken.length > 0)
          for (let n = 1 + Math.floor(random() * 4); n > 0; n--)
            broken[Math.floor(random() * broken.length)] = kind < 0.6 ? 0xff : Math.floor(random() * 256)
        try {
          decodeFromBytes(coder, broken, true)
          read++
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
          refused++
        }
      }
    }
    expect(refused + read).toBe(40 * 256)
    expect(refused).toBeGreaterThan(2000)
  }, 20_000)
})
