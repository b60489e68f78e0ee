import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import * as t from 'io-ts'
import { afterAll, expect, expectTypeOf, it } from 'vitest'
import {
  type Change,
  type DeadLetter,
  errorCode,
  fixedWindows,
  insert,
  type PCollection,
  pipeline,
  retract,
  run,
  type RunOptions,
  start,
  watermarks,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { readChanges, type ReadChangesOptions, type SqliteRow, type UnreadRow, writeTable } from 'millrace/io/sqlite'
import { ChangeReader } from './change-reader.js'
import { changesFrom, ChangeTracker } from './change-tracker.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-changes-'))
afterAll(() => rmSync(root, { recursive: true }))

let files = 0
function database(...statements: readonly string[]): { readonly file: string; readonly db: Database.Database } {
  const file = join(root, `${files++}.db`)
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  for (const statement of statements) db.exec(statement)
  return { file, db }
}

const ORDERS = 'CREATE TABLE orders (id INTEGER PRIMARY KEY, user TEXT, cents INTEGER)'

/** The changes up to now. */
async function changesOf(options: ReadChangesOptions, way: RunOptions = {}): Promise<readonly Change<unknown>[]> {
  const p = pipeline()
  p.apply('read', readChanges({ until: 'now', ...options })).collect('changes')
  return (await run(p, way)).collect('changes')
}

async function failure(options: ReadChangesOptions): Promise<{ readonly code: unknown; readonly message: string }> {
  const error: unknown = await changesOf(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { code: errorCode(error), message: String(error) }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

it('a database that others have locked for a moment is waited for, by as many as open it', async () => {
  const { file, db } = database('PRAGMA journal_mode = DELETE', ORDERS, "INSERT INTO orders VALUES (1, 'ann', 5)")
  db.exec('BEGIN EXCLUSIVE')
  setTimeout(() => db.exec('COMMIT'), 200)
  const readers = ['one', 'two', 'three'].map((reader) => changesOf({ file, table: 'orders', reader }))
  for (const changes of await Promise.all(readers)) expect(changes).toEqual([insert({ id: 1, user: 'ann', cents: 5 })])
  db.close()
})

it('reads what there is, then an insertion, an update and a deletion', async () => {
  const { file, db } = database(ORDERS, "INSERT INTO orders VALUES (1, 'ann', 5), (2, 'bob', 7)")
  const Order = t.type({ id: t.Int, user: t.string, cents: t.Int })
  const options = { file, table: 'orders', codec: Order } as const
  expectTypeOf(pipeline().apply('a', readChanges(options))).toEqualTypeOf<PCollection<Change<t.TypeOf<typeof Order>>>>()
  expectTypeOf(pipeline().apply('b', readChanges({ file, table: 'orders', columns: ['id'] }))).toEqualTypeOf<
    PCollection<Change<SqliteRow<'id'>>>
  >()
  expect(await changesOf(options)).toEqual([
    insert({ id: 1, user: 'ann', cents: 5 }),
    insert({ id: 2, user: 'bob', cents: 7 }),
  ])
  db.exec(
    "INSERT INTO orders VALUES (3, 'cid', 1); UPDATE orders SET cents = 6 WHERE id = 1; DELETE FROM orders WHERE id = 2",
  )
  expect(await changesOf(options)).toEqual([
    insert({ id: 3, user: 'cid', cents: 1 }),
    retract({ id: 1, user: 'ann', cents: 5 }),
    insert({ id: 1, user: 'ann', cents: 6 }),
    retract({ id: 2, user: 'bob', cents: 7 }),
  ])
  expect(await changesOf(options)).toEqual([])
  expect(await changesOf({ ...options, startAt: 'snapshot' })).toHaveLength(2)
  expect(await changesOf({ ...options, reader: 'late', startAt: 'now' })).toEqual([])
  db.close()
})

it('follows a table while several processes write to it, and loses and repeats nothing', async () => {
  const { file, db } = database(ORDERS)
  const p = pipeline()
  p.apply('read', readChanges({ file, table: 'orders', pollEvery: 5 })).collect('changes')
  const running = start(p)
  const writer = `
    const db = new (require('better-sqlite3'))(process.argv[1], { timeout: 20000 })
    const w = Number(process.argv[2])
    for (let i = 0; i < 60; i++) db.transaction(() => {
      db.prepare('INSERT INTO orders VALUES (?, ?, ?)').run(w * 1000 + i, 'w' + w, i)
      db.prepare('UPDATE orders SET cents = cents + 1 WHERE id = ?').run(w * 1000 + (i >> 1))
      if (i % 5 === 0) db.prepare('DELETE FROM orders WHERE id = ?').run(w * 1000 + (i >> 2))
    }).immediate()`
  const ends = [1, 2, 3].map(
    (w) =>
      new Promise((resolve) =>
        spawn(process.execPath, ['-e', writer, file, String(w)], { stdio: 'inherit' }).on('exit', resolve),
      ),
  )
  expect(await Promise.all(ends)).toEqual([0, 0, 0])
  // All is read when all is thrown away.
  await until(() => db.prepare('SELECT count(*) FROM millrace_changes_orders').pluck().get() === 0)
  running.drain()
  const changes = (await running.result).collect<Change<{ id: number }>>('changes')
  expect(held(changes)).toEqual(rowsIn(db, 'orders'))
  expect(
    changes.filter(({ kind }) => kind === 'insert').length - changes.filter(({ kind }) => kind === 'retract').length,
  ).toBe(db.prepare('SELECT count(*) FROM orders').pluck().get())
  db.close()
}, 60_000)

/** What a table holds, by its changes. No row is retracted that is not there. */
function held(changes: readonly Change<unknown>[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { kind, value } of changes) {
    const text = shown(value)
    const count = (counts.get(text) ?? 0) + (kind === 'insert' ? 1 : -1)
    expect(count, `${kind} ${text}`).toBeGreaterThanOrEqual(0)
    counts.set(text, count)
  }
  return [...counts].flatMap(([text, count]) => Array.from({ length: count }, () => text)).sort()
}

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))

function rowsIn(db: Database.Database, table: string): readonly string[] {
  return db.prepare(`SELECT * FROM "${table}"`).all().map(shown).sort()
}

it.each([
  ['a rowid alias and a unique column', 'CREATE TABLE x (a INTEGER PRIMARY KEY, b TEXT COLLATE NOCASE UNIQUE, c)'],
  ['no key at all', 'CREATE TABLE x (a, b, c)'],
  ['two unique keys', 'CREATE TABLE x (a UNIQUE, b TEXT, c, UNIQUE (b, c))'],
  ['no rowid', 'CREATE TABLE x (a, b TEXT, c, PRIMARY KEY (b, a)) WITHOUT ROWID'],
  [
    'an index of expressions',
    'CREATE TABLE x (a, b TEXT, c); CREATE UNIQUE INDEX i ON x (lower(b)); CREATE UNIQUE INDEX j ON x (a) WHERE c > 1',
  ],
  ['a computed column', 'CREATE TABLE x (a INTEGER PRIMARY KEY, b TEXT UNIQUE, c, d AS (a || b) STORED)'],
])(
  'the changes of a table with %s are what it went through, whatever statements are used',
  async (_, create) => {
    const value = fc.constantFrom('1', '2', '3')
    const text = fc.constantFrom("'p'", "'P'", "'q'", "'r'")
    const where = fc.oneof(
      value.map((a) => `a = ${a}`),
      text.map((b) => `b = ${b}`),
      value.map((c) => `c >= ${c}`),
    )
    const row = fc.tuple(value, text, value).map((values) => `(${values.join(', ')})`)
    const rows = fc.array(row, { minLength: 1, maxLength: 3 }).map((all) => all.join(', '))
    const or = fc.constantFrom('', 'OR REPLACE', 'OR IGNORE', 'OR REPLACE')
    const statement = fc.oneof(
      fc.tuple(or, rows).map(([how, values]) => `INSERT ${how} INTO x (a, b, c) VALUES ${values}`),
      fc
        .tuple(rows, value)
        .map(([values, c]) => `INSERT INTO x (a, b, c) VALUES ${values} ON CONFLICT DO UPDATE SET c = ${c}`),
      fc
        .tuple(or, where, value, text)
        .map(([how, which, a, b]) => `UPDATE ${how} x SET a = ${a}, b = ${b} WHERE ${which}`),
      where.map((which) => `DELETE FROM x WHERE ${which}`),
      fc.constant('DELETE FROM x'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(statement, { maxLength: 25 }),
        fc.boolean(),
        fc.nat(10),
        async (statements, isRecursive, before) => {
          const { file, db } = database(create)
          db.pragma('journal_mode = MEMORY')
          db.pragma('synchronous = OFF')
          db.pragma(`recursive_triggers = ${isRecursive ? 'ON' : 'OFF'}`)
          const attempt = (sql: string): void => {
            try {
              db.exec(sql)
            } catch (error) {
              expect((error as { code: string }).code).toMatch(/^SQLITE_(CONSTRAINT|MISMATCH|ERROR)/)
            }
          }
          statements.slice(0, before).forEach(attempt)
          const first = await changesOf({ file, table: 'x', keep: 'all' })
          statements.slice(before).forEach(attempt)
          const changes = [...first, ...(await changesOf({ file, table: 'x', keep: 'all' }))]
          expect(held(changes)).toEqual(rowsIn(db, 'x'))
          db.close()
          rmSync(file)
        },
      ),
      { numRuns: 40, seed: 7 },
    )
  },
  120_000,
)

it('keeps every value as it is', async () => {
  const { file, db } = database('CREATE TABLE v (v)')
  const read = (): Promise<readonly Change<unknown>[]> => changesOf({ file, table: 'v' })
  await read()
  db.exec("INSERT INTO v VALUES (9223372036854775807), (0.5), (1e300), ('7'), (x'00ff'), (NULL), ('a' || char(0))")
  expect((await read()).map(({ value }) => (value as { v: unknown }).v)).toEqual([
    9223372036854775807n,
    0.5,
    1e300,
    '7',
    Uint8Array.of(0, 255),
    null,
    'a\0',
  ])
  db.close()
})

it('keeps changes for every reader until it has acknowledged them, or for ever', async () => {
  const { file, db } = database(ORDERS)
  const kept = (): unknown => db.prepare('SELECT count(*) FROM millrace_changes_orders').pluck().get()
  await changesOf({ file, table: 'orders', reader: 'a' })
  await changesOf({ file, table: 'orders', reader: 'b' })
  db.exec("INSERT INTO orders VALUES (1, 'ann', 5)")
  expect(await changesOf({ file, table: 'orders', reader: 'a' })).toHaveLength(1)
  expect(kept()).toBe(1)
  expect(await changesOf({ file, table: 'orders', reader: 'b' })).toHaveLength(1)
  expect(kept()).toBe(0)
  db.exec("INSERT INTO orders VALUES (2, 'bob', 5)")
  for (const reader of ['a', 'b']) await changesOf({ file, table: 'orders', reader, keep: 'all' })
  expect(kept()).toBe(1)
  db.close()
})

it('a run that fails has acknowledged nothing that it did not finish, and the next one reads it again', async () => {
  const { file, db } = database(ORDERS, "INSERT INTO orders VALUES (1, 'ann', 5), (2, 'bob', 7)")
  const p = pipeline()
  p.apply('read', readChanges({ file, table: 'orders', until: 'now' })).map('fail', () => {
    throw new Error('no')
  })
  await expect(run(p, { guarantee: 'at-least-once' })).rejects.toThrow(/no/)
  expect(await changesOf({ file, table: 'orders' })).toHaveLength(2)
  expect(await changesOf({ file, table: 'orders' })).toHaveLength(0)
  db.close()
})

it('a part of the changes is read again as it was, and ends, whatever has come since', async () => {
  const { file, db } = database(ORDERS, "INSERT INTO orders VALUES (1, 'ann', 5), (2, 'bob', 7), (3, 'cid', 9)")
  const place = { file, table: 'orders' }
  const capture = { place, reader: 'r', keep: 'unread', busyMillis: 1000 } as const
  const reading = { columns: ['id'], codec: undefined, timeOf: undefined, busyMillis: 1000 }
  const reader = await ChangeReader.open(systemEnv(), capture, reading)
  expect(reader.capture.begin('reader')).toBe(1)
  const read = async (tracker: ChangeTracker): Promise<unknown> => {
    const ids: unknown[] = []
    const emit = ({ value }: Change<unknown>): unknown => ids.push((value as { id: number }).id)
    const { isIdle } = await reader.read(tracker, { emit, unread: () => expect.unreachable() }, true)
    if (!isIdle) tracker.checkDone()
    return [ids, isIdle]
  }
  const whole = new ChangeTracker(changesFrom(1))
  expect(await read(whole)).toEqual([[1, 2, 3], true])
  const rest = whole.trySplit(0)
  expect(rest).toEqual(changesFrom(4))
  db.exec('DELETE FROM orders')
  for (let times = 0; times < 2; times++)
    expect(await read(new ChangeTracker(whole.currentRestriction()))).toEqual([[1, 2, 3], false])
  expect(await read(new ChangeTracker({ from: 4, to: 4 }))).toEqual([[], false])
  expect(await read(new ChangeTracker(changesFrom(4)))).toEqual([[1, 2, 3], true])
  reader.close()
  db.close()
})

it('changes are acknowledged after the sink has them, where they may be delivered again', async () => {
  const { file, db } = database(
    ORDERS,
    "INSERT INTO orders VALUES (1, 'ann', 5)",
    'CREATE TABLE copy (id INTEGER PRIMARY KEY CHECK (id < 2))',
  )
  const copy = (): Promise<unknown> => {
    const p = pipeline()
    p.apply('read', readChanges({ file, table: 'orders', columns: ['id'], until: 'now' })).apply(
      'write',
      writeTable({ file, table: 'copy', mode: 'changes', key: 'id', columns: ['id'] }),
    )
    return run(p, { guarantee: 'at-least-once' })
  }
  await copy()
  db.exec("INSERT INTO orders VALUES (2, 'bob', 7)")
  await expect(copy()).rejects.toThrow(/refuses a row/)
  await expect(copy()).rejects.toThrow(/refuses a row/)
  db.exec('DROP TABLE copy; CREATE TABLE copy (id INTEGER PRIMARY KEY)')
  await copy()
  expect(db.prepare('SELECT id FROM copy').pluck().all()).toEqual([2])
  expect(await changesOf({ file, table: 'orders' })).toEqual([])
  db.close()
})

it('changes that someone else has thrown away are missed loudly', async () => {
  const { file, db } = database(ORDERS)
  await changesOf({ file, table: 'orders' })
  db.exec("INSERT INTO orders VALUES (1, 'ann', 5)")
  await changesOf({ file, table: 'orders' })
  db.exec('UPDATE millrace_readers SET position = 1')
  expect(await failure({ file, table: 'orders' })).toMatchObject({ code: 'MR-5309' })
  expect((await failure({ file, table: 'orders' })).message).toMatch(
    /reader "millrace" goes on at change 1, .* startAt: 'snapshot'/,
  )
  expect(await changesOf({ file, table: 'orders', startAt: 'snapshot' })).toHaveLength(1)
  db.close()
})

it('names that somebody else has, and captures that do not fit any more, are refused with the way out', async () => {
  const taken = database(ORDERS, 'CREATE TABLE millrace_changes_orders (a)')
  expect(await failure({ file: taken.file, table: 'orders' })).toMatchObject({ code: 'MR-5306' })
  const other = database(ORDERS, 'CREATE TABLE millrace_readers (a)')
  expect((await failure({ file: other.file, table: 'orders' })).message).toMatch(
    /"millrace_readers" belongs to millrace/,
  )
  expect(other.db.prepare("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%captures%'").pluck().get()).toBe(0)
  const { file, db } = database(ORDERS, "INSERT INTO orders VALUES (1, 'ann', 5)")
  await changesOf({ file, table: 'orders' })
  db.exec('ALTER TABLE orders ADD COLUMN note TEXT')
  const { code, message } = await failure({ file, table: 'orders' })
  expect(code).toBe('MR-5306')
  expect(message).toMatch(/its columns were \["id", "user", "cents"\]/)
  db.exec((/makes a new one: (DROP.*;)/.exec(message) as RegExpExecArray)[1] as string)
  expect(await changesOf({ file, table: 'orders' })).toEqual([insert({ id: 1, user: 'ann', cents: 5, note: null })])
  db.exec('DROP TRIGGER "millrace_after_delete_orders"')
  expect((await failure({ file, table: 'orders' })).message).toMatch(
    /after_delete_orders", a part of its capture, is gone/,
  )
  for (const each of [taken, other, { db }]) each.db.close()
})

it('has the event times of changes or of rows, and makes letters of rows that do not fit', async () => {
  const { file, db } = database(
    'CREATE TABLE e (at, n)',
    "INSERT INTO e VALUES (1000, 1), (61000, 2), ('never', 3), (2000, 'x')",
  )
  const codec = t.type({ at: t.union([t.number, t.string]), n: t.number })
  const before = Date.now()
  const p = pipeline()
  const bad = p.errors('bad', (letters) => letters.collect('letters'))
  p.apply(
    'read',
    readChanges({
      file,
      table: 'e',
      codec,
      until: 'now',
      timestamp: (row) => row.at,
      watermark: watermarks.outOfOrder('1 minute'),
      onError: bad,
    }),
  )
    .windowInto('minutes', fixedWindows('1 minute'))
    .parDo('stamped', {
      output: t.tuple([t.number, t.number]),
      process: ({ value }, { timestamp, emit }) => emit([value.n, timestamp]),
    })
    .collect('times')
  const result = await run(p)
  expect(result.collect('times')).toEqual([
    [1, 1000],
    [2, 61000],
  ])
  const letters = result.collect<DeadLetter<UnreadRow>>('bad/letters')
  expect(letters.map(({ element }) => [element.table, element.key])).toEqual([
    ['e', 3],
    ['e', 4],
  ])
  const q = pipeline()
  q.apply('read', readChanges({ file, table: 'e', until: 'now', startAt: 'snapshot' }))
    .parDo('time', { output: t.number, process: (_, { timestamp, emit }) => emit(timestamp) })
    .collect('times')
  for (const time of (await run(q)).collect<number>('times')) {
    expect(time).toBeGreaterThanOrEqual(before - 2)
    expect(time).toBeLessThanOrEqual(Date.now())
  }
  db.close()
})

it('a watermark of capture times goes on when nothing changes', async () => {
  const { file, db } = database(ORDERS, "INSERT INTO orders VALUES (1, 'ann', 5)")
  const closed: number[] = []
  const p = pipeline()
  p.apply(
    'read',
    readChanges({ file, table: 'orders', pollEvery: 5, watermark: watermarks.monotonic({ idleAfter: 50 }) }),
  )
    .map('kind', ({ kind }) => kind)
    .windowInto('short', fixedWindows(100))
    .keyBy('by kind', (kind) => kind)
    .countPerKey('count')
    .map('seen', ({ value }) => closed.push(value))
  const running = start(p)
  await until(() => closed.length > 0)
  running.drain()
  await running.result
  expect(closed).toEqual([1])
  db.close()
})

it.each([
  ['a view', 'v', 'MR-5306'],
  ['a virtual table', 'f', 'MR-5306'],
  ['a table that is not there', 'none', 'MR-5301'],
])('%s has no changes to read', async (_, table, code) => {
  const { file, db } = database(ORDERS, 'CREATE VIEW v AS SELECT * FROM orders', 'CREATE VIRTUAL TABLE f USING fts5(a)')
  expect(await failure({ file, table })).toMatchObject({ code })
  expect(await failure({ file, table: 'orders', columns: ['centz'] })).toMatchObject({ code: 'MR-5301' })
  db.close()
})

it('options that do not fit are refused where they are written', () => {
  const codes = (options: object): unknown => {
    try {
      readChanges(options as ReadChangesOptions)
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }
  const given = { file: 'a.db', table: 'a' }
  expect(codes({ ...given, since: 1 })).toBe('MR-1001')
  expect(codes({ ...given, startAt: 'begin' })).toBe('MR-1002')
  expect(codes({ ...given, until: 'then' })).toBe('MR-1002')
  expect(codes({ ...given, keep: 'some' })).toBe('MR-1002')
  expect(codes({ ...given, reader: '' })).toBe('MR-1004')
  expect(codes({ ...given, timestamp: () => 0 })).toBe('MR-1003')
  expect(codes({ ...given, watermark: watermarks.manual() })).toBe('MR-1002')
  expect(codes({ ...given, table: 'sqlite_schema' })).toBe('MR-5302')
  expect(codes({ ...given, table: 'millrace_readers' })).toBe('MR-5302')
  expect(codes(given)).toBe(undefined)
})

it('captures tables with hostile names', async () => {
  for (const name of ['a"b', "a'b", '; DROP TABLE x; --', 'a b', '__proto__', 'é🙂', 'a`[b]']) {
    const { file, db } = database()
    const quote = `"${name.replaceAll('"', '""')}"`
    db.exec(`CREATE TABLE ${quote} (${quote} UNIQUE, "n""'")`)
    await changesOf({ file, table: name })
    db.prepare(`INSERT OR REPLACE INTO ${quote} VALUES (1, 1), (1, 2)`).run()
    const changes = await changesOf({ file, table: name })
    expect(changes.map(({ kind, value }) => [kind, Object.values(value as object)])).toEqual([
      ['insert', [1, 1]],
      ['retract', [1, 1]],
      ['insert', [1, 2]],
    ])
    db.close()
  }
})
