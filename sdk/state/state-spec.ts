/**
 * State cells a DoFn declares. A cell belongs to one key and one window; it is written by the step that declares it and
 * disappears when its window expires. Reads are synchronous on every runner.
 *
 * Law: within a bundle a read sees the writes before it, also those made for earlier elements of the same key; a call that
 * fails leaves no trace in any cell.
 */
import { type Codec, isCodec, type TypeOf } from '../codec.js'
import { refuse } from '../refuse.js'
import type { CombineFn, MonoidCombine, SemigroupCombine } from '../transforms/combine.js'
import type {
  BagState,
  CombiningState,
  MapState,
  MultimapState,
  OrderedListState,
  SetState,
  ValueState,
} from './state-cell.js'

/** Declares a cell with one value. `Unset` is what `read` returns before the first write. */
export interface ValueStateSpec<A, Unset> {
  readonly kind: 'value'
  readonly codec: Codec
  readonly initial: Unset
  /** Only for the compiler. */
  readonly _A?: A
}

/** Declares a {@link BagState}. */
export interface BagStateSpec<A> {
  readonly kind: 'bag'
  readonly codec: Codec
  /** Only for the compiler. */
  readonly _A?: A
}

/** Declares a {@link SetState}. */
export interface SetStateSpec<A> {
  readonly kind: 'set'
  readonly codec: Codec
  /** Only for the compiler. */
  readonly _A?: A
}

/** Declares an {@link OrderedListState}. */
export interface OrderedListStateSpec<A> {
  readonly kind: 'orderedList'
  readonly codec: Codec
  /** Only for the compiler. */
  readonly _A?: A
}

/** Declares a {@link MapState}. */
export interface MapStateSpec<K, V> {
  readonly kind: 'map'
  readonly keyCodec: Codec
  readonly codec: Codec
  /** Only for the compiler. */
  readonly _K?: K
  /** Only for the compiler. */
  readonly _V?: V
}

/** Declares a {@link MultimapState}. */
export interface MultimapStateSpec<K, V> {
  readonly kind: 'multimap'
  readonly keyCodec: Codec
  readonly codec: Codec
  /** Only for the compiler. */
  readonly _K?: K
  /** Only for the compiler. */
  readonly _V?: V
}

/** Declares a {@link CombiningState}. */
export interface CombiningStateSpec<In, Out> {
  readonly kind: 'combining'
  /** A combiner as `combinePerKey` takes it. */
  readonly combiner: object
  /** Describes accumulators. */
  readonly codec: Codec
  /** Only for the compiler. */
  readonly _In?: In
  /** Only for the compiler. */
  readonly _Out?: Out
}

/** Any state declaration. */
export type StateSpec =
  | ValueStateSpec<unknown, unknown>
  | BagStateSpec<unknown>
  | SetStateSpec<unknown>
  | OrderedListStateSpec<unknown>
  | MapStateSpec<unknown, unknown>
  | MultimapStateSpec<unknown, unknown>
  | CombiningStateSpec<unknown, unknown>

/** The cell of one declaration. */
export type StateCell<S> =
  S extends ValueStateSpec<infer A, infer Unset>
    ? ValueState<A, Unset>
    : S extends BagStateSpec<infer A>
      ? BagState<A>
      : S extends SetStateSpec<infer A>
        ? SetState<A>
        : S extends OrderedListStateSpec<infer A>
          ? OrderedListState<A>
          : S extends MapStateSpec<infer K, infer V>
            ? MapState<K, V>
            : S extends MultimapStateSpec<infer K, infer V>
              ? MultimapState<K, V>
              : S extends CombiningStateSpec<infer In, infer Out>
                ? CombiningState<In, Out>
                : never

/** The cells of a declaration. */
export type StateCells<S> = { readonly [K in keyof S]: StateCell<S[K]> }

/** How a combining cell encodes what it keeps. */
export interface CombiningOptions {
  /** Describes accumulators, where the combiner does not. */
  readonly codec: Codec
}

/** State declarations by name. */
export interface StateBuilders {
  /** One value per key and window, described by a codec. Before the first write `read` returns `undefined`. */
  value<C extends Codec>(codec: C): ValueStateSpec<TypeOf<C>, undefined>
  /** The same, with `initial` (a copy, if it is an object) as what `read` returns before the first write. */
  value<C extends Codec>(codec: C, options: { readonly initial: TypeOf<C> }): ValueStateSpec<TypeOf<C>, TypeOf<C>>
  /** Any number of values, in the order in which they were added. */
  bag<C extends Codec>(codec: C): BagStateSpec<TypeOf<C>>
  /** Distinct values. */
  set<C extends Codec>(codec: C): SetStateSpec<TypeOf<C>>
  /** Values by event time, read and cleared by range: for joins and windows of one's own. */
  orderedList<C extends Codec>(codec: C): OrderedListStateSpec<TypeOf<C>>
  /** One value for each key of the cell's own. */
  map<CK extends Codec, CV extends Codec>(key: CK, value: CV): MapStateSpec<TypeOf<CK>, TypeOf<CV>>
  /** Any number of values for each key of the cell's own. */
  multimap<CK extends Codec, CV extends Codec>(key: CK, value: CV): MultimapStateSpec<TypeOf<CK>, TypeOf<CV>>
  /**
   * What a semigroup makes of the inputs; `undefined` before the first one. The accumulator is described by the combiner's
   * `codec`, or by `options.codec`.
   */
  combining<In, A>(combiner: SemigroupCombine<In, A>, options?: CombiningOptions): CombiningStateSpec<In, A | undefined>
  /** What a monoid makes of the inputs; its empty value before the first one. */
  combining<In, A>(combiner: MonoidCombine<In, A>, options?: CombiningOptions): CombiningStateSpec<In, A>
  /** What a CombineFn makes of the inputs. Its `accumulator` describes what is kept, or `options.codec` does. */
  combining<In, Acc, Out>(combiner: CombineFn<In, Acc, Out>, options?: CombiningOptions): CombiningStateSpec<In, Out>
}

function checked(codec: Codec, call: string): Codec {
  return isCodec(codec)
    ? codec
    : refuse('MR-3008', `state.${call.split('(')[0] ?? ''} needs a codec, for example state.${call}.`)
}

function value(codec: Codec, options?: { readonly initial: unknown }): ValueStateSpec<never, never> {
  return { kind: 'value', codec: checked(codec, 'value(t.number)'), initial: options?.initial as never }
}

function keyed<Kind extends 'map' | 'multimap'>(
  kind: Kind,
  keyCodec: Codec,
  codec: Codec,
): { readonly kind: Kind; readonly keyCodec: Codec; readonly codec: Codec } {
  const call = `${kind}(t.string, t.number)`
  return { kind, keyCodec: checked(keyCodec, call), codec: checked(codec, call) }
}

function combining(combiner: object, options?: CombiningOptions): CombiningStateSpec<never, never> {
  const own = combiner as { readonly codec?: Codec; readonly accumulator?: Codec } | undefined
  const codec = options?.codec ?? own?.codec ?? own?.accumulator
  if (codec === undefined) {
    refuse(
      'MR-3008',
      'state.combining needs a codec for what it keeps. Give the combiner one (codec, or accumulator of a CombineFn), or write state.combining(combiner, { codec: t.number }).',
    )
  }
  return { kind: 'combining', combiner, codec: checked(codec, 'combining(combiner, { codec: t.number })') }
}

/**
 * Declares state cells. What is written is checked against the codec of the cell, as what is emitted is; a Standard Schema
 * must accept what it gives, and at once.
 *
 * @example
 * ```ts
 * import { state, sum } from 'millrace'
 * import * as t from 'io-ts'
 * const cells = {
 *   last: state.value(t.string),
 *   seen: state.value(t.number, { initial: 0 }),
 *   waiting: state.bag(t.string),
 *   users: state.set(t.string),
 *   prices: state.map(t.string, t.number),
 *   orders: state.multimap(t.string, t.number),
 *   readings: state.orderedList(t.number),
 *   total: state.combining(sum()),
 * }
 * ```
 */
export const state: StateBuilders = {
  value: value,
  bag: (codec) => ({ kind: 'bag', codec: checked(codec, 'bag(t.string)') }),
  set: (codec) => ({ kind: 'set', codec: checked(codec, 'set(t.string)') }),
  orderedList: (codec) => ({ kind: 'orderedList', codec: checked(codec, 'orderedList(t.number)') }),
  map: (key, value) => keyed('map', key, value),
  multimap: (key, value) => keyed('multimap', key, value),
  combining: combining,
}
