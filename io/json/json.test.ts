import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import * as t from 'io-ts'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { type DeadLetter, type PCollection, pipeline, type Pipeline, run, type RunOptions } from 'millrace'
import { readJsonArray, readNdjson, writeJsonArray, writeNdjson, type WrittenFile } from 'millrace/io/json'
import { type Element, ElementScanner } from './element-scanner.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-json-'))
afterAll(() => rmSync(root, { recursive: true }))
let files = 0
const fresh = (): string => join(root, String(files++))
function file(content: string | Uint8Array, end = ''): string {
  const path = `${fresh()}${end}`
  writeFileSync(path, content)
  return path
}
async function read<T>(transform: (p: Pipeline) => PCollection<T>, way: RunOptions = {}): Promise<readonly T[]> {
  const p = pipeline()
  p.apply('read', transform).collect('values')
  return (await run(p, way)).collect<T>('values')
}
async function write(
  transform: (input: PCollection<never>) => PCollection<WrittenFile>,
  values: readonly unknown[],
  way: RunOptions = {},
): Promise<readonly WrittenFile[]> {
  // prettier-ignore
  const p = pipeline()
  p.create('values', values as never[])
    .apply('write', transform)
    .collect('files')
  return (await run(p, way)).collect<WrittenFile>('files')
}
/** Texts of values in an order of their own, and of their fields: strict mode has another one. */
const sorted = (values: readonly unknown[]): readonly string[] =>
  values
    .map((value) =>
      JSON.stringify(value, (_, part: unknown) =>
        typeof part === 'object' && part !== null && !Array.isArray(part)
          ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
          : part,
      ),
    )
    .sort()

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 3, stageCompiler: 'closures' },
  {},
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 2 },
]

const DateText = new t.Type<Date, string, unknown>(
  'DateText',
  (value): value is Date => value instanceof Date,
  (input, context) => (typeof input === 'string' && !Number.isNaN(Date.parse(input)) ? t.success(new Date(input)) : t.failure(input, context)), // prettier-ignore
  (date) => date.toISOString(),
)
/** Text in, text out, and not the same: the input form of a value that is one of its own. */
const Reversed = new t.Type<string, string, unknown>(
  'Reversed',
  t.string.is,
  (input, context) =>
    typeof input === 'string' ? t.success([...input].reverse().join('')) : t.failure(input, context),
  (text) => [...text].reverse().join(''),
)

describe.each([
  [
    'NDJSON',
    readNdjson,
    writeNdjson,
    (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join(''),
  ],
  ['JSON arrays', readJsonArray, writeJsonArray, (values: readonly unknown[]) => JSON.stringify(values, undefined, 1)],
] as const)('%s', (_, readValues, writeValues, format) => {
  it.each(ways)('every JSON value comes back as it was: %j', async (way) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue({ stringUnit: 'binary' }), { maxLength: 12 }), async (values) => {
        const expected = sorted(values)
        expect(sorted(await read(readValues(file(format(values))), way))).toEqual(expected)
        const path = fresh()
        await write(writeValues(path), values, way)
        expect(sorted(await read(readValues(path), way))).toEqual(expected)
      }),
      { numRuns: 12 },
    )
  })

  it('without a codec nothing is known of the values; a codec decodes and encodes them', async () => {
    expectTypeOf(readValues('x')).returns.toEqualTypeOf<PCollection<unknown>>()
    const codec = t.type({ at: DateText, word: Reversed })
    const coded = readValues(file(format([{ at: '2026-01-01T00:00:00.000Z', word: 'abc' }])), { codec })
    expectTypeOf(coded).returns.toEqualTypeOf<PCollection<{ at: Date; word: string }>>()
    for (const way of ways) expect(await read(coded, way)).toEqual([{ at: new Date('2026-01-01'), word: 'cba' }])
    const path = fresh()
    await write(writeValues(path, { codec }), [{ at: new Date('2026-01-01'), word: 'cba' }])
    expect(JSON.parse(readFileSync(path, 'utf8').replace(/^\[|\]\s*$/g, ''))).toEqual({ at: '2026-01-01T00:00:00.000Z', word: 'abc' }) // prettier-ignore
  })

  it('any Standard Schema decodes, also one that transforms, or takes its time', async () => {
    const path = file(format([{ n: '1' }, { n: '2' }, { n: 'x' }]))
    const codec = z.object({ n: z.coerce.number() }).transform(async ({ n }) => Promise.resolve(n * 10))
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'))
    const numbers = p.apply('read', readValues(path, { codec, onError }))
    expectTypeOf(numbers).toEqualTypeOf<PCollection<number>>()
    numbers.collect('values')
    const result = await run(p, { strict: true })
    expect(sorted(result.collect('values'))).toEqual(['10', '20'])
    expect(result.collect<DeadLetter>('bad/letters')[0]?.error.message).toMatch(
      /does not fit the codec zod schema: .* at n: /,
    )
  })

  it('event times come from the record', async () => {
    const p = pipeline()
    const codec = t.type({ at: DateText })
    p.apply('read', readValues(file(format([{ at: '2026-01-01' }])), { codec, timestamp: ({ at }) => at }))
      .parDo('when', { output: t.number, process: (_, { emit, timestamp }) => emit(timestamp) })
      .collect('times')
    expect((await run(p)).collect('times')).toEqual([Date.UTC(2026, 0, 1)])
  })

  it('what JSON cannot say is refused with the path to it, and goes to the handler', async () => {
    const self: unknown[] = []
    self.push(self)
    const bad: readonly (readonly [value: unknown, reason: RegExp])[] = [
      [{ a: [1, Number.NaN] }, /JSON has no NaN at a\[1\]/],
      [{ a: { b: Number.POSITIVE_INFINITY } }, /JSON has no Infinity at a\.b/],
      [{ m: new Map() }, /JSON has no Map at m/],
      [{ s: [new Set()] }, /JSON has no Set at s\[0\]/],
      [{ n: 5n }, /JSON has no bigint at n/],
      [[undefined], /JSON has no undefined at \[0\]/],
      [{ d: new Date(Number.NaN) }, /no invalid date at d/],
      [new Uint8Array(2), /JSON has no Uint8Array/],
    ]
    for (const [value, reason] of bad) {
      await expect(write(writeValues(fresh()), [value])).rejects.toThrow(reason)
    }
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'))
    const path = fresh()
    p.create('values', [{ fine: '\uD800' }, ...bad.map(([value]) => value)] as unknown[]).apply('write', writeValues(path, { onError })) // prettier-ignore
    const result = await run(p)
    expect(result.collect('bad/letters')).toHaveLength(bad.length)
    // A lone surrogate is written as an escape, which reading undoes.
    expect(await read(readValues(path))).toEqual([{ fine: '\uD800' }])
  })

  it.each([
    [{ codec: 5 }, /codec of \w+ must be an io-ts codec or a Standard Schema, but is 5/],
    [{ coded: t.unknown }, /no option "coded" of \w+\. Did you mean "codec"\?/],
    [{ invalidUtf8: 'keep' }, /invalidUtf8 of \w+ is "keep"/],
    [{ maxRecordBytes: 1.5 }, /maxRecordBytes of \w+ must be a whole number/],
  ])('refuses %j while the pipeline is built', (options, message) => {
    expect(() => readValues('a', options as never)).toThrow(message)
    expect(() => readValues('a', options as never)).toThrow(/\n {2}at .*json\.test\.ts:\d+:\d+$/)
  })
})

it.each(ways)('lines of bad records are right in every range of a file, plain and packed: %j', async (way) => {
  const lines = Array.from({ length: 600 }, (_, i) => (i % 40 === 7 ? '{bad' : i % 13 === 0 ? '' : `{"n":${i}}`))
  const expected = lines.flatMap((line, i) => (line === '{bad' ? [i + 1] : []))
  for (const [content, end] of [
    [lines.join('\r\n'), ''],
    [gzipSync(lines.join('\n')), '.gz'],
  ] as const) {
    const path = file(content, end)
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'))
    p.apply('read', readNdjson(path, { onError })).collect('values')
    const letters = (await run(p, way)).collect<DeadLetter>('bad/letters')
    const places = letters.map(({ source }) => /:(\d+) \(byte (\d+)\)$/.exec(source as string) as RegExpExecArray)
    expect(places.map(([, line]) => Number(line)).sort((a, b) => a - b)).toEqual(expected)
    const text = end === '' ? lines.join('\r\n') : lines.join('\n')
    for (const [, line, byte] of places) expect(text.slice(0, Number(byte)).split('\n')).toHaveLength(Number(line))
  }
})

it('every shard of an array is valid JSON, also one without elements', async () => {
  const at = fresh()
  mkdirSync(at)
  const values = Array.from({ length: 20 }, (_, n) => ({ n }))
  await write(writeJsonArray(join(at, 'a.json'), { shards: 3 }), values, { bundleSize: 4 })
  await write(writeJsonArray(join(at, 'none.json'), { shards: 2 }), [])
  const arrays = readdirSync(at).map((name): unknown => JSON.parse(readFileSync(join(at, name), 'utf8')))
  expect(arrays).toHaveLength(5)
  expect(sorted(arrays.flat())).toEqual(sorted(values))
})

describe('finding the elements of an array', () => {
  /** Scans a text that comes in pieces as short as `short`. */
  function scan(bytes: Uint8Array, short: number, max: number): readonly (Element & { readonly text: string })[] {
    const scanner = new ElementScanner(Math.max(1, short), max)
    const found: (Element & { readonly text: string })[] = []
    for (let at = 0, isAtEnd = false; ;) {
      const next = scanner.next(isAtEnd)
      if (next === 'end') return found
      if (next !== 'hungry') {
        found.push({ ...next, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(next.bytes) })
        continue
      }
      const space = scanner.space()
      const count = Math.min(space.length, short, bytes.length - at)
      space.set(bytes.subarray(at, at + count))
      at += count
      if (count === 0) isAtEnd = true
      else scanner.filled(count)
    }
  }

  it('gives each element with its offset and line, whatever sizes the bytes come in', () => {
    const space = fc.constantFrom('', ' ', '\n', '\t\r\n  ')
    const element = fc.tuple(space, fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(undefined, 2), space)
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (elements, short) => {
        const parts = elements.map(
          ([before, value, indent, after]) => before + JSON.stringify(value, undefined, indent) + after,
        )
        const text = ` [${parts.join(',')}]\n`
        const bytes = new TextEncoder().encode(text)
        const found = scan(bytes, short, 1 << 20)
        expect(found.map((one) => JSON.parse(one.text) as unknown)).toEqual(JSON.parse(text))
        for (const { from, to, lines, text: own } of found) {
          const before = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, from))
          expect(before.split('\n').length - 1).toBe(lines)
          expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(from)).startsWith(own)).toBe(true)
          expect([0x2c, 0x5d]).toContain(bytes[to - 1])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('never ends on a text that is no array without saying so', () => {
    const piece = fc.constantFrom('[', ']', '{', '}', ',', '"', '\\', '1', ' ', '\n', 'x', '\uFEFF', 'é')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.integer({ min: 1, max: 5 }), (pieces, short) => {
        const text = pieces.join('')
        const found = scan(new TextEncoder().encode(text), short, 1 << 20)
        const isArray = ((): boolean => {
          try {
            return Array.isArray(JSON.parse(text.replace(/^\uFEFF/, '')))
          } catch {
            return false
          }
        })()
        const allGood = found.every((element) => {
          if (element.bad !== undefined) return false
          try {
            JSON.parse(element.text)
            return true
          } catch {
            return false
          }
        })
        expect(allGood).toBe(isArray)
      }),
      { numRuns: 3000 },
    )
  })

  it('lets go of an element that is too long, and goes on with the next', () => {
    const text = `[1, "${'x'.repeat(5000)}" , [${'1,'.repeat(2000)}1], 2]`
    const found = scan(new TextEncoder().encode(text), 64, 1000)
    expect(found.map(({ bad }) => bad !== undefined)).toEqual([false, true, true, false])
    expect(found.map(({ bytes }) => bytes.length <= 512)).toEqual([true, true, true, true])
    expect(found[3]?.text).toBe('2')
  })
})

it('an array far larger than memory allows for is read element by element', async () => {
  const path = fresh()
  const descriptor = openSync(path, 'w')
  const element = `{"n":1,"text":"${'x'.repeat(1000)}"}`
  const block = `${element},\n`.repeat(1024)
  writeSync(descriptor, '[')
  for (let i = 0; i < 64; i++) writeSync(descriptor, block)
  writeSync(descriptor, `${element}]`)
  closeSync(descriptor)
  const p = pipeline()
  const before = process.memoryUsage().arrayBuffers
  let count = 0
  let most = 0
  p.apply('read', readJsonArray(path)).filter('count', () => {
    if (++count % 8192 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    return false
  })
  await run(p)
  expect(count).toBe(64 * 1024 + 1)
  expect(most).toBeLessThan(16 * 2 ** 20)
})

it('a record of 200 MiB is refused soon, in every format, without holding it', async () => {
  for (const [reader, start] of [
    [readNdjson, '1\n"'],
    [readJsonArray, '[1,\n"'],
  ] as const) {
    const path = file(start)
    const descriptor = openSync(path, 'r+')
    ftruncateSync(descriptor, 200 * 2 ** 20)
    closeSync(descriptor)
    const before = process.memoryUsage().arrayBuffers
    const reading = read<unknown>(reader(path, { codec: t.unknown }))
    await expect(reading).rejects.toThrow(/:2 \(byte \d\) is (longer than maxRecordBytes|cut off)/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(80 * 2 ** 20)
  }
})
