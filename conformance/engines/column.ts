/**
 * The column of an engine in the matrix: all cases, or some drawn by a seed.
 */
import { seededRandom } from 'millrace'
import { columnsOf } from '../harness/columns.js'
import type { Matrix, MatrixRow } from '../harness/matrix.js'
import { runShared, sharesJobs } from '../harness/shared-jobs.js'
import { type AddressedCase, leftOutOf, listCases } from '../harness/suite.js'

/** Which cases. */
export interface ColumnChoice {
  /** Ids, or how they begin, separated by commas. Default: all. */
  readonly only?: string
  /** How many of them, drawn by the seed. Default: all. */
  readonly sample?: number
  /** Whether only those are drawn that share jobs: the others take seconds each. */
  readonly isQuick?: boolean
  readonly seed: number
}

/** Runs them on an engine. */
export async function runColumn(
  engine: string,
  { only, sample, isQuick = false, seed }: ColumnChoice,
): Promise<Matrix> {
  const [column] = columnsOf(engine, 'all', seed)
  if (column === undefined) throw new Error(`there is no column ${engine}`)
  const { makeRunner, modes } = column
  const all = await listCases(only)
  const setting = { makeRunner, modes, inProcess: true }
  const listed = drawn(
    isQuick ? all.filter(({ of }) => of !== undefined && sharesJobs(of, setting)) : all,
    sample,
    seed,
  )
  const shared = await runShared(
    listed.flatMap(({ of }) => (of === undefined ? [] : [of])),
    setting,
  )
  const rows: MatrixRow[] = []
  for (const { module, area, id, name, run } of listed) {
    const { status, why, runs, claims } = shared.get(id) ?? (await run(setting))
    rows.push({ module, area, id, name, reports: [{ status, why, runs, claims }] })
  }
  return { runners: [engine], modes: [modes.map(({ name }) => name)], seed, rows, withoutCase: leftOutOf(only) }
}

/** So many of the cases, in their order. */
function drawn(all: readonly AddressedCase[], sample: number | undefined, seed: number): readonly AddressedCase[] {
  if (sample === undefined || sample >= all.length) return all
  const random = seededRandom(seed)
  const places = all.map((each, place) => ({ each, place, draw: random() }))
  return places
    .toSorted((a, b) => a.draw - b.draw)
    .slice(0, sample)
    .toSorted((a, b) => a.place - b.place)
    .map(({ each }) => each)
}
