/**
 * A run as a member of a consumer group: which partitions it may read, from where, and what it commits.
 *
 * Law: the group goes on behind what needs no second delivery, never further; a partition that others wait for is given back when
 * all that was read of it is committed. Workers of a run are one member: the runner deals partitions to them and the group does not
 * know how, so whichever worker is to read a partition that is the run's may.
 */
import { errorCode } from '../../sdk/error-codes.js'
import type { Env } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { StepLog } from '../../sdk/logger.js'
import type { Assignment } from './groups.js'
import { type GroupMember, joinFor, type Log } from './log.js'

/** Which group a run is a member of. */
export interface MembershipRules {
  readonly group: string
  readonly topic: string
  readonly sessionMillis: number
  /** The run's name in the group; `undefined`: this worker is a member by itself. */
  readonly run: string | undefined
}

/** Others are asked about at least this often, so that they do not wait long for their share. */
const HEARTBEAT_MILLIS = 1000

/** What a worker has of a partition. */
interface Share {
  /** Where the group was when the partition became ours. */
  readonly since: number
  /** Bundles read and not committed yet. */
  pending: number
}

/** A run's place in its group, or that of one of its workers. */
export class Membership {
  readonly #log: Log
  readonly #env: Env
  readonly #stepLog: StepLog
  readonly #rules: MembershipRules
  #shares = new Map<number, Share>()
  #member: GroupMember | undefined
  #assignment: Assignment | undefined
  #heardAt = -Infinity

  constructor(log: Log, env: Env, stepLog: StepLog, rules: MembershipRules) {
    this.#log = log
    this.#env = env
    this.#stepLog = stepLog
    this.#rules = rules
  }

  /** Whether a partition is ours, as far as is known. */
  has(partition: number): boolean {
    return this.#shares.has(partition)
  }

  /** Where to read a partition on; `undefined`: others have it. @param from where this run has come to. */
  startOf(partition: number, from: number): number | undefined {
    const { partitions, revoked } = this.#refreshed()
    const share = this.#shares.get(partition)
    if (revoked.includes(partition)) {
      if (share === undefined || share.pending === 0) this.#giveBack(partition)
      return undefined
    }
    if (!partitions.includes(partition)) {
      this.#shares.delete(partition)
      return undefined
    }
    if (share !== undefined) return Math.max(share.since, from)
    const committed = this.committedOf(partition)
    // From now on the group knows where it has begun, also if nothing comes of it.
    if (committed === undefined) this.#member?.commit(new Map([[partition, from]]))
    const since = committed ?? from
    this.#shares.set(partition, { since, pending: 0 })
    return Math.max(since, from)
  }

  /** Where the group has come to. */
  committedOf(partition: number): number | undefined {
    return this.#log.committed(this.#rules.group, this.#rules.topic).get(partition)
  }

  /** The group goes on at `next` once what was read up to there needs no second delivery. */
  acknowledge(partition: number, next: number, call: { acknowledge(callback: () => void): void }): void {
    // Who has joined again is another member, to whom an earlier one's records mean nothing.
    const member = this.#member
    const share = this.#shares.get(partition)
    if (member === undefined || share === undefined) return
    share.pending++
    call.acknowledge(() => {
      share.pending--
      member.commit(new Map([[partition, next]]))
    })
  }

  leave(): void {
    this.#member?.leave()
  }

  /** The assignment, asked for again when it is time. */
  #refreshed(): Assignment {
    const { group, topic } = this.#rules
    const at = this.#env.monotonic()
    if (
      this.#assignment !== undefined &&
      at - this.#heardAt < Math.min(HEARTBEAT_MILLIS, this.#rules.sessionMillis / 4)
    )
      return this.#assignment
    this.#member ??= this.#joined()
    try {
      this.#assignment = this.#member.heartbeat()
    } catch (error) {
      if (errorCode(error) !== 'MR-5404') throw error
      this.#stepLog.warn({ group, topic }, `the run joins its group again: ${messageOf(error)}`)
      this.#shares = new Map()
      this.#member = this.#joined()
      this.#assignment = this.#member.heartbeat()
    }
    this.#heardAt = at
    return this.#assignment
  }

  #joined(): GroupMember {
    const { run, group, topic, sessionMillis } = this.#rules
    return joinFor(run, this.#log, group, topic, sessionMillis)
  }

  #giveBack(partition: number): void {
    this.#shares.delete(partition)
    this.#member?.release([partition])
    this.#heardAt = -Infinity
  }
}
