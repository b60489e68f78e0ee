/**
 * Entries by key, for sets, maps and multimaps, of which a snapshot costs nothing: entries stand in a log in the order of
 * their coming, each with the span of snapshots that see it. What a snapshot has seen is replaced, never changed.
 *
 * Law: a snapshot shows exactly the entries that were there when it was taken; a call that is taken back leaves entries
 * and their order as they were.
 */
import type { Coder } from '../../../sdk/coders/index.js'
import { KeyMap, representative } from '../key-map.js'
import type { StateRecord } from '../state-internals.js'

/** A key with its value. */
export interface Entry<V> {
  readonly key: unknown
  readonly value: V
}

interface LoggedEntry<V> {
  readonly key: unknown
  value: V
  /** The first snapshot that sees it. */
  readonly from: number
  /** The first snapshot that does not. */
  until: number
}

/** Entries in the log that are gone may be as many as those that are there, and so many more. */
const SPARE = 32

/** Entries by key. */
export class Entries<V> {
  readonly #coder: Coder<unknown>
  readonly #byKey: KeyMap<LoggedEntry<V>>
  #log: LoggedEntry<V>[] = []
  /** Number of snapshots taken. */
  #snapshots = 0
  /** The call that last changed something and could be taken back. */
  #call = 0

  constructor(coder: Coder<unknown>) {
    this.#coder = coder
    this.#byKey = new KeyMap(coder)
  }

  get size(): number {
    return this.#byKey.size
  }

  /** The value of a key. */
  get(key: unknown): V | undefined {
    return this.#byKey.get(key)?.value
  }

  has(key: unknown): boolean {
    return this.#byKey.get(key) !== undefined
  }

  /** Sets the value of a key. */
  put(record: StateRecord, key: unknown, value: V): void {
    const existing = this.#byKey.get(key)
    if (existing?.from === this.#snapshots) {
      // No snapshot has seen it.
      const before = existing.value
      existing.value = value
      if (record.isInCall)
        record.onRollBack(() => {
          existing.value = before
        })
      return
    }
    this.#tidy(record)
    if (existing !== undefined) existing.until = this.#snapshots
    const own = existing === undefined ? representative(key, this.#coder) : existing.key
    const entry: LoggedEntry<V> = { key: own, value, from: this.#snapshots, until: Infinity }
    this.#log.push(entry)
    this.#byKey.set(own, entry)
    record.onRollBack(() => {
      this.#log.pop()
      if (existing === undefined) this.#byKey.delete(own)
      else this.#revive(existing)
    })
  }

  /** Takes a key out, if it is there. */
  remove(record: StateRecord, key: unknown): void {
    const existing = this.#byKey.get(key)
    if (existing === undefined) return
    this.#tidy(record)
    existing.until = this.#snapshots
    this.#byKey.delete(existing.key)
    record.onRollBack(() => this.#revive(existing))
  }

  /** What is there now, to iterate over as often as one likes. */
  snapshot(): () => IterableIterator<Entry<V>> {
    const at = this.#snapshots++
    const log = this.#log
    const { length } = log
    return function* () {
      for (let i = 0; i < length; i++) {
        const entry = log[i] as LoggedEntry<V>
        if (entry.until > at) yield entry
      }
    }
  }

  #revive(entry: LoggedEntry<V>): void {
    entry.until = Infinity
    this.#byKey.set(entry.key, entry)
  }

  /** Forgets entries that are gone; earlier snapshots keep the log they have. Not in a call that may want them back. */
  #tidy(record: StateRecord): void {
    const mayTakeBack = record.isInCall && this.#call === record.call
    this.#call = record.call
    if (mayTakeBack || this.#log.length <= 2 * this.size + SPARE) return
    this.#log = this.#log.filter(({ until }) => until === Infinity)
  }
}
