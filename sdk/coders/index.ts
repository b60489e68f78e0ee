/** The public names of the coders; the only list of them. */
export { ByteReader, ByteWriter } from './bytes.js'
export { canonicalKey, identityKey, normalizeKey } from './canonical-key.js'
export { changeCoder, type ChangeLike } from './change-coder.js'
export { resultRowCoder, type ResultRowLike } from './result-row-coder.js'
export { codecCoder, type CodecLike, type Decoded } from './codec-coder.js'
export type { Coder } from './coder.js'
export {
  iterableCoder,
  kvCoder,
  lengthPrefixCoder,
  nullableCoder,
  type ShardedKey,
  shardedKeyCoder,
} from './containers.js'
export { dynamicCoder } from './dynamic.js'
export { type PaneInfoLike, paneInfoCoder } from './pane-coder.js'
export { boolCoder, bytesCoder, doubleCoder, stringUtf8Coder, varintCoder } from './primitives.js'
export { type Tagged, taggedCoder } from './tagged.js'
export { timestampCoder } from './timestamp.js'
export { decodeFromBytes, encodeToBytes } from './whole.js'
export {
  customWindowCoder,
  globalWindowCoder,
  type GlobalWindowLike,
  intervalWindowCoder,
  type IntervalWindowLike,
} from './window-coders.js'
export {
  decodeElementContext,
  type ElementContext,
  encodeElementContext,
  paramWindowedValueCoder,
  type TimerElement,
  timerCoder,
  type WindowedValue,
  windowedValueCoder,
} from './windowed-value.js'
export {
  fromWireMillis,
  toWireMillis,
  WIRE_END_OF_GLOBAL_WINDOW,
  WIRE_TIMESTAMP_MAX,
  WIRE_TIMESTAMP_MIN,
} from './wire-time.js'
