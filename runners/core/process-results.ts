/**
 * What `process` returns besides nothing: the elements of a generator are emitted; in strict mode the input is watched
 * until the call has ended.
 */
import { coded } from '../../sdk/error-codes.js'
import { andThen, type InputGuard, isAsyncIterable, isIterator } from './prepare-step.js'
import { BUFFERING, type StepContext } from './step-context.js'

/** Calls the author's process. */
export type Process = (element: unknown, context: StepContext) => unknown

/** Emits what a generator yields; a promise when it is asynchronous. */
export function drain(result: object, context: StepContext): Promise<void> | undefined {
  const { emit } = context
  const give = typeof emit === 'function' ? (emit as (value: unknown) => void) : undefined
  if (give === undefined)
    throw coded(
      'MR-3005',
      new TypeError('a process that yields needs a single output; with outputs, call emit.tag(value)'),
    )
  if (isAsyncIterable(result)) {
    context.mode = BUFFERING
    return (async () => {
      for await (const value of result) give(value)
    })()
  }
  for (const value of result as Iterable<unknown>) give(value)
  return undefined
}

/** A process that gets a copy of its element, and may not change it. */
export function guarded(process: Process, guard: InputGuard): Process {
  return (element, context) => {
    const { copy, verify } = guard.copyOf(element)
    const result = process(copy, context)
    return isIterator(result) ? result : andThen(result, verify)
  }
}
