/**
 * Reads the partitions of a topic for a source: where to begin, what there is, how far event time has come, and, as a member of a
 * group, which partitions are ours for now.
 *
 * Law: a partition that others have is not read; one that is ours is read from where the group has come to, or from where this
 * run has, whichever is later.
 */
import * as t from 'io-ts'
import { coded, errorCode } from '../../sdk/error-codes.js'
import type { Env } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { StepLog } from '../../sdk/logger.js'
import type { UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import type { OffsetRange } from '../../sdk/source/restriction-tracker.js'
import { type Resume, resume, type SplittableContext } from '../../sdk/source/splittable.js'
import { type Instant, toTimestamp } from '../../sdk/time.js'
import { drawRun, type Log, whileQuiet } from './log.js'
import type { ReadRecord } from './read-record.js'
import { Membership } from './membership.js'
import type { PartitionInfo } from './read.js'
import type { LogRecord } from './records.js'
import { noSuchPartition } from './topics.js'

/** What a source reads, and how. */
export interface ReadRules {
  readonly topic: string
  readonly group: string | undefined
  readonly sessionMillis: number
  readonly from: 'beginning' | 'end' | ReadonlyMap<number, number>
  readonly isBounded: boolean
  readonly onLost: 'fail' | 'skip'
  readonly pollMillis: number
}

/** A partition that is to be read. */
export interface PartitionWork {
  readonly partition: number
  readonly from: number
  /** `null`: as far as it will ever go. */
  readonly to: number | null
  /** With a group: the name of the run in it, the same for all its partitions. Work that was kept before there was one has none. */
  readonly run?: string
}

/** Describes the work on a partition. */
export const partitionWorkCodec: t.Type<PartitionWork> = t.intersection([
  t.type({ partition: t.number, from: t.number, to: t.union([t.number, t.null]) }),
  t.partial({ run: t.string }),
])

type Context = Pick<SplittableContext<ReadRecord, unknown>, 'emit' | 'room' | 'acknowledge' | 'watermark'> & {
  readonly metrics: { readonly lost: { inc(by: number): void } }
}

/** So many records are asked for at once. */
const BLOCK = 1000

/** Where each partition begins and, if it does, ends: all at one moment; and by which name a group knows the run. */
export function startsOf(log: Log, rules: ReadRules): readonly PartitionWork[] {
  const { topic, group, from, isBounded } = rules
  const partitions = log.partitions(topic)
  const committed = group === undefined ? new Map<number, number>() : log.committed(group, topic)
  if (typeof from !== 'string')
    for (const partition of from.keys())
      if (partitions[partition] === undefined) noSuchPartition(topic, partition, partitions.length)
  const run = group === undefined ? undefined : drawRun(log, group, topic)
  return partitions.map(({ partition, begin, end }) => {
    const asked = typeof from === 'string' ? (from === 'end' ? end : begin) : (from.get(partition) ?? begin)
    const start = committed.get(partition) ?? asked
    if (start > end)
      throw coded(
        'MR-5408',
        new RangeError(
          `readLog is to begin at offset ${start} of partition ${partition} of topic "${topic}", whose end is ${end}. Was the topic deleted and made anew? Begin at 'beginning' or 'end'.`,
        ),
      )
    return { partition, from: start, to: isBounded ? end : null, ...(run === undefined ? {} : { run }) }
  })
}

/** Reads what it is told of a topic. */
export class Reader {
  readonly #log: Log
  readonly #env: Env
  readonly #stepLog: StepLog
  readonly #rules: ReadRules
  readonly #timeOf: ((record: LogRecord) => Instant) | undefined
  #membership: Membership | undefined
  #mayVanish: boolean | undefined

  /** @param timeOf event time of a record; default: when it was appended. */
  constructor(
    log: Log,
    env: Env,
    stepLog: StepLog,
    rules: ReadRules,
    timeOf: ((record: LogRecord) => Instant) | undefined,
  ) {
    this.#log = log
    this.#env = env
    this.#stepLog = stepLog
    this.#rules = rules
    this.#timeOf = timeOf
  }

  /** Offsets that are there and not read yet; of partitions that others have, none. */
  backlog(work: PartitionWork, { from, to }: OffsetRange): number {
    const { partition } = work
    if (this.#membershipOf(work)?.has(partition) === false) return 0
    return Math.max(0, Math.min(to, this.#endOf(partition)) - from)
  }

  /** Emits what there is. */
  read(work: PartitionWork, tracker: UnsplittableRangeTracker, context: Context): Resume | void {
    const { partition } = work
    const { from } = tracker.currentRestriction()
    const membership = this.#membershipOf(work)
    const start = membership === undefined ? from : membership.startOf(partition, from)
    if (start === undefined) return this.#elsewhere(partition, tracker, context)
    const { next, appended, isAtEnd } = this.#emitFrom(partition, start, tracker, context)
    if (appended !== undefined) membership?.acknowledge(partition, next, context)
    if (this.#rules.isBounded) return undefined
    this.#report(context, isAtEnd ? (this.#quietSince(partition, next) ?? appended) : appended)
    return isAtEnd ? resume({ after: this.#rules.pollMillis }) : undefined
  }

  /**
   * Whether records may go before they are read again, and the run is to go on without them: later ones of their keys take their
   * place, or retention takes them and nobody minds.
   */
  get mayVanish(): boolean {
    return (this.#mayVanish ??= this.#log.topics().some(({ name, compact, retention }) => {
      const isLimited = Object.values(retention).some((limit) => limit !== undefined)
      return name === this.#rules.topic && (compact || (isLimited && this.#rules.onLost === 'skip'))
    }))
  }

  close(): void {
    this.#membership?.leave()
    this.#log.close()
  }

  /** The run's place in its group, by the name that its work has. */
  #membershipOf({ run }: PartitionWork): Membership | undefined {
    const { group, topic, sessionMillis } = this.#rules
    if (group === undefined) return undefined
    return (this.#membership ??= new Membership(this.#log, this.#env, this.#stepLog, { group, topic, sessionMillis, run })) // prettier-ignore
  }

  /** @returns the next offset, the append time of the last record, and whether there was no more. */
  #emitFrom(
    partition: number,
    start: number,
    tracker: UnsplittableRangeTracker,
    context: Context,
  ): { readonly next: number; readonly appended: number | undefined; readonly isAtEnd: boolean } {
    const { to } = tracker.currentRestriction()
    let next = start
    let appended: number | undefined
    while (next < to) {
      const block = this.#block(partition, next, Math.min(BLOCK, context.room()), context)
      for (const record of block.records) {
        if (!tracker.tryClaim(record.offset)) return { next, appended, isAtEnd: false }
        this.#emit(record, context)
        appended = record.appended
        next = record.offset + 1
      }
      if (block.records.length > 0) continue
      // Of what was there when reading began, nothing is left.
      if (this.#rules.isBounded) break
      return { next: Math.max(next, block.from), appended, isAtEnd: true }
    }
    tracker.tryClaim(to)
    return { next, appended, isAtEnd: false }
  }

  /** Records from an offset on, or from what retention has left. */
  #block(
    partition: number,
    from: number,
    max: number,
    { metrics }: Context,
  ): { readonly from: number; readonly records: readonly LogRecord[] } {
    const { topic, onLost } = this.#rules
    for (let offset = from; ;) {
      try {
        return { from: offset, records: this.#log.read(topic, partition, offset, { max }) }
      } catch (error) {
        if (onLost === 'fail' || errorCode(error) !== 'MR-5405') throw error
        const begin = this.#infoOf(partition).begin
        metrics.lost.inc(begin - offset)
        this.#stepLog.warn({ topic, partition, from: offset, to: begin }, 'retention has removed records before they were read') // prettier-ignore
        offset = begin
      }
    }
  }

  #emit(record: LogRecord, { emit }: Context): void {
    if (this.#timeOf === undefined) return emit(record, record.appended)
    let timestamp: number
    try {
      timestamp = toTimestamp(this.#timeOf(record))
    } catch (error) {
      return emit({ ...record, problem: { code: errorCode(error), message: messageOf(error) } }, record.appended)
    }
    emit(record, timestamp)
  }

  /** What others read: done when the group has come to the end. */
  #elsewhere(partition: number, tracker: UnsplittableRangeTracker, context: Context): Resume | void {
    const { isBounded, pollMillis } = this.#rules
    const { to } = tracker.currentRestriction()
    if (isBounded && (this.#membership?.committedOf(partition) ?? 0) >= to) {
      tracker.tryClaim(to)
      return
    }
    if (!isBounded) this.#report(context, Math.trunc(this.#env.now()))
    return resume({ after: pollMillis })
  }

  /** Where elements have their append time, these never fall. */
  #report({ watermark }: Context, at: number | undefined): void {
    if (this.#timeOf !== undefined || at === undefined) return
    try {
      watermark.set(at)
    } catch (error) {
      // A clock was set back since.
      if (errorCode(error) !== 'MR-2021') throw error
    }
  }

  /** A time before which nothing will be appended any more: now, if nobody is appending and all was read. */
  #quietSince(partition: number, next: number): number | undefined {
    if (this.#timeOf !== undefined) return undefined
    let now: number | undefined
    whileQuiet(this.#log, () => {
      if (this.#endOf(partition) <= next) now = Math.trunc(this.#env.now())
    })
    return now
  }

  #endOf(partition: number): number {
    return this.#infoOf(partition).end
  }

  #infoOf(partition: number): PartitionInfo {
    const { topic } = this.#rules
    const partitions = this.#log.partitions(topic)
    return partitions[partition] ?? noSuchPartition(topic, partition, partitions.length)
  }
}
