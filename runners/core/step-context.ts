/**
 * The context a DoFn's functions get. One object serves element after element; a call that goes on asynchronously keeps
 * the object it has, and the step takes a fresh one. What is taken out of it (`emit`, a state cell, a timer) stays bound
 * to the object, so it survives destructuring and refuses to work once its call or bundle has ended.
 */
import type { StepLog } from '../../sdk/logger.js'
import type { AfterCommit } from '../../sdk/transforms/do-fn.js'
import type { TimeDomain } from '../../sdk/state/timer-spec.js'
import { NO_FIRING, type PaneInfo } from '../../sdk/windowing/pane-info.js'
import { type BoundedWindow, globalWindow } from '../../sdk/windowing/window.js'
import type { StateRecord } from './state-internals.js'

/** Hands elements on at once. */
export const LIVE = 0
/** Keeps elements until the call has succeeded and it is its turn. */
export const BUFFERING = 1
/** Refuses elements: the call or its bundle has ended. */
export const CLOSED = 2

/** Stands for an output where an item is delivered. */
export const DELIVERED = -1

/** An element kept by a buffering context. */
export interface Emitted {
  /** Which output, or {@link DELIVERED}. */
  readonly output: number
  readonly value: unknown
  readonly timestamp: number
}

/** What a context needs of its step. */
export interface ContextHost {
  readonly resource: unknown
  readonly metricCells: object
  readonly random: () => number
  now(): number
  /** How far the step's input is, as its timers see it. */
  readonly watermark: number
  /** `window` tells in which window the call is at work. */
  logFor(window?: () => BoundedWindow): StepLog
  finalize(context: StepContext, ...registration: Parameters<AfterCommit>): void
  sidesFor(context: StepContext): object
  stateFor(context: StepContext): object
  timersFor(context: StepContext): object
  deliverFor(context: StepContext): (item: unknown) => void
}

/** A DoFn's context. Authors see what their types name; the rest is the engine's. */
export class StepContext {
  timestamp = 0
  window: BoundedWindow = globalWindow
  pane: PaneInfo = NO_FIRING
  emit: unknown = undefined
  readonly resource: unknown
  metrics: object
  readonly random: () => number
  /** In handlers: the key whose timer fires. */
  key: unknown = undefined
  /** In handlers: the time the timer was set to. */
  fireTimestamp = 0
  /** In handlers of timers: the timer's name. */
  id: string | undefined = undefined
  /** In handlers of families: which timer. */
  tag: string | undefined = undefined
  /** In handlers of timers: which clock it waited for. */
  timeDomain: TimeDomain | undefined = undefined

  /** @internal */ mode: number = LIVE
  /** @internal */ buffer: Emitted[] = []
  /** Which attempt of its call this is, from 1, where calls may be tried again. @internal */ attempt = 1
  /** State of the key and window at hand. @internal */ record: StateRecord | undefined = undefined
  /** False in onWindowExpiration: the window has no time left to wait for. @internal */ canSetTimers = true
  readonly #host: ContextHost
  #log: StepLog | undefined
  #sides: object | undefined
  #state: object | undefined
  #timers: object | undefined
  #deliver: ((item: unknown) => void) | undefined

  constructor(host: ContextHost) {
    this.#host = host
    this.resource = host.resource
    this.metrics = host.metricCells
    this.random = host.random
  }

  get now(): number {
    return this.#host.now()
  }

  /** @internal */ get watermark(): number {
    return this.#host.watermark
  }

  get log(): StepLog {
    return (this.#log ??= this.#host.logFor(() => this.window))
  }

  get afterCommit(): AfterCommit {
    return (...registration) => this.#host.finalize(this, ...registration)
  }

  get sides(): object {
    return (this.#sides ??= this.#host.sidesFor(this))
  }

  get state(): object {
    return (this.#state ??= this.#host.stateFor(this))
  }

  get timers(): object {
    return (this.#timers ??= this.#host.timersFor(this))
  }

  get deliver(): (item: unknown) => void {
    return (this.#deliver ??= this.#host.deliverFor(this))
  }
}
