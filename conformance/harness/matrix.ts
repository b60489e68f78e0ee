/**
 * What a run of the suite came to: per area and runner, and per case with the reason. Published matrices are made of this
 * and of nothing else.
 */
import type { LeftOutRow } from '../cases/left-out.js'
import type { CaseReport, Status } from './run-case.js'

/** A case on all runners. */
export interface MatrixRow {
  readonly module: string
  readonly area: string
  readonly id: string
  readonly name: string
  /** In the order of the runners. */
  readonly reports: readonly Pick<CaseReport, 'status' | 'why' | 'runs' | 'claims'>[]
}

/** The whole run. */
export interface Matrix {
  readonly runners: readonly string[]
  /** Of each runner, in the order of the runners. */
  readonly modes: readonly (readonly string[])[]
  readonly seed: number
  readonly rows: readonly MatrixRow[]
  /** Rows of the catalogue that have no case. */
  readonly withoutCase: readonly LeftOutRow[]
}

/** Every status, in the order in which they are counted out, with its word. */
export const STATUS_WORDS: Readonly<Record<Status, string>> = {
  passed: 'passed',
  refused: 'refused',
  broken: 'known broken',
  leftOut: 'left out',
  failed: 'failed',
}
const STATUSES = Object.keys(STATUS_WORDS) as readonly Status[]

/** How often each status occurs for a runner in an area, or in all. */
export function countsOf(matrix: Matrix, runner: number, area?: string): Readonly<Record<Status, number>> {
  const counts = { passed: 0, refused: 0, broken: 0, leftOut: 0, failed: 0 }
  for (const row of matrix.rows) {
    const report = row.reports[runner]
    if (report !== undefined && (area === undefined || row.area === area)) counts[report.status]++
  }
  return counts
}

/** The areas, in the order of the rows. */
export function areasOf({ rows }: Matrix): readonly string[] {
  return [...new Set(rows.map(({ area }) => area))]
}

/** `12 passed, 1 refused`: what there is of each. */
export function countsText(counts: Readonly<Record<Status, number>>): string {
  const parts = STATUSES.filter((status) => counts[status] > 0).map(
    (status) => `${counts[status]} ${STATUS_WORDS[status]}`,
  )
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

/**
 * The matrix as text: areas, then why of everything that has not passed, then a count. What the runner must refuse and does
 * counts as passed there; what is left out counts as nothing.
 */
export function matrixText(matrix: Matrix): string {
  const { runners, rows, modes, seed, withoutCase } = matrix
  const table = [
    ['area', ...runners],
    ...areasOf(matrix).map((area) => [area, ...runners.map((_, at) => countsText(countsOf(matrix, at, area)))]),
    ['all', ...runners.map((_, at) => countsText(countsOf(matrix, at)))],
  ]
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  const lines = table.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const reasons = rows.flatMap(({ id, name, reports }) =>
    reports.flatMap(({ status, why }, at) =>
      status === 'passed'
        ? []
        : [`${status === 'failed' ? '✗' : '–'} ${id} ${name}: ${STATUS_WORDS[status]} on ${runners[at] ?? ''}: ${why}`],
    ),
  )
  return [
    ...lines,
    ...(reasons.length === 0 ? [] : ['', ...reasons]),
    ...(withoutCase.length === 0 ? [] : ['', ...withoutCase.map(({ id, reason }) => `– ${id} has no case: ${reason}`)]),
    '',
    ...(runners.length === 1 ? [] : modes.map((names, at) => `${runners[at] ?? ''}: ${modesText(names)}`)),
    `${runners.length === 1 ? modesText(modes[0] ?? []) : counted(runners.length, 'runner')}, seed ${seed}: ${counted(sumOf(rows, 'runs'), 'run')}, ${counted(sumOf(rows, 'claims'), 'claim')}`,
    `${passedOf(matrix)} passed, ${failedOf(matrix)} failed`,
  ].join('\n')
}

/** `2 modes (generated; closures)`. */
export function modesText(names: readonly string[]): string {
  return `${counted(names.length, 'mode')} (${names.join('; ')})`
}

/** `1 mode`, `10 modes`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Cases that hold, on all runners together: passed, or refused as they must be. */
export function passedOf(matrix: Matrix): number {
  return matrix.runners.reduce((sum, _, at) => {
    const { passed, refused } = countsOf(matrix, at)
    return sum + passed + refused
  }, 0)
}

/** Cases that failed, on all runners together. */
export function failedOf(matrix: Matrix): number {
  return matrix.runners.reduce((sum, _, at) => sum + countsOf(matrix, at).failed, 0)
}

function sumOf(rows: readonly MatrixRow[], what: 'runs' | 'claims'): number {
  return rows.reduce((sum, { reports }) => reports.reduce((inner, report) => inner + report[what], sum), 0)
}
