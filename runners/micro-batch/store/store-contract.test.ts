/**
 * What every CheckpointStore does, on each of them.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryBench, SqliteBench, type StoreBench } from '../../../conformance/support/store-bench.js'
import type { Change, CheckpointStore, CommitRecord, Lease, PlanRecord, QueryRecord } from './checkpoint-store.js'
import { partitionOf } from './partition-of.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array): string => new TextDecoder().decode(content)
const put = (id: string, content: string, slot = 0, part = 'sum'): Change => ({
  part,
  slot,
  id: bytes(id),
  content: bytes(content),
})
const gone = (id: string, slot = 0, part = 'sum'): Change => ({ part, slot, id: bytes(id), content: undefined })
const query = (partitions = 1): QueryRecord => ({ id: 'q1', pipeline: 'spend', graph: 'g', partitions, createdAt: 1 })
const plan = (batch: number, lease: Lease, content = `plan ${batch}`): PlanRecord => ({
  batch,
  instant: batch * 10,
  epoch: lease.epoch,
  content: bytes(content),
})
const record = (batch: number, lease: Lease, more: Partial<CommitRecord> = {}): CommitRecord => ({
  batch,
  epoch: lease.epoch,
  instant: batch * 10,
  hashes: [],
  content: bytes(`commit ${batch}`),
  deliveries: bytes(''),
  ...more,
})
const DURABLE = { durable: true } as const

const acquire = (store: CheckpointStore, holder = 'first', now = 0): Promise<Lease> =>
  store.acquire({ holder, now, ttlMillis: 1000 })

/** Commits a batch with changes by partition. */
async function commitBatch(
  store: CheckpointStore,
  lease: Lease,
  batch: number,
  changes: ReadonlyMap<number, readonly Change[]> = new Map(),
  more: Partial<CommitRecord> = {},
): Promise<void> {
  await store.logPlan(lease, plan(batch, lease), DURABLE)
  await store.commit(lease, record(batch, lease, more), changes)
}

/** All entries of a partition, as `part/id=content`, sorted. */
async function entries(store: CheckpointStore, partition = 0): Promise<readonly string[]> {
  const found: string[] = []
  const committed = (await store.committed())?.batch ?? 0
  for await (const { part, id, content } of store.partition(partition).read(committed)) {
    found.push(`${part}/${text(id)}=${text(content)}`)
  }
  return found.sort()
}

const benches: readonly (readonly [name: string, make: () => StoreBench])[] = [
  ['memory', () => new MemoryBench()],
  ['sqlite', () => new SqliteBench()],
]

describe.each(benches)('the %s store', (_name, make) => {
  let bench: StoreBench
  let store: CheckpointStore
  let lease: Lease

  beforeEach(async () => {
    bench = make()
    store = await bench.open()
    lease = await acquire(store)
  })
  afterEach(() => bench.end())

  /** Begins a query of so many partitions. */
  const begin = (partitions = 1): Promise<void> => store.create(lease, query(partitions))
  const only = (...changes: readonly Change[]): ReadonlyMap<number, readonly Change[]> => new Map([[0, changes]])
  /** What a crash of the process would leave, opened. */
  const reopened = async (): Promise<CheckpointStore> => bench.image().open()

  describe('a query', () => {
    it('is not there before it is created', async () => {
      expect(await store.query()).toBeUndefined()
      expect(await store.committed()).toBeUndefined()
      expect(await store.planned()).toBeUndefined()
      expect(await store.history()).toEqual([])
      expect(await store.deliveredUntil()).toBe(0)
    })
    it('is there when the store is opened again', async () => {
      await begin(3)
      expect(await (await reopened()).query()).toEqual(query(3))
    })
    it('is created once', async () => {
      await begin()
      await expect(begin()).rejects.toMatchObject({ name: 'StoreOccupied', code: 'MR-6107' })
    })
    it('can be described anew, but keeps its id', async () => {
      await begin()
      await store.update(lease, { ...query(), graph: 'h' })
      expect((await (await reopened()).query())?.graph).toBe('h')
      await expect(store.update(lease, { ...query(), id: 'q2' })).rejects.toThrow('the id of a query never changes')
    })
  })

  describe('a lease', () => {
    it('is refused while another holder has it, who is named', async () => {
      const other = await bench.open()
      const refusal = await acquire(other, 'second', 400).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ name: 'LeaseHeld', code: 'MR-6101', holder: 'first', until: 1000 })
      expect(String(refusal)).toContain('held by first, for another 0.6 s')
    })
    it('may be taken when it has run out, with a greater epoch', async () => {
      const taken = await acquire(await bench.open(), 'second', 1000)
      expect(taken).toEqual({ epoch: lease.epoch + 1, holder: 'second' })
    })
    it('lasts longer when it is renewed', async () => {
      await store.renew(lease, 900, 1000)
      const other = await bench.open()
      await expect(acquire(other, 'second', 1800)).rejects.toMatchObject({ name: 'LeaseHeld', until: 1900 })
      expect((await acquire(other, 'second', 1900)).epoch).toBe(lease.epoch + 1)
    })
    it('may be taken at once when it was given back, and its holder writes nothing more', async () => {
      await begin()
      await store.release(lease)
      await expect(store.logPlan(lease, plan(1, lease), DURABLE)).rejects.toMatchObject({ name: 'StoreFenced' })
      expect((await acquire(await bench.open(), 'second', 1)).epoch).toBe(lease.epoch + 1)
    })
    it('has an epoch that grows over openings', async () => {
      await store.release(lease)
      const again = await reopened()
      const second = await acquire(again, 'first')
      expect(second.epoch).toBe(lease.epoch + 1)
    })
  })

  describe('whoever has an older epoch', () => {
    const methods: readonly (readonly [string, (fenced: CheckpointStore, old: Lease) => Promise<unknown>])[] = [
      ['renew', (fenced, old) => fenced.renew(old, 2000, 1000)],
      ['release', (fenced, old) => fenced.release(old)],
      ['update', (fenced, old) => fenced.update(old, { ...query(), graph: 'h' })],
      ['update with other partitions', (fenced, old) => fenced.update(old, query(2))],
      ['logPlan', (fenced, old) => fenced.logPlan(old, plan(2, old), DURABLE)],
      ['logPlan that need not be durable', (fenced, old) => fenced.logPlan(old, plan(2, old), { durable: false })],
      ['commit', (fenced, old) => fenced.commit(old, record(2, old), only(put('a', 'x')))],
      ['delivered', (fenced, old) => fenced.delivered(old, 1)],
      ['write', (fenced, old) => fenced.partition(0).write(old, 2, [put('a', 'x')])],
    ]
    it.each(methods)('cannot %s', async (_method, attempt) => {
      await begin()
      await commitBatch(store, lease, 1, only(put('a', '1')))
      await store.logPlan(lease, plan(2, lease), DURABLE)
      const second = await bench.open()
      const newer = await acquire(second, 'second', 5000)
      await expect(attempt(store, lease)).rejects.toMatchObject({ name: 'StoreFenced', code: 'MR-6102' })
      expect(await entries(second)).toEqual(['sum/a=1'])
      expect((await second.committed())?.batch).toBe(1)
      expect(await second.deliveredUntil()).toBe(0)
      expect((await second.query())?.graph).toBe('g')
      await second.renew(newer, 5000, 1000)
      expect(await second.check()).toEqual([])
    })
    it('cannot create', async () => {
      await acquire(await bench.open(), 'second', 5000)
      await expect(begin()).rejects.toMatchObject({ name: 'StoreFenced' })
    })
  })

  describe('a plan', () => {
    beforeEach(() => begin())
    it('is there when the store is opened again', async () => {
      await store.logPlan(lease, plan(1, lease), DURABLE)
      expect(await (await reopened()).planned()).toEqual(plan(1, lease))
    })
    it('survives the end of the process when it need not be durable', async () => {
      await store.logPlan(lease, plan(1, lease), { durable: false })
      expect(await (await reopened()).planned()).toEqual(plan(1, lease))
    })
    it('may be logged again with the same content, and keeps its epoch', async () => {
      await store.logPlan(lease, plan(1, lease), { durable: false })
      const second = await bench.open()
      const newer = await acquire(second, 'second', 5000)
      await second.logPlan(newer, plan(1, newer), DURABLE)
      expect(await second.planned()).toEqual(plan(1, lease))
    })
    it('is never changed', async () => {
      await store.logPlan(lease, plan(1, lease), DURABLE)
      const other = plan(1, lease, 'another')
      await expect(store.logPlan(lease, other, DURABLE)).rejects.toThrow('a batch is planned once')
      expect(await store.planned()).toEqual(plan(1, lease))
    })
    it('is of the batch after the committed one', async () => {
      await expect(store.logPlan(lease, plan(2, lease), DURABLE)).rejects.toThrow('after the committed one')
      await commitBatch(store, lease, 1)
      await expect(store.logPlan(lease, plan(1, lease), DURABLE)).rejects.toThrow('after the committed one')
    })
    it('is over when its batch is committed', async () => {
      await commitBatch(store, lease, 1)
      expect(await store.planned()).toBeUndefined()
    })
  })

  describe('a commit', () => {
    it('makes changes visible that the driver made', async () => {
      await begin()
      await commitBatch(store, lease, 1, only(put('a', '1'), put('b', '2')))
      await commitBatch(store, lease, 2, only(put('a', '3'), gone('b'), put('c', '4', 9, 'other')))
      expect(await entries(store)).toEqual(['other/c=4', 'sum/a=3'])
      expect(await entries(await reopened())).toEqual(['other/c=4', 'sum/a=3'])
    })
    it('makes changes visible that partitions have written, and not before', async () => {
      await begin()
      await commitBatch(store, lease, 1, only(put('a', '1')))
      await store.logPlan(lease, plan(2, lease), DURABLE)
      const hash = await store.partition(0).write(lease, 2, [put('a', '2')])
      expect(await entries(store)).toEqual(['sum/a=1'])
      expect(await entries(await reopened())).toEqual(['sum/a=1'])
      await store.commit(lease, record(2, lease, { hashes: [hash] }))
      expect(await entries(store)).toEqual(['sum/a=2'])
      expect(await entries(await reopened())).toEqual(['sum/a=2'])
    })
    it('takes what the last attempt wrote', async () => {
      await begin()
      await store.logPlan(lease, plan(1, lease), DURABLE)
      await store.partition(0).write(lease, 1, [put('a', 'first'), put('b', 'first')])
      const hash = await store.partition(0).write(lease, 1, [put('a', 'second')])
      await store.commit(lease, record(1, lease, { hashes: [hash] }))
      expect(await entries(store)).toEqual(['sum/a=second'])
    })
    it('leaves out what was written and is not in its record', async () => {
      await begin()
      await store.logPlan(lease, plan(1, lease), DURABLE)
      await store.partition(0).write(lease, 1, [put('a', 'given up')])
      await store.commit(lease, record(1, lease))
      expect(await entries(store)).toEqual([])
      expect(await store.check()).toEqual([])
    })
    it('takes what the driver says in place of what was written', async () => {
      await begin()
      await store.logPlan(lease, plan(1, lease), DURABLE)
      await store.partition(0).write(lease, 1, [put('a', 'given up')])
      await store.commit(lease, record(1, lease), only(put('b', '1')))
      expect(await entries(store)).toEqual(['sum/b=1'])
      expect(await store.check()).toEqual([])
    })
    it('refuses a hash that no partition has written', async () => {
      await begin()
      await store.logPlan(lease, plan(1, lease), DURABLE)
      const commit = store.commit(lease, record(1, lease, { hashes: ['00000000000000aa'] }))
      await expect(commit).rejects.toThrow('a partition has written what its commit says')
      expect(await store.committed()).toBeUndefined()
    })
    it('is refused without a plan, out of turn, and with another instant than planned', async () => {
      await begin()
      await expect(store.commit(lease, record(1, lease))).rejects.toThrow('planned before')
      await store.logPlan(lease, plan(1, lease), DURABLE)
      await expect(store.commit(lease, record(2, lease))).rejects.toThrow('after the committed one')
      await expect(store.commit(lease, record(1, lease, { instant: 11 }))).rejects.toThrow('instant of its plan')
      await store.commit(lease, record(1, lease))
      await expect(store.commit(lease, record(1, lease))).rejects.toThrow('after the committed one')
    })
    it('gives equal hashes to equal changes in any order, and others to others', async () => {
      await begin(1)
      await store.logPlan(lease, plan(1, lease), DURABLE)
      const partition = store.partition(0)
      const a = await partition.write(lease, 1, [put('a', '1'), put('b', '2')])
      expect(await partition.write(lease, 1, [put('b', '2'), put('a', '1')])).toBe(a)
      const others = [
        [put('a', '1')],
        [put('a', '2'), put('b', '1')],
        [put('a', '1', 1), put('b', '2')],
        [put('a', '1', 0, 'other'), put('b', '2')],
        [put('a', '1'), gone('b')],
        [put('a', ''), put('b', '2')],
        [put('a', '1'), put('a', '1'), put('b', '2')],
        [],
      ]
      const hashes = []
      for (const other of others) hashes.push(await partition.write(lease, 1, other))
      expect(new Set([a, ...hashes]).size).toBe(others.length + 1)
    })
    it('tells an empty content from none', async () => {
      await begin()
      await commitBatch(store, lease, 1, only(put('a', ''), put('b', '1')))
      await commitBatch(store, lease, 2, only(gone('b')))
      expect(await entries(await reopened())).toEqual(['sum/a='])
    })
    it('fills in the hashes', async () => {
      await begin(2)
      await store.logPlan(lease, plan(1, lease), DURABLE)
      const hash = await store.partition(1).write(lease, 1, [put('b', '1', 200)])
      await store.commit(lease, record(1, lease, { hashes: ['', hash] }), only(put('a', '1')))
      const { hashes } = (await store.committed()) ?? { hashes: [] }
      expect(hashes).toHaveLength(2)
      expect(hashes[1]).toBe(hash)
      expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/)
    })
    it('holds entries of any bytes and sizes', async () => {
      await begin()
      const large = new Uint8Array(3_000_000).map((_, at) => at * 7)
      const every = Uint8Array.from({ length: 256 }, (_, at) => at)
      const changes: Change[] = [
        { part: 'ä/\u{1F600}', slot: 255, id: every, content: large },
        { part: '', slot: 0, id: new Uint8Array(0), content: every },
      ]
      await commitBatch(store, lease, 1, only(...changes))
      const found = []
      for await (const entry of (await reopened()).partition(0).read(1)) found.push(entry)
      expect(found.map(({ part, slot, id }) => ({ part, slot, id: [...id] }))).toEqual(
        changes.map(({ part, slot, id }) => ({ part, slot, id: [...id] })),
      )
      expect(Buffer.compare(found[0]?.content as Uint8Array, large)).toBe(0)
      expect(found[1]?.content).toEqual(every)
    })
    it('is the only version that can be read', async () => {
      await begin()
      await commitBatch(store, lease, 1)
      const read = async (batch: number): Promise<void> => {
        for await (const _ of store.partition(0).read(batch));
      }
      await read(1)
      await expect(read(0)).rejects.toThrow('only the newest commit can be read')
      await expect(read(2)).rejects.toThrow('only the newest commit can be read')
    })
  })

  describe('deliveries', () => {
    it('are kept until they are delivered', async () => {
      await begin()
      for (const batch of [1, 2, 3]) await commitBatch(store, lease, batch, only(), { deliveries: bytes(`d${batch}`) })
      await store.delivered(lease, 1)
      await commitBatch(store, lease, 4)
      const again = await reopened()
      expect(await again.deliveredUntil()).toBe(1)
      expect((await again.history()).map(({ deliveries }) => text(deliveries))).toEqual(['', 'd2', 'd3', ''])
    })
    it('are not delivered before they are committed', async () => {
      await begin()
      await expect(store.delivered(lease, 1)).rejects.toThrow('what is delivered was committed')
    })
    it('never become undelivered', async () => {
      await begin()
      for (const batch of [1, 2]) await commitBatch(store, lease, batch)
      await store.delivered(lease, 2)
      await store.delivered(lease, 1)
      expect(await store.deliveredUntil()).toBe(2)
    })
  })

  describe('the history', () => {
    it('has all commits in order, the newest with its content', async () => {
      await begin()
      for (const batch of [1, 2, 3]) {
        await commitBatch(store, lease, batch)
        await store.delivered(lease, batch)
      }
      const history = await (await reopened()).history()
      expect(history.map(({ batch, instant }) => [batch, instant])).toEqual([
        [1, 10],
        [2, 20],
        [3, 30],
      ])
      expect(history.map(({ content }) => text(content))).toEqual(['', '', 'commit 3'])
    })
  })

  it('knows partitions by ranges of slots', () => {
    const of = (partitions: number): readonly number[] =>
      Array.from({ length: 256 }, (_, slot) => partitionOf(slot, partitions))
    expect(new Set(of(1))).toEqual(new Set([0]))
    expect(new Set(of(3))).toEqual(new Set([0, 1, 2]))
    expect(of(256)).toEqual(Array.from({ length: 256 }, (_, slot) => slot))
  })
})
