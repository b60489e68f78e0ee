/** A checkpoint that breaks an invariant is named by its number and file, with a way to start safely; the page has the same table. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pipeline, run } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadSqlite } from '../micro-batch/store/sqlite-database.js'
import { SqliteFiles } from '../micro-batch/store/sqlite-files.js'
import type { LogTable } from '../micro-batch/store/store-tables.js'
import { fsck } from './fsck.js'
import { INVARIANTS, restartsFor } from './invariants.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-invariants-'))
const clean = join(folder, 'clean')
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeAll(async () => {
  const p = pipeline()
  const numbers = Array.from({ length: 30 }, (_, i) => i)
  p.create('numbers', numbers)
    .keyBy('by', (n) => n % 5)
    .countPerKey('count')
    .collect('out')
  await run(p, { runner: 'micro-batch', checkpoint: clean, batchSize: 7 })
})

/** Writes what no driver would, with valid checksums. */
async function brokenBy(write: (log: LogTable, committed: number) => void): Promise<readonly string[]> {
  const broken = join(folder, 'broken')
  rmSync(broken, { recursive: true, force: true })
  cpSync(clean, broken, { recursive: true })
  const log = new SqliteFiles(await loadSqlite(), broken).openLog(false)
  log.transaction(true, () => write(log, log.committedBatch()))
  log.settle()
  log.close()
  for (const each of readdirSync(broken)) utimesSync(join(broken, each), 1, 1)
  return (await fsck(broken)).faults.map(({ invariant, where }) => `${invariant} ${where}`)
}

const content = (log: LogTable): Uint8Array => log.bodies(0).get(log.committedBatch())?.content ?? new Uint8Array()
const newest = (log: LogTable) => log.headers(log.committedBatch())[0]
const plan = (batch: number, instant: number, epoch = 1) => ({ batch, instant, epoch, content: new Uint8Array([0]) })

const cases: readonly (readonly [
  invariant: string,
  what: string,
  write: (log: LogTable, committed: number) => void,
])[] = [
  ['I1', 'two batches are planned', (log, at) => log.putPlan(plan(at + 2, Date.now() + 1e6))],
  ['I2', 'a plan has another instant than its commit', (log, at) => log.putPlan(plan(at, 1))],
  ['I3', 'what is not committed is delivered', (log, at) => log.putDelivered(at + 4)],
  ['I5', 'the instant of the next plan is earlier', (log, at) => log.putPlan(plan(at + 1, 1))],
  ['I7', 'a plan has an epoch that no lease had', (log, at) => log.putPlan(plan(at + 1, Date.now() + 1e6, 99))],
]

describe('fsck', () => {
  it.each(cases)('names %s where %s', async (invariant, _, write) => {
    expect(await brokenBy(write)).toContain(`${invariant} log.sqlite`)
    expect(restartsFor([{ invariant }]).length).toBe(1)
  })

  it('finds nothing in the same checkpoint as it was', async () => {
    expect(
      await brokenBy((log) => expect([content(log).length > 0, newest(log) !== undefined]).toEqual([true, true])),
    ).toEqual([])
  })

  it('has a broken checkpoint here for each invariant that it judges', () => {
    const judged = INVARIANTS.filter(({ name, restart }) => restart !== undefined && name !== 'format')
    expect(cases.map(([name]) => name)).toEqual(judged.map(({ name }) => name))
  })
})

it('docs/guarantees.md has the table of invariants', () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/guarantees.md', import.meta.url)), 'utf8')
  const rows = [...page.matchAll(/^\| `(format|I\d)` +\| (.*?) +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells)
  expect(rows).toEqual(
    INVARIANTS.map(({ name, law, lanes, restart }) => [
      name,
      law,
      `${restart === undefined ? '' : '`fsck`, and '}lanes ${lanes.map((lane) => `\`${lane}\``).join(', ')}`,
    ]),
  )
})
