/** Reconciling by id: files, tables and logs of real runs. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import Sqlite from 'better-sqlite3'
import * as t from 'io-ts'
import { fixedWindows, pipeline, run } from 'millrace'
import { openLog, writeLog } from 'millrace/io/log'
import { writeTable } from 'millrace/io/sqlite'
import { writeLines } from 'millrace/io/text'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Feed } from '../../conformance/support/feeds.js'
import { compiled, leftOvers, start } from './fixtures/command.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-verify-test-'))
const at = (name: string): string => join(folder, name)
beforeAll(compiled, 240_000)
afterAll(() => {
  leftOvers()
  rmSync(folder, { recursive: true, force: true })
})

interface First {
  readonly id: string
  readonly at: number
  readonly inSink: number
  readonly batches?: readonly number[]
}

interface Manifest {
  readonly batch: number
  readonly files: readonly { readonly path: string }[]
}

interface Told {
  readonly fine: boolean
  readonly source: { readonly records: number; readonly ids: number }
  readonly sink: { readonly records: number; readonly ids: number }
  readonly lost: { readonly count: number; readonly first?: First }
  readonly tail: number
  readonly repeated: { readonly count: number; readonly first?: First }
  readonly unknown: { readonly count: number; readonly first?: First }
  readonly withoutId: { readonly count: number; readonly first?: string }
  readonly batchesBy?: string
  readonly batchesUnknown?: string
}

async function verify(
  source: string,
  sink: string,
  id: string,
  ...more: string[]
): Promise<readonly [number | null, Told]> {
  const { code, stdout, stderr, left } = await start([
    'verify',
    '--source',
    source,
    '--sink',
    sink,
    '--id',
    id,
    '--json',
    ...more,
  ]).ended
  expect([stderr, left.files]).toEqual(['', []])
  return [code, JSON.parse(stdout) as Told]
}

const orders = Array.from({ length: 500 }, (_, i) => ({ id: `o${i}`, nested: { id: i }, cents: i }))
const ndjson = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

describe('millrace verify', () => {
  it('finds every record that a run wrote into a table, and those that somebody took away or wrote twice', async () => {
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    const file = at('orders.sqlite')
    const p = pipeline()
    const Row = t.type({ id: t.string, cents: t.number })
    const rows = orders.map(({ id, cents }) => ({ id, cents }))
    p.create('orders', rows, { codec: Row }).apply(
      'write',
      writeTable({ file, table: 'orders', codec: Row, create: true }),
    )
    await run(p, { runner: 'micro-batch', checkpoint: at('checkpoint'), batchSize: 50 })
    const table = `sqlite:${file}#orders`
    expect(await verify(at('orders.ndjson'), table, 'id')).toMatchObject([
      0,
      { fine: true, source: { records: 500, ids: 500 }, sink: { records: 500 } },
    ])
    const db = new Sqlite(file)
    db.exec(
      "DELETE FROM orders WHERE id IN ('o7', 'o9'); INSERT INTO orders SELECT * FROM orders WHERE id = 'o30'; INSERT INTO orders (id, cents) VALUES ('ghost', 1)",
    )
    db.close()
    expect(await verify(at('orders.ndjson'), table, 'id')).toMatchObject([
      1,
      {
        lost: { count: 2, first: { id: 'o7', at: 8 } },
        repeated: { count: 1, first: { id: 'o30', inSink: 2 } },
        unknown: { count: 1, first: { id: 'ghost' } },
      },
    ])
  })

  it('reads CSV, lines, compressed files, globs and fields within fields', async () => {
    mkdirSync(at('parts'))
    writeFileSync(
      at('parts/a.csv'),
      `id,note\r\n${orders
        .slice(0, 250)
        .map(({ nested }) => `${nested.id},"a ""note"",\r\nof two lines"\r\n`)
        .join('')}`,
    )
    writeFileSync(
      at('parts/b.csv.gz'),
      gzipSync(
        `note,id\n${orders
          .slice(250)
          .map(({ nested }) => `,${nested.id}\n`)
          .join('')}`,
      ),
    )
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    expect(await verify(at('orders.ndjson'), at('parts/*.csv*'), 'nested.id', '--sink-id', 'id')).toMatchObject([
      0,
      { sink: { records: 500 } },
    ])
    writeFileSync(at('ids.txt'), orders.map(({ id }) => id).join('\n'))
    expect(await verify(at('ids.txt'), at('orders.ndjson'), 'line', '--sink-id', 'id')).toMatchObject([
      0,
      { fine: true },
    ])
  })

  it('names the batch of what is lost, repeated or unknown, where manifests or the checkpoint tell', async () => {
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    const out = at('in-batches')
    const p = pipeline()
    const feed = new Feed<(typeof orders)[number]>()
    for (const order of orders) feed.add(order, order.cents * 1000)
    feed.isClosed = true
    p.apply('orders', feed.read())
      .windowInto('by fifty', fixedWindows('50 seconds'))
      .map('as text', (order) => JSON.stringify(order))
      .apply('write', writeLines(join(out, 'orders.ndjson'), { shards: 1, manifest: at('manifests') }))
    await run(p, { runner: 'micro-batch', checkpoint: at('of-files'), batchSize: 50, bundleSize: 10 })
    const batches = new Map(
      readdirSync(at('manifests')).map((name) => {
        const { batch, files } = JSON.parse(readFileSync(at(`manifests/${name}`), 'utf8')) as Manifest
        return [
          readFileSync(files[0]?.path ?? '', 'utf8').includes('"o60"') ? 'second' : name,
          { batch, files },
        ] as const
      }),
    )
    expect(batches.size).toBeGreaterThan(3)
    const second = batches.get('second')
    const file = second?.files[0]?.path ?? ''
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .replace(/.*"o60".*\n/, '')
        .concat(`${JSON.stringify(orders[499])}\n`),
    )
    const [code, told] = await verify(at('orders.ndjson'), join(out, '*.ndjson'), 'id', '--manifest', at('manifests'))
    expect([code, told.lost]).toMatchObject([1, { count: 1, first: { id: 'o60', batches: [second?.batch] } }])
    expect(told.repeated.first).toMatchObject({ id: 'o499', inSink: 2 })
    expect(told.repeated.first?.batches).toHaveLength(2)
    expect(told.repeated.first?.batches?.[0]).toBe(second?.batch)
    const text = await start([
      'verify',
      '--source',
      at('orders.ndjson'),
      '--sink',
      join(out, '*.ndjson'),
      '--id',
      'id',
      '--manifest',
      at('manifests'),
    ]).ended
    expect(text.stdout).toMatch(new RegExp(`1 lost, first "o60".*, batch ${second?.batch}\n`))
    expect(text.stdout).toMatch(/1 repeated, first "o499".*, batches \d+, \d+\n/)
  })

  it('names the batch of what a log has got by the instants of the checkpoint', async () => {
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    const p = pipeline()
    p.create('orders', orders).apply('write', writeLog({ folder: at('log-of-batches'), topic: 'orders', create: {} }))
    await run(p, {
      runner: 'micro-batch',
      checkpoint: at('of-log'),
      batchSize: 50,
      bundleSize: 10,
      batchInterval: '20 ms',
    })
    const log = await openLog(at('log-of-batches'))
    log.append('orders', [{ value: orders[499] }, { value: { id: 'ghost' } }])
    log.close()
    const [, told] = await verify(
      at('orders.ndjson'),
      `log:${at('log-of-batches')}#orders`,
      'id',
      '--checkpoint',
      at('of-log'),
    )
    expect(told.batchesBy).toBe('time')
    expect(told.repeated.first).toMatchObject({ id: 'o499', inSink: 2, batches: [expect.any(Number)] })
    expect(told.unknown.first).toMatchObject({ id: 'ghost', batches: [expect.any(Number)] })
    const args = [
      'verify',
      '--source',
      at('orders.ndjson'),
      '--sink',
      `log:${at('log-of-batches')}#orders`,
      '--id',
      'id',
    ]
    const text = await start([...args, '--checkpoint', at('of-log')]).ended
    expect(text.stdout).toMatch(/1 unknown to the source, first "ghost".*, about batch \d+, by time\n/)
  })

  it('says no batch by the checkpoint of a query that has not written there, and says that it does not know', async () => {
    const q = pipeline()
    q.create('other', [1]).collect('all')
    await run(q, { runner: 'micro-batch', checkpoint: at('of-another') })
    const log = await openLog(at('log-of-others'))
    log.createTopic('orders', {})
    log.append('orders', [...orders.map((value) => ({ value })), { value: { id: 'ghost' } }])
    log.close()
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    const sink = `log:${at('log-of-others')}#orders`
    const [, told] = await verify(at('orders.ndjson'), sink, 'id', '--checkpoint', at('of-another'))
    expect(told.unknown.first).toMatchObject({ id: 'ghost' })
    expect(told.unknown.first).not.toHaveProperty('batches')
    expect(told.batchesUnknown).toMatch(/the log remembers no delivery of query \w+/)
    const args = ['verify', '--source', at('orders.ndjson'), '--sink', sink, '--id', 'id']
    const text = await start([...args, '--checkpoint', at('of-another')]).ended
    expect(text.stdout).not.toMatch(/batch \d/)
    expect(text.stdout).toContain('the batch is not known: the log remembers no delivery')
  })

  it('counts records of the sink that have no id, names the first, and judges the others', async () => {
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    writeFileSync(at('some.ndjson'), ndjson([orders[0], { name: 'none' }, ...orders.slice(2), { id: null }]))
    const [code, told] = await verify(at('orders.ndjson'), at('some.ndjson'), 'id')
    expect([code, told]).toMatchObject([1, { fine: false, lost: { count: 1, first: { id: 'o1' } } }])
    expect(told.withoutId).toEqual({
      count: 2,
      first: expect.stringMatching(/some\.ndjson:2 has no id "id"/) as string,
    })
    writeFileSync(at('some.csv'), `id\n${orders.map(({ id }) => id).join('\n')}\n,\n`)
    const [, table] = await verify(at('orders.ndjson'), at('some.csv'), 'id')
    expect(table).toMatchObject({ fine: false, lost: { count: 0 }, withoutId: { count: 1 } })
    const text = await start(['verify', '--source', at('orders.ndjson'), '--sink', at('some.ndjson'), '--id', 'id'])
      .ended
    expect(text.stdout).toMatch(/✘ 2 without an id in the sink, first: .*some\.ndjson:2 has no id/)
    writeFileSync(at('none.ndjson'), ndjson([{ name: 'none' }, { name: 'neither' }]))
    const none = await start(['verify', '--source', at('orders.ndjson'), '--sink', at('none.ndjson'), '--id', 'id'])
      .ended
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining(`none.ndjson:1 has no id "id"`)])
  })

  it('lets the end be missing, and nothing before it, where a stream is still running', async () => {
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    writeFileSync(at('so-far.ndjson'), ndjson(orders.slice(0, 400)))
    expect(await verify(at('orders.ndjson'), at('so-far.ndjson'), 'id')).toMatchObject([
      1,
      { lost: { count: 100 }, tail: 0 },
    ])
    expect(await verify(at('orders.ndjson'), at('so-far.ndjson'), 'id', '--allow-missing-tail')).toMatchObject([
      0,
      { tail: 100 },
    ])
    writeFileSync(at('so-far.ndjson'), ndjson([...orders.slice(0, 3), ...orders.slice(4, 400)]))
    expect(await verify(at('orders.ndjson'), at('so-far.ndjson'), 'id', '--allow-missing-tail')).toMatchObject([
      1,
      { lost: { count: 1, first: { id: 'o3' } } },
    ])
  })

  it('reads the topics of a log', async () => {
    const log = await openLog(at('log'))
    log.createTopic('orders', { partitions: 3 })
    log.append(
      'orders',
      orders.map((order) => ({ key: order.id, value: order })),
    )
    log.close()
    writeFileSync(at('orders.ndjson'), ndjson(orders))
    expect(await verify(at('orders.ndjson'), `log:${at('log')}#orders`, 'id')).toMatchObject([
      0,
      { sink: { ids: 500 } },
    ])
  })

  it('finds what is missing of ids that went in several times, but where the sink can hold each only once', async () => {
    const twice = [...orders, ...orders.slice(0, 10)].map(({ id, cents }) => ({ id, cents }))
    writeFileSync(at('twice.ndjson'), ndjson(twice))
    writeFileSync(at('all.ndjson'), ndjson(twice))
    writeFileSync(at('once.ndjson'), ndjson(orders))
    expect(await verify(at('twice.ndjson'), at('all.ndjson'), 'id')).toMatchObject([0, { fine: true }])
    expect(await verify(at('twice.ndjson'), at('once.ndjson'), 'id')).toMatchObject([
      1,
      { fine: false, lost: { count: 10, first: { id: 'o0', inSource: 2, inSink: 1 } } },
    ])
    expect(await verify(at('twice.ndjson'), at('once.ndjson'), 'id', '--allow-missing-tail')).toMatchObject([0, {}])
    const db = new Sqlite(at('keyed.sqlite'))
    db.exec(
      'BEGIN; CREATE TABLE keyed (id TEXT PRIMARY KEY); CREATE TABLE other (id TEXT, at INTEGER, UNIQUE (id, at))',
    )
    for (const { id } of orders) {
      db.prepare('INSERT INTO keyed VALUES (?)').run(id)
      db.prepare('INSERT INTO other VALUES (?, 1)').run(id)
    }
    db.exec('COMMIT')
    db.close()
    expect(await verify(at('twice.ndjson'), `sqlite:${at('keyed.sqlite')}#keyed`, 'id')).toMatchObject([0, {}])
    expect(await verify(at('twice.ndjson'), `sqlite:${at('keyed.sqlite')}#other`, 'id')).toMatchObject([
      1,
      { lost: { count: 10 } },
    ])
    const log = await openLog(at('keyed'))
    log.createTopic('last', { compact: true })
    log.append(
      'last',
      orders.map(({ id }) => ({ key: id, value: 1 })),
    )
    log.close()
    expect(await verify(at('twice.ndjson'), `log:${at('keyed')}#last`, 'id', '--sink-id', 'key')).toMatchObject([0, {}])
  })

  it('says which file is no database, or no log', async () => {
    writeFileSync(at('text.txt'), 'no database\n'.repeat(100))
    mkdirSync(at('none'))
    new Sqlite(at('none/log.sqlite')).exec('CREATE TABLE x (id)').close()
    for (const place of [`sqlite:${at('text.txt')}#x`, `log:${at('none')}#x`])
      for (const [source, sink] of [
        [place, at('text.txt')],
        [at('text.txt'), place],
      ] as const) {
        const { code, stderr } = await start(['verify', '--source', source, '--sink', sink, '--id', 'line']).ended
        expect([code, stderr]).toEqual([2, expect.stringContaining('MR-7027')])
        expect(stderr).not.toContain('    at ')
      }
  })

  it('refuses records without an id, naming the place, and what it cannot read', async () => {
    writeFileSync(at('bad.ndjson'), ndjson([{ id: 1 }, { name: 'none' }]))
    const bad = await start(['verify', '--source', at('bad.ndjson'), '--sink', at('bad.ndjson'), '--id', 'id']).ended
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining(`bad.ndjson:2 has no id "id"`)])
    const none = await start(['verify', '--source', at('nowhere.csv'), '--sink', 'x', '--id', 'id']).ended
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('MR-7027')])
    const lacking = await start(['verify', '--source', 'a']).ended
    expect([lacking.code, lacking.stderr]).toEqual([2, expect.stringContaining('--sink is missing')])
  })
})
