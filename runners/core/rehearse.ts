/**
 * Thrown-away attempts: what an engine does to a bundle that fails near its end, done on purpose. A bundle without state
 * is run twice as a whole. State cannot be taken back for a whole bundle, so a step that has it is called twice for each
 * element, the first time like an attempt that failed.
 *
 * Law: of the first attempt nothing remains but what user code keeps outside of its declared state.
 */
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { AnyDoFn, StepFunction } from '../../sdk/transforms/do-fn.js'
import { isAsyncIterable, isIterator, isThenable } from './prepare-step.js'
import type { StepContext } from './step-context.js'

/** Thrown at the end of a call that is to be thrown away. */
export const REHEARSED: unique symbol = Symbol('rehearsed')

type Process = (element: unknown, context: Attempted) => unknown

/** What the first attempt is told apart by, and what it must not do. */
interface Attempted extends Pick<StepContext, 'attempt'> {
  metrics: object
}

/** A metric of whatever kind that counts nothing. */
const uncounted = ['inc', 'dec', 'update', 'set', 'add'].reduce<Record<string, () => void>>((cell, method) => {
  cell[method] = () => undefined
  return cell
}, {})

/** The pipeline, with every step that has state calling twice. */
export function rehearsingState(built: BuiltPipeline): BuiltPipeline {
  const { functions } = built
  const rehearsing = new Map<unknown, unknown>()
  return {
    ...built,
    functions: {
      ...functions,
      resolve(reference) {
        const fn = functions.resolve(reference)
        if (reference.role !== 'process' || !hasState(fn)) return fn
        let twice = rehearsing.get(fn)
        if (twice === undefined) rehearsing.set(fn, (twice = rehearsed(fn)))
        return twice
      },
    },
  }
}

type DoFnFunction = Extract<StepFunction, { kind: 'doFn' }>

function hasState(fn: unknown): fn is DoFnFunction {
  if (typeof fn !== 'object' || fn === null || (fn as Partial<DoFnFunction>).kind !== 'doFn') return false
  const { doFn } = fn as DoFnFunction
  return Object.keys({ ...doFn.state, ...doFn.timers }).length > 0
}

function rehearsed(fn: DoFnFunction): DoFnFunction {
  // The first attempt is one more than the author allows.
  const retry = { ...fn.options.retry, attempts: (fn.options.retry?.attempts ?? 1) + 1 }
  const doFn: AnyDoFn = { ...fn.doFn, process: twice(fn.doFn.process as Process) }
  return { ...fn, doFn, options: { ...fn.options, retry } }
}

/** Calls whose first attempt ends in {@link REHEARSED}. */
function twice(process: Process): Process {
  return (element, context) => {
    if (context.attempt > 1) return process(element, context)
    const { metrics } = context
    context.metrics = Object.fromEntries(Object.keys(metrics).map((name) => [name, uncounted]))
    const end = (): never => {
      context.metrics = metrics
      throw REHEARSED
    }
    let result: unknown
    try {
      result = process(element, context)
    } catch {
      return end()
    }
    if (isIterator(result))
      return isAsyncIterable(result) ? endingAsync(result, end) : ending(result as unknown as Iterable<unknown>, end)
    return isThenable(result) ? Promise.resolve(result).then(end, end) : end()
  }
}

function* ending(items: Iterable<unknown>, end: () => never): Generator<unknown> {
  try {
    yield* items
  } catch {
    // The attempt ends either way.
  }
  end()
}

async function* endingAsync(items: AsyncIterable<unknown>, end: () => never): AsyncGenerator<unknown> {
  try {
    yield* items
  } catch {
    // The attempt ends either way.
  }
  end()
}
