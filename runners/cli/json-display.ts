/**
 * A run for programs: every line of stderr is one JSON object with a `type`.
 *
 * Law: the first line says what runs (`started`), or why nothing does (`failed`).
 */
import type { RunStatus } from '../run-status.js'
import type { Display, Output } from './display.js'
import type { DeadLetterReport, ErrorReport, Finished, Started } from './protocol.js'

/** Writes JSON. */
export class JsonDisplay implements Display {
  readonly #out: Output
  readonly #err: Output
  /** What the module wrote while it was loaded; `undefined` once the first line is out. */
  #held: string[] | undefined = []

  constructor(out: Output, err: Output) {
    this.#out = out
    this.#err = err
  }

  started({ pipeline, graphFingerprint, options, guarantees }: Started, moduleHash: string): void {
    const known = guarantees.length === 0 ? {} : { guarantees }
    this.#line('started', { pipeline, moduleHash, graphFingerprint, options: JSON.parse(options) as unknown, ...known })
  }

  progress(status: RunStatus, elapsedMillis: number): void {
    this.#line('progress', { elapsedMillis: Math.round(elapsedMillis), ...status })
  }

  results(lines: readonly string[]): void {
    this.#out.write(`${lines.join('\n')}\n`)
  }

  log(text: string, stream: 'out' | 'err', step?: string): void {
    const line = lineOf('log', { stream, text, step })
    if (this.#held === undefined) this.#err.write(line)
    else this.#held.push(line)
  }

  record(line: string): void {
    // A field of the author's may be called "type" too.
    this.#line('log', { ...(JSON.parse(line) as Readonly<Record<string, unknown>>), type: 'log' })
  }

  note(text: string): void {
    this.#line('note', { text })
  }

  stuck(text: string): void {
    this.#line('stuck', { text })
  }

  finished({ millis, kind: _, ...run }: Finished): void {
    this.#line('finished', { ...run, millis: Math.round(millis) })
  }

  failed(error: ErrorReport, deadLetters: readonly DeadLetterReport[] = []): void {
    this.#line('failed', { error, ...(deadLetters.length === 0 ? {} : { deadLetters }) })
  }

  #line(type: string, fields: Readonly<Record<string, unknown>>): void {
    const held = this.#held ?? []
    this.#held = undefined
    this.#err.write([lineOf(type, fields), ...held].join(''))
  }
}

function lineOf(type: string, fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ type, ...fields })}\n`
}
