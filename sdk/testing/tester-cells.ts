/**
 * State cells of a DoFn under test, every kind, over plain data that is replaced and never changed: that makes a failed
 * call easy to forget.
 *
 * Law: each kind does what its interface in `sdk/state/state-cell.ts` says; values are copied on their way in and out.
 */
import { coded } from '../error-codes.js'
import { type Codec, codecName, decodeWith, isTypeOnly } from '../codec.js'
import { coderOfCodec } from '../graph/coders.js'
import type {
  BagState,
  CombiningState,
  MapState,
  MultimapState,
  OrderedListState,
  SetState,
  TimestampedValue,
  ValueState,
} from '../state/state-cell.js'
import type { StateSpec } from '../state/state-spec.js'
import { type Instant, toTimestamp } from '../time.js'
import type { CombineFn } from '../transforms/combine.js'
import { toCombine } from '../transforms/combine.js'
import { roundTrip } from './laws.js'
import { identityOf } from './same-value.js'

/** Where a cell's content lives; `undefined` is an empty cell. */
export interface CellPlace {
  get(): { readonly content: unknown } | undefined
  set(content: unknown): void
  clear(): void
}

/** A cell, and what a test sees of it. */
export interface TesterCell {
  readonly cell: object
  readonly reading: () => unknown
}

/** The cell of a declaration. */
export function testerCell(spec: StateSpec, place: CellPlace): TesterCell {
  const values = valuesOf(spec.codec)
  switch (spec.kind) {
    case 'value':
      return valueCell(place, values, spec.initial)
    case 'bag':
      return bagCell(place, values)
    case 'set':
      return setCell(place, values)
    case 'orderedList':
      return orderedListCell(place, values)
    case 'map':
      return mapCell(place, valuesOf(spec.keyCodec), values)
    case 'multimap':
      return multimapCell(place, valuesOf(spec.keyCodec), values)
    case 'combining':
      return combiningCell(place, values, spec.combiner)
  }
}

/** How values of a codec go in and out. */
interface Values {
  /** A checked copy. */
  readonly taken: (value: unknown) => unknown
  /** A copy. */
  readonly copy: (value: unknown) => unknown
}

function valuesOf(codec: Codec): Values {
  const coder = coderOfCodec(codec)
  const copy = (value: unknown): unknown => roundTrip(coder, value)
  const isChecked = !isTypeOnly(codec)
  return { copy, taken: (value) => copy(isChecked ? checked(codec, value) : value) }
}

function checked(codec: Codec, value: unknown): unknown {
  const decoded = decodeWith(codec, value)
  if (!(decoded instanceof Promise)) return decoded
  // Nobody will wait for it.
  void decoded.catch(() => undefined)
  throw coded(
    'MR-4006',
    new TypeError(
      `the ${codecName(codec)} of a state cell checks asynchronously, and a write cannot wait. Give the cell a codec that answers at once.`,
    ),
  )
}

/** What every cell with several values has. */
function common(place: CellPlace): { readonly isEmpty: () => boolean; readonly clear: () => void } {
  return { isEmpty: () => place.get() === undefined, clear: () => place.clear() }
}

/** Content that is a list; a list without items is an empty cell. */
function listIn<T>(place: CellPlace): {
  readonly get: () => readonly T[]
  readonly set: (items: readonly T[]) => void
} {
  return {
    get: () => (place.get()?.content as readonly T[] | undefined) ?? [],
    set: (items) => (items.length === 0 ? place.clear() : place.set(items)),
  }
}

function valueCell(place: CellPlace, { taken, copy }: Values, initial: unknown): TesterCell {
  const read = (): unknown => {
    const held = place.get()
    if (held !== undefined) return copy(held.content)
    return initial === undefined ? undefined : copy(initial)
  }
  const cell: ValueState<unknown, unknown> = {
    ...common(place),
    read,
    write: (value) => place.set(taken(value)),
  }
  return { cell, reading: read }
}

function bagCell(place: CellPlace, { taken, copy }: Values): TesterCell {
  const list = listIn<unknown>(place)
  const read = (): readonly unknown[] => list.get().map(copy)
  const cell: BagState<unknown> = {
    ...common(place),
    add: (value) => list.set([...list.get(), taken(value)]),
    read,
  }
  return { cell, reading: read }
}

function setCell(place: CellPlace, { taken, copy }: Values): TesterCell {
  const list = listIn<unknown>(place)
  const read = (): readonly unknown[] => list.get().map(copy)
  const isIn = (value: unknown): boolean => list.get().some((item) => identityOf(item) === identityOf(value))
  const addIfAbsent = (value: unknown): boolean => {
    const item = taken(value)
    if (isIn(item)) return false
    list.set([...list.get(), item])
    return true
  }
  const cell: SetState<unknown> = {
    ...common(place),
    add: (value) => void addIfAbsent(value),
    addIfAbsent,
    has: isIn,
    remove: (value) => list.set(list.get().filter((item) => identityOf(item) !== identityOf(value))),
    read,
    size: () => list.get().length,
  }
  return { cell, reading: read }
}

function orderedListCell(place: CellPlace, { taken, copy }: Values): TesterCell {
  const list = listIn<TimestampedValue<unknown>>(place)
  const given = (items: readonly TimestampedValue<unknown>[]): readonly TimestampedValue<unknown>[] =>
    items.map(({ timestamp, value }) => ({ timestamp, value: copy(value) }))
  const isWithin = (from: Instant, to: Instant): ((item: TimestampedValue<unknown>) => boolean) => {
    const [start, end] = [toTimestamp(from), toTimestamp(to)]
    return ({ timestamp }) => timestamp >= start && timestamp < end
  }
  const read = (): readonly TimestampedValue<unknown>[] => given(list.get())
  const cell: OrderedListState<unknown> = {
    ...common(place),
    // Sorting is stable: values of the same time stay in the order in which they came.
    add: (at, value) =>
      list.set(
        [...list.get(), { timestamp: toTimestamp(at), value: taken(value) }].sort((a, b) => a.timestamp - b.timestamp),
      ),
    read,
    range: (from, to) => given(list.get().filter(isWithin(from, to))),
    clearRange: (from, to) => {
      const inside = isWithin(from, to)
      list.set(list.get().filter((item) => !inside(item)))
    },
  }
  return { cell, reading: read }
}

type Entry = readonly [unknown, unknown]

function mapCell(place: CellPlace, keys: Values, values: Values): TesterCell {
  const list = listIn<Entry>(place)
  const indexOf = (key: unknown): number => list.get().findIndex(([held]) => identityOf(held) === identityOf(key))
  const entries = (): readonly Entry[] => list.get().map(([key, value]): Entry => [keys.copy(key), values.copy(value)])
  const get = (key: unknown): unknown => {
    const at = indexOf(key)
    return at < 0 ? undefined : values.copy(list.get()[at]?.[1])
  }
  const put = (key: unknown, value: unknown): void => {
    const at = indexOf(key)
    const entry: Entry = [keys.taken(key), values.taken(value)]
    list.set(at < 0 ? [...list.get(), entry] : list.get().with(at, entry))
  }
  const cell: MapState<unknown, unknown> = {
    ...common(place),
    put,
    get,
    putIfAbsent: (key, value) => {
      if (indexOf(key) >= 0) return get(key)
      put(key, value)
      return undefined
    },
    computeIfAbsent: (key, make) => {
      if (indexOf(key) < 0) put(key, make(key))
      return get(key)
    },
    has: (key) => indexOf(key) >= 0,
    remove: (key) => list.set(list.get().filter(([held]) => identityOf(held) !== identityOf(key))),
    keys: () => entries().map(([key]) => key),
    values: () => entries().map(([, value]) => value),
    entries,
    size: () => list.get().length,
  }
  return { cell, reading: () => new Map(entries()) }
}

function multimapCell(place: CellPlace, keys: Values, values: Values): TesterCell {
  const list = listIn<readonly [unknown, readonly unknown[]]>(place)
  const held = (key: unknown): readonly unknown[] =>
    list.get().find(([each]) => identityOf(each) === identityOf(key))?.[1] ?? []
  const without = (key: unknown): readonly (readonly [unknown, readonly unknown[]])[] =>
    list.get().filter(([each]) => identityOf(each) !== identityOf(key))
  const cell: MultimapState<unknown, unknown> = {
    ...common(place),
    put: (key, value) => list.set([...without(key), [keys.taken(key), [...held(key), values.taken(value)]]]),
    get: (key) => held(key).map(values.copy),
    has: (key) => held(key).length > 0,
    hasEntry: (key, value) => held(key).some((item) => identityOf(item) === identityOf(value)),
    remove: (key) => list.set(without(key)),
    keys: () => list.get().map(([key]) => keys.copy(key)),
    entries: () =>
      list.get().flatMap(([key, items]) => items.map((item): Entry => [keys.copy(key), values.copy(item)])),
  }
  return {
    cell,
    reading: () => new Map(list.get().map(([key, items]) => [keys.copy(key), items.map(values.copy)] as const)),
  }
}

function combiningCell(place: CellPlace, { copy }: Values, combiner: object): TesterCell {
  const combine = toCombine(combiner, 'doFnTester')
  const held = (): unknown => copy(place.get()?.content)
  const isSet = (): boolean => place.get() !== undefined
  let add: (input: unknown) => unknown
  let read: () => unknown
  if (combine.kind === 'full') {
    const fn = combine.fn as unknown as CombineFn<unknown, unknown, unknown>
    const accumulator = (): unknown => (isSet() ? held() : fn.createAccumulator())
    add = (input) => fn.addInput(accumulator(), input)
    read = () => fn.extractOutput(accumulator())
  } else {
    const of = combine.of as (input: unknown) => unknown
    const concat = combine.concat as (a: unknown, b: unknown) => unknown
    const empty = combine.kind === 'monoid' ? combine.empty : undefined
    add = (input) => (isSet() ? concat(held(), of(input)) : combine.kind === 'monoid' ? concat(empty, of(input)) : of(input)) // prettier-ignore
    read = () => (isSet() ? held() : empty)
  }
  const cell: CombiningState<unknown, unknown> = {
    ...common(place),
    add: (input) => place.set(copy(add(input))),
    read: () => read(),
  }
  return { cell, reading: () => read() }
}
