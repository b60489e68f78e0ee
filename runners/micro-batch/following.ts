/**
 * A hot standby: it does the batches of another driver from the same plans, in the same order, and holds what it would have committed
 * against what the other has committed. Nothing of it leaves the process before it has the lease.
 *
 * Law: what it takes over with is the state of the newest commit, and where the batch after it is planned, that batch done and not yet
 * committed; a difference is reported with the parts in which it lies, and never taken over.
 */
import type { Env } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import { unhosted } from './hosted-part.js'
import { type QueryStore, STANDBY_MILLIS, type Waiting } from './query-store.js'
import { StandbyLost } from './standby-lost.js'
import { ChangeWriter, NO_CHANGES } from './store/change-bytes.js'
import type { Change, PlanRecord, StoreView } from './store/checkpoint-store.js'
import { partitionOf } from './store/partition-of.js'
import { keyOf } from './warm-copy.js'

/** Work of sources says when it is due again, by the clock of whoever reads. Where it has come to is in the plan. */
const TIMED = / work$/

/** What is done of a batch, as the one who does it. */
export interface Follower {
  /** The newest batch that is committed, and whose state it has. */
  committed(): number
  isOver(): boolean
  hindered: Waiting['hindered']
  /** Does a batch from its plan. @returns what it has changed. */
  redo(plan: PlanRecord): Promise<readonly Change[]>
  /** The batch that was done is committed, by another. */
  settle(batch: number): Promise<void>
}

/** Follows until it has the lease, and all that was committed. @returns whether it has; not when it is over. */
export async function follow(
  store: Pick<QueryStore, 'view' | 'tryLead' | 'lead'>,
  env: Pick<Env, 'setTimer'>,
  follower: Follower,
): Promise<boolean> {
  const { view } = store
  let done: DoneBatch | undefined
  for (let isLeading = false; ;) {
    if (follower.isOver()) return false
    const batch = follower.committed() + 1
    const { plan, hashes } = await view.batch(batch)
    if (done === undefined && plan !== undefined) {
      done = { batch, changes: await redone(follower, plan) }
      continue
    }
    if (hashes !== undefined) {
      if (done === undefined)
        throw new StandbyLost(
          'behind',
          `batch ${batch} is committed, and its plan is gone: batches are shorter than a look at them`,
        )
      await compare(view, done, hashes)
      await follower.settle(batch)
      done = undefined
      continue
    }
    if ((await view.committedBatch()) >= batch) {
      if ((await view.batch(batch)).hashes === undefined)
        throw new StandbyLost('behind', `batch ${batch} is committed, and what is written of it is gone`)
      continue
    }
    if (isLeading) return true
    isLeading = await store.tryLead((error) => follower.hindered(error))
    if (isLeading) await store.lead()
    else await new Promise<void>((resolve) => void env.setTimer(STANDBY_MILLIS, resolve))
  }
}

/** Sets up what follows: what cannot be set up while another has the checkpoint, such as a sink that it holds locked, may be when it leads. */
export async function setUpToFollow<T>(setup: () => Promise<T>): Promise<T> {
  try {
    return await setup()
  } catch (error) {
    throw new StandbyLost(
      'failed',
      `it cannot be set up here while another has the checkpoint: ${messageOf(error)}`,
      error,
    )
  }
}

async function redone(follower: Follower, plan: PlanRecord): Promise<readonly Change[]> {
  try {
    return await follower.redo(plan)
  } catch (error) {
    if (error instanceof StandbyLost) throw error
    throw new StandbyLost('failed', `batch ${plan.batch} failed here: ${messageOf(error)}`, error)
  }
}

interface DoneBatch {
  readonly batch: number
  readonly changes: readonly Change[]
}

async function compare(view: StoreView, { batch, changes }: DoneBatch, hashes: readonly string[]): Promise<void> {
  const parts = new Set<string>()
  for (const [partition, hash] of hashes.entries()) {
    const own = changes.filter(({ slot }) => partitionOf(slot, hashes.length) === partition)
    const writer = new ChangeWriter().putAll(own)
    if ((writer.count === 0 ? NO_CHANGES : writer.hash) === hash) continue
    const theirs = await view.changesSince(partition, batch - 1)
    // Merged already with what was before: which of it was changed cannot be told. The next batch will show what is not the same.
    if (theirs?.version !== batch || theirs.isWhole) continue
    for (const part of differingParts(theirs.changes, own)) if (!TIMED.test(unhosted(part)[0])) parts.add(part)
  }
  if (parts.size === 0) return
  throw new StandbyLost(
    'differs',
    `batch ${batch} has changed something else here than where it was committed, in ${[...parts].map((part) => `"${part}"`).join(', ')}. A step there is not deterministic: it uses the clock, randomness or something outside that is not context.now, context.random`,
  )
}

/** Parts in which one has changed what the other has not, or otherwise. */
export function differingParts(theirs: readonly Change[], own: readonly Change[]): readonly string[] {
  const text = ({ content }: Change): string => (content === undefined ? 'gone' : content.join())
  const expected = new Map(theirs.map((change) => [keyOf(change), change]))
  const parts = new Set<string>()
  for (const change of own) {
    const other = expected.get(keyOf(change))
    expected.delete(keyOf(change))
    if (other === undefined || text(other) !== text(change)) parts.add(change.part)
  }
  for (const { part } of expected.values()) parts.add(part)
  return [...parts].sort()
}
