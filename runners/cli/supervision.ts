/**
 * What the supervising thread decides, event by event: how a run is shown, when it is drained or stopped, and with which
 * code the command ends. The resources behind the events (thread, signals, timers) are held by `supervise.ts`.
 *
 * Law: after a verdict no event is looked at any more.
 */
import { type ErrorCode, errorCode } from '../../sdk/error-codes.js'
import { countText } from '../run-status-text.js'
import { why } from '../run-status-why.js'
import type { RunStatus } from '../run-status.js'
import type { Progress } from '../runner.js'
import type { Display } from './display.js'
import { EXIT } from './exit-codes.js'
import type { MetricsService } from './metrics-service.js'
import type { Sight } from './probe.js'
import type { ModuleText } from '../author-module/module-text.js'
import type { ErrorReport, FromWorker, StartMessage, ToWorker } from './protocol.js'
import { elementsReadBy } from './reading-steps.js'
import { isKept } from './runner-settings.js'
import type { LiveKey } from './live-keys.js'
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
  /** Somebody asks for one worker more, or one less. */
  | { readonly kind: 'workers'; readonly by: 1 | -1 }
  | { readonly kind: 'tick' }
  | { readonly kind: 'sight'; readonly sight: Sight | undefined; readonly lookedAt: number }
  | { readonly kind: 'key'; readonly key: LiveKey }
  | { readonly kind: 'resized' }
  | { readonly kind: 'outputClosed' }
  /** The author's files have changed, and are to run again. */
  | { readonly kind: 'changed' }

/** What a supervision needs. */
export interface SupervisionServices {
  readonly display: Display
  /** Shows what was asked for: a graph, a page of help. */
  readonly answer: (text: string) => void
  readonly watchdog: Watchdog | undefined
  /** Serves metrics, where it was asked for. */
  readonly metrics?: MetricsService | undefined
  readonly start: Omit<StartMessage, 'kind' | 'module' | 'beatMillis'>
  /** How long the run may take to end after SIGTERM. */
  readonly graceMillis: number
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  readonly post: (message: ToWorker) => void
  /** Looks into the thread; the answer comes as an event. */
  readonly look: (module: ModuleText) => void
}

/** Without any output for this long, it is said what is waited for. */
const IDLE_MILLIS = 5000
const BEAT_MILLIS = 1000
/** So long a run that has been given up may take to give its checkpoint back. */
const GIVE_UP_MILLIS = 1000
/** So long a run may be drained for whose files have changed. */
const CHANGE_GRACE_MILLIS = 3000

/** The state of a supervised run. */
export class Supervision {
  readonly #services: SupervisionServices
  #module: ModuleText | undefined
  /** When the run began. */
  #startedAt: number | undefined
  #drainedBy: 'SIGINT' | 'SIGTERM' | 'q' | 'change' | undefined
  #stopAt = Number.POSITIVE_INFINITY
  /** Whether the batch at hand is given up. */
  #isGivenUp = false
  #hasToldBatch = false
  #isLooking = false
  /** What has come out so far, and when something last did. */
  #output = -1
  #changedAt = 0
  #isSilenceNoted = false

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
      case 'workers':
        this.#services.post({ kind: 'workers', by: event.by })
        return undefined
      case 'tick':
        return this.#tick()
      case 'sight':
        return this.#sight(event.sight, event.lookedAt)
      case 'key':
        return this.#key(event.key)
      case 'resized':
        this.#services.display.resized?.()
        return undefined
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
    this.#services.post({ kind: this.#isKept ? 'stop' : 'drain' })
    return undefined
  }

  /** Whether the run can go on when it is started again. */
  get #isKept(): boolean {
    return isKept(this.#services.start.runner)
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
        this.#isSilenceNoted = false
        // What `why` runs is not run for its results.
        if (this.#services.start.why === undefined) display.results(message.lines)
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
        for (const note of this.#services.metrics?.notes ?? []) display.note(note)
        return undefined
      case 'record':
        display.record(message.line)
        return undefined
      case 'snapshot':
        this.#services.metrics?.take(message.snapshot)
        return undefined
      case 'beat':
        this.#beat(message.progress, message.status)
        return undefined
      case 'answer':
        answer(message.text)
        return EXIT.done
      case 'finished':
        display.finished(message)
        return message.state === 'STOPPED' || (this.#isGivenUp && message.state === 'CANCELLED')
          ? EXIT.terminated
          : EXIT.done
      case 'outputClosed':
        return EXIT.outputClosed
      case 'failed':
        display.failed(message.error, message.deadLetters)
        return message.phase === 'load' ? EXIT.refused : EXIT.failed
    }
  }

  #beat(progress: Progress | undefined, status: RunStatus | undefined): void {
    const { display, now, watchdog } = this.#services
    const at = now()
    watchdog?.sign(at)
    if (progress === undefined || status === undefined || this.#startedAt === undefined) return
    this.#noteBatch(status)
    display.progress(status, at - this.#startedAt)
    this.#noteSilence(status, at)
  }

  /** Says once where the run has gone on. */
  #noteBatch({ batches }: RunStatus): void {
    if (this.#hasToldBatch || batches?.resumedAfter === undefined) return
    this.#hasToldBatch = true
    this.#services.display.note(`went on after batch ${countText(batches.resumedAfter)}.`)
  }

  /** Never silent for long: says, once for each silence, what waits and why. */
  #noteSilence(status: RunStatus, at: number): void {
    const output = outputOf(status)
    // One that stands by has said so, and does nothing of its own.
    if (output !== this.#output || status.batches?.standby !== undefined) {
      this.#output = output
      this.#changedAt = at
    }
    if (at - this.#changedAt < IDLE_MILLIS) {
      this.#isSilenceNoted = false
      return
    }
    if (this.#isSilenceNoted || this.#services.start.why !== undefined) return
    this.#isSilenceNoted = true
    const lines = silenceLines(status)
    if (lines.length > 0) this.#services.display.note(lines.join('\n'))
  }

  #key(key: LiveKey): number | undefined {
    const { display, post } = this.#services
    switch (key) {
      case 'interrupt':
        return this.#signal('SIGINT')
      case 'drain':
        if (this.#startedAt === undefined) return undefined
        if (this.#drainedBy === undefined) this.#drain('q')
        else display.note('q: the run is being drained already. Press Ctrl-C to stop at once.')
        return undefined
      case 'pause':
        post({ kind: 'pause' })
        return undefined
      case 'details':
      case 'help':
        display.toggle?.(key)
        return undefined
    }
  }

  #signal(name: 'SIGINT' | 'SIGTERM'): number | undefined {
    const { display, graceMillis, now, post } = this.#services
    const stopped = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
    if (this.#startedAt === undefined) return stopped
    if (this.#drainedBy !== undefined) {
      display.note(`${name}: stopped. ${this.#whatIsLost}`)
      return stopped
    }
    if (this.#services.start.why !== undefined) {
      // What was asked for is the explanation; the run is given up with it.
      this.#drainedBy = name
      post({ kind: 'explain' })
      return undefined
    }
    if (name === 'SIGTERM') this.#stopAt = now() + graceMillis
    if (name === 'SIGTERM' && this.#isKept) this.#stop()
    else this.#drain(name)
    return undefined
  }

  get #whatIsLost(): string {
    return this.#isKept
      ? 'What was under way is given up, and done again when the run goes on.'
      : 'What was under way is lost.'
  }

  #stop(): void {
    const { display, graceMillis, post } = this.#services
    this.#drainedBy = 'SIGTERM'
    display.note(
      `SIGTERM: stopping: the batch at hand is finished, within ${secondsText(graceMillis)}; the run goes on when it is started again.`,
    )
    post({ kind: 'stop' })
  }

  #drain(by: 'SIGINT' | 'SIGTERM' | 'q'): void {
    const { display, graceMillis, post } = this.#services
    this.#drainedBy = by
    const reading = 'endless sources stop, and what has been read is finished'
    display.note(
      by === 'SIGTERM'
        ? `SIGTERM: draining: ${reading}, within ${secondsText(graceMillis)}.`
        : `${by}: draining: ${reading}${this.#isKept ? ', and the run does not go on after that (SIGTERM stops one that is to)' : ''}. Press Ctrl-C ${by === 'q' ? '' : 'again '}to stop at once.`,
    )
    post({ kind: 'drain' })
  }

  #tick(): number | undefined {
    const { display, look, now, post, watchdog } = this.#services
    const at = now()
    if (at >= this.#stopAt) {
      if (this.#isKept && !this.#isGivenUp) {
        // It gives the checkpoint back: another machine need not wait until it is free.
        this.#isGivenUp = true
        this.#stopAt = at + GIVE_UP_MILLIS
        if (this.#drainedBy !== 'change')
          display.note(`SIGTERM: the time for the batch at hand is over. ${this.#whatIsLost}`)
        post({ kind: 'cancel' })
        return undefined
      }
      if (this.#drainedBy === 'change') return EXIT.done
      if (!this.#isKept) display.note(`SIGTERM: the time for draining is over; stopped. ${this.#whatIsLost}`)
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

function secondsText(millis: number): string {
  return `${Math.round(millis / 100) / 10} s`
}

/** What a run has put out: what has come to steps that nobody reads. */
function outputOf({ steps }: RunStatus): number {
  const read = new Set(steps.flatMap(({ inputs }) => inputs))
  return steps.reduce((sum, { step, elementsIn }) => (read.has(step) ? sum : sum + elementsIn), 0)
}

/** Explanations in one remark. */
const REASONS_MAX = 3

function silenceLines(status: RunStatus): readonly string[] {
  const reasons = why(status)
  if (reasons.length === 0) return []
  const [first] = reasons
  const more = reasons.length - REASONS_MAX
  // The same number as the line at the end of the run has.
  const read = elementsReadBy(status)
  return [
    `no output for ${IDLE_MILLIS / 1000} s; ${countText(read)} ${read === 1 ? 'element' : 'elements'} read so far.`,
    ...reasons.slice(0, REASONS_MAX).map(({ text }) => `  ${text}`),
    ...(more > 0 ? [`  … and ${more} more ${more === 1 ? 'step waits' : 'steps wait'}.`] : []),
    ...(first?.hint === undefined ? [] : [`  ${first.hint}`]),
  ]
}

function errorText(error: unknown): ErrorReport {
  const message = error instanceof Error ? error.message : String(error)
  const code = errorCode(error)
  return { name: 'Error', message, frames: [], ...(code === undefined ? {} : { code }) }
}
