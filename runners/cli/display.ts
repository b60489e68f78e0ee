/**
 * What a run looks like from outside. Results go to stdout and nothing else does; progress, remarks, the author's own
 * output and errors go to stderr, in the form that whoever reads it needs: a block that is redrawn on a terminal, lines
 * of `key=value` in a log, JSON for programs.
 */
import type { RunStatus } from '../run-status.js'
import type { DeadLetterReport, ErrorReport, Finished, Started } from './protocol.js'

/** Where text goes, and what is known about the place. */
export interface Output {
  readonly isTerminal: boolean
  readonly hasColour: boolean
  /** Size of the terminal. */
  readonly size: () => { readonly columns: number; readonly rows: number }
  write(text: string): void
}

/** How a run is shown. */
export interface Display {
  started(run: Started, moduleHash: string): void
  progress(status: RunStatus, elapsedMillis: number): void
  /** Lines of the pipeline's results. */
  results(lines: readonly string[]): void
  /** A log line of the run, in the form that was asked for: with `--json`, an object. */
  record(line: string): void
  /** Text of the author's console; `step` is who wrote it, where that is known exactly. */
  log(text: string, stream: 'out' | 'err', step?: string): void
  /** A remark of the supervisor or the runner. */
  note(text: string): void
  /** A call that does not return. */
  stuck(text: string): void
  finished(run: Finished): void
  /** The run failed; before it did, there were these dead letters. */
  failed(error: ErrorReport, deadLetters?: readonly DeadLetterReport[]): void
  /** Shows more or less, where there is a screen. */
  toggle?(what: 'details' | 'help'): void
  /** The screen has another size. */
  resized?(): void
  /** Keys are listened to. */
  keysWork?(): void
}
