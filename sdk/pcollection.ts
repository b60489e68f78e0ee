/**
 * PCollection: the elements that flow between two steps, each with an event timestamp and a window. Nothing is stored
 * in it; it is a place in the graph that steps can be attached to.
 *
 * Law: every method takes the name of the step first. Names are how state, metrics, errors and workers find a step, so
 * a name given twice in one scope is an error at the author's line.
 */
import type { Codec, TypeOf } from './codec.js'
import { PipelineError } from './errors.js'
import type { CollectionRef, GraphBuilder } from './graph/builder.js'
import { reservedName } from './graph/builder.js'
import { COMBINE_OF_EACH } from './graph/names.js'
import type { KV } from './kv.js'
import type { Duration, Instant } from './time.js'
import {
  addCombineGlobally,
  addCombinePerKey,
  type CombineGloballyOptions,
  type Combiner,
} from './transforms/combine.js'
import type { Change } from './transforms/change.js'
import { addDistinct } from './transforms/distinct.js'
import type {
  AnyDoFn,
  DoFnFunctions,
  DoFnShape,
  MetricSpecs,
  OutputSpecs,
  SideInputs,
  StateSpecs,
  StepOptions,
  TimerHandlers,
  TimerSpecs,
} from './transforms/do-fn.js'
import {
  addFilter,
  addFlatMap,
  addKeyBy,
  addKeys,
  addMap,
  addOwnKey,
  addPartition,
  addTimestamps,
  addValues,
  type MapOptions,
  type TimestampOptions,
} from './transforms/element-wise.js'
import { addGroupByKey } from './transforms/group-by-key.js'
import { checkGroupable, warnOfCountingTwice } from './transforms/groupable.js'
import { addCollect, addPrint, type PrintOptions } from './transforms/output.js'
import { addParDo } from './transforms/par-do.js'
import { addReshuffle } from './transforms/reshuffle.js'
import { count } from './transforms/statistics.js'
import { addView } from './transforms/add-view.js'
import type { PCollectionView, SingletonOptions, ViewOptions } from './transforms/views.js'
import type {
  AnyChange,
  CertainlyChanges,
  ChangesAreNotGrouped,
  IgnoringKind,
  KeyedIfStateful,
  Parts,
} from './transforms/signature-types.js'
import { addWindowInto } from './transforms/window-into.js'
import type { WindowFn } from './windowing/window-fn.js'
import type { WindowingOptions } from './windowing/windowing-strategy.js'

/** A named piece of a pipeline: a plain function from what it reads to what it makes. */
export type PTransform<In, Out> = (input: In) => Out

/** Declarations that a DoFn has when it leaves them out. */
type None = Record<never, never>

/** The output collections of a ParDo with several outputs. */
export type OutputCollections<Outs> = {
  readonly [K in keyof Outs]: Outs[K] extends Codec ? PCollection<TypeOf<Outs[K]>> : never
}

/** Changes, as a grouping sees them that would take a retraction for one more value. */
type Changes<V> = PCollection<V> & CertainlyChanges<V>
type ChangesByKey<V> = PCollection<KV<unknown, V>> & CertainlyChanges<V>

/** Elements of type `T` flowing between steps. Made by a pipeline, never by `new`. */
export class PCollection<out T> implements CollectionRef {
  /** Only for the compiler. */
  declare readonly _T?: T
  /** @internal */
  readonly builder: GraphBuilder
  /** @internal */
  readonly id: string

  /** @internal */
  constructor(ref: CollectionRef) {
    this.builder = ref.builder
    this.id = ref.id
  }

  /** Another collection of the same pipeline. @internal */
  derive<U>(ref: CollectionRef): PCollection<U> {
    return new PCollection<U>(ref)
  }

  /**
   * Applies a composite: the steps that `transform` adds are named within `name`.
   *
   * @example
   * ```ts
   * import { type PCollection, pipeline } from 'millrace'
   * const shout = (lines: PCollection<string>) => lines.map('upper', (line) => line.toUpperCase())
   * pipeline().create('lines', ['hi']).apply('shout', shout)
   * ```
   */
  apply<Out>(name: string, transform: PTransform<PCollection<T>, Out>): Out {
    if (typeof transform !== 'function')
      throw new PipelineError(
        'MR-1004',
        `apply "${String(name)}" needs a function from collection to result`,
        String(name),
      )
    return this.builder.scoped(name, [this], () => transform(this), collectionsIn)
  }

  /** One output per element. With a `codec`, outputs are checked against it and have its type. */
  map<C extends Codec>(
    name: string,
    fn: (value: T) => TypeOf<C> | Promise<TypeOf<C>>,
    options: StepOptions & { readonly codec: C },
  ): PCollection<TypeOf<C>>
  map<U>(name: string, fn: (value: T) => U, options?: StepOptions): PCollection<Awaited<U>>
  map(name: string, fn: (value: T) => unknown, options?: MapOptions): PCollection<unknown> {
    return this.derive(addMap(this, name, fn, options))
  }

  /** Any number of outputs per element: what `fn` returns is iterated. */
  flatMap<C extends Codec>(
    name: string,
    fn: (value: T) => Iterable<TypeOf<C>> | AsyncIterable<TypeOf<C>> | Promise<Iterable<TypeOf<C>>>,
    options: StepOptions & { readonly codec: C },
  ): PCollection<TypeOf<C>>
  flatMap<U>(
    name: string,
    fn: (value: T) => Iterable<U> | AsyncIterable<U> | Promise<Iterable<U>>,
    options?: StepOptions,
  ): PCollection<U>
  flatMap(name: string, fn: (value: T) => unknown, options?: MapOptions): PCollection<unknown> {
    return this.derive(addFlatMap(this, name, fn, options))
  }

  /** Keeps the elements for which `predicate` holds. */
  filter<U extends T>(name: string, predicate: (value: T) => value is U, options?: StepOptions): PCollection<U>
  filter(name: string, predicate: (value: T) => boolean | Promise<boolean>, options?: StepOptions): PCollection<T>
  filter(name: string, predicate: (value: T) => unknown, options?: StepOptions): PCollection<T> {
    return this.derive(addFilter(this, name, predicate, options))
  }

  /** Does what a DoFn declares: several outputs, state, timers, side inputs, bundles, a resource. */
  parDo<
    C extends Codec,
    S extends StateSpecs = None,
    TM extends TimerSpecs = None,
    SI extends SideInputs = None,
    M extends MetricSpecs = None,
    R = undefined,
    D extends Codec = never,
  >(
    name: string,
    doFn: DoFnShape<S, TM, SI, M> & { readonly output: C } & DoFnFunctions<T, C, never, S, TM, SI, R, M, D> &
      TimerHandlers<T, C, never, S, NoInfer<TM>, SI, R, M, D> &
      KeyedIfStateful<T, S, TM>,
  ): PCollection<TypeOf<C>>
  parDo<
    Outs extends OutputSpecs,
    S extends StateSpecs = None,
    TM extends TimerSpecs = None,
    SI extends SideInputs = None,
    M extends MetricSpecs = None,
    R = undefined,
    D extends Codec = never,
  >(
    name: string,
    doFn: DoFnShape<S, TM, SI, M> & { readonly outputs: Outs } & DoFnFunctions<T, never, Outs, S, TM, SI, R, M, D> &
      TimerHandlers<T, never, Outs, S, NoInfer<TM>, SI, R, M, D> &
      KeyedIfStateful<T, S, TM>,
  ): OutputCollections<Outs>
  parDo<
    S extends StateSpecs = None,
    TM extends TimerSpecs = None,
    SI extends SideInputs = None,
    M extends MetricSpecs = None,
    R = undefined,
    D extends Codec = never,
  >(
    name: string,
    doFn: DoFnShape<S, TM, SI, M> & { readonly output?: undefined; readonly outputs?: undefined } & DoFnFunctions<
        T,
        never,
        never,
        S,
        TM,
        SI,
        R,
        M,
        D
      > &
      TimerHandlers<T, never, never, S, NoInfer<TM>, SI, R, M, D> &
      KeyedIfStateful<T, S, TM>,
  ): PCollection<never>
  parDo(name: string, doFn: object): unknown {
    const declared = doFn as AnyDoFn
    const outputs = addParDo(this, name, declared)
    if (declared.outputs === undefined) return this.derive(outputs.get('out') as CollectionRef)
    return Object.fromEntries([...outputs].map(([tag, ref]) => [tag, this.derive(ref)]))
  }

  /** Gives each element a new event timestamp. */
  withTimestamps(name: string, fn: (value: T) => Instant, options?: TimestampOptions): PCollection<T> {
    return this.derive(addTimestamps(this, name, fn, options))
  }

  /**
   * Puts each element into windows of event time, and says when they answer. Without a WindowFn elements stay in the windows
   * they are in, and only what the options say changes.
   */
  windowInto(name: string, windowFn: WindowFn<T>, options?: WindowingOptions): PCollection<T>
  windowInto(name: string, options: WindowingOptions): PCollection<T>
  windowInto(name: string, windows: WindowFn<T> | WindowingOptions, options?: WindowingOptions): PCollection<T> {
    return this.derive(addWindowInto(this, name, windows as WindowFn | WindowingOptions, options))
  }

  /** `{ key: fn(value), value }` for each element. */
  keyBy<K>(name: string, fn: (value: T) => K, options?: MapOptions): PCollection<KV<Awaited<K>, T>> {
    return this.derive(addKeyBy(this, name, fn, options))
  }

  /** All values of each key and window. */
  groupByKey<V extends Change<unknown>>(this: ChangesByKey<V>, name: string): ChangesAreNotGrouped
  groupByKey<K, V>(this: PCollection<KV<K, V>>, name: string): PCollection<KV<K, Iterable<V>>>
  groupByKey(name: string): unknown {
    checkGroupable(this, this.builder.pathOf(name))
    return this.derive(addGroupByKey(this, name))
  }

  /** Reduces the values of each key and window. */
  combinePerKey<V extends Change<unknown>>(
    this: ChangesByKey<V>,
    name: string,
    combiner: IgnoringKind,
  ): ChangesAreNotGrouped
  combinePerKey<K, V, Acc, Out>(
    this: PCollection<KV<K, V>>,
    name: string,
    combiner: Combiner<V, Acc, Out>,
  ): PCollection<KV<K, Out>>
  combinePerKey(name: string, combiner: unknown): unknown {
    return this.derive(addCombinePerKey(this, name, combiner))
  }

  /** Reduces all values of each window. */
  combineGlobally<V extends AnyChange>(
    this: Changes<V>,
    name: string,
    combiner: IgnoringKind,
    options?: CombineGloballyOptions<never>,
  ): ChangesAreNotGrouped
  combineGlobally<Acc, Out>(
    name: string,
    combiner: Combiner<T, Acc, Out>,
    options?: CombineGloballyOptions<Out>,
  ): PCollection<Out>
  combineGlobally(name: string, combiner: unknown, options?: CombineGloballyOptions<unknown>): unknown {
    return this.derive(addCombineGlobally(this, name, combiner, options))
  }

  /** How often each distinct element occurs, per window. */
  countPerElement<V extends AnyChange>(this: Changes<V>, name: string): ChangesAreNotGrouped
  countPerElement(name: string): PCollection<KV<T, number>>
  countPerElement(name: string): unknown {
    const { builder } = this
    checkGroupable(this, builder.pathOf(name))
    warnOfCountingTwice(this, builder.pathOf(name), count())
    return this.derive(
      builder.scoped(
        name,
        [this],
        () => addCombinePerKey(addOwnKey(this), reservedName(COMBINE_OF_EACH), count()),
        (out) => [out],
      ),
    )
  }

  /** How many elements each key has, per window. */
  countPerKey<V extends Change<unknown>>(this: ChangesByKey<V>, name: string): ChangesAreNotGrouped
  countPerKey<K>(this: PCollection<KV<K, unknown>>, name: string): PCollection<KV<K, number>>
  countPerKey(name: string): unknown {
    return this.derive(addCombinePerKey(this, name, count()))
  }

  /** One element of each value, per window. */
  distinct<V extends AnyChange>(this: Changes<V>, name: string): ChangesAreNotGrouped
  distinct(name: string): PCollection<T>
  distinct(name: string): unknown {
    return this.derive(addDistinct(this, name))
  }

  /** The keys alone. */
  keys<K>(this: PCollection<KV<K, unknown>>, name: string): PCollection<K> {
    return this.derive(addKeys(this, name))
  }

  /** The values alone. */
  values<V>(this: PCollection<KV<unknown, V>>, name: string): PCollection<V> {
    return this.derive(addValues(this, name))
  }

  /** Ends the stage here: what follows may run elsewhere, and its failures do not repeat what came before. */
  reshuffle(name: string): PCollection<T> {
    return this.derive(addReshuffle(this, name))
  }

  /**
   * Splits into `count` collections; `fn` gives the number of the part, from 0. A count written as a literal below 100 gives
   * a tuple of that length, any other an array.
   */
  partition<N extends number>(
    name: string,
    count: N,
    fn: (value: T) => number,
    options?: StepOptions,
  ): Parts<PCollection<T>, N>
  partition(name: string, count: number, fn: (value: T) => number, options?: StepOptions): readonly PCollection<T>[] {
    return addPartition(this, name, count, fn, options).map((ref) => this.derive<T>(ref))
  }

  /** Prints the elements, up to a limit, and hands back the same collection. */
  print(name: string, options?: PrintOptions): PCollection<T> {
    addPrint(this, name, options)
    return this
  }

  /**
   * Keeps the elements for `result.collect(name)`, and hands back the same collection. Within a scope of `apply`, an error
   * handler or a handler of `p.lateData` they are found by their path: `collect('seen')` in `apply('shop', …)` is
   * `result.collect('shop/seen')`.
   */
  collect(name: string): PCollection<T> {
    addCollect(this, name)
    return this
  }

  /** View of the only element of a window. */
  asSingleton<D>(name: string, options: SingletonOptions<D>): PCollectionView<T | D>
  asSingleton(name: string, options?: ViewOptions): PCollectionView<T>
  asSingleton(name: string, options?: SingletonOptions<unknown> | ViewOptions): PCollectionView<unknown> {
    return addView(this, name, 'singleton', options)
  }

  /** View of a window's elements, in any order. */
  asIterable(name: string, options?: ViewOptions): PCollectionView<Iterable<T>> {
    return addView(this, name, 'iterable', options)
  }

  /** View of a window's elements as an array. */
  asList(name: string, options?: ViewOptions): PCollectionView<readonly T[]> {
    return addView(this, name, 'list', options)
  }

  /** View of a keyed collection with one value per key. */
  asMap<K, V>(this: PCollection<KV<K, V>>, name: string, options?: ViewOptions): PCollectionView<ReadonlyMap<K, V>> {
    return addView(this, name, 'map', options)
  }

  /** View of a keyed collection with all values of each key. */
  asMultimap<K, V>(
    this: PCollection<KV<K, V>>,
    name: string,
    options?: ViewOptions,
  ): PCollectionView<ReadonlyMap<K, readonly V[]>> {
    return addView(this, name, 'multimap', options)
  }
}

/** The collections in whatever a composite returns: one, a record or a list of them. */
export function collectionsIn(out: unknown): readonly CollectionRef[] {
  if (out instanceof PCollection) return [out]
  if (Array.isArray(out)) return out.filter((item): item is PCollection<unknown> => item instanceof PCollection)
  if (typeof out !== 'object' || out === null) return []
  return Object.values(out).filter((item): item is PCollection<unknown> => item instanceof PCollection)
}

export type { Duration }
