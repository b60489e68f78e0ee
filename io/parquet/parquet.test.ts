import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import {
  codecOf,
  type Env,
  fixedWindows,
  type PCollection,
  pipeline,
  run,
  type RunOptions,
  type Schema,
  schemaOf,
} from 'millrace'
import {
  parquetCodecIn,
  type ParquetRow,
  readParquet,
  type ReadParquetOptions,
  writeParquet,
  type WriteParquetOptions,
} from 'millrace/io/parquet'
import { nodeEnv, nodeFiles } from '../../runners/direct/node.js'
import { checkPages } from './page-headers.js'
import { RowReader } from './row-reader.js'
import { type RowRange, RowTracker, splitRows } from './row-ranges.js'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('parquet')

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.parquet`, import.meta.url))

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

async function write(path: string, values: readonly unknown[], options: WriteParquetOptions, way: RunOptions = {}) {
  const p = pipeline()
  const write = writeParquet(path, options) as (input: PCollection<unknown>) => PCollection<unknown>
  p.create('rows', values).apply('write', write).collect('written')
  return (await run(p, way)).collect<{ path: string; records: number }>('written')
}

async function read(
  patterns: string,
  options: ReadParquetOptions = {},
  way: RunOptions = {},
): Promise<readonly unknown[]> {
  const p = pipeline()
  ;(p.apply('read', readParquet(patterns, options as ReadParquetOptions<never>)) as PCollection<unknown>).collect(
    'rows',
  )
  return (await run(p, way)).collect('rows')
}

const Row = t.type({ id: t.Int, name: t.string, note: t.union([t.string, t.null]) })
type Row = t.TypeOf<typeof Row>
const rows = Array.from({ length: 2_000 }, (_, id) => ({
  id,
  name: `name ${id}`,
  note: id % 3 === 0 ? null : `note ${id % 7}`,
}))
const byId = (found: readonly unknown[]): readonly Row[] => [...(found as readonly Row[])].sort((a, b) => a.id - b.id)

it.each(ways)('what is written is read again, in shards and row groups, however packed: %j', async (way) => {
  const at = folder()
  const some = rows.slice(0, way.bundleSize === 1 ? 100 : 600)
  for (const compression of ['none', 'snappy', 'gzip'] as const) {
    const written = await write(
      join(at, `${compression}.parquet`),
      some,
      { codec: Row, compression, shards: 2, rowGroupRows: 90 },
      way,
    )
    expect(written.map(({ path }) => path).sort()).toEqual(
      [0, 1].map((n) => join(at, `${compression}-0000${n}-of-00002.parquet`)),
    )
    expect(written.reduce((sum, { records }) => sum + records, 0)).toBe(some.length)
    expect(byId(await read(join(at, `${compression}-*.parquet`), {}, way))).toEqual(some)
    expect(byId(await read(join(at, `${compression}-*.parquet`), { codec: Row as never }, way))).toEqual(some)
  }
  expect(readdirSync(at)).toHaveLength(6)
})

const columnsOfFixture = [
  ...['i8', 'u32', 'i64', 'u64', 'f32', 'f64', 'ok', 'text', 'bytes', 'fixed', 'day', 'ms', 'us', 'dec', 'dec9'],
  ...['list', 'nested', 'struct', 'map', 'imap', 'structs'],
]
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const leapDay = new Date('2020-02-29')
/** What pyarrow was given, column by column. */
const ofFixture: Readonly<Record<string, readonly unknown[]>> = {
  i8: [1, -2, null, 4, 5, 6],
  u32: [4294967295, 0, 1, 2, 3, null],
  i64: [2n ** 62n, -5, null, 2 ** 53 - 1, 2n ** 53n, 0],
  u64: [2n ** 64n - 1n, 1, 2, 3, 4, 5],
  f32: [1.5, null, Infinity, 0, -1, 2],
  f64: [0.1, null, -0, 1e300, 3, 4],
  ok: [true, false, null, true, true, false],
  text: ['a', 'ü', null, '', 'b', 'b'],
  bytes: [Uint8Array.of(0, 255), null, bytes(''), bytes('a'), bytes('b'), bytes('c')],
  fixed: [bytes('ab'), bytes('cd'), null, bytes('ef'), bytes('gh'), bytes('ij')],
  day: [new Date('2001-01-31'), null, new Date('1969-12-31'), leapDay, leapDay, leapDay],
  ms: [new Date(5), null, new Date(-1), new Date(0), new Date(1), new Date(2)],
  us: [new Date(5), null, new Date(-1), new Date(0), new Date(1), new Date(2)],
  dec: ['12.34', null, '-0.01', ...Array<string>(3).fill('99999999999999999999999999999999.99')],
  dec9: ['1.500', null, ...Array<string>(4).fill('-1.500')],
  list: [[1, null, 3], [], null, [4], [5, 6], []],
  nested: [[['a'], []], [], null, [null, ['b', 'c']], [[]], [['d', null]]],
  struct: [
    { x: 1, y: { z: 'q' } },
    null,
    { x: null, y: null },
    { x: 2, y: { z: null } },
    { x: 3, y: { z: 'r' } },
    { x: 4, y: { z: 's' } },
  ],
  map: [
    new Map<string, unknown>([
      ['__proto__', 1],
      ['b', null],
    ]),
    new Map(),
    null,
    new Map([['c', 3]]),
    new Map([['d', 4]]),
    new Map([['e', 5]]),
  ],
  imap: [
    new Map([[1, 'one']]),
    null,
    new Map<number, unknown>([
      [2, 'two'],
      [3, null],
    ]),
    new Map(),
    new Map(),
    new Map(),
  ],
  structs: [[{ k: 'a', v: [1, 2] }], [], null, [{ k: null, v: null }], [{ k: 'b', v: [] }], []],
}

it('every type that pyarrow 26 writes is read as the same value', async () => {
  const found = (await read(fixture('zstd'), { columns: columnsOfFixture })) as readonly Record<string, unknown>[]
  expect(found).toHaveLength(6)
  for (const name of columnsOfFixture) expect(found.map((row) => row[name])).toEqual(ofFixture[name])
  const codec = await parquetCodecIn(readFileSync(fixture('zstd')), { columns: columnsOfFixture })
  for (const row of found) expect(codec.is(row)).toBe(true)
  for (const name of columnsOfFixture) expect(codec.is({ ...found[0], [name]: Symbol('none') })).toBe(false)
  expect(codec.decode({})._tag).toBe('Left')
})

it.each(['gzip', 'brotli', 'snappy', 'none'])('pages packed by %s are read', async (name) => {
  expect(await read(fixture(name))).toEqual(ofFixture['i64']?.map((i64, i) => ({ i64, text: ofFixture['text']?.[i] })))
})

it('instants that no Date can hold are refused, unless they are wanted as whole numbers', async () => {
  await expect(read(fixture('zstd'), { columns: ['ns'] })).rejects.toThrow(
    /row group 1 \(rows 3 to 5\): 1 nanoseconds.*timestamps: 'integer'/,
  )
  expect(await read(fixture('zstd'), { columns: ['ns', 'day'], timestamps: 'integer' })).toEqual([
    { ns: 5_000_000, day: 11353 },
    { ns: null, day: null },
    { ns: -1_000_000, day: -1 },
    { ns: 0, day: 18321 },
    { ns: 1, day: 18321 },
    { ns: 2, day: 18321 },
  ])
})

it('only the bytes of the columns that are wanted are read', async () => {
  const path = join(folder(), 'wide.parquet')
  const Wide = t.type({ id: t.Int, long: t.string, other: t.string })
  const wide = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    long: `${id} ${'y'.repeat(40)} ${id * 7}`,
    other: `${id * 31}`,
  }))
  await write(path, wide, { codec: Wide, compression: 'none' })
  const bytesFor = async (options: ReadParquetOptions): Promise<number> => {
    let count = 0
    const openForReading: typeof nodeFiles.openForReading = (file) => {
      const handle = nodeFiles.openForReading(file)
      return {
        ...handle,
        close: () => handle.close(),
        read(...args) {
          const got = handle.read(...args)
          count += got
          return got
        },
      }
    }
    const env: Env = { ...nodeEnv(), files: { ...nodeFiles, openForReading } }
    expect(await read(path, options, { env })).toHaveLength(20_000)
    return count
  }
  const [all, one, byCodec] = [
    await bytesFor({}),
    await bytesFor({ columns: ['other'] }),
    await bytesFor({ codec: t.type({ id: t.Int }) }),
  ]
  const { size } = nodeFiles.status(path) as { size: number }
  expect(all).toBeGreaterThan(size * 0.9)
  expect(one).toBeLessThan(all / 4)
  expect(byCodec).toBeLessThan(all / 4)
})

it('each row is read exactly once, however the file is cut', async () => {
  const path = join(folder(), 'cut.parquet')
  await write(path, rows.slice(0, 300), { codec: Row, rowGroupRows: 40 })
  const starts = [0, 40, 80, 120, 160, 200, 240, 280, 300]
  const { size } = nodeFiles.status(path) as { size: number }
  const options = { columns: undefined, timestamps: 'date', maxRowGroupBytes: 1e9 } as const
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 300 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 60 }),
      async (cuts, parts, room) => {
        const whole: RowRange = { from: 0, to: 300, cuts: starts.slice(1, -1) }
        const pieces = splitRows(whole, parts)
        for (const { from, to } of pieces) expect([starts.includes(from), starts.includes(to)]).toEqual([true, true])
        const found: unknown[] = []
        for (const piece of pieces) {
          let rest: RowRange | undefined = piece
          while (rest !== undefined) {
            const tracker: RowTracker = new RowTracker(rest)
            let residual: RowRange | undefined
            const stopAt = cuts[found.length % Math.max(1, cuts.length)] ?? Infinity
            let emitted = 0
            const reader = new RowReader(nodeFiles, { path, size }, rest.from, options)
            await reader.read(tracker, {
              room: () => room,
              emit: (row) => {
                found.push(row)
                if (++emitted > stopAt) residual ??= tracker.trySplit(0)
              },
              unread: ({ reason }) => {
                throw new Error(reason)
              },
            })
            reader.close()
            tracker.checkDone()
            rest = residual
          }
        }
        expect(found).toEqual(rows.slice(0, 300))
      },
    ),
    { numRuns: 60 },
  )
})

it('work is given to another reader where a row group begins', () => {
  const tracker = new RowTracker({ from: 0, to: 300, cuts: [100, 200] })
  tracker.tryClaimBlock(0, 10)
  expect(tracker.trySplit(0.5)).toEqual({ from: 200, to: 300, cuts: [] })
  expect(tracker.currentRestriction()).toEqual({ from: 0, to: 200, cuts: [100] })
  expect(tracker.trySplit(0.9)).toBe(undefined)
  expect(tracker.trySplit(0)).toEqual({ from: 10, to: 200, cuts: [100] })
})

it('random rows of every type go through a file and come back', async () => {
  const at = folder()
  const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null })
  const type = (
    atomic: 'INT64' | 'INT32' | 'FLOAT' | 'DOUBLE' | 'STRING' | 'BOOLEAN' | 'BYTES' | 'INT16',
    nullable = true,
  ) => ({ kind: 'atomic', atomic, nullable }) as const
  const schema: Schema = {
    fields: [
      { name: 'i', type: type('INT64', false) },
      { name: 's', type: type('INT16') },
      { name: 'n', type: type('INT32') },
      { name: 'f', type: type('FLOAT') },
      { name: 'd', type: type('DOUBLE') },
      { name: 't', type: type('STRING') },
      { name: 'b', type: type('BOOLEAN') },
      { name: 'y', type: type('BYTES') },
      { name: 'l', type: { kind: 'array', nullable: true, element: type('INT64') } },
      {
        name: 'll',
        type: {
          kind: 'array',
          nullable: false,
          element: { kind: 'array', nullable: true, element: type('STRING', false) },
        },
      },
      { name: 'm', type: { kind: 'map', nullable: true, key: type('STRING', false), value: type('DOUBLE') } },
      {
        name: 'r',
        type: {
          kind: 'row',
          nullable: true,
          schema: {
            fields: [
              { name: 'x', type: type('INT64') },
              { name: 'z', type: type('STRING', false) },
            ],
          },
        },
      },
    ],
  }
  const long = fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n))
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  const row = fc.record({
    i: long,
    s: optional(fc.integer({ min: -32768, max: 32767 })),
    n: optional(fc.integer()),
    f: optional(fc.float()),
    d: optional(fc.double()),
    t: optional(text),
    b: optional(fc.boolean()),
    y: optional(fc.uint8Array({ maxLength: 10 })),
    l: optional(fc.array(optional(long), { maxLength: 4 })),
    ll: fc.array(optional(fc.array(text, { maxLength: 3 })), { maxLength: 3 }),
    m: optional(fc.array(fc.tuple(text, optional(fc.double())), { maxLength: 3 }).map((entries) => new Map(entries))),
    r: optional(fc.record({ x: optional(long), z: text })),
  })
  let n = 0
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (values) => {
      const path = join(at, `${n++}.parquet`)
      await write(path, values, { schema, rowGroupRows: 5 })
      const found = await read(path)
      expect(found).toEqual(values)
      for (const value of found) expect(codecOf(schema).is(value)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

it('a codec gets back what it wants: undefined, bigints, Dates, objects', async () => {
  const path = join(folder(), 'codec.parquet')
  const DateCodec = new t.Type<Date>(
    'Date',
    (u): u is Date => u instanceof Date && !Number.isNaN(u.getTime()),
    (u, c) => (u instanceof Date ? t.success(u) : t.failure(u, c)),
    t.identity,
  )
  const codec = t.intersection([
    t.type({
      id: t.Int,
      big: t.bigint,
      at: DateCodec,
      gone: t.union([t.string, t.undefined]),
      counts: t.record(t.string, t.number),
    }),
    t.partial({ maybe: t.array(t.string) }),
  ])
  const values = [
    { id: 1, big: 2n ** 70n, at: new Date(5), gone: undefined, counts: { a: 1 } },
    { id: 2, big: -5n, at: new Date(-1e12), gone: 'here', counts: {}, maybe: ['a', 'b'] },
  ]
  await write(path, values, { codec: codec })
  expect(await read(path, { codec: codec as never })).toEqual(values)
  await expect(read(path, { codec: t.type({ id: t.string }) as never })).rejects.toThrow(
    /is not { id: string }: at id expected string, got 1/,
  )
  await expect(write(path, [{ ...values[1], big: 10n ** 38n }], { codec: codec })).rejects.toThrow(
    /more than 38 digits/,
  )
  await expect(write(path, [{ id: 1.5 }], { codec: t.type({ id: t.Int }) })).rejects.toThrow(
    /at id expected Int, got 1.5/,
  )
})

it('a bigint that is too large fails at its element, with the field, wherever it lies', async () => {
  const tooLarge = 10n ** 38n
  const cases: readonly (readonly [t.Mixed, unknown])[] = [
    [t.type({ big: t.bigint }), { big: tooLarge }],
    [t.type({ big: t.array(t.type({ n: t.bigint })) }), { big: [{ n: 1n }, { n: -tooLarge }] }],
  ]
  for (const [codec, value] of cases)
    for (const options of [{ codec }, { schema: schemaOf(codec) }]) {
      const at = folder()
      const failure: unknown = await write(join(at, 'big.parquet'), [value], options).catch((error: unknown) => error)
      expect(failure).toMatchObject({
        code: 'MR-4106',
        step: 'write/parts',
        message: expect.stringContaining('field "big": the decimal') as string,
      })
      expect((failure as Error).message).not.toContain('folder')
      expect(readdirSync(at).filter((name) => name.endsWith('.parquet'))).toEqual([])
    }
  const path = join(folder(), 'largest.parquet')
  await write(path, [{ big: tooLarge - 1n }], { codec: t.type({ big: t.bigint }) })
  expect(await read(path, { codec: t.type({ big: t.bigint }) as never })).toEqual([{ big: tooLarge - 1n }])
})

it('windows have files of their own, and nothing to write is a file without rows', async () => {
  const at = folder()
  const p = pipeline()
  p.create('rows', rows.slice(0, 4), { timestamp: ({ id }) => id * 60_000 })
    .windowInto('by two minutes', fixedWindows('2 minutes'))
    .apply(
      'write',
      writeParquet(join(at, 'w.parquet'), { codec: Row }) as (input: PCollection<unknown>) => PCollection<unknown>,
    )
  await run(p)
  expect(readdirSync(at).sort()).toEqual([
    'w-19700101T000000Z-19700101T000200Z.parquet',
    'w-19700101T000200Z-19700101T000400Z.parquet',
  ])
  await write(join(at, 'empty.parquet'), [], { codec: Row })
  expect(await read(join(at, 'empty.parquet'))).toEqual([])
})

it('types say what comes out: rows of the columns, or what the codec says', () => {
  const p = pipeline()
  expectTypeOf(p.apply('a', readParquet('a'))).toEqualTypeOf<PCollection<ParquetRow>>()
  expectTypeOf(p.apply('b', readParquet('b', { columns: ['x', 'y'] }))).toEqualTypeOf<
    PCollection<ParquetRow<'x' | 'y'>>
  >()
  expectTypeOf(p.apply('c', readParquet('c', { codec: t.type({ a: t.number }) }))).toEqualTypeOf<
    PCollection<{ a: number }>
  >()
  // @ts-expect-error: a text is no number.
  p.create('texts', [{ a: 'x' }]).apply('bad', writeParquet('y.parquet', { codec: t.type({ a: t.number }) }))
})

it('refuses options that are none, when the pipeline is built', () => {
  expect(() => readParquet('x', { colums: [] } as never)).toThrow(
    'there is no option "colums" of readParquet. Did you mean "columns"?',
  )
  expect(() => readParquet('')).toThrow('readParquet needs a path')
  for (const columns of [[], ['a', 'a'], [1], 'a'])
    expect(() => readParquet('x', { columns: columns as never })).toThrow('option columns of readParquet')
  expect(() => readParquet('x', { codec: 5 as never })).toThrow('option codec of readParquet is no codec')
  expect(() => readParquet('x', { timestamps: 'text' as never })).toThrow('option timestamps of readParquet')
  expect(() => readParquet('x', { emptyMatch: 'no' as never })).toThrow('option emptyMatch of readParquet')
  expect(() => readParquet('x', { maxRowGroupBytes: 0 })).toThrow('option maxRowGroupBytes of readParquet')
  expect(() => writeParquet('x', {})).toThrow('give it a schema or a codec, and not both')
  expect(() => writeParquet('x', { codec: t.string })).toThrow('string is no row')
  expect(() => writeParquet('x', { codec: t.type({}) })).toThrow('at least one column')
  expect(() => writeParquet('x', { codec: Row, compression: 'lzo' as never })).toThrow(
    "must be 'none', 'snappy' or 'gzip'",
  )
  expect(() => writeParquet('x', { codec: Row, rowGroupRows: 0 })).toThrow('option rowGroupRows of writeParquet')
  expect(() => writeParquet('x', { codec: Row, shards: 0 })).toThrow('option shards of writeParquet')
})

it('pages that claim more values than memory has are refused before any is made', async () => {
  // A header of a page without bytes: type 0, sizes 0, and a kind with 2^31 - 1 values.
  const header = [0x15, 0x00, 0x15, 0x00, 0x15, 0x00, 0x2c, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x00]
  expect(() => checkPages(Uint8Array.from(header), 1e6)).toThrow('said to have 2147483647 values, more than 1000000')
  expect(() => checkPages(Uint8Array.from([...header, ...header]), 2 ** 31)).toThrow('4294967294 values')
  checkPages(Uint8Array.from(header), 2 ** 31)
  checkPages(Uint8Array.of(0xff, 0xff, 0xff), 1)
  const path = join(folder(), 'nulls.parquet')
  const codec = t.type({ a: t.union([t.string, t.null]) })
  await write(
    path,
    Array.from({ length: 5_000 }, () => ({ a: null })),
    { codec: codec },
  )
  await expect(read(path, { maxRowGroupBytes: 2_000 })).rejects.toThrow(
    /column "a": its pages are said to have 5000 values/,
  )
  expect(await read(path)).toHaveLength(5_000)
})

it('a column that is not there is named, with those that are', async () => {
  await expect(read(fixture('gzip'), { columns: ['txt'] })).rejects.toThrow(
    /it has no column "txt"; it has i64, text\. Did you mean "text"\?/,
  )
})

it('reads and writes where code from strings is not allowed', () => {
  const built = (path: string): string =>
    JSON.stringify(join(fileURLToPath(new URL('../../dist/', import.meta.url)), path))
  const path = JSON.stringify(join(folder(), 'flag.parquet'))
  const script = `
    const { pipeline, run } = await import(${built('runners/index.js')})
    const { readParquet, writeParquet } = await import(${built('io/parquet/index.js')})
    const way = { stageCompiler: 'closures' }
    const schema = { fields: [{ name: 'a', type: { kind: 'atomic', atomic: 'INT32', nullable: false } }] }
    const w = pipeline()
    w.create('n', [{ a: 1 }, { a: 2 }]).apply('write', writeParquet(${path}, { schema }))
    await run(w, way)
    for (const file of [${path}, ${JSON.stringify(fixture('zstd'))}, ${JSON.stringify(fixture('brotli'))}]) {
      const r = pipeline()
      r.apply('read', readParquet(file, { timestamps: 'integer' })).collect('rows')
      console.log((await run(r, way)).collect('rows').length)
    }
  `
  const printed = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  expect(printed).toBe('2\n6\n6\n')
})

it.each([
  ['hyparquet', 'readParquet', 'npm install hyparquet@1 hyparquet-compressors@1'],
  ['hyparquet-compressors', 'readParquet', 'npm install hyparquet@1 hyparquet-compressors@1'],
  ['hyparquet-writer', 'writeParquet', 'npm install hyparquet-writer@0.17'],
])('without the package %s, %s says what to install', (missing, who, install) => {
  const built = (path: string): string =>
    JSON.stringify(join(fileURLToPath(new URL('../../dist/', import.meta.url)), path))
  const path = JSON.stringify(join(folder(), 'x.parquet'))
  const hook = `export async function resolve(name, context, next) {
    if (name === '${missing}') throw new Error('Cannot find package ${missing}')
    return next(name, context)
  }`
  const script = `
    const { register } = await import('node:module')
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))
    const { pipeline, run } = await import(${built('runners/index.js')})
    const { readParquet, writeParquet } = await import(${built('io/parquet/index.js')})
    const p = pipeline()
    if (${who === 'readParquet'}) p.apply('read', readParquet(${JSON.stringify(fixture('gzip'))}))
    else p.create('n', [{ a: 1 }]).apply('write', writeParquet(${path}, { schema: { fields: [{ name: 'a', type: { kind: 'atomic', atomic: 'INT32', nullable: false } }] } }))
    await run(p).catch((error) => console.log(error.message))
  `
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(printed).toContain(
    `${who} needs packages that cannot be loaded (Cannot find package ${missing}). Install them: ${install}`,
  )
})
