/**
 * Log lines as text: for people, and as JSON in pino's form (`level` as a number, `time`, `msg`), so that what reads
 * pino's lines reads these.
 *
 * Law: a line is one line, and whatever user code gives it can be written: a circle, a bigint, a getter that throws.
 */
import { messageOf } from '../../sdk/errors.js'
import { type Logger, LOG_LEVELS, type LogLevel, type LogRecord, recordOf } from '../../sdk/logger.js'
import { preview } from '../../sdk/preview.js'

const NUMBERS: Readonly<Record<LogLevel, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50 }

/** A line for people: `warn shop/parse [2026-03-01T10:00:00Z, …): dead letter error="no number"`. */
export function logText({ level, message, fields }: LogRecord): string {
  const { pipeline, step, window, ...rest } = fields
  const place = [step ?? pipeline, window].filter((each) => each !== undefined).map(String)
  const more = Object.entries(rest).map(([name, value]) => `${name}=${valueText(value)}`)
  return [`${level} ${place.join(' ')}:`, ...(message === undefined ? [] : [message]), ...more]
    .join(' ')
    .replaceAll('\n', '\\n')
}

/** A line for programs. */
export function logJson({ level, message, fields }: LogRecord, millis: number): string {
  const record = { level: NUMBERS[level], time: millis, ...fields, ...(message === undefined ? {} : { msg: message }) }
  try {
    return JSON.stringify({ ...record, level: NUMBERS[level], time: millis }, plain)
  } catch {
    const shown = Object.entries(fields).map(([name, value]) => [name, writable(value)])
    return JSON.stringify({ ...Object.fromEntries(shown), level: NUMBERS[level], time: millis, msg: message })
  }
}

/** A logger whose lines go to `write`, from a level on. */
export function lineLogger(
  format: 'text' | 'json',
  from: LogLevel | 'silent',
  write: (line: string) => void,
  now: () => number,
): Logger {
  const least = from === 'silent' ? LOG_LEVELS.length : LOG_LEVELS.indexOf(from)
  const isLevelEnabled = (level: string): boolean => (LOG_LEVELS as readonly string[]).indexOf(level) >= least
  const at =
    (level: LogLevel) =>
    (first: unknown, message?: string): void => {
      if (!isLevelEnabled(level)) return
      const record = recordOf(level, first, message)
      write(format === 'json' ? logJson(record, now()) : `${new Date(now()).toISOString()} ${logText(record)}`)
    }
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isLevelEnabled,
  }
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:-]+$/.test(value) ? value : JSON.stringify(value)
  if (value instanceof Error) return JSON.stringify(messageOf(value))
  return writable(value)
}

/** Its JSON where it has one. */
function writable(value: unknown): string {
  try {
    return JSON.stringify(value, plain) ?? String(value)
  } catch {
    return preview(value)
  }
}

function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)]
  if (value instanceof Error) return { type: value.name, message: messageOf(value), stack: value.stack }
  return value
}
