/**
 * Writes entries of what is kept: many into one buffer, which is handed out in pieces, so that a small entry costs no more than
 * its bytes and two views of them.
 *
 * Law: what was begun and ended is handed out in its order, once; what was dropped is not.
 */
import { ByteWriter } from '../../sdk/coders/index.js'
import { type ChangeSink, SLOTS } from './kept-state.js'
import { canonicalHash } from '../../sdk/coders/canonical-hash.js'

/** So many bytes are collected before they are handed out. */
const BUFFER_MAX = 1 << 16
/** Numbers that describe an entry: where it begins, where its key does and ends, where the content does, what is done. */
const FIELDS = 5
const PUT = 0
const REMOVE = 1
const NO_KEY = -1

/** Entries on their way to a sink. */
export class EntryWriter {
  /** Where the parts of an entry are written to. */
  readonly out: ByteWriter = new ByteWriter(BUFFER_MAX)
  readonly #sink: ChangeSink
  readonly #fields: number[] = []
  #start = 0
  #keyStart = 0
  #keyEnd = 0
  #idEnd = 0

  constructor(sink: ChangeSink) {
    this.#sink = sink
  }

  /** An entry begins: what is written next is its id. */
  begin(): void {
    this.#start = this.out.length
    this.#keyStart = NO_KEY
  }

  /** What is written between these two is the key, which decides the slot. */
  beginKey(): void {
    this.#keyStart = this.out.length
  }

  endKey(): void {
    this.#keyEnd = this.out.length
  }

  /** The id is complete: what is written next is the content. */
  beginContent(): void {
    this.#idEnd = this.out.length
  }

  /** The content of the entry so far, as a view. */
  content(): Uint8Array {
    return this.out.written(this.#idEnd)
  }

  /** The entry is complete. */
  put(): void {
    this.#add(PUT)
  }

  /** Of the entry, the id is complete: it is to be removed. */
  remove(): void {
    this.#idEnd = this.out.length
    this.#add(REMOVE)
  }

  /** The entry is not wanted after all. */
  drop(): void {
    this.out.truncate(this.#start)
  }

  #add(what: number): void {
    this.#fields.push(this.#start, this.#keyStart, this.#keyEnd, this.#idEnd, what)
    if (this.out.length >= BUFFER_MAX) this.flush()
  }

  /** Hands out what has been collected. */
  flush(): void {
    const fields = this.#fields
    const bytes = this.out.take()
    const { length } = fields
    for (let i = 0; i < length; i += FIELDS) {
      const start = fields[i] as number
      const keyStart = fields[i + 1] as number
      const keyEnd = fields[i + 2] as number
      const idEnd = fields[i + 3] as number
      const slot = keyStart === NO_KEY ? 0 : canonicalHash(bytes, keyStart, keyEnd) % SLOTS
      const id = bytes.subarray(start, idEnd)
      if (fields[i + 4] === REMOVE) this.#sink.remove(slot, id)
      else {
        const end = i + FIELDS < length ? (fields[i + FIELDS] as number) : bytes.length
        this.#sink.put(slot, id, bytes.subarray(idEnd, end))
      }
    }
    fields.length = 0
  }
}
