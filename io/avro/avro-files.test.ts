import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import avsc from 'avsc'
import fc from 'fast-check'
import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import { fixedWindows, type PCollection, pipeline, run, type RunOptions } from 'millrace'
import {
  avroSchemaIn,
  type AvroSchema,
  type AvroValue,
  readAvro,
  type ReadAvroOptions,
  writeAvro,
  type WriteAvroOptions,
} from 'millrace/io/avro'
import { schemasAndValues } from '../../conformance/support/random-avro.js'
import { nodeFiles } from '../../runners/direct/node.js'
import { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { BlockReader } from './block-reader.js'
import { unpackerOf } from './compression.js'
import { reading } from './decode.js'
import { parseSchema } from './schema.js'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('avro')

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

interface Row {
  readonly id: number
  readonly name: string
  readonly note: string | null
}
const Rows: AvroSchema = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'name', type: 'string' },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
}
const rows: readonly Row[] = Array.from({ length: 2_000 }, (_, id) => ({
  id,
  name: `name ${id} ${'x'.repeat(id % 40)}`,
  note: id % 3 === 0 ? null : `note ${id}`,
}))
const byId = (found: readonly unknown[]): readonly Row[] => [...(found as readonly Row[])].sort((a, b) => a.id - b.id)

async function write(path: string, values: readonly unknown[], options: WriteAvroOptions, way: RunOptions = {}) {
  const p = pipeline()
  const write = writeAvro(path, options) as (input: PCollection<unknown>) => PCollection<unknown>
  p.create('rows', values).apply('write', write).collect('written')
  return (await run(p, way)).collect<{ path: string; records: number }>('written')
}

async function read(
  patterns: string,
  options: ReadAvroOptions = {},
  way: RunOptions = {},
): Promise<readonly unknown[]> {
  const p = pipeline()
  ;(p.apply('read', readAvro<never, never>(patterns, options as never)) as PCollection<unknown>).collect('rows')
  return (await run(p, way)).collect('rows')
}

/** All that avsc finds in a file. */
function avscReads(path: string): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const found: unknown[] = []
    avsc
      .createFileDecoder(path)
      .on('data', (row: unknown) => found.push(JSON.parse(JSON.stringify(row))))
      .on('end', () => resolve(found))
      .on('error', reject)
  })
}

function avscWrites(path: string, schema: AvroSchema, values: readonly unknown[], options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const encoder = avsc.createFileEncoder(path, schema as avsc.Schema, options)
    for (const value of values) encoder.write(value)
    encoder.end()
    ;(encoder as unknown as NodeJS.EventEmitter).on('error', reject)
    // The file itself is written behind the encoder.
    encoder.on('end', () => setTimeout(resolve, 50))
  })
}

it.each(ways)('what is written is read again, in shards, packed and plain: %j', async (way) => {
  const at = folder()
  const some = rows.slice(0, way.bundleSize === 1 ? 100 : 600)
  for (const compression of ['null', 'deflate'] as const) {
    const written = await write(
      join(at, `${compression}.avro`),
      some,
      { schema: Rows, compression, shards: 3, blockBytes: 500 },
      way,
    )
    expect(written.map(({ path }) => path).sort()).toEqual(
      [0, 1, 2].map((n) => join(at, `${compression}-0000${n}-of-00003.avro`)),
    )
    expect(written.reduce((sum, { records }) => sum + records, 0)).toBe(some.length)
    expect(byId(await read(join(at, `${compression}-*.avro`), {}, way))).toEqual(some)
  }
  expect(readdirSync(at)).toHaveLength(6)
})

it('avsc reads the files, and its files are read here', async () => {
  const at = folder()
  for (const compression of ['null', 'deflate'] as const) {
    const ours = join(at, `ours-${compression}.avro`)
    await write(ours, rows, { schema: Rows, compression, blockBytes: 1000 })
    expect(byId(await avscReads(ours))).toEqual(rows)
    const theirs = join(at, `theirs-${compression}.avro`)
    await avscWrites(
      theirs,
      Rows,
      rows.map((row) => ({ ...row, note: row.note })),
      { codec: compression, blockSize: 700 },
    )
    expect(byId(await read(theirs))).toEqual(rows)
  }
})

it('random schemas and values go through a file and come back', async () => {
  const at = folder()
  let n = 0
  await fc.assert(
    fc.asyncProperty(schemasAndValues(), async ({ schema, values }) => {
      const path = join(at, `${n++}.avro`)
      const ours = values.map((value) => value.ours)
      await write(path, ours, { schema, blockBytes: 20 })
      const found = await read(path)
      expect(found).toHaveLength(ours.length)
      expect(found).toEqual(expect.arrayContaining(ours))
      expect(avroSchemaIn(readFileSync(path))).toEqual(schema)
    }),
    { numRuns: 30 },
  )
})

it('each block is read exactly once, however the file is cut', async () => {
  const path = join(folder(), 'cut.avro')
  await write(path, rows.slice(0, 300), { schema: Rows, compression: 'null', blockBytes: 200 })
  const { size } = nodeFiles.status(path) as { size: number }
  const type = parseSchema(Rows)
  const decoding = { read: reading(type, type, { timestamps: 'date' }), unpack: unpackerOf('null') as never }
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: size }), { maxLength: 12 }), fc.boolean(), async (cuts, isOneReader) => {
      const bounds = [0, ...[...new Set(cuts)].filter((cut) => cut > 0 && cut < size).sort((a, b) => a - b), size]
      const ranges = bounds.slice(1).map((to, i) => ({ from: bounds[i] as number, to }))
      const found: unknown[] = []
      const open = (from: number): BlockReader =>
        new BlockReader(nodeFiles, { path, size, compression: 'none' }, from, {
          maxBlockBytes: 1e6,
          decodingOf: () => decoding,
        })
      let reader: BlockReader | undefined
      for (const range of ranges) {
        if (!isOneReader || reader?.isAt(range.from) !== true) {
          reader?.close()
          reader = open(range.from)
        }
        const tracker = new OffsetRangeTracker(range)
        await reader.read(tracker, {
          emit: (row) => found.push(row),
          unread: ({ reason }) => {
            throw new Error(reason)
          },
        })
        tracker.checkDone()
      }
      reader?.close()
      expect(found).toEqual(rows.slice(0, 300))
    }),
    { numRuns: 150 },
  )
})

it('types say what comes out: as the codec, the schema or nothing says', () => {
  const p = pipeline()
  expectTypeOf(p.apply('unknown', readAvro('a', { schema: Rows }))).toEqualTypeOf<PCollection<AvroValue>>()
  expectTypeOf(p.apply('a', readAvro('a'))).toEqualTypeOf<PCollection<AvroValue>>()
  const codec = t.type({ a: t.number })
  expectTypeOf(p.apply('b', readAvro('b', { codec }))).toEqualTypeOf<PCollection<{ a: number }>>()
  const schema = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] } as const
  expectTypeOf(p.apply('c', readAvro('c', { schema }))).toEqualTypeOf<PCollection<{ readonly a: number }>>()
  const points = p.create('points', [{ a: 1 }])
  points.apply('good', writeAvro('x.avro', { schema }))
  // @ts-expect-error: a text is no int.
  p.create('texts', [{ a: 'x' }]).apply('bad', writeAvro('y.avro', { schema }))
})

it('a codec makes the schema, and gets back what it wants: undefined, bigints, Dates', async () => {
  const path = join(folder(), 'codec.avro')
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
      empty: t.union([t.number, t.null]),
    }),
    t.partial({ maybe: t.array(t.string) }),
  ])
  const values = [
    { id: 1, big: 2n ** 70n, at: new Date(5), gone: undefined, empty: null },
    { id: 2, big: -5n, at: new Date(-1e12), gone: 'here', empty: 1.5, maybe: ['a', 'b'] },
  ]
  await write(path, values, { codec })
  expect(await read(path, { codec })).toEqual(values)
  await expect(read(path, { codec: t.type({ id: t.string }) })).rejects.toThrow(
    /is not { id: string }: at id expected string, got 1/,
  )
})

it('a reader has its own schema: fields less, more and wider', async () => {
  const path = join(folder(), 'old.avro')
  await write(path, rows.slice(0, 5), { schema: Rows })
  const schema: AvroSchema = {
    type: 'record',
    name: 'Row',
    fields: [
      { name: 'id', type: 'double' },
      { name: 'added', type: 'string', default: 'new' },
    ],
  }
  expect(byId(await read(path, { schema }))).toEqual(rows.slice(0, 5).map(({ id }) => ({ id, added: 'new' })))
  const other: AvroSchema = { type: 'record', name: 'Row', fields: [{ name: 'missing', type: 'int' }] }
  await expect(read(path, { schema: other })).rejects.toThrow(
    /old\.avro" cannot be read at byte 0: field missing of Row was not written and has no default/,
  )
})

it('windows have files of their own, and nothing to write is a file without records', async () => {
  const at = folder()
  const p = pipeline()
  p.create('rows', rows.slice(0, 4), { timestamp: ({ id }) => id * 60_000 })
    .windowInto('by two minutes', fixedWindows('2 minutes'))
    .apply('write', writeAvro(join(at, 'w.avro'), { schema: Rows }))
  await run(p)
  expect(readdirSync(at).sort()).toEqual([
    'w-19700101T000000Z-19700101T000200Z.avro',
    'w-19700101T000200Z-19700101T000400Z.avro',
  ])
  await write(join(at, 'empty.avro'), [], { schema: Rows })
  expect(await read(join(at, 'empty.avro'))).toEqual([])
})

it('blocks packed by snappy are read, and other packings are refused by name', async () => {
  // Written once by fastavro 1.13.1.
  const path = join(folder(), 'snappy.avro')
  writeFileSync(path, readFileSync(new URL('./fixtures/snappy.avro', import.meta.url)))
  expect(await read(path)).toEqual(Array.from({ length: 50 }, (_, n) => ({ n, text: 'ab'.repeat(n) })))
  const bytes = readFileSync(path)
  bytes[bytes.length - 17] = (bytes[bytes.length - 17] as number) ^ 1
  writeFileSync(path, bytes)
  await expect(read(path)).rejects.toThrow(/the checksum of the snappy block is wrong/)
  writeFileSync(path, Buffer.from(readFileSync(path).toString('latin1').replace('snappy', 'bzip22'), 'latin1'))
  await expect(read(path)).rejects.toThrow(/packed by "bzip22", which is not read here; null, deflate and snappy are/)
})

it('refuses options that are none, when the pipeline is built', () => {
  expect(() => readAvro('x', { colums: 1 } as never)).toThrow('there is no option "colums" of readAvro')
  expect(() => readAvro('')).toThrow('readAvro needs a path')
  expect(() => readAvro('x', { codec: 5 as never })).toThrow('option codec of readAvro is no codec')
  expect(() => readAvro('x', { timestamps: 'text' as never })).toThrow(
    "option timestamps of readAvro must be 'date' or 'integer'",
  )
  expect(() => readAvro('x', { emptyMatch: 'no' as never })).toThrow('option emptyMatch of readAvro')
  expect(() => readAvro('x', { maxBlockBytes: 0 })).toThrow('option maxBlockBytes of readAvro')
  expect(() => readAvro('x', { schema: 'nothing' })).toThrow(
    'option schema of readAvro is no Avro schema: schema names the type "nothing"',
  )
  expect(() => writeAvro('x', {})).toThrow('give it a schema or a codec, and not both')
  expect(() => writeAvro('x', { schema: 'int', codec: t.type({}) })).toThrow('and not both')
  expect(() => writeAvro('x', { schema: 'int', compression: 'zstd' as never })).toThrow("must be 'null' or 'deflate'")
  expect(() => writeAvro('x', { schema: 'int', blockBytes: 0 })).toThrow('option blockBytes of writeAvro')
  expect(() => writeAvro('x', { schema: 'int', shards: 0 })).toThrow('option shards of writeAvro')
  expect(() => writeAvro('x/', { schema: 'int' })).toThrow('writeAvro needs the path of a file')
  expect(() => writeAvro('x', { schema: 'int', suffix: '/y' })).toThrow('option suffix of writeAvro')
  expect(() => writeAvro('x', { schema: 'int', overwrite: 1 as never })).toThrow('option overwrite of writeAvro')
  expect(() => avroSchemaIn(Uint8Array.of(1, 2))).toThrow('no Avro object container file')
})

it('an element that does not fit fails the run, and leaves no file', async () => {
  const at = folder()
  await expect(write(join(at, 'x.avro'), [{ id: 1, name: 5 }], { schema: Rows })).rejects.toThrow(
    /name must be a string, but is 5/,
  )
  expect(readdirSync(at)).toEqual([])
})

it('reads and writes files where code from strings is not allowed', () => {
  const built = (path: string): string =>
    JSON.stringify(join(fileURLToPath(new URL('../../dist/', import.meta.url)), path))
  const path = JSON.stringify(join(folder(), 'flag.avro'))
  const script = `
    const { pipeline, run } = await import(${built('runners/index.js')})
    const { readAvro, writeAvro } = await import(${built('io/avro/index.js')})
    const { nodeEnv } = await import(${built('runners/direct/node.js')})
    const way = { stageCompiler: 'closures', env: nodeEnv() }
    const w = pipeline()
    w.create('n', [{ a: 1 }, { a: 2 }]).apply('write', writeAvro(${path}, { schema: { type: 'record', name: 'R', fields: [{ name: 'a', type: 'long' }] } }))
    await run(w, way)
    const r = pipeline()
    r.apply('read', readAvro(${path})).collect('rows')
    console.log(JSON.stringify((await run(r, way)).collect('rows')))
  `
  const printed = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  expect(printed).toBe('[{"a":1},{"a":2}]\n')
})
