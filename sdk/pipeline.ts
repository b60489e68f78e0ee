/**
 * Pipeline: where steps begin. It only collects what the author wants; a runner makes it happen.
 */
import type { Codec, TypeOf } from './codec.js'
import { PipelineError } from './errors.js'
import { type CollectionRef, GraphBuilder } from './graph/builder.js'
import type { BuiltPipeline } from './graph/model.js'
import { refuseUnknownOptions } from './known-options.js'
import { collectionsIn, PCollection, type PTransform } from './pcollection.js'
import { addCreate, type CreateOptions } from './transforms/create.js'
import { addImpulse } from './transforms/impulse.js'
import type { DeadLetter, ErrorHandler } from './transforms/errors.js'
import { addGathering } from './transforms/gathering.js'
import { type LateDataHandler, type LateElement, registerLateData } from './transforms/late-data.js'

/** Options of `pipeline.errors`. */
export interface ErrorHandlerOptions {
  /** The run fails once there are more dead letters than this. Default: no limit. */
  readonly maxDeadLetters?: number
}

/** A pipeline under construction. Made by {@link pipeline} or by `definePipeline`. */
export class Pipeline {
  /** @internal */
  readonly builder: GraphBuilder = new GraphBuilder()

  /** Wraps a reference of the builder. @internal */
  collection<T>(ref: CollectionRef): PCollection<T> {
    return new PCollection<T>(ref)
  }

  /** Applies a root transform, such as a source: the steps it adds are named within `name`. */
  apply<Out>(name: string, transform: PTransform<Pipeline, Out>): Out {
    if (typeof transform !== 'function')
      throw new PipelineError(
        'MR-1004',
        `apply "${String(name)}" needs a function from pipeline to result`,
        String(name),
      )
    return this.builder.scoped(name, [], () => transform(this), collectionsIn)
  }

  /** A bounded collection of values from the program itself. */
  create<C extends Codec>(
    name: string,
    values: Iterable<TypeOf<C>>,
    options: CreateOptions<TypeOf<C>, C> & { readonly codec: C },
  ): PCollection<TypeOf<C>>
  create<T>(name: string, values: Iterable<T>, options?: CreateOptions<T>): PCollection<T>
  create(name: string, values: Iterable<unknown>, options?: CreateOptions<never>): PCollection<unknown> {
    return this.collection(addCreate(this.builder, name, values, options))
  }

  /** One empty element at the beginning of time: what a custom source starts from. */
  impulse(name: string): PCollection<Uint8Array> {
    return this.collection(addImpulse(this.builder, name))
  }

  /**
   * Declares where dead letters go; steps name the result as `onError`. `build` sees the letters of all those steps as
   * one collection in the global window.
   *
   * @example
   * ```ts
   * import { pipeline } from 'millrace'
   * const p = pipeline()
   * const bad = p.errors('bad rows', (letters) => letters.print('show'))
   * p.create('rows', ['1', 'x']).map('parse', (row) => JSON.parse(row) as number, { onError: bad })
   * ```
   */
  errors(
    name: string,
    build: (letters: PCollection<DeadLetter>) => unknown,
    options: ErrorHandlerOptions = {},
  ): ErrorHandler {
    refuseUnknownOptions(`errors "${String(name)}"`, options, { maxDeadLetters: true })
    const { maxDeadLetters = Number.POSITIVE_INFINITY } = options
    if (!(maxDeadLetters >= 0))
      throw new PipelineError(
        'MR-1002',
        `maxDeadLetters of errors "${String(name)}" must be 0 or more, but is ${String(maxDeadLetters)}.`,
      )
    const { builder } = this
    const what = { union: 'letters', text: 'dead letters' }
    const { connect } = addGathering(builder, name, what, (letters) => build(this.collection<DeadLetter>(letters)))
    return { kind: 'errorHandler', name, maxDeadLetters, connect }
  }

  /**
   * Declares where late data goes: elements that groupings and stateful steps drop because their window no longer takes any.
   * `windowInto` takes the result as `lateData`; what is windowed so, and what follows up to the next `windowInto` that names
   * another, hands its late elements over. `build` sees all of them as one collection in the global window. Elements that are
   * in no window at all are only counted.
   *
   * @example
   * ```ts
   * import { fixedWindows, pipeline } from 'millrace'
   * const p = pipeline()
   * const late = p.lateData('too late', (elements) => elements.print('show'))
   * p.create('words', ['a', 'b'])
   *   .windowInto('by hour', fixedWindows('1 hour'), { allowedLateness: '10 minutes', lateData: late })
   *   .countPerElement('count')
   * ```
   */
  lateData(name: string, build: (elements: PCollection<LateElement>) => unknown): LateDataHandler {
    const { builder } = this
    const what = { union: 'elements', text: 'late data' }
    const gathering = addGathering(builder, name, what, (late) => build(this.collection<LateElement>(late)))
    const handler: LateDataHandler = { kind: 'lateDataHandler', name, ...gathering }
    registerLateData(builder, handler)
    return handler
  }

  /** The graph and its functions, as they are now. */
  build(name = 'pipeline', options?: Readonly<Record<string, unknown>>): BuiltPipeline {
    return this.builder.build(name, options)
  }
}

/**
 * An empty pipeline, to be built in place and given to `run`.
 *
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * const p = pipeline()
 * p.create('numbers', [1, 2, 3]).map('double', (n) => n * 2).collect('doubled')
 * const result = await run(p)
 * result.collect('doubled') // => [2, 4, 6]
 * ```
 */
export function pipeline(): Pipeline {
  return new Pipeline()
}
