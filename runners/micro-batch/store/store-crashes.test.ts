/**
 * What is left of a checkpoint after a crash at each of its edges, after damage, and after a long time.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryBench, SqliteBench, type StoreBench } from '../../../conformance/support/store-bench.js'
import { committedStates, entriesOf, recovered, tellStory } from '../../../conformance/support/store-story.js'
import { STORE_CRASH_POINTS } from './crash-points.js'
import { partitionOf } from './partition-of.js'

const benches: readonly (readonly [name: string, make: () => StoreBench])[] = [
  ['memory', () => new MemoryBench()],
  ['sqlite', () => new SqliteBench()],
]

describe.each(benches)('the %s store', (name, make) => {
  let bench: StoreBench

  beforeEach(() => {
    bench = make()
  })
  afterEach(() => bench.end())

  it('goes on from the newest commit after the end of the process at every edge', async () => {
    const images: { readonly point: string; readonly least: number; readonly image: StoreBench }[] = []
    let acknowledged = 0
    bench.onCrashPoint = (point) => images.push({ point, least: acknowledged, image: bench.image() })
    await tellStory(bench, { batches: 12, seed: 1, onCommit: (batch) => (acknowledged = batch) })
    expect(new Set(images.map(({ point }) => point))).toEqual(new Set(STORE_CRASH_POINTS))
    for (const { point, least, image } of images) {
      // The end of the process in the middle of a recovery, too.
      const inside: StoreBench[] = []
      image.onCrashPoint = () => inside.push(image.image())
      expect(await recovered(image, least, 1), point).toBeUndefined()
      const [first, , last] = inside
      for (const again of name === 'memory' ? [first, last] : [last]) {
        if (again !== undefined) expect(await recovered(again, least, 1), `${point}, twice`).toBeUndefined()
      }
      await image.end()
    }
  }, 120_000)

  it('keeps its entries when the number of partitions changes, each where it belongs', async () => {
    const store = await bench.open()
    const lease = await store.acquire({ holder: 'first', now: 0, ttlMillis: 1000 })
    const query = { id: 'q', pipeline: 'p', graph: 'g', partitions: 1, createdAt: 0 }
    await store.create(lease, query)
    const slots = Array.from({ length: 256 }, (_, slot) => slot)
    const commit = async (batch: number, partitions: number, content: string): Promise<void> => {
      const plan = { batch, epoch: lease.epoch, instant: batch, content: new Uint8Array(0) }
      await store.logPlan(lease, plan, { durable: false })
      const changes = new Map(
        Array.from({ length: partitions }, (_, index) => [
          index,
          slots
            .filter((slot) => partitionOf(slot, partitions) === index)
            .map((slot) => ({ part: 's', slot, id: Uint8Array.of(slot), content: Buffer.from(content) })),
        ]),
      )
      await store.commit(lease, { ...plan, hashes: [], deliveries: new Uint8Array(0) }, changes)
    }
    await commit(1, 1, 'one')
    let batch = 1
    for (const partitions of [3, 2, 256, 1]) {
      const before = (await entriesOf(store)).sort()
      expect(before).toHaveLength(256)
      await store.update(lease, { ...query, partitions })
      expect((await entriesOf(store)).sort()).toEqual(before)
      expect(await store.check()).toEqual([])
      await commit(++batch, partitions, `in ${partitions}`)
      const again = await bench.image().open()
      expect(await again.check()).toEqual([])
      expect(new Set((await entriesOf(again)).map((text) => text.slice(text.lastIndexOf('=') + 1)))).toEqual(
        new Set([`in ${partitions}`]),
      )
    }
    expect(bench.files().filter((file) => file.startsWith('state-')).length).toBeLessThanOrEqual(3)
  }, 60_000)

  describe('a savepoint', () => {
    it('is the newest commit, goes on by itself, and leaves the checkpoint as it was', async () => {
      await tellStory(bench, { batches: 7, seed: 3 })
      const store = await bench.open()
      const { place, bench: copy } = bench.beside()
      await store.savepoint(place)
      const copied = await copy.open()
      expect(await copied.query()).toEqual(await store.query())
      expect(await copied.committed()).toEqual(await store.committed())
      expect(await copied.history()).toEqual(await store.history())
      expect(await copied.deliveredUntil()).toBe(await store.deliveredUntil())
      expect(await entriesOf(copied)).toEqual(await entriesOf(store))
      expect(await copied.check()).toEqual([])
      const before = await entriesOf(store)
      expect(await recovered(copy, 7, 3)).toBeUndefined()
      expect(await entriesOf(store)).toEqual(before)
      expect((await store.committed())?.batch).toBe(7)
    })
    it('takes the plan of the next batch along where it is a query of its own: its input may be acknowledged', async () => {
      await tellStory(bench, { batches: 7, seed: 3, planned: true })
      const store = await bench.open()
      const planned = await store.planned()
      expect(planned?.batch).toBe(8)
      const same = bench.beside()
      await store.savepoint(same.place)
      expect(await (await same.bench.open()).planned()).toBeUndefined()
      const own = bench.beside()
      await store.savepoint(own.place, { id: 'another', createdAt: 1 })
      expect(await (await own.bench.open()).planned()).toEqual(planned)
    })
    it('keeps what its query makes of entries, and is not there where one cannot be copied', async () => {
      await tellStory(bench, { batches: 7, seed: 3 })
      const store = await bench.open()
      const { place, bench: copy } = bench.beside()
      const fork = { id: 'another', createdAt: 1 }
      const fails = (): never => {
        throw new Error('a file is gone')
      }
      await expect(store.savepoint(place, { ...fork, entry: fails })).rejects.toThrow('a file is gone')
      expect(await (await copy.open()).query()).toBeUndefined()
      const content = Uint8Array.of(7)
      await store.savepoint(place, { ...fork, entry: (entry) => ({ ...entry, content }) })
      const copied = await copy.open()
      expect(await copied.check()).toEqual([])
      const before = await entriesOf(store)
      const after = await entriesOf(copied)
      expect(after).not.toEqual(before)
      expect(JSON.stringify(after).length).toBeLessThan(JSON.stringify(before).length)
      expect((await copied.query())?.id).toBe('another')
    })
    it('is not written over something', async () => {
      await tellStory(bench, { batches: 3, seed: 3 })
      const store = await bench.open()
      const { place } = bench.beside()
      await store.savepoint(place)
      await expect(store.savepoint(place)).rejects.toMatchObject({ name: 'StoreOccupied' })
    })
  })

  it('stays a small multiple of its state, however many batches there are', async () => {
    const store = await bench.open()
    const lease = await store.acquire({ holder: 'first', now: 0, ttlMillis: 1e9 })
    await store.create(lease, { id: 'q', pipeline: 'p', graph: 'g', partitions: 1, createdAt: 0 })
    const sizes: number[] = []
    for (let batch = 1; batch <= 1_300; batch++) {
      const plan = { batch, epoch: lease.epoch, instant: batch, content: new Uint8Array(20) }
      await store.logPlan(lease, plan, { durable: false })
      const changes = Array.from({ length: 5 }, (_, i) => ({
        part: 's',
        slot: 0,
        id: Uint8Array.of((batch * 5 + i) % 40),
        content: new Uint8Array(200).fill(batch),
      }))
      await store.commit(lease, { ...plan, hashes: [], deliveries: new Uint8Array(20) }, new Map([[0, changes]]))
      await store.delivered(lease, batch)
      sizes.push(bench.size())
    }
    // The history of 1,000 commits is the larger part of it, and full by now.
    expect(Math.max(...sizes.slice(1_150))).toBeLessThanOrEqual(Math.max(...sizes.slice(1_000, 1_150)) * 1.5)
    expect(await store.history()).toHaveLength(1_000)
    expect((await store.history())[0]?.batch).toBe(301)
    expect(await store.check()).toEqual([])
    expect(await entriesOf(await bench.image().open())).toHaveLength(40)
  }, 120_000)

  describe('damage', () => {
    /** What can be read of a checkpoint, or the error that it is refused with. */
    const read = async (image: StoreBench): Promise<string | Error> => {
      try {
        const store = await image.open()
        const query = await store.query()
        const all = [query, await store.committed(), await store.planned(), await entriesOf(store)]
        await store.check()
        return JSON.stringify(all)
      } catch (error) {
        return error as Error
      }
    }
    const named = (error: Error): boolean => ['StoreDamaged', 'StoreFormatUnknown'].includes(error.name)

    it('of any byte is refused with the file named, or changes nothing', async () => {
      await tellStory(bench, { batches: 7, seed: 5, planned: true })
      const original = bench.image()
      const expected = await read(original.image())
      expect(expected).toBeTypeOf('string')
      let refused = 0
      for (const file of original.files()) {
        const size = await new Promise<number>((resolve) =>
          original.image().damage(file, (bytes) => (resolve(bytes.length), bytes)),
        )
        const step = Math.max(1, Math.floor(size / (name === 'memory' ? 100 : 30)))
        for (let at = 0; at < size; at += step) {
          const image = original.image()
          image.damage(file, (bytes) => {
            bytes[at] = (bytes[at] as number) ^ 0x41
            return bytes
          })
          const found = await read(image)
          if (typeof found === 'string') expect(found, `${file} at ${at}`).toBe(expected)
          else {
            expect(named(found), `${file} at ${at}: ${found.name}: ${found.message}`).toBe(true)
            refused++
          }
          await image.end()
        }
      }
      expect(refused).toBeGreaterThan(20)
    }, 120_000)

    it('that tears records of the head, which were never promised, leaves the record that is durable', async () => {
      await tellStory(bench, { batches: 7, seed: 5, planned: true })
      const expected = await read(bench.image())
      // Where the steps of the two records stand that are written in turn.
      const steps = name === 'memory' ? [28, 56] : [4100, 8196]
      for (const torn of [steps.slice(0, 1), steps.slice(1), steps]) {
        const image = bench.image()
        image.damage('head', (bytes) => {
          for (const at of torn) Buffer.from(bytes.buffer, bytes.byteOffset).writeDoubleLE(1e9, at)
          return bytes
        })
        expect(await read(image), `at ${torn.join(' and ')}`).toBe(expected)
        await image.end()
      }
    })

    it('that cuts, empties or removes a file is refused with the file named, or changes nothing', async () => {
      await tellStory(bench, { batches: 7, seed: 5, planned: true })
      const original = bench.image()
      const expected = await read(original.image())
      const cuts: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array | undefined])[] = [
        ['removed', () => undefined],
        ['empty', () => new Uint8Array(0)],
        ...[0.1, 0.3, 0.5, 0.8, 0.99].map(
          (part) => [`cut at ${part}`, (bytes: Uint8Array) => bytes.slice(0, Math.floor(bytes.length * part))] as const,
        ),
        ['garbage', (bytes) => bytes.map((_, at) => (at * 31) & 0xff)],
      ]
      for (const file of original.files()) {
        for (const [what, change] of cuts) {
          const image = original.image()
          image.damage(file, change)
          const found = await read(image)
          if (typeof found === 'string') expect(found, `${file} ${what}`).toBe(expected)
          else expect(named(found), `${file} ${what}: ${found.name}: ${found.message}`).toBe(true)
          // What cannot be trusted is not taken over either, and what was there is still there.
          if (typeof found !== 'string')
            await expect(recovered(image, 7, 5).then(String), `${file} ${what}`).rejects.toThrow()
          await image.end()
        }
      }
    }, 120_000)
  })

  it('has states to compare with that commits have made', () => {
    expect(committedStates(3, 1).size).toBe(4)
  })
})
