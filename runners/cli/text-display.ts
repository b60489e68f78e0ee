/**
 * A run for people, on a terminal or in a log.
 *
 * Law: a line, once written, is never touched again, also while the block below it is redrawn.
 */
import { promiseText } from '../micro-batch/sink-promises.js'
import { styleText } from 'node:util'
import stringWidth from 'string-width'
import { formatTimestamp } from '../../sdk/time.js'
import { countText as grouped } from '../run-status-text.js'
import type { BatchesStatus, RunStatus, StepStatus } from '../run-status.js'
import type { Display, Output } from './display.js'
import { deadLetterLines, reportLines } from './error-report.js'
import { type Segment, type Style, viewLines, type ViewLine } from './live-view.js'
import { elementsReadBy } from './reading-steps.js'
import type { DeadLetterReport, ErrorReport, Finished, Started } from './protocol.js'

/** How progress is shown: redrawn in place, as lines, or not at all. */
export type ProgressForm = 'block' | 'lines' | 'none'

/** Rates are of at least this long. */
const RATE_MILLIS_MIN = 500

/** Writes text. */
export class TextDisplay implements Display {
  readonly #out: Output
  readonly #err: Output
  readonly #form: ProgressForm
  #name = ''
  /** The author's output that has no end of line yet, by who wrote it. */
  readonly #pending = new Map<string | undefined, string>()
  #block: readonly ViewLine[] = []
  #last: RunStatus | undefined
  /** The status before the last: rates are the difference of both. */
  #before: RunStatus | undefined
  #elapsedMillis = 0
  readonly #shown = { details: false, help: false, keys: false }

  constructor(out: Output, err: Output, form: ProgressForm) {
    this.#out = out
    this.#err = err
    this.#form = form
  }

  started({ pipeline, guarantees }: Started): void {
    this.#name = pipeline
    if (this.#form === 'none' || guarantees.length === 0) return
    for (const line of ['after a crash', ...guarantees.map((each) => `  ${promiseText(each)}`)]) this.note(line)
  }

  progress(status: RunStatus, elapsedMillis: number): void {
    const millis = elapsedMillis - this.#elapsedMillis
    if (this.#form === 'none' || millis <= 0) return
    this.#elapsedMillis = elapsedMillis
    // A status that came early, because of a key, is too near to the last for a rate.
    if (millis >= RATE_MILLIS_MIN || this.#last === undefined) this.#before = this.#last
    this.#last = status
    if (this.#form === 'block') this.#show()
    else {
      const rate = Math.round(
        ((elementsReadBy(status) - (this.#before === undefined ? earlierReads(status) : elementsReadBy(this.#before))) *
          1000) /
          millis,
      )
      this.#err.write(`${progressLine(status, elapsedMillis, Math.max(0, rate))}\n`)
    }
  }

  toggle(what: 'details' | 'help'): void {
    this.#shown[what] = !this.#shown[what]
    this.#show()
  }

  resized(): void {
    this.#show()
  }

  keysWork(): void {
    this.#shown.keys = true
  }

  #show(): void {
    if (this.#form !== 'block' || this.#last === undefined) return
    this.#draw(viewLines(this.#last, this.#before, { ...this.#err.size(), ...this.#shown }))
  }

  results(lines: readonly string[]): void {
    this.#above(this.#out, lines.join('\n'))
  }

  log(text: string, _stream: 'out' | 'err', step?: string): void {
    const lines = ((this.#pending.get(step) ?? '') + text).split('\n')
    this.#pending.set(step, lines.pop() ?? '')
    for (const line of lines) this.#logLine(line, step)
  }

  record(line: string): void {
    this.#above(this.#err, line)
  }

  note(text: string): void {
    this.#above(this.#err, this.#paint('dim', text))
  }

  stuck(text: string): void {
    this.#above(this.#err, this.#paint('yellow', text))
  }

  finished(run: Finished): void {
    this.#close()
    if (this.#form === 'none') return
    for (const line of summaryLines(this.#name, run)) this.#err.write(`${line}\n`)
  }

  failed(error: ErrorReport, deadLetters: readonly DeadLetterReport[] = []): void {
    this.#close()
    if (deadLetters.length > 0) this.#err.write(`dead letters before the failure\n`)
    for (const line of deadLetterLines(deadLetters)) this.#err.write(`${line}\n`)
    const [first = '', ...rest] = reportLines(error)
    this.#err.write(`${this.#paint('red', 'error:')} ${first}\n${rest.map((line) => `${line}\n`).join('')}`)
  }

  /** Where the step that writes is not known exactly, the pipeline is. */
  #logLine(line: string, step: string | undefined): void {
    const who = step === undefined ? `[${this.#name === '' ? 'module' : this.#name}]` : `${step} |`
    this.#above(this.#err, `${this.#paint('dim', who)} ${line}`)
  }

  #close(): void {
    for (const [step, line] of this.#pending) if (line !== '') this.#logLine(line, step)
    this.#pending.clear()
    this.#draw([])
  }

  /** Writes a line where the block stands, and the block again below it. */
  #above(output: Output, line: string): void {
    const block = this.#block
    this.#draw([])
    output.write(`${line}\n`)
    this.#draw(block)
  }

  #draw(lines: readonly ViewLine[]): void {
    // On a screen that has become narrower a line may take several rows.
    const { columns } = this.#err.size()
    const height = this.#block.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0)
    this.#block = lines
    const clear = height === 0 ? '' : `\u001b[${height}A\u001b[0J`
    if (clear === '' && lines.length === 0) return
    this.#err.write(`${clear}${lines.map((line) => `${line.map((part) => this.#segment(part)).join('')}\n`).join('')}`)
  }

  #segment([text, style]: Segment): string {
    return style === undefined ? text : this.#paint(style, text)
  }

  #paint(style: Style, text: string): string {
    return this.#err.hasColour ? styleText(style, text, { validateStream: false }) : text
  }
}

function widthOf(line: ViewLine): number {
  return line.reduce((width, [text]) => width + stringWidth(text), 0)
}

/** What earlier runs of the query have read is not of this one: its first rate is not known. */
function earlierReads(status: RunStatus): number {
  return status.batches?.resumedAfter === undefined ? 0 : elementsReadBy(status)
}

// ---- progress ------------------------------------------------------------------------------------------------------

function progressLine(status: RunStatus, elapsedMillis: number, rate: number): string {
  const { steps, state, batches } = status
  const slowest = slowestStep(steps)
  const sum = (of: (step: StepStatus) => number): number => steps.reduce((all, step) => all + of(step), 0)
  return keyValues({
    elapsed: `${(elapsedMillis / 1000).toFixed(1)}s`,
    ...(state === 'running' ? {} : { state }),
    ...(batches === undefined ? {} : { batch: batches.committed }),
    ...(batches?.last === undefined ? {} : { closing: `${closingMillis(batches.last)}ms` }),
    read: elementsReadBy(status),
    rate: `${rate}/s`,
    ...(slowest === undefined ? {} : { watermark: formatTimestamp(slowest.outputWatermark), at: slowest.step }),
    ...(slowest?.lagMillis === undefined ? {} : { lag: `${Math.round(slowest.lagMillis / 100) / 10 || 0}s` }),
    keys: sum(({ stateKeys }) => stateKeys),
    late: sum(({ droppedLate }) => droppedLate),
    errors: sum(({ deadLetters }) => deadLetters),
  })
}

/** How long a batch took once it was read. */
function closingMillis({ closeMillis, commitMillis }: NonNullable<BatchesStatus['last']>): number {
  return Math.round(closeMillis + commitMillis)
}

/** The step that is furthest behind. */
function slowestStep(steps: readonly StepStatus[]): StepStatus | undefined {
  return steps.reduce<StepStatus | undefined>(
    (least, step) => (least === undefined || step.outputWatermark < least.outputWatermark ? step : least),
    undefined,
  )
}

// ---- summary -------------------------------------------------------------------------------------------------------

const FILES_MAX = 5

function summaryLines(
  name: string,
  { state, millis, elementsRead, counters, files, unseen, deadLetters, batches }: Finished,
): readonly string[] {
  const lines = [
    `${name}: ${state.toLowerCase()} in ${(millis / 1000).toFixed(2)} s, ${grouped(elementsRead)} ${elementsRead === 1 ? 'element' : 'elements'} read`,
  ]
  if (batches !== undefined) lines.push(`  ${batchesText(batches)}`)
  if (state === 'STOPPED') lines.push('  goes on there when it is started again with the same checkpoint')
  for (const { step, name: counter, value } of counters)
    lines.push(`  ${counterText(counter, value)} in step "${step}"`)
  lines.push(...deadLetterLines(deadLetters))
  for (const file of files.slice(0, FILES_MAX)) lines.push(`  wrote ${file}`)
  if (unseen.length > 0) {
    const names = unseen.map((each) => `"${each}"`).join(', ')
    lines.push(`  collected under ${names}, for a program that calls run(); .print(name) shows it here`)
  }
  if (files.length > FILES_MAX) lines.push(`  … and ${files.length - FILES_MAX} more files`)
  return lines
}

function batchesText({ committed, resumedAfter }: BatchesStatus): string {
  const newest = `batch ${grouped(committed)} is committed`
  if (resumedAfter === undefined) return committed === 0 ? 'no batch is committed' : newest
  return `went on after batch ${grouped(resumedAfter)}; ${committed > resumedAfter ? newest : 'there was nothing new'}`
}

function counterText(counter: string, value: number): string {
  const count = grouped(value)
  switch (counter) {
    case 'droppedDueToLateness':
    case 'droppedDueToClosedWindow':
      return `${count} dropped as too late (${counter})`
    case 'droppedWithoutWindow':
      return `${count} dropped without a window`
    case 'deadLetters':
      return value === 1 ? '1 dead letter' : `${count} dead letters`
    default:
      return `${count} ${counter}`
  }
}

function keyValues(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${/[\s"=]/.test(String(value)) ? JSON.stringify(value) : value}`)
    .join(' ')
}
