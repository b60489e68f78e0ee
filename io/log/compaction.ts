/**
 * Compaction: of each key the last record is kept.
 *
 * Laws: what is kept keeps its offset; the last record of a key never goes, unless it says that the key is gone; and who reads
 * from the beginning has seen, at any offset, at least the last record that each key had when it was compacted up to there.
 */
import type { LogFile } from './log-file.js'
import { SIZE } from './schema.js'
import type { PartitionRow, TopicRow } from './topics.js'

/**
 * Makes keys unique in the next so many records; the caller stores the partition.
 *
 * @returns how many records went.
 */
export function compactSome(
  file: LogFile,
  topic: TopicRow,
  partition: PartitionRow,
  now: number,
  rowsMax: number,
): number {
  const table = `p${partition.id}`
  const next = file
    .statement(`SELECT offset, key FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT ?`)
    .raw()
    .all(partition.compacted, rowsMax) as [offset: number, key: Uint8Array][]
  const before = partition.records
  const older = file.statement(`DELETE FROM ${table} WHERE key = ? AND offset < ? RETURNING ${SIZE}`).raw()
  for (const [offset, key] of next) account(partition, older.all(key, offset) as [number][])
  partition.compacted = next.length < rowsMax ? partition.end : (next.at(-1) as [number, Uint8Array])[0] + 1
  const gone = file
    .statement(
      `DELETE FROM ${table} WHERE value IS NULL AND appended < ? AND offset < ? AND offset < ? RETURNING ${SIZE}`,
    )
    .raw()
  // The last record stays, so that append times go on from it.
  const tombstones = gone.all(now - topic.tombstones, partition.compacted, partition.end - 1) as [number][]
  account(partition, tombstones)
  return before - partition.records
}

function account(partition: PartitionRow, sizes: readonly (readonly [size: number])[]): void {
  for (const [size] of sizes) {
    partition.records--
    partition.bytes -= size
  }
}
