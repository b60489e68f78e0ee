/**
 * Combiners whatever they reduce, for functions that take several of them.
 */

/** Any combiner: {@link CombineFn}, {@link MonoidCombine} or {@link SemigroupCombine}. */
export type AnyCombiner = AnyCombineFn | AnyMonoidCombine | AnySemigroupCombine

/** A {@link CombineFn} of whatever types. */
export interface AnyCombineFn extends Gives<never, unknown> {
  /** The accumulator of no input. */
  readonly createAccumulator: () => unknown
  /** Takes one input into account. */
  readonly addInput: (accumulator: never, input: never) => unknown
  /** The accumulator of both inputs together. */
  readonly mergeAccumulators: (a: never, b: never) => unknown
}

/** A {@link MonoidCombine} of whatever types. */
export interface AnyMonoidCombine extends TakesPart<never, unknown> {
  /** How two parts make one, and the part that changes nothing. */
  readonly monoid: AnyConcat & { readonly empty: unknown }
}

/** A {@link SemigroupCombine} of whatever types. */
export interface AnySemigroupCombine extends TakesPart<never, unknown> {
  /** How two parts make one. */
  readonly semigroup: AnyConcat
}

/** An fp-ts semigroup of whatever type. */
export interface AnyConcat {
  /** Makes one of two. */
  readonly concat: (a: never, b: never) => unknown
}

/** The part of a {@link CombineFn} that says what it gives. */
export interface Gives<Acc, Out> {
  /** What an accumulator amounts to. */
  readonly extractOutput: (accumulator: Acc) => Out
}

/** The part of a {@link CombineFn} that says what it takes. */
export interface Takes<Acc, In> {
  /** Takes one input into account. */
  readonly addInput: (accumulator: Acc, input: In) => unknown
}

/** The part of a monoid's or semigroup's combiner that says what it takes and gives. */
export interface TakesPart<In, A> {
  /** The part that is combined. */
  readonly of: (input: In) => A
}

/** What a combiner takes. */
export type CombinerInput<C> =
  C extends Takes<never, infer In> ? In : C extends TakesPart<infer In, unknown> ? In : never

/** What a combiner gives. */
export type CombinerOutput<C> =
  C extends Gives<never, infer Out> ? Out : C extends TakesPart<never, infer Out> ? Out : never
