/**
 * Looks at everything that a checkpoint has, and says what is wrong instead of stopping at the first thing.
 *
 * The invariants, as `docs/guarantees.md` numbers them: I1 commits are of planned batches, and at most one batch is planned beyond
 * them; I2 a plan is never changed; I3 a version is there whole or not at all; I7 nobody with an older epoch has written. `format`:
 * a file, row or checksum cannot be read.
 */
import { changesIn, ChangeWriter, NO_CHANGES } from './change-bytes.js'
import type { StoreFault } from './checkpoint-store.js'
import { errorCode } from '../../../sdk/error-codes.js'
import { messageOf } from '../../../sdk/errors.js'
import { partitionOf } from './partition-of.js'
import { versionsSince } from './partition-state.js'
import { committedOf, type StoreSession } from './store-session.js'
import type { LogTable } from './store-tables.js'

/** What is wrong; nothing where nothing was created. */
export function checkSession(session: StoreSession): readonly StoreFault[] {
  const faults: StoreFault[] = []
  const say = (invariant: string, where: string, message: string): void =>
    void faults.push({ invariant, where, message })
  const attempt = (where: string, body: () => void): void => {
    try {
      body()
    } catch (error) {
      faults.push({ invariant: 'format', where, message: messageOf(error), code: errorCode(error) })
    }
  }
  const { files } = session
  attempt(files.logPath, () => {
    const log = session.log()
    if (log === undefined) return
    for (const message of log.faults()) say('format', files.logPath, message)
    checkLog(log, files.logPath, say)
    const stored = log.query()
    if (stored === undefined) return
    for (let index = 0; index < stored.query.partitions; index++) {
      const where = files.statePath(index, stored.generation)
      attempt(where, () => checkPartition(session, log, index, stored.query.partitions, where, say))
    }
    for (const { name, generation } of files.states()) {
      if (generation > stored.generation + 1) say('format', name, 'belongs to no number of partitions that is in use')
    }
  })
  return faults
}

type Say = (invariant: string, where: string, message: string) => void

function checkLog(log: LogTable, where: string, say: Say): void {
  committedOf(log)
  const committed = log.committedBatch()
  const epoch = log.holder()?.epoch ?? 0
  const planned = log.plannedBatches()
  for (const batch of planned) {
    if (batch > committed + 1) say('I1', where, `batch ${batch} is planned, and ${committed} is the newest commit`)
    const plan = log.plan(batch)
    if (plan !== undefined && plan.epoch > epoch)
      say('I7', where, `plan ${batch} has epoch ${plan.epoch}, above ${epoch}`)
  }
  if (committed > 0 && !planned.includes(committed))
    say('I1', where, `batch ${committed} is committed and was not planned`)
  let before: { readonly batch: number; readonly epoch: number } | undefined
  for (const { batch, epoch: by, instant } of log.headers(0)) {
    if (before !== undefined && batch !== before.batch + 1) say('I1', where, `commit ${batch} follows ${before.batch}`)
    if (before !== undefined && by < before.epoch)
      say('I7', where, `commit ${batch} has an older epoch than the one before`)
    if (by > epoch) say('I7', where, `commit ${batch} has epoch ${by}, above ${epoch}`)
    const plan = log.plan(batch)
    if (plan !== undefined && plan.instant !== instant)
      say('I2', where, `commit ${batch} has another instant than its plan`)
    before = { batch, epoch: by }
  }
  if (log.deliveredUntil() > committed) say('I3', where, `batch ${log.deliveredUntil()} is delivered and not committed`)
}

function checkPartition(
  session: StoreSession,
  log: LogTable,
  index: number,
  partitions: number,
  where: string,
  say: Say,
): void {
  const file = session.partition(index)
  for (const message of file.faults()) say('format', where, message)
  const epoch = log.holder()?.epoch ?? 0
  if (file.epoch() > epoch) say('I7', where, `its fence has epoch ${file.epoch()}, above ${epoch}`)
  const committed = log.committedBatch()
  const snapshot = file.snapshot()
  if (snapshot.version > committed)
    say('I3', where, `its snapshot has version ${snapshot.version}, which is not committed`)
  const hashes = new Map(log.headers(0).map((header) => [header.batch, header.hashes]))
  for (const { delta, rows } of versionsSince(file, snapshot, session.until(index))) {
    const writer = new ChangeWriter()
    for (const chunk of rows.chunks(delta)) writer.putAll(changesIn(chunk))
    const found = writer.count === 0 ? NO_CHANGES : writer.hash
    if (found !== delta.hash)
      say('I3', where, `the changes of version ${delta.version} have hash ${found}, not ${delta.hash}`)
    // After the number of partitions has changed, older commits speak of others.
    const said = hashes.get(delta.version)?.[index]
    if (said !== undefined && said !== delta.hash) {
      say('I3', where, `the changes of version ${delta.version} have hash ${delta.hash}, and the commit says ${said}`)
    }
  }
  for (const { part, slot } of session.entries(index)) {
    if (partitionOf(slot, partitions) === index) continue
    say('I3', where, `an entry of "${part}" in slot ${slot} belongs to partition ${partitionOf(slot, partitions)}`)
    break
  }
}
