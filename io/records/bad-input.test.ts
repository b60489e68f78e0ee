import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import * as t from 'io-ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DeadLetter, type ErrorCode, errorCode, type PCollection, pipeline, run, type RunOptions } from 'millrace'
import { readAvro, type UnreadPart, writeAvro } from 'millrace/io/avro'
import { readParquet, writeParquet } from 'millrace/io/parquet'
import { ByteWriter } from '../../sdk/coders/bytes.js'
import { blockBytes, headerBytes } from '../avro/container.js'
import { writeLong } from '../avro/encode.js'
import { ParquetFile } from '../parquet/parquet-file.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-bad-'))
afterAll(() => rmSync(root, { recursive: true }))

const Row = t.type({ id: t.number, text: t.string })
const rows = Array.from({ length: 60 }, (_, id) => ({ id, text: `text ${id}` }))
const RowSchema = JSON.stringify({
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'double' },
    { name: 'text', type: 'string' },
  ],
})
const sync = Uint8Array.from({ length: 16 }, (_, i) => 17 * i + 3)

let avro = new Uint8Array()
let parquet = new Uint8Array()

beforeAll(async () => {
  const p = pipeline()
  const written = p.create('rows', rows, { codec: Row })
  written.apply('avro', writeAvro(join(root, 'good.avro'), { codec: Row, compression: 'deflate', blockBytes: 150 }))
  written.apply(
    'parquet',
    writeParquet(join(root, 'good.parquet'), { codec: Row, rowGroupRows: 20, compression: 'gzip' }),
  )
  await run(p)
  avro = Uint8Array.from(readFileSync(join(root, 'good.avro')))
  parquet = Uint8Array.from(readFileSync(join(root, 'good.parquet')))
})

const together = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts))
const changed = (bytes: Uint8Array, at: number, to: (byte: number) => number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? to(byte) : byte))

/** An Avro file of the schema, with these blocks. */
const avroFile = (schema: string, codec: string, ...blocks: readonly Uint8Array[]): Uint8Array =>
  together(headerBytes(schema, codec, sync), ...blocks)

const longs = (...numbers: readonly (number | bigint)[]): Uint8Array => {
  const out = new ByteWriter()
  for (const number of numbers) writeLong(out, number)
  return out.take()
}

const nested = (depth: number): string => `${'{"type":"array","items":'.repeat(depth)}"int"${'}'.repeat(depth)}`
const List = '{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}'
const footer = (length: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, length, true)
  bytes.set(new TextEncoder().encode('PAR1'), 4)
  return bytes
}
interface Bad {
  readonly name: string
  readonly format: 'avro' | 'parquet'
  readonly bytes: () => Uint8Array
  readonly code: ErrorCode
  readonly message: RegExp
  /** How many of its rows are read all the same. Default 0. */
  readonly read?: number
  /** Letters that its parts make. Default 1. */
  readonly letters?: number
  readonly codec?: t.Mixed
}

const matrix: readonly Bad[] = [
  // Malformed.
  {
    name: 'no Avro file',
    format: 'avro',
    bytes: () => new TextEncoder().encode('{"id":1}\n'),
    code: 'MR-4102',
    message: /no Avro object container file/,
  },
  {
    name: 'an empty Avro file',
    format: 'avro',
    bytes: () => new Uint8Array(),
    code: 'MR-4102',
    message: /no Avro object container file/,
  },
  {
    name: 'a schema that is no JSON',
    format: 'avro',
    bytes: () => avroFile('{', 'null'),
    code: 'MR-4104',
    message: /its schema is no JSON/,
  },
  {
    name: 'a schema that is none',
    format: 'avro',
    bytes: () => avroFile('{"type":"nothing"}', 'null'),
    code: 'MR-4101',
    message: /names the type "nothing"/,
  },
  {
    name: 'names that clash',
    format: 'avro',
    bytes: () => avroFile('[{"type":"fixed","name":"F","size":1},{"type":"enum","name":"F","symbols":["A"]}]', 'null'),
    code: 'MR-4101',
    message: /defines F a second time/,
  },
  {
    name: 'a packing that nobody knows',
    format: 'avro',
    bytes: () => avroFile(RowSchema, 'xz'),
    code: 'MR-4105',
    message: /packed by "xz"/,
  },
  {
    name: 'a wrong sync marker',
    format: 'avro',
    bytes: () => changed(avro, avro.length - 1, (byte) => byte ^ 1),
    code: 'MR-4104',
    message: /the marker after the block/,
    read: 50,
  },
  {
    name: 'a block that does not unpack',
    format: 'avro',
    bytes: () => avroFile(RowSchema, 'deflate', blockBytes(1, Uint8Array.of(255, 255, 255), sync)),
    code: 'MR-4104',
    message: /cannot be unpacked/,
  },
  {
    name: 'a text that is no UTF-8',
    format: 'avro',
    bytes: () => avroFile('"string"', 'null', blockBytes(1, Uint8Array.of(2, 255), sync)),
    code: 'MR-4102',
    message: /record 1 of 1 in the block: .*not UTF-8/,
  },
  {
    name: 'a negative number of records',
    format: 'avro',
    bytes: () => avroFile('"int"', 'null', together(longs(-5, 1), Uint8Array.of(2), sync)),
    code: 'MR-4104',
    message: /cannot have -5 records in 1 bytes/,
  },
  {
    name: 'bytes after the records',
    format: 'avro',
    bytes: () => avroFile('"int"', 'null', blockBytes(1, Uint8Array.of(2, 4), sync)),
    code: 'MR-4104',
    message: /1 bytes are left in the block/,
    read: 1,
  },
  {
    name: 'no Parquet file',
    format: 'parquet',
    bytes: () => new TextEncoder().encode('id,text\n1,a\n2,b\n'),
    code: 'MR-4104',
    message: /no Parquet file, or ends too early/,
  },
  {
    name: 'an empty Parquet file',
    format: 'parquet',
    bytes: () => new Uint8Array(),
    code: 'MR-4104',
    message: /too short/,
  },
  {
    name: 'a footer of noise',
    format: 'parquet',
    bytes: () => together(new Uint8Array(50).fill(0xab), footer(40)),
    code: 'MR-4104',
    message: /cannot be read at byte 50/,
  },
  {
    name: 'a page that does not unpack',
    format: 'parquet',
    bytes: () => parquet.map((byte, i) => (i > 60 && i < 90 ? byte ^ 0xff : byte)),
    code: 'MR-4104',
    message: /row group 0 \(rows 0 to 19\)/,
    read: 40,
  },
  // Truncated.
  {
    name: 'an Avro file that ends in its header',
    format: 'avro',
    bytes: () => avro.slice(0, 60),
    code: 'MR-4102',
    message: /byte|header/,
  },
  {
    name: 'an Avro file that ends in a block',
    format: 'avro',
    bytes: () => avro.slice(0, avro.length - 30),
    code: 'MR-4104',
    message: /the file ends/,
    read: 50,
  },
  {
    name: 'an Avro file that ends in a marker',
    format: 'avro',
    bytes: () => avro.slice(0, avro.length - 3),
    code: 'MR-4104',
    message: /the file ends/,
    read: 50,
  },
  {
    name: 'a Parquet file without its end',
    format: 'parquet',
    bytes: () => parquet.slice(0, parquet.length - 5),
    code: 'MR-4104',
    message: /ends too early/,
  },
  {
    name: 'a Parquet file without its beginning',
    format: 'parquet',
    bytes: () => parquet.slice(120),
    code: 'MR-4104',
    message: /row group|lie at bytes/,
    letters: 3,
  },
  // Oversize.
  {
    name: 'a block of 2^50 bytes',
    format: 'avro',
    bytes: () => avroFile('"int"', 'null', together(longs(1, 2 ** 50), sync)),
    code: 'MR-4107',
    message: /more than 100000 \(maxBlockBytes\)/,
  },
  {
    name: 'a block of 2^62 bytes',
    format: 'avro',
    bytes: () => avroFile('"int"', 'null', together(longs(1, 2n ** 62n), sync)),
    code: 'MR-4104',
    message: /cannot have 1 records in 4611686018427387904 bytes/,
  },
  {
    name: 'a block that unpacks to 100 MB',
    format: 'avro',
    bytes: () => avroFile('"bytes"', 'deflate', blockBytes(1, deflateRawSync(new Uint8Array(1e8)), sync)),
    code: 'MR-4107',
    message: /unpacks to more than 100000 bytes/,
  },
  {
    name: '2^40 records in no bytes',
    format: 'avro',
    bytes: () => avroFile('"null"', 'null', blockBytes(2 ** 40, new Uint8Array(), sync)),
    code: 'MR-4107',
    message: /said to have 1099511627776 records/,
  },
  {
    name: 'a list of 2^40 empty values',
    format: 'avro',
    bytes: () =>
      avroFile(
        '{"type":"array","items":"null"}',
        'null',
        blockBytes(1, together(longs(2 ** 40), Uint8Array.of(0)), sync),
      ),
    code: 'MR-4102',
    message: /items that take no bytes/,
  },
  {
    name: 'a text longer than its block',
    format: 'avro',
    bytes: () => avroFile('"string"', 'null', blockBytes(1, longs(2 ** 40), sync)),
    code: 'MR-4102',
    message: /has 1099511627776 bytes, but only 0 follow/,
  },
  {
    name: 'a fixed of 2^40 bytes',
    format: 'avro',
    bytes: () => avroFile('{"type":"fixed","name":"F","size":1099511627776}', 'null'),
    code: 'MR-4101',
    message: /has the size 1099511627776/,
  },
  {
    name: 'a footer of 4 GB',
    format: 'parquet',
    bytes: () => together(parquet.slice(0, -8), footer(2 ** 32 - 1)),
    code: 'MR-4107',
    message: /footer is said to have 4294967295 bytes/,
  },
  // Deep.
  {
    name: 'a schema deeper than 512',
    format: 'avro',
    bytes: () => avroFile(nested(600), 'null'),
    code: 'MR-4101',
    message: /nested deeper than 512/,
  },
  {
    name: 'a schema as deep as JSON allows',
    format: 'avro',
    bytes: () => avroFile(nested(100_000), 'null'),
    code: 'MR-4101',
    message: /nested deeper than 512/,
  },
  {
    name: 'a value deeper than 512',
    format: 'avro',
    bytes: () => avroFile(List, 'null', blockBytes(1, new Uint8Array(5_000).fill(2), sync)),
    code: 'MR-4102',
    message: /nested deeper than 512/,
  },
  {
    name: 'a record that contains only itself',
    format: 'avro',
    bytes: () =>
      avroFile(
        '{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}',
        'null',
        blockBytes(1, Uint8Array.of(0), sync),
      ),
    code: 'MR-4102',
    message: /nested deeper than 512/,
  },
  // Of another shape than the codec says.
  {
    name: 'Avro records that do not fit the codec',
    format: 'avro',
    bytes: () => avro,
    code: 'MR-4001',
    message: /at id expected string/,
    codec: t.type({ id: t.string }),
  },
  {
    name: 'Parquet rows that do not fit the codec',
    format: 'parquet',
    bytes: () => parquet,
    code: 'MR-4001',
    message: /at id expected string/,
    codec: t.type({ id: t.string }),
  },
  {
    name: 'a column that is not there',
    format: 'parquet',
    bytes: () => parquet,
    code: 'MR-4010',
    message: /it has no column "ident"; it has id, text/,
    codec: t.type({ ident: t.string }),
  },
]

const ways: readonly RunOptions[] = [{}, { strict: true, seed: 3, bundleSize: 4 }]

/** The collection of a format, limits set low enough to be met. */
function source(
  { format, codec }: Bad,
  path: string,
  onError?: never,
): (p: ReturnType<typeof pipeline>) => PCollection<unknown> {
  const common = { ...(codec === undefined ? {} : { codec }), ...(onError === undefined ? {} : { onError }) }
  return format === 'avro'
    ? (readAvro(path, { maxBlockBytes: 100_000, ...common } as never) as never)
    : (readParquet(path, { maxRowGroupBytes: 1_000_000, ...common } as never) as never)
}

let cells = 0

it.each(matrix)('$name fails the run, or is a letter, and nothing else is lost', async (bad) => {
  const at = join(root, `case-${matrix.indexOf(bad)}`)
  mkdirSync(at)
  const path = join(at, `bad.${bad.format}`)
  writeFileSync(path, bad.bytes())
  for (const way of ways) {
    // Fails fast, with the step, the file and the kind of mistake.
    const p = pipeline()
    p.apply('read', source(bad, path)).collect('rows')
    const error: unknown = await run(p, way).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(String(error)).toMatch(bad.message)
    expect(errorCode(error)).toBe(bad.code)
    if (bad.code !== 'MR-4001') expect(String(error)).toMatch(/file ".*bad\.\w+" cannot be read at byte \d+: /)
    cells++

    // With a handler, what can be read is read, and what cannot is told.
    if (bad.codec === undefined) writeFileSync(join(at, `good.${bad.format}`), bad.format === 'avro' ? avro : parquet)
    const q = pipeline()
    const handler = q.errors('bad', (letters) => letters.collect('letters'))
    q.apply('read', source(bad, join(at, `*.${bad.format}`), handler as never)).collect('rows')
    const result = await run(q, way)
    const letters = result.collect<DeadLetter<UnreadPart>>('bad/letters')
    if (bad.code === 'MR-4001') {
      expect(letters).toHaveLength(60)
      expect(letters[0]?.step).toBe('read/checked')
    } else {
      expect(letters).toHaveLength(bad.letters ?? 1)
      expect(letters[0]?.element).toMatchObject({ file: path, code: bad.code })
      expect(letters[0]?.error.message).toMatch(bad.message)
      expect(letters[0]?.element.offset).toBeGreaterThanOrEqual(0)
      expect(result.collect('rows')).toHaveLength((bad.codec === undefined ? 60 : 0) + (bad.read ?? 0))
    }
    cells++
  }
})

it('every cell of the matrix was judged', () => {
  expect(cells).toBe(matrix.length * ways.length * 2)
  expect(matrix.length).toBeGreaterThanOrEqual(35)
})

it('an Avro file cut anywhere is an error or fewer records, never others', async () => {
  const at = join(root, 'cuts')
  mkdirSync(at)
  for (let length = 0; length < avro.length; length += 7)
    writeFileSync(join(at, `${length}.avro`), avro.slice(0, length))
  const p = pipeline()
  const handler = p.errors('bad', (letters) => letters.collect('letters'))
  p.apply('read', readAvro(join(at, '*.avro'), { codec: Row, onError: handler })).collect('rows')
  const result = await run(p)
  const found = result.collect<t.TypeOf<typeof Row>>('rows')
  expect(found.length).toBeGreaterThan(60)
  for (const row of found) expect(row).toEqual(rows[row.id])
  const letters = new Set(result.collect<DeadLetter<UnreadPart>>('bad/letters').map(({ element }) => element.file))
  // Where a cut falls between two blocks nobody can tell.
  expect(letters.size).toBeGreaterThan(Math.floor(avro.length / 7) - 10)
}, 60_000)

it('a Parquet file with any one byte changed is read or refused, soon and in little memory', async () => {
  const before = process.memoryUsage().rss
  let refused = 0
  for (let at = 0; at < parquet.length; at += 3) {
    const bytes = changed(parquet, at, (byte) => byte ^ (at % 2 === 0 ? 0xff : 0x40))
    const handle = {
      read(target: Uint8Array, offset: number, length: number, position: number): number {
        const part = bytes.subarray(position, position + length)
        target.set(part, offset)
        return part.length
      },
      close: () => undefined,
    }
    try {
      const options = { columns: undefined, timestamps: 'date', maxRowGroupBytes: 1e6 } as const
      const file = await ParquetFile.open({ openForReading: () => handle }, 'x', bytes.length, options)
      for (let group = 0; group + 1 < file.starts.length; group++) await file.read(group)
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
      refused++
    }
  }
  expect(refused).toBeGreaterThan(100)
  expect(process.memoryUsage().rss - before).toBeLessThan(400e6)
}, 60_000)
