/**
 * Flatten: the union of collections, multiplicity kept. All inputs must lie in the same windows, else their elements
 * could not be grouped together afterwards.
 */
import { refuse } from '../refuse.js'
import { type Codec, type TypeOf } from '../codec.js'
import { PipelineError } from '../errors.js'
import { type CollectionRef, type GraphBuilder, type StepName, withSource } from '../graph/builder.js'
import { producerPath } from '../graph/names.js'
import * as urns from '../graph/urns.js'
import { refuseUnknownOptions } from '../known-options.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import { callSite } from '../source-position.js'
import type { CodecOption } from './views.js'
import { globalStrategy, type WindowingStrategy } from '../windowing/windowing-strategy.js'

/** The strategy that all inputs share; throws, naming two that differ. */
export function commonStrategy(inputs: readonly CollectionRef[], path: string): WindowingStrategy {
  const [first, ...rest] = inputs
  if (first === undefined) return globalStrategy
  const strategy = first.builder.strategyOf(first)
  const where = (s: WindowingStrategy): string => JSON.stringify(s.windowFn.payload)
  let lateness = strategy.allowedLatenessMillis
  for (const input of rest) {
    if (input.builder !== first.builder)
      throw new PipelineError(
        'MR-1007',
        `step "${path}" joins collections of different pipelines. Build them in one pipeline.`,
        path,
      )
    const other = input.builder.strategyOf(input)
    lateness = Math.max(lateness, other.allowedLatenessMillis)
    const differs =
      where(other) !== where(strategy)
        ? `windows: ${strategy.windowFn.description} in "${producerPath(first.id)}", ${other.windowFn.description} in "${producerPath(input.id)}"`
        : JSON.stringify(other.trigger) !== JSON.stringify(strategy.trigger)
          ? `triggers in "${producerPath(first.id)}" and "${producerPath(input.id)}"`
          : undefined
    if (differs === undefined) continue
    refuse(
      'MR-2017',
      `step "${path}" takes collections with different ${differs}. Give them the same with windowInto.`,
      path,
    )
  }
  return { ...strategy, allowedLatenessMillis: lateness }
}

/** Adds the union of `inputs`; without inputs it is empty and bounded. */
export function addFlatten(
  builder: GraphBuilder,
  name: StepName,
  inputs: readonly CollectionRef[],
  codec?: Codec,
): CollectionRef {
  const path = builder.pathOf(name)
  const strategy = commonStrategy(inputs, path)
  const coders = new Set(inputs.map((input) => builder.collection(input.id).coderId))
  const shared = coders.size === 1 ? [...coders][0] : undefined
  return builder.leaf({
    name,
    spec: { urn: urns.FLATTEN },
    inputs: new Map(inputs.map((input, i) => [`in${i}`, input.id])),
    outputs: [
      {
        tag: 'out',
        coderId: codec === undefined ? (shared ?? builder.coders.dynamic()) : builder.coders.codec(path, 0, codec),
        strategy,
        isBounded: inputs.every((input) => builder.collection(input.id).isBounded),
      },
    ],
  })[0] as CollectionRef
}

/**
 * The union of collections with the same windows, at least one. A codec describes the elements of the union, however those of
 * its inputs are described; without one it has the coder of the inputs if they share one, else the dynamic coder.
 *
 * @throws {PipelineError} when there is no input, or when windows or triggers of two inputs differ, naming both.
 * @example
 * ```ts
 * import { flatten, pipeline } from 'millrace'
 * const p = pipeline()
 * const all = flatten('all', [p.create('few', [1, 2]), p.create('more', [3])])
 * ```
 */
export function flatten<T>(name: string, inputs: readonly PCollection<T>[]): PCollection<T>
export function flatten<C extends Codec>(
  name: string,
  inputs: readonly PCollection<TypeOf<C>>[],
  options: CodecOption<C>,
): PCollection<TypeOf<C>>
export function flatten(
  name: string,
  inputs: readonly PCollection<unknown>[],
  options: Partial<CodecOption<Codec>> = {},
): PCollection<unknown> {
  const [first] = inputs
  if (first === undefined) {
    const source = callSite()
    const message = `flatten "${name}" needs at least one collection; use empty(codec) for none.`
    throw new PipelineError('MR-1003', withSource(message, source), name, source)
  }
  refuseUnknownOptions(`flatten "${name}"`, options, { codec: true }, name)
  return first.derive(addFlatten(first.builder, name, inputs, options.codec))
}

/**
 * A collection without elements.
 *
 * @example
 * ```ts
 * import { empty, pipeline } from 'millrace'
 * import * as t from 'io-ts'
 * const nothing = pipeline().apply('nothing', empty(t.string))
 * ```
 */
export function empty<C extends Codec>(codec: C): (pipeline: Pipeline) => PCollection<TypeOf<C>> {
  return (pipeline) => pipeline.collection(addFlatten(pipeline.builder, { reserved: '$empty' }, [], codec))
}
