/**
 * The log of a run: lines of user code and of the runner, each with the pipeline, and the step where there is one.
 *
 * Law: without a logger nothing is said that was not asked for: lines of user code are printed from `info` on, remarks as
 * they are, and events (a dead letter, another attempt) are only counted. With one everything goes to it. Lines about
 * events never carry elements, which may hold what nobody else should read; and a flood of them is cut.
 */
import type { Env } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import { type Logger, LOG_LEVELS, type LogLevel, type LogRecord, type StepLog, stepLog } from '../../sdk/logger.js'
import { type BoundedWindow, GlobalWindow, globalWindow } from '../../sdk/windowing/window.js'
import { logText } from './log-lines.js'

/** Lines about one kind of event in one step that are written in {@link FLOOD_MILLIS}. */
export const FLOOD_MAX = 10
/** Then the next ones are, and the first says how many were left out. */
export const FLOOD_MILLIS = 10_000

interface Flood {
  since: number
  written: number
  suppressed: number
}

/** The log of a run. */
export class RunLog {
  readonly #env: Env
  readonly #pipeline: string
  readonly #logger: Logger | undefined
  #hasFailed = false
  readonly #floods = new Map<string, Flood>()
  readonly #also: ((line: LogRecord) => void) | undefined

  /** @param also hears every line of a step that is written. */
  constructor(env: Env, pipeline: string, logger: Logger | undefined, also?: (line: LogRecord) => void) {
    this.#env = env
    this.#pipeline = pipeline
    this.#logger = logger
    this.#also = also
  }

  /** The same log, of which somebody else hears every line of a step. */
  heardBy(also: (line: LogRecord) => void): RunLog {
    return new RunLog(this.#env, this.#pipeline, this.#logger, also)
  }

  /** `log` of a step; `window` tells in which window it is at work. */
  step(step: string, window?: () => BoundedWindow): StepLog {
    return stepLog(
      ({ level, message, fields }) => {
        const at = window?.()
        const place = at === undefined || at instanceof GlobalWindow ? { step } : { step, window: String(at) }
        const line = { level, message, fields: { ...fields, pipeline: this.#pipeline, ...place } }
        this.#also?.(line)
        this.#write(line)
      },
      (level) => this.#isEnabled(level),
    )
  }

  /** A remark of the runner's for people, which is shown with and without a logger. */
  note(text: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#logger === undefined) this.#env.print(text, 'err')
    else this.event('warn', text, fields)
  }

  /** Something that happens to a run once. A logger that throws is reported once, and changes nothing. */
  event(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#logger === undefined) return
    try {
      if (this.#isEnabled(level)) this.#write({ level, message, fields: { ...fields, pipeline: this.#pipeline } })
    } catch (error) {
      if (!this.#hasFailed) this.#env.print(`the logger of the run has failed: ${messageOf(error)}`, 'err')
      this.#hasFailed = true
    }
  }

  /** Something that user code did wrong, and that may happen as often as there are elements. */
  failure(level: LogLevel, message: string, step: string, thrown: unknown, window?: string): void {
    if (this.#logger === undefined) return
    const suppressed = this.#flooding(`${message} ${step}`)
    if (suppressed === undefined) return
    this.event(level, message, {
      step,
      ...(window === undefined || window === String(globalWindow) ? {} : { window }),
      ...failureFields(thrown),
      ...(suppressed === 0 ? {} : { suppressed }),
    })
  }

  /** How many lines were left out before this one; `undefined` when this one is left out too. */
  #flooding(key: string): number | undefined {
    const now = this.#env.monotonic()
    let flood = this.#floods.get(key)
    if (flood === undefined) this.#floods.set(key, (flood = { since: now, written: 0, suppressed: 0 }))
    if (now - flood.since >= FLOOD_MILLIS) {
      flood.since = now
      flood.written = 0
    }
    if (flood.written >= FLOOD_MAX) {
      flood.suppressed++
      return undefined
    }
    flood.written++
    const { suppressed } = flood
    flood.suppressed = 0
    return suppressed
  }

  /** Levels of which somebody reads lines. */
  get levels(): readonly LogLevel[] {
    return LOG_LEVELS.filter((level) => this.#isEnabled(level))
  }

  /** Writes a line that was logged where the run is done by others. */
  relay({ kind, ...record }: LogRecord & { readonly kind: 'line' | 'event' | 'remark' }): void {
    if (kind === 'remark') this.note(record.message ?? '', record.fields)
    else if (kind === 'line') this.#write(record)
    else this.event(record.level, record.message ?? '', record.fields)
  }

  #isEnabled(level: LogLevel): boolean {
    const logger = this.#logger
    if (logger === undefined) return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf('info')
    return logger.isLevelEnabled?.(level) ?? true
  }

  #write(record: LogRecord): void {
    const { level, message, fields } = record
    if (this.#logger === undefined) this.#env.print(logText(record), 'err')
    else if (message === undefined) this.#logger[level](fields)
    else this.#logger[level](fields, message)
  }
}

/** What a line says of a failure: its message and, where it has one, its code; never its stack, never an element. */
export function failureFields(thrown: unknown): Readonly<Record<string, unknown>> {
  const code = codeOf(thrown) ?? codeOf((thrown as { readonly cause?: unknown } | undefined)?.cause)
  const name = thrown instanceof Error ? thrown.name : typeof thrown
  return { error: messageOf(thrown), errorName: name, ...(code === undefined ? {} : { code }) }
}

function codeOf(thrown: unknown): string | undefined {
  const code: unknown = (thrown as { readonly code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
