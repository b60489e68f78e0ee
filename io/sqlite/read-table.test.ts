import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import * as t from 'io-ts'
import { afterAll, expect, expectTypeOf, it } from 'vitest'
import { type DeadLetter, errorCode, type PCollection, pipeline, run, type RunOptions } from 'millrace'
import { checkTracker } from 'millrace/testing'
import { readTable, type ReadTableOptions, type SqliteRow, type UnreadRow } from 'millrace/io/sqlite'
import { z } from 'zod'
import { ChangeTracker } from './change-tracker.js'
import { keyAfter, type KeyRange, KeyTracker, splitKeys } from './key-range.js'
import { missing } from './package.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
afterAll(() => rmSync(root, { recursive: true }))

let files = 0
function database(...statements: readonly string[]): string {
  const file = join(root, `${files++}.db`)
  const db = new Database(file)
  for (const statement of statements) db.exec(statement)
  db.close()
  return file
}

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

async function rowsOf(options: ReadTableOptions, way: RunOptions = {}): Promise<readonly unknown[]> {
  const p = pipeline()
  p.apply('read', readTable(options)).collect('rows')
  return (await run(p, way)).collect('rows')
}

async function failure(options: ReadTableOptions): Promise<{ readonly code: unknown; readonly message: string }> {
  const error: unknown = await rowsOf(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { code: errorCode(error), message: String(error) }
}

const Order = t.type({ id: t.Int, user: t.string, cents: t.Int, note: t.union([t.string, t.null]) })
const orders = Array.from({ length: 700 }, (_, i) => ({
  id: 3 * i + 1,
  user: `user ${i % 10}`,
  cents: i,
  note: i % 3 === 0 ? null : `note ${i}`,
}))
const shop = database(
  'CREATE TABLE orders (id INTEGER PRIMARY KEY, user TEXT, cents INTEGER, note TEXT)',
  'CREATE TABLE empty (a)',
)
{
  const db = new Database(shop)
  const insert = db.prepare('INSERT INTO orders VALUES (@id, @user, @cents, @note)')
  db.transaction(() => orders.forEach((order) => insert.run(order)))()
  db.close()
}

it('reads each row of a table once, in every way of running', async () => {
  for (const way of ways) {
    const rows = (await rowsOf({ file: shop, table: 'orders', codec: Order }, way)) as typeof orders
    expect([...rows].sort((a, b) => a.id - b.id)).toEqual(orders)
  }
})

it('gives the types of codec and columns', () => {
  const p = pipeline()
  expectTypeOf(p.apply('a', readTable({ file: shop, table: 'orders', codec: Order }))).toEqualTypeOf<
    PCollection<t.TypeOf<typeof Order>>
  >()
  expectTypeOf(p.apply('b', readTable({ file: shop, table: 'orders', columns: ['id', 'note'] }))).toEqualTypeOf<
    PCollection<SqliteRow<'id' | 'note'>>
  >()
})

it('reads columns, ranges, views and queries', async () => {
  expect(await rowsOf({ file: shop, table: 'orders', columns: ['cents'], range: { from: 4, to: 10 } })).toEqual([
    { cents: 1 },
    { cents: 2 },
  ])
  expect(
    await rowsOf({ file: shop, table: 'orders', columns: ['CENTS'], key: 'cents', range: { from: 699n } }),
  ).toEqual([{ CENTS: 699 }])
  expect(await rowsOf({ file: shop, table: 'empty' })).toEqual([])
  const query = 'SELECT cents / 100 AS hundred, user FROM orders WHERE user = ? AND cents < $below -- few; \n;'
  expect(
    await rowsOf({ file: shop, query: query.replace('$below', '?'), parameters: ['user 7', 300], key: 'hundred' }),
  ).toHaveLength(30)
  expect(
    await rowsOf({
      file: shop,
      query: query.replace('?', '@user'),
      parameters: { user: 'user 7', below: 300 },
      key: 'hundred',
    }),
  ).toHaveLength(30)
})

it('reads all rows of a query whose keys are alike, however bundles are cut', async () => {
  const query = 'SELECT cents / 650 AS half, id FROM orders'
  for (const way of ways)
    expect(
      new Set((await rowsOf({ file: shop, query, key: 'half' }, way)).map((row) => (row as { id: number }).id)).size,
    ).toBe(700)
})

it('reads tables without rowid by their key, and views by the one they are given', async () => {
  const file = database(
    'CREATE TABLE w (name TEXT PRIMARY KEY, n INTEGER UNIQUE) WITHOUT ROWID',
    "INSERT INTO w VALUES ('a', 2), ('b', 1)",
    'CREATE VIEW v AS SELECT n, name FROM w',
    'CREATE TABLE hidden (rowid TEXT, oid TEXT)',
    "INSERT INTO hidden VALUES ('x', 'y')",
  )
  expect(await rowsOf({ file, table: 'w', key: 'n' })).toEqual([
    { name: 'b', n: 1 },
    { name: 'a', n: 2 },
  ])
  expect(await rowsOf({ file, table: 'v', key: 'n', columns: ['name'] })).toEqual([{ name: 'b' }, { name: 'a' }])
  expect(await rowsOf({ file, table: 'hidden' })).toEqual([{ rowid: 'x', oid: 'y' }])
  expect(await failure({ file, table: 'w' })).toMatchObject({ code: 'MR-5303' })
  expect((await failure({ file, table: 'v' })).message).toMatch(/view "v" has no rowid .* key/)
})

it('never rounds a whole number, and gives bytes and NULL as they are', async () => {
  const file = database(
    'CREATE TABLE n (id INTEGER PRIMARY KEY, v)',
    `INSERT INTO n VALUES (-9223372036854775808, 9223372036854775807), (-5, 9007199254740993), (0, -9007199254740993),
      (1, 1e300), (2, 0.5), (3, x'00ff'), (4, NULL), (5, 'a' || char(0) || 'b'), (9223372036854775807, x'')`,
  )
  for (const way of ways) {
    const rows = (await rowsOf({ file, table: 'n' }, way)) as { id: number | bigint; v: unknown }[]
    expect(rows.sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      { id: -9223372036854775808n, v: 9223372036854775807n },
      { id: -5, v: 9007199254740993n },
      { id: 0, v: -9007199254740993n },
      { id: 1, v: 1e300 },
      { id: 2, v: 0.5 },
      { id: 3, v: Uint8Array.of(0, 255) },
      { id: 4, v: null },
      { id: 5, v: 'a\0b' },
      { id: 9223372036854775807n, v: new Uint8Array() },
    ])
    expect(rows[5]?.v?.constructor).toBe(Uint8Array)
  }
})

it('gives a codec bigints, booleans, Dates and undefined', async () => {
  const date = new t.Type<Date>(
    'Date',
    (u): u is Date => u instanceof Date && !Number.isNaN(u.getTime()),
    (u, c) => (u instanceof Date ? t.success(u) : t.failure(u, c)),
    t.identity,
  )
  const codec = t.type({ big: t.bigint, is: t.boolean, at: date, text: date, none: t.union([t.string, t.undefined]) })
  const file = database(
    'CREATE TABLE k (big, "is", at, text TEXT, none)',
    "INSERT INTO k VALUES (7, 1, 1000, '2026-03-01 10:00:00', NULL), (9007199254740993, 0, 0, '2026-03-01T10:00:00.5Z', 'x')",
  )
  expect(await rowsOf({ file, table: 'k', codec }, { strict: true, seed: 5 })).toEqual([
    { big: 7n, is: true, at: new Date(1000), text: new Date('2026-03-01T10:00:00Z'), none: undefined },
    { big: 9007199254740993n, is: false, at: new Date(0), text: new Date('2026-03-01T10:00:00.500Z'), none: 'x' },
  ])
})

it('makes letters of rows that do not fit, naming table and rowid, or fails the run', async () => {
  const file = database(
    'CREATE TABLE mixed (id INTEGER PRIMARY KEY, n)',
    "INSERT INTO mixed VALUES (1, 1), (17, 'many'), (18, 9007199254740993), (20, 2)",
  )
  const codec = t.type({ n: t.number })
  const { code, message } = await failure({ file, table: 'mixed', codec })
  expect(code).toBe('MR-4001')
  expect(message).toContain(`database "${file}", table "mixed", rowid 17: `)
  for (const given of [
    codec,
    z.object({ n: z.number() }),
    z.object({ n: z.number().refine(async () => Promise.resolve(true)) }),
  ])
    for (const way of ways) {
      const p = pipeline()
      const bad = p.errors('bad', (letters) => letters.collect('letters'))
      p.apply('read', readTable({ file, table: 'mixed', codec: given, columns: ['n'], onError: bad })).collect('rows')
      const result = await run(p, way)
      expect(result.collect('rows')).toEqual([{ n: 1 }, { n: 2 }])
      const letters = result.collect<DeadLetter<UnreadRow>>('bad/letters')
      expect(letters.map(({ element }) => element.key)).toEqual([17, 18])
      expect(letters[0]?.element).toMatchObject({ file, table: 'mixed', code: 'MR-4001', row: { n: 'many' } })
      expect(letters[0]?.error.message).toMatch(/table "mixed", rowid 17: /)
    }
})

it('reads what was there when it began, and not what comes in between', async () => {
  const file = database('CREATE TABLE g (id INTEGER PRIMARY KEY)', 'INSERT INTO g VALUES (1), (2), (3)')
  const db = new Database(file)
  const p = pipeline()
  p.apply('read', readTable({ file, table: 'g' }))
    .map('write', (row) => {
      db.prepare('INSERT INTO g DEFAULT VALUES').run()
      return row
    })
    .collect('rows')
  const result = await run(p, { bundleSize: 1 })
  db.close()
  expect(result.collect('rows')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
})

it.each([
  [
    'a file that is not there',
    { file: join(root, 'none.db'), table: 'a' },
    'MR-5001',
    /none\.db.*there is no such file/,
  ],
  ['a folder that is not there', { file: join(root, 'no', 'none.db'), table: 'a' }, 'MR-5001', /no folder/],
  [
    'a table that is not there',
    { file: shop, table: 'order' },
    'MR-5301',
    /has no table "order"\. It has \["orders", "empty"\]/,
  ],
  [
    'a column that is not there',
    { file: shop, table: 'orders', columns: ['centz'] },
    'MR-5301',
    /no column "centz"; it has \["id"/,
  ],
  ['a key that is not there', { file: shop, table: 'orders', key: 'idd' }, 'MR-5301', /no column "idd"/],
  [
    'a key that is no whole number',
    { file: shop, table: 'orders', key: 'note' },
    'MR-5303',
    /700 rows have no whole number in "note"/,
  ],
  ['a query that is none', { file: shop, query: 'SELEC 1', key: 'a' }, 'MR-5004', /SQLITE_ERROR: near/],
  [
    'a query that writes',
    { file: shop, query: 'DELETE FROM orders RETURNING id', key: 'id' },
    'MR-5004',
    /SQLITE_ERROR/,
  ],
  [
    'a query with a column twice',
    { file: shop, query: 'SELECT id, id AS ID FROM orders', key: 'id' },
    'MR-5301',
    /two columns "ID"/,
  ],
  [
    'a query without its key',
    { file: shop, query: 'SELECT id FROM orders', key: 'user' },
    'MR-5301',
    /gives no column "user"; it gives id/,
  ],
] as const)('%s fails the run by name', async (_, options, code, message) => {
  const failed = await failure(options)
  expect(failed.message).toMatch(message)
  expect(failed.code).toBe(code)
})

it('a file that is no database fails the run by name', async () => {
  const file = join(root, 'text.db')
  writeFileSync(file, 'no database at all, but a text that is long enough to have a header. '.repeat(20))
  expect(await failure({ file, table: 'a' })).toMatchObject({ code: 'MR-5004' })
})

it('options that say nothing or too much are refused where they are written', () => {
  const codes = (options: object): unknown => {
    try {
      readTable(options as ReadTableOptions)
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }
  expect(codes({ file: shop, table: 'a', tabel: 'a' })).toBe('MR-1001')
  expect(codes({ file: shop })).toBe('MR-1003')
  expect(codes({ file: shop, table: 'a', query: 'SELECT 1' })).toBe('MR-1003')
  expect(codes({ file: shop, query: 'SELECT 1' })).toBe('MR-1003')
  expect(codes({ file: ':memory:', table: 'a' })).toBe('MR-1002')
  expect(codes({ file: '', table: 'a' })).toBe('MR-1004')
  expect(codes({ file: shop, table: 'a', parameters: [1] })).toBe('MR-1016')
  expect(codes({ file: shop, table: 'a', columns: [] })).toBe('MR-1004')
  expect(codes({ file: shop, table: 'a', range: { from: 0.5 } })).toBe('MR-1002')
  expect(codes({ file: shop, table: 'a', range: { start: 1 } })).toBe('MR-1001')
  expect(codes({ file: shop, table: 'a', codec: 7 })).toBe('MR-1004')
  expect(codes({ file: shop, table: 'a', codec: t.type({ list: t.array(t.number) }) })).toBe('MR-5304')
  for (const name of ['', 'a\0b', '\ud800', 'x'.repeat(256)]) expect(codes({ file: shop, table: name })).toBe('MR-5302')
})

it('a missing package is one error with the line that installs it', () => {
  expect(() => missing('readTable', new Error('not found'))).toThrow(/not found.*npm install better-sqlite3@12/)
})

it('two hundred hostile names are names and nothing else', async () => {
  const pieces = [
    '"',
    '""',
    "'",
    ';',
    '--',
    '/*',
    '*/',
    '`',
    '[',
    ']',
    ' ',
    '\n',
    '%',
    '?',
    '$a',
    '@b',
    ':c',
    '\\',
    'é',
    '🙂',
    'DROP TABLE orders',
    '__proto__',
    'constructor',
    'x',
  ]
  const names = [
    ...fc.sample(
      fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
      { numRuns: 400, seed: 11 },
    ),
  ]
  const hostile = [...new Set(['__proto__', '"; DROP TABLE orders; --', 'rowid"', 'select', ...names])].slice(0, 200)
  expect(hostile).toHaveLength(200)
  const file = database('CREATE TABLE orders (id)')
  const db = new Database(file)
  const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
  for (const [i, name] of hostile.entries()) {
    db.exec(`CREATE TABLE ${quote(`t${i}${name}`)} (${quote(name)}, "other")`)
    db.prepare(`INSERT INTO ${quote(`t${i}${name}`)} VALUES (?, 1)`).run(i)
  }
  db.close()
  for (const [i, name] of hostile.entries()) {
    const [row] = await rowsOf({ file, table: `t${i}${name}`, columns: [name] })
    expect(Object.getOwnPropertyDescriptor(row, name)?.value).toBe(i)
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  }
  expect(await rowsOf({ file, table: 'orders' })).toEqual([])
}, 60_000)

it('a tracker of keys loses none and gives none twice, wherever it is split', () => {
  const key = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
  fc.assert(
    fc.property(
      fc.uniqueArray(key.map(BigInt), { minLength: 1, maxLength: 30 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (keys, fractions, parts) => {
        const sorted = keys
          .sort((a, b) => (a < b ? -1 : 1))
          .map((each) => (Number.isSafeInteger(Number(each)) ? Number(each) : each))
        const last = BigInt(sorted.at(-1) as bigint)
        const queue: KeyRange[] = [...splitKeys({ from: sorted[0] as number, to: last + 1n }, parts)]
        const seen: (number | bigint)[] = []
        for (let range = queue.shift(); range !== undefined; range = queue.shift()) {
          const tracker = new KeyTracker(range)
          for (const each of sorted) {
            if (each < tracker.currentRestriction().from) continue
            if (!tracker.tryClaim(each)) break
            seen.push(each)
            const fraction = fractions.pop()
            const rest = fraction === undefined ? undefined : tracker.trySplit(fraction)
            if (rest !== undefined) queue.push(rest)
          }
          const { remaining } = tracker.progress()
          expect(remaining).toBeGreaterThanOrEqual(0)
        }
        expect(seen.map(BigInt).sort((a, b) => (a < b ? -1 : 1))).toEqual(keys)
      },
    ),
  )
})

it('keeps the laws of trackers, also for keys that are bigints', () => {
  const positions = ({ from, to }: KeyRange): readonly (number | bigint)[] =>
    Array.from({ length: Number(BigInt(to) - BigInt(from)) }, (_, i) => keyAfter(from, i))
  for (const from of [-3, Number.MAX_SAFE_INTEGER - 4, 2n ** 62n, -(2n ** 63n)])
    checkTracker((range: KeyRange) => new KeyTracker(range), {
      restriction: { from, to: keyAfter(from, 9) },
      positions,
    })
  const tracker = new ChangeTracker({ from: 1, to: 9 })
  tracker.tryClaim(1)
  expect(tracker.trySplit(0.5)).toBe(undefined)
  expect(tracker.trySplit(0)).toEqual({ from: 2, to: 9 })
})
