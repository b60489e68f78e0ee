/**
 * Waiting for other collections: nothing of a window goes on before the signals are complete there.
 *
 * A view without elements does it: no trigger makes it readable, only the watermark that passes its window.
 */
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import type { PCollection } from '../pcollection.js'
import { refuse } from '../refuse.js'
import { defaultTrigger } from '../windowing/trigger.js'
import { addView } from './add-view.js'
import { addFilter } from './element-wise.js'
import { addStep } from './step.js'
import type { PCollectionView } from './views.js'
import { addWindowInto } from './window-into.js'

/** What the waiting step sees; written out because the engine's types are not inferred here. */
interface PassContext {
  readonly emit: (value: unknown) => void
}

/**
 * Lets elements of a window pass when every signal is complete in the window that belongs to it, by the rules of side inputs;
 * a signal without elements is complete when its watermark says so. Elements keep their values, timestamps and windows. Late
 * elements of a signal are not waited for.
 *
 * @throws {PipelineError} without signals; for one of another pipeline, in merging windows, or in windows where the input has
 *   none.
 * @example
 * ```ts
 * import { pipeline, run, waitOn } from 'millrace'
 * const p = pipeline()
 * const written = p.create('first', [1, 2]).map('write', (n) => n)
 * p.create('second', ['after them']).apply('wait', waitOn(written)).collect('out')
 * const result = await run(p)
 * result.collect('out') // => ['after them']
 * ```
 */
export function waitOn(...signals: readonly PCollection<unknown>[]): <T>(input: PCollection<T>) => PCollection<T> {
  if (signals.length === 0) refuse('MR-1003', 'waitOn needs at least one collection to wait for.')
  return (input) => {
    const { builder } = input
    const path = authorPath(builder.pathOf(reservedName('pass')))
    const sides = Object.fromEntries(
      signals.map((signal, i): [string, PCollectionView<unknown>] => {
        if (signal?.builder !== builder)
          refuse('MR-1007', `step "${path}" waits for something that is not a collection of this pipeline.`, path)
        const none = addFilter(signal, reservedName(`nothing of ${i}`), () => false)
        const complete = addWindowInto(none, reservedName(`complete ${i}`), { trigger: defaultTrigger })
        return [`signal ${i}`, addView(complete, reservedName(`signal ${i}`), 'iterable')]
      }),
    )
    const process = (value: unknown, { emit }: PassContext): void => emit(value)
    return input.derive(
      addStep(input, {
        name: reservedName('pass'),
        sides,
        fn: { kind: 'doFn', tags: ['out'], allowedSkewMillis: 0, options: {}, doFn: { sides, process } },
        outputs: () => [{ tag: 'out', coderId: builder.collection(input.id).coderId }],
      })[0] as CollectionRef,
    )
  }
}
