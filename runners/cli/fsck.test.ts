/** What is damaged is found, whatever byte it is: checkpoints of real runs, changed byte by byte. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import * as t from 'io-ts'
import { type Env, pipeline, type Pipeline, run } from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemEnv } from '../core/system-env.js'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from '../micro-batch/node.js'
import { openSqliteStore } from '../micro-batch/store/sqlite-store.js'
import { fsck } from './fsck.js'
import { restartsFor } from './invariants.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-fsck-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function counting(): Pipeline {
  const p = pipeline()
  p.create(
    'numbers',
    Array.from({ length: 60 }, (_, i) => i),
  )
    .keyBy('by', (n) => n % 5)
    .countPerKey('count')
    .parDo('hand over', {
      delivery: { codec: t.unknown, repeats: 'harmless', deliver: () => undefined },
      process: (count, { deliver }) => deliver(count),
    })
  return p
}

class Crash extends Error {}

/** A checkpoint as a crash leaves it, write-ahead logs and a planned batch included. */
async function crashed(place: string, at: number): Promise<void> {
  let commits = 0
  const live = join(folder, 'live')
  const env: Env = {
    ...nodeEnv(),
    crashpoint(name) {
      if (name !== 'store.plan.after' || ++commits < at) return
      // What the files are at this moment is what a killed process would leave.
      cpSync(live, place, { recursive: true, filter: (path) => !path.endsWith('-shm') })
      throw new Crash(name)
    },
  }
  const runner = microBatchRunner({ batchInterval: '1 milli', batchSize: 7 }, nodeCapabilities())
  await expect(run(counting(), { runner, checkpoint: live, env })).rejects.toBeInstanceOf(Crash)
  rmSync(live, { recursive: true })
}

/** All that anybody can read of a checkpoint; not what was never durable: a plan that may be made anew, which deliveries were noted. */
async function contentOf(place: string): Promise<unknown> {
  const copy = join(folder, 'copy')
  rmSync(copy, { recursive: true, force: true })
  cpSync(place, copy, { recursive: true })
  const store = await openSqliteStore(copy, systemEnv())
  try {
    const committed = await store.committed()
    const entries: unknown[] = []
    if (committed !== undefined) for await (const entry of store.partition(0).read(committed.batch)) entries.push(entry)
    return [await store.query(), committed, await store.history(), entries]
  } finally {
    await store.close()
  }
}

const clean = join(folder, 'clean')
const killed = join(folder, 'killed')

beforeAll(async () => {
  await run(counting(), { runner: 'micro-batch', checkpoint: clean, batchSize: 7 })
  await crashed(killed, 4)
})

describe('fsck', () => {
  it('finds nothing wrong where nothing is, and changes no byte', async () => {
    for (const place of [clean, killed]) {
      const before = readdirSync(place).map((name) => [name, readFileSync(join(place, name))])
      expect((await fsck(place)).faults).toEqual([])
      expect(readdirSync(place).map((name) => [name, readFileSync(join(place, name))])).toEqual(before)
    }
    expect((await fsck(killed)).planned).toBe(4)
    expect(readdirSync(killed)).toContain('log.sqlite-wal')
  })

  it.each([
    ['clean', 997, ['head', 'log.sqlite', 'state-0.sqlite']],
    // Pages of the file itself are superseded by its write-ahead log: nobody reads them.
    ['killed', 1499, ['head', 'log.sqlite-wal']],
  ])(
    'finds a changed byte anywhere in a checkpoint (%s), or nobody reads it',
    { timeout: 120_000 },
    async (name, stride, files) => {
      const place = join(folder, name)
      const content = await contentOf(place)
      const damaged = join(folder, 'damaged')
      const found = new Map<string, number>()
      for (const file of readdirSync(place)) {
        const bytes = readFileSync(join(place, file))
        for (let at = 0; at < bytes.length; at += at < 128 ? 7 : stride) {
          rmSync(damaged, { recursive: true, force: true })
          cpSync(place, damaged, { recursive: true })
          const changed = Buffer.from(bytes)
          changed[at] = (changed[at] as number) ^ 0x41
          writeFileSync(join(damaged, file), changed)
          for (const each of readdirSync(damaged)) utimesSync(join(damaged, each), 1, 1)
          const { faults } = await fsck(damaged)
          if (faults.length === 0) expect([file, at, await contentOf(damaged)]).toEqual([file, at, content])
          else {
            found.set(file, (found.get(file) ?? 0) + 1)
            const first = file.replace(/-wal$/, '')
            expect([file, at, faults.some(({ where, message }) => where === first || message.includes(first))]).toEqual(
              [file, at, true],
            )
          }
        }
      }
      for (const file of files) expect(found.get(file) ?? 0).toBeGreaterThan(0)
    },
  )

  it('finds a file that is missing, cut off or of another checkpoint', async () => {
    const damaged = join(folder, 'damaged')
    const other = join(folder, 'other')
    await crashed(other, 4)
    const faultsAfter = async (damage: () => void): Promise<readonly string[]> => {
      rmSync(damaged, { recursive: true, force: true })
      cpSync(killed, damaged, { recursive: true })
      damage()
      for (const each of readdirSync(damaged)) utimesSync(join(damaged, each), 1, 1)
      return (await fsck(damaged)).faults.map(({ where }) => where)
    }
    for (const file of readdirSync(killed).filter((name) => name !== 'state-0.sqlite-wal')) {
      expect([file, (await faultsAfter(() => rmSync(join(damaged, file)))).length > 0]).toEqual([file, true])
      const half = readFileSync(join(killed, file))
      expect([
        file,
        (await faultsAfter(() => writeFileSync(join(damaged, file), half.subarray(0, half.length / 2)))).length > 0,
      ]).toEqual([file, true])
    }
    expect(
      await faultsAfter(() => {
        for (const file of readdirSync(other).filter((name) => name.startsWith('state-0')))
          cpSync(join(other, file), join(damaged, file))
      }),
    ).toContain('state-0.sqlite')
  })

  it.each(['log.sqlite', 'state-0.sqlite'])('says of a newer format in %s to run what wrote it', async (file) => {
    const newer = join(folder, 'newer')
    rmSync(newer, { recursive: true, force: true })
    cpSync(clean, newer, { recursive: true })
    const db = new Database(join(newer, file))
    db.pragma('user_version = 99')
    db.close()
    const { faults } = await fsck(newer)
    expect(faults).toMatchObject([{ where: file, code: 'MR-6104' }])
    expect(restartsFor(faults)).toEqual([expect.stringContaining('run the version of millrace that wrote it')])
  })

  it('refuses what is no checkpoint', async () => {
    mkdirSync(join(folder, 'empty'))
    await expect(fsck(join(folder, 'empty'))).rejects.toMatchObject({ code: 'MR-7024' })
    await expect(fsck(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'MR-7024' })
  })
})
