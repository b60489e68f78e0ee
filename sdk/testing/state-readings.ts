/** Types of what a test sees of state cells. */
import type { TimestampedValue } from '../state/state-cell.js'
import type {
  BagStateSpec,
  CombiningStateSpec,
  MapStateSpec,
  MultimapStateSpec,
  OrderedListStateSpec,
  SetStateSpec,
  ValueStateSpec,
} from '../state/state-spec.js'

/** What a test sees of a cell: the value or result, a list of what a bag, set or ordered list holds, a map of what a map holds. */
export type StateReading<S> =
  S extends ValueStateSpec<infer A, infer Unset>
    ? A | Unset
    : S extends BagStateSpec<infer A> | SetStateSpec<infer A>
      ? readonly A[]
      : S extends OrderedListStateSpec<infer A>
        ? readonly TimestampedValue<A>[]
        : S extends MapStateSpec<infer K, infer V>
          ? ReadonlyMap<K, V>
          : S extends MultimapStateSpec<infer K, infer V>
            ? ReadonlyMap<K, readonly V[]>
            : S extends CombiningStateSpec<unknown, infer Out>
              ? Out
              : never

/** What the cells of a key and window hold. */
export type StateReadings<S> = { readonly [K in keyof S]: StateReading<S[K]> }
