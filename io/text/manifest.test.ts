import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import * as t from 'io-ts'
import { afterAll, expect, it } from 'vitest'
import { type Env, fixedWindows, pipeline, run, TIMESTAMP_MIN, watermarks } from 'millrace'
import { readCsv, writeCsv } from 'millrace/io/csv'
import { replay } from 'millrace/io/generate'
import { readLines, type ReadLinesOptions, spool, writeLines } from 'millrace/io/text'
import { nodeEnv } from '../../runners/direct/node.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-manifest-'))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
const folder = (): string => {
  const path = join(root, String(folders++))
  mkdirSync(path)
  return path
}

interface Named {
  readonly batch: number
  readonly files: readonly { readonly path: string; readonly lines: number }[]
}
const manifests = (at: string): readonly Named[] =>
  readdirSync(at).map((name) => JSON.parse(readFileSync(join(at, name), 'utf8')) as Named)

const lines = ['a', 'b', 'c', 'd']

async function write(at: string, env: Env = nodeEnv()): Promise<void> {
  const p = pipeline()
  p.create('lines', lines).apply('write', writeLines(join(at, 'out.txt'), { shards: 3, manifest: join(at, 'm/') }))
  await run(p, { env })
}

async function read(at: string, options: ReadLinesOptions = {}): Promise<readonly string[]> {
  const p = pipeline()
  p.apply('read', readLines(join(at, '*.txt'), { manifest: join(at, 'm'), ...options })).collect('lines')
  return [...(await run(p)).collect<string>('lines')].sort()
}

it('a manifest names all files of a delivery, and who follows it reads them and no others', async () => {
  const at = folder()
  writeFileSync(join(at, 'other.txt'), 'other\n')
  await write(at)
  const [manifest, ...more] = manifests(join(at, 'm'))
  expect(more).toEqual([])
  expect(manifest?.files.map(({ path }) => path)).toEqual(
    [0, 1, 2].map((shard) => join(at, `out-0000${shard}-of-00003.txt`)),
  )
  expect(manifest?.files.reduce((sum, file) => sum + file.lines, 0)).toBe(4)
  expect(await read(at)).toEqual(lines)
  // Spelled in another way, it is the same folder.
  expect(await read(relative('.', at))).toEqual(lines)
})

it('without its manifest a batch is not seen, whatever part of it is in place', async () => {
  for (const point of ['text.write.rename', 'text.write.committed', 'text.write.manifest', 'text.write.manifested']) {
    const at = folder()
    const env: Env = {
      ...nodeEnv(),
      crashpoint: (name) => {
        if (name === point) throw new Error('power is gone')
      },
    }
    await expect(write(at, env)).rejects.toThrow('power is gone')
    expect(readdirSync(at).filter((name) => name.endsWith('.txt')).length).toBeGreaterThan(0)
    const seen = await read(at, { emptyMatch: 'allow' })
    expect(seen).toEqual(point === 'text.write.manifested' ? lines : [])
  }
})

it('each delivery of a stream has a manifest of its own', async () => {
  const at = folder()
  const p = pipeline()
  p.apply('texts', replay([1, 11, 21], { timestamp: (n) => n }))
    .windowInto('tens', fixedWindows(10))
    .apply('write', writeLines(join(at, 'out.txt'), { manifest: join(at, 'm') }))
  await run(p, { bundleSize: 1 })
  const all = manifests(join(at, 'm'))
  expect(all.flatMap(({ files }) => files)).toHaveLength(3)
  expect(new Set(all.map(({ batch }) => batch)).size).toBe(all.length)
})

it('goes with every format', async () => {
  const at = folder()
  const p = pipeline()
  p.create('rows', [{ a: 'x' }]).apply(
    'write',
    writeCsv(join(at, 'out.csv'), { columns: ['a'], manifest: join(at, 'm') }),
  )
  await run(p)
  writeFileSync(join(at, 'half.csv'), 'a\n')
  const q = pipeline()
  q.apply('read', readCsv(join(at, '*.csv'), { codec: t.type({ a: t.string }), manifest: join(at, 'm') })).collect(
    'rows',
  )
  expect((await run(q)).collect('rows')).toEqual([{ a: 'x' }])
})

it('a manifest whose files are gone, or that is none, is an error', async () => {
  const at = folder()
  await write(at)
  rmSync(join(at, 'out-00001-of-00003.txt'))
  await expect(read(at)).rejects.toThrow(/manifest ".*" names the file ".*out-00001-of-00003\.txt", which is gone/)
  writeFileSync(join(at, 'm', readdirSync(join(at, 'm'))[0] as string), '{"files": []}')
  await expect(read(at)).rejects.toThrow(/is no manifest: it has not the fields/)
})

it('refuses what is no folder, and files that come', () => {
  expect(() => writeLines('out.txt', { manifest: '' })).toThrow(/option manifest of writeLines is the path of a folder/)
  expect(() => readLines('out.txt', { manifest: 5 as unknown as string })).toThrow(/option manifest of readLines/)
  const watermark = watermarks.wallClock()
  const coming = spool(root, { after: 'delete', timestamp: () => TIMESTAMP_MIN, watermark })
  expect(() => pipeline().apply('read', readLines(coming, { manifest: 'm' }))).toThrow(
    expect.objectContaining({ code: 'MR-1016' }),
  )
})
