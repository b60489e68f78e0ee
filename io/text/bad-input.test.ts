/**
 * What bad input does: each row of the table, in each format that can have it, plain and packed, with and without a handler for
 * dead letters. A cell that is not in the table says why in its row.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as t from 'io-ts'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type DeadLetter,
  type ErrorHandler,
  type Instant,
  type PCollection,
  pipeline,
  type Pipeline,
  run,
} from 'millrace'
import { csv, readCsv } from 'millrace/io/csv'
import { readJsonArray, readNdjson } from 'millrace/io/json'
import { readLines } from 'millrace/io/text'

const root = mkdtempSync(join(tmpdir(), 'millrace-bad-'))
afterAll(() => rmSync(root, { recursive: true }))

type Format = 'lines' | 'ndjson' | 'csv' | 'array'

/** What is in a file, and what must become of it. */
interface Cell {
  readonly content: string | Buffer
  /** Records, in any order, as JSON. */
  readonly records: readonly unknown[]
  /** Line, byte and reason of each dead letter; without a handler the first one fails the run. */
  readonly letters?: readonly (readonly [line: number, byte: number, reason: RegExp])[]
  /** Whether records have their time from a field `at`. */
  readonly timed?: boolean
  /** What fails the run, handler or not. */
  readonly fails?: RegExp
  /** Only in packed files. */
  readonly packedOnly?: boolean
  /** What is done to the packed bytes. */
  readonly damage?: (packed: Buffer) => Buffer
}

type Row = Readonly<Partial<Record<Format, Cell>>>

const bytes = (...parts: (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([...part]))))
const MiB = 1024 * 1024
const x = (count: number): string => 'x'.repeat(count)
const BAD_UTF8 = [0x22, 0xc3, 0x28, 0x22]
const BOM = '\uFEFF'
const deep = `${'['.repeat(600)}1${']'.repeat(600)}`
const odd = ['__proto__', 'constructor', 'hasOwnProperty', 'toString']
const own = (name: string, value: unknown): object => Object.fromEntries([[name, value]])

/** A row about times: what `at` is in JSON, and in CSV. */
const timed = (json: string, text: string, reason: RegExp): Row => ({
  ndjson: { content: `{"at":1}\n{"at":${json}}\n`, records: [{ at: 1 }], letters: [[2, 9, reason]], timed: true },
  array: { content: `[{"at":1},\n{"at":${json}}]`, records: [{ at: 1 }], letters: [[2, 11, reason]], timed: true },
  csv: {
    content: `at\n1\n${text}\n`,
    records: [{ at: 1 }],
    letters: [[3, 5, /in column "at"|no valid timestamp/]],
    timed: true,
  },
})

const TRUNCATED = 'truncated archive'
const rows: Readonly<Record<string, Row>> = {
  // A line is malformed by its bytes only.
  'malformed record': {
    ndjson: { content: '1\n{bad\n3\n', records: [1, 3], letters: [[2, 2, /is not valid JSON: /]] },
    array: { content: '[1,\n{bad},\n3]', records: [1, 3], letters: [[2, 4, /is not valid JSON: /]] },
    csv: {
      content: 'a\n1\nx"y\n3\n',
      records: [{ a: '1' }, { a: '3' }],
      letters: [[3, 4, /a quote inside of field 1/]],
    },
  },
  'too few and too many fields': {
    csv: {
      content: 'a,b\n1,2\n3\n4,5,6\n',
      records: [{ a: '1', b: '2' }],
      letters: [
        [3, 8, /has 1 field, and there are 2 columns/],
        [4, 10, /has 3 fields, and there are 2 columns/],
      ],
    },
  },
  'bad UTF-8': {
    lines: { content: bytes('1\n', BAD_UTF8, '\n3\n'), records: ['1', '3'], letters: [[2, 2, /is not valid UTF-8/]] },
    ndjson: { content: bytes('1\n', BAD_UTF8, '\n3\n'), records: [1, 3], letters: [[2, 2, /is not valid UTF-8/]] },
    array: { content: bytes('[1,\n', BAD_UTF8, ',3]'), records: [1, 3], letters: [[2, 4, /is not valid UTF-8/]] },
    csv: {
      content: bytes('a\n1\n', BAD_UTF8, '\n3\n'),
      records: [{ a: '1' }, { a: '3' }],
      letters: [[3, 4, /is not valid UTF-8/]],
    },
  },
  'byte order mark': {
    lines: { content: `${BOM}1\n2\n`, records: ['1', '2'] },
    ndjson: { content: `${BOM}1\n2\n`, records: [1, 2] },
    array: { content: `${BOM}[1,2]`, records: [1, 2] },
    csv: { content: `${BOM}a\n1\n`, records: [{ a: '1' }] },
  },
  'truncated last record': {
    // The last line may do without its end.
    lines: { content: '1\n2', records: ['1', '2'] },
    ndjson: { content: '1\n{"a":', records: [1], letters: [[2, 2, /is not valid JSON: Unexpected end/]] },
    array: { content: '[1,\n{"a":', records: [1], letters: [[2, 4, /is cut off: the file ends inside/]] },
    csv: { content: 'a,b\n1,2\n"3', records: [{ a: '1', b: '2' }], letters: [[3, 8, /never closed/]] },
  },
  [TRUNCATED]: Object.fromEntries(
    (['lines', 'ndjson', 'array', 'csv'] as const).map((format): [Format, Cell] => [
      format,
      {
        content: format === 'array' ? '[1,2]' : '1\n2\n',
        records: [],
        fails: /cannot unpack ".*data\.gz" after \d+ bytes of text: unexpected end of file\. The gzip file is broken/,
        packedOnly: true,
        damage: (packed) => packed.subarray(0, -4),
      },
    ]),
  ),
  'oversize record': {
    lines: {
      content: `1\n${x(17 * MiB)}\n3\n`,
      records: ['1', '3'],
      letters: [[2, 2, /longer than maxLineBytes \(16777216 bytes\)/]],
    },
    ndjson: {
      content: `1\n"${x(17 * MiB)}"\n3\n`,
      records: [1, 3],
      letters: [[2, 2, /longer than maxRecordBytes \(16777216 bytes\)/]],
    },
    array: {
      content: `[1,\n"${x(17 * MiB)}",3]`,
      records: [1, 3],
      letters: [[2, 4, /longer than maxRecordBytes \(16777216 bytes\)/]],
    },
    csv: {
      content: `a\n1\n"${`${x(MiB)}\n`.repeat(17)}"\n3\n`,
      records: [{ a: '1' }, { a: '3' }],
      letters: [[3, 4, /longer than maxRecordBytes \(16777216 bytes\)/]],
    },
  },
  'oversize line of an oversize record': {
    csv: {
      content: `a\n1\n"${x(17 * MiB)}"\n3\n`,
      records: [{ a: '1' }, { a: '3' }],
      letters: [[3, 4, /longer than maxRecordBytes \(16777216 bytes\)/]],
    },
  },
  'huge name': {
    ndjson: {
      content: `1\n{"${x(MiB + 1)}" : 1}\n`,
      records: [1],
      letters: [[2, 2, /name is longer than 1048576 characters/]],
    },
    array: {
      content: `[1,{"${x(MiB + 1)}":1}]`,
      records: [1],
      letters: [[1, 3, /name is longer than 1048576 characters/]],
    },
    csv: {
      content: `${x(MiB + 1)}\n1\n`,
      records: [],
      letters: [
        [1, 0, /a header with a name longer than 1048576 characters/],
        [2, MiB + 2, /a header with a name longer than 1048576 characters/],
      ],
    },
  },
  'deep nesting': {
    ndjson: { content: `1\n${deep}\n`, records: [1], letters: [[2, 2, /nested deeper than 512/]] },
    array: { content: `[1,${deep}]`, records: [1], letters: [[1, 3, /nested deeper than 512/]] },
    // A text to these.
    lines: { content: `${deep}\n`, records: [deep] },
    csv: { content: `a\n"${deep}"\n`, records: [{ a: deep }] },
  },
  'nesting that is just not too deep': {
    ndjson: {
      content: `${'['.repeat(512)}${']'.repeat(512)}\n`,
      records: [JSON.parse(`${'['.repeat(512)}${']'.repeat(512)}`)],
    },
    array: {
      content: `[${'['.repeat(512)}${']'.repeat(512)}]`,
      records: [JSON.parse(`${'['.repeat(512)}${']'.repeat(512)}`)],
    },
  },
  'timestamp beyond the end of time': timed('9007199254740993', '9007199254740993', /outside ±\(2\^53 − 1\)/),
  'timestamp before the beginning of time': timed('-9007199254740993', '-9007199254740993', /outside ±\(2\^53 − 1\)/),
  'timestamp that is a text': timed('"NaN"', 'NaN', /no valid timestamp: .*no valid date/),
  'timestamp that is null': timed('null', '""', /no valid timestamp: null is not a timestamp/),
  'timestamp with a fraction': timed('1.5', '1.5', /whole numbers/),
  'timestamp without a time zone': timed('"2026-01-01T10:00:00"', '2026-01-01T10:00:00', /time zone/),
  'timestamp in microseconds': timed('1700000000000000', '1700000000000000', /divide microseconds by 1000/),
  'timestamp in nanoseconds': timed('1700000000000000000', '1700000000000000000', /outside ±\(2\^53 − 1\)|nanoseconds/),
  // Lines and CSV texts are texts, whatever they say.
  'NaN and infinity': {
    lines: { content: 'NaN\n1e999\n', records: ['NaN', '1e999'] },
    csv: { content: 'a\nNaN\n1e999\n', records: [{ a: 'NaN' }, { a: '1e999' }] },
    ndjson: {
      content: '1\nNaN\n{"a":[1e999]}\n',
      records: [1],
      letters: [
        [2, 2, /is not valid JSON/],
        [3, 6, /a number that is larger than any double/],
      ],
    },
    array: {
      content: `[1,\nNaN,\n{"a":-${'9'.repeat(400)}}]`,
      records: [1],
      letters: [
        [2, 4, /is not valid JSON/],
        [3, 9, /a number that is larger than any double/],
      ],
    },
  },
  'fields that every object inherits': {
    lines: { content: `${odd.join('\n')}\n`, records: odd },
    ndjson: { content: odd.map((name) => `{"${name}":1}\n`).join(''), records: odd.map((name) => own(name, 1)) },
    array: { content: `[${odd.map((name) => `{"${name}":1}`).join()}]`, records: odd.map((name) => own(name, 1)) },
    csv: {
      content: `${odd.join()}\n${odd.map((_, i) => i).join()}\n`,
      records: [Object.fromEntries(odd.map((name, i) => [name, String(i)]))],
    },
  },
  'empty file': {
    lines: { content: '', records: [] },
    ndjson: { content: '', records: [] },
    csv: { content: '', records: [] },
    array: { content: '', records: [], letters: [[1, 0, /is no JSON array: the file has no value/]] },
  },
}

function reader(
  format: Format,
  path: string,
  { timed }: Cell,
  handler: ErrorHandler | undefined,
): (p: Pipeline) => PCollection<unknown> {
  const onError = handler === undefined ? {} : { onError: handler }
  const timestamp = timed === true ? { timestamp: (record: unknown) => (record as { at: Instant }).at } : {}
  switch (format) {
    case 'lines':
      return readLines(path, { invalidUtf8: 'error', ...onError })
    case 'ndjson':
      return readNdjson(path, { ...onError, ...timestamp })
    case 'array':
      return readJsonArray(path, { ...onError, ...timestamp })
    case 'csv':
      return timed === true
        ? readCsv(path, { columns: { at: csv.timestamp }, ...onError, timestamp: ({ at }) => at })
        : readCsv(path, onError)
  }
}

const texts = (records: readonly unknown[]): readonly string[] => records.map((record) => JSON.stringify(record)).sort()

let cells = 0
let folders = 0
for (const [row, formats] of Object.entries(rows)) {
  describe(row, () => {
    for (const [format, cell] of Object.entries(formats) as [Format, Cell][]) {
      for (const packing of ['plain', 'gzip'] as const) {
        if (cell.packedOnly === true && packing === 'plain') continue
        for (const isHandled of [true, false]) {
          cells++
          it(`${format}, ${packing}, ${isHandled ? 'with' : 'without'} a handler`, async () => {
            const folder = join(root, String(folders++))
            mkdirSync(folder)
            const path = join(folder, packing === 'gzip' ? 'data.gz' : 'data')
            const packed = packing === 'gzip' ? gzipSync(cell.content) : Buffer.from(cell.content)
            writeFileSync(path, cell.damage?.(packed) ?? packed)
            const p = pipeline()
            const handler = p.errors('bad', (letters) => letters.collect('letters'))
            p.apply('read', reader(format, path, cell, isHandled ? handler : undefined)).collect('records')
            const running = run(p, { bundleSize: 2 })
            const { letters = [] } = cell
            const place = ([line, byte]: readonly [number, number, RegExp]): string => `${path}:${line} (byte ${byte})`
            if (cell.fails !== undefined) return expect(running).rejects.toThrow(cell.fails)
            if (!isHandled && letters[0] !== undefined) {
              const failure = await running.then(() => undefined, String)
              expect(failure).toMatch(letters[0][2])
              expect(failure).toContain(place(letters[0]))
              return
            }
            const result = await running
            expect(texts(result.collect('records'))).toEqual(texts(cell.records))
            if (!isHandled) return
            const found = result.collect<DeadLetter<string>>('bad/letters')
            expect(found.map(({ source }) => source).sort()).toEqual(letters.map(place).sort())
            for (const letter of letters) {
              const { error, element } = found.find(({ source }) => source === place(letter)) as DeadLetter<string>
              expect(error.message).toMatch(letter[2])
              expect(element.length).toBeLessThanOrEqual(120)
            }
          })
        }
      }
    }
  })
}

describe('numbers as keys', () => {
  const numbers = ['0', '-0', '0.1', '1e-1', '0.30000000000000004', '5e-324']
  const contents: Readonly<Partial<Record<Format, string>>> = {
    ndjson: numbers.map((n) => `{"a":${n}}\n`).join(''),
    array: `[${numbers.map((n) => `{"a":${n}}`).join()}]`,
    csv: `a\n${numbers.join('\n')}\n`,
  }
  for (const [format, content] of Object.entries(contents)) {
    for (const packing of ['plain', 'gzip'] as const) {
      for (const isHandled of [true, false]) {
        cells++
        it(`${format}, ${packing}, ${isHandled ? 'with' : 'without'} a handler: -0 is 0, and no digit is lost`, async () => {
          const path = join(root, `${folders++}${packing === 'gzip' ? '.gz' : ''}`)
          writeFileSync(path, packing === 'gzip' ? gzipSync(content) : content)
          const p = pipeline()
          const onError = p.errors('bad', (letters) => letters.collect('letters'))
          const handled = isHandled ? { onError } : {}
          const records =
            format === 'csv'
              ? p.apply('read', readCsv(path, { columns: { a: csv.number }, ...handled }))
              : p.apply('read', (format === 'array' ? readJsonArray : readNdjson)(path, { codec: t.type({ a: t.number }), ...handled })) // prettier-ignore
          records.keyBy('key', ({ a }) => a).countPerKey('count').collect('counts') // prettier-ignore
          const result = await run(p, { strict: isHandled })
          const counts = result.collect<{ readonly key: number; readonly value: number }>('counts')
          expect(counts.map(({ key, value }) => `${key}: ${value}`).sort()).toEqual(
            ['0: 2', '0.1: 2', '0.30000000000000004: 1', '5e-324: 1'].sort(),
          )
          expect(result.collect('bad/letters')).toEqual([])
        })
      }
    }
  }
})

it(`the table has as many cells as it says`, () => {
  console.log(`bad input: ${Object.keys(rows).length + 1} rows, ${cells} cells`)
  expect(cells).toBe(284)
})
