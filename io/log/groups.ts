/**
 * Consumer groups: programs that share the partitions of a topic, and remember together how far they have read.
 *
 * Laws: a partition has one member at a time, who alone may commit its offset; who was not heard of in time is out, and what it
 * commits afterwards is refused; a partition goes to another member when the one that has it gives it back, leaves, or is out;
 * and what a member commits never takes the group back.
 *
 * A member joins with one seat or several: a run in workers takes one for each. Partitions are the member's, and any of its seats
 * reads them; it is there as long as one of its seats is.
 */
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { assign } from './assignment.js'
import type { LogFile } from './log-file.js'
import { noSuchPartition, type PartitionRow, partitionsOf, topicOf, type TopicRow } from './topics.js'

/** Which partitions a member reads. */
export interface Assignment {
  /** Counts the changes of the group's members. */
  readonly generation: number
  /** Partitions to read. */
  readonly partitions: readonly number[]
  /** Partitions that others wait for: commit what was read, then `release` them. */
  readonly revoked: readonly number[]
}

/** A group, at one moment. */
export interface GroupInfo {
  readonly generation: number
  /** In the order in which they joined. */
  readonly members: readonly { readonly member: string; readonly partitions: readonly number[] }[]
  readonly partitions: readonly {
    readonly partition: number
    /** Where the group goes on; `undefined`: nothing was committed yet. */
    readonly committed: number | undefined
    readonly end: number
    /** Offsets from there to the end; before the first commit, from the beginning. */
    readonly lag: number
  }[]
}

interface OwnerRow {
  readonly partition: number
  readonly member: string
  readonly target: string
}

/** Between the name of a member and the number of one of its seats. A seat without it is a member of that name. */
const SEAT = '/'

/** A group of one topic, in a log. */
export class Group {
  readonly name: string
  readonly topic: string
  readonly #file: LogFile

  constructor(file: LogFile, name: string, topic: string) {
    this.#file = file
    this.name = name
    this.topic = topic
  }

  /** Draws the name of a member that joins with several seats. */
  draw(): string {
    return this.#file.write(() => {
      const topic = topicOf(this.#file, this.topic)
      const member = this.#newName(topic)
      this.#count(topic)
      return member
    }, 'normal')
  }

  /**
   * Takes a seat.
   *
   * @param member whose, as {@link draw} has named it; `undefined`: that of a new member.
   * @returns by what the seat is known.
   */
  join(sessionMillis: number, member?: string): string {
    let seat = ''
    this.#change((topic, now) => {
      const { joined } = this.#row(topic, 'SELECT ifnull(max(joined), 0) + 1 AS joined FROM members') as { joined: number } // prettier-ignore
      // A seat that was lost is not found again by one who comes later.
      seat = member === undefined ? this.#newName(topic) : `${member}${SEAT}${this.#generation(topic) + 1}`
      this.#file.run(
        'INSERT INTO members (name, topic, member, joined, session, deadline) VALUES (?, ?, ?, ?, ?, ?)',
        this.name,
        topic.id,
        seat,
        joined,
        sessionMillis,
        now + sessionMillis,
      )
      return true
    })
    return seat
  }

  /** Says that the seat is taken. @returns what its member has. @throws when the seat is out. */
  heartbeat(seat: string): Assignment {
    return this.#change((topic, now) => {
      this.#refuseOut(topic, seat)
      this.#file.run(
        'UPDATE members SET deadline = ? + session WHERE name = ? AND topic = ? AND member = ?',
        now,
        this.name,
        topic.id,
        seat,
      )
      return false
    }, seat)
  }

  /** Gives partitions back that others wait for. Of a seat that is out it is nothing: its member goes on without it. */
  release(seat: string, partitions: readonly number[]): void {
    this.#file.write(() => {
      const topic = topicOf(this.#file, this.topic)
      if (!this.#seats(topic).includes(seat)) return
      for (const partition of partitions)
        this.#file.run(
          'UPDATE owners SET member = target WHERE name = ? AND topic = ? AND partition = ? AND member = ?',
          this.name,
          topic.id,
          partition,
          memberOf(seat),
        )
    }, 'normal')
  }

  /** Gives up a seat. With a member's last one others get its partitions at once. */
  leave(seat: string): void {
    this.#change((topic) => {
      this.#file.run('DELETE FROM members WHERE name = ? AND topic = ? AND member = ?', this.name, topic.id, seat)
      return true
    })
  }

  /**
   * The group goes on at these offsets.
   *
   * @param seat who says so; `undefined`: someone who is no member, while there is none.
   * @throws when the seat is out, or one of the partitions is not its member's.
   */
  commit(seat: string | undefined, offsets: ReadonlyMap<number, number>): void {
    this.#file.write(() => {
      const now = this.#now()
      const topic = topicOf(this.#file, this.topic)
      if (this.#expire(topic, now)) this.#rebalance(topic)
      if (seat === undefined) this.#refuseAtWork(topic)
      else this.#refuseOut(topic, seat)
      const partitions = partitionsOf(this.#file, topic.id)
      for (const [partition, offset] of offsets) {
        const row = partitions[partition]
        if (row === undefined) return noSuchPartition(this.topic, partition, partitions.length)
        this.#refuseOffset(row, offset)
        if (seat !== undefined) this.#refuseOther(topic, memberOf(seat), partition)
        this.#file.run(
          `INSERT INTO commits (name, topic, partition, offset, at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET offset = ${seat === undefined ? 'excluded.offset' : 'max(offset, excluded.offset)'}, at = excluded.at`,
          this.name,
          topic.id,
          partition,
          offset,
          now,
        )
      }
    })
  }

  /** Where the group goes on, by partition. */
  committed(): ReadonlyMap<number, number> {
    return this.#file.read(() => {
      const rows = this.#rows(topicOf(this.#file, this.topic), 'SELECT partition, "offset" FROM commits')
      return new Map((rows as { partition: number; offset: number }[]).map((row) => [row.partition, row.offset]))
    })
  }

  info(): GroupInfo {
    return this.#file.read(() => {
      const topic = topicOf(this.#file, this.topic)
      const committed = this.committed()
      const owners = this.#owners(topic)
      return {
        generation: this.#generation(topic),
        members: this.#members(topic).map((member) => ({
          member,
          partitions: owners.filter((owner) => owner.member === member).map(({ partition }) => partition),
        })),
        partitions: partitionsOf(this.#file, topic.id).map(({ partition, begin, end }) => {
          const at = committed.get(partition)
          return { partition, committed: at, end, lag: end - Math.max(begin, at ?? begin) }
        }),
      }
    })
  }

  /** Lets those go who were not heard of, does the work, and shares the partitions anew where members have changed. */
  #change(work: (topic: TopicRow, now: number) => boolean, seat = ''): Assignment {
    // A lease that the power takes away is one that runs out.
    const change = (): Assignment => {
      const now = this.#now()
      const topic = topicOf(this.#file, this.topic)
      const hasExpired = this.#expire(topic, now)
      if (work(topic, now) || hasExpired) this.#rebalance(topic)
      const member = memberOf(seat)
      const own = this.#owners(topic).filter((owner) => owner.member === member)
      const of = (isKept: boolean): readonly number[] =>
        own.filter(({ target }) => (target === member) === isKept).map(({ partition }) => partition)
      return { generation: this.#generation(topic), partitions: of(true), revoked: of(false) }
    }
    return this.#file.write(change, 'normal')
  }

  /** @returns whether someone went. */
  #expire(topic: TopicRow, now: number): boolean {
    const gone = 'DELETE FROM members WHERE name = ? AND topic = ? AND deadline < ?'
    return this.#file.run(gone, this.name, topic.id, now) > 0
  }

  #rebalance(topic: TopicRow): void {
    const members = this.#members(topic)
    const before = this.#owners(topic)
    const targets = assign(topic.partitions, members, new Map(before.map((owner) => [owner.partition, owner.target])))
    this.#file.run('DELETE FROM owners WHERE name = ? AND topic = ?', this.name, topic.id)
    for (const [partition, target] of targets) {
      const had = before.find((owner) => owner.partition === partition)?.member
      this.#file.run(
        'INSERT INTO owners (name, topic, partition, member, target) VALUES (?, ?, ?, ?, ?)',
        this.name,
        topic.id,
        partition,
        had !== undefined && members.includes(had) ? had : target,
        target,
      )
    }
    this.#count(topic)
  }

  #count(topic: TopicRow): void {
    this.#file.run(
      `INSERT INTO groups (name, topic, generation) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET generation = generation + 1`,
      this.name,
      topic.id,
    )
  }

  /** The number tells it from all names that there were or will be, also where chance is the same again, if the change is counted. */
  #newName(topic: TopicRow): string {
    const { env } = this.#file
    const half = (): string => Math.floor(env.random() * 0x1_0000_0000).toString(16).padStart(8, '0') // prettier-ignore
    return `${half()}${half()}-${this.#generation(topic) + 1}`
  }

  /** In the order in which the first of their seats that is still there was taken. */
  #members(topic: TopicRow): readonly string[] {
    return [...new Set(this.#seats(topic).map(memberOf))]
  }

  #seats(topic: TopicRow): readonly string[] {
    const rows = this.#rows(topic, 'SELECT member, joined FROM members') as { member: string; joined: number }[]
    return rows.sort((a, b) => a.joined - b.joined).map(({ member }) => member)
  }

  #owners(topic: TopicRow): readonly OwnerRow[] {
    return this.#rows(topic, 'SELECT partition, member, target FROM owners') as OwnerRow[]
  }

  #generation(topic: TopicRow): number {
    const row = this.#row(topic, 'SELECT generation FROM groups') as { readonly generation: number } | undefined
    return row?.generation ?? 0
  }

  #row(topic: TopicRow, select: string): unknown {
    return this.#file.row(`${select} WHERE name = ? AND topic = ?`, this.name, topic.id)
  }

  #rows(topic: TopicRow, select: string): unknown[] {
    return this.#file.rows(`${select} WHERE name = ? AND topic = ?`, this.name, topic.id)
  }

  #now(): number {
    return Math.trunc(this.#file.env.now())
  }

  #refuseOut(topic: TopicRow, seat: string): void {
    if (this.#seats(topic).includes(seat)) return
    throw coded(
      'MR-5404',
      new Error(
        `this member of group "${this.name}" of topic "${this.topic}" is out: it was not heard of for longer than its session, and others read its partitions. Join again, and go on where the group is.`,
      ),
    )
  }

  #refuseOther(topic: TopicRow, member: string, partition: number): void {
    if (this.#owners(topic).some((owner) => owner.partition === partition && owner.member === member)) return
    throw coded(
      'MR-5404',
      new Error(
        `partition ${partition} of topic "${this.topic}" is not this member's in group "${this.name}": its offset is committed by whoever reads it now.`,
      ),
    )
  }

  #refuseAtWork(topic: TopicRow): void {
    const { length } = this.#members(topic)
    if (length === 0) return
    throw coded(
      'MR-5404',
      new Error(
        `group "${this.name}" of topic "${this.topic}" has ${length} ${length === 1 ? 'member' : 'members'} at work, who alone commit. Stop them first.`,
      ),
    )
  }

  #refuseOffset({ partition, end }: PartitionRow, offset: number): void {
    if (Number.isSafeInteger(offset) && offset >= 0 && offset <= end) return
    throw coded(
      'MR-5408',
      new RangeError(
        `group "${this.name}" cannot go on at offset ${preview(offset)} of partition ${partition} of topic "${this.topic}": the end is ${end}.`,
      ),
    )
  }
}

function memberOf(seat: string): string {
  return seat.split(SEAT, 1)[0] as string
}
