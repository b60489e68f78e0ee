/**
 * Reify: what the model knows of an element becomes part of the element, to be looked at, written or kept across steps that
 * change it; and back.
 *
 * Law: `restoreTimestamps` after `reify` gives each element the timestamp it had. Windows follow from timestamps: putting
 * elements into the same windows again is `windowInto` with the same WindowFn; where the element itself decides, a custom
 * WindowFn can give it the window that it carries.
 */
import { typed } from '../codec.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import type { PCollection } from '../pcollection.js'
import type { PaneInfo } from '../windowing/pane-info.js'
import { type BoundedWindow, DataWindow } from '../windowing/window.js'
import type { AnyDoFn } from './do-fn.js'
import { addMap } from './element-wise.js'
import { addParDo } from './par-do.js'
import { addStep } from './step.js'

/** An element with what the model knows of it. */
export interface Reified<T> {
  readonly value: T
  readonly timestamp: number
  /** Its ends in milliseconds, and what it carries beside them. */
  readonly window: { readonly start: number; readonly end: number; readonly data?: unknown }
  readonly pane: PaneInfo
}

/**
 * Makes timestamp, window and pane part of each element. An element in several windows becomes one for each of them. Elements
 * travel by the default coder, so values are to be plain data.
 *
 * @example
 * ```ts
 * import { pipeline, reify, run } from 'millrace'
 * const p = pipeline()
 * p.create('words', ['a'])
 *   .withTimestamps('times', () => 5)
 *   .apply('reified', reify())
 *   .map('when', ({ value, timestamp }) => `${value} at ${timestamp}`)
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => ['a at 5']
 * ```
 */
export function reify(): <T>(input: PCollection<T>) => PCollection<Reified<T>> {
  const doFn: unknown = { output: typed<Reified<unknown>>(), process: reified }
  return (input) => input.derive(addParDo(input, reservedName('reify'), doFn as AnyDoFn).get('out') as CollectionRef)
}

interface Call {
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
  readonly emit: (value: Reified<unknown>) => void
}

function reified(value: unknown, { timestamp, window, pane, emit }: Call): void {
  const { start, end } = window
  const plain = window instanceof DataWindow ? { start, end, data: window.data as unknown } : { start, end }
  emit({ value, timestamp, window: plain, pane })
}

/**
 * Gives elements that {@link reify} made, or any others of that form, their timestamps back, however far these lie behind. They
 * stay in the windows that the collection is in; put `windowInto` behind it for those of their timestamps.
 *
 * @example
 * ```ts
 * import { fixedWindows, pipeline, reify, restoreTimestamps } from 'millrace'
 * const p = pipeline()
 * const reified = p.create('words', ['a']).apply('reified', reify())
 * reified.apply('restored', restoreTimestamps()).windowInto('again', fixedWindows('1 hour'))
 * ```
 */
export function restoreTimestamps(): <T>(
  input: PCollection<{ readonly value: T; readonly timestamp: number }>,
) => PCollection<T> {
  return (input) => {
    const { builder } = input
    const [stamped] = addStep(input, {
      name: reservedName('timestamps'),
      fn: {
        kind: 'timestamps',
        fn: ({ timestamp }: { readonly timestamp: number }) => timestamp,
        allowedSkewMillis: Number.POSITIVE_INFINITY,
        options: {},
      },
      outputs: () => [{ tag: 'out', coderId: builder.collection(input.id).coderId }],
    })
    const value = (element: { readonly value: unknown }): unknown => element.value
    return input.derive(addMap(stamped as CollectionRef, reservedName('values'), value))
  }
}
