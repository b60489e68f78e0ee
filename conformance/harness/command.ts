/**
 * What `millrace conformance` does: the suite on named runners, or answers to the oracle's questions.
 *
 * Law: with a file of questions, stdout has one line for each line of the file, in its order, and nothing else.
 */
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { PipelineError, type Runner, UnsupportedFeature } from 'millrace'
import { directRunner } from 'millrace/direct'
import { answers, type QuestionKind } from '../oracle/answers.js'
import { failedOf, type Matrix, matrixText, type MatrixRow, passedOf } from './matrix.js'
import { chosenModes, type ModeChoice } from './modes.js'
import { matrixPage } from './page.js'
import { leftOutOf, listCases } from './suite.js'

/** The command's options, as they were given. */
export interface CommandOptions {
  /** Names, separated by commas. Default `direct`. */
  readonly runners?: string
  readonly only?: string
  /** `one`, `all` (the default), or names, separated by semicolons. */
  readonly modes?: string
  readonly seed?: string
  readonly json?: string
  readonly html?: string
  /** Files of questions. */
  readonly scenarios?: string
  readonly constructions?: string
  readonly coders?: string
}

const RUNNERS: ReadonlyMap<string, () => Runner> = new Map([['direct', () => directRunner()]])
const LATER_RUNNERS: readonly string[] = ['micro-batch', 'flink', 'prism']
const QUESTIONS: readonly QuestionKind[] = ['scenarios', 'constructions', 'coders']

/**
 * Does what the options say; text for stdout goes to `write`.
 *
 * @returns whether everything holds.
 * @throws {PipelineError} when an option is wrong, {@link UnsupportedFeature} when it names what this version does not have;
 *   before anything has run.
 */
export async function conformanceCommand(options: CommandOptions, write: (text: string) => void): Promise<boolean> {
  const asked = QUESTIONS.filter((kind) => options[kind] !== undefined)
  const [kind, second] = asked
  if (second !== undefined)
    throw new PipelineError(`--${kind ?? ''} and --${second} are two questions. Ask one at a time.`)
  if (kind !== undefined) return answerFile(kind, options[kind] ?? '', write)
  const matrix = await runSuite(options)
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(matrix, undefined, 2)}\n`)
  if (options.html !== undefined) await writeFile(options.html, matrixPage(matrix))
  write(`${matrixText(matrix)}\n`)
  return failedOf(matrix) === 0 && passedOf(matrix) > 0
}

async function runSuite(options: CommandOptions): Promise<Matrix> {
  const { runners = 'direct', only, modes = 'all', seed = '1' } = options
  const makers = runners.split(',').map((name) => ({ name, makeRunner: runnerNamed(name.trim()) }))
  const seedNumber = Number(seed)
  if (!Number.isSafeInteger(seedNumber) || seed.trim() === '')
    throw new PipelineError(`--seed must be a whole number, but is "${seed}".`)
  const chosen = chosenBy(modes, seedNumber)
  const rows: MatrixRow[] = []
  for (const { module, area, id, name, run } of await listCases(only)) {
    const reports = []
    for (const { makeRunner } of makers) {
      const { status, why, runs, claims } = await run({ makeRunner, modes: chosen, inProcess: true })
      reports.push({ status, why, runs, claims })
    }
    rows.push({ module, area, id, name, reports })
  }
  return {
    runners: makers.map(({ name }) => name),
    modes: chosen.map(({ name }) => name),
    seed: seedNumber,
    rows,
    withoutCase: leftOutOf(only),
  }
}

function runnerNamed(name: string): () => Runner {
  const make = RUNNERS.get(name)
  if (make !== undefined) return make
  if (LATER_RUNNERS.includes(name))
    throw new UnsupportedFeature(
      `runner.${name}`,
      `the ${name} runner is not part of this version. Use --runners direct.`,
    )
  throw new PipelineError(`there is no runner "${name}". Runners: ${[...RUNNERS.keys()].join(', ')}.`)
}

function chosenBy(modes: string, seed: number): ReturnType<typeof chosenModes> {
  const choice: ModeChoice = modes === 'one' || modes === 'all' ? modes : modes.split(';').map((name) => name.trim())
  return chosenModes(choice, seed)
}

/** What an answer has on a line, and a recorded line has too. */
const RESULTS: ReadonlySet<string> = new Set(
  'panes panesFirst panesSecond droppedDueToLateness accepted hexNested hexOuter'.split(' '),
)

/** Answers a file of questions. A line that cannot be answered says why, and counts as not holding. */
async function answerFile(kind: QuestionKind, file: string, write: (text: string) => void): Promise<boolean> {
  const answer = answers.get(kind)
  if (answer === undefined)
    throw new UnsupportedFeature(
      `option.${kind}`,
      `--${kind} is not part of this version. It has --${[...answers.keys()].join(', --')}.`,
    )
  let holds = true
  const stream = createReadStream(file, 'utf8')
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      if (text.trim() === '') continue
      let line: object = { line: text }
      let answered: object
      try {
        line = JSON.parse(text) as object
        answered = await answer(line)
      } catch (error) {
        holds = false
        const question = Object.fromEntries(Object.entries(line).filter(([name]) => !RESULTS.has(name)))
        answered = { ...question, error: error instanceof Error ? error.message : String(error) }
      }
      write(`${JSON.stringify(answered)}\n`)
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new PipelineError(`there is no file "${file}".`)
    throw error
  }
  return holds
}
