/**
 * What writes the whole state anew: another number of partitions, and a savepoint.
 *
 * Law: until the one step that puts the copy in force, everything is as it was; a copy that was broken off is removed by whoever
 * comes next.
 */
import { existsSync, readdirSync } from 'node:fs'
import { invariant } from '../../../sdk/invariant.js'
import { SLOTS } from '../../core/kept-state.js'
import type { Change, Lease, QueryRecord } from './checkpoint-store.js'
import { StoreOccupied } from './errors.js'
import { partitionOf } from './partition-of.js'
import { CheckpointFolder } from './sqlite-files.js'
import { HeadFile } from './sqlite-head.js'
import { LogFile } from './sqlite-log.js'
import { PartitionFile } from './sqlite-partition.js'
import type { SqliteSession } from './sqlite-session.js'

/** Moves entries to other partitions, and puts the query's record in force with it. */
export function repartition(session: SqliteSession, log: LogFile, lease: Lease, query: QueryRecord): void {
  session.crashpoint('store.update.before')
  const { folder } = session
  const { query: old, generation } = session.query()
  invariant(query.partitions >= 1 && query.partitions <= SLOTS, 'there are 1 to 256 partitions', {
    partitions: query.partitions,
  })
  session.removeOthers(generation)
  const committed = log.committedBatch()
  for (let index = 0; index < query.partitions; index++) {
    const file = session.openPartition(query, index, generation + 1, true)
    try {
      file.fence(lease.epoch, committed)
      if (committed > 0) {
        const entries = entriesOf(session, old.partitions, query.partitions, index)
        file.putSnapshot(committed, committed, entries, () => undefined)
      }
    } finally {
      file.close()
    }
  }
  folder.sync()
  session.crashpoint('store.update.files')
  log.file.transaction(true, () => {
    log.verifyLease(folder.place, lease)
    log.putQuery(query, generation + 1)
    log.clearDeltas()
    if (committed > 0) for (let index = 0; index < query.partitions; index++) log.putTip(index, committed)
  })
  session.crashpoint('store.update.query')
  session.closePartitions()
  session.removeOthers(generation + 1)
  session.crashpoint('store.update.after')
}

/** Entries of the old partitions that lie in a new one. */
function* entriesOf(
  session: SqliteSession,
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
export function copyTo(session: SqliteSession, place: string): void {
  if (existsSync(place) && readdirSync(place).length > 0) throw new StoreOccupied(place, 'is not empty')
  session.query()
  const log = session.log() as LogFile
  const partial = new CheckpointFolder(`${place}.partial`)
  partial.remove()
  partial.make()
  // One view of the log for all of it: another process may commit meanwhile.
  log.file.reading(() => {
    const { query } = session.query()
    const committed = log.committedBatch()
    const copy = new LogFile(session.sqlite, partial.log, true)
    try {
      copy.file.transaction(true, () => {
        copy.putQuery(query, 0)
        copy.putLease(log.holder()?.epoch ?? 0, '', 0)
        for (const batch of log.plannedBatches()) {
          const plan = batch <= committed ? log.plan(batch) : undefined
          if (plan !== undefined) copy.putPlan(plan)
        }
        copy.putHistory(log)
        if (committed > 0) for (let index = 0; index < query.partitions; index++) copy.putTip(index, committed)
      })
      copy.file.settle()
    } finally {
      copy.close()
    }
    for (let index = 0; index < query.partitions; index++) {
      const name = { query: query.id, partition: index, generation: 0 }
      const file = new PartitionFile(session.sqlite, partial.state(index, 0), name, true)
      try {
        if (committed > 0) file.putSnapshot(committed, committed, session.entries(index), () => undefined)
        file.file.settle()
      } finally {
        file.close()
      }
    }
    const head = new HeadFile(partial.head, true)
    head.write(committed)
    head.sync()
    head.close()
  })
  partial.sync()
  session.crashpoint('store.savepoint.files')
  partial.moveTo(place)
  session.crashpoint('store.savepoint.after')
}
