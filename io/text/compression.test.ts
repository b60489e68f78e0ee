import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  gunzipSync,
  gzipSync,
} from 'node:zlib'
import { pipeline as piped, Readable } from 'node:stream'
import { createWriteStream } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { type Env, type PCollection, pipeline, type Pipeline, run, type RunOptions } from 'millrace'
import { readCsv, writeCsv } from 'millrace/io/csv'
import { readJsonArray, readNdjson, writeJsonArray, writeNdjson } from 'millrace/io/json'
import { type Compression, readLines, writeLines, type WrittenFile } from 'millrace/io/text'
import { nodeEnv, nodeFiles } from '../../runners/direct/node.js'
import { splitPath } from './shard-names.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0
const folder = (): string => {
  const path = join(root, String(folders++))
  mkdirSync(path)
  return path
}

interface Row {
  readonly a: string
}
type Write = (input: PCollection<Row>) => PCollection<WrittenFile>
type Read = (p: Pipeline) => PCollection<unknown>
interface Options {
  readonly compression?: Compression
  readonly shards?: number
}
const formats: Readonly<
  Record<string, { write: (path: string, o: Options) => Write; read: (path: string, o: Options) => Read }>
> = {
  lines: {
    write: (path, o) => (input) => input.map('line', (row) => row.a).apply('lines', writeLines(path, o)),
    read:
      (path, { compression = 'auto' }) =>
      (p) =>
        p.apply('lines', readLines(path, { compression })).map('row', (a) => ({ a })),
  },
  ndjson: {
    write: (path, o) => writeNdjson(path, o),
    read: (path, { compression = 'auto' }) => readNdjson(path, { compression }),
  },
  'JSON array': {
    write: (path, o) => writeJsonArray(path, o),
    read: (path, { compression = 'auto' }) => readJsonArray(path, { compression }),
  },
  csv: {
    write: (path, o) => writeCsv(path, { columns: ['a'], ...o }),
    read: (path, { compression = 'auto' }) => readCsv(path, { compression }),
  },
}
const ways: readonly RunOptions[] = [{ bundleSize: 3 }, {}, { strict: true, seed: 3 }]
const values: readonly Row[] = Array.from({ length: 500 }, (_, i) => ({ a: `value ${i}` }))
const sorted = (rows: readonly unknown[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort()

async function written(
  write: Write,
  input: readonly Row[] = values,
  way: RunOptions = {},
): Promise<readonly WrittenFile[]> {
  const p = pipeline()
  p.create('values', input).apply('write', write).collect('files')
  return (await run(p, way)).collect<WrittenFile>('files')
}
async function found(read: Read, way: RunOptions = {}): Promise<readonly string[]> {
  const p = pipeline()
  p.apply('read', read).collect('rows')
  return sorted((await run(p, way)).collect('rows'))
}

describe.each(Object.entries(formats))('%s', (_, { write, read }) => {
  it.each(ways)('what is packed by the end of its name is read again by it: %j', async (way) => {
    for (const end of ['gz', 'br']) {
      const at = folder()
      const files = await written(write(join(at, `data.txt.${end}`), { shards: 2 }), values, way)
      expect(readdirSync(at).sort()).toEqual([0, 1].map((n) => `data-0000${n}-of-00002.txt.${end}`))
      expect(files.reduce((sum, file) => sum + file.lines, 0)).toBe(500)
      const unpack = end === 'gz' ? gunzipSync : brotliDecompressSync
      expect(unpack(readFileSync(join(at, `data-00000-of-00002.txt.${end}`))).length).toBeGreaterThan(1000)
      expect(await found(read(join(at, `*.${end}`), {}), way)).toEqual(sorted(values))
    }
  })

  it('or by the option, whatever it is called', async () => {
    for (const compression of ['gzip', 'brotli'] as const) {
      const path = join(folder(), 'data')
      await written(write(path, { compression }))
      expect(await found(read(path, { compression }))).toEqual(sorted(values))
      // Gzip is known by its first bytes, too; brotli has no mark.
      if (compression === 'gzip') expect(await found(read(path, {}))).toEqual(sorted(values))
    }
  })

  it('a packed file without a record is a whole one', async () => {
    const path = join(folder(), 'data.gz')
    await written(write(path, {}), [])
    expect(gunzipSync(readFileSync(path)).toString()).toMatch(/^(|a\n|\[\n\n\]\n)$/)
    expect(await found(read(path, {}))).toEqual([])
  })

  const text = (): Promise<Buffer> => {
    const path = join(folder(), 'plain')
    return written(write(path, {})).then(() => readFileSync(path))
  }

  it('a gzip file in several members, cut anywhere, is one text; zeros may follow it', async () => {
    const plain = await text()
    for (const cut of [1, 1000, plain.length - 1]) {
      const path = join(folder(), 'data.gz')
      const members = [gzipSync(plain.subarray(0, cut)), gzipSync(plain.subarray(cut)), gzipSync('')]
      writeFileSync(path, Buffer.concat([...members, Buffer.alloc(1000)]))
      expect(await found(read(path, {}))).toEqual(sorted(values))
    }
  })

  it('an archive that is cut off, damaged, or followed by something else fails the run, naming the file', async () => {
    const plain = await text()
    const gzip = gzipSync(plain)
    const brotli = brotliCompressSync(plain)
    const damaged = Buffer.from(gzip).fill(0x55, 200, 260)
    const archives: readonly (readonly [name: string, bytes: Buffer, reason: RegExp])[] = [
      ['cut.gz', gzip.subarray(0, -1), /unexpected end of file/],
      ['half.gz', gzip.subarray(0, gzip.length / 2), /unexpected end of file/],
      ['checksum.gz', Buffer.from(gzip).fill(0, gzip.length - 8, gzip.length - 4), /incorrect data check/],
      ['damaged.gz', damaged, /gzip file is broken/],
      ['empty.gz', Buffer.alloc(0), /unexpected end of file/],
      ['member.gz', Buffer.concat([gzip, gzip.subarray(0, 5)]), /unexpected end of file/],
      ['hidden.gz', Buffer.concat([gzip, Buffer.alloc(7), gzip]), /ends at byte \d+, and something else follows/],
      ['cut.br', brotli.subarray(0, -1), /unexpected end of file/],
      ['empty.br', Buffer.alloc(0), /unexpected end of file/],
      ['two.br', Buffer.concat([brotli, brotli]), /ends at byte \d+, and something else follows/],
      ['plain.br', Buffer.from('neither this nor that'), /brotli file is broken/],
    ]
    for (const [name, bytes, reason] of archives) {
      const path = join(folder(), name)
      writeFileSync(path, bytes)
      const failure = await found(read(path, {})).then((rows) => `no failure: ${rows.length} rows`, String)
      expect(failure).toMatch(reason)
      expect(failure).toContain(`cannot unpack "${path}" after `)
    }
  })

  it('a disk that is full while packing is an error, and leaves nothing', async () => {
    const at = folder()
    const env: Env = {
      ...nodeEnv(),
      files: {
        ...nodeFiles,
        create(path) {
          const handle = nodeFiles.create(path)
          const write = (bytes: Uint8Array): void => {
            if (path.includes('shard-'))
              throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
            handle.write(bytes)
          }
          return { ...handle, write }
        },
      },
    }
    const path = join(at, 'data.gz')
    await expect(written(write(path, {}), values, { env })).rejects.toThrow(/cannot write ".*data\.gz": ENOSPC/)
    expect(readdirSync(at)).toEqual([])
  })
})

it.each(['gzip', 'brotli'] as const)(
  'what unpacks to hundreds of times its size is read block by block: %s',
  async (compression) => {
    const path = join(folder(), 'bomb')
    const line = `${'0'.repeat(1023)}\n`
    const block = line.repeat(1024)
    function* blocks(): Generator<string> {
      for (let i = 0; i < 128; i++) yield block
    }
    await new Promise<void>((resolve, reject) => {
      const pack =
        compression === 'gzip'
          ? createGzip({ level: 9 })
          : createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })
      piped(Readable.from(blocks()), pack, createWriteStream(path), (error) =>
        error == null ? resolve() : reject(error),
      )
    })
    expect(statSync(path).size).toBeLessThan(2 ** 19)
    const p = pipeline()
    const before = process.memoryUsage().arrayBuffers
    let count = 0
    let most = 0
    p.apply('read', readLines(path, { compression })).filter('count', () => {
      if (++count % 4096 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      return false
    })
    await run(p)
    expect(count).toBe(128 * 1024)
    expect(most).toBeLessThan(48 * 2 ** 20)
  },
)

it('one record that unpacks to more than is allowed is refused, not held', async () => {
  const path = join(folder(), 'bomb.ndjson.gz')
  writeFileSync(path, gzipSync(Buffer.alloc(200 * 2 ** 20, '1')))
  const before = process.memoryUsage().arrayBuffers
  await expect(found(readNdjson(path))).rejects.toThrow(/bomb\.ndjson\.gz:1 \(byte 0\) is longer than maxRecordBytes/)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 2 ** 20)
})

it('the end of a name stays whole in the names of shards', () => {
  expect(splitPath('a/b.csv.gz')).toEqual({ folder: 'a/', base: 'b', extension: '.csv.gz' })
  expect(splitPath('b.2026.br')).toEqual({ folder: '', base: 'b.2026', extension: '.br' })
  expect(splitPath('b.gz')).toEqual({ folder: '', base: 'b', extension: '.gz' })
  expect(splitPath('.csv.gz')).toEqual({ folder: '', base: '.csv', extension: '.gz' })
})
