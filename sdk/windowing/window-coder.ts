/**
 * The coder of a WindowFn's windows: what they are on the wire, and as parts of keys of stored state.
 */
import type { ByteReader, ByteWriter } from '../coders/bytes.js'
import { canonicalKey, type Coder, customWindowCoder, globalWindowCoder, intervalWindowCoder } from '../coders/index.js'
import { coderOfCodec } from '../graph/coders.js'
import type { GlobalWindow } from './window.js'
import { type BoundedWindow, DataWindow, globalWindow, IntervalWindow } from './window.js'
import type { WindowFn } from './window-fn.js'

const interval: Coder<IntervalWindow> = intervalWindowCoder((start, end) => new IntervalWindow(start, end))

/** Both ends, then the data. */
class DataWindowCoder implements Coder<DataWindow> {
  readonly urn = 'millrace:coder:data_window:v1'
  readonly components: readonly [Coder<IntervalWindow>, Coder<unknown>]
  readonly canonical: boolean

  constructor(data: Coder<unknown>) {
    this.components = [interval, data]
    this.canonical = data.canonical
  }

  encode(window: DataWindow, out: ByteWriter, nested: boolean): void {
    this.components[0].encode(window, out, true)
    this.components[1].encode(window.data, out, nested)
  }

  decode(input: ByteReader, nested: boolean): DataWindow {
    const { start, end } = this.components[0].decode(input, true)
    const data = this.components[1].decode(input, nested)
    return new DataWindow(start, end, data, canonicalKey(data, this.components[1]))
  }
}

/** The coder of the windows of a WindowFn. */
export function windowCoderOf({ payload, data }: WindowFn): Coder<BoundedWindow> {
  if (payload.kind === 'global') return theGlobalWindowCoder
  return windowCoderWith(data === undefined ? undefined : coderOfCodec(data))
}

/** The coder of windows with two ends, and data by another coder where they carry some. */
export function windowCoderWith(data: Coder<unknown> | undefined): Coder<BoundedWindow> {
  if (data === undefined) return interval
  const coder = customWindowCoder(new DataWindowCoder(data), ({ maxTimestamp }) => maxTimestamp)
  return coder
}

/** The coder of the one window that is all of time. */
export const theGlobalWindowCoder: Coder<BoundedWindow> = globalWindowCoder<GlobalWindow>(globalWindow)
