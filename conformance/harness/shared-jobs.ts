/**
 * Many cases in one job: an engine takes seconds to begin a job, and milliseconds for a case.
 *
 * Law: assertions count for each case as they do where it runs alone. A case that does not hold among others is run alone, and
 * what it comes to there is its report: nobody fails for a neighbour. A job that cannot be run is halved until it is known why.
 */
import { Pipeline, type PipelineResult } from 'millrace'
import { isStream } from '../../runners/distributed/job-options.js'
import { type ConformanceCase, NOT_RUN } from '../cases/case.js'
import { assertionFault, assertionsOf } from './count-assertions.js'
import type { Mode } from './modes.js'
import { type CaseReport, knownFault, needsOf, optionsIn, playingsOf, type Setting, whyNotIn } from './run-case.js'
import { RUN_MILLIS_MAX, runToEnd } from './run-to-end.js'
import { buildTranscript } from './run-transcript.js'

/** What a mode shares. */
export interface Sharing {
  /** Transforms in a job, about: what an engine of 1 GB has room for. */
  readonly transforms: number
  /** Whether scripts may be among them: some engines play one script in a job. */
  readonly scripts: boolean
}

/** A job of many cases that is over. */
export interface SharedJob {
  readonly cases: readonly string[]
  /** Those that hold. The others run alone, or in smaller jobs where this one could not be run. */
  readonly holding: readonly string[]
  readonly millis: number
  readonly error: Error | undefined
}

type JobTold = (job: SharedJob) => void

/** So long a job may take for each of its cases, beside what any may take. */
const CASE_MILLIS = 1500

/**
 * Runs those of the cases that may run beside others, many to a job.
 *
 * @returns reports of those that hold, by id; whoever is not among them is to be run alone.
 */
export async function runShared(
  cases: readonly ConformanceCase[],
  { makeRunner, modes }: Setting,
  told: JobTold = () => undefined,
): Promise<ReadonlyMap<string, CaseReport>> {
  const reports = new Map<string, CaseReport>()
  const [mode] = modes
  if (mode === undefined) return reports
  for (const job of jobsOf(cases, { makeRunner, modes }))
    await runJob(job, { makeRunner, modes, inProcess: true }, mode, reports, told)
  return reports
}

/** The cases that may share jobs, by job. */
export function jobsOf(
  cases: readonly ConformanceCase[],
  { makeRunner, modes }: Pick<Setting, 'makeRunner' | 'modes'>,
): readonly (readonly ConformanceCase[])[] {
  const [mode] = modes
  const sharing = mode?.shares
  if (mode === undefined || sharing === undefined || modes.length > 1) return []
  const open = new Map<boolean, { cases: ConformanceCase[]; transforms: number }>()
  const jobs: (readonly ConformanceCase[])[] = []
  for (const of of cases) {
    if (!sharesJobs(of, { makeRunner, modes })) continue
    const built = builtOf(of, mode)
    const transforms = built.graph.components.transforms.size
    // What runs as a stream would make a stream of what runs as a batch.
    const job = open.get(isStream(built))
    if (job !== undefined && job.transforms + transforms <= sharing.transforms) {
      job.cases.push(of)
      job.transforms += transforms
      continue
    }
    const begun = { cases: [of], transforms }
    open.set(isStream(built), begun)
    jobs.push(begun.cases)
  }
  return jobs
}

/** Whether a case runs beside others. */
export function sharesJobs(of: ConformanceCase, setting: Pick<Setting, 'makeRunner' | 'modes'>): boolean {
  const [mode] = setting.modes
  return mode?.shares !== undefined && isSupported(of, setting) && mayShare(of, mode, setting.makeRunner(mode).name)
}

/** Whether a case has a job, or several, to itself. */
export function runsAlone(of: ConformanceCase, setting: Pick<Setting, 'makeRunner' | 'modes'>): boolean {
  const hasJobs = of.kind === 'pipeline' || of.kind === 'transcript'
  const [mode] = setting.modes
  if (!hasJobs || mode === undefined || whyNotIn(of, mode) !== undefined) return false
  return isSupported(of, setting) && !sharesJobs(of, setting)
}

function isSupported(
  of: ConformanceCase,
  { makeRunner, modes: [mode] }: Pick<Setting, 'makeRunner' | 'modes'>,
): boolean {
  const { features } = makeRunner(mode)
  return needsOf(of).every((feature) => features.has(feature) && mode?.lacks?.includes(feature) !== true)
}

/** Whether a case says nothing of its run as a whole: of its result, its failure, its end, its clock. */
function mayShare(of: ConformanceCase, mode: Mode, runner: string): boolean {
  if (knownFault(of, runner) !== undefined || whyNotIn(of, mode) !== undefined) return false
  if (of.kind === 'transcript') return mode.shares?.scripts === true
  if (of.kind !== 'pipeline') return false
  if (
    of.fails !== undefined ||
    of.ends !== undefined ||
    of.setsClock === true ||
    of.isLong === true ||
    of.build.length > 1
  )
    return false
  if (needsOf(of).includes('testStream') && mode.shares?.scripts !== true) return false
  return of.build(new Pipeline(), NOT_RUN) === undefined
}

function build(p: Pipeline, of: ConformanceCase, mode: Mode): void {
  if (of.kind === 'pipeline') of.build(p, NOT_RUN)
  if (of.kind !== 'transcript') return
  for (const playing of playingsOf(of, mode))
    p.apply(`${playing.by} ${playing.keys.length}`, (scoped) => buildTranscript(scoped, of, playing))
}

function builtOf(of: ConformanceCase, mode: Mode): ReturnType<Pipeline['build']> {
  const p = new Pipeline()
  build(p, of, mode)
  return p.build()
}

async function runJob(
  cases: readonly ConformanceCase[],
  setting: Setting,
  mode: Mode,
  reports: Map<string, CaseReport>,
  told: JobTold,
): Promise<void> {
  if (cases.length < 2) return
  const began = performance.now()
  const p = new Pipeline()
  for (const of of cases) p.apply(scopeOf(of.id), (scoped) => build(scoped, of, mode))
  const built = p.build()
  const paths = assertionsOf(built)
  const millisMax = RUN_MILLIS_MAX + CASE_MILLIS * cases.length
  const { result, error, isLate } = await runToEnd(
    p,
    setting.makeRunner(mode),
    optionsIn(mode, built),
    undefined,
    millisMax,
  )
  if (isLate || /OutOfMemory/.test(error?.message ?? '')) await mode.renew?.()
  const isOver = error === undefined ? result?.state === 'DONE' : error.name === 'AssertionFailed'
  const holding = cases.filter(({ id, name }) => {
    const own = paths.filter((path) => path.startsWith(`${scopeOf(id)}/`))
    if (own.length === 0 || !holds(own, id, result, error)) return false
    if (isOver) reports.set(id, { id, name, status: 'passed', why: '', runs: 1, claims: own.length })
    return true
  })
  told({ cases: cases.map(({ id }) => id), holding: isOver ? holding.map(({ id }) => id) : [], millis: performance.now() - began, error }) // prettier-ignore
  if (isOver) return
  // Where a job did not end, those that came to their end did not keep it.
  const rest = isLate && result !== undefined ? [holding] : partsOf(cases, error)
  if (rest[0]?.length === cases.length) return
  for (const each of rest) await runJob(each, setting, mode, reports, told)
}

/** The cases of a job that could not be run, in jobs that are tried next; whoever is in none of them is run alone. */
function partsOf(cases: readonly ConformanceCase[], error: Error | undefined): readonly (readonly ConformanceCase[])[] {
  const step = (error as { readonly details?: { readonly step?: string } } | undefined)?.details?.step ?? ''
  const guilty = cases.findIndex(({ id }) => step.startsWith(`${scopeOf(id)}/`))
  const half = Math.ceil(cases.length / 2)
  return guilty < 0 ? [cases.slice(0, half), cases.slice(half)] : [cases.toSpliced(guilty, 1)]
}

/** A failure names every assertion that does not hold. */
function holds(
  paths: readonly string[],
  id: string,
  result: PipelineResult | undefined,
  error: Error | undefined,
): boolean {
  if (result !== undefined) return assertionFault(paths, result) === undefined
  return error !== undefined && !error.message.includes(`assertion "${scopeOf(id)}/`)
}

/** Names of steps have no slashes. */
function scopeOf(id: string): string {
  return id.replaceAll('/', ' ')
}
