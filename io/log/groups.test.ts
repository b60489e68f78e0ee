import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorCode } from 'millrace'
import { type GroupMember, type Log, openLog } from 'millrace/io/log'
import { assign } from './assignment.js'
import { drawRun, joinFor } from './log.js'
import { processEnv } from './node.js'

describe('an assignment', () => {
  const members = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 6 })

  it('gives each partition one member, evenly, and the same for the same question', () =>
    fc.assert(
      fc.property(fc.nat(20), members, fc.array(fc.constantFrom('a', 'b', 'c', 'x')), (partitions, present, had) => {
        const before = new Map(had.map((member, partition) => [partition, member]))
        const assigned = assign(partitions, present, before)
        expect(assigned).toEqual(assign(partitions, present, before))
        fc.pre(present.length > 0)
        expect([...assigned.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i))
        const counts = present.map((member) => [...assigned.values()].filter((each) => each === member).length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    ))

  it('moves nothing when nobody comes or goes, and only what must move when one does', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), members, (partitions, present) => {
        const first = assign(partitions, present, new Map())
        expect(assign(partitions, present, first)).toEqual(first)
        const after = assign(partitions, [...present, 'new'], first)
        const moved = [...after].filter(([partition, member]) => first.get(partition) !== member)
        expect(moved.every(([, member]) => member === 'new')).toBe(true)
      }),
    ))
})

describe('a group', () => {
  let folder: string
  let log: Log
  let now: number

  beforeEach(async () => {
    now = 1_000_000
    folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
    log = await openLog(folder, { env: { ...processEnv, now: () => now }, sync: 'normal' })
    log.createTopic('t', { partitions: 4 })
    log.append(
      't',
      Array.from({ length: 40 }, (_, value) => ({ value })),
    )
  })
  afterEach(() => {
    log.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const codeOf = (work: () => unknown): string | undefined => {
    try {
      work()
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }

  it('shares partitions among its members; one that has a partition gives it back itself', () => {
    const a = log.join('g', 't')
    expect(a.heartbeat()).toEqual({ generation: 1, partitions: [0, 1, 2, 3], revoked: [] })
    const b = log.join('g', 't')
    expect(b.heartbeat()).toEqual({ generation: 2, partitions: [], revoked: [] })
    expect(a.heartbeat()).toEqual({ generation: 2, partitions: [0, 1], revoked: [2, 3] })
    // What it has read before it knew is still its own to commit.
    a.commit(new Map([[2, 5]]))
    a.release([2])
    expect(b.heartbeat().partitions).toEqual([2])
    expect(codeOf(() => a.commit(new Map([[2, 6]])))).toBe('MR-5404')
    expect(codeOf(() => b.commit(new Map([[3, 1]])))).toBe('MR-5404')
    a.release([3])
    expect(b.heartbeat().partitions).toEqual([2, 3])
    expect(log.group('g', 't')).toEqual({
      generation: 2,
      members: [
        { member: a.member, partitions: [0, 1] },
        { member: b.member, partitions: [2, 3] },
      ],
      partitions: [undefined, undefined, 5, undefined].map((committed, partition) => ({
        partition,
        committed,
        end: 10,
        lag: 10 - (committed ?? 0),
      })),
    })
    a.leave()
    expect(b.heartbeat()).toEqual({ generation: 3, partitions: [0, 1, 2, 3], revoked: [] })
  })

  it('lets a member go that is late: others get its partitions, and what it commits is refused', () => {
    const a = log.join('g', 't', { session: '1 second' })
    const b = log.join('g', 't', { session: '10 seconds' })
    a.heartbeat()
    now += 1001
    expect(b.heartbeat()).toEqual({ generation: 3, partitions: [0, 1, 2, 3], revoked: [] })
    expect(codeOf(() => a.commit(new Map([[0, 3]])))).toBe('MR-5404')
    expect(codeOf(() => a.heartbeat())).toBe('MR-5404')
    expect(log.committed('g', 't').size).toBe(0)
  })

  it('refuses the commit of a late member though nobody has noticed', () => {
    const a = log.join('g', 't', { session: '1 second' })
    a.heartbeat()
    now += 1000
    a.commit(new Map([[0, 3]]))
    now += 1
    expect(codeOf(() => a.commit(new Map([[0, 4]])))).toBe('MR-5404')
    expect(log.committed('g', 't')).toEqual(new Map([[0, 3]]))
  })

  it('commits all offsets or none, never beyond the end, and goes back only by someone who is no member', () => {
    const a = log.join('g', 't')
    a.heartbeat()
    expect(codeOf(() => a.commit(new Map([[0, 3], [1, 11]])))).toBe('MR-5408') // prettier-ignore
    expect(codeOf(() => a.commit(new Map([[0, 3], [4, 1]])))).toBe('MR-5402') // prettier-ignore
    expect(log.committed('g', 't').size).toBe(0)
    a.commit(new Map([[0, 8]]))
    a.commit(new Map([[0, 3]]))
    expect(log.committed('g', 't')).toEqual(new Map([[0, 8]]))
    expect(codeOf(() => log.commit('g', 't', new Map([[0, 0]])))).toBe('MR-5404')
    a.leave()
    log.commit('g', 't', new Map([[0, 0]]))
    expect(log.committed('g', 't')).toEqual(new Map([[0, 0]]))
  })

  it('tells its members apart also where chance gives each the same', async () => {
    const same = await openLog(folder, { env: { ...processEnv, now: () => now, random: () => 0.25 }, sync: 'normal' })
    const [a, b] = [same.join('g', 't'), same.join('g', 't')]
    expect(a.member).not.toBe(b.member)
    expect(log.group('g', 't').members).toHaveLength(2)
    same.close()
  })

  it('has a member that joins several times as one: each of its seats has all that the member has', () => {
    const run = drawRun(log, 'g', 't') as string
    const join = (): GroupMember => joinFor(run, log, 'g', 't', 10_000)
    const [first, second, other] = [join(), join(), log.join('g', 't')]
    for (const seat of [first, second]) expect(seat.heartbeat()).toMatchObject({ partitions: [0, 1], revoked: [2, 3] })
    // Whichever of them has read a partition gives it back, for both.
    second.release([2])
    first.release([3])
    for (const seat of [first, second]) expect(seat.heartbeat()).toMatchObject({ partitions: [0, 1], revoked: [] })
    expect(other.heartbeat().partitions).toEqual([2, 3])
    first.commit(new Map([[0, 3]]))
    second.commit(new Map([[0, 5]]))
    expect(codeOf(() => first.commit(new Map([[2, 1]])))).toBe('MR-5404')
    expect(log.group('g', 't').members).toEqual([
      { member: run, partitions: [0, 1] },
      { member: other.member, partitions: [2, 3] },
    ])
    // It is there as long as one of its seats is.
    first.leave()
    expect(second.heartbeat().partitions).toEqual([0, 1])
    second.leave()
    expect(other.heartbeat().partitions).toEqual([0, 1, 2, 3])
  })

  it('puts a seat out that is late, alone, and nobody finds it again', () => {
    const run = drawRun(log, 'g', 't')
    const join = (session: number): GroupMember => joinFor(run, log, 'g', 't', session)
    const [late, kept] = [join(1000), join(10_000)]
    const other = log.join('g', 't', { session: '60 seconds' })
    now += 1001
    expect(kept.heartbeat()).toMatchObject({ partitions: [0, 1], revoked: [2, 3] })
    expect(codeOf(() => late.heartbeat())).toBe('MR-5404')
    expect(codeOf(() => late.commit(new Map([[0, 1]])))).toBe('MR-5404')
    late.release([2])
    expect(other.heartbeat().partitions).toEqual([])
    now += 10_001
    expect(other.heartbeat().partitions).toEqual([0, 1, 2, 3])
    // Nobody is left by whom what comes next could be counted.
    other.leave()
    join(1000)
    for (const seat of [late, kept]) expect(codeOf(() => seat.heartbeat())).toBe('MR-5404')
  })

  it('draws a name for a run that no other has, also where chance gives each the same, and moves nothing by it', async () => {
    const same = await openLog(folder, { env: { ...processEnv, now: () => now, random: () => 0.25 }, sync: 'normal' })
    const a = same.join('g', 't')
    const names = [a.member, drawRun(same, 'g', 't'), drawRun(same, 'g', 't'), same.join('g', 't').member]
    a.leave()
    names.push(drawRun(same, 'g', 't'), same.join('g', 't').member)
    expect(new Set(names).size).toBe(6)
    expect(same.group('g', 't').members).toHaveLength(2)
    same.close()
  })

  it('knows nothing of other groups: each reads everything', () => {
    const a = log.join('g', 't')
    const b = log.join('h', 't')
    for (const member of [a, b]) {
      expect(member.heartbeat().partitions).toEqual([0, 1, 2, 3])
      member.commit(new Map([[0, 10]]))
    }
    expect(log.group('h', 't').members).toHaveLength(1)
    expect(codeOf(() => log.join('', 't'))).toBe('MR-1002')
    expect(codeOf(() => log.join('g', 't', { session: 0 }))).toBe('MR-2003')
  })
})
