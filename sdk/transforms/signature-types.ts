/**
 * Types of the signatures of chaining methods: what they ask of elements, and what they give for it.
 */
import type { KV } from '../kv.js'
import type { AnyCombiner } from './any-combiner.js'
import type { Change } from './change.js'

/** State and timers are kept per key, so they ask for keyed elements. */
export type KeyedIfStateful<T, S, TM> = [keyof S | keyof TM] extends [never]
  ? unknown
  : T extends KV<unknown, unknown>
    ? unknown
    : { readonly state: 'state and timers are kept per key: put keyBy(name, fn) before this step' }

/**
 * `N` times `T`: a tuple where `N` is a whole number below 100 that the compiler knows, else an array. `Sofar` is what it has
 * put together on the way.
 */
export type Parts<T, N extends number, Sofar extends readonly T[] = readonly []> = N extends number
  ? number extends N
    ? readonly T[]
    : Sofar['length'] extends N
      ? Sofar
      : Sofar['length'] extends 99
        ? readonly T[]
        : Parts<T, N, readonly [...Sofar, T]>
  : never

/** Elements that are changes, or have one as value. */
export type AnyChange = Change<unknown> | KV<unknown, Change<unknown>>

/** Nothing is `any` or `never` and also this: elements that only may be changes are taken for others. */
export type CertainlyChanges<T> = 0 extends 1 & T
  ? { readonly _isCertain: true }
  : [T] extends [never]
    ? { readonly _isCertain: true }
    : unknown

/** What a grouping of changes gives that does not take back what they retract: nothing to go on with. */
export interface ChangesAreNotGrouped {
  readonly fix: 'combine changes with combineChanges({ of, group }) or groupChanges()'
}

/** A combiner that does not say that it takes back what changes retract. */
export type IgnoringKind = AnyCombiner & { readonly takesChanges?: false }
