/**
 * What a store has of a stateful step: its records, the windows that will expire, the elements that wait to be sorted, and how
 * far time has come.
 *
 * Law: entries lie in the slot of their key; windows and times, which have none, in slot 0. What has come and gone between two
 * looks was never there.
 */
import { ByteReader, ByteWriter, type Coder, encodeToBytes } from '../../sdk/coders/index.js'
import { UserCodeError } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { cellCodersOf } from './cells/cell-place.js'
import { bytesOf, cellKeeping, numberOf } from './cells/kept-cells.js'
import { ElementCoding } from './element-coding.js'
import { keyOf } from './key-of.js'
import { KeptRecords, RECORD_ID } from './kept-records.js'
import { type ChangeSink, type KeptEntry, slotOf } from './kept-state.js'
import type { ElementPayload } from './keyed-state.js'
import type { ParDoOperator } from './stage.js'
import type { StateInternals, StateRecord } from './state-internals.js'
import { WindowMap } from './window-map.js'

/** First bytes of ids; those of records are {@link RECORD_ID}. */
export const ELEMENT_ID: number = 'e'.charCodeAt(0)
export const TIMES_ID: number = 't'.charCodeAt(0)
export const WINDOW_ID: number = 'w'.charCodeAt(0)

/** How far time has come for a step. */
export interface StepTimes {
  readonly inputWatermark: number
  readonly clockAfterEnd: number
}

interface KeptWindow {
  readonly window: BoundedWindow
  /** Its place among what waits for the same time. */
  readonly place: number
}

interface KeptElement {
  readonly payload: ElementPayload
  readonly place: number
}

/** All that was kept. Records are in the order in which they came. */
export interface RestoredState {
  readonly times: StepTimes | undefined
  readonly windows: readonly KeptWindow[]
  readonly elements: readonly KeptElement[]
  readonly records: readonly StateRecord[]
}

/** Stores the state of a step. */
export class KeyedStateKeeper {
  readonly #operator: ParDoOperator
  readonly #state: StateInternals
  readonly #key: Coder<unknown>
  readonly #element: ElementCoding
  readonly #records: KeptRecords
  #times: StepTimes | undefined
  /** Windows that have come and are not stored yet. */
  readonly #newWindows = new WindowMap<KeptWindow>()
  #goneWindows: BoundedWindow[] = []
  /** Elements that have come and are not stored yet. */
  readonly #newElements = new Map<ElementPayload, number>()
  /** Where elements are stored that still wait. */
  readonly #storedElements = new Map<ElementPayload, { readonly slot: number; readonly id: Uint8Array }>()
  #goneElements: { readonly slot: number; readonly id: Uint8Array }[] = []

  constructor(
    operator: ParDoOperator,
    key: Coder<unknown>,
    coder: (id: string) => Coder<unknown>,
    state: StateInternals,
    fired: Map<StateRecord, Set<string>>,
  ) {
    const { fn, info, payload, strategy, inputCoderId } = operator
    const specs = (fn.kind === 'doFn' ? fn.doFn.state : undefined) ?? {}
    const nodes = [...payload.stateSpecs.values()]
    const cells = Object.entries(specs).map(([name, spec], cell) => ({
      name,
      keeping: cellKeeping(info.path, spec, cellCodersOf(nodes[cell] as (typeof nodes)[number], coder)),
    }))
    this.#operator = operator
    this.#key = key
    this.#state = state
    this.#element = new ElementCoding(coder(inputCoderId), strategy.windowFn)
    this.#records = new KeptRecords(info, state, { key, window: this.#element.window }, cells, fired)
    state.track()
  }

  windowCame(window: BoundedWindow, place: number): void {
    this.#newWindows.set(window, { window, place })
  }

  windowWent(window: BoundedWindow): void {
    if (!this.#newWindows.delete(window)) this.#goneWindows.push(window)
  }

  elementCame(payload: ElementPayload, place: number): void {
    this.#newElements.set(payload, place)
  }

  elementWent(payload: ElementPayload): void {
    if (this.#newElements.delete(payload)) return
    const stored = this.#storedElements.get(payload)
    this.#storedElements.delete(payload)
    if (stored !== undefined) this.#goneElements.push(stored)
  }

  changes(sink: ChangeSink, times: StepTimes): void {
    for (const window of this.#goneWindows) {
      // A late one may have come again.
      if (this.#newWindows.get(window) === undefined) sink.remove(0, this.#windowId(window))
    }
    for (const { window, place } of this.#newWindows.values())
      sink.put(
        0,
        this.#windowId(window),
        bytesOf((out) => out.varint(place)),
      )
    this.#goneWindows = []
    this.#newWindows.clear()
    this.#records.changes(sink)
    for (const { slot, id } of this.#goneElements) sink.remove(slot, id)
    this.#goneElements = []
    for (const [payload, place] of this.#newElements) this.#putElement(sink, payload, place)
    this.#newElements.clear()
    this.#putTimes(sink, times)
  }

  #putElement(sink: ChangeSink, payload: ElementPayload, place: number): void {
    const { value, timestamp, window, pane } = payload
    const id = bytesOf((out) => {
      out.byte(ELEMENT_ID)
      out.varint(place)
    })
    try {
      const slot = slotOf(encodeToBytes(this.#key, keyOf(value), true))
      const content = bytesOf((out) => this.#element.write(out, value, timestamp, window, pane))
      this.#storedElements.set(payload, { slot, id })
      sink.put(slot, id, content)
    } catch (cause) {
      const { path, source } = this.#operator.info
      throw new UserCodeError({
        step: path,
        call: 'storing an element that waits to be sorted',
        element: preview(value),
        timestamp,
        source,
        cause,
      })
    }
  }

  #putTimes(sink: ChangeSink, times: StepTimes): void {
    const before = this.#times
    if (before?.inputWatermark === times.inputWatermark && before.clockAfterEnd === times.clockAfterEnd) return
    this.#times = times
    const content = bytesOf((out) => {
      out.double(times.inputWatermark)
      out.double(times.clockAfterEnd)
    })
    sink.put(0, Uint8Array.of(TIMES_ID), content)
  }

  #windowId(window: BoundedWindow): Uint8Array {
    const out = new ByteWriter()
    out.byte(WINDOW_ID)
    this.#element.window.encode(window, out, true)
    return out.take()
  }

  restore(entries: Iterable<KeptEntry>): RestoredState {
    const records: KeptEntry[] = []
    const windows: KeptWindow[] = []
    const elements: KeptElement[] = []
    for (const entry of entries) {
      const { slot, id, content } = entry
      const [name, input] = [new ByteReader(id), new ByteReader(content)]
      switch (name.byte()) {
        case RECORD_ID:
          records.push(entry)
          break
        case WINDOW_ID:
          windows.push({ window: this.#element.window.decode(name, true), place: numberOf(input) })
          break
        case ELEMENT_ID: {
          const place = numberOf(name)
          this.#element.read(input, (value, timestamp, window, pane) => {
            const payload = { kind: 'element', value, timestamp, window: window as BoundedWindow, pane } as const
            elements.push({ payload, place })
            this.#storedElements.set(payload, { slot, id })
          })
          break
        }
        case TIMES_ID:
          this.#times = { inputWatermark: input.double(), clockAfterEnd: input.double() }
          break
        default:
          throw name.error('what is stored of a stateful step has an unknown kind', 0)
      }
    }
    // One object for all records of a window.
    const known = new WindowMap<BoundedWindow>()
    for (const { window } of windows) {
      known.set(window, window)
      this.#state.restoreWindow(window)
    }
    const windowOf = (window: BoundedWindow): BoundedWindow => known.get(window) ?? window
    return { times: this.#times, windows, elements, records: this.#records.restore(records, windowOf) }
  }
}
