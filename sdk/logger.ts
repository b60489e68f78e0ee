/**
 * Logs: what DoFns say while they run, and what a runner says beside them. The interface is the part of pino's that is
 * used here, so `run(p, { logger: pino() })` needs nothing in between; anything with these five functions will do.
 *
 * Law: a line from a step says which pipeline and step it is from, whatever fields user code gives.
 */

/** How important a line is, least first. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** The levels, least important first. */
export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error']

/** Writes a line: a message, or fields and a message. An `Error` may stand for the fields. */
export interface LogFunction {
  (message: string): void
  (fields: object, message?: string): void
}

/**
 * Takes lines: `pino()`, or an object of one's own.
 *
 * @example
 * ```ts
 * import { type Logger, run } from 'millrace'
 * const lines: string[] = []
 * const line = (fields: object | string, message?: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
 * const logger: Logger = { trace: line, debug: line, info: line, warn: line, error: line }
 * await run((p) => p.create('numbers', [1]).collect('all'), { logger })
 * lines[0]?.startsWith('run started') // => true
 * ```
 */
export interface Logger {
  readonly trace: LogFunction
  readonly debug: LogFunction
  readonly info: LogFunction
  readonly warn: LogFunction
  readonly error: LogFunction
  /** Whether lines of a level are written at all. Asked before a line is made, where it is there. */
  isLevelEnabled?(level: string): boolean
}

/** `log` of a step's context. Functions survive destructuring. */
export type StepLog = Readonly<Record<LogLevel, LogFunction>>

/** A line as data. */
export interface LogRecord {
  readonly level: LogLevel
  readonly message: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
}

/** A log whose lines go to `write`. `isEnabled` is asked before anything is done. */
export function stepLog(write: (record: LogRecord) => void, isEnabled?: (level: LogLevel) => boolean): StepLog {
  const at =
    (level: LogLevel): LogFunction =>
    (first: unknown, message?: string) => {
      if (isEnabled?.(level) === false) return
      write(recordOf(level, first, message))
    }
  return { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A log that nobody reads. */
export const UNHEARD: StepLog = stepLog(() => undefined)

/** What a call of a {@link LogFunction} says. */
export function recordOf(level: LogLevel, first: unknown, message?: string): LogRecord {
  if (first instanceof Error) return { level, message: message ?? first.message, fields: { err: first } }
  if (typeof first === 'object' && first !== null) return { level, message, fields: { ...first } }
  return { level, message: message ?? String(first), fields: {} }
}
