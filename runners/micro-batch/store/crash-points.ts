/**
 * The durable edges of a CheckpointStore, by the names that `env.crashpoint` is called with: a run that ends at one of them, by a
 * crash of the process or of the machine, goes on from the newest commit.
 *
 * Law: every store passes every one of these where it does the work, and no other; tests see to it that each was hit.
 */

/** All of them. */
export const STORE_CRASH_POINTS = [
  'store.acquire.before',
  'store.acquire.lease',
  'store.acquire.fenced',
  'store.create.before',
  'store.create.files',
  'store.create.query',
  'store.create.after',
  'store.plan.before',
  'store.plan.after',
  'store.write.before',
  'store.write.changes',
  'store.write.after',
  'store.commit.before',
  'store.commit.changes',
  'store.commit.durable',
  'store.commit.after',
  'store.delivered.before',
  'store.delivered.after',
  'store.compact.before',
  'store.compact.snapshot',
  'store.compact.after',
  'store.update.before',
  'store.update.files',
  'store.update.query',
  'store.update.after',
  'store.savepoint.files',
  'store.savepoint.after',
] as const

/** One of them. */
export type StoreCrashPoint = (typeof STORE_CRASH_POINTS)[number]
