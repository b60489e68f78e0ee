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
  /** Entries are stored in chunks by this number; it grows with the log. */
  readonly serial: number
}

/** An entry as a store has it. */
export interface StoredEntry<V> extends Entry<V> {
  readonly from: number
  readonly serial: number
}

/** Serial numbers of a chunk. A change has the others of its chunk stored again. */
const CHUNK = 16

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
  #serial = 0
  /** Chunks in which something has changed, where somebody asks. */
  #touched: Set<number> | undefined

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
    if (existing !== undefined) this.#touch(record, existing)
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
    const entry: LoggedEntry<V> = { key: own, value, from: this.#snapshots, until: Infinity, serial: this.#serial++ }
    this.#touch(record, entry)
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
    this.#touch(record, existing)
    this.#tidy(record)
    existing.until = this.#snapshots
    this.#byKey.delete(existing.key)
    record.onRollBack(() => this.#revive(existing))
  }

  /** Notes that the value of a key changes inside. */
  note(record: StateRecord, key: unknown): void {
    const existing = this.#byKey.get(key)
    if (existing !== undefined) this.#touch(record, existing)
  }

  #touch(record: StateRecord, { serial }: LoggedEntry<V>): void {
    record.note()
    if (record.isTracked) (this.#touched ??= new Set()).add(Math.floor(serial / CHUNK))
  }

  /** What is there now, to iterate over as often as one likes. */
  snapshot(record: StateRecord): () => IterableIterator<Entry<V>> {
    // Where a value that is put stands from now on depends on what was seen.
    record.note()
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

  /** Numbers that a store must have besides the entries. */
  get counters(): readonly [snapshots: number, serial: number] {
    return [this.#snapshots, this.#serial]
  }

  /** The chunks in which something has changed since the last time. */
  takeTouched(): Iterable<number> {
    const touched = this.#touched ?? []
    this.#touched = undefined
    return touched
  }

  /** Serial numbers that entries of a chunk may have. */
  static serialsOf(chunk: number): readonly number[] {
    return Array.from({ length: CHUNK }, (_, i) => chunk * CHUNK + i)
  }

  /** What is there of a chunk. */
  storedOf(chunk: number): readonly StoredEntry<V>[] {
    const log = this.#log
    let [low, high] = [0, log.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((log[middle] as LoggedEntry<V>).serial < chunk * CHUNK) low = middle + 1
      else high = middle
    }
    const entries: StoredEntry<V>[] = []
    for (let i = low; i < log.length; i++) {
      const entry = log[i] as LoggedEntry<V>
      if (entry.serial >= (chunk + 1) * CHUNK) break
      if (entry.until === Infinity) entries.push(entry)
    }
    return entries
  }

  /** What was stored, by serial number. */
  static restored<V>(
    coder: Coder<unknown>,
    entries: readonly StoredEntry<V>[],
    [snapshots, serial]: readonly [number, number],
  ): Entries<V> {
    const restored = new Entries<V>(coder)
    restored.#snapshots = snapshots
    restored.#serial = serial
    for (const entry of entries) {
      const logged = { ...entry, until: Infinity }
      restored.#log.push(logged)
      restored.#byKey.set(entry.key, logged)
    }
    return restored
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
