/**
 * Runs one DoFn: its contexts, its calls (synchronous, asynchronous, repeated, or ending in a dead letter), its state
 * and timers.
 *
 * Law: every element given to `push` either has its outputs handed on completely, in input order unless the author gave
 * that up, or becomes one dead letter, or fails the bundle. Calls for one key never overlap.
 */
import { coded } from '../../sdk/error-codes.js'
import { UserCodeError } from '../../sdk/errors.js'
import type { TimerSpec } from '../../sdk/state/timer-spec.js'
import { invariant } from '../../sdk/invariant.js'
import type { StepLog } from '../../sdk/logger.js'
import { formatMillis, formatTimestamp, type Instant, TIMESTAMP_MIN, toTimestamp } from '../../sdk/time.js'
import type { AfterCommit, AnyDoFn, StepFunction, TimerSpecs } from '../../sdk/transforms/do-fn.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import { type BoundedWindow, globalWindow, type Windows } from '../../sdk/windowing/window.js'
import { AsyncCalls } from './async-calls.js'
import { bundleContext, emitsInWindow } from './bundle-context.js'
import { checkedEmit, type Emit } from './checked-emit.js'
import { undeclaredDelivery } from './deliveries.js'
import type { Push } from './element-buffer.js'
import { LATE_COUNTERS, lateElement } from './late-data.js'
import { andThen, backoffOf, InputGuard, isIterator, isThenable, wait } from './prepare-step.js'
import { REHEARSED } from './rehearse.js'
import type { ParDoOperator, StepInfo } from './stage.js'
import type { StageRuntime, StuckCall } from './stage-runtime.js'
import { drain, guarded, type Process } from './process-results.js'
import { keyOf } from './key-of.js'
import type { DoFnServices } from './do-fn-services.js'
import { sidesObject } from './sides-object.js'
import { stateCells } from './state-cells.js'
import { callOf, type StateRecord, type TimerSetting } from './state-internals.js'
import { BUFFERING, CLOSED, DELIVERED, type ContextHost, LIVE, StepContext } from './step-context.js'
import { timerCells } from './timer-cells.js'

/** Asynchronous calls of a step in flight at once, unless the author says otherwise. */
export const CONCURRENCY_DEFAULT = 16

type DoFnFunction = Extract<StepFunction, { kind: 'doFn' }>

/** A DoFn at work. */
export class DoFnRuntime implements ContextHost {
  readonly info: StepInfo
  readonly operator: ParDoOperator
  readonly calls: AsyncCalls
  /** Calls the author's process. */
  readonly process: Process
  /** Whether outputs wait until the call has succeeded. */
  readonly isBuffered: boolean
  resource: unknown = undefined
  readonly metricCells: object
  readonly random: () => number
  readonly #fn: DoFnFunction
  readonly #doFn: AnyDoFn
  readonly #services: DoFnServices
  readonly #runtime: StageRuntime
  readonly #guard: InputGuard | undefined
  readonly #timerIds: readonly string[]
  readonly #timerSpecs: TimerSpecs
  #context: StepContext | undefined
  /** Contexts that are with user code now, to be closed with the bundle. */
  readonly #lent = new Set<StepContext>()

  constructor(operator: ParDoOperator, services: DoFnServices) {
    invariant(operator.fn.kind === 'doFn', 'a DoFn runtime runs a DoFn')
    this.operator = operator
    this.info = operator.info
    this.#fn = operator.fn
    this.#doFn = operator.fn.doFn
    this.#services = services
    this.#runtime = services.runtime
    const { concurrency = CONCURRENCY_DEFAULT, ordered = true, retry } = operator.fn.options
    this.calls = new AsyncCalls(services.runtime, concurrency, ordered)
    this.isBuffered = services.letters !== undefined || (retry !== undefined && retry.attempts > 1)
    this.metricCells = services.runtime.metrics.cells(operator.info.path, this.#doFn.metrics ?? {})
    this.random = services.env.random.bind(services.env)
    this.#timerSpecs = this.#doFn.timers ?? {}
    this.#timerIds = Object.keys(this.#timerSpecs)
    const { process } = this.#doFn
    this.#guard = services.inputGuard === undefined ? undefined : new InputGuard(services.inputGuard)
    this.process = this.#guard === undefined ? (process as Process) : guarded(process as Process, this.#guard)
  }

  get watermark(): number {
    return this.#services.timers?.inputWatermark ?? TIMESTAMP_MIN
  }

  now(): number {
    const { env, timers } = this.#services
    return timers === undefined ? env.now() : timers.processingTime
  }

  logFor(window?: () => BoundedWindow): StepLog {
    return this.#runtime.log.step(this.info.path, window)
  }

  // ---- lifecycle -------------------------------------------------------------------------------------------------

  setup(): unknown {
    const { setup } = this.#doFn
    if (setup === undefined) return undefined
    return this.#guardedCall('setup', () =>
      andThen(setup(this.#runtime.setupContext(this.info)), (resource) => {
        this.resource = resource
      }),
    )
  }

  startBundle(): unknown {
    const { startBundle } = this.#doFn
    if (startBundle === undefined) return undefined
    return this.#guardedCall('startBundle', () => startBundle(bundleContext(this, undefined)))
  }

  finishBundle(): unknown {
    const { finishBundle } = this.#doFn
    if (finishBundle === undefined) return undefined
    const open = { current: true }
    const { windowFn } = this.operator.strategy
    const emits = emitsInWindow(this.#services.outputs, windowFn, open, () => this.#refuseLate('emit'))
    const delivering = new StepContext(this)
    const context = bundleContext(this, this.emitOf(emits), (item) => delivering.deliver(item))
    return this.#guardedCall('finishBundle', () =>
      andThen(finishBundle(context), () => {
        open.current = false
        delivering.mode = CLOSED
      }),
    )
  }

  /** Ends the life of every context of the bundle: what still emits, reads state or sets timers is told so. */
  closeBundle(): void {
    for (const context of this.#lent) context.mode = CLOSED
    this.#lent.clear()
    if (this.#context !== undefined) this.#context.mode = CLOSED
    this.#context = undefined
    this.calls.abandon()
  }

  teardown(): unknown {
    const result: unknown = this.#doFn.teardown?.({ resource: this.resource })
    return isThenable(result) ? this.#runtime.watched(this.info, 'teardown', result) : result
  }

  // ---- elements --------------------------------------------------------------------------------------------------

  /** Processes an element, once for each of its windows. */
  push(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    if (Array.isArray(windows)) {
      for (const window of windows as readonly BoundedWindow[]) this.pushInWindow(value, timestamp, window, pane)
    } else {
      this.pushInWindow(value, timestamp, windows as BoundedWindow, pane)
    }
  }

  /** Processes an element in one window; one that has waited for its turn by time is not late, however far the watermark is. */
  pushInWindow(value: unknown, timestamp: number, window: BoundedWindow, pane: PaneInfo, hasWaited = false): void {
    const record = this.operator.isStateful ? this.recordFor(value, timestamp, window, hasWaited) : undefined
    if (this.operator.isStateful && record === undefined) return
    if (record?.tail !== undefined) {
      this.#chain(record, value, timestamp, window, pane)
    } else if (this.calls.isFull) {
      this.calls.wait(() => this.#call(record, value, timestamp, window, pane))
    } else {
      this.#call(record, value, timestamp, window, pane)
    }
  }

  /** The state of an element's key and window; `undefined` when the window has expired, and the element is dropped. */
  recordFor(value: unknown, timestamp: number, window: BoundedWindow, hasWaited = false): StateRecord | undefined {
    const { state, timers } = this.#services
    invariant(state !== undefined && timers !== undefined, 'a stateful step has state')
    if (!hasWaited && expiryOf(window, this.operator.strategy.allowedLatenessMillis) < timers.inputWatermark) {
      this.dropLate(value, timestamp, window)
      return undefined
    }
    try {
      const key = keyOf(value)
      return state.record(key, window)
    } catch (error) {
      this.fail(error, value, timestamp, window)
      return undefined
    }
  }

  /** Counts an element that came too late. */
  dropLate(value: unknown, timestamp: number, window: BoundedWindow): void {
    this.#runtime.metrics.count(this.info.path, LATE_COUNTERS.late)
    const { late } = this.#services
    late?.(lateElement(this.info, 'late', value, timestamp, window), timestamp, globalWindow, NO_FIRING)
  }

  /** Resolves when no call of the stage is under way. */
  settled(): Promise<void> {
    return this.#runtime.settled()
  }

  /** A context for the next call, bound to nothing yet but its emit. The generated loop makes its own emit. */
  newContext(): StepContext {
    const context = new StepContext(this)
    this.#lent.add(context)
    return context
  }

  /** What `process` returned, when it is not nothing. Whether the context must be left to it. */
  returned(result: unknown, context: StepContext, value: unknown): boolean {
    if (isThenable(result)) {
      this.#deferred(result, context, value)
      return true
    }
    if (!isIterator(result)) return false
    const drained = drain(result, context)
    if (drained === undefined) return false
    this.#deferred(drained, context, value)
    return true
  }

  /** An element that cannot go on at once: its call is still under way, or its bundle has ended. */
  emitSlow(context: StepContext, output: number, value: unknown, at: Instant | undefined): void {
    if (context.mode === CLOSED) this.#refuseLate('emit')
    const timestamp = at === undefined ? context.timestamp : this.outputTimestamp(context, at)
    context.buffer.push({ output, value, timestamp })
  }

  /** The timestamp of an output, after the rule that it must not lie before its input's. */
  outputTimestamp(context: StepContext, at: Instant): number {
    const timestamp = toTimestamp(at)
    const { allowedSkewMillis } = this.#fn
    if (timestamp < context.timestamp - allowedSkewMillis && context.timestamp !== TIMESTAMP_MIN) {
      throw coded(
        'MR-2020',
        new RangeError(
          `output timestamp ${formatTimestamp(timestamp)} is before the input's ${formatTimestamp(context.timestamp)} by more than allowedSkew (${formatMillis(allowedSkewMillis)}). Set allowedSkew, knowing that such output may be late.`,
        ),
      )
    }
    return timestamp
  }

  /** Reports a failed call. */
  fail(error: unknown, value: unknown, timestamp: number, windows: Windows, call = 'process'): void {
    this.#runtime.failed(this.info, call, error, value, timestamp, windows, this.#services.letters)
  }

  /** The call under way that has waited longest. */
  get stuck(): StuckCall | undefined {
    const { oldest } = this.calls
    return oldest === undefined ? undefined : { ...oldest, step: this.info, call: 'process' }
  }

  // ---- handlers --------------------------------------------------------------------------------------------------

  /** Calls a timer's handler. */
  fireTimer(record: StateRecord, timer: number, setting: TimerSetting): unknown {
    const id = this.#timerIds[timer] as string
    const handler = this.#doFn.onTimer?.[id]
    invariant(handler !== undefined, 'a declared timer has a handler', { step: this.info.path, timer: id })
    const context = this.#contextFor(record, setting.outputTimestamp, record.window, NO_FIRING)
    context.id = id
    context.tag = setting.tag
    context.timeDomain = (this.#timerSpecs[id] as TimerSpec).timeDomain
    context.fireTimestamp = setting.fireTimestamp
    return this.#handle(`onTimer.${id}`, handler, record, context)
  }

  /** Calls onWindowExpiration, if declared. */
  expire(record: StateRecord): unknown {
    const { onWindowExpiration } = this.#doFn
    if (onWindowExpiration === undefined) return undefined
    const context = this.#contextFor(record, record.window.maxTimestamp, record.window, NO_FIRING)
    context.canSetTimers = false
    return this.#handle('onWindowExpiration', onWindowExpiration, record, context)
  }

  #handle(call: string, handler: (context: never) => unknown, record: StateRecord, context: StepContext): unknown {
    context.key = record.key
    if (this.isBuffered) context.mode = BUFFERING
    const element = { key: record.key, timer: call }
    try {
      if (this.isBuffered) record.beginCall()
      const result = handler(context as never)
      if (isThenable(result)) {
        context.mode = BUFFERING
        this.#deferred(result, context, element)
        return this.#runtime.settled()
      }
      this.#succeeded(context)
    } catch (error) {
      record.rollBack()
      this.#ended(context)
      context.buffer = []
      this.fail(error, element, context.timestamp, record.window, call)
    }
    return undefined
  }

  // ---- calls -----------------------------------------------------------------------------------------------------

  #call(
    record: StateRecord | undefined,
    value: unknown,
    timestamp: number,
    window: BoundedWindow,
    pane: PaneInfo,
  ): void {
    const context = this.#contextFor(record, timestamp, window, pane)
    if (this.calls.isBusy || this.isBuffered) context.mode = BUFFERING
    try {
      const result = this.#attempts(context, value)
      if (result !== undefined && this.returned(result, context, value)) return
    } catch (error) {
      context.buffer = []
      this.#fail(error, value, context)
      return
    }
    this.#succeeded(context, value)
  }

  /** Starts a call of a key whose earlier call is still under way: after it, but in its place in the order of outputs. */
  #chain(record: StateRecord, value: unknown, timestamp: number, window: BoundedWindow, pane: PaneInfo): void {
    const context = this.#contextFor(record, timestamp, window, pane)
    context.mode = BUFFERING
    const before = record.tail as Promise<unknown>
    this.#deferred(
      before.then(() => this.#attempts(context, value)),
      context,
      value,
    )
  }

  /** Calls process, again and again as far as `retry` allows; throws or rejects with the last failure. */
  #attempts(context: StepContext, value: unknown): unknown {
    const { retry } = this.#fn.options
    const { record } = context
    if (!this.isBuffered) return this.process(value, context)
    const backoff = retry === undefined ? undefined : backoffOf(retry)
    const failed = (error: unknown, made: number): unknown => {
      record?.rollBack()
      context.buffer = []
      if (error === REHEARSED) return attempt(made + 1)
      if (backoff === undefined || made >= backoff.attempts) throw error
      this.#runtime.retried(this.info, error)
      const millis = backoff.waitAfter(made)
      return millis === 0 ? attempt(made + 1) : wait(this.#services.env, millis).then(() => attempt(made + 1))
    }
    const attempt = (number: number): unknown => {
      record?.beginCall()
      context.attempt = number
      let result: unknown
      try {
        result = this.process(value, context)
        if (isIterator(result)) result = drain(result, context)
      } catch (error) {
        return failed(error, number)
      }
      if (!isThenable(result)) return result
      return Promise.resolve(result).then(undefined, (error: unknown) => failed(error, number))
    }
    return attempt(1)
  }

  /** Leaves the context to a call that goes on; its outputs follow when it is done and it is its turn. */
  #deferred(result: PromiseLike<unknown>, context: StepContext, value: unknown): void {
    context.mode = BUFFERING
    if (this.#context === context) this.#context = undefined
    const { record } = context
    this.calls.defer(
      value,
      record === undefined ? result : callOf(record, result, () => this.pruned(record)),
      () => {
        this.#flush(context)
        this.#close(context)
      },
      (error) => {
        context.buffer = []
        this.fail(error, value, context.timestamp, context.window)
        this.#close(context)
      },
    )
  }

  /** A synchronous call has succeeded. */
  #succeeded(context: StepContext, value?: unknown): void {
    this.#ended(context)
    if (context.mode !== BUFFERING) return
    if (!this.calls.isBusy) {
      this.#flush(context)
      context.mode = LIVE
      return
    }
    if (this.#context === context) this.#context = undefined
    this.calls.queue(value, () => {
      this.#flush(context)
      this.#close(context)
    })
  }

  /** Something of a record was cleared; it may be empty now. */
  pruned(record: StateRecord): void {
    this.#services.state?.prune(record)
  }

  /** The call's state stays; what user code has kept of it refuses to work from now on. */
  #ended(context: StepContext): void {
    const { record } = context
    if (record === undefined) return
    record.endCall()
    if (record.mayBeEmpty) this.pruned(record)
    context.record = undefined
    if (this.#guard !== undefined) this.#context = undefined
  }

  /** In strict mode a call's context is not used again, so that a cell kept for longer is not taken for the next key's. */
  get keepsNoContext(): boolean {
    return this.#guard !== undefined && this.operator.isStateful
  }

  #flush(context: StepContext): void {
    const { buffer } = context
    if (buffer.length === 0) return
    context.buffer = []
    for (const { output, value, timestamp } of buffer) {
      if (output === DELIVERED) this.#services.delivery?.add(value)
      else (this.#services.outputs[output] as Push)(value, timestamp, context.window, context.pane)
    }
  }

  #close(context: StepContext): void {
    context.mode = CLOSED
    this.#lent.delete(context)
  }

  #fail(error: unknown, value: unknown, context: StepContext): void {
    const { record } = context
    record?.rollBack()
    this.#ended(context)
    this.fail(error, value, context.timestamp, context.window)
  }

  #contextFor(record: StateRecord | undefined, timestamp: number, window: BoundedWindow, pane: PaneInfo): StepContext {
    const context = (this.#context ??= this.#withEmit(this.newContext()))
    context.mode = LIVE
    context.timestamp = timestamp
    context.window = window
    context.pane = pane
    context.record = record
    context.key = undefined
    context.id = undefined
    context.tag = undefined
    context.timeDomain = undefined
    context.canSetTimers = true
    return context
  }

  #withEmit(context: StepContext): StepContext {
    const emits = this.#services.outputs.map((push, output) => (value: unknown, at?: Instant): void => {
      if (context.mode !== LIVE) this.emitSlow(context, output, value, at)
      else
        push(
          value,
          at === undefined ? context.timestamp : this.outputTimestamp(context, at),
          context.window,
          context.pane,
        )
    })
    context.emit = this.emitOf(emits)
    return context
  }

  /** `emit` in the form the DoFn declared: one function, or one per tag. */
  emitOf(emits: readonly Emit[]): unknown {
    const { output, outputs } = this.#doFn
    if (outputs === undefined) return checkedEmit(emits[0] as Emit, output, this.info.path)
    return Object.fromEntries(
      this.#fn.tags.map((tag, i) => [tag, checkedEmit(emits[i] as Emit, outputs[tag], this.info.path)]),
    )
  }

  // ---- bundle, state, timers, side inputs ------------------------------------------------------------------------

  #guardedCall(call: string, run: () => unknown): unknown {
    const failed = (error: unknown): never => this.#runtime.failedOutside(this.info, call, error)
    try {
      const result = run()
      return isThenable(result)
        ? this.#runtime.interruptible(this.#runtime.watched(this.info, call, result)).then(undefined, failed)
        : undefined
    } catch (error) {
      return failed(error)
    }
  }

  #refuseLate(what: string): never {
    const error = new UserCodeError({
      step: this.info.path,
      call: what,
      source: this.info.source,
      cause: coded(
        'MR-3002',
        new Error(
          `${what} was used after its call had ended. Await everything inside process, so that the bundle knows of it.`,
        ),
      ),
    })
    // The author's floating promise may swallow what is thrown here; the run must not.
    this.#runtime.broken(error)
    throw error
  }

  finalize(context: StepContext, ...registration: Parameters<AfterCommit>): void {
    if (context.mode === CLOSED) this.#refuseLate('afterCommit')
    this.#runtime.finalizers.register(this.info, this.#doFn.bundleFinalizer === true, ...registration)
  }

  sidesFor(context: StepContext): object {
    const { sides } = this.#services
    invariant(sides !== undefined || this.operator.sides.length === 0, 'a step with side inputs has a reader')
    const names = this.operator.sides.map(({ name }) => name)
    return sidesObject(names, (side, window) => sides?.read(side, window), context)
  }

  deliverFor(context: StepContext): (item: unknown) => void {
    const { delivery } = this.#services
    if (delivery === undefined) return undeclaredDelivery
    return delivery.entry((item) => {
      if (context.mode === CLOSED) this.#refuseLate('deliver')
      if (context.mode === LIVE) delivery.add(item)
      else context.buffer.push({ output: DELIVERED, value: item, timestamp: context.timestamp })
    })
  }

  stateFor(context: StepContext): object {
    return stateCells(
      this.info.path,
      this.#doFn.state ?? {},
      this.#services.cellCoders,
      // A call that may be taken back must not change in place what it has read.
      this.#guard !== undefined || this.isBuffered,
      this.#recordOf(context, 'state'),
    )
  }

  timersFor(context: StepContext): object {
    const { timers } = this.#services
    invariant(timers !== undefined, 'a step with timers has timer internals')
    return timerCells(this.#timerSpecs, timers, context, this.#recordOf(context, 'timer'), {
      allowedLatenessMillis: this.operator.strategy.allowedLatenessMillis,
      allowedSkewMillis: this.#fn.allowedSkewMillis,
    })
  }

  /** The state that a context stands for, as long as its call goes on. */
  #recordOf(context: StepContext, what: string): () => StateRecord {
    return () => {
      if (context.mode === CLOSED || context.record === undefined) this.#refuseLate(what)
      return context.record
    }
  }
}
