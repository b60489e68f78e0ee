/**
 * Keeps the work of a source from batch to batch: an entry for each restriction that is still to be read, and one that counts.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import { type ChangeSink, type KeptEntry, type Keeper, SLOTS } from '../kept-state.js'
import type { SourceCodec } from './source-codec.js'
import type { Work } from './source-work.js'
import type { WorkList } from './work-list.js'

/** What of work was stored last. */
interface Stored {
  readonly restriction: unknown
  readonly isTruncated: boolean
  readonly notBefore: number
  readonly watermark: number
  readonly maxTimestamp: number
}

const COUNTS = new Uint8Array(0)

/** Keeps a list of work. */
export class WorkKeeper implements Keeper {
  readonly #list: WorkList
  readonly #codec: SourceCodec
  readonly #clock: () => number
  readonly #stored = new Map<number, Stored>()
  #counts = ''

  /** @param clock what delays are measured by. */
  constructor(list: WorkList, codec: SourceCodec, clock: () => number) {
    this.#list = list
    this.#codec = codec
    this.#clock = clock
  }

  track(): void {
    // Few things change, and all are looked at.
  }

  changes(sink: ChangeSink): void {
    const gone = new Set(this.#stored.keys())
    for (const work of this.#list.all) {
      gone.delete(work.id)
      const before = this.#stored.get(work.id)
      if (before !== undefined && isSame(before, work)) continue
      this.#stored.set(work.id, storedOf(work))
      sink.put(work.id % SLOTS, idOf(work.id), this.#codec.work(work, this.#clock()))
    }
    for (const id of gone) {
      this.#stored.delete(id)
      sink.remove(id % SLOTS, idOf(id))
    }
    const counts = this.#list.counts
    if (counts.join() === this.#counts) return
    this.#counts = counts.join()
    sink.put(0, COUNTS, encodeToBytes(dynamicCoder, counts))
  }

  restore(entries: Iterable<KeptEntry>): void {
    let counts: readonly [number, number] = [0, 0]
    const works: Work[] = []
    for (const { id, content } of entries) {
      if (id.length === 0) counts = decodeFromBytes(dynamicCoder, content) as [number, number]
      else works.push(this.#codec.workFrom(decodeFromBytes(dynamicCoder, id) as number, content, this.#clock()))
    }
    works.sort((a, b) => a.id - b.id)
    for (const work of works) this.#stored.set(work.id, storedOf(work))
    this.#counts = counts.join()
    this.#list.restore(works, counts)
  }
}

function idOf(id: number): Uint8Array {
  return encodeToBytes(dynamicCoder, id)
}

function storedOf({ restriction, isTruncated, notBefore, watermark, maxTimestamp }: Work): Stored {
  return { restriction, isTruncated, notBefore, watermark, maxTimestamp }
}

function isSame(stored: Stored, work: Work): boolean {
  return (
    stored.restriction === work.restriction &&
    stored.isTruncated === work.isTruncated &&
    stored.notBefore === work.notBefore &&
    stored.watermark === work.watermark &&
    stored.maxTimestamp === work.maxTimestamp
  )
}
