/**
 * Combiners whatever they reduce, for functions that take several of them.
 */

/** Any combiner: {@link CombineFn}, {@link MonoidCombine} or {@link SemigroupCombine}. */
export type AnyCombiner =
  | {
      readonly createAccumulator: () => unknown
      readonly addInput: (accumulator: never, input: never) => unknown
      readonly mergeAccumulators: (a: never, b: never) => unknown
      readonly extractOutput: (accumulator: never) => unknown
    }
  | {
      readonly of: (input: never) => unknown
      readonly monoid: { readonly empty: unknown; readonly concat: (a: never, b: never) => unknown }
    }
  | {
      readonly of: (input: never) => unknown
      readonly semigroup: { readonly concat: (a: never, b: never) => unknown }
    }

/** What a combiner takes. */
export type CombinerInput<C> = C extends { readonly addInput: (accumulator: never, input: infer In) => unknown }
  ? In
  : C extends { readonly of: (input: infer In) => unknown }
    ? In
    : never

/** What a combiner gives. */
export type CombinerOutput<C> = C extends { readonly extractOutput: (accumulator: never) => infer Out }
  ? Out
  : C extends { readonly of: (input: never) => infer Out }
    ? Out
    : never
