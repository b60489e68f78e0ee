/**
 * A display that tells remarks and errors in other words than they came in: of what was looked at in a copy, they name the original.
 *
 * Law: results and what the author writes are shown as they are.
 */
import type { Display } from './display.js'
import type { ErrorReport } from './protocol.js'

/** The display, with texts as `shown` has them. */
export function retold(display: Display, shown: (text: string) => string): Display {
  const reported = (error: ErrorReport): ErrorReport => ({
    ...error,
    message: shown(error.message),
    ...(error.cause === undefined ? {} : { cause: reported(error.cause) }),
  })
  return {
    started: (run, moduleHash) => display.started(run, moduleHash),
    progress: (status, elapsedMillis) => display.progress(status, elapsedMillis),
    results: (lines) => display.results(lines),
    record: (line) => display.record(line),
    log: (text, stream, step) => display.log(text, stream, step),
    note: (text) => display.note(shown(text)),
    stuck: (text) => display.stuck(text),
    finished: (run) => display.finished(run),
    failed: (error, deadLetters) => display.failed(reported(error), deadLetters),
    toggle: (what) => display.toggle?.(what),
    resized: () => display.resized?.(),
    keysWork: () => display.keysWork?.(),
  }
}
