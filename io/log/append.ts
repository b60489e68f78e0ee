/**
 * Appending: records get their partition and offset while nobody else writes.
 *
 * Laws: an append is there as a whole or not at all, over all its topics; offsets of a partition have no gap when they are given;
 * and append times of a partition never fall, nor are they before the moment of the append, which readers at the end rely on. An
 * append with the id of an earlier one, or from before it, does nothing.
 */
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { compactSome } from './compaction.js'
import type { LogFile, Sync } from './log-file.js'
import { partitionOf } from './partition-of.js'
import { type EncodedRecord, encodeRecord, type NewRecord } from './records.js'
import { trim } from './retention.js'
import { noSuchPartition, type PartitionRow, partitionsOf, topicOf, type TopicRow } from './topics.js'

/** Where a record has gone. */
export interface RecordPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Tells an append from all others: the same one is the same records. A `DeliveryId` of a runner is one. */
export interface AppendId {
  /** Whose appends they are: a query, a program. */
  readonly query: string
  readonly step: string
  /** Counts the appends of query, step and shard upwards, not always by one. What comes after a later one is not appended. */
  readonly batch: number
  readonly shard: number
}

/** Options of an append. */
export interface AppendOptions {
  /** What it survives. Default: as the log was opened. */
  readonly sync?: Sync
  /** Does nothing when an append with this id is there, or with one from a later batch. */
  readonly id?: AppendId
}

/** Records for one topic. */
export interface Addition {
  readonly topic: string
  readonly records: readonly EncodedRecord[]
}

/** Rows that one append removes at most, so that none waits long for its turn. */
const TENDED_MAX = 10_000

/** What is to be appended to one topic. */
export function additionOf(topic: string, records: Iterable<NewRecord>): Addition {
  return { topic, records: Array.from(records, (record) => encodeRecord(topic, record)) }
}

/**
 * Appends everything in one transaction.
 *
 * @param more what else belongs to it.
 * @returns where each record has gone, in order; `undefined` when the id is known, or older than one that is.
 */
export function appendAll(
  file: LogFile,
  additions: readonly Addition[],
  { sync, id }: AppendOptions,
  more: () => void = () => undefined,
): readonly RecordPosition[] | undefined {
  const { env } = file
  const positions = file.write(() => {
    env.crashpoint('log.append.begun')
    if (id !== undefined && !remember(file, id)) return undefined
    // Asked for under the lock, so that time goes as offsets do.
    const now = Math.trunc(env.now())
    const written = additions.flatMap((addition) => appendTo(file, addition, now))
    more()
    env.crashpoint('log.append.written')
    return written
  }, sync)
  env.crashpoint('log.append.committed')
  return positions
}

/** The newest batch of whose appends the log knows. */
export function newestBatch(file: LogFile, { query, step, shard }: Omit<AppendId, 'batch'>): number | undefined {
  const sql = 'SELECT max(batch) AS batch FROM deliveries WHERE query = ? AND step = ? AND shard = ?'
  const { batch } = file.read(() => file.row(sql, query, step, shard)) as { readonly batch: number | null }
  return batch ?? undefined
}

function appendTo(file: LogFile, { topic: name, records }: Addition, now: number): readonly RecordPosition[] {
  const topic = topicOf(file, name)
  if (records.length === 0) return []
  const partitions = partitionsOf(file, topic.id)
  const touched = new Set<PartitionRow>()
  let turn = partitions.reduce((sum, { end }) => sum + end, 0)
  const positions = records.map((record): RecordPosition => {
    const number = record.partition ?? (record.key === null ? turn++ : partitionOf(record.key, partitions.length))
    const partition = partitions[record.partition === undefined ? number % partitions.length : number]
    if (partition === undefined) return noSuchPartition(name, record.partition, partitions.length)
    if (topic.compact === 1 && record.key === null) return refuseKeyless(name)
    touched.add(partition)
    return { topic: name, partition: partition.partition, offset: insert(file, partition, record, now) }
  })
  for (const partition of touched) {
    store(file, partition)
    tend(file, topic, partition, now)
  }
  return positions
}

/** @throws what is said of a record without a key where keys are made unique. */
export function refuseKeyless(topic: string): never {
  throw coded(
    'MR-5407',
    new TypeError(`topic "${topic}" keeps the last record of each key, and a record has none. Give it a key.`),
  )
}

function insert(file: LogFile, partition: PartitionRow, record: EncodedRecord, now: number): number {
  const { key, value, headers, timestamp } = record
  const offset = partition.end
  const appended = Math.max(now, partition.last)
  file.run(
    `INSERT INTO p${partition.id} (offset, timestamp, appended, key, value, headers) VALUES (?, ?, ?, ?, ?, ?)`,
    offset,
    timestamp ?? appended,
    appended,
    key,
    value,
    headers,
  )
  partition.end = offset + 1
  partition.last = appended
  partition.records++
  partition.bytes += (key?.length ?? 0) + (value?.length ?? 0) + (headers?.length ?? 0)
  return offset
}

/** Writes down what has become of a partition. */
export function store(file: LogFile, { id, begin, end, records, bytes, compacted, last }: PartitionRow): void {
  file.run(
    'UPDATE partitions SET begin = ?, "end" = ?, records = ?, bytes = ?, compacted = ?, last = ? WHERE id = ?',
    begin,
    end,
    records,
    bytes,
    compacted,
    last,
    id,
  )
}

/** Whoever appends keeps the partition within its limits. */
function tend(file: LogFile, topic: TopicRow, partition: PartitionRow, now: number): void {
  const removed = trim(file, topic, partition, { now, slack: 1 / 8, rowsMax: TENDED_MAX })
  const isDirty = topic.compact === 1 && isDueForCompaction(partition)
  if (isDirty) compactSome(file, topic, partition, now, TENDED_MAX)
  if (removed > 0 || isDirty) store(file, partition)
}

/** Every second record has come since keys were unique. */
function isDueForCompaction({ end, compacted, records }: PartitionRow): boolean {
  const dirty = end - compacted
  return dirty >= 1000 && dirty * 2 >= records
}

/**
 * Ids of a step and shard come in the order of their batches, so the newest one tells it all, and is never forgotten: a driver that
 * stood still while another took over may bring an old one, however late.
 *
 * @returns whether the id is new.
 */
function remember(file: LogFile, id: AppendId): boolean {
  const { query, step, shard, batch } = id
  for (const part of [shard, batch])
    if (!Number.isSafeInteger(part))
      throw coded('MR-1002', new TypeError(`batch and shard of an id are whole numbers, but it is ${preview(id)}.`))
  const whose = [query, step, shard]
  const of = 'query = ? AND step = ? AND shard = ?'
  if (file.row(`SELECT 1 FROM deliveries WHERE ${of} AND batch >= ?`, ...whose, batch) !== undefined) return false
  file.run(`DELETE FROM deliveries WHERE ${of}`, ...whose)
  file.run(
    `INSERT INTO deliveries (query, step, shard, batch, number)
     SELECT ?, ?, ?, ?, ifnull(max(number), 0) + 1 FROM deliveries`,
    ...whose,
    batch,
  )
  return true
}
