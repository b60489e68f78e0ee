/**
 * Topics: names of streams of records, each cut into partitions.
 *
 * Law: a topic has its partitions and settings from when it is made; who wants others is refused, and changes nothing.
 */
import { coded } from '../../sdk/error-codes.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { suggestion } from '../../sdk/suggestion.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import type { LogFile } from './log-file.js'
import { tableOf } from './schema.js'

/** Which of the oldest records of each partition are removed. Default: none. */
export interface Retention {
  /** Those that were appended longer ago. */
  readonly age?: Duration
  /** Those that make keys, values and headers more than so many bytes. */
  readonly bytes?: number
  /** Those before the last so many. */
  readonly records?: number
}

/** Options of a topic. */
export interface TopicOptions {
  /** In how many parts it is written and read. Default 1. It cannot be changed. */
  readonly partitions?: number
  readonly retention?: Retention
  /** Whether only the last record of each key is kept. Records then need a key. Default `false`. */
  readonly compact?: boolean
  /** With `compact`: how long a record with the value `null` is kept after it has taken its key out. Default 1 day. */
  readonly keepTombstones?: Duration
}

/** A topic, as {@link Log.topics} tells. */
export interface TopicInfo {
  readonly name: string
  readonly partitions: number
  readonly compact: boolean
  /** As milliseconds, bytes and records; `undefined`: no limit. */
  readonly retention: {
    readonly ageMillis: number | undefined
    readonly bytes: number | undefined
    readonly records: number | undefined
  }
}

/** A row of topics. */
export interface TopicRow {
  readonly id: number
  readonly name: string
  readonly partitions: number
  readonly compact: number
  readonly age: number | null
  readonly bytes: number | null
  readonly records: number | null
  readonly tombstones: number
}

/** A row of partitions. */
export interface PartitionRow {
  readonly id: number
  readonly partition: number
  begin: number
  end: number
  records: number
  bytes: number
  compacted: number
  last: number
}

/** A millennium of partitions would be more tables than SQLite bears well. */
const PARTITIONS_MAX = 1024
const DAY_MILLIS = 86_400_000

/** Makes a topic, or finds it as it shall be. @throws when it is there with other settings. */
export function createTopic(file: LogFile, name: string, options: TopicOptions = {}): void {
  const wanted = settingsOf(name, options)
  file.write(() => {
    const there = file.row('SELECT * FROM topics WHERE name = ?', name) as TopicRow | undefined
    if (there !== undefined) {
      const differs = settingNames.find((setting) => there[setting] !== wanted[setting])
      if (differs === undefined) return
      throw coded(
        'MR-5403',
        new Error(
          `topic "${name}" is there with ${labels[differs]} ${shown(there[differs])}, and ${shown(wanted[differs])} is asked for. Ask for what is there, or delete the topic first.`,
        ),
      )
    }
    file.run(
      'INSERT INTO topics (name, partitions, compact, age, bytes, records, tombstones) VALUES (?, ?, ?, ?, ?, ?, ?)',
      name,
      ...settingNames.map((setting) => wanted[setting]),
    )
    const { id } = topicOf(file, name)
    for (let partition = 0; partition < wanted.partitions; partition++) {
      file.run('INSERT INTO partitions (topic, partition) VALUES (?, ?)', id, partition)
      const made = partitionOfTopic(file, name, partition)
      file.define(tableOf(made.id, wanted.compact === 1))
    }
  })
}

/** Removes a topic with its records, groups and offsets. */
export function deleteTopic(file: LogFile, name: string): void {
  file.write(() => {
    const { id } = topicOf(file, name)
    for (const partition of partitionsOf(file, id)) file.define(`DROP TABLE p${partition.id}`)
    for (const table of ['partitions', 'groups', 'members', 'owners', 'commits'])
      file.run(`DELETE FROM ${table} WHERE topic = ?`, id)
    file.run('DELETE FROM topics WHERE id = ?', id)
  })
}

/** All topics, by name. */
export function topicsOf(file: LogFile): readonly TopicInfo[] {
  return (file.rows('SELECT * FROM topics ORDER BY name') as TopicRow[]).map((row) => ({
    name: row.name,
    partitions: row.partitions,
    compact: row.compact === 1,
    retention: {
      ageMillis: row.age ?? undefined,
      bytes: row.bytes ?? undefined,
      records: row.records ?? undefined,
    },
  }))
}

/** @throws when there is no such topic. */
export function topicOf(file: LogFile, name: string): TopicRow {
  const row = file.row('SELECT * FROM topics WHERE name = ?', name) as TopicRow | undefined
  if (row !== undefined) return row
  const names = topicsOf(file).map((topic) => topic.name)
  throw coded(
    'MR-5402',
    new Error(
      `there is no topic ${preview(name)} in the log in "${file.folder}".${suggestion(String(name), names)} Make it first: log.createTopic(…).`,
    ),
  )
}

/** The partitions of a topic, by number. */
export function partitionsOf(file: LogFile, topicId: number): PartitionRow[] {
  return file.rows(`${PARTITION} WHERE topic = ? ORDER BY partition`, topicId) as PartitionRow[]
}

/** @throws when there is no such topic, or no such partition of it. */
export function partitionOfTopic(file: LogFile, topic: string, partition: number): PartitionRow {
  const { id, partitions } = topicOf(file, topic)
  const row = file.row(`${PARTITION} WHERE topic = ? AND partition = ?`, id, partition) as PartitionRow | undefined
  if (row !== undefined) return row
  return noSuchPartition(topic, partition, partitions)
}

/** @throws what is said of a partition that is not there. */
export function noSuchPartition(topic: string, partition: unknown, partitions: number): never {
  throw coded(
    'MR-5402',
    new Error(`topic "${topic}" has partitions 0 to ${partitions - 1}, and not ${preview(partition)}.`),
  )
}

const PARTITION = 'SELECT id, partition, begin, "end", records, bytes, compacted, last FROM partitions'

type Settings = Pick<TopicRow, (typeof settingNames)[number]>
const settingNames = ['partitions', 'compact', 'age', 'bytes', 'records', 'tombstones'] as const
const labels: Readonly<Record<keyof Settings, string>> = {
  partitions: 'partitions',
  compact: 'compact',
  age: 'retention.age in ms',
  bytes: 'retention.bytes',
  records: 'retention.records',
  tombstones: 'keepTombstones in ms',
}

function shown(setting: number | null): string {
  return setting === null ? 'none' : String(setting)
}

function settingsOf(name: string, options: TopicOptions): Settings {
  if (typeof name !== 'string' || name === '')
    refuse('MR-1002', `a topic needs a name that is not empty, but got ${preview(name)}.`)
  refuseUnknownOptions(`topic "${name}"`, options, optionNames)
  const { partitions = 1, retention = {}, compact = false, keepTombstones } = options
  refuseUnknownOptions(`retention of topic "${name}"`, retention, retentionNames)
  const whole = (what: string, value: number, max = Number.MAX_SAFE_INTEGER): number => {
    if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${max}`
    return refuse('MR-1002', `${what} of topic "${name}" must be a whole number ${range}, but is ${preview(value)}.`)
  }
  if (typeof compact !== 'boolean')
    refuse('MR-1004', `compact of topic "${name}" must be true or false, but is ${preview(compact)}.`)
  if (keepTombstones !== undefined && !compact)
    refuse('MR-1016', `keepTombstones of topic "${name}" says something of compact topics only. Give compact: true.`)
  const { age, bytes, records } = retention
  return {
    partitions: whole('partitions', partitions, PARTITIONS_MAX),
    compact: compact ? 1 : 0,
    age: age === undefined ? null : durationMillis(age, `retention.age of topic "${name}"`),
    bytes: bytes === undefined ? null : whole('retention.bytes', bytes),
    records: records === undefined ? null : whole('retention.records', records),
    tombstones: durationMillis(keepTombstones ?? DAY_MILLIS, `keepTombstones of topic "${name}"`),
  }
}

const retentionNames: OptionNames<Retention> = { age: true, bytes: true, records: true }
const optionNames: OptionNames<TopicOptions> = {
  partitions: true,
  retention: true,
  compact: true,
  keepTombstones: true,
}
