import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import * as t from 'io-ts'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { type DeadLetter, type PCollection, pipeline, type Pipeline, run, type RunOptions } from 'millrace'
import { csv, readCsv, writeCsv, type WriteCsvOptions, type WrittenFile } from 'millrace/io/csv'
import { type Dialect, formatRow, isOpenAfter, parseRow } from './dialect.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-csv-'))
afterAll(() => rmSync(root, { recursive: true }))
let files = 0
function file(content: string | Uint8Array): string {
  const path = join(root, `${files++}.csv`)
  writeFileSync(path, content)
  return path
}

async function read<T>(transform: (p: Pipeline) => PCollection<T>, way: RunOptions = {}): Promise<readonly T[]> {
  const p = pipeline()
  p.apply('read', transform).collect('rows')
  return (await run(p, way)).collect<T>('rows')
}
const sorted = (rows: readonly unknown[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort()

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 3, stageCompiler: 'closures' },
  {},
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 2 },
]

describe('rows', () => {
  const dialects: readonly Dialect[] = [
    { delimiter: ',', quote: '"' },
    { delimiter: ';', quote: "'" },
    { delimiter: '||', quote: '"' },
    { delimiter: '\t', quote: '€' },
  ]
  const field = fc.oneof(
    fc
      .array(fc.constantFrom(',', ';', '|', '\t', '"', "'", '€', '\n', '\r', '\r\n', 'a', ' ', '\uFEFF', '𝄞'), {
        maxLength: 6,
      })
      .map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  )

  it('what is formatted is parsed to the same fields, in every dialect', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), fc.constantFrom(...dialects), (fields, dialect) => {
        const row = formatRow(fields, dialect)
        expect(parseRow(row, dialect)).toEqual(fields)
        // And its end is found, line by line.
        const lines = row.split('\n')
        let isOpen = false
        lines.forEach((line, i) => {
          isOpen = isOpenAfter(line, isOpen, dialect)
          expect(isOpen).toBe(i < lines.length - 1)
        })
      }),
      { numRuns: 2000 },
    )
  })

  it('a file of random pieces is read as csv-parse reads it, or refused where it refuses', async () => {
    const piece = fc.constantFrom(',', ',', '"', '""', '"a"', '\n', '\n', '\r\n', 'a', 'bc', ' ', '"x\ny"', '\uFEFF')
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 25 }), fc.constantFrom(...ways), async (pieces, way) => {
        const text = pieces.join('')
        // A last line that ends in \r has no end: csv-parse takes the \r for one half of an end and refuses it.
        fc.pre(!/\r(?!\n)/.test(text))
        const expected = ((): readonly string[][] | undefined => {
          try {
            return parse(Buffer.from(text), {
              bom: true,
              relax_column_count: true,
              skip_empty_lines: true,
              record_delimiter: ['\n', '\r\n'],
            })
          } catch {
            return undefined
          }
        })()
        const path = file(text)
        const p = pipeline()
        const onError = p.errors('bad', (letters) => letters.collect('letters'))
        p.apply('read', readCsv(path, { header: false, onError })).collect('rows')
        const result = await run(p, way)
        const letters = result.collect('bad/letters')
        if (expected === undefined) {
          expect(letters.length).toBeGreaterThan(0)
          return
        }
        expect(letters).toEqual([])
        expect(sorted(result.collect('rows'))).toEqual(sorted(expected))
      }),
      { numRuns: 300 },
    )
  })
})

describe('reading', () => {
  const orders = file(
    '\uFEFFuser,cents,at,ok\r\n"ann, ""a""",12.5,2026-01-01T10:00:00+01:00,TRUE\r\n\r\n"two\nlines",-3,1700000000000,false',
  )

  it.each(ways)('columns are typed, in any order, and the rest is left out: %j', async (way) => {
    const typed = readCsv(orders, {
      columns: { at: csv.timestamp, cents: csv.number, user: csv.text, ok: csv.boolean },
      timestamp: ({ at }) => at,
    })
    expectTypeOf(typed).returns.toEqualTypeOf<
      PCollection<{ readonly at: number; readonly cents: number; readonly user: string; readonly ok: boolean }>
    >()
    expect(sorted(await read(typed, way))).toEqual(
      sorted([
        { at: Date.parse('2026-01-01T09:00:00Z'), cents: 12.5, user: 'ann, "a"', ok: true },
        { at: 1_700_000_000_000, cents: -3, user: 'two\nlines', ok: false },
      ]),
    )
    expect(await read(readCsv(orders, { columns: { cents: csv.number } }), way)).toHaveLength(2)
  })

  it('nothing and the empty text differ in the file, and are both null when an optional column is read', async () => {
    const path = join(root, 'optional-texts.csv')
    const columns = { a: csv.optional(csv.text), b: csv.text }
    const p = pipeline()
    p.create('rows', [
      { a: null, b: 'nothing' },
      { a: '', b: 'empty' },
      { a: 'x', b: '' },
    ]).apply('write', writeCsv(path, { columns }))
    await run(p)
    expect(readFileSync(path, 'utf8').trimEnd().split('\n').sort()).toEqual(['"",empty', ',nothing', 'a,b', 'x,""'])
    expect(sorted(await read(readCsv(path, { columns })))).toEqual(
      sorted([
        { a: null, b: 'nothing' },
        { a: null, b: 'empty' },
        { a: 'x', b: '' },
      ]),
    )
  })

  it.each(ways)('a file whose lines end with CR alone is refused, header and all: %j', async (way) => {
    const path = file('a,b\r1,2\r3,4\r')
    for (const options of [{}, { header: false }, { multiline: false }, { quote: false as const }] as const)
      await expect(read((p) => p.apply('csv', readCsv(path, options as object)), way)).rejects.toMatchObject({
        code: 'MR-5101',
        message: expect.stringContaining('has a carriage return (CR) outside of quotes in field 2') as string,
      })
  })

  it('a bare CR makes a bad record of its row only, and belongs to a value between quotes', async () => {
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'))
    p.apply('read', readCsv(file('a,b\n1,2\r3\n"4\r",5\n"6",7\r8\n9,10\r\n11,12\r'), { onError })).collect('rows')
    const result = await run(p)
    expect(sorted(result.collect('rows'))).toEqual(
      sorted([
        { a: '4\r', b: '5' },
        { a: '9', b: '10' },
      ]),
    )
    expect(result.collect('bad/letters')).toHaveLength(3)
  })

  it('without columns records are texts by name, or lists of texts where there are no names', async () => {
    const path = file('a,b\n1,\n')
    const named = readCsv(path)
    expectTypeOf(named).returns.toEqualTypeOf<PCollection<Readonly<Record<string, string>>>>()
    expect(await read(named)).toEqual([{ a: '1', b: '' }])
    const lists = readCsv(path, { header: false })
    expectTypeOf(lists).returns.toEqualTypeOf<PCollection<readonly string[]>>()
    expect(await read(lists)).toEqual([
      ['a', 'b'],
      ['1', ''],
    ])
    expect(await read(readCsv(path, { header: ['x', 'y'] }))).toEqual([
      { x: 'a', y: 'b' },
      { x: '1', y: '' },
    ])
    const positions = readCsv(file('1,2\n'), { header: false, columns: { first: csv.number, second: csv.text } })
    expect(await read(positions)).toEqual([{ first: 1, second: '2' }])
  })

  it('a codec describes the record of texts: io-ts decodes it, a Standard Schema may transform it, also later', async () => {
    const path = file('name,age\nann,41\n')
    const coded = readCsv(path, { codec: t.type({ name: t.string, age: csv.number }) })
    expectTypeOf(coded).returns.toEqualTypeOf<PCollection<{ name: string; age: number }>>()
    expect(await read(coded, { strict: true })).toEqual([{ name: 'ann', age: 41 }])
    const parsed = readCsv(path, { codec: z.object({ age: z.coerce.number() }).transform(({ age }) => new Date(age)) })
    expectTypeOf(parsed).returns.toEqualTypeOf<PCollection<Date>>()
    expect(await read(parsed, { strict: true })).toEqual([new Date(41)])
    const later = z.string().transform(async (text) => Promise.resolve(`${text}!`))
    expect(await read(readCsv(path, { columns: { name: later, age: csv.number } }))).toEqual([
      { name: 'ann!', age: 41 },
    ])
  })

  it.each(ways)(
    'a file without line ends in fields is read in ranges, and its bad rows have their lines: %j',
    async (way) => {
      const lines = Array.from({ length: 400 }, (_, i) => (i % 50 === 49 ? `${i},x` : `${i},"${i * 2}"`))
      const path = file(`n,twice\n${lines.join('\n')}`)
      const p = pipeline()
      const onError = p.errors('bad', (letters) => letters.collect('letters'))
      p.apply(
        'read',
        readCsv(path, { columns: { n: csv.number, twice: csv.number }, multiline: false, onError }),
      ).collect('rows')
      const result = await run(p, way)
      expect(result.collect('rows')).toHaveLength(392)
      expect(
        result
          .collect<DeadLetter>('bad/letters')
          .map(({ source }) => Number(/:(\d+) /.exec(source as string)?.[1]))
          .sort((a, b) => a - b),
      ).toEqual([49, 99, 149, 199, 249, 299, 349, 399].map((i) => i + 2))
    },
  )

  it('a header that lacks a column, or has a name twice, makes all rows of its file bad', async () => {
    for (const [header, reason] of [
      ['a,c', /lacks a column: there is no "b" among \["a", "c"\]/],
      ['a,a', /two columns of one name: "a" would be lost/],
    ] as const) {
      const p = pipeline()
      const onError = p.errors('bad', (letters) => letters.collect('letters'))
      p.apply(
        'read',
        readCsv(file(`${header}\n1,2\n3,4\n`), { columns: { a: csv.text, b: csv.text }, onError }),
      ).collect('rows')
      const result = await run(p)
      expect(result.collect('rows')).toEqual([])
      const letters = result.collect<DeadLetter>('bad/letters')
      expect(letters).toHaveLength(3)
      for (const { error } of letters) expect(error.message).toMatch(reason)
    }
  })

  it('ragged rows are bad, or made fit', async () => {
    const path = file('a,b\n1\n2,3,4\n')
    await expect(read(readCsv(path))).rejects.toThrow(/\.csv:2 \(byte 4\) has 1 field, and there are 2 columns/)
    expect(sorted(await read(readCsv(path, { ragged: 'allow' })))).toEqual(
      sorted([
        { a: '1', b: '' },
        { a: '2', b: '3' },
      ]),
    )
  })

  it('types of columns take exactly what they say', async () => {
    const decode = (column: t.Decoder<unknown, unknown>, text: string): unknown => {
      const result = column.decode(text)
      return result._tag === 'Right' ? result.right : 'refused'
    }
    for (const [column, good, bad] of [
      [csv.number, [['1', 1], ['-0', -0], ['.5', 0.5], ['1e3', 1000], ['9007199254740991', 9007199254740991]], ['', ' 1', '1 ', 'NaN', 'Infinity', '0x1', '1_000', '1e999', '9007199254740993', '--1']], // prettier-ignore
      [
        csv.bigint,
        [
          ['9007199254740993', 9007199254740993n],
          ['+5', 5n],
          ['-5', -5n],
        ],
        ['', '1.5', '1e3', 'x'],
      ],
      [
        csv.boolean,
        [
          ['true', true],
          ['FALSE', false],
        ],
        ['', '1', '0', 'yes', ' true'],
      ],
      [csv.timestamp, [['2026-01-01', Date.UTC(2026, 0, 1)], ['1700000000000', 1700000000000], ['-5', -5]], ['', '2026-01-01T10:00:00', '1700000000000000', '1700000000000000000', '1.5', 'today', 'NaN', '8640000000000001']], // prettier-ignore
      [
        csv.optional(csv.number),
        [
          ['', null],
          ['1', 1],
        ],
        ['x', 'null', '9007199254740993'],
      ],
    ] as const) {
      for (const [text, value] of good) {
        expect(decode(column, text)).toBe(value)
        expect(decode(column, column.encode(value as never))).toBe(value)
      }
      for (const text of bad) expect([text, decode(column, text)]).toEqual([text, 'refused'])
    }
  })

  it('what a dead letter shows is the beginning, a mask or nothing', async () => {
    const path = file('name,age\nÄnn 007,secret\n')
    for (const [preview, element, reason] of [
      ['start', '"Änn 007,secret"', /in column "age" does not fit the codec number: "secret" is not number/],
      ['masked', '"xxx 999,xxxxxx"', /in column "age" does not fit the codec number\.$/],
      ['none', '(not shown)', /in column "age" does not fit the codec number\.$/],
    ] as const) {
      const p = pipeline()
      const onError = p.errors('bad', (letters) => letters.collect('letters'))
      p.apply('read', readCsv(path, { columns: { age: csv.number }, onError, preview }))
      const [letter] = (await run(p)).collect<DeadLetter>('bad/letters')
      expect(letter?.element).toBe(element)
      expect(letter?.error.message).toMatch(reason)
      if (preview !== 'start') expect(JSON.stringify([letter?.element, letter?.error])).not.toMatch(/secret|Änn/)
      const failing = pipeline()
      failing.apply('read', readCsv(path, { columns: { age: csv.number }, preview }))
      const failure = await run(failing).then(() => '', String)
      expect(failure.includes('secret')).toBe(preview === 'start')
    }
  })

  it.each([
    [{ delimiter: '' }, /delimiter of readCsv must be a text without line ends, but is ""/],
    [{ delimiter: '"' }, /delimiter and quote of readCsv must differ/],
    [{ quote: 'ab' }, /quote of readCsv must be one character, or false/],
    [{ header: ['a', 'a'] }, /header of readCsv must be true, false or the names/],
    [{ header: ['a'], columns: { b: csv.text } }, /wants column "b", which its option header does not name/],
    [{ columns: {} }, /columns of readCsv must name columns/],
    [{ columns: { a: 5 } }, /column "a" of readCsv needs a type such as csv\.number/],
    [{ columns: { a: csv.text }, codec: t.unknown }, /got columns and codec/],
    [{ ragged: 'no' }, /ragged of readCsv is "no"/],
    [{ multiline: 1 }, /multiline of readCsv must be 'true' or 'false'/],
    [{ colums: {} }, /no option "colums" of readCsv\. Did you mean "columns"\?/],
    [{ onError: {} }, /onError of readCsv is not a handler/],
    [{ preview: 'all' }, /preview of readCsv is "all"/],
    [{ maxRecordBytes: 0 }, /maxRecordBytes of readCsv must be a whole number from 1/],
    [{ codec: 'x' }, /codec of readCsv must be an io-ts codec or a Standard Schema/],
    [{ timestamp: 'at' }, /timestamp of readCsv must be a function/],
  ])('refuses %j while the pipeline is built', (options, message) => {
    expect(() => readCsv('a.csv', options as never)).toThrow(message)
    expect(() => readCsv('a.csv', options as never)).toThrow(/\n {2}at .*csv\.test\.ts:\d+:\d+$/)
  })
})

describe('writing', () => {
  async function write<const C extends readonly string[]>(
    rows: readonly object[],
    options: Partial<WriteCsvOptions<C>> & { readonly columns: C },
  ): Promise<string> {
    // prettier-ignore
    const path = join(root, `${files++}.csv`)
    const p = pipeline()
    p.create('rows', rows as never[])
      .apply('write', writeCsv(path, options as never))
      .collect('files')
    expect((await run(p)).collect<WrittenFile>('files')).toEqual([{ path, lines: rows.length }])
    return path
  }

  it('what is written is read again as the same texts, for all texts and names', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom('"', ',', '\n', '\r', '\uFEFF', 'a', ''), { maxLength: 5 })
        .map((parts) => parts.join('')),
    )
    const names = fc.uniqueArray(fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'hasOwnProperty')), {
      minLength: 1,
      maxLength: 4,
    })
    const table = names.chain((columns) =>
      fc.record({
        columns: fc.constant(columns),
        rows: fc.array(fc.tuple(...columns.map(() => text)), { maxLength: 6 }),
      }),
    )
    const options = fc.record({
      delimiter: fc.constantFrom(',', ';', '\t', '||'),
      quote: fc.constantFrom('"', "'"),
      lineEnd: fc.constantFrom('\n', '\r\n'),
      header: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(table, options, async ({ columns, rows }, { delimiter, quote, lineEnd, header }) => {
        const records = rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])))
        const path = await write(records, { columns, delimiter, quote, lineEnd: lineEnd, header })
        const found = await read(readCsv(path, { delimiter, quote, header: header ? true : columns }))
        expect(sorted(found)).toEqual(sorted(records))
      }),
      { numRuns: 200 },
    )
  })

  it('fields are quoted where they need it, and nothing differs from an empty text', async () => {
    const rows = [
      { a: 'x,y', b: 1.5 },
      { a: '', b: null },
      { b: -0, c: 'left out' },
      { a: 'say "hi"', b: 10n },
      { a: new Date(0), b: true },
    ]
    const path = await write(rows, { columns: ['a', 'b'] })
    expect(readFileSync(path, 'utf8').split('\n').slice(1, -1).sort()).toEqual(
      ['"x,y",1.5', '"",', ',-0', '"say ""hi""",10', '1970-01-01T00:00:00.000Z,true'].sort(),
    )
    expect(readFileSync(await write([{ a: null }], { columns: ['a'] }), 'utf8')).toBe('a\n""\n')
  })

  it('typed columns encode what they decode', async () => {
    const columns = { at: csv.timestamp, n: csv.optional(csv.number), big: csv.bigint }
    const rows = [
      { at: 1_700_000_000_000, n: null, big: 2n ** 70n },
      { at: 0, n: -0.5, big: -1n },
    ]
    const path = join(root, 'typed.csv')
    const p = pipeline()
    p.create('rows', rows).apply('write', writeCsv(path, { columns }))
    await run(p)
    const found = await read(readCsv(path, { columns }))
    expect([...found].sort((a, b) => a.at - b.at)).toEqual([...rows].reverse())
    // @ts-expect-error a text is no number
    expect(() => p.create('wrong', [{ at: 0, n: 'x', big: 1n }]).apply('no', writeCsv(path, { columns }))).toThrow(
      /so does step/,
    )
  })

  it('what has no text goes to the handler, or fails the run', async () => {
    const rows = [{ a: 'fine' }, { a: Number.NaN }, { a: {} }, { a: '\uD800' }, { a: new Date(Number.NaN) }, 5]
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'))
    const path = join(root, 'handled.csv')
    p.create('rows', rows as never[]).apply('write', writeCsv(path, { columns: ['a'], onError }))
    const result = await run(p)
    expect(readFileSync(path, 'utf8')).toBe('a\nfine\n')
    expect(result.collect<DeadLetter>('bad/letters')).toHaveLength(5)
    for (const row of rows.slice(1)) {
      const failing = pipeline()
      failing.create('rows', [row] as never[]).apply('write', writeCsv(join(root, 'no.csv'), { columns: ['a'] }))
      await expect(run(failing)).rejects.toThrow(/step "write\/encode" failed/)
    }
  })

  it.each([
    [{}, /writeCsv needs the columns to write/],
    [{ columns: [] }, /needs the columns/],
    [{ columns: ['a', 'a'] }, /needs the columns to write, .*each once/],
    [{ columns: { a: 1 } }, /column "a" of writeCsv needs a type/],
    [{ columns: ['\uD800'] }, /has a lone surrogate/],
    [{ columns: ['a'], lineEnd: '\r' }, /lineEnd of writeCsv must be/],
    [{ columns: ['a'], quote: false }, /quote of writeCsv must be one character/],
    [{ columns: ['a'], header: 'yes' }, /header of writeCsv must be/],
    [{ columns: ['a'], shard: 2 }, /no option "shard" of writeCsv\. Did you mean "shards"\?/],
  ])('refuses writeCsv with %j', (options, message) => {
    expect(() => writeCsv('a.csv', options as never)).toThrow(message)
  })
})
