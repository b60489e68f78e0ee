/**
 * Adds a splittable step: a ParDo whose restriction a runner may cut. Mirrors Beam's ParDoPayload with a restriction coder.
 */
import type { Codec, TypeOf } from '../codec.js'
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import type { AnySplittable, AnyTracker, SplittableDoFn } from '../source/splittable.js'
import { refuse } from '../refuse.js'
import { addImpulse } from './create.js'
import { addStep } from './step.js'

export function addSplittable<E, R, T extends AnyTracker<R>, C extends Codec, Resource>(
  input: CollectionRef,
  name: StepName,
  doFn: SplittableDoFn<E, R, T, C, Resource>,
): CollectionRef {
  const { builder } = input
  refuseState(doFn, builder.pathOf(name))
  return addStep(input, {
    name,
    fn: { kind: 'splittable', doFn } as unknown as AnySplittable,
    outputs: (path) => [{ tag: 'out', coderId: builder.coders.codec(path, 0, doFn.output) }],
    restrictionCoder: (path) => builder.coders.codec(path, 1, doFn.restrictionCodec),
    isBounded: doFn.bounded,
  })[0] as CollectionRef
}

/** A restriction may be cut and its parts read anywhere, so no key's state could follow it. */
function refuseState(doFn: object, step: string): void {
  const own = ['state', 'timers', 'onTimer', 'onWindowExpiration'].find((part) => part in doFn)
  if (own !== undefined)
    refuse(
      `step "${step}" is splittable and declares ${own}: a splittable step has no state and no timers. Put keyBy and a parDo with ${own} after it.`,
      step,
    )
}

/**
 * Reads with a splittable DoFn whose elements name the work: one element per file, per partition, per table.
 *
 * @example
 * ```ts
 * import { OffsetRangeTracker, type PCollection, splittableParDo, typed, watermarks } from 'millrace'
 * const countdown = (input: PCollection<number>) =>
 *   input.apply('count', splittableParDo({
 *     output: typed<number>(),
 *     bounded: true,
 *     replayable: true,
 *     watermark: watermarks.none(),
 *     restriction: (n: number) => ({ from: 0, to: n }),
 *     restrictionCodec: typed<{ from: number; to: number }>(),
 *     tracker: (range) => new OffsetRangeTracker(range),
 *     process(n, tracker, { emit }) {
 *       for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(n - i)
 *     },
 *   }))
 * ```
 */
export function splittableParDo<E, R, T extends AnyTracker<R>, C extends Codec, Resource = undefined>(
  doFn: SplittableDoFn<E, R, T, C, Resource>,
): (input: PCollection<E>) => PCollection<TypeOf<C>> {
  return (input) => input.derive(addSplittable(input, reservedName('read'), doFn))
}

/**
 * A source: a splittable DoFn that needs no input. `E` is the one element that names all the work; give it by closure.
 *
 * @example
 * ```ts
 * import { OffsetRangeTracker, source, typed, watermarks } from 'millrace'
 * const firstThousand = source({
 *   output: typed<number>(),
 *   bounded: true,
 *   replayable: true,
 *   watermark: watermarks.none(),
 *   restriction: () => ({ from: 0, to: 1000 }),
 *   restrictionCodec: typed<{ from: number; to: number }>(),
 *   tracker: (range) => new OffsetRangeTracker(range),
 *   process(_, tracker, { emit }) {
 *     for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i, i)
 *   },
 * })
 * ```
 */
export function source<R, T extends AnyTracker<R>, C extends Codec, Resource = undefined>(
  doFn: SplittableDoFn<Uint8Array, R, T, C, Resource>,
): (pipeline: Pipeline) => PCollection<TypeOf<C>> {
  return (pipeline) => {
    const impulse = addImpulse(pipeline.builder, reservedName('impulse'))
    return pipeline.collection(addSplittable(impulse, reservedName('read'), doFn))
  }
}
