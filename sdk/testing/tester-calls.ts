/**
 * The calls of a DoFn under test: builds the contexts that its functions see, and collects what a call emits.
 *
 * Law: what a call emits counts only when the call has succeeded; what is used after its call has ended fails.
 */
import { coded } from '../error-codes.js'
import { type Codec, decodeWith, isTypeOnly } from '../codec.js'
import type { Env } from '../env.js'
import { PipelineError } from '../errors.js'
import { type LogRecord, type StepLog, stepLog } from '../logger.js'
import { refuse } from '../refuse.js'
import { durationMillis, formatTimestamp, type Instant, TIMESTAMP_MIN, toTimestamp } from '../time.js'
import type { AnyDoFn, SetupContext, StepContext } from '../transforms/do-fn.js'
import type { PaneInfo } from '../windowing/pane-info.js'
import { type BoundedWindow, globalWindow } from '../windowing/window.js'
import { TesterMetrics } from './tester-metrics.js'
import { cellsOf, type TesterRecord, type TimerSetting } from './tester-state.js'
import { testerTimers } from './tester-timers.js'

/** Something emitted. */
export interface Emitted {
  /** Of the output; {@link DELIVERED} where it was delivered. */
  readonly tag: string
  readonly value: unknown
  readonly timestamp: number
  readonly window: BoundedWindow
}

/** Stands for a tag where an item is delivered; no output may be called so. */
export const DELIVERED = '$delivered'

/** A call to be made. */
export interface CallInput {
  readonly record: TesterRecord | undefined
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
  readonly sides?: Readonly<Record<string, unknown>> | undefined
  /** Of a timer, or of a window that expires: that has no timer. */
  readonly handler?: {
    readonly key: unknown
    readonly fireTimestamp: number
    readonly timer: TimerSetting | undefined
  }
  readonly run: (context: object) => unknown
}

/** What calls share. */
export interface CallWorld {
  readonly latenessMillis: number
  readonly nowMillis: number
  readonly random: () => number
  readonly env: Env | undefined
  readonly sides: Readonly<Record<string, unknown>>
  readonly resource: { readonly value: unknown } | undefined
  readonly watermark: () => number
}

type Emit = (value: unknown, at?: Instant, window?: BoundedWindow) => void

/** Makes calls. */
export class TesterCalls {
  readonly metrics: TesterMetrics
  /** What the DoFn has logged. */
  readonly logged: LogRecord[] = []
  readonly log: StepLog = stepLog((record) => void this.logged.push(record))
  readonly clock: { now: number; advance(millis: number): void }
  readonly #doFn: AnyDoFn
  readonly #world: CallWorld
  readonly #tags: ReadonlyMap<string, Codec | undefined>
  readonly #skewMillis: number
  #resource: Promise<unknown> | undefined
  #isInBundle = false

  constructor(doFn: AnyDoFn, world: CallWorld) {
    this.#doFn = doFn
    this.#world = world
    this.metrics = new TesterMetrics(doFn.metrics ?? {})
    this.#tags = new Map(doFn.outputs === undefined ? [['out', doFn.output]] : Object.entries(doFn.outputs))
    this.#skewMillis = durationMillis(doFn.allowedSkew ?? 0, 'allowedSkew')
    this.clock = {
      now: world.nowMillis,
      advance(millis) {
        this.now += millis
      },
    }
  }

  /** The tag of an output, the only one by default. @throws {PipelineError} when there is no such output. */
  tagOf(tag: string | undefined): string {
    if (tag === undefined && this.#doFn.outputs === undefined) return 'out'
    if (tag !== undefined && this.#tags.has(tag)) return tag
    return refuse(
      'MR-8007',
      `the DoFn has no output ${tag ?? 'without a tag'}; its outputs are ${[...this.#tags.keys()].join(', ')}.`,
    )
  }

  /** Makes a call, with the bundle begun before it; what it emitted, when it has succeeded. */
  async call(input: CallInput): Promise<readonly Emitted[]> {
    const resource = await this.#beginBundle()
    const emitted: Emitted[] = []
    const open = { current: true }
    const { record, timestamp, window, pane, handler } = input
    const emit = this.#emitOf((tag) => (value, at) => {
      this.#alive(open, 'emit')
      emitted.push({ tag, value, timestamp: at === undefined ? timestamp : this.#outputTime(at, timestamp), window })
    })
    const recordNow = (what: string) => (): TesterRecord => {
      this.#alive(open, what)
      return record ?? refuse('MR-8007', `the DoFn uses ${what}, which it has not declared.`)
    }
    const context = {
      ...this.#shared(resource),
      timestamp,
      window,
      emit,
      deliver: this.#deliverTo(emitted, open, timestamp, window),
      sides: this.#sidesOf(input.sides),
      state: cellsOf(this.#doFn.state ?? {}, recordNow('state')),
      timers: testerTimers(this.#doFn.timers ?? {}, {
        record: recordNow('timer'),
        eventTime: handler?.timer?.timeDomain === 'eventTime' ? handler.fireTimestamp : this.#world.watermark(),
        processingTime: () => this.clock.now,
        timestamp,
        canSet: handler === undefined || handler.timer !== undefined,
        latenessMillis: this.#world.latenessMillis,
        skewMillis: this.#skewMillis,
      }),
      ...(handler === undefined
        ? { pane }
        : {
            key: handler.key,
            fireTimestamp: handler.fireTimestamp,
            id: handler.timer?.name,
            tag: handler.timer?.tag,
            timeDomain: handler.timer?.timeDomain,
          }),
    }
    Object.defineProperty(context, 'now', { enumerable: true, get: () => this.clock.now })
    try {
      const result: unknown = await input.run(context)
      if (isIterator(result)) for await (const value of result) (emit as Emit)(value)
    } finally {
      open.current = false
    }
    return emitted
  }

  /** Ends the bundle, if one is open; what `finishBundle` emitted. */
  async finishBundle(): Promise<readonly Emitted[]> {
    if (!this.#isInBundle) return []
    this.#isInBundle = false
    const { finishBundle } = this.#doFn
    const emitted: Emitted[] = []
    if (finishBundle === undefined) return emitted
    const open = { current: true }
    const emit = this.#emitOf((tag) => (value, at, window) => {
      this.#alive(open, 'emit')
      if (at === undefined || window === undefined)
        throw coded(
          'MR-2022',
          new TypeError('emit in finishBundle needs a timestamp and a window: emit(value, timestamp, window).'),
        )
      emitted.push({ tag, value, timestamp: toTimestamp(at), window })
    })
    try {
      await finishBundle({
        ...this.#shared(await this.#setup()),
        now: this.clock.now,
        emit,
        deliver: this.#deliverTo(emitted, open),
      })
    } finally {
      open.current = false
    }
    return emitted
  }

  /** The wait before another attempt: time passes at once. */
  waitBefore(made: number): void {
    const { backoff = 0, maxBackoff = '1 minute' } = this.#doFn.retry ?? {}
    this.clock.advance(Math.min(durationMillis(backoff) * 2 ** (made - 1), durationMillis(maxBackoff)))
  }

  async teardown(): Promise<void> {
    if (this.#resource === undefined || this.#world.resource !== undefined) return
    await this.#doFn.teardown?.({ resource: await this.#resource })
    this.#resource = undefined
  }

  async #beginBundle(): Promise<unknown> {
    const resource = await this.#setup()
    if (this.#isInBundle) return resource
    this.#isInBundle = true
    await this.#doFn.startBundle?.({ ...this.#shared(resource), now: this.clock.now })
    return resource
  }

  #setup(): Promise<unknown> {
    const { resource } = this.#world
    if (resource !== undefined) return Promise.resolve(resource.value)
    this.#resource ??= Promise.resolve(this.#doFn.setup?.(this.#setupContext()))
    return this.#resource
  }

  #setupContext(): SetupContext {
    return {
      step: 'doFnTester',
      env: this.#env(),
      log: this.log,
      query: { id: 'doFnTester', batch: 0, restarts: false },
    }
  }

  #env(): Env {
    const { clock } = this
    const given = this.#world.env
    return {
      yield: () => Promise.resolve(),
      print: () => undefined,
      files: undefined,
      crashpoint: () => undefined,
      buggify: () => false,
      setTimer: () => refuse('MR-8007', 'the world of doFnTester has no timers. Give it an env that has.'),
      ...given,
      now: () => clock.now,
      monotonic: () => clock.now,
      random: this.#world.random,
    }
  }

  #shared(resource: unknown): Pick<StepContext<unknown, unknown>, 'resource' | 'metrics' | 'random' | 'log'> {
    const { log } = this
    return { resource, metrics: this.metrics.cells, log, random: this.#world.random }
  }

  #sidesOf(given: Readonly<Record<string, unknown>> | undefined): object {
    const values = { ...this.#world.sides, ...given }
    const sides = {}
    for (const name of Object.keys(this.#doFn.sides ?? {}))
      Object.defineProperty(sides, name, {
        enumerable: true,
        get: () => {
          if (Object.hasOwn(values, name)) return values[name]
          throw new PipelineError(
            'MR-8007',
            `side input "${name}" has no value. Give doFnTester { sides: { ${name}: … } }.`,
          )
        },
      })
    return sides
  }

  /** `emit` in the form the DoFn declared, checked by the codecs of its outputs. */
  #emitOf(make: (tag: string) => Emit): unknown {
    const checked = (tag: string): Emit => this.#checked(`output "${tag}"`, this.#tags.get(tag), make(tag))
    if (this.#doFn.outputs === undefined) return checked('out')
    return Object.fromEntries([...this.#tags.keys()].map((tag) => [tag, checked(tag)]))
  }

  #checked(what: string, codec: Codec | undefined, emit: Emit): Emit {
    if (codec === undefined || isTypeOnly(codec)) return emit
    return (value, at, window) => {
      const decoded = decodeWith(codec, value)
      if (decoded instanceof Promise) throw coded('MR-4006', new TypeError(`the codec of ${what} checks asynchronously, and emit cannot wait`)) // prettier-ignore
      emit(decoded, at, window)
    }
  }

  /** `deliver` of a call, checked by the codec of what is delivered. */
  #deliverTo(
    emitted: Emitted[],
    open: { readonly current: boolean },
    timestamp = TIMESTAMP_MIN,
    window: BoundedWindow = globalWindow,
  ): (item: unknown) => void {
    const { delivery } = this.#doFn
    if (delivery === undefined)
      return () => {
        throw coded('MR-3014', new Error('deliver needs delivery: { codec, repeats, deliver } in the declaration'))
      }
    return this.#checked('what the DoFn delivers', delivery.codec, (value) => {
      this.#alive(open, 'deliver')
      emitted.push({ tag: DELIVERED, value, timestamp, window })
    })
  }

  #outputTime(at: Instant, input: number): number {
    const timestamp = toTimestamp(at)
    if (timestamp < input - this.#skewMillis && input !== TIMESTAMP_MIN)
      throw coded(
        'MR-2020',
        new RangeError(
          `output timestamp ${formatTimestamp(timestamp)} is before the input's ${formatTimestamp(input)} by more than allowedSkew (${this.#skewMillis} ms). Set allowedSkew, knowing that such output may be late.`,
        ),
      )
    return timestamp
  }

  #alive(open: { readonly current: boolean }, what: string): void {
    if (!open.current)
      throw coded('MR-3002', new Error(`${what} was used after its call had ended. Await everything inside process, so that the bundle knows of it.`)) // prettier-ignore
  }
}

function isIterator(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function'
}
