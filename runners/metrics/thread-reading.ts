/**
 * What a thread costs: memory, CPU, and how long its event loop lets others wait. A capability: it asks Node.
 */
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** A thread, and the process around it, at one moment. Seconds and bytes, as Prometheus has them. */
export interface ThreadReading {
  /** Seconds since 1970 at which this was read. */
  readonly readAt: number
  /** CPU of the process since it began. */
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** Heap of this thread. */
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  /** Buffers outside of any heap. */
  readonly externalBytes: number
  /** When the process began, in seconds since 1970. */
  readonly processStartedAt: number
  /** Delays of the event loop that were measured since the observation began, and their sum. */
  readonly delays: number
  readonly delaySecondsSum: number
  /** The largest delay of the last minute. */
  readonly delaySecondsMax: number
  /** Share of the time since the observation began in which the event loop was busy, from 0 to 1. */
  readonly utilization: number
}

/** How often the delay is measured; what a timer waits by itself is no delay. */
const RESOLUTION_MILLIS = 20
const MAX_KEPT_MILLIS = 60_000

/** Observes the thread it is made on, until it is closed. */
export class ThreadObserver {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MILLIS })
  readonly #began = performance.eventLoopUtilization()
  /** Read once: the two clocks drift. */
  readonly #processStartedAt = Date.now() / 1000 - process.uptime()
  #delays = 0
  #sum = 0
  #maxima: { readonly at: number; readonly seconds: number }[] = []

  constructor() {
    this.#histogram.enable()
  }

  /** The thread as it is. */
  read(): ThreadReading {
    this.#gather()
    const memory = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    return {
      readAt: Date.now() / 1000,
      cpuSeconds: (user + system) / 1e6,
      residentBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      heapTotalBytes: memory.heapTotal,
      externalBytes: memory.external,
      processStartedAt: this.#processStartedAt,
      delays: this.#delays,
      delaySecondsSum: this.#sum,
      delaySecondsMax: Math.max(0, ...this.#maxima.map(({ seconds }) => seconds)),
      utilization: performance.eventLoopUtilization(this.#began).utilization,
    }
  }

  /** Ends the observation. */
  close(): void {
    this.#histogram.disable()
  }

  /** Adds what was measured since the last look; what is read twice would else count twice. */
  #gather(): void {
    const { count, mean, max } = this.#histogram
    const now = performance.now()
    this.#maxima = this.#maxima.filter(({ at }) => now - at < MAX_KEPT_MILLIS)
    if (count === 0) return
    this.#histogram.reset()
    this.#delays += count
    this.#sum += count * beyondTimer(mean)
    this.#maxima.push({ at: now, seconds: beyondTimer(max) })
  }
}

/** Seconds that a measurement of nanoseconds lies above what was asked for. */
function beyondTimer(nanos: number): number {
  return Math.max(0, nanos / 1e9 - RESOLUTION_MILLIS / 1000)
}
