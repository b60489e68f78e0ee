/**
 * Which partition a key lies in.
 *
 * Law: it never changes for a number of partitions: equal keys, as canonical bytes are equal, lie in one partition, in every
 * process and every version.
 */

/** FNV-1a over the key's canonical bytes, finished as MurmurHash3 does, so that every bit counts. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions
}
