import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorCode } from 'millrace'
import { type Log, type LogEnv, openLog } from 'millrace/io/log'
import { partitionOf } from './partition-of.js'

let folder: string
let log: Log
let now: number

/** A clock that the test moves. */
const env = (): LogEnv => ({
  now: () => now,
  monotonic: () => now,
  random: () => 0.5,
  crashpoint: () => undefined,
  files: {
    status: () => undefined,
    create: () => expect.fail('nobody else has the log'),
    remove: () => undefined,
    makeFolder: (path) => void mkdirSync(path, { recursive: true }),
  },
})

beforeEach(async () => {
  now = 1_000_000
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  log = await openLog(folder, { env: env(), sync: 'normal' })
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
const values = (topic: string, partition = 0, offset = 0): unknown[] =>
  log.read(topic, partition, offset, { max: 100_000 }).map(({ value }) => value)
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
/** Of the file, and of what was written last and is not in it yet. */
const fileBytes = (): number =>
  ['log.sqlite', 'log.sqlite-wal'].reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )

describe('records', () => {
  it('come back as they were appended, with where and when', () => {
    log.createTopic('orders')
    const headers = new Map<string, string | Uint8Array>([
      ['trace', 'a1'],
      ['raw', Uint8Array.of(1, 2)],
    ])
    const value = { user: 'ann', at: new Date(5), tags: new Set(['x']), total: 10n }
    expect(log.append('orders', [{ key: { id: 7 }, value, headers, timestamp: '1970-01-01T00:00:01Z' }])).toEqual([
      { topic: 'orders', partition: 0, offset: 0 },
    ])
    now = 1_000_005
    log.append('orders', [{ value: null }])
    expect(log.read('orders', 0, 0)).toEqual([
      {
        topic: 'orders',
        partition: 0,
        offset: 0,
        timestamp: 1000,
        appended: 1_000_000,
        key: { id: 7 },
        value,
        headers,
      },
      {
        topic: 'orders',
        partition: 0,
        offset: 1,
        timestamp: 1_000_005,
        appended: 1_000_005,
        key: undefined,
        value: null,
        headers: new Map(),
      },
    ])
  })

  it('of equal keys lie in one partition, in order; those without go round', () => {
    log.createTopic('t', { partitions: 5 })
    const at = log.append('t', [
      { key: { a: 1, b: -0 }, value: 1 },
      { key: { b: 0, a: 1 }, value: 2 },
    ])
    expect(at?.[0]?.partition).toBe(at?.[1]?.partition)
    const spread = log.append(
      't',
      upTo(50).map((value) => ({ value })),
    )
    const counts = upTo(5).map((partition) => spread?.filter((each) => each.partition === partition).length)
    expect(counts).toEqual([10, 10, 10, 10, 10])
    const one = log.append('t', [{ value: 0 }])?.[0]?.partition
    const next = log.append('t', [{ value: 0 }])?.[0]?.partition
    expect(next).toBe(((one ?? 0) + 1) % 5)
  })

  it('lie where they always lay', () => {
    const text = new TextEncoder()
    expect(['', 'a', 'ann', 'bob', 'a longer key'].map((key) => partitionOf(text.encode(key), 1000))).toEqual([
      923, 715, 533, 430, 356,
    ])
  })

  it('have append times that never fall, though the clock is set back', () => {
    log.createTopic('t')
    log.append('t', [{ value: 1 }])
    now -= 500
    log.append('t', [{ value: 2 }])
    expect(log.read('t', 0, 0).map(({ appended }) => appended)).toEqual([1_000_000, 1_000_000])
  })

  it('are read in blocks: so many, or so many bytes, and at least one', () => {
    log.createTopic('t')
    log.append(
      't',
      upTo(1000).map((value) => ({ value: String(value).padStart(98, '0') })),
    )
    expect(log.read('t', 0, 10, { max: 700 }).map(({ offset }) => offset)).toEqual(upTo(700).map((i) => i + 10))
    expect(log.read('t', 0, 0, { maxBytes: 1000 })).toHaveLength(10)
    expect(log.read('t', 0, 999, { maxBytes: 1 })).toHaveLength(1)
    expect(log.read('t', 0, 1000)).toEqual([])
    // With a block that nothing fits a reader would take the topic to be at its end.
    expect(() => log.read('t', 0, 0, { max: 0 })).toThrow(
      'max of read of a log must be a whole number from 1, but is 0.',
    )
    expect(() => log.read('t', 0, 0, { max: NaN })).toThrow(/max of read/)
    expect(() => log.read('t', 0, 0, { maxBytes: 0.5 })).toThrow(/maxBytes of read/)
  })

  it('that cannot be stored leave nothing of their append', () => {
    log.createTopic('t', { partitions: 2 })
    const bad = [{ value: () => 1 }, { value: 1, partition: 2 }, { value: 1, timestamp: 'never' }, { key: Symbol('s'), value: 1 }] // prettier-ignore
    const codes = bad.map((record) => codeOf(() => log.append('t', [{ value: 0 }, record])))
    expect(codes).toEqual(['MR-5407', 'MR-5402', 'MR-5407', 'MR-5407'])
    expect(log.partitions('t').map(({ end }) => end)).toEqual([0, 0])
  })
})

describe('a transaction', () => {
  it('appends to several topics, or to none', () => {
    log.createTopic('a', { partitions: 2 })
    log.createTopic('b')
    const at = log.transaction((tx) => {
      tx.append('a', [{ value: 1, partition: 1 }])
      tx.append('b', [{ value: 2 }])
    })
    expect(at).toEqual([
      { topic: 'a', partition: 1, offset: 0 },
      { topic: 'b', partition: 0, offset: 0 },
    ])
    const fail = (work: Parameters<Log['transaction']>[0]): string | undefined => codeOf(() => log.transaction(work))
    expect(
      fail((tx) => {
        tx.append('a', [{ value: 3 }])
        tx.append('c', [{ value: 4 }])
      }),
    ).toBe('MR-5402')
    expect(
      codeOf(() =>
        log.transaction((tx) => {
          tx.append('b', [{ value: 5 }])
          throw new Error('no')
        }),
      ),
    ).toBeUndefined()
    expect([...values('a', 0), ...values('a', 1), ...values('b')]).toEqual([1, 2])
  })

  it('takes offsets of a group along', () => {
    log.createTopic('in')
    log.createTopic('out')
    log.append('in', [{ value: 1 }, { value: 2 }])
    const member = log.join('g', 'in')
    member.heartbeat()
    log.transaction((tx) => {
      tx.append('out', [{ value: 3 }])
      tx.commit(member, new Map([[0, 2]]))
    })
    expect(log.committed('g', 'in')).toEqual(new Map([[0, 2]]))
    now += 60_000
    const late = codeOf(() =>
      log.transaction((tx) => {
        tx.append('out', [{ value: 4 }])
        tx.commit(member, new Map([[0, 2]]))
      }),
    )
    expect([late, values('out')]).toEqual(['MR-5404', [3]])
  })

  it('with an id that is there does nothing', () => {
    log.createTopic('t')
    const id = { query: 'q', step: 's', batch: 1, shard: 0 }
    expect(log.append('t', [{ value: 1 }], { id })).toHaveLength(1)
    expect(log.append('t', [{ value: 1 }], { id })).toBeUndefined()
    for (const other of [{ query: 'r' }, { step: 'u' }, { batch: 2 }, { shard: 1 }])
      expect(log.append('t', [{ value: 1 }], { id: { ...id, ...other } })).toHaveLength(1)
    expect(values('t')).toHaveLength(5)
  })

  it('with the id of a batch before the newest does nothing, however late it comes', () => {
    log.createTopic('t')
    const append = (batch: number, query = 'q'): unknown =>
      log.append('t', [{ value: batch }], { id: { query, step: 's', batch, shard: 0 } })
    for (let batch = 1; batch <= 1010; batch++) append(batch)
    append(1, 'other')
    for (const batch of [1010, 1009, 5, 0]) expect(append(batch)).toBeUndefined()
    expect(append(1012)).toHaveLength(1)
    expect(append(1011)).toBeUndefined()
    const db = new Database(join(folder, 'log.sqlite'), { readonly: true })
    expect(db.prepare('SELECT query, batch FROM deliveries ORDER BY batch').raw().all()).toEqual([['other', 1], ['q', 1012]]) // prettier-ignore
    db.close()
  })

  it('knows ids that an earlier version has kept', () => {
    log.createTopic('t')
    const db = new Database(join(folder, 'log.sqlite'))
    const add = db.prepare("INSERT INTO deliveries (query, step, shard, batch, number) VALUES ('q', 's', 0, ?, ?)")
    for (const batch of [3, 4, 7]) add.run(batch, batch)
    db.close()
    const append = (batch: number): unknown =>
      log.append('t', [{ value: batch }], { id: { query: 'q', step: 's', batch, shard: 0 } })
    expect([3, 5, 7, 8, 7].map((batch) => append(batch) === undefined)).toEqual([true, true, true, false, true])
  })
})

describe('topics', () => {
  it('are made once, and refused with other settings', () => {
    log.createTopic('t', { partitions: 3, retention: { age: '1 hour', bytes: 10, records: 5 } })
    log.createTopic('t', { partitions: 3, retention: { age: 3_600_000, bytes: 10, records: 5 } })
    expect(log.topics()).toEqual([
      { name: 't', partitions: 3, compact: false, retention: { ageMillis: 3_600_000, bytes: 10, records: 5 } },
    ])
    expect(() => log.createTopic('t', { partitions: 4, retention: { age: '1 hour', bytes: 10, records: 5 } })).toThrow(
      'topic "t" is there with partitions 3, and 4 is asked for',
    )
    expect(codeOf(() => log.createTopic('t'))).toBe('MR-5403')
  })

  it('are removed with what belongs to them, and begin anew', () => {
    log.createTopic('t')
    log.append('t', [{ value: 1 }])
    const member = log.join('g', 't')
    member.commit(new Map([[0, 1]]))
    log.deleteTopic('t')
    expect(codeOf(() => log.append('t', [{ value: 1 }]))).toBe('MR-5402')
    expect(codeOf(() => member.heartbeat())).toBe('MR-5402')
    log.createTopic('t', { partitions: 2 })
    expect(log.partitions('t')).toEqual(
      [0, 1].map((partition) => ({ partition, begin: 0, end: 0, records: 0, bytes: 0 })),
    )
    expect(log.committed('g', 't').size).toBe(0)
    expect(codeOf(() => member.heartbeat())).toBe('MR-5404')
  })

  it('refuse options that they have not', () => {
    const refused = [
      { partition: 1 },
      { partitions: 0 },
      { partitions: 1025 },
      { retention: { days: 1 } },
      { retention: { records: 0.5 } },
      { compact: 'yes' },
      { keepTombstones: '1 day' },
    ]
    const codes = refused.map((options) => codeOf(() => log.createTopic('t', options as never)))
    expect(codes).toEqual(['MR-1001', 'MR-1002', 'MR-1002', 'MR-1001', 'MR-1002', 'MR-1004', 'MR-1016'])
    expect(log.topics()).toEqual([])
    expect(() => log.read('tt', 0, 0)).toThrow('there is no topic "tt"')
  })
})

describe('retention', () => {
  it('keeps the last records, or bytes, or time; about, while records are appended, and exactly by maintain', () => {
    log.createTopic('records', { retention: { records: 100 } })
    log.createTopic('bytes', { retention: { bytes: 1000 } })
    log.createTopic('age', { retention: { age: 100 } })
    for (let i = 0; i < 1000; i++) {
      now++
      for (const topic of ['records', 'bytes', 'age']) log.append(topic, [{ value: String(i).padStart(8, '0') }])
      const [records, bytes, age] = ['records', 'bytes', 'age'].map((topic) => log.partitions(topic)[0])
      expect(records?.records).toBeLessThanOrEqual(113)
      expect(bytes?.bytes).toBeLessThanOrEqual(1125)
      expect(age?.records).toBeLessThanOrEqual(114)
    }
    log.maintain()
    expect(log.partitions('records')[0]).toEqual({ partition: 0, begin: 900, end: 1000, records: 100, bytes: 1000 })
    expect(log.partitions('bytes')[0]).toMatchObject({ begin: 900, bytes: 1000 })
    expect(log.partitions('age')[0]).toMatchObject({ begin: 899, end: 1000 })
    expect(values('age', 0, 899)).toHaveLength(101)
    now += 1000
    expect(log.maintain().expired).toBe(101)
    expect(log.partitions('age')[0]).toMatchObject({ begin: 1000, end: 1000, records: 0, bytes: 0 })
  })

  it('says so to whoever asks for what is gone', () => {
    log.createTopic('t', { retention: { records: 10 } })
    log.append(
      't',
      upTo(100).map((value) => ({ value })),
    )
    expect(() => log.read('t', 0, 5)).toThrow(/offset 5 of partition 0 of topic "t" is gone: .* from 90 on/)
    expect(codeOf(() => log.read('t', 0, 101))).toBe('MR-5408')
    expect(codeOf(() => log.read('t', 0, -1))).toBe('MR-1002')
    expect(values('t', 0, 90)).toHaveLength(10)
  })

  it('lets the file grow no further', () => {
    log.createTopic('t', { partitions: 2, retention: { records: 1000 } })
    const sizes: number[] = []
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 20; i++)
        log.append(
          't',
          upTo(200).map((value) => ({ value: `${value}`.padStart(200, '.') })),
        )
      sizes.push(fileBytes())
    }
    // Four times what is kept was appended.
    expect(Math.max(...sizes)).toBeLessThan((sizes[2] ?? 0) * 1.1)
    log.close()
    expect(fileBytes()).toBeLessThan(2 * 1125 * 215 * 1.5)
  })

  it('gives the room of what has gone back to the disk', () => {
    log.createTopic('t', { retention: { age: '1 second' } })
    log.append(
      't',
      upTo(5000).map((value) => ({ value: `${value}`.padStart(500, '.') })),
    )
    const { givenBack } = log.maintain()
    now += 10_000
    expect([givenBack, log.maintain()]).toEqual([0, { expired: 5000, compacted: 0, givenBack: expect.any(Number) }])
    log.close()
    expect(fileBytes()).toBeLessThan(300_000)
  })
})

describe('a topic that keeps the last record of each key', () => {
  it('does so, in the order and with the offsets they had', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(8), fc.oneof(fc.nat(), fc.constant(null))), { maxLength: 60 }), (writes) => {
        log.createTopic('c', { compact: true, keepTombstones: '1 minute' })
        const last = new Map<number, number>()
        writes.forEach(([key, value], offset) => {
          log.append('c', [{ key, value }])
          last.set(key, offset)
        })
        log.maintain()
        const kept = log.read('c', 0, 0).map(({ key, value, offset }) => ({ key, value, offset }))
        const wanted = [...last.values()].sort((a, b) => a - b)
        expect(kept).toEqual(wanted.map((offset) => ({ key: writes[offset]?.[0], value: writes[offset]?.[1], offset })))
        now += 120_000
        log.maintain()
        const left = log.read('c', 0, 0).filter(({ offset }) => offset < writes.length - 1)
        expect(left.filter(({ value }) => value === null)).toEqual([])
        expect(log.partitions('c')[0]?.records).toBe(log.read('c', 0, 0).length)
        log.deleteTopic('c')
      }),
      { numRuns: 30 },
    ))

  it('stays as large as its keys need', () => {
    log.createTopic('c', { compact: true })
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 6; i++) {
        log.append(
          'c',
          upTo(500).map((key) => ({ key, value: `${round}`.padStart(100, '.') })),
        )
        expect(log.partitions('c')[0]?.records).toBeLessThanOrEqual(2000)
      }
    }
    log.maintain()
    expect(log.partitions('c')[0]).toMatchObject({ begin: 0, end: 18_000, records: 500 })
    expect(values('c')).toEqual(upTo(500).map(() => '5'.padStart(100, '.')))
    log.close()
    // Two megabytes were appended, of which 60 kB are kept.
    expect(fileBytes()).toBeLessThan(500_000)
  })

  it('refuses records without a key', () => {
    log.createTopic('c', { compact: true })
    expect(codeOf(() => log.append('c', [{ value: 1 }]))).toBe('MR-5407')
  })
})

describe('a folder', () => {
  it('is opened again as it was left, by several at once', async () => {
    log.createTopic('t')
    log.append('t', [{ value: 1 }])
    const other = await openLog(folder, { sync: 'full' })
    other.append('t', [{ value: 2 }], { sync: 'normal' })
    log.append('t', [{ value: 3 }], { sync: 'full' })
    expect([values('t'), other.read('t', 0, 0).length]).toEqual([[1, 2, 3], 3])
    other.close()
    expect(codeOf(() => other.read('t', 0, 0))).toBe('MR-5409')
    expect(codeOf(() => other.append('t', []))).toBe('MR-5409')
  })

  it('that holds something else is refused, and left as it is', async () => {
    const code = (path: string): Promise<unknown> => openLog(path).then(() => 'opened', errorCode)
    const text = join(folder, 'text')
    mkdirSync(text)
    writeFileSync(join(text, 'log.sqlite'), 'this is no database, and long enough to be looked at'.repeat(20))
    expect(await code(text)).toBe('MR-5401')
    expect(readFileSync(join(text, 'log.sqlite'), 'utf8')).toContain('this is no database')
    const database = join(folder, 'database')
    mkdirSync(database)
    const db = new Database(join(database, 'log.sqlite'))
    db.exec('CREATE TABLE mine (a)')
    db.close()
    expect(await code(database)).toBe('MR-5401')
    const newer = join(folder, 'newer')
    await openLog(newer).then((each) => each.close())
    const later = new Database(join(newer, 'log.sqlite'))
    later.pragma('user_version = 2')
    later.close()
    await expect(openLog(newer)).rejects.toThrow(/has format 2, and this version reads 1/)
    writeFileSync(join(folder, 'file'), '')
    await expect(openLog(join(folder, 'file'))).rejects.toThrow()
  })

  it('that is locked is waited for, and then given up', async () => {
    log.createTopic('t')
    const impatient = await openLog(folder, { busyTimeout: 20 })
    const db = new Database(join(folder, 'log.sqlite'))
    db.exec('BEGIN IMMEDIATE')
    expect(codeOf(() => impatient.append('t', [{ value: 1 }]))).toBe('MR-5406')
    db.exec('ROLLBACK')
    expect(impatient.append('t', [{ value: 1 }])).toHaveLength(1)
    db.close()
    impatient.close()
  })

  it('takes known options only', async () => {
    const code = (options: object): Promise<unknown> => openLog(folder, options).then(() => 'opened', errorCode)
    expect(await code({ synch: 'full' })).toBe('MR-1001')
    expect(await code({ sync: 'off' })).toBe('MR-1002')
    expect(await code({ env: { ...env(), files: undefined } })).toBe('MR-5014')
    await expect(openLog('')).rejects.toMatchObject({ code: 'MR-1004' })
    expect(codeOf(() => log.append('t', [], { id: { query: 'q' } } as never))).toBe('MR-1002')
  })
})
