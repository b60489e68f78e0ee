/**
 * The state of a partition: a snapshot, and the changes since, which lie in its own file or, where the driver made them, in the log.
 * The runner keeps state in memory, so a batch only appends its changes; when they outgrow the snapshot both are merged into a new
 * one, so what is stored stays a small multiple of the state.
 *
 * Law: changes of a version that was not committed are invisible and may go; a snapshot holds committed versions only; whoever has an
 * older epoch than the file's fence writes nothing.
 */
import { changesIn } from './change-bytes.js'
import { ChunkReader, ChunkWriter } from './change-chunks.js'
import type { Change } from './checkpoint-store.js'
import { reasonOf, StoreDamaged, StoreFenced } from './errors.js'
import { NewestChanges } from './newest-changes.js'
import type { ChangeBlob, Delta, DeltaRows, PartitionTable, Snapshot } from './store-tables.js'

/** A version's changes, and where they lie. */
export interface DeltaAt {
  readonly delta: Delta
  readonly rows: DeltaRows
}

/** Up to which version something is read. */
export interface Until {
  /** The newest committed one. */
  readonly version: number
  /** The last one that changed this partition. */
  readonly tip: number
  /** Changes that lie in the log. */
  readonly elsewhere: DeltaRows
  /** What commits say of the changes of this partition, by version, as far back as they are kept. */
  hashes(): ReadonlyMap<number, string>
}

/** Lets nobody older write, and forgets what was not committed. */
export function fencePartition(file: PartitionTable, epoch: number, committed: number): void {
  file.transaction(true, () => {
    raiseFence(file, epoch)
    file.deltas.remove(committed + 1, Number.MAX_SAFE_INTEGER)
  })
}

/** Writes the changes of a version in place of what an earlier attempt wrote. */
export function writeVersion(
  file: PartitionTable,
  epoch: number,
  version: number,
  previous: number,
  blob: ChangeBlob,
  written: () => void,
): void {
  file.transaction(true, () => {
    raiseFence(file, epoch)
    file.deltas.remove(version, Number.MAX_SAFE_INTEGER)
    if (blob.chunks.length > 0) file.deltas.insert(version, previous, blob)
    written()
  })
}

/** Puts a snapshot in place of all that there is up to its version. */
export function replaceSnapshot(
  file: PartitionTable,
  epoch: number,
  version: number,
  tip: number,
  chunks: Iterable<Uint8Array>,
  written: () => void,
): void {
  file.transaction(true, () => {
    // Before anything is read: to whoever was taken over from, what the other has merged would look like damage.
    raiseFence(file, epoch)
    file.putSnapshot(version, tip, chunks)
    file.deltas.remove(0, version)
    written()
  })
}

/** The versions since a snapshot, oldest first. @throws {StoreDamaged} when one is missing. */
export function versionsSince(file: PartitionTable, snapshot: Snapshot, until: Until): readonly DeltaAt[] {
  const listed = [file.deltas, until.elsewhere]
    .flatMap((rows) => rows.list(snapshot.version).map((delta): DeltaAt => ({ delta, rows })))
    .filter(({ delta }) => delta.version <= until.version)
    .sort((a, b) => a.delta.version - b.delta.version)
  let before = snapshot.tip
  const hashes = listed.length === 0 ? undefined : until.hashes()
  for (const { delta } of listed) {
    // An end that is cut off can leave the changes of an attempt that was given up.
    const hash = hashes?.get(delta.version) ?? delta.hash
    if (hash !== delta.hash) {
      throw new StoreDamaged(file.path, `the changes of version ${delta.version} are not those that were committed`)
    }
    if (delta.previous !== before) throw missing(file, delta.previous, before)
    before = delta.version
  }
  if (before !== until.tip) throw missing(file, until.tip, before)
  return listed
}

/** All entries as of the newest committed version. */
export function* entriesOf(file: PartitionTable, until: Until): Generator<Change, void, undefined> {
  for (const chunk of chunksOf(file, until)) yield* changesIn(chunk)
}

/** The same as chunks, for a snapshot. @throws {StoreDamaged} when what is there cannot be read. */
export function* chunksOf(file: PartitionTable, until: Until): Generator<Uint8Array, void, undefined> {
  const snapshot = file.snapshot()
  const newest = new NewestChanges()
  for (const { delta, rows } of versionsSince(file, snapshot, until)) {
    for (const chunk of rows.chunks(delta)) reading(file, `version ${delta.version}`, () => newest.put(chunk))
  }
  const writer = new ChunkWriter()
  for (const chunk of file.snapshotChunks(snapshot)) {
    reading(file, `its snapshot of version ${snapshot.version}`, () => copyRest(new ChunkReader(chunk), newest, writer))
    yield* writer.takeChunks()
  }
  newest.writeTo(writer)
  yield* writer.finish()
}

/** Entries as chunks. */
export function* chunksFrom(entries: Iterable<Change>): Generator<Uint8Array, void, undefined> {
  const writer = new ChunkWriter()
  for (const { part, slot, id, content } of entries) {
    writer.put(part, slot, id, content)
    yield* writer.takeChunks()
  }
  yield* writer.finish()
}

/** What nothing newer is known of. */
function copyRest(reader: ChunkReader, newest: NewestChanges, writer: ChunkWriter): void {
  while (reader.next()) if (!newest.has(reader)) writer.copy(reader.part, reader.chunk, reader.start, reader.end)
}

function reading(file: PartitionTable, what: string, body: () => void): void {
  try {
    body()
  } catch (error) {
    throw error instanceof RangeError ? new StoreDamaged(file.path, `${what}: ${reasonOf(error)}`, error) : error
  }
}

function raiseFence(file: PartitionTable, epoch: number): void {
  const newest = file.epoch()
  if (newest > epoch) throw new StoreFenced(file.path, epoch, newest, 'another run')
  if (newest < epoch) file.putEpoch(epoch)
}

function missing(file: PartitionTable, wanted: number, found: number): StoreDamaged {
  return new StoreDamaged(
    file.path,
    `its partition changed in version ${wanted}, and the newest version before that is ${found}`,
  )
}
