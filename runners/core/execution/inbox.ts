/**
 * An inbox holds the elements that wait for a stage. What a bundle of the stage before emits becomes visible here only
 * when that bundle has succeeded.
 *
 * Where one bundle ends and the next begins is kept, because triggers are asked once per bundle; a grouping puts the
 * panes of each key into a bundle of their own, as Beam Java does. In strict mode bundles are cut and shuffled by the
 * run's seed instead: no pipeline may rely on either.
 */
import { decodeFromBytes, encodeToBytes, stringUtf8Coder } from '../../../sdk/coders/index.js'
import { invariant } from '../../../sdk/invariant.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { Windows } from '../../../sdk/windowing/window.js'
import { ElementBuffer, type Receiver } from '../element-buffer.js'
import type { ChangeSink, Keeper, KeptEntry } from '../kept-state.js'
import { KeptElements, type WaitingCoding } from './kept-elements.js'

/** Elements have ids of at least one byte. */
const ENDS_ID = new Uint8Array(0)

/** How strict mode treats bundles; `undefined` leaves them as they come. */
export interface BundleDisorder {
  /** Uniform in [0, 1), seeded. */
  readonly random: () => number
  readonly bundleSizeMax: number
}

/** Waiting elements, and the index after the last element of each bundle. */
export interface Waiting {
  readonly elements: ElementBuffer
  readonly ends: readonly number[]
}

/** Elements waiting for a stage. */
export class Inbox implements Receiver, Keeper {
  #elements = new ElementBuffer()
  #ends: number[] = []
  #visible = 0
  readonly #disorder: BundleDisorder | undefined
  readonly #coding: (() => WaitingCoding) | undefined
  /** Where what waits is stored too. */
  #kept: KeptElements | undefined
  /** Number of the first element that waits; those after it have the next ones. */
  #first = 0
  /** Elements with smaller numbers are stored. */
  #storedTo = 0
  #gone: number[] = []
  #storedEnds = ''

  /** @param coding - how elements are stored; only where they are. */
  constructor(disorder: BundleDisorder | undefined, coding?: () => WaitingCoding) {
    this.#disorder = disorder
    this.#coding = coding
  }

  track(): void {
    invariant(this.#coding !== undefined, 'elements that are stored have a coder')
    this.#kept = new KeptElements(this.#coding())
  }

  changes(sink: ChangeSink): void {
    const kept = this.#kept
    if (kept === undefined) return
    for (const number of this.#gone) kept.remove(sink, number)
    this.#gone = []
    const first = this.#first
    const from = Math.max(this.#storedTo, first)
    let number = from
    this.#elements.forEach(
      (value, timestamp, windows, pane) => kept.put(sink, number++, value, timestamp, windows, pane),
      from - first,
      this.#visible,
    )
    this.#storedTo = first + this.#visible
    this.#keepEnds(sink)
  }

  /** Where bundles end is kept as numbers, in an entry of its own. */
  #keepEnds(sink: ChangeSink): void {
    const ends = this.#ends.filter((end) => end <= this.#visible).map((end) => end + this.#first)
    const text = ends.join(' ')
    if (text === this.#storedEnds) return
    this.#storedEnds = text
    if (text === '') sink.remove(0, ENDS_ID)
    else sink.put(0, ENDS_ID, encodeToBytes(stringUtf8Coder, text))
  }

  restore(entries: Iterable<KeptEntry>): void {
    const elements: KeptEntry[] = []
    for (const entry of entries) {
      if (entry.id.length > 0) elements.push(entry)
      else this.#storedEnds = decodeFromBytes(stringUtf8Coder, entry.content)
    }
    this.#kept?.restore(elements, (number, value, timestamp, windows, pane) => {
      if (this.#visible++ === 0) this.#first = number
      this.#elements.add(value, timestamp, windows, pane)
    })
    this.#storedTo = this.#first + this.#visible
    if (this.#storedEnds !== '') this.#ends = this.#storedEnds.split(' ').map((end) => Number(end) - this.#first)
  }

  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    this.#elements.add(value, timestamp, windows, pane)
  }

  /** Ends a bundle for the reader, within one of the writer. */
  mark(): void {
    const { length } = this.#elements
    if (length > (this.#ends.at(-1) ?? 0)) this.#ends.push(length)
  }

  /** The bundle that filled the inbox has succeeded. */
  commit(): void {
    this.mark()
    this.#visible = this.#elements.length
  }

  /** The bundle that filled the inbox is attempted again. */
  discard(): void {
    if (this.#elements.length === this.#visible) return
    this.#elements = this.#elements.slice(0, this.#visible)
    this.#ends = this.#ends.filter((end) => end <= this.#visible)
  }

  /** Number of elements that are visible. */
  get length(): number {
    return this.#visible
  }

  /** Where what is visible holds the watermark; the end of time when nothing is. */
  get hold(): number {
    return this.#elements.hold(this.#visible)
  }

  /** Takes out what is visible; `undefined` when nothing is. */
  take(): Waiting | undefined {
    if (this.#visible === 0) return undefined
    const elements = this.#elements.take()
    const ends = this.#ends
    this.#ends = []
    this.#visible = 0
    for (let number = this.#first; number < this.#storedTo; number++) this.#gone.push(number)
    this.#first += elements.length
    return this.#disorder === undefined ? { elements, ends } : disordered(elements, this.#disorder)
  }
}

function disordered(elements: ElementBuffer, { random, bundleSizeMax }: BundleDisorder): Waiting {
  const order = Array.from({ length: elements.length }, (_, i) => i)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  const ends: number[] = []
  for (let end = 0; end < order.length; ends.push(end)) {
    end = Math.min(order.length, end + 1 + Math.floor(random() * bundleSizeMax))
  }
  return { elements: elements.reordered(order), ends }
}
