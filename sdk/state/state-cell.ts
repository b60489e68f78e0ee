/**
 * State cells as `process`, timers' handlers and `onWindowExpiration` see them.
 *
 * Law: an iterable taken from a cell shows what the cell held at that moment; what is added later is seen by a new read.
 * Cell and iterables belong to the call that took them and refuse to work when it has ended.
 */
import type { Instant } from '../time.js'

/** A cell with one value. */
export interface ValueState<A, Unset = undefined> {
  /** The value, or `initial` (default `undefined`) when nothing was written or it was cleared. */
  read(): A | Unset
  /** Replaces the value. */
  write(value: A): void
  /** Whether nothing was written, or it was cleared. */
  isEmpty(): boolean
  /** Forgets the value. */
  clear(): void
}

/** A cell with any number of values, in the order in which they were added. */
export interface BagState<A> {
  /** Adds a value; nothing is read for it. */
  add(value: A): void
  /** The values so far. */
  read(): Iterable<A>
  /** Whether no value was added, or all were forgotten. */
  isEmpty(): boolean
  /** Forgets all values. */
  clear(): void
}

/** A cell with distinct values: equal are those whose canonical bytes are. */
export interface SetState<A> {
  /** Adds a value, unless it is there. */
  add(value: A): void
  /** The same. @returns whether it was not there before. */
  addIfAbsent(value: A): boolean
  /** Whether the value is there. */
  has(value: A): boolean
  /** Takes a value out; without it does nothing. */
  remove(value: A): void
  /** The values so far, in no particular order. */
  read(): Iterable<A>
  /** Number of values. */
  size(): number
  /** Whether no value was added, or all were forgotten. */
  isEmpty(): boolean
  /** Forgets all values. */
  clear(): void
}

/** A cell with one value for each of its own keys: equal keys are those whose canonical bytes are equal. */
export interface MapState<K, V> {
  /** Sets the value of a key. */
  put(key: K, value: V): void
  /** The value of a key, `undefined` when it has none. */
  get(key: K): V | undefined
  /** Sets the value of a key that has none. @returns the value it had, `undefined` when it had none. */
  putIfAbsent(key: K, value: V): V | undefined
  /** The value of a key; one that has none gets what `make` returns. */
  computeIfAbsent(key: K, make: (key: K) => V): V
  /** Whether the key has a value. */
  has(key: K): boolean
  /** Takes a key out; without it does nothing. */
  remove(key: K): void
  /** The keys so far, in no particular order. */
  keys(): Iterable<K>
  /** The values so far, in the order of {@link keys}. */
  values(): Iterable<V>
  /** The keys so far, with their values. */
  entries(): Iterable<readonly [K, V]>
  /** Number of keys. */
  size(): number
  /** Whether no key has a value. */
  isEmpty(): boolean
  /** Forgets all keys. */
  clear(): void
}

/** A cell with any number of values for each of its own keys. */
export interface MultimapState<K, V> {
  /** Adds a value to a key. */
  put(key: K, value: V): void
  /** The values of a key so far, in the order in which they were put; none for a key that is not there. */
  get(key: K): Iterable<V>
  /** Whether the key has a value. */
  has(key: K): boolean
  /** Whether the key has this value: one with the same bytes. */
  hasEntry(key: K, value: V): boolean
  /** Takes a key out, with all its values; without it does nothing. */
  remove(key: K): void
  /** The keys so far, in no particular order. */
  keys(): Iterable<K>
  /** Every value so far with its key, those of one key together. */
  entries(): Iterable<readonly [K, V]>
  /** Whether no key has a value. */
  isEmpty(): boolean
  /** Forgets all keys. */
  clear(): void
}

/** A value with its point in event time. */
export interface TimestampedValue<A> {
  readonly timestamp: number
  readonly value: A
}

/** A cell with values in the order of event time; values of the same time in the order in which they were added. */
export interface OrderedListState<A> {
  /** Adds a value at a time; nothing is read for it, and values need not come in order. */
  add(timestamp: Instant, value: A): void
  /** The values so far. */
  read(): Iterable<TimestampedValue<A>>
  /** The values so far with `from ≤ timestamp < to`. */
  range(from: Instant, to: Instant): Iterable<TimestampedValue<A>>
  /** Forgets the values with `from ≤ timestamp < to`. */
  clearRange(from: Instant, to: Instant): void
  /** Whether no value was added, or all were forgotten. */
  isEmpty(): boolean
  /** Forgets all values. */
  clear(): void
}

/** A cell that keeps what a combiner makes of its inputs, not the inputs. */
export interface CombiningState<In, Out> {
  /** Takes an input into account; nothing is read for it. */
  add(input: In): void
  /** What the inputs so far amount to. */
  read(): Out
  /** Whether there was no input yet. */
  isEmpty(): boolean
  /** Forgets all inputs. */
  clear(): void
}
