/**
 * A link, whatever carries it: what comes from the worker is told to whoever listens, and its end once.
 *
 * Law: after the end, or once it was closed, nothing is told any more.
 */
import { PipelineError } from '../../../sdk/errors.js'
import { errorFromWire } from '../../core/wire-error.js'
import type { FromWorker, ToWorker, WorkerLink } from '../tasks/worker-link.js'
import type { ConsoleSink, Incoming } from './worker-boot.js'

/** So long a worker may take to load its program. */
const START_MILLIS_MAX = 60_000

/** What carries messages to one worker. */
export interface Carrier {
  post(message: ToWorker): void
  /** Ends the worker at once; its end is told by {@link CarriedLink.ended}. */
  kill(): void
  /** Ends the worker in order, and resolves when it is gone. */
  close(): Promise<void>
}

/** One end of a link; the carrier tells it what arrives. */
export class CarriedLink implements WorkerLink {
  readonly name: string
  readonly #carrier: Carrier
  readonly #console: ConsoleSink
  #listener: ((message: FromWorker) => void) | undefined
  #endListener: ((reason: string) => void) | undefined
  /** What came before anybody listened. */
  #early: FromWorker[] = []
  #end: string | undefined
  #isClosed = false
  #started: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined

  constructor(name: string, carrier: Carrier, console: ConsoleSink) {
    this.name = name
    this.#carrier = carrier
    this.#console = console
  }

  /** Resolves when the worker has built its pipeline. @throws what its module throws, or {@link PipelineError} when it ended before. */
  async started(): Promise<this> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#started = { resolve, reject }
        if (this.#end !== undefined) reject(this.#notStarted(this.#end))
        timer = setTimeout(
          () => reject(this.#notStarted(`has not loaded the pipeline's module after ${START_MILLIS_MAX / 1000} s`)),
          START_MILLIS_MAX,
        )
      })
      return this
    } catch (error) {
      this.#isClosed = true
      this.#carrier.kill()
      throw error
    } finally {
      clearTimeout(timer)
      this.#started = undefined
    }
  }

  #notStarted(reason: string): PipelineError {
    return new PipelineError(
      'MR-6043',
      `${this.name} could not be started: it ${reason}. Look at what it has written above, or run with workers: 0.`,
    )
  }

  /** Something has come. */
  arrived(message: Incoming): void {
    if (this.#isClosed || this.#end !== undefined) return
    if (!('link' in message)) {
      if (this.#listener === undefined) this.#early.push(message)
      else this.#listener(message)
      return
    }
    if (message.link === 'console') this.#console(message.text, message.stream, message.step)
    else if (message.link === 'up') this.#started?.resolve()
    else this.#started?.reject(errorFromWire(message.error))
  }

  /** The worker is gone. */
  ended(reason: string): void {
    if (this.#end !== undefined || this.#isClosed) return
    this.#end = reason
    this.#started?.reject(this.#notStarted(reason))
    this.#endListener?.(reason)
  }

  send(message: ToWorker): void {
    if (!this.#isClosed && this.#end === undefined) this.#carrier.post(message)
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.#listener = listener
    const early = this.#early
    this.#early = []
    for (const message of early) listener(message)
  }

  onEnd(listener: (reason: string) => void): void {
    this.#endListener = listener
    if (this.#end !== undefined) listener(this.#end)
  }

  kill(): void {
    this.#carrier.kill()
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#carrier.close()
  }
}
