import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import * as t from 'io-ts'
import { afterAll, expect, expectTypeOf, it } from 'vitest'
import {
  type Change,
  type DeadLetter,
  type DeliveryId,
  errorCode,
  insert,
  type PCollection,
  pipeline,
  retract,
  run,
  type RunOptions,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { readChanges, readTable, writeTable, type WriteTableOptions } from 'millrace/io/sqlite'
import { databaseError } from './database.js'
import { TableSink } from './table-sink.js'
import { netChanges } from './net-changes.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-write-'))
afterAll(() => rmSync(root, { recursive: true }))

let files = 0
function database(...statements: readonly string[]): { readonly file: string; readonly db: Database.Database } {
  const file = join(root, `${files++}.db`)
  const db = new Database(file)
  for (const statement of statements) db.exec(statement)
  return { file, db }
}

const all = (db: Database.Database, table = 'spent'): unknown[] =>
  db.prepare(`SELECT * FROM "${table}" ORDER BY 1, 2`).all()

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

const Spent = t.type({ user: t.string, cents: t.number })
const rows = Array.from({ length: 50 }, (_, i) => ({ user: `user ${String(i).padStart(2, '0')}`, cents: i }))

async function write(elements: readonly object[], options: object, way: RunOptions = {}): Promise<void> {
  const p = pipeline()
  p.create('rows', elements).apply('write', writeTable(options as WriteTableOptions<never>) as never)
  await run(p, way)
}

async function failure(
  elements: readonly object[],
  options: object,
  way: RunOptions = {},
): Promise<{ readonly code: unknown; readonly message: string }> {
  const error: unknown = await write(elements, options, way).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { code: errorCode(error), message: String(error) }
}

it('appends each element once, in every way of running, to a table that it makes', async () => {
  for (const way of ways) {
    const { file, db } = database()
    await write(rows, { file, table: 'spent', codec: Spent, create: true }, way)
    expect(all(db)).toEqual(rows)
    await write(rows.slice(0, 1), { file, table: 'spent', codec: Spent, create: true }, way)
    expect(all(db)).toHaveLength(51)
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
    db.close()
  }
})

it('puts rows in place by their key', async () => {
  for (const way of ways) {
    const { file, db } = database(
      "CREATE TABLE spent (user TEXT PRIMARY KEY, cents INTEGER, note TEXT DEFAULT 'old')",
      "INSERT INTO spent VALUES ('ann', 1, 'kept')",
    )
    await write(
      [
        { user: 'ann', cents: 2 },
        { user: 'bob', cents: 3 },
      ],
      { file, table: 'spent', mode: 'upsert', key: 'user', codec: Spent },
      way,
    )
    expect(all(db)).toEqual([
      { user: 'ann', cents: 2, note: 'kept' },
      { user: 'bob', cents: 3, note: 'old' },
    ])
    db.close()
  }
})

it('takes what modes and codecs say, by type', () => {
  const file = 'a.db'
  expectTypeOf(writeTable({ file, table: 'a', codec: Spent }))
    .parameter(0)
    .toEqualTypeOf<PCollection<t.TypeOf<typeof Spent>>>()
  expectTypeOf(writeTable({ file, table: 'a', codec: Spent, mode: 'changes', key: 'user' }))
    .parameter(0)
    .toEqualTypeOf<PCollection<Change<t.TypeOf<typeof Spent>>>>()
  const p = pipeline()
  const byRow = writeTable({ file, table: 'a', codec: Spent })
  const byChange = writeTable({ file, table: 'a', codec: Spent, mode: 'changes', key: 'user' })
  // @ts-expect-error a number is no row of the codec
  p.create('numbers', [1]).apply('write', byRow)
  // @ts-expect-error rows are no changes
  p.create('rows', rows).apply('write changes', byChange)
})

it('applies changes: a table follows another through every change', async () => {
  const { file, db } = database(
    'CREATE TABLE source (user TEXT PRIMARY KEY, cents INTEGER)',
    'CREATE TABLE target (user TEXT PRIMARY KEY, cents INTEGER)',
  )
  const follow = async (way: RunOptions): Promise<void> => {
    const p = pipeline()
    p.apply('read', readChanges({ file, table: 'source', codec: Spent, until: 'now' })).apply(
      'write',
      writeTable({ file, table: 'target', codec: Spent, mode: 'changes', key: 'user' }),
    )
    await run(p, way)
  }
  const random = fc.sample(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(3), fc.boolean()), {
    numRuns: 120,
    seed: 3,
  })
  for (const [i, way] of ways.entries()) {
    for (const [user, cents, isGone] of random.slice(24 * i, 24 * i + 24)) {
      if (isGone) db.prepare('DELETE FROM source WHERE user = ?').run(user)
      else db.prepare('INSERT OR REPLACE INTO source VALUES (?, ?)').run(user, cents)
    }
    await follow(way)
    expect(all(db, 'target')).toEqual(all(db, 'source'))
  }
  db.close()
}, 60_000)

it('a retraction leaves a row that another has taken the place of', async () => {
  const { file, db } = database(
    'CREATE TABLE spent (user TEXT COLLATE NOCASE PRIMARY KEY, cents INTEGER)',
    "INSERT INTO spent VALUES ('ann', 9), ('bob', 1), ('CID', 2)",
  )
  const options = { file, table: 'spent', mode: 'changes', key: 'user', codec: Spent }
  await write(
    [
      retract({ user: 'ann', cents: 1 }),
      retract({ user: 'bob', cents: 1 }),
      retract({ user: 'cid', cents: 2 }),
      insert({ user: 'dan', cents: 4 }),
    ],
    options,
  )
  expect(all(db)).toEqual([
    { user: 'ann', cents: 9 },
    { user: 'CID', cents: 2 },
    { user: 'dan', cents: 4 },
  ])
  expect((await failure([{ user: 'ann' }], options)).code).toBe('MR-5304')
  db.close()
})

it('what is left of changes does not depend on their order', () => {
  const item = fc.tuple(fc.constantFrom<1 | -1>(1, -1), fc.constantFrom('a', 'b'), fc.constantFrom(1, 2n, null))
  fc.assert(
    fc.property(fc.array(item, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (items, order) => {
      const shuffled = items.map((each) => [order.next().value as number, each] as const).sort(([a], [b]) => a - b)
      const net = (given: readonly (readonly [1 | -1, string, number | bigint | null])[]): unknown => {
        const { removed, written } = netChanges(given, [0, 1])
        return [removed.map(String).sort(), written.map(String).sort()]
      }
      expect(net(shuffled.map(([, each]) => each))).toEqual(net(items))
    }),
  )
})

const id = (batch: number, shard = 0): DeliveryId => ({ query: 'q', step: 'write', batch, shard })
const sinkOptions = (file: string) => ({
  place: { file, table: 'spent' },
  columns: ['user', 'cents'],
  key: [],
  schema: undefined,
  create: false,
  mode: 'append' as const,
  journal: 'wal' as const,
  busyMillis: 10_000,
})
const marksIn = (db: Database.Database): unknown => db.prepare('SELECT count(*) FROM millrace_deliveries').pluck().get()

it('a delivery that comes again writes nothing, and marks do not pile up', async () => {
  const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)')
  const env = systemEnv()
  const sink = await TableSink.open(env, sinkOptions(file))
  for (let batch = 0; batch < 100; batch++) {
    await sink.deliver([[`u${String(batch).padStart(3, '0')}`, 1n]], id(batch), env)
    await sink.deliver([[`u${String(batch).padStart(3, '0')}`, 1n]], id(batch), env)
  }
  await sink.deliver([['other shard', 1n]], id(99, 1), env)
  expect(all(db)).toHaveLength(101)
  expect(marksIn(db)).toBe(17)
  db.exec('UPDATE millrace_deliveries SET at = 0')
  await sink.deliver([['later', 1n]], id(128), env)
  expect(marksIn(db)).toBe(1)
  sink.close()
  db.close()
})

it('a delivery that comes long after later ones, from a driver that stood still meanwhile, writes nothing', async () => {
  const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)')
  const env = systemEnv()
  const sink = await TableSink.open(env, sinkOptions(file))
  for (let batch = 0; batch < 40; batch++) await sink.deliver([[`u${batch}`, 1n]], id(batch), env)
  const woken = await TableSink.open(env, sinkOptions(file))
  await woken.deliver([['u3', 1n]], id(3), env)
  expect(all(db)).toHaveLength(40)
  await woken.deliver([['u3', 1n]], { ...id(3), query: 'another' }, env)
  expect(all(db)).toHaveLength(41)
  woken.close()
  sink.close()
  db.close()
})

it.each(['sqlite.commit', 'sqlite.committed'])(
  'a crash at %s leaves all of a delivery or nothing, and the next time completes it once',
  async (point) => {
    const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)')
    const env = systemEnv()
    const crashing = Object.assign(Object.create(env) as typeof env, {
      crashpoint: (name: string) => {
        if (name === point) throw new Error(`crash at ${name}`)
      },
    })
    const items = rows.map(({ user, cents }) => [user, BigInt(cents)])
    const sink = await TableSink.open(env, sinkOptions(file))
    await expect(sink.deliver(items, id(0), crashing)).rejects.toThrow(`crash at ${point}`)
    expect(all(db)).toHaveLength(point === 'sqlite.commit' ? 0 : 50)
    expect(marksIn(db)).toBe(point === 'sqlite.commit' ? 0 : 1)
    sink.close()
    const again = await TableSink.open(env, sinkOptions(file))
    await again.deliver(items, id(0), env)
    again.close()
    expect(all(db)).toEqual(rows)
    db.close()
  },
)

it('a process that is killed again and again in the middle of deliveries leaves every row once', async () => {
  const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)')
  const program = `
    import { systemEnv } from ${JSON.stringify(new URL('../../dist/runners/direct/index.js', import.meta.url).href)}
    import { TableSink } from ${JSON.stringify(new URL('../../dist/io/sqlite/table-sink.js', import.meta.url).href)}
    const [file, killAt] = [process.argv[1], Number(process.argv[2])]
    const env = systemEnv()
    let points = 0
    const killed = Object.assign(Object.create(env), { crashpoint() { if (++points === killAt) process.kill(process.pid, 'SIGKILL') } })
    const sink = await TableSink.open(env, { place: { file, table: 'spent' }, columns: ['user', 'cents'], key: [], create: false, mode: 'append', journal: 'wal', busyMillis: 10000 })
    for (let batch = 0; batch < 10; batch++)
      await sink.deliver(Array.from({ length: 40 }, (_, i) => ['b' + batch, BigInt(i)]), { query: 'q', step: 's', batch, shard: 0 }, killed)
    sink.close()`
  const runOnce = (killAt: number): Promise<unknown> =>
    new Promise((resolve) =>
      spawn(process.execPath, ['--input-type=module', '-e', program, file, String(killAt)], { stdio: 'inherit' }).on(
        'exit',
        (code, signal) => resolve(signal ?? code),
      ),
    )
  // The points are numbered anew in each process, which begins with the deliveries of all those before it.
  for (const killAt of [1, 2, 3, 6, 9, 13]) expect(await runOnce(killAt)).toBe('SIGKILL')
  expect(await runOnce(0)).toBe(0)
  expect(db.prepare('SELECT user, count(*) AS n, count(DISTINCT cents) AS d FROM spent GROUP BY user').all()).toEqual(
    Array.from({ length: 10 }, (_, batch) => ({ user: `b${batch}`, n: 40, d: 40 })),
  )
  db.close()
}, 60_000)

it('two sinks that race for one file write everything', async () => {
  const { file, db } = database()
  const options = { file, table: 'spent', codec: Spent, create: true }
  await Promise.all([
    write(rows, options, { bundleSize: 1 }),
    write(rows, options, { bundleSize: 3 }),
    write(rows, { ...options, table: 'other' }, { bundleSize: 2 }),
  ])
  expect(all(db)).toHaveLength(100)
  expect(all(db, 'other')).toEqual(rows)
  db.close()
})

it('a database that others lock for long is waited for, and then named', async () => {
  const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)')
  const options = { file, table: 'spent', codec: Spent }
  await write([], options)
  db.exec('BEGIN IMMEDIATE')
  const failed = await failure(rows, { ...options, busyTimeout: 100 })
  expect(failed.code).toBe('MR-5305')
  expect(failed.message).toContain(`database "${file}", table "spent": it is locked by others for too long`)
  setTimeout(() => db.exec('COMMIT'), 150)
  await write(rows, options)
  expect(all(db)).toEqual(rows)
  db.close()
})

it('keeps the journal that a database has, if asked to, and reads while a reader holds it', async () => {
  const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)', "INSERT INTO spent VALUES ('', 0)")
  const reading = db.prepare('SELECT * FROM spent').iterate()
  reading.next()
  setTimeout(() => reading.return?.(), 150)
  await write(rows, { file, table: 'spent', codec: Spent, journal: 'keep' })
  expect(db.pragma('journal_mode', { simple: true })).toBe('delete')
  expect(all(db)).toHaveLength(51)
  db.close()
})

it('keeps every value as it is, whatever the column is declared as', async () => {
  const date = new t.Type<Date>(
    'Date',
    (u): u is Date => u instanceof Date && !Number.isNaN(u.getTime()),
    (u, c) => (u instanceof Date ? t.success(u) : t.failure(u, c)),
    t.identity,
  )
  const Row = t.type({
    i: t.Int,
    n: t.number,
    s: t.string,
    b: t.boolean,
    g: t.bigint,
    d: date,
    o: t.union([t.string, t.undefined]),
  })
  const at = new Date('2026-03-01T10:00:00.123Z')
  const values = [
    { i: 7 as t.Int, n: 0.1, s: 'a\0é🙂', b: true, g: 2n ** 63n - 1n, d: at, o: undefined },
    { i: -(2 ** 52) as t.Int, n: 1e300, s: '', b: false, g: -(2n ** 63n), d: new Date(-1), o: 'x' },
    { i: (2 ** 40) as t.Int, n: -Infinity, s: '12', b: true, g: 0n, d: new Date(0), o: '' },
  ]
  const declared = [
    'i INTEGER, n REAL, s TEXT, b INTEGER, g INTEGER, d INTEGER, o TEXT',
    'i, n, s, b, g, d, o',
    'i INT, n DOUBLE, s VARCHAR(9), b BOOLEAN, g BIGINT, d TEXT, o CLOB',
    undefined,
  ]
  for (const columns of declared) {
    const { file, db } = database(...(columns === undefined ? [] : [`CREATE TABLE x (${columns})`]))
    await write(values, { file, table: 'x', codec: Row, create: columns === undefined }, { strict: true, seed: 4 })
    const p = pipeline()
    p.apply('read', readTable({ file, table: 'x', codec: Row })).collect('rows')
    const read = (await run(p)).collect<t.TypeOf<typeof Row>>('rows')
    expect([...read].sort((a, b) => a.i - b.i)).toEqual([...values].sort((a, b) => a.i - b.i))
    expect(db.prepare('SELECT DISTINCT typeof(i) FROM x').pluck().all()).toEqual(['integer'])
    db.close()
  }
})

it('bytes, and values without a codec, are written as they are', async () => {
  const { file, db } = database('CREATE TABLE x (a, b)')
  await write([{ a: Uint8Array.of(0, 255), b: null }, { a: 5 }], { file, table: 'x', columns: ['a', 'b'] })
  expect(db.prepare('SELECT a, b, typeof(a) AS t FROM x').all()).toEqual([
    { a: Buffer.of(0, 255), b: null, t: 'blob' },
    { a: 5, b: null, t: 'integer' },
  ])
  db.close()
})

it.each([
  ['NaN', NaN],
  ['a bigint of 65 bits', 2n ** 63n],
  ['half of a character', '\ud800'],
  ['an object', { a: 1 }],
  ['a list', [1]],
  ['an invalid Date', new Date(NaN)],
  ['a function', () => 0],
])('%s is a letter, or fails the run before anything of it is written', async (_, value) => {
  const { file, db } = database('CREATE TABLE x (a)')
  expect(
    (
      await failure(
        [{ a: 1 }].map(() => ({ a: value })),
        { file, table: 'x', columns: ['a'] },
      )
    ).message,
  ).toMatch(/column cannot hold|cannot|no coder|function/)
  const p = pipeline()
  const bad = p.errors('bad', (letters) => letters.collect('letters'))
  p.create('n', [0, 1, 2])
    .map('row', (n) => (n === 1 ? { a: value } : { a: n }))
    .apply('write', writeTable({ file, table: 'x', columns: ['a'], onError: bad }))
  const result = await run(p)
  expect(result.collect<DeadLetter>('bad/letters').map(({ error }) => error.message)[0]).toMatch(/a column cannot hold/)
  expect(db.prepare('SELECT a FROM x ORDER BY a').pluck().all()).toEqual([0, 2])
  db.close()
})

it('a row that the table refuses takes back all that came with it, and names the table', async () => {
  const { file, db } = database('CREATE TABLE spent (user TEXT PRIMARY KEY, cents INTEGER CHECK (cents < 49))')
  const failed = await failure(rows, { file, table: 'spent', codec: Spent }, { bundleSize: 1000 })
  expect(failed.code).toBe('MR-5308')
  expect(failed.message).toMatch(/table "spent": it refuses a row.*SQLITE_CONSTRAINT_CHECK/)
  expect(all(db)).toEqual([])
  db.close()
})

it.each([
  [
    'a table that is not there',
    [],
    {},
    'MR-5301',
    /has no table "spent". Make it: CREATE TABLE "spent" \("user" TEXT NOT NULL, "cents" REAL NOT NULL\), or say create: true/,
  ],
  [
    'a column that is not there',
    ['CREATE TABLE spent (user)'],
    {},
    'MR-5301',
    /no column "cents". Add it: ALTER TABLE "spent" ADD COLUMN "cents" REAL;/,
  ],
  ['a view', ['CREATE VIEW spent AS SELECT 1 AS user, 2 AS cents'], {}, 'MR-5301', /is a view/],
  ['a computed column', ['CREATE TABLE spent (user, cents AS (1))'], {}, 'MR-5301', /nobody can write column "cents"/],
  [
    'a column that needs a value',
    ['CREATE TABLE spent (user, cents, at NOT NULL)'],
    {},
    'MR-5301',
    /column "at" must have a value/,
  ],
  [
    'a key that is none',
    ['CREATE TABLE spent (user, cents)'],
    { mode: 'upsert', key: 'user' },
    'MR-5307',
    /CREATE UNIQUE INDEX "spent_key" ON "spent" \("user"\)/,
  ],
  [
    'a key for some rows only',
    ['CREATE TABLE spent (user, cents)', 'CREATE UNIQUE INDEX i ON spent (user) WHERE cents > 0'],
    { mode: 'upsert', key: 'user' },
    'MR-5307',
    /is no key/,
  ],
  [
    "somebody else's table of marks",
    ['CREATE TABLE spent (user, cents)', 'CREATE TABLE millrace_deliveries (a)'],
    {},
    'MR-5306',
    /"millrace_deliveries" belongs to millrace/,
  ],
])('%s is refused before anything is written', async (_, statements, more, code, message) => {
  const { file, db } = database(...statements)
  db.pragma('journal_mode = WAL')
  const before = db.prepare('SELECT sql FROM sqlite_schema').all()
  const failed = await failure(rows, { file, table: 'spent', codec: Spent, ...more })
  expect(failed.message).toMatch(message)
  expect(failed.code).toBe(code)
  expect(db.prepare('SELECT sql FROM sqlite_schema').all()).toEqual(before)
  db.close()
})

it('a file that may not be written, a folder and a full disk are named', async () => {
  expect(await failure(rows, { file: join(root, 'none.db'), table: 'spent', codec: Spent })).toMatchObject({
    code: 'MR-5009',
  })
  expect(
    await failure(rows, { file: join(root, 'none', 'none.db'), table: 'spent', codec: Spent, create: true }),
  ).toMatchObject({ code: 'MR-5009' })
  const folder = join(root, 'folder.db')
  mkdirSync(folder)
  expect(await failure(rows, { file: folder, table: 'spent', codec: Spent })).toMatchObject({ code: 'MR-5009' })
  const { file, db } = database('CREATE TABLE spent (user TEXT, cents INTEGER)')
  db.close()
  if (process.getuid?.() !== 0) {
    chmodSync(file, 0o444)
    expect((await failure(rows, { file, table: 'spent', codec: Spent })).message).toMatch(/read-only/)
    chmodSync(file, 0o644)
  }
  const limited = new Database(file)
  // A limit of pages is to SQLite what a full disk is.
  limited.pragma(`max_page_count = ${limited.pragma('page_count', { simple: true }) as number}`)
  const readonly = new Database(file, { readonly: true })
  const failing: readonly (readonly [Database.Database, RegExp])[] = [
    [limited, /table "spent": it cannot be written: the disk is full.*SQLITE_FULL/],
    [readonly, /table "spent": it cannot be written: the file, its folder or its disk is read-only.*SQLITE_READONLY/],
  ]
  for (const [connection, message] of failing) {
    let error: unknown
    try {
      connection.prepare('INSERT INTO spent VALUES (?, 1)').run('x'.repeat(100_000))
    } catch (thrown) {
      error = databaseError(thrown, { file, table: 'spent' }, 'write')
    }
    expect(error).toMatchObject({ code: 'MR-5009' })
    expect(String(error)).toMatch(message)
    connection.close()
  }
})

it('options that do not fit are refused where they are written', () => {
  const codes = (options: object): unknown => {
    try {
      writeTable(options as WriteTableOptions<never>)
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }
  const given = { file: 'a.db', table: 'a', codec: Spent }
  expect(codes({ ...given, batch: 1 })).toBe('MR-1001')
  expect(codes({ ...given, mode: 'insert' })).toBe('MR-1002')
  expect(codes({ ...given, mode: 'upsert' })).toBe('MR-1003')
  expect(codes({ ...given, mode: 'upsert', key: 'id' })).toBe('MR-1002')
  expect(codes({ ...given, key: 'user' })).toBe('MR-1016')
  expect(codes({ file: 'a.db', table: 'a' })).toBe('MR-1003')
  expect(codes({ file: 'a.db', table: 'a', columns: ['a'], create: true })).toBe('MR-1003')
  expect(codes({ ...given, table: 'millrace_deliveries' })).toBe('MR-5302')
  expect(codes({ ...given, table: 'sqlite_schema' })).toBe('MR-5302')
  expect(codes({ ...given, codec: t.type({ a: t.array(t.string) }) })).toBe('MR-5304')
  expect(codes({ ...given, file: ':memory:' })).toBe('MR-1002')
})

it('two hundred hostile names are written to as names and nothing else', async () => {
  const pieces = [
    '"',
    '""',
    "'",
    ';',
    '--',
    '/*',
    '`',
    '[',
    ']',
    ' ',
    '\n',
    '?',
    '$a',
    '@b',
    ':c',
    '\\',
    'é',
    '🙂',
    'DROP TABLE safe',
    '__proto__',
    'x',
  ]
  const names = fc.sample(
    fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
    { numRuns: 500, seed: 12 },
  )
  const hostile = [...new Set(['__proto__', '"; DROP TABLE safe; --', 'excluded', ...names])].slice(0, 200)
  expect(hostile).toHaveLength(200)
  const { file, db } = database('CREATE TABLE safe (a)')
  const env = systemEnv()
  for (const [i, name] of hostile.entries()) {
    const table = `t${i}${name}`
    const field = { name, type: { kind: 'atomic', atomic: 'STRING', nullable: false } } as const
    const sink = await TableSink.open(env, {
      ...sinkOptions(file),
      place: { file, table },
      columns: [name],
      key: [name],
      mode: 'upsert',
      create: true,
      schema: { fields: [field] },
    })
    const row: unknown = JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(name)}}`)
    await sink.deliver([sink.valuesOf(row), sink.valuesOf(row)], { ...id(i), step: name }, env)
    sink.close()
    expect(
      db
        .prepare(`SELECT * FROM "${table.replaceAll('"', '""')}"`)
        .raw()
        .all(),
    ).toEqual([[name]])
  }
  expect(db.prepare('SELECT * FROM safe').all()).toEqual([])
  db.close()
}, 60_000)
