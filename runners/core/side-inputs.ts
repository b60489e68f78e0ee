/**
 * Side inputs at work: what has arrived of a viewed collection, by window, and which windows may be read.
 *
 * Law: a window is read only when it is complete (the view's watermark has passed it) or, under a trigger that fires
 * earlier, when it has answered; what is read does not change while it is read. Of a single value, alone or of a key, the
 * newest pane counts; many values are those of the newest pane where panes accumulate, else those of all panes.
 */
import { coded } from '../../sdk/error-codes.js'
import { canonicalKey, type Coder } from '../../sdk/coders/index.js'
import { UserCodeError } from '../../sdk/errors.js'
import { invariant } from '../../sdk/invariant.js'
import { formatTimestamp } from '../../sdk/time.js'
import { preview } from '../../sdk/preview.js'
import type { KV } from '../../sdk/kv.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import { firesEarly } from '../../sdk/windowing/trigger-rules.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import { windowCoderOf } from '../../sdk/windowing/window-coder.js'
import { keyOf } from './key-of.js'
import { ElementBuffer } from './element-buffer.js'
import { KeptList } from './kept-list.js'
import { KeptSides, type SideValues } from './kept-sides.js'
import type { ChangeSink, Keeper, KeptEntry } from './kept-state.js'
import { KeyMap, representative } from './key-map.js'
import type { SideInput } from './stage.js'
import { WindowMap } from './window-map.js'

interface Content extends SideValues {
  /** Whether something has come, be it a pane without values. */
  hasAnswered: boolean
  /** What the view presents; made at the first read. */
  view: unknown
  isMade: boolean
}

/** A side input of one step. */
export class SideInputStore implements Keeper {
  readonly side: SideInput
  /** Elements that have arrived since the last {@link absorb}. */
  readonly arrived: ElementBuffer = new ElementBuffer()
  readonly #keyCoder: Coder<unknown>
  readonly #contents = new WindowMap<Content>()
  /** Whether a window may be read before it is complete. */
  readonly #firesEarly: boolean
  /** How far the viewed collection is complete. */
  watermark: number
  readonly #makeKeeper: () => KeptSides
  /** Where what has arrived is stored too. */
  #keeper: KeptSides | undefined

  /** @param valueCoder - of what is viewed; only where it is stored. */
  constructor(side: SideInput, keyCoder: Coder<unknown>, watermark: number, valueCoder?: Coder<unknown>) {
    this.side = side
    this.#makeKeeper = () => {
      invariant(valueCoder !== undefined, 'a side input that is stored has a coder')
      return new KeptSides(side.viewFn.name, valueCoder, windowCoderOf(side.strategy.windowFn))
    }
    this.#keyCoder = keyCoder
    this.#firesEarly = firesEarly(side.strategy.trigger)
    this.watermark = watermark
  }

  track(): void {
    this.#keeper = this.#makeKeeper()
  }

  changes(sink: ChangeSink): void {
    this.#keeper?.changes(sink, this.watermark)
  }

  restore(entries: Iterable<KeptEntry>): void {
    const kept = this.#keeper?.restore(entries)
    if (kept === undefined) return
    this.watermark = kept.watermark ?? this.watermark
    for (const { window, list } of kept.contents) {
      const content = { window, list, hasAnswered: true, view: undefined, isMade: false }
      this.#contents.set(window, content)
      this.#keeper?.restored(content)
    }
  }

  /** Takes in what has arrived. */
  absorb(): boolean {
    if (this.arrived.length === 0) return false
    this.arrived.take().forEach((value, _timestamp, windows, pane) => {
      for (const window of listOf(windows)) {
        const content = this.#content(window)
        content.hasAnswered = true
        content.isMade = false
        this.#keeper?.changed(content)
        if (this.side.viewFn.gathers === true)
          this.#takePane(content, [...(value as KV<unknown, Iterable<unknown>>).value], pane)
        else this.#takeValue(content, value, pane)
      }
    })
    return true
  }

  /** Takes all values of a pane. */
  #takePane(content: Content, values: unknown[], pane: PaneInfo): void {
    const { kind } = this.side.viewFn
    const { list } = content
    if (this.side.strategy.accumulationMode === 'accumulating') list.clear()
    // A pane without values says that a window has come to its end, not that its value has gone.
    else if (kind === 'singleton' && values.length > 0) list.clear()
    else if (kind === 'map' && pane.index > 0) for (const value of values) this.#withdraw(list, value)
    for (const value of values) list.push(value)
  }

  /** Takes one of the values that a grouping before has made, whose pane may be one of many. */
  #takeValue({ list }: Content, value: unknown, pane: PaneInfo): void {
    if (pane.index > 0) this.#withdraw(list, value)
    list.push(value)
  }

  /** Takes out what a later pane of a single value replaces. Lists keep what they were given: it may be many values. */
  #withdraw(list: KeptList, value: unknown): void {
    const { kind } = this.side.viewFn
    if (kind === 'singleton') list.clear()
    if (kind !== 'map') return
    const id = canonicalKey(keyOf(value), this.#keyCoder)
    const at = list.items.findIndex((old) => canonicalKey(keyOf(old), this.#keyCoder) === id)
    if (at >= 0) list.removeAt(at)
  }

  /** Whether the window that a main element reads may be read. */
  isReady(mainWindow: BoundedWindow): boolean {
    const window = this.windowFor(mainWindow)
    return (
      window.maxTimestamp < this.watermark || (this.#firesEarly && this.#contents.get(window)?.hasAnswered === true)
    )
  }

  /** What the view shows to an element in `mainWindow`. */
  read(mainWindow: BoundedWindow): unknown {
    const content = this.#content(this.windowFor(mainWindow))
    if (!content.isMade) {
      content.view = this.#make(content)
      content.isMade = true
    }
    return content.view
  }

  /** Forgets windows that no main element can read any more. */
  forgetBefore(timestamp: number): void {
    for (const content of [...this.#contents.values()]) {
      if (content.window.maxTimestamp >= timestamp) continue
      this.#contents.delete(content.window)
      this.#keeper?.went(content)
    }
  }

  /** The window that is read by an element in `mainWindow`. */
  windowFor(mainWindow: BoundedWindow): BoundedWindow {
    const { viewFn, strategy } = this.side
    const { windowMapping, name } = viewFn
    if (windowMapping === undefined) return strategy.windowFn.sideInputWindow(mainWindow)
    try {
      const window = windowMapping(mainWindow)
      if (Number.isSafeInteger(window?.maxTimestamp)) return window
      throw coded('MR-2012', new TypeError(`it must give a window, but gave ${preview(window)}`))
    } catch (cause) {
      throw new UserCodeError({
        step: name,
        call: 'windowMapping',
        element: preview(mainWindow),
        source: undefined,
        cause,
      })
    }
  }

  #content(window: BoundedWindow): Content {
    let content = this.#contents.get(window)
    if (content === undefined) {
      content = {
        window,
        list: new KeptList(this.#keeper !== undefined),
        hasAnswered: false,
        view: undefined,
        isMade: false,
      }
      this.#contents.set(window, content)
    }
    return content
  }

  #make({ list, window }: Content): unknown {
    const { viewFn } = this.side
    const values = list.items
    switch (viewFn.kind) {
      case 'singleton':
        return this.#single(values, window)
      case 'iterable':
      case 'list':
        return Object.freeze(values.slice())
      case 'map':
        return this.#map(values, window, false)
      case 'multimap':
        return this.#map(values, window, true)
    }
  }

  #single(values: readonly unknown[], window: BoundedWindow): unknown {
    const { viewFn } = this.side
    if (values.length === 1) return values[0]
    if (values.length === 0 && viewFn.hasDefault) return viewFn.defaultValue
    const where = `in ${window.toString()} (up to ${formatTimestamp(window.maxTimestamp)})`
    throw coded(
      'MR-3016',
      new Error(
        values.length === 0
          ? `singleton view "${viewFn.name}" is empty ${where}. Give it a default: asSingleton(name, { default: … }).`
          : `singleton view "${viewFn.name}" has ${values.length} elements ${where}, such as ${preview(values[0])} and ${preview(values[1])}. Combine them to one, or view them as a list.`,
      ),
    )
  }

  #map(values: readonly unknown[], window: BoundedWindow, isMulti: boolean): unknown {
    const { viewFn } = this.side
    const byKey = new KeyMap<{ readonly key: unknown; readonly values: unknown[] }>(this.#keyCoder)
    for (const element of values) {
      const key = keyOf(element)
      const { value } = element as KV<unknown, unknown>
      const entry = byKey.get(key)
      if (entry === undefined) byKey.set(key, { key: representative(key, this.#keyCoder), values: [value] })
      else if (isMulti) entry.values.push(value)
      else
        throw coded(
          'MR-3017',
          new Error(
            `map view "${viewFn.name}" has key ${preview(key)} twice in ${window.toString()}. Combine the values per key, or view them with asMultimap.`,
          ),
        )
    }
    const view = new KeyedView<unknown, unknown>(this.#keyCoder)
    for (const { key, values: all } of byKey.values()) view.add(key, isMulti ? Object.freeze(all) : all[0])
    return view
  }
}

/** A read-only map whose keys are equal when their canonical bytes are. */
class KeyedView<K, V> implements ReadonlyMap<K, V> {
  readonly #entries: KeyMap<readonly [K, V]>

  constructor(keyCoder: Coder<unknown>) {
    this.#entries = new KeyMap(keyCoder)
  }

  /** Only while the view is made. */
  add(key: K, value: V): void {
    this.#entries.set(key, [key, value])
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.[1]
  }

  has(key: K): boolean {
    return this.#entries.get(key) !== undefined
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.#entries.values()) callback(value, key, this)
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.#entries.values()) yield key
    return undefined
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.#entries.values()) yield value
    return undefined
  }

  *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.#entries.values()) yield [key, value]
    return undefined
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries()
  }
}

/** The windows of an element as a list. */
export function listOf(windows: Windows): readonly BoundedWindow[] {
  return Array.isArray(windows) ? (windows as readonly BoundedWindow[]) : [windows as BoundedWindow]
}
