/**
 * Which partition a slot lies in: ranges of slots, as even as whole numbers allow.
 *
 * Law: each slot lies in exactly one partition, and a larger slot in the same or a later one.
 */
import { SLOTS } from '../../core/kept-state.js'

/** The partition of a slot, from 0. */
export function partitionOf(slot: number, partitions: number): number {
  return Math.floor((slot * partitions) / SLOTS)
}
