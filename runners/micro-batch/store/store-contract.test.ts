/**
 * What every CheckpointStore does, on each of them.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryBench, SqliteBench, type StoreBench } from '../../../conformance/support/store-bench.js'
import type {
  Change,
  CheckpointStore,
  CommitRecord,
  Lease,
  PlanRecord,
  QueryRecord,
  VersionChanges,
} from './checkpoint-store.js'
import { STORE_CRASH_POINTS, type StoreCrashPoint } from './crash-points.js'
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

/** Changes that a view gives, as `part/id=content`, in their order. */
const shown = (found: VersionChanges | undefined): readonly string[] =>
  (found?.changes ?? []).map(
    ({ part, id, content }) => `${part}/${text(id)}${content === undefined ? ' gone' : `=${text(content)}`}`,
  )

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

  describe('a view', () => {
    it('shows who has the lease, until when, and that it was given back', async () => {
      const view = (await bench.open()).view()
      expect(await view.holder()).toEqual({ epoch: lease.epoch, holder: 'first', until: 1000 })
      await store.renew(lease, 900, 1000)
      expect(await view.holder()).toMatchObject({ holder: 'first', until: 1900 })
      await store.release(lease)
      expect(await view.holder()).toMatchObject({ epoch: lease.epoch, holder: '' })
    })
    it('has nothing to show of a place where nothing was begun', async () => {
      const view = (await bench.beside().bench.open()).view()
      expect(await view.holder()).toBeUndefined()
      expect(await view.committedBatch()).toBe(0)
      expect(await view.batch(1)).toEqual({ plan: undefined, hashes: undefined })
      await expect(view.changesSince(0, 0)).rejects.toMatchObject({ name: 'StoreDamaged' })
    })
    it('shows a batch that is planned, and its hashes once it is committed', async () => {
      await begin(2)
      const view = (await bench.open()).view()
      expect(await view.batch(1)).toEqual({ plan: undefined, hashes: undefined })
      await store.logPlan(lease, plan(1, lease), { durable: false })
      expect(await view.batch(1)).toEqual({ plan: plan(1, lease), hashes: undefined })
      await store.commit(lease, record(1, lease), only(put('a', '1')))
      const { plan: planned, hashes } = await view.batch(1)
      expect(planned).toEqual(plan(1, lease))
      expect(hashes).toEqual((await store.committed())?.hashes)
      await commitBatch(store, lease, 2)
      expect(await view.batch(1)).toMatchObject({ plan: undefined, hashes })
    })
    it('shows what is committed, and nothing that is only written or planned', async () => {
      await begin()
      const view = (await bench.open()).view()
      await commitBatch(store, lease, 1, only(put('a', '1')))
      await store.logPlan(lease, plan(2, lease), DURABLE)
      const hash = await store.partition(0).write(lease, 2, [put('a', '2'), put('b', '2')])
      expect(await view.committedBatch()).toBe(1)
      const before = await view.changesSince(0, 0)
      expect([before?.version, shown(before)]).toEqual([1, ['sum/a=1']])
      await store.commit(lease, record(2, lease, { hashes: [hash] }))
      expect(await view.committedBatch()).toBe(2)
      expect(shown(await view.changesSince(0, 1))).toEqual(['sum/a=2', 'sum/b=2'])
    })
    it('shows only what is newer, oldest first, and what is gone', async () => {
      await begin()
      const view = (await bench.open()).view()
      await commitBatch(store, lease, 1, only(put('a', '1'), put('b', '1')))
      await commitBatch(store, lease, 2, only(put('a', '2')))
      await commitBatch(store, lease, 3, only(gone('b')))
      expect(await view.changesSince(0, 1)).toMatchObject({ version: 3, isWhole: false })
      expect(shown(await view.changesSince(0, 1))).toEqual(['sum/a=2', 'sum/b gone'])
      expect(await view.changesSince(0, 3)).toEqual({ version: 3, isWhole: false, changes: [] })
    })
    it('shows all entries where what came between was merged', async () => {
      await begin()
      const view = (await bench.open()).view()
      const large = 'x'.repeat(400)
      await commitBatch(store, lease, 1, only(put('a', large), put('b', '1')))
      expect(shown(await view.changesSince(0, 0))).toHaveLength(2)
      let merged = 0
      bench.onCrashPoint = (at) => (merged += at === 'store.compact.after' ? 1 : 0)
      for (let batch = 2; merged < 2; batch++)
        await commitBatch(store, lease, batch, only(put('a', `${batch}${large}`), ...(batch === 3 ? [gone('b')] : [])))
      const newest = (await store.committed())?.batch ?? 0
      const found = await view.changesSince(0, 1)
      expect(found).toMatchObject({ version: newest, isWhole: true })
      expect(shown(found)).toEqual([`sum/a=${newest}${large}`])
      expect(await view.changesSince(0, newest)).toEqual({ version: newest, isWhole: false, changes: [] })
    })
    it('gives an answer of one commit, or none, at every edge of a driver that writes', async () => {
      await begin(2)
      const view = (await bench.open()).view()
      const copies = [new Map<string, string>(), new Map<string, string>()]
      const versions = [0, 0]
      let answers = 0
      const asked: Promise<void>[] = []
      /** Each entry says the batch that wrote it: one of a batch after the version was not to be seen. */
      const look = async (edge: string): Promise<void> => {
        for (const partition of [0, 1]) {
          const found = await view.changesSince(partition, versions[partition] as number)
          if (found === undefined) continue
          answers++
          const copy = copies[partition] as Map<string, string>
          if (found.isWhole) copy.clear()
          for (const { id, content } of found.changes) {
            if (content === undefined) copy.delete(text(id))
            else copy.set(text(id), text(content))
          }
          versions[partition] = found.version
          const expected = new Map(
            Array.from({ length: Math.min(found.version, 3) }, (_, back) => found.version - back).map((batch) => [
              `${batch % 3}`,
              `${batch}`.padEnd(150),
            ]),
          )
          expect(new Map([...copy].sort()), `${edge}, partition ${partition}`).toEqual(new Map([...expected].sort()))
        }
      }
      const edges = new Set<string>()
      bench.onCrashPoint = (edge) => {
        edges.add(edge)
        asked.push(look(edge))
      }
      for (let batch = 1; batch <= 12; batch++) {
        const change = (slot: number): readonly Change[] => [put(`${batch % 3}`, `${batch}`.padEnd(150), slot)]
        await commitBatch(store, lease, batch, new Map([[0, change(0)], [1, change(200)]])) // prettier-ignore
        await Promise.all(asked.splice(0))
      }
      expect(answers).toBeGreaterThan(50)
      for (const edge of ['store.commit.changes', 'store.commit.durable', 'store.compact.snapshot'])
        expect(edges).toContain(edge)
    })
    it('follows where the number of partitions changes', async () => {
      await begin(1)
      const view = (await bench.open()).view()
      await commitBatch(store, lease, 1, only(put('a', '1'), put('b', '2', 255)))
      expect(shown(await view.changesSince(0, 0))).toEqual(['sum/a=1', 'sum/b=2'])
      await store.update(lease, query(2))
      expect(shown(await view.changesSince(0, 0))).toEqual(['sum/a=1'])
      expect(shown(await view.changesSince(1, 0))).toEqual(['sum/b=2'])
    })
    it('ends with the store that it is of, and with no other', async () => {
      await begin()
      await commitBatch(store, lease, 1, only(put('a', '1')))
      const closed = await bench.open()
      const view = closed.view()
      expect(await view.committedBatch()).toBe(1)
      await closed.close()
      for (const ask of [() => view.holder(), () => view.committedBatch(), () => view.changesSince(0, 0)])
        await expect(ask()).rejects.toThrow('not used any more when it is closed')
      expect(await store.view().committedBatch()).toBe(1)
      await commitBatch(store, lease, 2, only(put('a', '2')))
      expect(shown(await store.view().changesSince(0, 1))).toEqual(['sum/a=2'])
    })
    it('keeps nobody from writing, and nobody from taking over', async () => {
      await begin()
      const other = await bench.open()
      await commitBatch(store, lease, 1, only(put('a', '1')))
      await other.view().changesSince(0, 0)
      await commitBatch(store, lease, 2, only(put('a', '2')))
      const newer = await acquire(other, 'second', 5000)
      await commitBatch(other, newer, 3, only(put('a', '3')))
      expect(shown(await store.view().changesSince(0, 2))).toEqual(['sum/a=3'])
      expect(await store.view().holder()).toMatchObject({ epoch: newer.epoch, holder: 'second' })
    })
  })

  describe('a driver that stood still at an edge while another took over', () => {
    /** Whoever stands still here has the file locked: nobody takes over meanwhile. */
    const LOCKED: readonly StoreCrashPoint[] = [
      'store.create.files',
      'store.commit.changes',
      'store.compact.snapshot',
      'store.write.changes',
      'store.update.files',
    ]
    const edges = STORE_CRASH_POINTS.filter(
      (edge) => !edge.startsWith('store.savepoint') && edge !== 'store.acquire.before' && !LOCKED.includes(edge),
    )
    /** What the driver would do, until it is fenced. */
    const goOn = async (from: CheckpointStore, held: Lease | undefined): Promise<void> => {
      const old = held ?? (await acquire(from, 'first', 0))
      if ((await from.query()) === undefined) await from.create(old, query(2))
      for (let batch = ((await from.committed())?.batch ?? 0) + 1; batch <= 20; batch++) {
        const hash = await loggedAndWritten(from, old, batch)
        await from.commit(
          old,
          record(batch, old, { hashes: ['', hash] }),
          only(put(`a${batch}`, `old ${batch}`.padEnd(300))),
        )
        await from.delivered(old, batch)
        if (batch === 6) await from.update(old, query(3))
        if (batch === 6) await from.update(old, query(2))
      }
    }
    const loggedAndWritten = async (into: CheckpointStore, by: Lease, batch: number): Promise<string> => {
      await into.logPlan(by, plan(batch, by), DURABLE)
      return into.partition(1).write(by, batch, [put(`b${batch}`, `${by.holder} ${batch}`.padEnd(300), 200)])
    }

    it('is refused where it had not taken the lease yet: nothing was taken from it', async () => {
      await store.release(lease)
      const driver = await bench.open()
      const other = await bench.open()
      const taken: Promise<Lease>[] = []
      bench.onCrashPoint = (at) => {
        if (at === 'store.acquire.before' && taken.length === 0) {
          bench.onCrashPoint = undefined
          taken.push(acquire(other, 'second', 0))
        }
      }
      await expect(acquire(driver, 'first', 10)).rejects.toMatchObject({ code: 'MR-6101', holder: 'second' })
      expect(await Promise.all(taken)).toEqual([{ epoch: lease.epoch + 1, holder: 'second' }])
    })
    it.each(edges)('writes nothing any more: %s', async (edge) => {
      await store.release(lease)
      const other = await bench.open()
      const newer: Lease = { epoch: lease.epoch + 2, holder: 'second' }
      /** All of it within the edge: a store does what it is asked for before it gives control back. */
      const done: Promise<unknown>[] = []
      const takeOver = (): void => {
        done.push(acquire(other, newer.holder, 5000))
        // What there is already is refused, and stays.
        done.push(other.create(newer, query(2)).catch(() => undefined))
        for (let batch = 1; batch <= 12; batch++) {
          // Much more than there was: it is merged at once, and the first one would find nothing as it was.
          const changes = only(put('c', `second ${batch}`.padEnd(2000)))
          done.push(other.logPlan(newer, plan(batch, newer), DURABLE).catch(() => undefined))
          done.push(other.commit(newer, record(batch, newer), changes).catch(() => undefined))
        }
      }
      let isTaken = false
      bench.onCrashPoint = (at) => {
        if (at !== edge || isTaken) return
        isTaken = true
        takeOver()
      }
      const ended = await goOn(await bench.open(), undefined).catch((error: unknown) => error)
      bench.onCrashPoint = undefined
      expect(isTaken).toBe(true)
      await Promise.all(done)
      const expected = await entries(other)
      expect(ended).toMatchObject({ name: 'StoreFenced', code: 'MR-6102' })
      expect(expected).toContain(`sum/c=${'second 12'.padEnd(2000)}`)
      expect((await other.committed())?.batch).toBe(12)
      expect(await other.check()).toEqual([])
      await commitBatch(other, newer, 13, only(put('d', '1')))
      expect(await entries(await reopened())).toEqual([...expected, 'sum/d=1'].sort())
      expect(bench.files().filter((file) => /^state-/.test(file) && !/-(wal|shm)$/.test(file)).length).toBeLessThan(4)
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
