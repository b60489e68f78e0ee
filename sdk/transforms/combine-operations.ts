/**
 * A combiner of any kind as four functions, for transforms that reduce values themselves.
 */
import type { AnyCombine, CombineFn } from './combine.js'

/** What a combiner does. */
export interface CombineOperations {
  readonly create: () => unknown
  readonly add: (accumulator: unknown, value: unknown) => unknown
  readonly merge: (a: unknown, b: unknown) => unknown
  readonly extract: (accumulator: unknown) => unknown
}

/** Accumulator of a semigroup: nothing yet, or one value. */
type Held = readonly unknown[]

/**
 * The operations of a combiner. A semigroup's result for no value is `undefined`.
 */
export function operationsOf(combine: AnyCombine): CombineOperations {
  switch (combine.kind) {
    case 'monoid': {
      const { of, empty, concat } = combine
      const join = concat as (a: unknown, b: unknown) => unknown
      const take = of as (value: unknown) => unknown
      return {
        create: () => empty,
        add: (accumulator, value) => join(accumulator, take(value)),
        merge: join,
        extract: (accumulator) => accumulator,
      }
    }
    case 'semigroup': {
      const concat = combine.concat as (a: unknown, b: unknown) => unknown
      const take = combine.of as (value: unknown) => unknown
      const join = (a: Held, b: Held): Held => (a.length === 0 ? b : b.length === 0 ? a : [concat(a[0], b[0])])
      return {
        create: () => [],
        add: (held, value) => join(held as Held, [take(value)]),
        merge: (a, b) => join(a as Held, b as Held),
        extract: (held) => (held as Held)[0],
      }
    }
    case 'full': {
      const fn = combine.fn as unknown as CombineFn<unknown, unknown, unknown>
      return {
        create: () => fn.createAccumulator(),
        add: (accumulator, value) => fn.addInput(accumulator, value),
        merge: (a, b) => fn.mergeAccumulators(a, b),
        extract: (accumulator) => fn.extractOutput(accumulator),
      }
    }
  }
}
