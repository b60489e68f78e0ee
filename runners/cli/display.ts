/**
 * What a run looks like from outside. Results go to stdout and nothing else does; progress, remarks, the author's own
 * output and errors go to stderr, in the form that whoever reads it needs: a block that is redrawn on a terminal, lines
 * of `key=value` in a log, JSON for programs.
 *
 * Law: a line, once written, is never touched again, also while the block below it is redrawn.
 */
import { styleText } from 'node:util'
import { formatTimestamp } from '../../sdk/time.js'
import type { Progress } from '../runner.js'
import { reportLines } from './error-report.js'
import type { ErrorReport, Finished, Started } from './protocol.js'

/** Where text goes, and what is known about the place. */
export interface Output {
  readonly isTerminal: boolean
  readonly hasColour: boolean
  readonly columns: () => number
  write(text: string): void
}

/** How a run is shown. */
export interface Display {
  started(run: Started, moduleHash: string): void
  progress(progress: Progress, elapsedMillis: number): void
  /** A line of the pipeline's results. */
  result(line: string): void
  /** Text of the author's console. */
  log(text: string, stream: 'out' | 'err'): void
  /** A remark of the supervisor or the runner. */
  note(text: string): void
  /** A call that does not return. */
  stuck(text: string): void
  finished(run: Finished): void
  failed(error: ErrorReport): void
}

/** What was asked for. */
export interface DisplayOptions {
  readonly json: boolean
  readonly quiet: boolean
}

/** The display for two outputs. */
export function displayOn(out: Output, err: Output, { json, quiet }: DisplayOptions): Display {
  if (json) return new JsonDisplay(out, err)
  if (quiet) return new TextDisplay(out, err, 'none')
  return new TextDisplay(out, err, err.isTerminal ? 'block' : 'lines')
}

/** For people, on a terminal or in a log. */
class TextDisplay implements Display {
  readonly #out: Output
  readonly #err: Output
  readonly #form: 'block' | 'lines' | 'none'
  #name = ''
  /** The author's output that has no end of line yet. */
  #pending = ''
  #block: readonly string[] = []
  #before: { readonly progress: Progress; readonly millis: number } | undefined

  constructor(out: Output, err: Output, form: 'block' | 'lines' | 'none') {
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
    const rate = (now: number, then: number | undefined): number => Math.max(0, ((now - (then ?? 0)) * 1000) / millis)
    if (this.#form === 'none' || millis <= 0) return
    if (this.#form === 'block') {
      const steps = progress.steps.map((step, i) => ({
        ...step,
        rate: rate(step.elementsOut, before?.progress.steps[i]?.elementsOut),
      }))
      this.#draw(blockLines(this.#name, steps, elapsedMillis, this.#err.columns()))
      return
    }
    const slowest = progress.steps.reduce<Progress['steps'][number] | undefined>(
      (least, step) => (least === undefined || step.watermark < least.watermark ? step : least),
      undefined,
    )
    this.#err.write(
      `${keyValues({
        elapsed: `${(elapsedMillis / 1000).toFixed(1)}s`,
        elements: progress.elements,
        rate: `${Math.round(rate(progress.elements, before?.progress.elements))}/s`,
        ...(slowest === undefined ? {} : { watermark: formatTimestamp(slowest.watermark), at: slowest.step }),
      })}\n`,
    )
  }

  result(line: string): void {
    this.#above(this.#out, line)
  }

  log(text: string): void {
    const lines = (this.#pending + text).split('\n')
    this.#pending = lines.pop() ?? ''
    for (const line of lines) this.#logLine(line)
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

  failed(error: ErrorReport): void {
    this.#close()
    const [first = '', ...rest] = reportLines(error)
    this.#err.write(`${this.#paint('red', 'error:')} ${first}\n${rest.map((line) => `${line}\n`).join('')}`)
  }

  #logLine(line: string): void {
    this.#above(this.#err, `${this.#paint('dim', `[${this.#name === '' ? 'module' : this.#name}]`)} ${line}`)
  }

  #close(): void {
    if (this.#pending !== '') this.#logLine(this.#pending)
    this.#pending = ''
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

/** For programs: every line of stderr is one JSON object with a `type`. */
class JsonDisplay implements Display {
  readonly #out: Output
  readonly #err: Output

  constructor(out: Output, err: Output) {
    this.#out = out
    this.#err = err
  }

  started({ pipeline, graphFingerprint, options }: Started, moduleHash: string): void {
    this.#line('started', { pipeline, moduleHash, graphFingerprint, options: JSON.parse(options) as unknown })
  }

  progress({ steps, elements, oldestCall }: Progress, elapsedMillis: number): void {
    this.#line('progress', { elapsedMillis: Math.round(elapsedMillis), elements, steps, oldestCall })
  }

  result(line: string): void {
    this.#out.write(`${line}\n`)
  }

  log(text: string, stream: 'out' | 'err'): void {
    this.#line('log', { stream, text })
  }

  note(text: string): void {
    this.#line('note', { text })
  }

  stuck(text: string): void {
    this.#line('stuck', { text })
  }

  finished({ state, millis, elements, counters, files }: Finished): void {
    this.#line('finished', { state, millis: Math.round(millis), elements, counters, files })
  }

  failed(error: ErrorReport): void {
    this.#line('failed', { error })
  }

  #line(type: string, fields: Readonly<Record<string, unknown>>): void {
    this.#err.write(`${JSON.stringify({ type, ...fields })}\n`)
  }
}

// ---- text ----------------------------------------------------------------------------------------------------------

interface RatedStep {
  readonly step: string
  readonly elementsIn: number
  readonly elementsOut: number
  readonly watermark: number
  readonly rate: number
}

function blockLines(name: string, steps: readonly RatedStep[], millis: number, columns: number): readonly string[] {
  const rows = [
    [`${name} · ${(millis / 1000).toFixed(1)} s`, 'in', 'out', 'out/s', 'watermark'],
    ...steps.map(({ step, elementsIn, elementsOut, rate, watermark }) => [
      `  ${step}`,
      elementsIn === 0 ? '–' : grouped(elementsIn),
      grouped(elementsOut),
      grouped(Math.round(rate)),
      formatTimestamp(watermark),
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    // A line that wraps would be two lines for the terminal and one for us.
    return cells.join('  ').slice(0, Math.max(20, columns - 1))
  })
}

function summaryLines(name: string, { state, millis, elements, counters, files }: Finished): readonly string[] {
  const how = state === 'DONE' ? 'done' : state === 'DRAINED' ? 'drained' : 'cancelled'
  const lines = [`${name}: ${how} in ${(millis / 1000).toFixed(2)} s, ${grouped(elements)} elements`]
  for (const { step, name: counter, value } of counters)
    lines.push(`  ${counterText(counter, value)} in step "${step}"`)
  const shown = files.slice(0, 5).map((file) => `  wrote ${file}`)
  return [...lines, ...shown, ...(files.length > 5 ? [`  … and ${files.length - 5} more files`] : [])]
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
      return `${count} dead letters`
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
