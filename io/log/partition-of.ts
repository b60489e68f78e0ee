/**
 * Which partition a key lies in.
 *
 * Law: it never changes for a number of partitions: equal keys, as canonical bytes are equal, lie in one partition, in every
 * process and every version.
 */
import { canonicalHash } from '../../sdk/coders/canonical-hash.js'

/** By the hash of the key's canonical bytes. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return canonicalHash(key) % partitions
}
