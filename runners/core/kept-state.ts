/**
 * What a stage keeps, in a form that a store can hold: small entries that change now and then.
 *
 * A keeper (state and timers of a step, a grouping, a side input, a source) says between two batches which entries have changed
 * since it was last asked, and takes all of them back when a run goes on after an end or a crash.
 *
 * Law: what was restored behaves in every way like what was kept: the same panes, timers, holds and counts come of it.
 */
import { canonicalHash } from '../../sdk/coders/canonical-hash.js'

/**
 * Entries lie in slots, by key: a partition of the state is a range of slots, so a run may go on with more or fewer partitions.
 * What has no key of its own lies in slot 0.
 */
export const SLOTS = 256

/** The slot of a key, by its canonical bytes. */
export function slotOf(keyBytes: Uint8Array): number {
  return canonicalHash(keyBytes) % SLOTS
}

/** Something kept, as a store has it. */
export interface KeptEntry {
  readonly slot: number
  /** What it is called, unlike anything else its keeper keeps. */
  readonly id: Uint8Array
  readonly content: Uint8Array
}

/** Takes what has changed. Bytes that are handed in are not changed afterwards by who hands them in. */
export interface ChangeSink {
  put(slot: number, id: Uint8Array, content: Uint8Array): void
  remove(slot: number, id: Uint8Array): void
}

/** Something that is kept from batch to batch. */
export interface Keeper {
  /**
   * From now on notes what changes; called once, before anything is kept. A keeper that is never asked to does no work for it.
   */
  track(): void
  /** Hands out what has changed since the last time, each entry once. Called between bundles only. */
  changes(sink: ChangeSink): void
  /** Takes back all that was kept. Called once, after {@link track} and before anything else. */
  restore(entries: Iterable<KeptEntry>): void
}
