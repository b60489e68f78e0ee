/**
 * State and side inputs that this worker has read or written before, kept as long as the engine's tokens say that nobody else changes
 * them.
 *
 * Law: a cell is known only under the token it was kept under; what a bundle writes is kept when the bundle has succeeded, and forgotten
 * when it fails. A decoded cell is one bundle's at a time, and what a bundle that fails has had of it is not used again.
 */
import type { StoredCell } from './remote-state.js'

/** Bytes that are kept. */
const BYTES_MAX = 64 * 1024 * 1024
/** What an entry costs beside its bytes. */
const ENTRY_BYTES = 200

/** What a decoded cell costs, by its bytes. */
const DECODED_FACTOR = 4

interface Entry {
  readonly token: string
  readonly bytes: Uint8Array
  /** What the bytes say, decoded. */
  decoded: StoredCell | undefined
  /** What was counted for it. */
  cost: number
}

/** What is kept, least used first. */
export class StateCache {
  readonly #entries = new Map<string, Entry>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number = BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  get(key: string, token: string): Uint8Array | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.token !== token) {
      this.drop(key)
      return undefined
    }
    // Used last: goes last.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.bytes
  }

  put(key: string, token: string, bytes: Uint8Array): void {
    this.drop(key)
    const cost = costOf(key, bytes)
    // One that large would have everything else forgotten.
    if (cost > this.#bytesMax / 4) return
    this.#entries.set(key, { token, bytes, decoded: undefined, cost })
    this.#bytes += cost
    this.#trim()
  }

  /** Keeps what the bytes of an entry say, decoded. */
  putDecoded(key: string, token: string, cell: StoredCell): void {
    const entry = this.#entries.get(key)
    if (entry?.token !== token) return
    entry.decoded = cell
    this.#recount(entry, costOf(key, entry.bytes) + DECODED_FACTOR * entry.bytes.length)
    this.#trim()
  }

  /** Takes it out: whoever has it may change it. */
  takeDecoded(key: string, token: string): StoredCell | undefined {
    if (this.get(key, token) === undefined) return undefined
    const entry = this.#entries.get(key)
    const cell = entry?.decoded
    if (entry === undefined || cell === undefined) return undefined
    entry.decoded = undefined
    this.#recount(entry, costOf(key, entry.bytes))
    return cell
  }

  #recount(entry: Entry, cost: number): void {
    this.#bytes += cost - entry.cost
    entry.cost = cost
  }

  #trim(): void {
    for (const [oldest] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return
      this.drop(oldest)
    }
  }

  drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.cost
  }
}

function costOf(key: string, bytes: Uint8Array): number {
  return 2 * key.length + bytes.length + ENTRY_BYTES
}

/** What one bundle sees of the cache. */
export class BundleCache {
  readonly #cache: StateCache
  /** What is to be kept when the bundle has succeeded. */
  readonly #written = new Map<string, { readonly token: string; readonly bytes: Uint8Array }>()
  readonly #decoded = new Map<string, { readonly token: string; readonly cell: StoredCell }>()

  constructor(cache: StateCache) {
    this.#cache = cache
  }

  /** Reads cells: from the cache, and the rest together. @param token without one, nothing is kept. */
  read(
    keys: readonly Uint8Array[],
    token: string | undefined,
    fetch: (keys: readonly Uint8Array[]) => readonly Uint8Array[],
  ): readonly Uint8Array[] {
    if (token === undefined) return fetch(keys)
    const names = keys.map(nameOf)
    const found = names.map((name) => this.#cache.get(name, token))
    const missing = keys.filter((_, at) => found[at] === undefined)
    if (missing.length === 0) return found as readonly Uint8Array[]
    const fetched = fetch(missing)
    let next = 0
    return found.map((bytes, at) => {
      if (bytes !== undefined) return bytes
      const own = fetched[next++] ?? new Uint8Array(0)
      this.#cache.put(names[at] as string, token, own)
      return own
    })
  }

  /** A cell holds something else now. */
  changed(key: Uint8Array, token: string | undefined, content: Uint8Array | undefined): void {
    const name = nameOf(key)
    this.#cache.drop(name)
    if (token !== undefined) this.#written.set(name, { token, bytes: content ?? new Uint8Array(0) })
  }

  /** Takes a cell that is kept decoded. */
  takeDecoded(key: Uint8Array, token: string | undefined): StoredCell | undefined {
    return token === undefined ? undefined : this.#cache.takeDecoded(nameOf(key), token)
  }

  /** A cell may be kept decoded, as the bundle leaves it. */
  keepDecoded(key: Uint8Array, token: string | undefined, cell: StoredCell): void {
    if (token !== undefined) this.#decoded.set(nameOf(key), { token, cell })
  }

  /** The bundle has succeeded. */
  commit(): void {
    for (const [name, { token, bytes }] of this.#written) this.#cache.put(name, token, bytes)
    for (const [name, { token, cell }] of this.#decoded) this.#cache.putDecoded(name, token, cell)
    this.discard()
  }

  /** The bundle has failed: what it has changed the engine may have, or not. */
  discard(): void {
    this.#written.clear()
    this.#decoded.clear()
  }
}

function nameOf(key: Uint8Array): string {
  let name = ''
  for (const byte of key) name += String.fromCharCode(byte)
  return name
}
