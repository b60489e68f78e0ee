/**
 * A run for people, on a terminal or in a log.
 *
 * Law: a line, once written, is never touched again, also while the block below it is redrawn.
 */
import { styleText } from 'node:util'
import { formatTimestamp } from '../../sdk/time.js'
import type { Progress, StepProgress } from '../runner.js'
import type { Display, Output } from './display.js'
import { deadLetterLines, reportLines } from './error-report.js'
import type { DeadLetterReport, ErrorReport, Finished, Started } from './protocol.js'

/** How progress is shown: redrawn in place, as lines, or not at all. */
export type ProgressForm = 'block' | 'lines' | 'none'

/** Writes text. */
export class TextDisplay implements Display {
  readonly #out: Output
  readonly #err: Output
  readonly #form: ProgressForm
  #name = ''
  /** The author's output that has no end of line yet, by who wrote it. */
  readonly #pending = new Map<string | undefined, string>()
  #block: readonly string[] = []
  #before: { readonly progress: Progress; readonly millis: number } | undefined

  constructor(out: Output, err: Output, form: ProgressForm) {
    this.#out = out
    this.#err = err
    this.#form = form
  }

  started({ pipeline }: Started): void {
    this.#name = pipeline
  }

  progress(progress: Progress, elapsedMillis: number): void {
    const before = this.#before
    this.#before = { progress, millis: elapsedMillis }
    const millis = elapsedMillis - (before?.millis ?? 0)
    if (this.#form === 'none' || millis <= 0) return
    const rate = (now: number, then = 0): number => Math.round(Math.max(0, ((now - then) * 1000) / millis))
    if (this.#form === 'lines') {
      this.#err.write(`${progressLine(progress, elapsedMillis, rate(progress.elements, before?.progress.elements))}\n`)
      return
    }
    const earlier = new Map(before?.progress.steps.map((step) => [step.step, step]))
    const rated = progress.steps.map((step) => ({
      ...step,
      rate: rate(step.elementsOut, earlier.get(step.step)?.elementsOut),
    }))
    this.#draw(blockLines(this.#name, rated, elapsedMillis, this.#err.size()))
  }

  results(lines: readonly string[]): void {
    this.#above(this.#out, lines.join('\n'))
  }

  log(text: string, _stream: 'out' | 'err', step?: string): void {
    const lines = ((this.#pending.get(step) ?? '') + text).split('\n')
    this.#pending.set(step, lines.pop() ?? '')
    for (const line of lines) this.#logLine(line, step)
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

  #draw(lines: readonly string[]): void {
    const height = this.#block.length
    this.#block = lines
    const clear = height === 0 ? '' : `\u001b[${height}A\u001b[0J`
    if (clear === '' && lines.length === 0) return
    this.#err.write(`${clear}${lines.map((line) => `${this.#paint('dim', line)}\n`).join('')}`)
  }

  #paint(style: 'dim' | 'red' | 'yellow', text: string): string {
    return this.#err.hasColour ? styleText(style, text, { validateStream: false }) : text
  }
}

// ---- progress ------------------------------------------------------------------------------------------------------

interface RatedStep extends StepProgress {
  readonly rate: number
}

function progressLine(progress: Progress, elapsedMillis: number, rate: number): string {
  const slowest = slowestStep(progress)
  return keyValues({
    elapsed: `${(elapsedMillis / 1000).toFixed(1)}s`,
    elements: progress.elements,
    rate: `${rate}/s`,
    ...(slowest === undefined ? {} : { watermark: formatTimestamp(slowest.watermark), at: slowest.step }),
  })
}

/** The step that holds the watermark. */
export function slowestStep({ steps }: Progress): StepProgress | undefined {
  return steps.reduce<StepProgress | undefined>(
    (least, step) => (least === undefined || step.watermark < least.watermark ? step : least),
    undefined,
  )
}

function blockLines(
  name: string,
  steps: readonly RatedStep[],
  millis: number,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): readonly string[] {
  // What has left the screen at its top could not be redrawn.
  const shown = steps.slice(0, Math.max(1, rows - 4))
  const cells = [
    [`${name} · ${(millis / 1000).toFixed(1)} s`, 'in', 'out', 'out/s', 'watermark'],
    ...shown.map(({ step, elementsIn, elementsOut, rate, watermark }) => [
      `  ${step}`,
      elementsIn === 0 ? '–' : grouped(elementsIn),
      grouped(elementsOut),
      grouped(rate),
      formatTimestamp(watermark),
    ]),
  ]
  const width = (column: number): number => Math.max(...cells.map((row) => row[column]?.length ?? 0))
  const widths = [0, 1, 2, 3, 4].map(width)
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
  if (shown.length < steps.length) lines.push(`  … and ${steps.length - shown.length} more steps`)
  // A line that wraps would be two lines for the terminal and one for us.
  return lines.map((line) => line.slice(0, Math.max(20, columns - 1)))
}

// ---- summary -------------------------------------------------------------------------------------------------------

const FILES_MAX = 5

function summaryLines(
  name: string,
  { state, millis, elementsRead, counters, files, deadLetters }: Finished,
): readonly string[] {
  const how = state === 'DONE' ? 'done' : state === 'DRAINED' ? 'drained' : 'cancelled'
  const lines = [
    `${name}: ${how} in ${(millis / 1000).toFixed(2)} s, ${grouped(elementsRead)} ${elementsRead === 1 ? 'element' : 'elements'} read`,
  ]
  for (const { step, name: counter, value } of counters)
    lines.push(`  ${counterText(counter, value)} in step "${step}"`)
  lines.push(...deadLetterLines(deadLetters))
  for (const file of files.slice(0, FILES_MAX)) lines.push(`  wrote ${file}`)
  if (files.length > FILES_MAX) lines.push(`  … and ${files.length - FILES_MAX} more files`)
  return lines
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

/** `1234567` as `1,234,567`. */
function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

function keyValues(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${/[\s"=]/.test(String(value)) ? JSON.stringify(value) : value}`)
    .join(' ')
}
