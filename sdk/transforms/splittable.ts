/**
 * Adds a splittable step: a ParDo whose restriction a runner may cut. Mirrors Beam's ParDoPayload with a restriction coder.
 */
import type { ErrorCode } from '../error-codes.js'
import type { Codec, TypeOf } from '../codec.js'
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import type { OutputCollections, PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../known-options.js'
import { refuse } from '../refuse.js'
import type {
  AnySplittable,
  AnySplittableDoFn,
  AnyTracker,
  SplittableDoFn,
  TaggedSplittableDoFn,
} from '../source/splittable.js'
import { addImpulse } from './impulse.js'
import type { MetricSpecs, OutputSpecs, SideInputs } from './do-fn.js'
import { addStep } from './step.js'

type None = Record<never, never>

/** Adds the step. @returns its outputs, by tag. */
export function addSplittable(
  input: CollectionRef,
  name: StepName,
  declared: object,
): ReadonlyMap<string, CollectionRef> {
  const { builder } = input
  const doFn = declared as AnySplittableDoFn<never>
  const path = builder.pathOf(name)
  check(path, doFn)
  refuseState(doFn, path)
  // An instance of a class may have fields of its own.
  if (Object.getPrototypeOf(doFn) === Object.prototype)
    refuseUnknownOptions(`the splittable DoFn of step "${path}"`, doFn, declarations, path)
  const codecs: readonly (readonly [string, Codec | undefined])[] =
    doFn.outputs === undefined ? [['out', doFn.output]] : Object.entries(doFn.outputs)
  const tags = codecs.map(([tag]) => tag)
  const fn: AnySplittable = { kind: 'splittable', doFn, tags }
  const refs = addStep(input, {
    name,
    fn,
    outputs: (p) => codecs.map(([tag, codec], i) => ({ tag, coderId: builder.coders.codec(p, i, codec) })),
    restrictionCoder: (p) => builder.coders.codec(p, codecs.length, doFn.restrictionCodec),
    isBounded: doFn.bounded,
    bundleFinalizer: doFn.bundleFinalizer ?? false,
    ...(doFn.sides === undefined ? {} : { sides: doFn.sides }),
  })
  return new Map(tags.map((tag, i) => [tag, refs[i] as CollectionRef]))
}

const declarations: OptionNames<
  SplittableDoFn<unknown, unknown, AnyTracker<unknown>, Codec, unknown> &
    Pick<TaggedSplittableDoFn<unknown, unknown, AnyTracker<unknown>, OutputSpecs, unknown>, 'outputs'>
> = {
  output: true,
  outputs: true,
  bounded: true,
  replayable: true,
  mayVanish: true,
  ofProcess: true,
  afterCrash: true,
  watermark: true,
  sides: true,
  metrics: true,
  perWindow: true,
  bundleFinalizer: true,
  acknowledges: true,
  restriction: true,
  restrictionCodec: true,
  split: true,
  size: true,
  truncate: true,
  tracker: true,
  elementAt: true,
  timestampAt: true,
  setup: true,
  teardown: true,
  process: true,
}

/** Rules that the types already state, and those that they cannot. */
function check(path: string, doFn: AnySplittableDoFn<never>): void {
  const fail = (code: ErrorCode, message: string): never => refuse(code, `step "${path}" ${message}`, path)
  const needed = ['restriction', 'tracker', 'process'] as const
  if (typeof doFn !== 'object' || doFn === null) fail('MR-1012', 'needs a splittable DoFn.')
  for (const name of needed)
    if (typeof doFn[name] !== 'function') fail('MR-1012', `needs a splittable DoFn with a function ${name}.`)
  if (typeof doFn.bounded !== 'boolean')
    fail('MR-3021', 'does not say whether its work ends by itself. Declare bounded: true or bounded: false.')
  if (doFn.watermark?.kind === undefined)
    fail(
      'MR-3021',
      'does not say how the progress of event time is known. Declare watermark: watermarks.none(), or another one.',
    )
  if (doFn.afterCrash !== undefined)
    refuseUnknownValue(`afterCrash of step "${path}"`, doFn.afterCrash, ['exact', 'repeats', 'loses'])
  const tags = Object.keys(doFn.outputs ?? {})
  if (doFn.output !== undefined && doFn.outputs !== undefined)
    fail('MR-1011', 'declares both output and outputs; declare one of them.')
  if (doFn.outputs !== undefined && tags.length === 0) fail('MR-1011', 'declares outputs without any tag.')
  for (const tag of tags) {
    if (tag.startsWith('$') || tag === '')
      fail('MR-1011', `declares output "${tag}"; tags must not be empty nor begin with "$".`)
  }
  const hasSides = Object.keys(doFn.sides ?? {}).length > 0
  if (doFn.perWindow === false && hasSides)
    fail(
      'MR-3022',
      'reads side inputs, which depend on the window, and declares perWindow: false. Leave perWindow out.',
    )
  if (doFn.elementAt === undefined) return
  if (doFn.outputs !== undefined || hasSides)
    fail(
      'MR-3022',
      'has elementAt, which knows neither side inputs nor several outputs. Leave elementAt out; process does it all.',
    )
  if (doFn.acknowledges === true || doFn.bundleFinalizer === true)
    fail('MR-3022', 'has elementAt, which calls nothing back after a bundle. Leave elementAt out; process does it all.')
}

/** What an author gets: the collection, or one for each tag. */
function collectionsOf(
  doFn: object,
  refs: ReadonlyMap<string, CollectionRef>,
  collection: (ref: CollectionRef) => PCollection<unknown>,
): unknown {
  if (!('outputs' in doFn) || doFn.outputs === undefined) return collection(refs.get('out') as CollectionRef)
  return Object.fromEntries([...refs].map(([tag, ref]) => [tag, collection(ref)]))
}

/** A restriction may be cut and its parts read anywhere, so no key's state could follow it. */
function refuseState(doFn: object, step: string): void {
  const own = ['state', 'timers', 'onTimer', 'onWindowExpiration'].find((part) => part in doFn)
  if (own !== undefined)
    refuse(
      'MR-3022',
      `step "${step}" is splittable and declares ${own}: a splittable step has no state and no timers. Put keyBy and a parDo with ${own} after it.`,
      step,
    )
}

/**
 * Reads with a splittable DoFn whose elements name the work: one element per file, per partition, per table.
 *
 * @throws {PipelineError} when the declaration contradicts itself.
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
export function splittableParDo<
  E,
  R,
  T extends AnyTracker<R>,
  C extends Codec,
  Resource = undefined,
  SI extends SideInputs = None,
  M extends MetricSpecs = None,
>(
  doFn: SplittableDoFn<E, R, T, C, Resource, SI, M> & { readonly outputs?: undefined },
): (input: PCollection<E>) => PCollection<TypeOf<C>>
export function splittableParDo<
  E,
  R,
  T extends AnyTracker<R>,
  const Outs extends OutputSpecs,
  Resource = undefined,
  SI extends SideInputs = None,
  M extends MetricSpecs = None,
>(
  doFn: TaggedSplittableDoFn<E, R, T, Outs, Resource, SI, M> & { readonly output?: undefined },
): (input: PCollection<E>) => OutputCollections<Outs>
export function splittableParDo(doFn: object): (input: PCollection<unknown>) => unknown {
  return (input) => collectionsOf(doFn, addSplittable(input, reservedName('read'), doFn), (ref) => input.derive(ref))
}

/**
 * A source: a splittable DoFn that needs no input. The one element that names all the work is empty; give what matters by
 * closure. For what is read record by record there is `readFrom`, which asks for less.
 *
 * @throws {PipelineError} when the declaration contradicts itself.
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
export function source<R, T extends AnyTracker<R>, C extends Codec, Resource = undefined, M extends MetricSpecs = None>(
  doFn: SplittableDoFn<Uint8Array, R, T, C, Resource, None, M> & { readonly outputs?: undefined },
): (pipeline: Pipeline) => PCollection<TypeOf<C>>
export function source<
  R,
  T extends AnyTracker<R>,
  const Outs extends OutputSpecs,
  Resource = undefined,
  M extends MetricSpecs = None,
>(
  doFn: TaggedSplittableDoFn<Uint8Array, R, T, Outs, Resource, None, M> & { readonly output?: undefined },
): (pipeline: Pipeline) => OutputCollections<Outs>
export function source(doFn: object): (pipeline: Pipeline) => unknown {
  return (pipeline) => {
    const impulse = addImpulse(pipeline.builder, reservedName('impulse'))
    return collectionsOf(doFn, addSplittable(impulse, reservedName('read'), doFn), (ref) => pipeline.collection(ref))
  }
}
