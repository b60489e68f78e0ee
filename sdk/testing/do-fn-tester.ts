/**
 * doFnTester: a DoFn under test, without a pipeline and without a runner. The test says what happens (an element, a
 * watermark, the end of a bundle) and looks at what it led to: outputs, state, timers, dead letters.
 *
 * Law: what happens to a DoFn here is what a runner does to it: timers fire in the order of their times once the watermark
 * has passed them, a window's state is removed after its timers, a failed call leaves no trace, and a call that breaks a
 * rule (an output before its input, a timer after its window) fails as it would in a run.
 */
import type { Codec, TypeOf } from '../codec.js'
import { seededRandom } from '../env.js'
import { UserCodeError } from '../errors.js'
import type { LogRecord } from '../logger.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { StateSpec } from '../state/state-spec.js'
import {
  addMillis,
  type Duration,
  durationMillis,
  formatTimestamp,
  type Instant,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  toTimestamp,
} from '../time.js'
import type {
  AnyDoFn,
  DoFnFunctions,
  DoFnShape,
  MetricSpecs,
  OutputSpecs,
  SideInputs,
  StateSpecs,
  TimerHandlers,
  TimerSpecs,
} from '../transforms/do-fn.js'
import type { DeadLetter } from '../transforms/errors.js'
import { expiryOf } from '../windowing/expiry.js'
import { NO_FIRING } from '../windowing/pane-info.js'
import { type BoundedWindow, globalWindow } from '../windowing/window.js'
import { type DoFnTesterOptions, type ItemOf, type NoOutput, type None, type ElementOptions, knownElement, knownOptions, type PendingTimer, type TestedElement } from './tester-options.js' // prettier-ignore
import { type CallInput, DELIVERED, type Emitted, TesterCalls } from './tester-calls.js'
import type { StateReadings } from './state-readings.js'
import { keyOf, readingsOf, savepoint, type TesterRecord, TesterState, timerId, type TimerSetting } from './tester-state.js' // prettier-ignore
import { WaitingElements } from './waiting-elements.js'

/** A DoFn under test. `Outs` are its outputs by tag, `out` where there is one without. */
export class DoFnTester<T, Outs, S extends StateSpecs, SI, Item = never> {
  readonly #doFn: AnyDoFn
  readonly #calls: TesterCalls
  readonly #state = new TesterState()
  readonly #window: BoundedWindow
  readonly #latenessMillis: number
  readonly #isStateful: boolean
  readonly #outputs: Emitted[] = []
  readonly #letters: DeadLetter[] = []
  readonly #waiting = new WaitingElements()
  #watermark = TIMESTAMP_MIN
  /** When the element at hand was due, if it has waited: delays of timers count from there. */
  #dueTime: number | undefined
  #dropped = 0

  /** @internal */
  constructor(doFn: AnyDoFn, options: DoFnTesterOptions<SI>) {
    this.#doFn = doFn
    this.#window = knownOptions(options).window ?? globalWindow
    this.#latenessMillis = durationMillis(options.allowedLateness ?? 0, 'allowedLateness of a tester')
    this.#isStateful = Object.keys({ ...doFn.state, ...doFn.timers }).length > 0
    this.#calls = new TesterCalls(doFn, {
      latenessMillis: this.#latenessMillis,
      nowMillis: toTimestamp(options.now ?? 0),
      random: seededRandom(options.seed ?? 1),
      env: options.env,
      sides: options.sides ?? {},
      resource: 'resource' in options ? { value: options.resource } : undefined,
      watermark: () => this.#dueTime ?? this.#watermark,
    })
  }

  /**
   * Processes an element, in a bundle that begins with it if none is open. Where the DoFn requires sorted input, it waits
   * until the watermark has passed it by the allowed lateness.
   */
  async process(element: T, options: ElementOptions<SI> = {}): Promise<void> {
    const { window = this.#window, pane = NO_FIRING, sides } = knownElement(options)
    const timestamp = toTimestamp(options.timestamp ?? (this.#watermark === TIMESTAMP_MIN ? 0 : this.#watermark))
    const expiry = expiryOf(window, this.#latenessMillis)
    const isSorted = this.#isStateful && this.#doFn.requiresTimeSortedInput === true
    const due = isSorted ? Math.min(addMillis(timestamp, this.#latenessMillis), expiry) : expiry
    if (this.#isStateful && due < this.#watermark) {
      this.#dropped++
      return
    }
    const process = async (): Promise<void> => {
      const record = this.#isStateful ? this.#state.record(keyOf(element), window) : undefined
      await this.#run('process', element, this.#doFn.retry?.attempts ?? 1, {
        record,
        timestamp,
        window,
        pane,
        sides: sides,
        run: (context) => this.#doFn.process(element as never, context as never),
      })
    }
    if (isSorted) this.#waiting.add(due, process)
    else await process()
  }

  /** Ends the bundle: `finishBundle` is called. The next element begins a new one. */
  async finishBundle(): Promise<void> {
    this.#outputs.push(...(await this.#calls.finishBundle()))
  }

  /**
   * Moves the watermark: timers that it passes fire, in the order of their times, and windows that it leaves behind expire.
   *
   * @throws {PipelineError} when it would move back.
   */
  async advanceWatermarkTo(instant: Instant): Promise<void> {
    const watermark = toTimestamp(instant)
    if (watermark < this.#watermark)
      refuse(
        'MR-8005',
        `the watermark of a tester cannot move back from ${formatTimestamp(this.#watermark)} to ${formatTimestamp(watermark)}.`,
      )
    this.#watermark = watermark
    await this.#fireDue()
  }

  /** Moves the clock that the DoFn reads as `now`; processing-time timers that it reaches fire, each at its own time. */
  async advanceProcessingTime(by: Duration): Promise<void> {
    const target = addMillis(this.#calls.clock.now, durationMillis(by, 'advance of processing time'))
    for (let next = this.#nextByClock(target); next !== undefined; next = this.#nextByClock(target)) {
      const { record, timer } = next
      this.#calls.clock.now = Math.max(this.#calls.clock.now, timer.fireTimestamp)
      await this.#fire(record, timer)
      await this.#fireDue()
    }
    this.#calls.clock.now = Math.max(this.#calls.clock.now, target)
  }

  /** The end of the input: timers fire, windows expire, the bundle ends, and the resource is given back. */
  async end(): Promise<void> {
    const clocked = this.timers.filter(({ timeDomain }) => timeDomain === 'processingTime')
    const { now } = this.#calls.clock
    // Nobody waits for a clock when nothing will come any more.
    if (clocked.length > 0) await this.advanceProcessingTime(Math.max(...clocked.map(({ at }) => at), now) - now)
    await this.advanceWatermarkTo(TIMESTAMP_MAX)
    await this.finishBundle()
    await this.#calls.teardown()
  }

  /** What was emitted so far, in order: by the only output, or by one of several. */
  outputs<K extends keyof Outs & string = 'out' & keyof Outs>(tag?: K): readonly TestedElement<Outs[K]>[] {
    const wanted = this.#calls.tagOf(tag)
    return this.#outputs
      .filter((output) => output.tag === wanted)
      .map(({ value, timestamp, window }) => ({ value: value as Outs[K], timestamp, window }))
  }

  /** The same, values only. */
  values<K extends keyof Outs & string = 'out' & keyof Outs>(tag?: K): readonly Outs[K][] {
    return this.outputs(tag).map(({ value }) => value)
  }

  /** What calls have handed over to be delivered, in order; the sink of the DoFn is not called. */
  get delivered(): readonly Item[] {
    return this.#outputs.filter(({ tag }) => tag === DELIVERED).map(({ value }) => value as Item)
  }

  /** What the cells of a key hold, in a window or in that of the tester's options. */
  state(key: unknown, window: BoundedWindow = this.#window): StateReadings<S> {
    return readingsOf(this.#doFn.state ?? {}, this.#state.find(key, window)) as StateReadings<S>
  }

  /** Timers that wait, in the order of their times. */
  get timers(): readonly PendingTimer[] {
    return this.#state
      .all()
      .flatMap(({ key, window, timers }) =>
        [...timers.values()].map(({ name, tag, timeDomain, fireTimestamp, outputTimestamp }): PendingTimer => ({
          name,
          tag,
          timeDomain,
          key,
          window,
          at: fireTimestamp,
          outputTimestamp,
        })),
      )
      .sort((a, b) => a.at - b.at)
  }

  /** Elements whose calls failed, where the DoFn has `onError`. */
  get deadLetters(): readonly DeadLetter[] {
    return [...this.#letters]
  }

  /** Elements that came when their window had expired. */
  get droppedDueToLateness(): number {
    return this.#dropped
  }

  /** What the DoFn has logged, in order, also in attempts that failed. */
  get logs(): readonly LogRecord[] {
    return [...this.#calls.logged]
  }

  /** What a declared metric stands at: a number, or for a distribution or a set everything given to it. */
  metric(name: string): number | readonly (number | string)[] | undefined {
    return this.#calls.metrics.read(name)
  }

  /** Calls of a DoFn are repeated as its `retry` says; what fails for good is a dead letter, or thrown. */
  async #run(call: string, element: unknown, attempts: number, input: CallInput): Promise<void> {
    const { record, timestamp, window } = input
    for (let made = 1; ; made++) {
      const undo = record === undefined ? undefined : savepoint(record)
      try {
        this.#outputs.push(...(await this.#calls.call(input)))
        return
      } catch (cause) {
        undo?.()
        if (made < attempts) {
          this.#calls.waitBefore(made)
          continue
        }
        const failure = new UserCodeError({ step: 'doFnTester', call, element: preview(element), timestamp, window: window.toString(), cause }) // prettier-ignore
        if (this.#doFn.onError === undefined) throw failure
        const { name, message, stack } = cause instanceof Error ? cause : new Error(preview(cause))
        this.#letters.push({ element, step: 'doFnTester', error: { name, message, stack }, window: window.toString(), timestamp, source: undefined }) // prettier-ignore
        return
      }
    }
  }

  async #fireDue(): Promise<void> {
    for (;;) {
      const next = this.#nextDue()
      // At one time elements come before timers.
      const element = this.#waiting.take(this.#watermark, next?.at ?? TIMESTAMP_MAX)
      if (element !== undefined) await this.#processDue(element)
      else if (next === undefined) return
      else if (next.timer === undefined) await this.#expire(next.record)
      else await this.#fire(next.record, next.timer)
    }
  }

  async #processDue({ due, process }: { readonly due: number; readonly process: () => Promise<void> }): Promise<void> {
    this.#dueTime = due
    try {
      await process()
    } finally {
      this.#dueTime = undefined
    }
  }

  async #fire(record: TesterRecord, timer: TimerSetting): Promise<void> {
    const { name, tag, outputTimestamp: timestamp, fireTimestamp } = timer
    const handler = this.#doFn.onTimer?.[name]
    record.timers.delete(timerId(name, tag))
    if (handler === undefined) throw refuse('MR-8007', `the DoFn has no handler for timer "${name}".`)
    const { key, window } = record
    const call = `onTimer.${name}`
    await this.#run(call, { key, timer: call }, 1, {
      record,
      timestamp,
      window,
      pane: NO_FIRING,
      handler: { key, fireTimestamp, timer },
      run: (context) => handler(context as never),
    })
  }

  async #expire(record: TesterRecord): Promise<void> {
    const { onWindowExpiration } = this.#doFn
    const { key, window } = record
    if (onWindowExpiration !== undefined) {
      const timestamp = window.maxTimestamp
      await this.#run('onWindowExpiration', { key, timer: 'onWindowExpiration' }, 1, {
        record,
        timestamp,
        window,
        pane: NO_FIRING,
        handler: { key, fireTimestamp: timestamp, timer: undefined },
        run: (context) => onWindowExpiration(context as never),
      })
    }
    this.#state.remove(record)
  }

  /** The timer or expiry that is next, of those the watermark has passed; at one time timers come before expiries. */
  #nextDue():
    { readonly record: TesterRecord; readonly timer: TimerSetting | undefined; readonly at: number } | undefined {
    // prettier-ignore
    let next: { record: TesterRecord; timer: TimerSetting | undefined; at: number } | undefined
    for (const record of this.#state.all()) {
      for (const timer of record.timers.values()) {
        const { timeDomain, fireTimestamp: at } = timer
        if (timeDomain !== 'eventTime') continue
        if (next === undefined || at < next.at || (at === next.at && next.timer === undefined)) next = { record, timer, at } // prettier-ignore
      }
      const at = expiryOf(record.window, this.#latenessMillis)
      if (next === undefined || at < next.at) next = { record, timer: undefined, at }
    }
    return next !== undefined && next.at < this.#watermark ? next : undefined
  }

  /** The processing-time timer that is next, of those due at an instant of the clock. */
  #nextByClock(now: number): { readonly record: TesterRecord; readonly timer: TimerSetting } | undefined {
    return this.#state
      .all()
      .flatMap((record) => [...record.timers.values()].map((timer) => ({ record, timer })))
      .filter(({ timer }) => timer.timeDomain === 'processingTime' && timer.fireTimestamp <= now)
      .sort((a, b) => a.timer.fireTimestamp - b.timer.fireTimestamp)[0]
  }
}

/**
 * Puts a DoFn under test: what `parDo` takes, as an object. The type of elements is that of the parameter of `process`.
 *
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { type KV, kv, state, timer, typed } from 'millrace'
 * import { doFnTester } from 'millrace/testing'
 * const total = doFnTester({
 *   output: typed<number>(),
 *   state: { sum: state.value(t.number, { initial: 0 }) },
 *   timers: { flush: timer.eventTime() },
 *   process({ value }: KV<string, number>, { state, timers, timestamp }) {
 *     state.sum.write(state.sum.read() + value)
 *     timers.flush.set(timestamp + 10)
 *   },
 *   onTimer: { flush: ({ state, emit }) => emit(state.sum.read()) },
 * })
 * await total.process(kv('ann', 1), { timestamp: 5 })
 * await total.process(kv('ann', 2), { timestamp: 6 })
 * total.state('ann') // => { sum: 3 }
 * await total.advanceWatermarkTo(17)
 * total.values() // => [3]
 * ```
 */
export function doFnTester<
  T,
  C extends Codec,
  S extends StateSpecs = None,
  TM extends TimerSpecs = None,
  SI extends SideInputs = None,
  M extends MetricSpecs = None,
  R = undefined,
  D extends Codec = never,
>(
  doFn: DoFnShape<S, TM, SI, M> & { readonly output: C } & DoFnFunctions<T, C, never, S, TM, SI, R, M, D> &
    TimerHandlers<T, C, never, S, NoInfer<TM>, SI, R, M, D>,
  options?: DoFnTesterOptions<SI, R>,
): DoFnTester<T, { readonly out: TypeOf<C> }, S, SI, ItemOf<D>>
export function doFnTester<
  T,
  Outs extends OutputSpecs,
  S extends StateSpecs = None,
  TM extends TimerSpecs = None,
  SI extends SideInputs = None,
  M extends MetricSpecs = None,
  R = undefined,
  D extends Codec = never,
>(
  doFn: DoFnShape<S, TM, SI, M> & { readonly outputs: Outs } & DoFnFunctions<T, never, Outs, S, TM, SI, R, M, D> &
    TimerHandlers<T, never, Outs, S, NoInfer<TM>, SI, R, M, D>,
  options?: DoFnTesterOptions<SI, R>,
): DoFnTester<T, { readonly [K in keyof Outs]: TypeOf<Outs[K]> }, S, SI, ItemOf<D>>
export function doFnTester<
  T,
  S extends StateSpecs = None,
  TM extends TimerSpecs = None,
  SI extends SideInputs = None,
  M extends MetricSpecs = None,
  R = undefined,
  D extends Codec = never,
>(
  doFn: DoFnShape<S, TM, SI, M> &
    NoOutput &
    DoFnFunctions<T, never, never, S, TM, SI, R, M, D> &
    TimerHandlers<T, never, never, S, NoInfer<TM>, SI, R, M, D>,
  options?: DoFnTesterOptions<SI, R>,
): DoFnTester<T, None, S, SI, ItemOf<D>>
export function doFnTester(
  doFn: object,
  options: DoFnTesterOptions = {},
): DoFnTester<never, None, Readonly<Record<string, StateSpec>>, None> {
  if (typeof doFn !== 'object' || doFn === null || typeof (doFn as AnyDoFn).process !== 'function')
    refuse('MR-1012', 'doFnTester needs a DoFn: an object with a process function, as parDo takes it.')
  return new DoFnTester(doFn as AnyDoFn, options)
}
