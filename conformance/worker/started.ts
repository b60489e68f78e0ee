/**
 * Workers of a test, which end with it, and what most of them run.
 */
import type { Runnable } from 'millrace'
import { onTestFinished } from 'vitest'
import { WorkerAtPeer } from './worker-at-peer.js'

/** {@link WorkerAtPeer.start}, closed when the test is over. */
export async function started(...of: Parameters<typeof WorkerAtPeer.start>): Promise<WorkerAtPeer> {
  const at = await WorkerAtPeer.start(...of)
  onTestFinished(() => at.close())
  return at
}

/** Twice what comes, in a step `double`. */
export const doubling: Runnable = (p) =>
  p
    .create('numbers', [1])
    .map('double', (n) => 2 * n)
    .collect('all')
