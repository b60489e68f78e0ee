/**
 * What `millrace conformance` does: the suite on named runners, or answers to the oracle's questions.
 *
 * Law: with a file of questions, stdout has one line for each line of the file that is not blank, in its order, and nothing else.
 */
import { PipelineError } from 'millrace'
import type { QuestionKind } from '../oracle/answers.js'
import { answerFile } from './answer-file.js'
import { answeringEngine } from './answering-engine.js'
import type { ModeWorkers } from './batch-modes.js'
import { columnsOf } from './columns.js'
import type { CaseReport } from './run-case.js'
import { runShared } from './shared-jobs.js'
import { failedOf, type Matrix, matrixText, type MatrixRow, passedOf } from './matrix.js'
import type { ModeChoice } from './modes.js'
import { matrixPage } from './page.js'
import { checkWritable, writeResult } from './result-file.js'
import { leftOutOf, listCases } from './suite.js'

/** The command's options, as they were given. */
export interface CommandOptions {
  /** Names, separated by commas; one where scenarios are answered. Default `direct`. */
  readonly runners?: string
  readonly only?: string
  /** `one`, `all` (the default), or names, separated by semicolons. */
  readonly modes?: string
  readonly seed?: string
  /** Number of workers; each builds cases anew. Default: modes without such workers. */
  readonly workers?: string
  /** `thread` (the default) or `process`. */
  readonly isolation?: string
  readonly json?: string
  readonly html?: string
  /** Files of questions. */
  readonly scenarios?: string
  readonly constructions?: string
  readonly coders?: string
}

const QUESTIONS: readonly QuestionKind[] = ['scenarios', 'constructions', 'coders']
/** What says how the suite runs, and nothing to a question. */
const OF_THE_SUITE = ['runners', 'only', 'modes', 'seed', 'workers', 'isolation', 'json', 'html'] as const

/**
 * Does what the options say; text for stdout goes to `write`.
 *
 * @returns whether everything holds.
 * @throws {PipelineError} when an option is wrong, `UnsupportedFeature` when it names what this version does not have;
 *   before anything has run.
 */
export async function conformanceCommand(options: CommandOptions, write: (text: string) => void): Promise<boolean> {
  const asked = QUESTIONS.filter((kind) => options[kind] !== undefined)
  const [kind, second] = asked
  if (second !== undefined)
    throw new PipelineError('MR-7017', `--${kind ?? ''} and --${second} are two questions. Ask one at a time.`)
  if (kind !== undefined) {
    const { runners } = options
    const isPlayed = kind === 'scenarios' && runners !== undefined
    const foreign = OF_THE_SUITE.find((name) => options[name] !== undefined && !(isPlayed && name === 'runners'))
    if (foreign !== undefined)
      throw new PipelineError(
        'MR-7017',
        `--${foreign} is about the suite, and --${kind} answers questions instead of running it. Leave out one of them.`,
      )
    return answerFile(kind, options[kind] ?? '', write, isPlayed ? answeringEngine(runners) : undefined)
  }
  const { json, html } = options
  if (json !== undefined) await checkWritable('json', json)
  if (html !== undefined) await checkWritable('html', html)
  const matrix = await runSuite(options)
  if (json !== undefined) await writeResult('json', json, `${JSON.stringify(matrix, undefined, 2)}\n`)
  if (html !== undefined) await writeResult('html', html, matrixPage(matrix))
  write(`${matrixText(matrix)}\n`)
  return failedOf(matrix) === 0 && passedOf(matrix) > 0
}

async function runSuite(options: CommandOptions): Promise<Matrix> {
  const { runners = 'direct', only, modes = 'all', seed = '1' } = options
  const seedNumber = Number(seed)
  if (!Number.isSafeInteger(seedNumber) || seed.trim() === '')
    throw new PipelineError('MR-7003', `--seed must be a whole number, but is "${seed}".`)
  const columns = columnsOf(runners, choiceOf(modes), seedNumber, workersOf(options))
  const rows: MatrixRow[] = []
  const listed = await listCases(only)
  const cases = listed.flatMap(({ of }) => (of === undefined ? [] : [of]))
  const shared: ReadonlyMap<string, CaseReport>[] = []
  for (const { makeRunner, modes: chosen } of columns)
    shared.push(await runShared(cases, { makeRunner, modes: chosen, inProcess: true }))
  for (const { module, area, id, name, run } of listed) {
    const reports = []
    for (const [at, { makeRunner, modes: chosen }] of columns.entries()) {
      const setting = { makeRunner, modes: chosen, inProcess: true }
      const { status, why, runs, claims } = shared[at]?.get(id) ?? (await run(setting))
      reports.push({ status, why, runs, claims })
    }
    rows.push({ module, area, id, name, reports })
  }
  return {
    runners: columns.map(({ name }) => name),
    modes: columns.map((column) => column.modes.map(({ name }) => name)),
    seed: seedNumber,
    rows,
    withoutCase: leftOutOf(only),
  }
}

function workersOf({ workers, isolation }: CommandOptions): ModeWorkers | undefined {
  if (workers === undefined && isolation === undefined) return undefined
  if (workers === undefined)
    throw new PipelineError(
      'MR-1016',
      '--isolation says what workers are, and there are none. Add --workers 2, or leave --isolation out.',
    )
  const count = Number(workers)
  if (workers.trim() === '' || !Number.isSafeInteger(count) || count < 1)
    throw new PipelineError('MR-7003', `--workers needs a whole number from 1, but is "${workers}".`)
  if (isolation !== undefined && isolation !== 'thread' && isolation !== 'process')
    throw new PipelineError('MR-7003', `--isolation is one of thread, process, not "${isolation}".`)
  return { workers: count, isolation: isolation ?? 'thread' }
}

function choiceOf(modes: string): ModeChoice {
  return modes === 'one' || modes === 'all' ? modes : modes.split(';').map((name) => name.trim())
}
