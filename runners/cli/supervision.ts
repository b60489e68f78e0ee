/**
 * What the supervising thread decides, event by event: how a run is shown, when it is drained or stopped, and with which
 * code the command ends. The resources behind the events (thread, signals, timers) are held by `supervise.ts`.
 *
 * Law: after a verdict no event is looked at any more.
 */
import { type ErrorCode, errorCode } from '../../sdk/error-codes.js'
import type { Progress } from '../runner.js'
import type { Display } from './display.js'
import { EXIT } from './exit-codes.js'
import type { Sight } from './probe.js'
import type { ErrorReport, FromWorker, ModuleText, StartMessage, ToWorker } from './protocol.js'
import { slowestStep } from './text-display.js'
import type { Watchdog } from './watchdog.js'

/** What can happen. */
export type SupervisorEvent =
  | { readonly kind: 'module'; readonly module: ModuleText }
  | { readonly kind: 'noModule'; readonly error: unknown }
  | { readonly kind: 'message'; readonly message: FromWorker }
  | { readonly kind: 'log'; readonly text: string }
  | { readonly kind: 'threadError'; readonly error: unknown }
  | { readonly kind: 'threadExit'; readonly code: number }
  | { readonly kind: 'signal'; readonly name: 'SIGINT' | 'SIGTERM' }
  | { readonly kind: 'tick' }
  | { readonly kind: 'sight'; readonly sight: Sight | undefined; readonly lookedAt: number }
  | { readonly kind: 'outputClosed' }
  /** The author's files have changed, and are to run again. */
  | { readonly kind: 'changed' }

/** What a supervision needs. */
export interface SupervisionServices {
  readonly display: Display
  /** Shows what was asked for: a graph, a page of help. */
  readonly answer: (text: string) => void
  readonly watchdog: Watchdog | undefined
  readonly start: Omit<StartMessage, 'kind' | 'module' | 'beatMillis'>
  /** How long draining after SIGTERM may take. */
  readonly graceMillis: number
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  readonly post: (message: ToWorker) => void
  /** Looks into the thread; the answer comes as an event. */
  readonly look: (module: ModuleText) => void
}

/** Milliseconds between two reports of progress. */
const PROGRESS_MILLIS = 1000
/** Without any change for this long, it is said what is waited for. */
const IDLE_MILLIS = 5000
const BEAT_MILLIS = 1000
/** So long a run may be drained for whose files have changed. */
const CHANGE_GRACE_MILLIS = 3000

/** The state of a supervised run. */
export class Supervision {
  readonly #services: SupervisionServices
  #module: ModuleText | undefined
  /** When the run began. */
  #startedAt: number | undefined
  #shownAt = 0
  #drainedBy: 'SIGINT' | 'SIGTERM' | 'change' | undefined
  #stopAt = Number.POSITIVE_INFINITY
  #isLooking = false
  #elements = -1
  #changedAt = 0
  #idleNoted = false

  constructor(services: SupervisionServices) {
    this.#services = services
  }

  /** Takes an event; returns the exit code when it was the last. */
  on(event: SupervisorEvent): number | undefined {
    switch (event.kind) {
      case 'module':
        return this.#begin(event.module)
      case 'noModule':
        return this.#refused(event.error)
      case 'message':
        return this.#message(event.message)
      case 'log':
        this.#services.display.log(event.text, 'err')
        return undefined
      case 'threadError':
        return this.#died(event.error)
      case 'threadExit':
        return this.#failed(
          'MR-6007',
          `the pipeline's thread ended by itself, with code ${event.code}: something called process.exit(). Let the run end, or throw an error.`,
        )
      case 'signal':
        return this.#signal(event.name)
      case 'tick':
        return this.#tick()
      case 'sight':
        return this.#sight(event.sight, event.lookedAt)
      case 'outputClosed':
        return EXIT.outputClosed
      case 'changed':
        return this.#changed()
    }
  }

  /** Makes room for the next run: what was read is finished, if that does not take long. */
  #changed(): number | undefined {
    if (this.#startedAt === undefined || this.#drainedBy !== undefined) return EXIT.done
    this.#drainedBy = 'change'
    this.#stopAt = this.#services.now() + CHANGE_GRACE_MILLIS
    this.#services.post({ kind: 'drain' })
    return undefined
  }

  #begin(module: ModuleText): undefined {
    const { post, start, watchdog } = this.#services
    this.#module = module
    post({ kind: 'start', ...start, module, beatMillis: watchdog?.beatMillis ?? BEAT_MILLIS })
  }

  #message(message: FromWorker): number | undefined {
    const { display, answer } = this.#services
    switch (message.kind) {
      case 'results':
        this.#changedAt = this.#services.now()
        display.results(message.lines)
        return undefined
      case 'note':
        display.note(message.text)
        return undefined
      case 'log':
        display.log(message.text, message.stream, message.step)
        return undefined
      case 'started':
        this.#startedAt = this.#changedAt = this.#services.now()
        display.started(message, this.#module?.hash ?? '')
        return undefined
      case 'beat':
        this.#beat(message.progress)
        return undefined
      case 'answer':
        answer(message.text)
        return EXIT.done
      case 'finished':
        display.finished(message)
        return EXIT.done
      case 'outputClosed':
        return EXIT.outputClosed
      case 'failed':
        display.failed(message.error, message.deadLetters)
        return message.phase === 'load' ? EXIT.refused : EXIT.failed
    }
  }

  #beat(progress: Progress | undefined): void {
    const { display, now, watchdog } = this.#services
    const at = now()
    watchdog?.sign(at)
    if (progress === undefined || this.#startedAt === undefined) return
    // Beats come more often than anyone wants to read when calls are watched closely.
    if (at - Math.max(this.#shownAt, this.#startedAt) >= PROGRESS_MILLIS * 0.9) {
      this.#shownAt = at
      display.progress(progress, at - this.#startedAt)
    }
    this.#noteIdle(progress, at)
  }

  /** Never silent for long: says which step holds the watermark, and why. */
  #noteIdle(progress: Progress, at: number): void {
    const { elements, oldestCall } = progress
    if (elements !== this.#elements) {
      this.#elements = elements
      this.#changedAt = at
    }
    if (at - this.#changedAt < IDLE_MILLIS) {
      this.#idleNoted = false
      return
    }
    if (this.#idleNoted) return
    this.#idleNoted = true
    const holder = slowestStep(progress)
    const why =
      oldestCall === undefined
        ? 'it has nothing to read now'
        : `step "${oldestCall.step}" waits for its ${oldestCall.call === 'process' ? `call on ${oldestCall.element}` : oldestCall.call}`
    if (holder !== undefined)
      this.#services.display.note(
        `nothing has come for ${IDLE_MILLIS / 1000} s. Step "${holder.step}" holds the watermark: ${why}.`,
      )
  }

  #signal(name: 'SIGINT' | 'SIGTERM'): number | undefined {
    const { display, graceMillis, now, post } = this.#services
    const stopped = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
    if (this.#startedAt === undefined) return stopped
    if (this.#drainedBy !== undefined) {
      display.note(`${name}: stopped. What was under way is lost.`)
      return stopped
    }
    this.#drainedBy = name
    const reading = 'endless sources stop, and what has been read is finished'
    if (name === 'SIGINT') {
      display.note(`SIGINT: draining: ${reading}. Press Ctrl-C again to stop at once.`)
    } else {
      this.#stopAt = now() + graceMillis
      display.note(`SIGTERM: draining: ${reading}, within ${Math.round(graceMillis / 100) / 10} s.`)
    }
    post({ kind: 'drain' })
    return undefined
  }

  #tick(): number | undefined {
    const { display, look, now, watchdog } = this.#services
    const at = now()
    if (at >= this.#stopAt) {
      if (this.#drainedBy === 'change') return EXIT.done
      display.note('SIGTERM: the time for draining is over; stopped. What was under way is lost.')
      return EXIT.terminated
    }
    if (this.#module !== undefined && !this.#isLooking && watchdog?.isLookDue(at) === true) {
      this.#isLooking = true
      look(this.#module)
    }
    return undefined
  }

  #sight(sight: Sight | undefined, lookedAt: number): number | undefined {
    this.#isLooking = false
    const verdict = this.#services.watchdog?.seen(sight, lookedAt, this.#startedAt === undefined)
    if (verdict === undefined) return undefined
    if (verdict.kind === 'end') return this.#failed('MR-3020', verdict.text)
    this.#services.display.stuck(verdict.text)
    return undefined
  }

  #refused(error: unknown): number {
    this.#services.display.failed(errorText(error))
    return EXIT.refused
  }

  #died(error: unknown): number {
    const isMemory = (error as { readonly code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY'
    if (!isMemory) return this.#failed('MR-6007', `the pipeline's thread died: ${errorText(error).message}`)
    return this.#failed(
      'MR-6008',
      'the pipeline ran out of memory. Give it more, with NODE_OPTIONS=--max-old-space-size=8192 (MiB), or keep less: smaller windows, a combine instead of a groupByKey.',
    )
  }

  #failed(code: ErrorCode, message: string): number {
    this.#services.display.failed({ name: 'Error', message, frames: [], code })
    return EXIT.failed
  }
}

function errorText(error: unknown): ErrorReport {
  const message = error instanceof Error ? error.message : String(error)
  const code = errorCode(error)
  return { name: 'Error', message, frames: [], ...(code === undefined ? {} : { code }) }
}
