/**
 * A log: topics of records that several programs append to and read, at once, in one folder.
 *
 * Law: those of `append.ts`, `read.ts` and `groups.ts`; nothing else touches the file.
 */
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import {
  type Addition,
  additionOf,
  appendAll,
  type AppendId,
  type AppendOptions,
  newestBatch,
  type RecordPosition,
} from './append.js'
import { type Assignment, Group, type GroupInfo } from './groups.js'
import { LogFile, type Sync } from './log-file.js'
import { maintain, type Maintained } from './maintain.js'
import { type LogEnv, processEnv } from './node.js'
import { loadSqlite } from './packages.js'
import { type PartitionInfo, partitionInfos, type ReadLimits, readRecords } from './read.js'
import type { LogRecord, NewRecord } from './records.js'
import { createTopic, deleteTopic, type TopicInfo, type TopicOptions, topicsOf } from './topics.js'

/** Options of {@link openLog}. */
export interface LogOptions {
  /** What an append survives. Default `'full'`: also the power going off. */
  readonly sync?: Sync
  /** For how long an append waits for its turn. Default 30 s. */
  readonly busyTimeout?: Duration
  /** Clock, chance and files. Default: those of this process. */
  readonly env?: LogEnv
}

/** What a transaction may do. */
export interface LogTransaction {
  /** Adds records to what is appended in the end. */
  append(topic: string, records: Iterable<NewRecord>): void
  /** The group goes on at these offsets, if the records are appended. */
  commit(member: GroupMember, offsets: ReadonlyMap<number, number>): void
}

/** A member of a group. */
export interface GroupMember {
  /** By which the group knows it. */
  readonly member: string
  /**
   * Says that the member is alive, and asks which partitions are its own. Call it several times within a session.
   *
   * @throws MR-5404 when the member is out: others have its partitions. Join again.
   */
  heartbeat(): Assignment
  /**
   * The group goes on at these offsets, by partition: that of the last record and one. What is behind changes nothing.
   *
   * @throws MR-5404 when the member is out, or a partition is not its own; nothing is committed then.
   */
  commit(offsets: ReadonlyMap<number, number>): void
  /** Gives partitions back that others wait for. */
  release(partitions: readonly number[]): void
  /** Ends the membership: others get the partitions at once. */
  leave(): void
}

/** A log that is open. Every call is synchronous; one that appends waits for its turn. */
export interface Log {
  readonly folder: string
  /** Makes a topic; nothing happens when it is there with these settings. @throws MR-5403 when it is there with others. */
  createTopic(name: string, options?: TopicOptions): void
  /** Removes a topic with all its records and groups. */
  deleteTopic(name: string): void
  /** All topics, by name. */
  topics(): readonly TopicInfo[]
  /**
   * Appends records, all or none.
   *
   * @returns where they have gone, in order; `undefined` when an append with this `id`, or a later one, was there before.
   */
  append(topic: string, records: Iterable<NewRecord>, options?: AppendOptions): readonly RecordPosition[] | undefined
  /** Appends to several topics, and commits offsets, all or nothing: what is asked for happens when `work` has returned. */
  transaction(work: (tx: LogTransaction) => void, options?: AppendOptions): readonly RecordPosition[] | undefined
  /**
   * Records of a partition from an offset on; none at the end.
   *
   * @throws MR-5405 when retention has removed the offset, MR-5408 when it is behind the end.
   */
  read(topic: string, partition: number, offset: number, limits?: ReadLimits): readonly LogRecord[]
  /** Beginning, end and size of each partition, at one moment. */
  partitions(topic: string): readonly PartitionInfo[]
  /** Joins a group as a new member. `session`: for how long it may not be heard of. Default 10 s. */
  join(group: string, topic: string, options?: { readonly session?: Duration }): GroupMember
  /** Where a group goes on, by partition; not those of which it has committed nothing. */
  committed(group: string, topic: string): ReadonlyMap<number, number>
  /** Sets where a group goes on, also backwards, while it has no members. @throws MR-5404 when it has some. */
  commit(group: string, topic: string, offsets: ReadonlyMap<number, number>): void
  /** Members and lag of a group. */
  group(group: string, topic: string): GroupInfo
  /** Keeps limits exactly, makes keys unique, and gives room back. Whoever appends does this about, by and by. */
  maintain(): Maintained
  /** Nothing may be called afterwards. */
  close(): void
}

/**
 * Opens the log of a folder, and makes it where there is none. The folder lies on a disk of this machine; other programs may have
 * the log open at the same time.
 *
 * @throws {PipelineError} MR-5017 when better-sqlite3 is not installed.
 * @throws MR-5401 when what is there is no log, MR-5009 when it cannot be written.
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { openLog } from 'millrace/io/log'
 * const log = await openLog(mkdtempSync(join(tmpdir(), 'millrace-docs-')))
 * log.createTopic('orders', { partitions: 4, retention: { age: '7 days' } })
 * const [at] = log.append('orders', [{ key: 'ann', value: { cents: 700 } }]) ?? []
 * const [record] = log.read('orders', at?.partition ?? 0, 0)
 * log.close()
 * record?.value // => { cents: 700 }
 * ```
 */
export async function openLog(folder: string, options: LogOptions = {}): Promise<Log> {
  if (typeof folder !== 'string' || folder === '')
    refuse('MR-1004', `openLog needs the path of a folder, but got ${preview(folder)}.`)
  refuseUnknownOptions('openLog', options, names)
  const { sync = 'full', busyTimeout = 30_000, env = processEnv } = options
  refuseUnknownValue('option sync of openLog', sync, ['full', 'normal'])
  const busyMillis = durationMillis(busyTimeout, 'option busyTimeout of openLog')
  if (env.files === undefined) refuse('MR-5014', 'a log needs files, and this platform has none. Run in Node.')
  const open = await loadSqlite()
  env.files.makeFolder(folder)
  return new OpenLog(new LogFile(open, folder, env, sync, busyMillis))
}

const names: OptionNames<LogOptions> = { sync: true, busyTimeout: true, env: true }
const appendNames: OptionNames<AppendOptions> = { sync: true, id: true }
const readNames: OptionNames<ReadLimits> = { max: true, maxBytes: true }
const joinNames: OptionNames<{ session: Duration }> = { session: true }

class OpenLog implements Log {
  readonly #file: LogFile

  constructor(file: LogFile) {
    this.#file = file
  }

  get folder(): string {
    return this.#file.folder
  }

  createTopic(name: string, options?: TopicOptions): void {
    createTopic(this.#file, name, options)
  }

  deleteTopic(name: string): void {
    deleteTopic(this.#file, name)
  }

  topics(): readonly TopicInfo[] {
    return this.#file.read(() => topicsOf(this.#file))
  }

  append(topic: string, records: Iterable<NewRecord>, options?: AppendOptions): readonly RecordPosition[] | undefined {
    return appendAll(this.#file, [additionOf(topic, records)], checked(options))
  }

  transaction(work: (tx: LogTransaction) => void, options?: AppendOptions): readonly RecordPosition[] | undefined {
    const additions: Addition[] = []
    const commits: (() => void)[] = []
    work({
      append: (topic, records) => void additions.push(additionOf(topic, records)),
      commit: (member, offsets) => void commits.push(() => member.commit(offsets)),
    })
    return appendAll(this.#file, additions, checked(options), () => {
      for (const commit of commits) commit()
    })
  }

  read(topic: string, partition: number, offset: number, limits: ReadLimits = {}): readonly LogRecord[] {
    refuseUnknownOptions('read of a log', limits, readNames)
    return readRecords(this.#file, topic, partition, offset, limits)
  }

  partitions(topic: string): readonly PartitionInfo[] {
    return partitionInfos(this.#file, topic)
  }

  join(name: string, topic: string, options: { readonly session?: Duration } = {}): GroupMember {
    refuseUnknownOptions('join of a log', options, joinNames)
    const sessionMillis = durationMillis(options.session ?? 10_000, 'option session of join')
    if (sessionMillis < 1) refuse('MR-2003', 'option session of join must be at least 1 millisecond.')
    return this.joinFor(undefined, nameOf(name), topic, sessionMillis)
  }

  /** Joins for a member that joins several times; `undefined`: as a new one. @internal */
  joinFor(run: string | undefined, name: string, topic: string, sessionMillis: number): GroupMember {
    const group = new Group(this.#file, name, topic)
    const member = group.join(sessionMillis, run)
    return {
      member,
      heartbeat: () => group.heartbeat(member),
      commit: (offsets) => group.commit(member, offsets),
      release: (partitions) => group.release(member, partitions),
      leave: () => group.leave(member),
    }
  }

  /** Draws the name of a member that joins several times. @internal */
  drawMember(name: string, topic: string): string {
    return new Group(this.#file, name, topic).draw()
  }

  committed(name: string, topic: string): ReadonlyMap<number, number> {
    return new Group(this.#file, nameOf(name), topic).committed()
  }

  commit(name: string, topic: string, offsets: ReadonlyMap<number, number>): void {
    new Group(this.#file, nameOf(name), topic).commit(undefined, offsets)
  }

  group(name: string, topic: string): GroupInfo {
    return new Group(this.#file, nameOf(name), topic).info()
  }

  maintain(): Maintained {
    return maintain(this.#file)
  }

  /** Does the work while nobody appends, if that is so right now. @internal */
  whileQuiet(work: () => void): boolean {
    return this.#file.whileQuiet(work)
  }

  /** See the function of this name. @internal */
  newestBatch(id: Omit<AppendId, 'batch'>): number | undefined {
    return newestBatch(this.#file, id)
  }

  close(): void {
    this.#file.close()
  }
}

/** The newest batch of a query, step and shard that was appended with an id. */
export function newestBatchOf(log: Log, id: Omit<AppendId, 'batch'>): number | undefined {
  return log instanceof OpenLog ? log.newestBatch(id) : undefined
}

/** Does the work while nobody appends, if that is so right now. @returns whether it was. */
export function whileQuiet(log: Log, work: () => void): boolean {
  return log instanceof OpenLog && log.whileQuiet(work)
}

/** Draws the name that a run has in a group, by which each of its workers joins. */
export function drawRun(log: Log, group: string, topic: string): string | undefined {
  return log instanceof OpenLog ? log.drawMember(group, topic) : undefined
}

/** Joins a group for a run. @param run as `drawRun` has named it; `undefined`: a worker that is a member by itself. */
export function joinFor(run: string | undefined, log: Log, group: string, topic: string, session: number): GroupMember {
  return log instanceof OpenLog ? log.joinFor(run, group, topic, session) : log.join(group, topic, { session })
}

function checked(options: AppendOptions = {}): AppendOptions {
  refuseUnknownOptions('an append', options, appendNames)
  if (options.sync !== undefined) refuseUnknownValue('option sync of an append', options.sync, ['full', 'normal'])
  if (options.id !== undefined) refuseUnknownOptions('option id of an append', options.id, idNames)
  return options
}

const idNames: OptionNames<AppendId> = { query: true, step: true, batch: true, shard: true }

function nameOf(group: string): string {
  if (typeof group === 'string' && group !== '') return group
  return refuse('MR-1002', `a group needs a name that is not empty, but got ${preview(group)}.`)
}
