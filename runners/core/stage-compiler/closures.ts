/**
 * The back end of shared closures: each fused step becomes a function that calls the next. It runs wherever code may not
 * be generated, and wherever something unusual happens: pending calls, dead letters, generators. It is the reference
 * that the generated functions must equal.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { Coder } from '../../../sdk/coders/index.js'
import { InvariantViolation } from '../../../sdk/invariant.js'
import { formatMillis, formatTimestamp, type Instant, TIMESTAMP_MIN, toTimestamp } from '../../../sdk/time.js'
import type { StepFunction } from '../../../sdk/transforms/do-fn.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import { AsyncCalls } from '../async-calls.js'
import { CONCURRENCY_DEFAULT, DoFnRuntime } from '../do-fn-runtime.js'
import { deliveringStep } from '../deliveries.js'
import type { DoFnServices } from '../do-fn-services.js'
import { cellCodersOf } from '../cells/cell-place.js'
import { keyOf } from '../key-of.js'
import type { Push } from '../element-buffer.js'
import {
  type Call,
  checkingItems,
  checkingOutput,
  gathered,
  gatheringItems,
  InputGuard,
  isAsyncIterable,
  isThenable,
  retrying,
} from '../prepare-step.js'
import { PrecombineRuntime } from '../precombine.js'
import { reduceFnOf } from '../reduce-fn.js'
import type { Operator, Output, ParDoOperator, Routed, StageRoot } from '../stage.js'
import type { DeadLetterSink, StageRuntime } from '../stage-runtime.js'
import { type ClosureStage, Closures, type Completion, type ElementStep, type IndexedSource } from './closure-stage.js'
import type { StageParts, StageReceiver } from './compiled-stage.js'

/** What the closures need beside the stage. */
export interface ClosureServices extends StageParts {
  coder(coderId: string): Coder<unknown>
  /** Services of a DoFn, but for what the compiler itself provides. */
  doFnServices(operator: ParDoOperator): Pick<DoFnServices, 'sides' | 'state' | 'timers'>
  /** Counts dead letters of a handler; one budget per handler. */
  budgetFor(operator: ParDoOperator): DeadLetterSink['budget']
  /** Where `collect` and `print` deliver. */
  sinkFor(operator: Operator): Push
  readonly isStrict: boolean
}

/** Compiles a stage to closures. */
export function compileClosures(services: ClosureServices): ClosureStage {
  return new ClosureCompiler(services).compile()
}

class ClosureCompiler {
  readonly #services: ClosureServices
  readonly #runtime: StageRuntime
  readonly #entries = new Map<Operator, Push>()
  readonly #outputs = new Map<Output, Push>()
  readonly #elementSteps = new Map<Operator, ElementStep>()
  readonly #doFns = new Map<Operator, DoFnRuntime>()
  readonly #precombines: PrecombineRuntime[] = []

  constructor(services: ClosureServices) {
    this.#services = services
    this.#runtime = services.runtime
  }

  compile(): ClosureStage {
    const { root, stage } = this.#services
    const runtime = this.#runtime
    const push = root.kind === 'parDo' ? this.entry(root.operator) : this.output(root.output)
    // Also steps that nothing reaches are set up and torn down.
    for (const operator of stage.operators) this.entry(operator)
    const { elementAt, timestampAt } = indexedSource(root)
    const doFns = stage.operators.flatMap((operator) => this.#doFns.get(operator) ?? [])
    return new Closures(this, push, doFns, {
      runtime,
      elementAt,
      timestampAt,
      precombines: this.#precombines,
      elementSteps: this.#elementSteps,
      doFnOf: this.#doFns,
    })
  }

  entry(operator: Operator): Push {
    const existing = this.#entries.get(operator)
    if (existing !== undefined) return existing
    const made = this.#make(operator)
    this.#entries.set(operator, made)
    return made
  }

  /** Counts where the number of elements is not known from the step's input, and hands to every reader. */
  output(output: Output): Push {
    const existing = this.#outputs.get(output)
    if (existing !== undefined) return existing
    const { elements } = this.#runtime.metrics
    const receivers = this.#services.receiversOf(output).map((receiver) => this.#receiverPush(receiver))
    const next = fanOut([...output.consumers.map((consumer) => this.entry(consumer)), ...receivers])
    const { counter } = output
    const push: Push =
      output.derivedFrom !== undefined
        ? next
        : (value, timestamp, windows, pane) => {
            elements[counter] = (elements[counter] as number) + 1
            next(value, timestamp, windows, pane)
          }
    this.#outputs.set(output, push)
    return push
  }

  #make(operator: Operator): Push {
    switch (operator.kind) {
      case 'parDo':
        return operator.fn.kind === 'doFn' ? this.#doFn(operator) : this.#elementWise(operator, operator.fn)
      case 'window':
        return this.#window(operator)
      case 'flatten':
        return this.output(operator.outputs[0])
      case 'precombine':
        return this.#precombine(operator)
      case 'extract':
        return this.#extract(operator)
      case 'route':
        return this.#route(operator)
      case 'collect':
      case 'print':
        return this.#services.sinkFor(operator)
    }
  }

  #receiverPush(receiver: StageReceiver): Push {
    if (receiver.kind === 'buffer') {
      const { receiver: buffer } = receiver
      return (value, timestamp, windows, pane) => buffer.add(value, timestamp, windows, pane)
    }
    const { runner, info } = receiver
    return (value, timestamp, windows) => {
      try {
        const key = keyOf(value)
        runner.add(key, (value as { readonly value: unknown }).value, timestamp, windows)
      } catch (error) {
        this.#runtime.failed(info, 'addInput', error, value, timestamp, windows, undefined)
      }
    }
  }

  // ---- steps -----------------------------------------------------------------------------------------------------

  #letters(operator: ParDoOperator): DeadLetterSink | undefined {
    if (operator.errors === undefined) return undefined
    return { push: this.output(operator.errors), budget: this.#services.budgetFor(operator) }
  }

  #elementWise(operator: ParDoOperator, fn: ElementFunction): Push {
    const runtime = this.#runtime
    const { info } = operator
    const { concurrency = CONCURRENCY_DEFAULT, ordered = true } = fn.options
    const calls = new AsyncCalls(runtime, concurrency, ordered)
    const letters = this.#letters(operator)
    const call = this.#prepared(operator, fn)
    const complete = this.#completion(operator, fn)
    const failed = (error: unknown, value: unknown, timestamp: number, windows: Windows): void =>
      runtime.failed(info, 'process', error, value, timestamp, windows, letters)
    const settle: Completion = (result, value, timestamp, windows, pane) => {
      const deliver = (settled: unknown): void => {
        try {
          complete(settled, value, timestamp, windows, pane)
        } catch (error) {
          failed(error, value, timestamp, windows)
        }
      }
      if (isThenable(result)) calls.defer(value, result, deliver, (error) => failed(error, value, timestamp, windows))
      else calls.queue(value, () => deliver(result))
    }
    const resume: Completion = (result, value, timestamp, windows, pane) => {
      const there = fn.kind === 'flatMap' && isAsyncIterable(result) ? gathered(result) : result
      if (calls.isBusy || isThenable(there)) settle(there, value, timestamp, windows, pane)
      else complete(there, value, timestamp, windows, pane)
    }
    const start: Push = (value, timestamp, windows, pane) => {
      try {
        resume(call(value), value, timestamp, windows, pane)
      } catch (error) {
        failed(error, value, timestamp, windows)
      }
    }
    this.#elementSteps.set(operator, { info, call, calls, letters, complete, resume })
    return (value, timestamp, windows, pane) => {
      if (calls.isFull) calls.wait(() => start(value, timestamp, windows, pane))
      else start(value, timestamp, windows, pane)
    }
  }

  #prepared(operator: ParDoOperator, fn: ElementFunction): Call {
    const { info } = operator
    let call = fn.fn as Call
    if (this.#services.isStrict) call = new InputGuard(this.#services.coder(operator.inputCoderId)).around(call)
    if (fn.kind === 'map') call = checkingOutput(call, fn.codec, info.path)
    if (fn.kind === 'flatMap') {
      call = checkingItems(call, fn.codec, info.path)
      const { onError, retry } = fn.options
      if (onError !== undefined || retry !== undefined) call = gatheringItems(call)
    }
    return retrying(call, fn.options.retry, this.#runtime.env, (error) => this.#runtime.retried(info, error))
  }

  #completion(operator: ParDoOperator, fn: ElementFunction): Completion {
    const nexts = operator.outputs.map((output) => this.output(output))
    const next = nexts[0] as Push
    switch (fn.kind) {
      case 'map':
        return (result, _value, timestamp, windows, pane) => next(result, timestamp, windows, pane)
      case 'filter':
        return (result, value, timestamp, windows, pane) => {
          if (result) next(value, timestamp, windows, pane)
        }
      case 'flatMap':
        return (result, _value, timestamp, windows, pane) => {
          if (
            typeof result !== 'string' &&
            (typeof result !== 'object' || result === null || !(Symbol.iterator in result))
          ) {
            throw coded(
              'MR-3004',
              new TypeError('a flatMap function must return something that can be iterated, such as an array'),
            )
          }
          for (const item of result as Iterable<unknown>) next(item, timestamp, windows, pane)
        }
      case 'keyBy':
        return (key, value, timestamp, windows, pane) => next({ key, value }, timestamp, windows, pane)
      case 'timestamps':
        return (at, value, timestamp, windows, pane) =>
          next(value, newTimestamp(at as Instant, timestamp, fn.allowedSkewMillis), windows, pane)
      case 'partition':
        return (part, value, timestamp, windows, pane) => {
          const chosen = nexts[part as number]
          if (chosen === undefined)
            throw coded(
              'MR-3004',
              new RangeError(
                `partition function returned ${String(part)}; it must return a whole number from 0 to ${fn.count - 1}`,
              ),
            )
          chosen(value, timestamp, windows, pane)
        }
    }
  }

  #doFn(operator: ParDoOperator): Push {
    const runtime: DoFnRuntime = new DoFnRuntime(operator, {
      delivery: deliveringStep(operator, this.#services, () => runtime.resource),
      env: this.#runtime.env,
      runtime: this.#runtime,
      outputs: operator.outputs.map((output) => this.output(output)),
      letters: this.#letters(operator),
      late: operator.late === undefined ? undefined : this.output(operator.late),
      inputGuard: this.#services.isStrict ? this.#services.coder(operator.inputCoderId) : undefined,
      cellCoders: [...operator.payload.stateSpecs.values()].map((node) =>
        cellCodersOf(node, (id) => this.#services.coder(id)),
      ),
      ...this.#services.doFnServices(operator),
    })
    this.#doFns.set(operator, runtime)
    return (value, timestamp, windows, pane) => runtime.push(value, timestamp, windows, pane)
  }

  #window({ info, windowFn, severalBefore, outputs }: Extract<Operator, { kind: 'window' }>): Push {
    const next = this.output(outputs[0])
    const runtime = this.#runtime
    const { assignElement } = windowFn
    const assign: Push = (value, timestamp, before, pane) => {
      let windows: Windows | undefined
      try {
        windows = oneOrMany(
          assignElement === undefined
            ? windowFn.assign(timestamp)
            : assignElement(value, timestamp, before as BoundedWindow),
        )
      } catch (error) {
        runtime.failed(info, 'windowFn', error, value, timestamp, before, undefined)
        return
      }
      if (windows === undefined) runtime.loseWithoutWindow(info)
      else next(value, timestamp, windows, pane)
    }
    if (!severalBefore) return assign
    // An element in several windows is several elements: each gets windows of its own.
    return (value, timestamp, before, pane) => {
      if (!Array.isArray(before)) {
        assign(value, timestamp, before, pane)
        return
      }
      const many = before as readonly BoundedWindow[]
      runtime.multiply(info, many.length)
      for (const window of many) assign(value, timestamp, window, pane)
    }
  }

  #route({ outputs }: Extract<Operator, { kind: 'route' }>): Push {
    const nexts = outputs.map((output) => this.output(output))
    return (value, timestamp, windows, pane) => {
      const routed = value as Routed
      ;(nexts[routed.output] as Push)(routed.value, timestamp, windows, pane)
    }
  }

  #precombine(operator: Extract<Operator, { kind: 'precombine' }>): Push {
    const keyCoder = this.#services.coder(operator.keyCoderId)
    const precombine = new PrecombineRuntime(
      operator,
      reduceFnOf(operator.combine, false, keyCoder),
      keyCoder,
      this.#runtime,
      this.output(operator.outputs[0]),
    )
    this.#precombines.push(precombine)
    return (value, timestamp, windows) => precombine.push(value, timestamp, windows)
  }

  #extract({ info, combine, outputs }: Extract<Operator, { kind: 'extract' }>): Push {
    const next = this.output(outputs[0])
    const runtime = this.#runtime
    const extract =
      combine.kind === 'full'
        ? (combine.fn.extractOutput as (accumulator: unknown) => unknown)
        : (accumulator: unknown) => accumulator
    return (value, timestamp, windows, pane) => {
      const pair = value as { readonly key: unknown; readonly value: unknown }
      let output: unknown
      try {
        output = extract(pair.value)
      } catch (error) {
        runtime.failed(info, 'extractOutput', error, value, timestamp, windows, undefined)
        return
      }
      next({ key: pair.key, value: output }, timestamp, windows, pane)
    }
  }
}

type ElementFunction = Exclude<StepFunction, { kind: 'doFn' }>

/** How the root of a stage is read by position, if it can be. */
export function indexedSource(root: StageRoot): IndexedSource {
  const doFn = root.kind === 'splittable' ? root.fn.doFn : undefined
  return {
    elementAt: (doFn?.elementAt ?? notIndexed) as IndexedSource['elementAt'],
    timestampAt: doFn?.timestampAt as IndexedSource['timestampAt'],
  }
}

function notIndexed(): never {
  throw new InvariantViolation('only a source that knows its elements by position is read by position')
}

/** A window, several, or none: an element that a gap between windows swallows. */
export function oneOrMany(windows: Windows): Windows | undefined {
  if (!Array.isArray(windows)) return windows
  const many = windows as readonly BoundedWindow[]
  return many.length > 1 ? many : many[0]
}

/** The timestamp a step gives an element, after the rule that it must not lie before the old one. */
export function newTimestamp(at: Instant, before: number, allowedSkewMillis: number): number {
  const timestamp = toTimestamp(at)
  if (timestamp < before - allowedSkewMillis && before !== TIMESTAMP_MIN) {
    throw coded(
      'MR-2020',
      new RangeError(
        `new timestamp ${formatTimestamp(timestamp)} is before the old one ${formatTimestamp(before)} by more than allowedSkew (${formatMillis(allowedSkewMillis)}). Set allowedSkew, knowing that such elements may be late.`,
      ),
    )
  }
  return timestamp
}

function fanOut(pushes: readonly Push[]): Push {
  const [first, second] = pushes
  if (first === undefined) return () => undefined
  if (second === undefined) return first
  if (pushes.length === 2) {
    return (value, timestamp, windows, pane) => {
      first(value, timestamp, windows, pane)
      second(value, timestamp, windows, pane)
    }
  }
  return (value, timestamp, windows, pane) => {
    for (const push of pushes) push(value, timestamp, windows, pane)
  }
}
