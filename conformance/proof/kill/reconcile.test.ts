/**
 * What the kill lane would say if something were lost, repeated, out of order, or counted wrongly.
 */
import { describe, expect, it } from 'vitest'
import { caseOf, failurePointOf, type KillCase } from './kill-case.js'
import { KillTable } from './kill-table.js'
import type { Row } from './places.js'
import { judgeAtEnd, judgeMeanwhile } from './reconcile.js'

const counters: KillCase = { ...caseOf(1), source: 'log', sink: 'log', pipeline: 'counters' }

/** What a run that nobody kills gives. */
function rowsOf({ records }: KillCase): Row[] {
  const counts = new Map<string, number>()
  return records.map(({ id, key }) => {
    const n = (counts.get(key) ?? 0) + 1
    counts.set(key, n)
    return { id, key, n, note: '' }
  })
}

describe('reconciliation', () => {
  it('finds nothing in a whole result', () => {
    expect(judgeAtEnd(counters, rowsOf(counters), 0)).toEqual({ lost: 0, repeated: 0, faults: [] })
  })

  it('finds a record that is missing, but not before the end', () => {
    const rows = rowsOf(counters).slice(0, -1)
    expect(judgeMeanwhile(counters, rows).faults).toEqual([])
    expect(judgeAtEnd(counters, rows, 0)).toMatchObject({ lost: 1, repeated: 0 })
  })

  it('finds a record that is there twice, at any time', () => {
    const rows = rowsOf(counters)
    rows.push(rows[3] as Row)
    expect(judgeMeanwhile(counters, rows)).toMatchObject({ repeated: 1, faults: ['repeated: 3'] })
  })

  it('finds one record in the place of another, which a count would not', () => {
    const rows = rowsOf(counters)
    rows[5] = rows[6] as Row
    expect(judgeAtEnd(counters, rows, 0)).toMatchObject({ lost: 1, repeated: 1 })
  })

  it('finds state that was forgotten, and state that was counted twice', () => {
    for (const by of [-1, 1]) {
      const rows = rowsOf(counters)
      const last = rows[rows.length - 1] as Row
      rows[rows.length - 1] = { ...last, n: last.n + by }
      expect(judgeAtEnd(counters, rows, 0).faults).toHaveLength(1)
    }
  })

  it('finds what is out of order where a log keeps it', () => {
    const key = counters.records[0]?.key
    const rows = rowsOf(counters)
    const [first, second] = rows.flatMap((row, at) => (row.key === key ? [at] : [])) as [number, number]
    ;[rows[first], rows[second]] = [rows[second] as Row, rows[first] as Row]
    expect(judgeAtEnd(counters, rows, 0).faults).toEqual([expect.stringContaining('out of order')])
    expect(judgeAtEnd({ ...counters, sink: 'append' }, rows, 0).faults).toEqual([])
  })

  it('finds a record that was neither put out nor counted as dropped', () => {
    const late: KillCase = { ...counters, source: 'replay', pipeline: 'windows', sink: 'append' }
    const none = { ...late, records: late.records.slice(0, 1) }
    expect(judgeAtEnd(none, [], 1).faults).toEqual([])
    expect(judgeAtEnd(none, [], 0)).toMatchObject({ lost: 1 })
    expect(judgeAtEnd({ ...none, source: 'log' }, [], 1).faults).toHaveLength(1)
  })

  it('finds a total that is not 0, and a pane that is not whole', () => {
    const total = { ...counters, pipeline: 'transfers' as const, records: counters.records.slice(0, 1) }
    const [{ id, key, at }] = total.records as [KillCase['records'][number]]
    expect(judgeAtEnd(total, [{ id, key, n: 1, note: '' }], 0).faults).toHaveLength(1)
    const start = at - (at % 10_000)
    const row = { id, key, n: 2, note: `${start} ${start + 10_000} 0` }
    expect(judgeAtEnd({ ...total, pipeline: 'windows' }, [row], 0).faults).toEqual([
      expect.stringContaining('has 1 rows, and said 2'),
    ])
  })
})

describe('a seed', () => {
  it('always makes the same case, and seeds make all kinds', () => {
    expect(caseOf(5)).toEqual(caseOf(5))
    const cases = Array.from({ length: 300 }, (_, seed) => caseOf(seed))
    expect(new Set(cases.map(({ source }) => source)).size).toBe(7)
    expect(new Set(cases.map(({ sink }) => sink)).size).toBe(5)
    expect(new Set(cases.map(({ pipeline }) => pipeline)).size).toBe(9)
    const pairs = new Set(cases.map(({ source, sink }) => `${source} ${sink}`))
    expect(pairs.size).toBe(35)
    // Some have other workers with each driver, and links that break.
    const [first = '', ...others] = cases.find(({ kills }) => kills.some((kill) => 'link' in kill))?.workersEach ?? []
    expect(others.some((workers) => workers !== first)).toBe(true)
  })
})

it('kills are counted by crash point, by failure point and sink, and those within a recovery by depth', () => {
  const table = new KillTable()
  table.killed('batch.commit', 0, counters, 'driver')
  table.killed('batch.commit', 1)
  table.killed('a moment', 2)
  table.refused(counters, 'incoming stream')
  table.silent(counters)
  const lines = table.lines()
  expect(lines.find((line) => line.includes('batch.commit '))).toMatch(/ 2$/)
  expect(lines.find((line) => line.startsWith('driver'))?.split(/\s{2,}/)).toEqual([
    'driver',
    '0 precise',
    '0 precise',
    '1 precise',
  ])
  expect(lines.find((line) => line.startsWith('network'))).toMatch(/0 precise +0 precise +1 precise$/)
  expect(lines.slice(-2)).toEqual([
    'kills within a recovery: 1 at depth 1, 1 at depth 2',
    'kills: 3, streams refused: 1, links silent: 1, lost 0, repeated 0',
  ])
  expect(table.missing()).toContain('driver × log failed 1 times of 3')
  expect(table.missing().at(-1)).toBe('3 kills of 500')
})

it('a kill is of the failure point at which it came', () => {
  const of = (at: string): string => failurePointOf({ at: '*', nth: 1 }, at)
  expect(
    ['batch.read', 'delivery.begin', 'text.write.rename', 'store.plan.after', 'batch.commit', 'a moment'].map(of),
  ).toEqual(['incoming stream', 'sink connection', 'sink system', 'manager', 'driver', 'driver'])
  expect(failurePointOf({ inUserCode: 3 }, 'user code')).toBe('processing')
  expect(failurePointOf({ stream: 'vanished' }, undefined)).toBe('incoming stream')
  expect(failurePointOf({ link: 'broken', commits: 1 }, 'link')).toBe('network')
})
