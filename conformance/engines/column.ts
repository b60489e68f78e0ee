/**
 * The column of an engine in the matrix: all cases, or some drawn by a seed.
 */
import { seededRandom } from 'millrace'
import { columnsOf } from '../harness/columns.js'
import type { Matrix, MatrixRow } from '../harness/matrix.js'
import { runsAlone, runShared, type SharedJob, sharesJobs } from '../harness/shared-jobs.js'
import { type CaseReport, knownFault } from '../harness/run-case.js'
import { type AddressedCase, leftOutOf, listCases } from '../harness/suite.js'

/** Which cases. */
export interface ColumnChoice {
  /** Ids, or how they begin, separated by commas. Default: all. */
  readonly only?: string
  /** How many of them, drawn by the seed, without those that take an engine minutes. Default: all. */
  readonly sample?: number
  /** Whether only those are drawn that share jobs, or only those that need one of their own: seconds each. Default: any. */
  readonly jobs?: 'shared' | 'own'
  readonly seed: number
  /** Told of every job of many cases when it is over. */
  readonly toldJob?: (job: SharedJob) => void
  /** Told of every case that had a job to itself, or none. */
  readonly toldCase?: (report: CaseReport, millis: number) => void
}

/** Runs them on an engine. */
export async function runColumn(
  engine: string,
  { only, sample, jobs, seed, toldJob, toldCase }: ColumnChoice,
): Promise<Matrix> {
  const [column] = columnsOf(engine, 'all', seed)
  if (column === undefined) throw new Error(`there is no column ${engine}`)
  const { makeRunner, modes } = column
  const all = await listCases(only)
  const setting = { makeRunner, modes, inProcess: true }
  const { name: runner } = makeRunner()
  const isEndless = ({ of }: AddressedCase): boolean => of !== undefined && knownFault(of, runner)?.isEndless === true
  const isLarge = ({ of }: AddressedCase): boolean => of?.kind === 'pipeline' && of.isLong === true
  const hasJob = (each: AddressedCase): boolean => {
    if (sample !== undefined && (isEndless(each) || isLarge(each))) return false
    if (jobs === undefined || each.of === undefined) return jobs === undefined
    return jobs === 'shared' ? sharesJobs(each.of, setting) : runsAlone(each.of, setting)
  }
  const listed = drawn(all.filter(hasJob), sample, seed)
  const shared = await runShared(
    listed.flatMap(({ of }) => (of === undefined ? [] : [of])),
    setting,
    toldJob,
  )
  const reports = new Map(shared)
  const alone = listed.filter(({ id }) => !shared.has(id))
  const runEach = async (cases: readonly AddressedCase[], atOnce: number): Promise<void> => {
    const left = [...cases]
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const began = performance.now()
        const report = await next.run(setting)
        reports.set(next.id, report)
        toldCase?.(report, performance.now() - began)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
  }
  const atOnce = modes[0]?.atOnce ?? 1
  await runEach(alone.filter((each) => !isEndless(each) && !isLarge(each)), atOnce) // prettier-ignore
  // Two of them are more than an engine of 1 GB has room for.
  await runEach(alone.filter((each) => isLarge(each) && !isEndless(each)), 1) // prettier-ignore
  // Who does not end takes the engine along.
  await runEach(alone.filter(isEndless), 1)
  // Nobody fails for a neighbour.
  if (atOnce > 1) await runEach(alone.filter(({ id }) => reports.get(id)?.status === 'failed'), 1) // prettier-ignore
  const rows = listed.map(({ module, area, id, name }): MatrixRow => {
    const report = reports.get(id)
    if (report === undefined) throw new Error(`${id} has no report`)
    const { status, why, runs, claims } = report
    return { module, area, id, name, reports: [{ status, why, runs, claims }] }
  })
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
