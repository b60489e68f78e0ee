/**
 * Room for the next block behind bytes that are not done with.
 */

/**
 * Moves the bytes `[start, end)` to the beginning. What is returned has room for at least one byte behind them: the same array,
 * or one twice as long where they filled it.
 */
export function makeRoom(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start > 0) bytes.copyWithin(0, start, end)
  if (end - start < bytes.length) return bytes
  const larger = new Uint8Array(bytes.length * 2)
  larger.set(bytes)
  return larger
}
