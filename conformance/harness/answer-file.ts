/**
 * Answers to a file of questions, one line of JSON for each.
 *
 * Law: there is one answer for each line that is not blank, in the file's order. A line that cannot be answered says why, and
 * the next one goes on.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { PipelineError, UnsupportedFeature } from 'millrace'
import { type Answer, answers, type QuestionKind } from '../oracle/answers.js'
import type { ScenarioEngine } from '../oracle/scenario-engine.js'

/** What an answer has on a line, and a recorded line has too. */
const RESULTS: ReadonlySet<string> = new Set(
  'panes panesFirst panesSecond droppedDueToLateness accepted hexNested hexOuter'.split(' '),
)

/** Who answers scenarios instead of the direct runner. */
export interface AnsweringEngine extends ScenarioEngine {
  /** How many lines are played at once: most of the time an engine waits. */
  readonly atOnce: number
}

/**
 * Answers a file's lines.
 *
 * @returns whether every line got an answer.
 * @throws {PipelineError} when the file cannot be read.
 */
export async function answerFile(
  kind: QuestionKind,
  file: string,
  write: (text: string) => void,
  engine?: AnsweringEngine,
): Promise<boolean> {
  const answer = answers.get(kind)
  if (answer === undefined)
    throw new UnsupportedFeature(
      'MR-7006',
      `option.${kind}`,
      `--${kind} is not part of this version. It has --${[...answers.keys()].join(', --')}.`,
    )
  let holds = true
  const begun: Promise<object>[] = []
  const tellFirst = async (): Promise<void> => {
    const answered = (await begun.shift()) ?? {}
    // What a construction is refused with is its answer.
    if ('error' in answered && !(kind === 'constructions' && 'accepted' in answered)) holds = false
    write(`${JSON.stringify(answered)}\n`)
  }
  for await (const text of linesOf(await openFile(file), file)) {
    if (text.trim() === '') continue
    begun.push(answerLine(text, answer, engine))
    if (begun.length >= (engine?.atOnce ?? 1)) await tellFirst()
  }
  while (begun.length > 0) await tellFirst()
  return holds
}

async function answerLine(text: string, answer: Answer, engine: AnsweringEngine | undefined): Promise<object> {
  let question: object = { line: text }
  try {
    const line: unknown = JSON.parse(text)
    if (typeof line !== 'object' || line === null || Array.isArray(line))
      return { ...question, error: 'a line must be a JSON object.' }
    const { error: _recorded, ...asked } = line as { readonly error?: unknown }
    question = asked
    return await answer(asked, engine)
  } catch (error) {
    const kept = Object.fromEntries(Object.entries(question).filter(([name]) => !RESULTS.has(name)))
    return { ...kept, error: error instanceof Error ? error.message : String(error) }
  }
}

async function openFile(file: string): Promise<FileHandle> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file)
    if (!(await handle.stat()).isDirectory()) return handle
  } catch (error) {
    throw cannotRead(file, error)
  }
  await handle.close()
  throw new PipelineError('MR-7018', `"${file}" is a directory. Name a file with one line of JSON for each question.`)
}

async function* linesOf(handle: FileHandle, file: string): AsyncGenerator<string> {
  let isFirst = true
  const lines = createInterface({ input: handle.createReadStream({ encoding: 'utf8' }), crlfDelay: Infinity })
  const read = lines[Symbol.asyncIterator]()
  for (;;) {
    const next = await read.next().catch((error: unknown) => {
      throw cannotRead(file, error)
    })
    if (next.done === true) return
    // A byte order mark says nothing about UTF-8.
    yield isFirst ? next.value.replace(/^\uFEFF/, '') : next.value
    isFirst = false
  }
}

function cannotRead(file: string, error: unknown): PipelineError {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    return new PipelineError('MR-7018', `there is no file "${file}".`)
  return new PipelineError(
    'MR-7018',
    `cannot read the file "${file}": ${error instanceof Error ? error.message : String(error)}.`,
  )
}
