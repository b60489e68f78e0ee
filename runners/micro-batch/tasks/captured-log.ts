/**
 * The log of a worker: lines are not written but told to the driver, with the task that they belong to, so that what is done again or
 * twice is written once.
 */
import { type Env } from '../../../sdk/env.js'
import type { LogFunction, Logger, LogLevel } from '../../../sdk/logger.js'
import { recordOf } from '../../../sdk/logger.js'
import { preview } from '../../../sdk/preview.js'
import { RunLog } from '../../core/run-log.js'
import type { LoggedLine } from './task.js'

/** Takes lines in. */
export class CapturedLog extends RunLog {
  readonly #lines: LoggedLine[]
  readonly #kind: { now: LoggedLine['kind'] }

  /** @param levels of which somebody reads lines. */
  constructor(env: Env, pipeline: string, levels: readonly string[]) {
    const lines: LoggedLine[] = []
    const kind: { now: LoggedLine['kind'] } = { now: 'line' }
    const at =
      (level: LogLevel): LogFunction =>
      (first: unknown, message?: string) => {
        const record = recordOf(level, first, message)
        lines.push({ ...record, fields: cloneable(record.fields), kind: kind.now })
      }
    const logger: Logger = {
      trace: at('trace'),
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      isLevelEnabled: (level) => levels.includes(level),
    }
    super(env, pipeline, logger)
    this.#lines = lines
    this.#kind = kind
  }

  override note(text: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#lines.push({ level: 'warn', message: text, fields: cloneable(fields), kind: 'remark' })
  }

  override event(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#kind.now = 'event'
    super.event(level, message, fields)
    this.#kind.now = 'line'
  }

  /** Takes the lines out. */
  take(): readonly LoggedLine[] {
    return this.#lines.splice(0)
  }
}

/** Fields as they can be sent; what cannot is put into words. */
function cloneable(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return structuredClone(fields)
  } catch {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, preview(value)]))
  }
}
