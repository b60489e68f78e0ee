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
import { type CaseReport, knownFault, needsOf, playingsOf, runToEnd, type Setting, whyNotIn } from './run-case.js'
import { buildTranscript } from './run-transcript.js'

/** What a mode shares. */
export interface Sharing {
  /** Transforms in a job, about: what an engine of 1 GB has room for. */
  readonly transforms: number
  /** Whether scripts may be among them: some engines play one script in a job. */
  readonly scripts: boolean
}

/** So long a job may take for each of its cases, beside what any may take. */
const CASE_MILLIS = 3000

/**
 * Runs those of the cases that may run beside others, many to a job.
 *
 * @returns reports of those that hold, by id; whoever is not among them is to be run alone.
 */
export async function runShared(
  cases: readonly ConformanceCase[],
  { makeRunner, modes }: Setting,
): Promise<ReadonlyMap<string, CaseReport>> {
  const reports = new Map<string, CaseReport>()
  const [mode] = modes
  const sharing = mode?.shares
  if (mode === undefined || sharing === undefined || modes.length > 1) return reports
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
  for (const job of jobs) await runJob(job, { makeRunner, modes, inProcess: true }, mode, reports)
  return reports
}

/** Whether a case runs beside others. */
export function sharesJobs(
  of: ConformanceCase,
  { makeRunner, modes: [mode] }: Pick<Setting, 'makeRunner' | 'modes'>,
): boolean {
  if (mode?.shares === undefined) return false
  const { name, features } = makeRunner(mode)
  return needsOf(of).every((feature) => features.has(feature)) && mayShare(of, mode, name)
}

/** Whether a case says nothing of its run as a whole: of its result, its failure, its end, its clock. */
function mayShare(of: ConformanceCase, mode: Mode, runner: string): boolean {
  if (knownFault(of, runner) !== undefined || whyNotIn(of, mode) !== undefined) return false
  if (of.kind === 'transcript') return mode.shares?.scripts === true
  if (of.kind !== 'pipeline') return false
  if (of.fails !== undefined || of.ends !== undefined || of.setsClock === true || of.build.length > 1) return false
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
): Promise<void> {
  if (cases.length < 2) return
  const p = new Pipeline()
  for (const of of cases) p.apply(scopeOf(of.id), (scoped) => build(scoped, of, mode))
  const paths = assertionsOf(p.build())
  const { result, error } = await runToEnd(p, setting.makeRunner(mode), mode.options, undefined, CASE_MILLIS * cases.length) // prettier-ignore
  if (error !== undefined && error.name !== 'AssertionFailed') {
    const step = (error as { readonly details?: { readonly step?: string } }).details?.step ?? ''
    const guilty = cases.findIndex(({ id }) => step.startsWith(`${scopeOf(id)}/`))
    const half = Math.ceil(cases.length / 2)
    const rest = guilty < 0 ? [cases.slice(0, half), cases.slice(half)] : [cases.toSpliced(guilty, 1)]
    for (const each of rest) await runJob(each, setting, mode, reports)
    return
  }
  if (error === undefined && result?.state !== 'DONE') return
  for (const { id, name } of cases) {
    const own = paths.filter((path) => path.startsWith(`${scopeOf(id)}/`))
    if (own.length > 0 && holds(own, id, result, error))
      reports.set(id, { id, name, status: 'passed', why: '', runs: 1, claims: own.length })
  }
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
