/**
 * What a store has of a side input: the windows that have answered, their values, and how far the viewed collection is complete.
 *
 * Law: side inputs have no keys: all of it lies in slot 0.
 */
import { ByteReader, ByteWriter, type Coder } from '../../sdk/coders/index.js'
import { UserCodeError } from '../../sdk/errors.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { bytesOf, numberOf } from './cells/kept-cells.js'
import { KeptList } from './kept-list.js'
import type { ChangeSink, KeptEntry } from './kept-state.js'
import { WindowMap } from './window-map.js'

/** First bytes of ids. */
const PART_ID = 'p'.charCodeAt(0)
const WATERMARK_ID = 'm'.charCodeAt(0)
export const SIDE_WINDOW_ID: number = 'w'.charCodeAt(0)

const NOTHING = new Uint8Array(0)

/** A window with what has come for it. */
export interface SideValues {
  readonly window: BoundedWindow
  readonly list: KeptList
}

/** All that was kept. */
export interface RestoredSides {
  readonly watermark: number | undefined
  readonly contents: Iterable<SideValues>
}

/** Stores a side input. */
export class KeptSides {
  readonly #step: string
  readonly #value: Coder<unknown>
  readonly #window: Coder<BoundedWindow>
  readonly #changed = new Set<SideValues>()
  readonly #stored = new Set<SideValues>()
  readonly #gone: SideValues[] = []
  #watermark: number | undefined

  /** @param step - what the view is called, for messages. */
  constructor(step: string, value: Coder<unknown>, window: Coder<BoundedWindow>) {
    this.#step = step
    this.#value = value
    this.#window = window
  }

  /** A window has answered, or answered again. */
  changed(content: SideValues): void {
    this.#changed.add(content)
  }

  /** A window is forgotten. */
  went(content: SideValues): void {
    this.#changed.delete(content)
    if (this.#stored.delete(content)) this.#gone.push(content)
  }

  changes(sink: ChangeSink, watermark: number): void {
    const gone = new Map<string, Uint8Array>()
    for (const { window, list } of this.#gone.splice(0)) {
      for (const id of [
        this.#idOf(SIDE_WINDOW_ID, window),
        ...[...list.stored].map((part) => this.#partId(window, part)),
      ])
        gone.set(id.join(' '), id)
    }
    const put = (id: Uint8Array, content: Uint8Array): void => {
      if (gone.size > 0) gone.delete(id.join(' '))
      sink.put(0, id, content)
    }
    for (const content of this.#changed) {
      const { window, list } = content
      if (!this.#stored.has(content)) put(this.#idOf(SIDE_WINDOW_ID, window), NOTHING)
      this.#stored.add(content)
      this.#guarded(() =>
        list.changes(this.#value, {
          put: (part, bytes) => put(this.#partId(window, part), bytes),
          remove: (part) => sink.remove(0, this.#partId(window, part)),
        }),
      )
    }
    this.#changed.clear()
    for (const id of gone.values()) sink.remove(0, id)
    if (watermark === this.#watermark) return
    this.#watermark = watermark
    sink.put(
      0,
      Uint8Array.of(WATERMARK_ID),
      bytesOf((out) => out.double(watermark)),
    )
  }

  #guarded(save: () => void): void {
    try {
      save()
    } catch (cause) {
      throw new UserCodeError({ step: this.#step, call: 'storing what it views', source: undefined, cause })
    }
  }

  #idOf(kind: number, window: BoundedWindow): Uint8Array {
    const out = new ByteWriter()
    out.byte(kind)
    this.#window.encode(window, out, true)
    return out.take()
  }

  #partId(window: BoundedWindow, part: number): Uint8Array {
    const id = this.#idOf(PART_ID, window)
    return bytesOf((out) => {
      out.bytes(id)
      out.varint(part)
    })
  }

  restore(entries: Iterable<KeptEntry>): RestoredSides {
    const parts = new WindowMap<{ window: BoundedWindow; parts: (readonly [number, Uint8Array])[] }>()
    const of = (window: BoundedWindow): (readonly [number, Uint8Array])[] => {
      let there = parts.get(window)
      if (there === undefined) parts.set(window, (there = { window, parts: [] }))
      return there.parts
    }
    for (const { id, content } of entries) {
      const name = new ByteReader(id)
      switch (name.byte()) {
        case WATERMARK_ID:
          this.#watermark = new ByteReader(content).double()
          break
        case SIDE_WINDOW_ID:
          of(this.#window.decode(name, true))
          break
        case PART_ID:
          of(this.#window.decode(name, true)).push([numberOf(name), content])
          break
        default:
          throw name.error('what is stored of a side input has an unknown kind', 0)
      }
    }
    const contents = [...parts.values()].map(({ window, parts }) => ({
      window,
      list: KeptList.restored(this.#value, parts),
    }))
    return { watermark: this.#watermark, contents }
  }

  /** What is there again is stored already. */
  restored(content: SideValues): void {
    this.#stored.add(content)
  }
}
