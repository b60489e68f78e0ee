/**
 * Coders of windows. Law: byte for byte Beam's, with the ends of time translated (see {@link ./wire-time.ts}).
 *
 * The coders see only the shape of a window and make windows by a function they are given, so that they depend on no
 * WindowFn.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { readTimestamp, readWireMillis, writeTimestamp } from './timestamp.js'
import { fromWireMillis, isSameOnWire, toWireMillis } from './wire-time.js'

/** The shape of the global window. */
export interface GlobalWindowLike {
  readonly kind: 'global'
}

/** The shape of a window `[start, end)`. */
export interface IntervalWindowLike {
  readonly start: number
  readonly end: number
}

class GlobalWindowCoder<W extends GlobalWindowLike> implements Coder<W> {
  readonly urn = 'beam:coder:global_window:v1'
  readonly components = []
  readonly canonical = true
  private readonly window: W

  constructor(window: W) {
    this.window = window
  }

  encode(value: W): void {
    if (value.kind !== 'global') throw new DecodeError('MR-4002', `expected the global window, got ${preview(value)}`)
  }

  decode(): W {
    return this.window
  }
}

class IntervalWindowCoder<W extends IntervalWindowLike> implements Coder<W> {
  readonly urn = 'beam:coder:interval_window:v1'
  readonly components = []
  readonly canonical = true
  private readonly make: (start: number, end: number) => W

  constructor(make: (start: number, end: number) => W) {
    this.make = make
  }

  encode(value: W, out: ByteWriter): void {
    const { start, end } = value
    if (!(start <= end)) throw new DecodeError('MR-4002', `window [${start}, ${end}) ends before it starts`)
    const span = end - start
    if (isSameOnWire(start) && isSameOnWire(end) && Number.isSafeInteger(span)) {
      writeTimestamp(end, out)
      out.varint(span)
    } else {
      const wireSpan = toWireMillis(end) - toWireMillis(start)
      writeTimestamp(end, out)
      out.varint64(wireSpan)
    }
  }

  decode(input: ByteReader): W {
    const from = input.position
    const end = readTimestamp(input)
    const span = input.varint()
    if (span < 0) throw input.error(`window of ${span} ms`, from)
    if (typeof span === 'number' && isSameOnWire(end) && isSameOnWire(end - span)) return this.make(end - span, end)
    // Where an end of time stands for Beam's, the start is to be reckoned in Beam's milliseconds.
    const after = input.position
    input.position = from
    const wireStart = readWireMillis(input) - BigInt(span)
    input.position = after
    return this.make(fromWireMillis(wireStart), end)
  }
}

class CustomWindowCoder<W> implements Coder<W> {
  readonly urn = 'beam:coder:custom_window:v1'
  readonly components: readonly [Coder<W>]
  readonly canonical: boolean
  private readonly maxTimestamp: (window: W) => number

  constructor(window: Coder<W>, maxTimestamp: (window: W) => number) {
    this.components = [window]
    this.canonical = window.canonical
    this.maxTimestamp = maxTimestamp
  }

  encode(value: W, out: ByteWriter): void {
    writeTimestamp(this.maxTimestamp(value), out)
    this.components[0].encode(value, out, true)
  }

  decode(input: ByteReader): W {
    readTimestamp(input)
    return this.components[0].decode(input, true)
  }
}

/** The global window: no bytes at all. Decoding gives `window`, of which there is one. */
export function globalWindowCoder<W extends GlobalWindowLike>(window: W): Coder<W> {
  return new GlobalWindowCoder(window)
}

/**
 * Windows `[start, end)`: the end as a timestamp, then the length. Decoding calls `make`.
 *
 * @example
 * ```ts
 * import { IntervalWindow } from '../windowing/window.js'
 * import { intervalWindowCoder } from './window-coders.js'
 * const coder = intervalWindowCoder((start, end) => new IntervalWindow(start, end))
 * ```
 */
export function intervalWindowCoder<W extends IntervalWindowLike>(make: (start: number, end: number) => W): Coder<W> {
  return new IntervalWindowCoder(make)
}

/** A window that the runner cannot read behind its last timestamp, which is all the runner needs. */
export function customWindowCoder<W>(window: Coder<W>, maxTimestamp: (window: W) => number): Coder<W> {
  return new CustomWindowCoder(window, maxTimestamp)
}
