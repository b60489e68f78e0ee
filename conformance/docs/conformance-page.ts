/**
 * The matrix as the documentation has it: a column for each runner, as its lane has counted it, with the day on which it did.
 *
 * Law: the page is made of the columns, and of what was seen of known faults (`harness/engine-faults.ts`); nobody edits it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'
import { engineFault } from '../harness/engine-faults.js'
import { areasOf, countsOf, type Matrix } from '../harness/matrix.js'
import type { Status } from '../harness/run-case.js'

/** Where the columns are. */
export const COLUMNS_FILE = 'docs/conformance.json'
/** Where the page is. */
export const CONFORMANCE_PAGE = 'docs/conformance.md'

type Counts = Readonly<Record<Status, number>>

/** Cases that have not passed, for the same reason. */
interface Reason {
  readonly why: string
  readonly ids: readonly string[]
}

/** What a runner has come to. */
export interface PublishedColumn {
  readonly runner: string
  /** Year, month, day. */
  readonly date: string
  readonly minutes: number
  readonly modes: number
  readonly runs: number
  readonly claims: number
  readonly areas: Readonly<Record<string, Counts>>
  readonly all: Counts
  readonly reasons: Readonly<Record<Exclude<Status, 'passed'>, readonly Reason[]>>
}

/** In this order runners stand on the page. */
const ORDER = ['direct', 'micro-batch', 'flink', 'flink-cluster', 'prism']
const ID_LINE = 120

/** The column of the only runner of a matrix. @throws when it is a part of the suite: a page of parts would compare nothing. */
export function publishedColumn(matrix: Matrix, date: string, minutes: number): PublishedColumn {
  const [runner] = matrix.runners
  if (runner === undefined || matrix.runners.length > 1) throw new Error('a column is that of one runner')
  const sum = (what: 'runs' | 'claims'): number =>
    matrix.rows.reduce((total, { reports }) => total + (reports[0]?.[what] ?? 0), 0)
  return {
    runner,
    date,
    minutes: Number(minutes.toFixed(1)),
    modes: matrix.modes[0]?.length ?? 0,
    runs: sum('runs'),
    claims: sum('claims'),
    areas: Object.fromEntries(areasOf(matrix).map((area) => [area, countsOf(matrix, 0, area)])),
    all: countsOf(matrix, 0),
    reasons: {
      refused: reasonsOf(matrix, 'refused'),
      broken: reasonsOf(matrix, 'broken'),
      leftOut: reasonsOf(matrix, 'leftOut'),
      failed: reasonsOf(matrix, 'failed'),
    },
  }
}

function reasonsOf({ rows }: Matrix, status: Status): readonly Reason[] {
  const ids = new Map<string, string[]>()
  for (const { id, reports } of rows) {
    const [report] = reports
    if (report?.status !== status) continue
    const why = report.why.split('\n')[0] ?? ''
    ids.set(why, [...(ids.get(why) ?? []), id])
  }
  return [...ids].map(([why, of]) => ({ why, ids: of }))
}

/** The columns with one of them anew. */
export function withColumn(columns: readonly PublishedColumn[], column: PublishedColumn): readonly PublishedColumn[] {
  const others = columns.filter(({ runner }) => runner !== column.runner)
  return [...others, column].toSorted((a, b) => ORDER.indexOf(a.runner) - ORDER.indexOf(b.runner))
}

/** The files of columns, by path, as the repository has them. */
export async function filesOf(columns: readonly PublishedColumn[]): Promise<ReadonlyMap<string, string>> {
  const formatted = async (path: string, text: string): Promise<readonly [string, string]> => [
    path,
    await format(text, { ...(await resolveConfig(path)), filepath: path }),
  ]
  return new Map([
    await formatted(COLUMNS_FILE, JSON.stringify(columns)),
    await formatted(CONFORMANCE_PAGE, conformancePage(columns)),
  ])
}

/** Puts a column among those of the repository. */
export async function publish(column: PublishedColumn): Promise<void> {
  const columns = JSON.parse(readFileSync(COLUMNS_FILE, 'utf8')) as readonly PublishedColumn[]
  for (const [path, text] of await filesOf(withColumn(columns, column))) writeFileSync(path, text)
}

/** The page. */
export function conformancePage(columns: readonly PublishedColumn[]): string {
  const areas = [...new Set(columns.flatMap((column) => Object.keys(column.areas)))]
  const lines = [
    '# Conformance',
    '',
    'Every case of the [suite](../conformance/README.md) on every runner, by area. A cell has how many cases hold, of how many; behind it how many the runner refuses by name',
    'before anything runs (R), since it lacks a feature, how many are known to be broken there (B), how many are left out (–), and how many failed (✗).',
    '',
    ...tableOf([
      ['Area', ...columns.map(({ runner }) => runner)],
      ...areas.map((area) => [area, ...columns.map((column) => cellOf(column.areas[area]))]),
      ['**all**', ...columns.map((column) => `**${cellOf(column.all)}**`)],
    ]),
    '',
    ...tableOf([
      ['Runner', 'Made on', 'Modes', 'Runs', 'Claims', 'Minutes', 'By'],
      ...columns.map(({ runner, date, modes, runs, claims, minutes }) => [
        runner,
        date,
        String(modes),
        String(runs),
        String(claims),
        String(minutes),
        `\`npm run proof -- ${runner} --publish\``,
      ]),
    ]),
    '',
    'On direct and micro-batch every case runs in every mode: bundles of every size, both compilers of stages, restarts. Engines have one mode, in which many cases share a job; what such a job does',
    'not show is run alone. What engines cannot do, and how that is met, stands in [engines](engines.md#what-engines-cannot-do).',
    "Scenarios of one's own are played by [`millrace conformance --scenarios FILE --runners flink`](command-line.md#conformance), one answer a line.",
    ...columns.flatMap(sectionOf),
    '',
  ]
  return lines.join('\n')
}

function cellOf(counts: Counts | undefined): string {
  if (counts === undefined) return ''
  const { passed, refused, broken, leftOut, failed } = counts
  const marks = [
    [refused, 'R'],
    [broken, 'B'],
    [leftOut, '–'],
    [failed, '✗'],
  ] as const
  const others = marks.flatMap(([count, mark]) => (count === 0 ? [] : [`${count} ${mark}`]))
  return [`${passed}/${passed + refused + broken + leftOut + failed}`, ...others].join(', ')
}

function sectionOf({ runner, reasons }: PublishedColumn): readonly string[] {
  const parts = (
    [
      ['Refused', reasons.refused],
      ['Known to be broken', reasons.broken],
      ['Left out', reasons.leftOut],
      ['Failed', reasons.failed],
    ] as const
  ).filter(([, list]) => list.length > 0)
  if (parts.length === 0) return []
  return [
    '',
    `## ${runner}`,
    ...parts.flatMap(([title, list]) => [
      '',
      `${title}:`,
      '',
      ...list.flatMap(({ why, ids }) => [`- ${escape(why)}:`, ...wrapped(ids), ...seenOf(ids, runner)]),
    ]),
  ]
}

/** What was seen of cases that are known to be broken; a cluster of Flink breaks what Flink breaks. */
function seenOf([id = '']: readonly string[], runner: string): readonly string[] {
  const fault = engineFault(id, runner === 'flink-cluster' ? 'flink' : runner)
  return fault === undefined ? [] : ['', `  Seen: ${escape(fault.evidence)}`]
}

function wrapped(ids: readonly string[]): readonly string[] {
  const lines: string[] = []
  for (const [at, id] of ids.entries()) {
    const word = at === ids.length - 1 ? id : `${id},`
    const line = lines.at(-1)
    if (line === undefined || line.length + word.length >= ID_LINE) lines.push(`  ${word}`)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}

/** What Markdown would take for itself. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_<>[\]|$]/g, (sign) => `\\${sign}`)
}

function tableOf(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |` // prettier-ignore
  const [head = [], ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)]
}
