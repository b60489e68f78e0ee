/**
 * CRC-32 (IEEE 802.3, as in gzip), where the platform has none that can be called.
 *
 * Law: equal to `zlib.crc32` for all bytes and start values.
 */

/** Continues `value`, 0 at the start, over the bytes. */
export type Crc32 = (bytes: Uint8Array, value?: number) => number

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
  return rest
})

/** See {@link Crc32}. */
export const crc32: Crc32 = (bytes, value = 0) => {
  let crc = ~value
  for (let i = 0; i < bytes.length; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
