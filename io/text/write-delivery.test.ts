import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Env, IntervalWindow, type Query } from 'millrace'
import { nodeEnv, nodeFiles } from '../../runners/direct/node.js'
import type { FileHandle, FileSystem } from '../../sdk/env.js'
import type { LogRecord } from '../../sdk/logger.js'
import { stepLog } from '../../sdk/logger.js'
import { type CommitOptions, type FileMoves, ShardCommitter } from './commit-shards.js'
import { ShardFinisher } from './finish-shards.js'
import { lineFile, linePart } from './line-format.js'
import { manifestCodec } from './manifest.js'
import { FileNames } from './name-template.js'
import { TemporaryFolder } from './temporary-folder.js'
import { type Part, PartWriter } from './write-parts.js'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('deliver')

/** Every file below a folder with its text, hidden ones too. */
function tree(path: string): Readonly<Record<string, string>> {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(path.length + 1), readFileSync(file, 'utf8')]),
  )
}
const visible = (files: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !/(^|\/)\./.test(path)))

const CRASH = new Error('power is gone')
const isCrash = (error: unknown): boolean => error === CRASH || (error instanceof Error && error.cause === CRASH)

/** A world that ends before the n-th thing that is done to its files: nothing is done any more from then on. */
function mortal(crashAt: number): { readonly env: Env; readonly files: FileSystem; readonly done: () => number } {
  let done = 0
  const step = <T>(act: () => T): T => {
    if (++done >= crashAt) throw CRASH
    return act()
  }
  const files: FileSystem = {
    ...nodeFiles,
    create(path) {
      const handle = step(() => nodeFiles.create(path))
      const watched: FileHandle = {
        read: handle.read.bind(handle),
        write: (bytes) => step(() => handle.write(bytes)),
        sync: () => step(() => handle.sync()),
        status: handle.status.bind(handle),
        close: () => handle.close(),
      }
      return watched
    },
    rename: (from, to) => step(() => nodeFiles.rename(from, to)),
    remove: (path) => step(() => nodeFiles.remove(path)),
    makeFolder: (path) => step(() => nodeFiles.makeFolder(path)),
    removeFolder: (path) => step(() => nodeFiles.removeFolder(path)),
    syncFolder: (path) => step(() => nodeFiles.syncFolder(path)),
  }
  const env: Env = { ...nodeEnv(), files, crashpoint: () => step(() => undefined) }
  return { env, files, done: () => done }
}

const window = new IntervalWindow(0, 3_600_000)
const format = { head: 'h\n', between: '', end: '\n', tail: '' }
const hears: LogRecord[] = []
const log = stepLog((record) => void hears.push(record))

/** What a runner that restarts keeps. */
interface Kept {
  batch: number
  parts: readonly (readonly [shard: number, part: Part])[]
  undelivered: FileMoves | undefined
}

/** A process: it goes on from what is kept, until the query is over. */
function live(kept: Kept, at: string, crashAt: number): number {
  const { env, files, done } = mortal(crashAt)
  const query = { id: 'orders/2026', batch: kept.batch + 1, restarts: true }
  const path = join(at, 'out.txt')
  const options: CommitOptions = {
    path,
    names: new FileNames(path, 3),
    shards: 3,
    shardBy: undefined,
    overwrite: undefined,
    manifest: join(at, '_manifest'),
    writer: 'writeLines',
  }
  const owner = (step: string) => ({ step, query })
  const parts = new PartWriter(files, env, options, owner('write/parts'), linePart('writeLines', format))
  const finisher = new ShardFinisher(files, env, path, owner('write/shards'), lineFile(format, 'none'))
  const committer = new ShardCommitter(files, env, options, owner('write/commit'), lineFile(format, 'none'))
  const deliver = (): void => {
    if (kept.undelivered === undefined) return
    const id = { query: query.id, step: 'write/commit', batch: kept.batch, shard: 0 }
    committer.deliver([kept.undelivered], id, log)
    kept.undelivered = undefined
  }
  deliver()
  while (kept.batch < 3) {
    query.batch = kept.batch + 1
    if (query.batch < 3) {
      parts.begin()
      // Two of three shards have lines.
      parts.add(`line ${query.batch}`, window, () => (query.batch - 1) / 3)
      const made = parts.finish().map(({ shard, part }) => [shard, part] as const)
      kept.parts = [...kept.parts, ...made]
    } else {
      const finished = [0, 1, 2].flatMap((shard) => {
        const own = kept.parts.filter(([of]) => of === shard).map(([, part]) => part)
        return own.length === 0 ? [] : [finisher.finishNow(shard, own)]
      })
      kept.undelivered = committer.plan(finished, window, 0)
    }
    kept.batch = query.batch
    deliver()
  }
  query.restarts = false
  for (const each of [committer, finisher, parts]) each.remove()
  return done()
}

const name = (shard: number): string => `out-19700101T000000Z-19700101T010000Z-0000${shard}-of-00003.txt`
const texts = ['h\nline 1\n', 'h\nline 2\n', 'h\n']

it('a query that crashes between any two steps, once or twice, ends with the same files and nothing else', () => {
  const whole = live({ batch: 0, parts: [], undelivered: undefined }, folder(), Infinity)
  expect(whole).toBeGreaterThan(40)
  for (const later of [Infinity, 3, 7]) {
    for (let crashAt = 1; crashAt <= whole; crashAt++) {
      const at = folder()
      const kept: Kept = { batch: 0, parts: [], undelivered: undefined }
      let lives = 0
      for (const end of [crashAt, later, Infinity]) {
        lives++
        try {
          live(kept, at, end)
          break
        } catch (error) {
          if (!isCrash(error)) throw error
          check(at, false)
        }
      }
      expect(lives).toBeGreaterThan(1)
      check(at, true)
    }
  }
  // What was moved already is no surprise.
  expect(hears).toEqual([])
})

/** What others see: whole files, no second name for any of them, and a manifest only of what is all there. */
function check(at: string, isOver: boolean): void {
  const files = tree(at)
  const seen = visible(files)
  if (isOver) expect(Object.keys(files)).toEqual(Object.keys(seen))
  const manifests = Object.keys(seen).filter((path) => path.startsWith('_manifest/'))
  const written = Object.entries(seen).filter(([path]) => !path.startsWith('_manifest/'))
  for (const [path, text] of written) {
    const shard = [0, 1, 2].find((n) => name(n) === path)
    expect(shard === undefined ? path : text).toBe(texts[shard ?? 0])
  }
  expect(manifests.length).toBeLessThanOrEqual(1)
  if (isOver) expect([written.length, manifests.length]).toEqual([3, 1])
  for (const each of manifests) {
    expect(each).toMatch(/^_manifest\/orders_2026-[0-9a-z]{13}-[0-9a-z]{13}-000000000003-00000\.json$/)
    const manifest: unknown = JSON.parse(seen[each] as string)
    if (!manifestCodec.is(manifest)) throw new Error('not a manifest')
    expect(manifest.batch).toBe(3)
    expect(manifest.files.map(({ path, lines }) => [path, lines])).toEqual(
      [1, 1, 0].map((lines, shard) => [join(at, name(shard)), lines]),
    )
    for (const { path } of manifest.files) expect(readFileSync(path, 'utf8')).toMatch(/^h\n/)
  }
}

it('a first name that others have taken is left to them, also when a batch is done again', () => {
  const at = folder()
  writeFileSync(join(at, name(1)), 'other\n')
  const kept: Kept = { batch: 0, parts: [], undelivered: undefined }
  let crashes = 0
  for (let end = 10; kept.batch < 3 || kept.undelivered !== undefined; end += 10) {
    try {
      live(kept, at, end)
    } catch (error) {
      if (!isCrash(error)) throw error
      crashes++
    }
  }
  expect(crashes).toBeGreaterThan(2)
  const seen = Object.keys(visible(tree(at))).filter((path) => !path.startsWith('_manifest/'))
  expect(seen).toEqual(
    [
      name(0).replace('.txt', '-r2.txt'),
      name(1).replace('.txt', '-r2.txt'),
      name(1),
      name(2).replace('.txt', '-r2.txt'),
    ].sort(),
  )
  expect(readFileSync(join(at, name(1)), 'utf8')).toBe('other\n')
})

it('a file that somebody has taken away after a crash is told of, and what was never moved is an error', () => {
  const at = folder()
  const env = nodeEnv()
  const sinkOf = (restarts: boolean): ShardCommitter => {
    const path = join(at, 'out.txt')
    const options = { path, names: new FileNames(path, 1), shards: 1, shardBy: undefined, overwrite: true }
    const all = { ...options, manifest: undefined, writer: 'writeLines' }
    const query: Query = { id: 'q', batch: 1, restarts }
    return new ShardCommitter(nodeFiles, env, all, { step: 'write', query }, lineFile(format, 'none'))
  }
  const id = { query: 'q', step: 'write', batch: 1, shard: 0 }
  const lost: FileMoves = { files: [{ from: join(at, '.gone'), to: join(at, 'out.txt'), lines: 1 }], parts: [] }
  hears.length = 0
  sinkOf(true).deliver([lost], id, log)
  expect(hears.map(({ message }) => message)).toEqual([
    expect.stringMatching(/\.gone" is gone before it was moved to ".*out\.txt", or was moved before a crash/),
  ])
  expect(() => sinkOf(false).deliver([lost], id, log)).toThrow(expect.objectContaining({ code: 'MR-5009' }))
})

/** A sink of one file, as a driver that goes on with a query has it. */
function committerOf(at: string, id: string): ShardCommitter {
  const path = join(at, 'out.txt')
  const options = { path, names: new FileNames(path, 1), shards: 1, shardBy: undefined, overwrite: true }
  const all = { ...options, manifest: join(at, 'm'), writer: 'writeLines' }
  const query: Query = { id, batch: 1, restarts: true }
  return new ShardCommitter(nodeFiles, nodeEnv(), all, { step: 'write', query }, lineFile(format, 'none'))
}

it('a delivery whose files were read and removed with their manifest writes none again; where some are left, it does', () => {
  const at = folder()
  const id = { query: 'q', step: 'write', batch: 1, shard: 0 }
  const to = (shard: number): string => join(at, `out-${shard}.txt`)
  const moves: FileMoves = {
    files: [0, 1].map((shard) => ({ from: join(at, '.hidden', String(shard)), to: to(shard), lines: 1 })),
    parts: [],
  }
  const manifests = (): readonly string[] => (existsSync(join(at, 'm')) ? readdirSync(join(at, 'm')) : [])
  mkdirSync(join(at, '.hidden'))
  for (const { from } of moves.files) writeFileSync(from, 'x\n')
  committerOf(at, 'q').deliver([moves], id, log)
  const [manifest = ''] = manifests()
  rmSync(join(at, 'm', manifest))
  committerOf(at, 'q').deliver([moves], id, log)
  expect(manifests()).toEqual([manifest])
  rmSync(join(at, 'm', manifest))
  for (const shard of [0, 1]) rmSync(to(shard))
  committerOf(at, 'q').deliver([moves], id, log)
  expect(manifests()).toEqual([])
})

it('what another query has gathered is neither moved nor removed', () => {
  const at = folder()
  const hidden = (query: string): string => join(at, `.out.txt.tmp-${query}-0123456789abc`)
  const made = (query: string, name: string): string => {
    mkdirSync(hidden(query), { recursive: true })
    writeFileSync(join(hidden(query), name), 'x\n')
    return join(hidden(query), name)
  }
  const id = { query: 'q', step: 'write', batch: 1, shard: 0 }
  const theirs = made('other', 'part-000001-e1-000000')
  const own = { from: made('q', 'shard-000001-e1-000000'), to: join(at, 'out.txt'), lines: 1 }
  const part = made('q', 'part-000001-e1-000000')
  committerOf(at, 'q').deliver([{ files: [own], parts: [theirs, part] }], id, log)
  expect(readFileSync(own.to, 'utf8')).toBe('x\n')
  expect([existsSync(theirs), existsSync(part), existsSync(hidden('q'))]).toEqual([true, false, false])
  const shard = { from: made('other', 'shard-000001-e1-000000'), to: join(at, 'out.txt'), lines: 1 }
  expect(() => committerOf(at, 'q').deliver([{ files: [shard], parts: [] }], id, log)).toThrow(
    /gathered by another query, of which this one is a copy.*millrace savepoint/,
  )
  expect(existsSync(shard.from)).toBe(true)
})

it('a file that may be named after a restart has reached the disk with its name, before anybody hears of it', () => {
  const at = folder()
  const calls: string[] = []
  const note = <T>(call: string, value: T): T => {
    calls.push(call)
    return value
  }
  const files: FileSystem = {
    ...nodeFiles,
    create(path) {
      const handle = nodeFiles.create(path)
      return {
        read: handle.read.bind(handle),
        write: (bytes) => note('write', handle.write(bytes)),
        sync: () => note('sync', handle.sync()),
        status: handle.status.bind(handle),
        close: () => handle.close(),
      }
    },
    syncFolder: (path) => note(path === at ? 'sync above' : 'sync folder', nodeFiles.syncFolder(path)),
  }
  const query: Query = { id: 'q', batch: 7, restarts: true }
  const kept = new TemporaryFolder(files, nodeEnv(), join(at, 'out.txt'), { step: 'write/parts', query })
  const path = kept.write('part', (handle) => handle.write(Uint8Array.of(1)))
  expect(calls).toEqual(['write', 'sync', 'sync folder', 'sync above'])
  expect(path).toMatch(/\/\.out\.txt\.tmp-q-[0-9a-z]{13}\/part-000007-000000$/)
  kept.remove()
  expect(readFileSync(path)).toEqual(Buffer.of(1))
})

it('folders that are made on the way are there for good, also those above', () => {
  const at = folder()
  const synced = new Set<string>()
  const files: FileSystem = {
    ...nodeFiles,
    syncFolder(path) {
      synced.add(path)
      nodeFiles.syncFolder(path)
    },
  }
  const query: Query = { id: 'q', batch: 1, restarts: true }
  const made = new TemporaryFolder(files, nodeEnv(), join(at, 'a', 'b', 'out.txt'), { step: 'write', query })
  const from = made.write('shard', (handle) => handle.write(Uint8Array.of(1)))
  for (const path of [at, join(at, 'a'), join(at, 'a', 'b')]) expect(synced).toContain(path)
  synced.clear()
  const path = join(at, 'c', 'd', 'out.txt')
  const options = { path, names: new FileNames(path, 1), shards: 1, shardBy: undefined, overwrite: true }
  const all = { ...options, manifest: join(at, 'e', 'f'), writer: 'writeLines' }
  const sink = new ShardCommitter(files, nodeEnv(), all, { step: 'write', query }, lineFile(format, 'none'))
  const id = { query: 'q', step: 'write', batch: 1, shard: 0 }
  sink.deliver([{ files: [{ from, to: path, lines: 1 }], parts: [] }], id, log)
  for (const each of ['', 'c', 'c/d', 'e', 'e/f']) expect(synced).toContain(join(at, each))
})

it('a driver that stood still while another took over neither removes nor replaces what the other has made', () => {
  const at = folder()
  const folderOf = (batch: number, epoch: number): TemporaryFolder =>
    new TemporaryFolder(nodeFiles, nodeEnv(), join(at, 'out.txt'), {
      step: 's',
      query: { id: 'q', batch, restarts: true, epoch },
    })
  const bytesOf = (n: number) => (handle: FileHandle) => handle.write(Uint8Array.of(n))
  const given = folderOf(5, 1).write('part', bytesOf(1))
  // The first has not made a file yet: it would look which batch goes on with its first one.
  const stood = folderOf(5, 1)
  const theirs = [5, 6, 7].map((batch) => folderOf(batch, 2).write('part', bytesOf(10 + batch)))
  expect(existsSync(given)).toBe(false)
  const own = stood.write('part', bytesOf(2))
  expect(theirs).not.toContain(own)
  expect(theirs.map((path) => [...readFileSync(path)])).toEqual([[15], [16], [17]])
})

it('the first file after a restart takes the place of what was given up, and leaves what earlier batches have made', () => {
  const target = join(folder(), 'out.txt')
  const bytesOf = (n: number) => (handle: FileHandle) => handle.write(Uint8Array.of(n))
  const folderOf = (batch: number, restarts = true): TemporaryFolder =>
    new TemporaryFolder(nodeFiles, nodeEnv(), target, { step: 's', query: { id: 'q', batch, restarts } })
  const committed = folderOf(1).write('part', bytesOf(1))
  const givenUp = folderOf(2)
  const paths = [1, 2, 3].map((n) => givenUp.write('part', bytesOf(n)))
  const again = folderOf(2).write('part', bytesOf(9))
  expect(again).toBe(paths[0])
  expect([committed, ...paths].map((path) => nodeFiles.status(path)?.kind)).toEqual([
    'file',
    'file',
    undefined,
    undefined,
  ])
  // A query that is over takes everything with it, whoever has made it.
  const last = { id: 'q', batch: 3, restarts: true }
  const over = new TemporaryFolder(nodeFiles, nodeEnv(), target, { step: 's', query: last })
  last.restarts = false
  over.remove()
  expect(readdirSync(join(target, '..'))).toEqual([])
})
