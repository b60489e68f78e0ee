/**
 * Retention: the oldest records of a partition go when it is too old, too large or too long.
 *
 * Law: a partition loses records at its beginning only, and its first offset says so.
 */
import type { LogFile } from './log-file.js'
import { SIZE } from './schema.js'
import type { PartitionRow, TopicRow } from './topics.js'

/** How strictly limits are kept. */
export interface TrimRules {
  readonly now: number
  /** By which part of a limit it may be exceeded before anything is done; then the limit is kept. */
  readonly slack: number
  /** Removes at most so many records. */
  readonly rowsMax: number
}

/** Removes what exceeds the limits of the topic; the caller stores the partition. @returns how many records went. */
export function trim(file: LogFile, topic: TopicRow, partition: PartitionRow, rules: TrimRules): number {
  const { now, slack, rowsMax } = rules
  const { age, bytes, records } = topic
  const exceeds = (amount: number, limit: number | null): boolean => limit !== null && amount > limit * (1 + slack)
  const isTooOld = age !== null && exceeds(now - (oldestOf(file, partition) ?? now), age)
  if (!isTooOld && !exceeds(partition.bytes, bytes) && !exceeds(partition.records, records)) return 0
  const oldest = file
    .statement(`SELECT offset, appended, ${SIZE} FROM p${partition.id} ORDER BY offset LIMIT ?`)
    .raw()
    .all(rowsMax) as [offset: number, appended: number, size: number][]
  let removed = 0
  for (const [offset, appended, size] of oldest) {
    const isKept =
      (age === null || now - appended <= age) &&
      (bytes === null || partition.bytes <= bytes) &&
      (records === null || partition.records <= records)
    if (isKept) break
    partition.bytes -= size
    partition.records--
    partition.begin = offset + 1
    removed++
  }
  if (partition.records === 0) partition.begin = partition.end
  partition.compacted = Math.max(partition.compacted, partition.begin)
  return removed === 0 ? 0 : file.run(`DELETE FROM p${partition.id} WHERE offset < ?`, partition.begin)
}

function oldestOf(file: LogFile, { id }: PartitionRow): number | undefined {
  return (file.row(`SELECT appended FROM p${id} ORDER BY offset LIMIT 1`) as { readonly appended: number } | undefined)
    ?.appended
}
