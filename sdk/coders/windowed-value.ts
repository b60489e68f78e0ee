/**
 * Elements with their time, windows and pane, as runners and workers exchange them, and timers.
 *
 * Law: byte for byte Beam's. The value of a windowed value has the context of the whole; everything before it is nested.
 */
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { iterableCoder } from './containers.js'
import { type PaneInfoLike, paneInfoCoder } from './pane-coder.js'
import { bytesCoder } from './primitives.js'
import { within } from './refusal.js'
import { readTimestamp, writeTimestamp } from './timestamp.js'
import { decodeFromBytes, encodeToBytes } from './whole.js'

/** What belongs to an element besides its value. */
export interface ElementContext<W> {
  readonly timestamp: number
  readonly windows: readonly W[]
  readonly pane: PaneInfoLike
}

/** An element with all that belongs to it. */
export interface WindowedValue<T, W> extends ElementContext<W> {
  readonly value: T
}

class WindowedValueCoder<T, W> implements Coder<WindowedValue<T, W>> {
  readonly urn = 'beam:coder:windowed_value:v1'
  readonly components: readonly [Coder<T>, Coder<W>]
  readonly canonical: boolean
  private readonly windows: Coder<readonly W[]>

  constructor(value: Coder<T>, window: Coder<W>) {
    this.components = [value, window]
    this.canonical = value.canonical && window.canonical
    this.windows = iterableCoder(window)
  }

  encode(value: WindowedValue<T, W>, out: ByteWriter, nested: boolean): void {
    writeTimestamp(value.timestamp, out)
    this.windows.encode(value.windows, out, true)
    paneInfoCoder.encode(value.pane, out, true)
    try {
      this.components[0].encode(value.value, out, nested)
    } catch (error) {
      throw within('.value', error)
    }
  }

  decode(input: ByteReader, nested: boolean): WindowedValue<T, W> {
    const timestamp = readTimestamp(input)
    const windows = this.windows.decode(input, true)
    const pane = paneInfoCoder.decode(input, true)
    return { value: this.components[0].decode(input, nested), timestamp, windows, pane }
  }
}

class ParamWindowedValueCoder<T, W> implements Coder<WindowedValue<T, W>> {
  readonly urn = 'beam:coder:param_windowed_value:v1'
  readonly components: readonly [Coder<T>, Coder<W>]
  readonly canonical: boolean
  private readonly context: ElementContext<W>

  constructor(value: Coder<T>, window: Coder<W>, context: ElementContext<W>) {
    this.components = [value, window]
    this.canonical = value.canonical
    this.context = context
  }

  encode(value: WindowedValue<T, W>, out: ByteWriter, nested: boolean): void {
    try {
      this.components[0].encode(value.value, out, nested)
    } catch (error) {
      throw within('.value', error)
    }
  }

  decode(input: ByteReader, nested: boolean): WindowedValue<T, W> {
    const { timestamp, windows, pane } = this.context
    return { value: this.components[0].decode(input, nested), timestamp, windows, pane }
  }
}

/** A timer on the wire: set (with its times) or cleared. `dynamicTimerTag` is empty for a timer that is no family. */
export type TimerElement<K, W> = {
  readonly userKey: K
  readonly dynamicTimerTag: string
  readonly windows: readonly W[]
} & (
  | { readonly clearBit: true }
  | {
      readonly clearBit: false
      readonly fireTimestamp: number
      readonly holdTimestamp: number
      readonly pane: PaneInfoLike
    }
)

class TimerCoder<K, W> implements Coder<TimerElement<K, W>> {
  readonly urn = 'beam:coder:timer:v1'
  readonly components: readonly [Coder<K>, Coder<W>]
  readonly canonical: boolean
  private readonly windows: Coder<readonly W[]>

  constructor(key: Coder<K>, window: Coder<W>) {
    this.components = [key, window]
    this.canonical = key.canonical && window.canonical
    this.windows = iterableCoder(window)
  }

  encode(value: TimerElement<K, W>, out: ByteWriter): void {
    try {
      this.components[0].encode(value.userKey, out, true)
    } catch (error) {
      throw within('.userKey', error)
    }
    out.string(value.dynamicTimerTag)
    this.windows.encode(value.windows, out, true)
    out.byte(value.clearBit ? 1 : 0)
    if (value.clearBit) return
    writeTimestamp(value.fireTimestamp, out)
    writeTimestamp(value.holdTimestamp, out)
    paneInfoCoder.encode(value.pane, out, true)
  }

  decode(input: ByteReader): TimerElement<K, W> {
    const userKey = this.components[0].decode(input, true)
    const dynamicTimerTag = input.string()
    const windows = this.windows.decode(input, true)
    const clear = input.byte()
    if (clear > 1)
      throw input.error(`0x${clear.toString(16)} tells neither a set nor a cleared timer`, input.position - 1)
    if (clear === 1) return { userKey, dynamicTimerTag, windows, clearBit: true }
    const fireTimestamp = readTimestamp(input)
    const holdTimestamp = readTimestamp(input)
    const pane = paneInfoCoder.decode(input, true)
    return { userKey, dynamicTimerTag, windows, clearBit: false, fireTimestamp, holdTimestamp, pane }
  }
}

/** Elements in full. */
export function windowedValueCoder<T, W>(value: Coder<T>, window: Coder<W>): Coder<WindowedValue<T, W>> {
  return new WindowedValueCoder(value, window)
}

/**
 * Elements that all have the same time, windows and pane: only values travel. Encoding drops what the element itself says
 * about them, so it is for a runner that has made sure of it.
 */
export function paramWindowedValueCoder<T, W>(
  value: Coder<T>,
  window: Coder<W>,
  context: ElementContext<W>,
): Coder<WindowedValue<T, W>> {
  return new ParamWindowedValueCoder(value, window, context)
}

/** The payload of a {@link paramWindowedValueCoder}: its constant context, as a windowed value of no bytes. */
export function encodeElementContext<W>(context: ElementContext<W>, window: Coder<W>): Uint8Array {
  return encodeToBytes(windowedValueCoder(bytesCoder, window), { ...context, value: new Uint8Array(0) }, true)
}

/** Reads the payload of a {@link paramWindowedValueCoder}. */
export function decodeElementContext<W>(payload: Uint8Array, window: Coder<W>): ElementContext<W> {
  const coder = windowedValueCoder(bytesCoder, window)
  const { timestamp, windows, pane } = decodeFromBytes(coder, payload, true)
  return { timestamp, windows, pane }
}

/** Timers: the key, then tag, windows, and whether it is set and to what. */
export function timerCoder<K, W>(key: Coder<K>, window: Coder<W>): Coder<TimerElement<K, W>> {
  return new TimerCoder(key, window)
}
