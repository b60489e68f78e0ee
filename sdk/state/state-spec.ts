/**
 * State cells a DoFn declares. A cell belongs to one key and one window; it is written by the step that declares it and
 * disappears when its window expires. Reads are synchronous on every runner.
 *
 * Law: within a bundle a read sees the writes before it, also those made for earlier elements of the same key.
 */
import { type Codec, isCodec, type TypeOf } from '../codec.js'
import { PipelineError } from '../errors.js'

/** Declares a cell with one value. `Unset` is what `read` returns before the first write. */
export interface ValueStateSpec<A, Unset> {
  readonly kind: 'value'
  readonly codec: Codec
  readonly initial: Unset
  /** Only for the compiler. */
  readonly _A?: A
}

/** Any state declaration. */
export type StateSpec = ValueStateSpec<unknown, unknown>

/** A cell with one value, as `process` and timers see it. */
export interface ValueState<A, Unset = undefined> {
  /** The value, or `initial` (default `undefined`) when nothing was written or it was cleared. */
  read(): A | Unset
  /** Replaces the value. */
  write(value: A): void
  /** Forgets the value. */
  clear(): void
}

/** The cells of a declaration. */
export type StateCells<S> = {
  readonly [K in keyof S]: S[K] extends ValueStateSpec<infer A, infer Unset> ? ValueState<A, Unset> : never
}

/** State declarations by name. */
export interface StateBuilders {
  /** One value per key and window, described by a codec. Before the first write `read` returns `undefined`. */
  value<C extends Codec>(codec: C): ValueStateSpec<TypeOf<C>, undefined>
  /** The same, with `initial` (a copy, if it is an object) as what `read` returns before the first write. */
  value<C extends Codec>(codec: C, options: { readonly initial: TypeOf<C> }): ValueStateSpec<TypeOf<C>, TypeOf<C>>
}

function value(codec: Codec, options?: { readonly initial: unknown }): ValueStateSpec<never, never> {
  if (!isCodec(codec)) throw new PipelineError('state.value needs a codec, for example state.value(t.number).')
  return { kind: 'value', codec, initial: options?.initial as never }
}

/**
 * Declares state cells.
 *
 * @example
 * ```ts
 * import { state } from 'millrace'
 * import * as t from 'io-ts'
 * const cells = { total: state.value(t.number, { initial: 0 }), last: state.value(t.string) }
 * ```
 */
export const state: StateBuilders = { value: value }
