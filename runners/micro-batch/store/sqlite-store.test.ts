/**
 * What only files have: modes, formats, names that are mixed up.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { crc32 as zlibCrc32 } from 'node:zlib'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryBench, SqliteBench } from '../../../conformance/support/store-bench.js'
import { recovered, tellStory } from '../../../conformance/support/store-story.js'
import { seededRandom } from '../../../sdk/env.js'
import type { Change } from './checkpoint-store.js'
import { crc32 } from './crc32.js'
import { ModelDisk } from './model-disk.js'
import { openSqliteStore } from './sqlite-store.js'

describe('a checkpoint in SQLite files', () => {
  let bench: SqliteBench
  beforeEach(async () => {
    bench = new SqliteBench()
    await tellStory(bench, { batches: 2, seed: 1 })
  })
  afterEach(() => bench.end())

  it('can be read by its owner only', () => {
    expect(statSync(bench.folder).mode & 0o777).toBe(0o700)
    for (const file of bench.files()) expect(statSync(join(bench.folder, file)).mode & 0o777, file).toBe(0o600)
  })
  it('is refused when a newer version wrote it, with the file named', async () => {
    const image = bench.image()
    const db = new Database(join(image.folder, 'log.sqlite'))
    db.pragma('user_version = 2')
    db.close()
    const refusal = await image.open().catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      name: 'StoreFormatUnknown',
      code: 'MR-6104',
      file: join(image.folder, 'log.sqlite'),
    })
    expect(String(refusal)).toContain('its format is 2')
    expect(String(refusal)).toContain('Run the version that wrote it')
  })
  it.each([
    ['commit_record', 'instant = instant + 1'],
    ['commit_body', "content = x'00'"],
    ['plan', 'epoch = epoch + 1'],
    ['query', "content = replace(content, 'story', 'other')"],
  ])('is refused when rows of %s were changed behind their checksums', async (table, change) => {
    const image = bench.image()
    const db = new Database(join(image.folder, 'log.sqlite'))
    expect(db.prepare(`UPDATE ${table} SET ${change}`).run().changes).toBeGreaterThan(0)
    db.close()
    const read = async (): Promise<unknown> => {
      const store = await image.open()
      const faults = await store.check()
      if (faults.length > 0) throw new Error(faults[0]?.message)
      return [await store.query(), await store.committed(), await store.history()]
    }
    await expect(read()).rejects.toThrow('checksum')
  })
  it('is refused when it is the database of something else', async () => {
    const { bench: other } = bench.beside()
    const db = new Database(join(bench.folder, '..', 'other.sqlite'))
    db.exec('CREATE TABLE mine (a)')
    db.close()
    const image = bench.image()
    copyFileSync(join(bench.folder, '..', 'other.sqlite'), join(image.folder, 'log.sqlite'))
    for (const end of ['-wal', '-shm'])
      if (image.files().includes(`log.sqlite${end}`)) image.damage(`log.sqlite${end}`, () => undefined)
    await expect(image.open()).rejects.toMatchObject({ name: 'StoreFormatUnknown' })
    expect(other.files()).toEqual([])
  })
  it('is refused when files of partitions are mixed up', async () => {
    const { place, bench: copy } = bench.beside()
    await (await bench.open()).savepoint(place)
    copyFileSync(join(copy.folder, 'state-0.sqlite'), join(copy.folder, 'state-1.sqlite'))
    await expect(recovered(copy, 2, 1)).rejects.toMatchObject({
      name: 'StoreDamaged',
      file: join(copy.folder, 'state-1.sqlite'),
    })
  })
  it('refuses options that there are not', async () => {
    const options = { compactAbove: 1 } as object
    await expect(openSqliteStore(bench.folder, bench.env, options)).rejects.toMatchObject({ code: 'MR-1001' })
  })
})

/** Follows a checkpoint by its view until it has a batch, and says what it has then, and how often it had something newer. */
const FOLLOWER = `
  const [folder, until, built] = process.argv.slice(1)
  const { openSqliteStore } = await import(built + 'store/sqlite-store.js')
  const { WarmCopy } = await import(built + 'warm-copy.js')
  const { systemEnv } = await import(built + '../core/system-env.js')
  const store = await openSqliteStore(folder, systemEnv())
  const copy = new WarmCopy()
  const wrong = []
  let steps = 0
  for (let before = 0; before < Number(until); before = copy.batch) {
    await copy.follow(store.view(), 2)
    if (copy.batch === 0 || copy.batch === before) continue
    steps++
    const found = [...copy.values()].map(({ id, content }) => [Number(id[0]), Buffer.from(content).toString()])
    if (found.some(([id, text]) => text !== String(copy.batch - ((copy.batch - id) % 8)).padEnd(60)))
      wrong.push(copy.batch)
  }
  await store.close()
  process.stdout.write(JSON.stringify({ batch: copy.batch, steps, wrong, entries: [...copy.values()].length }))
`

it('shows another process each commit whole, while it is written and merged', async () => {
  const bench = new SqliteBench(2_000)
  try {
    const store = await bench.open()
    const lease = await store.acquire({ holder: 'first', now: 0, ttlMillis: 1e9 })
    await store.create(lease, { id: 'q', pipeline: 'p', graph: 'g', partitions: 2, createdAt: 0 })
    const built = new URL('../../../dist/runners/micro-batch/', import.meta.url).href
    const batches = 400
    const child = spawn(process.execPath, ['--input-type=module', '-e', FOLLOWER, bench.folder, `${batches}`, built], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const said = text(child.stdout)
    let merged = 0
    bench.onCrashPoint = (at) => (merged += at === 'store.compact.after' ? 1 : 0)
    for (let batch = 1; batch <= batches; batch++) {
      const plan = { batch, epoch: lease.epoch, instant: batch, content: new Uint8Array(0) }
      await store.logPlan(lease, plan, { durable: false })
      const change = (slot: number): readonly Change[] => [
        { part: 's', slot, id: Uint8Array.of(batch % 8), content: Buffer.from(`${batch}`.padEnd(60)) },
      ]
      const changes = new Map([[0, change(0)], [1, change(200)]]) // prettier-ignore
      await store.commit(lease, { ...plan, hashes: [], deliveries: new Uint8Array(0) }, changes)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const found = JSON.parse(await said) as { readonly steps: number }
    expect(found).toMatchObject({ batch: batches, wrong: [], entries: 16 })
    expect([merged > 10, found.steps > 10]).toEqual([true, true])
  } finally {
    await bench.end()
  }
}, 60_000)

describe('a modelled disk', () => {
  it('loses with its power what was not synchronised, and nothing else', async () => {
    let lost = 0
    for (let seed = 1; seed <= 40; seed++) {
      const disk = new ModelDisk(seededRandom(seed))
      disk.create('a')
      disk.append('a', Uint8Array.of(1, 2, 3))
      disk.sync('a')
      disk.syncNames()
      disk.append('a', Uint8Array.of(4, 5, 6))
      disk.losePower()
      expect([...disk.read('a').subarray(0, 3)]).toEqual([1, 2, 3])
      if (disk.read('a').length < 6) lost++
    }
    expect(lost).toBeGreaterThan(5)
    expect(lost).toBeLessThan(40)
  })
  it('whose sync has failed is written no more through the same store, since nobody knows what it has', async () => {
    const disk = new ModelDisk(seededRandom(1))
    const bench = new MemoryBench(500, disk)
    const store = await bench.open()
    const lease = await store.acquire({ holder: 'first', now: 0, ttlMillis: 1_000 })
    await store.create(lease, { id: 'q', pipeline: 'p', graph: 'g', partitions: 1, createdAt: 0 })
    disk.fails = (_, what) => what === 'sync'
    const plan = { batch: 1, instant: 1, epoch: lease.epoch, content: new Uint8Array(3) }
    await expect(store.logPlan(lease, plan, { durable: true })).rejects.toMatchObject({ name: 'StoreFailed' })
    disk.fails = undefined
    const { operations } = disk
    await expect(store.logPlan(lease, plan, { durable: false })).rejects.toMatchObject({ name: 'StoreFailed' })
    expect(disk.operations).toBe(operations)
  })
  it('leaves a checkpoint whole after a loss of power at every edge', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const bench = new MemoryBench(500, new ModelDisk(seededRandom(seed)))
      const images: { readonly point: string; readonly least: number; readonly image: MemoryBench }[] = []
      let least = 0
      bench.onCrashPoint = (point) => images.push({ point, least, image: bench.image() })
      await tellStory(bench, { batches: 12, seed, onCommit: (batch) => (least = batch) })
      for (const { point, least: acknowledged, image } of images) {
        image.disk.losePower()
        expect(await recovered(image, acknowledged, seed), `seed ${seed}, ${point}`).toBeUndefined()
      }
    }
  }, 60_000)
})

it('has the checksums of zlib', () => {
  const random = seededRandom(3)
  for (let length = 1; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, () => random() * 256)
    expect(crc32(bytes)).toBe(zlibCrc32(bytes))
    expect(crc32(bytes, 77)).toBe(zlibCrc32(bytes, 77))
  }
})
