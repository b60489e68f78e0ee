import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Matrix } from '../harness/matrix.js'
import { listCases } from '../harness/suite.js'
import {
  COLUMNS_FILE,
  CONFORMANCE_PAGE,
  conformancePage,
  filesOf,
  publishedColumn,
  type PublishedColumn,
  withColumn,
} from './conformance-page.js'

const columns = JSON.parse(readFileSync(COLUMNS_FILE, 'utf8')) as readonly PublishedColumn[]
const report = { why: '', runs: 1, claims: 2 }
const matrix: Matrix = {
  runners: ['flink'],
  modes: [['engine']],
  seed: 1,
  rows: [
    { module: 'm', area: 'A', id: 'A-1', name: 'one', reports: [{ ...report, status: 'passed' }] },
    { module: 'm', area: 'A', id: 'A-2', name: 'two', reports: [{ ...report, status: 'refused', why: 'lacks x' }] },
    { module: 'm', area: 'B', id: 'B-1', name: 'three', reports: [{ ...report, status: 'broken', why: 'it <is> so' }] },
    { module: 'm', area: 'B', id: 'B-2', name: 'four', reports: [{ ...report, status: 'failed', why: 'it\nbroke' }] },
  ],
  withoutCase: [],
}

describe('the page of conformance', () => {
  it('is made of the columns, and by nobody', async () => {
    const files = await filesOf(columns)
    expect([...files.keys()]).toEqual([COLUMNS_FILE, CONFORMANCE_PAGE])
    for (const [path, text] of files) expect(readFileSync(path, 'utf8'), path).toBe(text)
  })

  it('counts as many cases for each runner as its column has areas and reasons for', async () => {
    expect(columns.length).toBeGreaterThan(0)
    const known = new Set((await listCases()).map(({ id }) => id))
    for (const { runner, all, areas, reasons } of columns) {
      for (const [status, count] of Object.entries(all)) {
        const inAreas = Object.values(areas).reduce((sum, counts) => sum + counts[status as keyof typeof counts], 0)
        expect(inAreas, `${runner} ${status}`).toBe(count)
        if (status === 'passed') continue
        const ids = reasons[status as keyof typeof reasons].flatMap((reason) => reason.ids)
        expect(ids, `${runner} ${status}`).toHaveLength(count)
        expect(ids.filter((id) => !known.has(id))).toEqual([])
      }
    }
  })

  it('says of each case that has not passed why', () => {
    const column = publishedColumn(matrix, '2026-01-02', 3.14159)
    expect(column).toMatchObject({ runner: 'flink', minutes: 3.1, runs: 4, claims: 8, all: { passed: 1, failed: 1 } })
    const page = conformancePage([column])
    expect(page).toMatch(/^\| A +\| 1\/2, 1 R +\|$/m)
    expect(page).toContain('- lacks x:\n  A-2')
    expect(page).toContain('- it \\<is\\> so:\n  B-1')
    expect(page).toContain('- it:\n  B-2')
  })

  it('replaces the column of a runner, and keeps the others in their order', () => {
    const of = (runner: string, date: string): PublishedColumn => ({ ...publishedColumn(matrix, date, 1), runner })
    const before = [of('direct', 'a'), of('flink', 'a'), of('prism', 'a')]
    expect(withColumn(before, of('flink', 'b')).map(({ runner, date }) => `${runner} ${date}`)).toEqual(['direct a', 'flink b', 'prism a']) // prettier-ignore
    expect(withColumn(before, of('micro-batch', 'b')).map(({ runner }) => runner)).toEqual(['direct', 'micro-batch', 'flink', 'prism']) // prettier-ignore
  })
})
