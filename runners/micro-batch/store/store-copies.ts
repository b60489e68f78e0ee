/**
 * What writes the whole state anew: another number of partitions, and a savepoint.
 *
 * Law: until the one step that puts the copy in force, everything is as it was; a copy that was broken off is removed by whoever
 * comes next.
 */
import { invariant } from '../../../sdk/invariant.js'
import { SLOTS } from '../../core/kept-state.js'
import type { Change, KeptChange, Lease, QueryFork, QueryRecord } from './checkpoint-store.js'
import { DeliveriesPending, StoreOccupied } from './errors.js'
import { partitionOf } from './partition-of.js'
import { chunksFrom, fencePartition, replaceSnapshot } from './partition-state.js'
import { stepOfCommit, stepOfPlan, type StoreSession } from './store-session.js'

const NOTHING_MORE = (): void => undefined

/** Moves entries to other partitions, or makes others of them, and puts the query's record in force with it. */
export function repartition(session: StoreSession, lease: Lease, query: QueryRecord, change?: KeptChange): void {
  session.crashpoint('store.update.before')
  invariant(query.partitions >= 1 && query.partitions <= SLOTS, 'there are 1 to 256 partitions', {
    partitions: query.partitions,
  })
  // All of it while nobody can take over: files of the next generation would be the other's.
  const inForce = session.write(lease, true, (log) => {
    const { query: old, generation } = session.begun().stored
    const next = generation + 1
    session.removeOthers(generation)
    const committed = log.committedBatch()
    for (let index = 0; index < query.partitions; index++) {
      const file = session.openPartition(query, index, next, true)
      try {
        fencePartition(file, lease.epoch, committed)
        if (committed > 0) {
          const moved = movedEntries(session, old.partitions, query.partitions, index)
          const entries = change === undefined ? moved : changedEntries(moved, change)
          replaceSnapshot(file, lease.epoch, committed, committed, chunksFrom(entries), NOTHING_MORE)
        }
      } finally {
        file.close()
      }
    }
    session.files.sync()
    session.crashpoint('store.update.files')
    log.putQuery(query, next)
    const plan = change?.plan === undefined ? undefined : log.plan(committed + 1)
    if (plan !== undefined && change?.plan !== undefined) log.putPlan({ ...plan, content: change.plan })
    log.clearDeltas()
    if (committed > 0) for (let index = 0; index < query.partitions; index++) log.putTip(index, committed)
    return next
  })
  session.crashpoint('store.update.query')
  session.closePartitions()
  session.removeOthers(inForce)
  session.crashpoint('store.update.after')
}

/** Entries as a changed graph has them. */
function* changedEntries(entries: Iterable<Change>, change: KeptChange): Generator<Change, void, undefined> {
  for (const { part, slot, id, content } of entries) {
    if (content === undefined) continue
    const changed = change.entry({ part, slot, id, content })
    if (changed !== undefined) yield changed
  }
}

/** Entries of the old partitions that lie in a new one. */
function* movedEntries(
  session: StoreSession,
  from: number,
  to: number,
  index: number,
): Generator<Change, void, undefined> {
  const sources = new Set<number>()
  for (let slot = 0; slot < SLOTS; slot++) {
    if (partitionOf(slot, to) === index) sources.add(partitionOf(slot, from))
  }
  for (const source of sources) {
    for (const entry of session.entries(source)) if (partitionOf(entry.slot, to) === index) yield entry
  }
}

/** Copies the newest commit to a new place. */
export function copyTo(session: StoreSession, place: string, fork?: QueryFork): void {
  if (session.files.at(place).isOccupied()) throw new StoreOccupied(place, 'is not empty')
  const { log } = session.begun()
  const partial = session.files.at(`${place}.partial`)
  // One view of the log for all of it: another process may commit meanwhile.
  log.reading(() => {
    const { query: original } = session.begun().stored
    const query = fork === undefined ? original : { ...original, id: fork.id, createdAt: fork.createdAt }
    const committed = log.committedBatch()
    const bodies = log.bodies(0)
    const isPending = (bodies.get(committed)?.deliveries.length ?? 0) > 0 && log.deliveredUntil() < committed
    if (fork !== undefined && isPending) throw new DeliveriesPending(session.files.place, committed)
    // What cannot be copied is found before anything of the copy is there.
    if (fork?.entry !== undefined && committed > 0)
      for (let index = 0; index < query.partitions; index++) for (const _ of copiedEntries(session, index, fork));
    partial.remove()
    partial.make()
    const next = fork === undefined ? undefined : log.plan(committed + 1)
    const plans = [log.plan(committed), next].filter((plan) => plan !== undefined)
    const copy = partial.openLog(true)
    try {
      copy.transaction(true, () => {
        copy.putQuery(query, 0)
        copy.putLease({ epoch: log.holder()?.epoch ?? 0, holder: '', until: 0 })
        for (const plan of plans) copy.putPlan(plan)
        for (const header of log.headers(0)) copy.putOldCommit(header, bodies.get(header.batch))
        copy.putDelivered(log.deliveredUntil())
        if (committed > 0) for (let index = 0; index < query.partitions; index++) copy.putTip(index, committed)
      })
      copy.settle()
    } finally {
      copy.close()
    }
    for (let index = 0; index < query.partitions; index++) {
      const file = partial.openPartition({ query: query.id, partition: index, generation: 0 }, true)
      try {
        if (committed > 0)
          replaceSnapshot(file, 0, committed, committed, copiedChunks(session, index, fork), NOTHING_MORE)
        file.settle()
      } finally {
        file.close()
      }
    }
    try {
      partial.makeHead()
      partial.writeHead(next === undefined ? stepOfCommit(committed) : stepOfPlan(next.batch))
      partial.syncHead()
    } finally {
      partial.closeHead()
    }
  })
  partial.sync()
  session.crashpoint('store.savepoint.files')
  partial.moveTo(place)
  session.crashpoint('store.savepoint.after')
}

/** What a copy keeps of a partition. */
function copiedChunks(session: StoreSession, index: number, fork: QueryFork | undefined): Iterable<Uint8Array> {
  return fork?.entry === undefined ? session.chunks(index) : chunksFrom(copiedEntries(session, index, fork))
}

function* copiedEntries(session: StoreSession, index: number, fork: QueryFork): Generator<Change, void, undefined> {
  for (const { part, slot, id, content } of session.entries(index)) {
    if (content === undefined) continue
    const entry = { part, slot, id, content }
    yield fork.entry?.(entry) ?? entry
  }
}
