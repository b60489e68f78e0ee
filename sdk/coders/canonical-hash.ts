/**
 * The hash that says which slot a key lies in: FNV-1a over its canonical bytes, 32 bits, finished by an avalanche so that the low
 * bits depend on all others (the finalizer of MurmurHash3).
 *
 * Law: it never changes: what is stored lies where it says.
 */

/** Of `bytes` from `from` to before `to`, by default all: 32 bits, as a whole number from 0. */
export function canonicalHash(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
