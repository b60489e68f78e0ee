/** A checkpoint that is older than what its sinks have is never gone on from silently: what it delivers would be taken for repetitions. */
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import * as t from 'io-ts'
import { type Env, errorCode, fixedWindows, type PCollection, type Pipeline, pipeline, start, typed } from 'millrace'
import { openLog, writeLog } from 'millrace/io/log'
import { writeTable, type WriteMode } from 'millrace/io/sqlite'
import { writeLines } from 'millrace/io/text'
import { describe, expect, it } from 'vitest'
import { Feed, refusal, runOn, type RunOptions } from '../../conformance/support/feeds.js'
import { testFolders } from '../../conformance/support/test-folders.js'
import { nodeEnv } from '../direct/node.js'
import { openSqliteStore } from './store/sqlite-store.js'

const folder = testFolders('older')

/** A sink in a folder: how it is written to, and what it has. */
interface Sink {
  write(lines: PCollection<string>): void
  has(): readonly string[] | Promise<readonly string[]>
}

const log = (at: string): Sink => ({
  write: (lines) => lines.apply('out', writeLog({ folder: join(at, 'log'), topic: 'o', create: { partitions: 1 } })),
  async has() {
    const opened = await openLog(join(at, 'log'))
    const values = opened.read('o', 0, 0).map(({ value }) => value as string)
    opened.close()
    return values
  },
})

const table =
  (mode: WriteMode) =>
  (at: string): Sink => ({
    write(lines) {
      const file = join(at, 'out.db')
      const key = mode === 'append' ? {} : { key: 'line' }
      lines
        .map('row', (line) => ({ line }), { codec: Line })
        .apply('out', writeTable({ file, table: 'lines', codec: Line, create: true, mode, ...key } as never))
    },
    has() {
      const db = new Database(join(at, 'out.db'))
      const values = db.prepare('SELECT line FROM lines ORDER BY rowid').pluck().all() as string[]
      db.close()
      return values
    },
  })
const Line = t.type({ line: t.string })

/** A file for each line, once the next one has come. */
const files =
  (manifest: boolean) =>
  (at: string): Sink => ({
    write(lines) {
      const options = manifest ? { manifest: join(at, 'm') } : {}
      lines
        .windowInto('by line', fixedWindows(1))
        .apply('out', writeLines(join(at, 'out', '{window.start}.txt'), options))
    },
    has: () =>
      readdirSync(join(at, 'out'))
        .filter((name) => name.endsWith('.txt'))
        .map((name) => readFileSync(join(at, 'out', name), 'utf8').trim()),
  })

/** One that says only when it recognises something. */
function own(): Sink {
  const batches = new Map<number, readonly string[]>()
  return {
    write: (lines) =>
      void lines.parDo('out', {
        output: typed<never>(),
        delivery: {
          codec: t.string,
          repeats: 'recognised',
          deliver(items, { id: { batch }, recognised }) {
            if ([...batches.keys()].some((newest) => newest >= batch)) recognised()
            else batches.set(batch, items)
          },
        },
        process: (line, { deliver }) => deliver(line),
      }),
    has: () => [...batches.values()].flat(),
  }
}

/** A place with a checkpoint, and a sink; each life reads more lines. */
function place(sinkIn: (at: string) => Sink) {
  const at = folder()
  const sink = sinkIn(at)
  const feed = new Feed<string>()
  const build = (p: Pipeline): void =>
    sink.write(p.apply('in', feed.read()).map('as it is', String, { codec: t.string }))
  return {
    at,
    sink,
    feed,
    checkpoint: join(at, 'kept'),
    copy: join(at, 'copy'),
    /** @param lines what comes before the run ends. */
    live(lines: string, checkpoint = join(at, 'kept'), options: RunOptions = {}): ReturnType<typeof runOn> {
      for (const line of lines) feed.add(line, feed.items.length)
      return runOn(checkpoint, build, [feed], { guarantee: 'exactly-once', ...options })
    },
    /** @param from what it reads. It has few batches, so that its original is ahead of it. */
    begin(from: Feed<string>, checkpoint: string) {
      const p = pipeline()
      sink.write(p.apply('in', from.read()).map('as it is', String, { codec: t.string }))
      return start(p, { runner: 'micro-batch', guarantee: 'exactly-once', checkpoint, batchInterval: '400 ms' })
    },
  }
}

const copied = (from: string, to: string): void => {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}

async function savepoint(from: string, to: string): Promise<void> {
  const store = await openSqliteStore(from, nodeEnv())
  await store.savepoint(to, { id: 'query of its own', createdAt: 0, entry: (entry) => entry })
  await store.close()
}

/** Ends the process at the first passing of a point. */
function dyingAt(point: string): Env {
  return {
    ...nodeEnv(),
    crashpoint(name) {
      if (name === point) throw new Error('the process ended')
    },
  }
}

const sinks = [
  ['writeLog', log],
  ['writeTable that appends', table('append')],
  ['writeTable that upserts', table('upsert')],
] as const

describe.each(sinks)('%s', (name, sinkIn) => {
  it('a copy of the checkpoint that is put back is refused before anything is done, each time', async () => {
    const { live, sink, checkpoint, copy, at } = place(sinkIn)
    await live('a')
    copied(checkpoint, copy)
    for (const line of 'bc') await live(line)
    copied(copy, checkpoint)
    const before = await sink.has()
    const error: unknown = await live('XY').catch((thrown: unknown) => thrown)
    expect(errorCode(error)).toBe('MR-6109')
    expect(String(error)).toMatch(/the sink of step "out\/(write|rows)" has batch \d+ of this query already/)
    expect(String(error)).toContain('Nothing was done. Go on from the newest checkpoint, or make a savepoint')
    expect(await refusal(live(''))).toContain('Nothing was done')
    expect(await sink.has()).toEqual(before)
    // What it advises: nothing is lost, and what was delivered since is delivered again.
    await savepoint(checkpoint, join(at, 'savepoint'))
    await live('Z', join(at, 'savepoint'))
    const all = [...(await sink.has())].toSorted()
    expect(all).toEqual(name === 'writeTable that upserts' ? [...'XYZabc'] : [...'XYZabbcc'])
  })
})

it('a copy of the checkpoint that is put back is refused where manifests say what was delivered', async () => {
  const { live, sink, checkpoint, copy } = place(files(true))
  for (const line of 'ab') await live(line)
  copied(checkpoint, copy)
  for (const line of 'cd') await live(line)
  const before = await sink.has()
  expect(before).toEqual([...'abc'])
  copied(copy, checkpoint)
  expect(errorCode(await live('X').catch((thrown: unknown) => thrown))).toBe('MR-6109')
  expect(await sink.has()).toEqual(before)
})

it('files that a copy names and that were put in place since are missed by name, with what to do', async () => {
  const { live, checkpoint, copy } = place(files(false))
  for (const line of 'ab') await live(line)
  copied(checkpoint, copy)
  for (const line of 'cd') await live(line)
  copied(copy, checkpoint)
  const why = await refusal(live('X'))
  expect(why).toMatch(/file ".*part-\d+-e\d+-\d+", in which a part of it was gathered, is gone/)
  expect(why).toContain('Go on from the newest checkpoint, or from a savepoint, which has copies of such files.')
})

it('a copy that was not put back, and the newest checkpoint, go on', async () => {
  const { live, sink, checkpoint, copy } = place(log)
  for (const line of 'ab') await live(line)
  copied(checkpoint, copy)
  copied(copy, checkpoint)
  await live('c')
  expect(await sink.has()).toEqual([...'abc'])
})

it('a copy between a commit and its delivery goes on, and is refused with a way out when more was delivered', async () => {
  const { live, sink, checkpoint, copy, at } = place(log)
  await live('a')
  await expect(live('b', checkpoint, { env: dyingAt('delivery.begin') })).rejects.toThrow('the process ended')
  copied(checkpoint, copy)
  await live('')
  expect(await sink.has()).toEqual([...'ab'])
  copied(copy, checkpoint)
  await live('')
  expect(await sink.has()).toEqual([...'ab'])
  await live('c')
  copied(copy, checkpoint)
  expect(await refusal(live('X'))).toContain('older than what was delivered')
  // It has seen that batch b was delivered, or the savepoint would be refused with MR-6108.
  await savepoint(checkpoint, join(at, 'savepoint'))
  await live('', join(at, 'savepoint'))
  expect(await sink.has()).toEqual([...'abccX'])
})

it.each(['delivery.done', 'store.delivered.before'])(
  'what a crash at %s has let through is recognised',
  async (point) => {
    for (const sinkIn of [log, table('append'), own]) {
      const { live, sink, checkpoint } = place(sinkIn)
      await live('a')
      await expect(live('b', checkpoint, { env: dyingAt(point) })).rejects.toThrow('the process ended')
      await live('c')
      expect(await sink.has()).toEqual([...'abc'])
    }
  },
)

it.each([
  ['writeLog', log],
  ['writeTable', table('append')],
  ['a sink of its own', own],
])('a copy that runs beside its original fails at its first delivery: %s', async (_, sinkIn) => {
  const { live, begin, sink, checkpoint, copy } = place(sinkIn)
  await live('a')
  copied(checkpoint, copy)
  const feed = new Feed<string>().add('a', 0)
  const beside = begin(feed, copy)
  const ended = refusal(beside.result)
  await expect.poll(() => feed.isExhausted).toBe(true)
  for (const line of 'bcdef') await live(line)
  feed.add('X', 1)
  const why = await ended
  expect(why).toMatch(/What this run had for batch \d+ was not delivered; nothing more is done/)
  expect(why).toContain('make a savepoint of the copy as it was before this run')
  expect(await sink.has()).toEqual([...'abcdef'])
})
