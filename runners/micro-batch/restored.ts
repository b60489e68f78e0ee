/**
 * What a run in batches takes back when it begins: the newest commit, into how many partitions that is divided, what stages and results
 * keep, and how far watermarks and clock are.
 *
 * Law: after it the run is what it was when that batch was committed.
 */
import type { RunLog } from '../core/run-log.js'
import type { StageExecutor } from '../core/execution/stage-executor.js'
import type { StagedPipeline } from '../core/stage.js'
import { type BatchedParts, watermarksText } from './batched-parts.js'
import { decodeCommitContent } from './commit-content.js'
import { hostsNow } from './hosts.js'
import type { KeptParts } from './kept-parts.js'
import { setUpToFollow } from './following.js'
import type { CommitRecord, StoredEntry } from './store/checkpoint-store.js'

/** Who takes it back. */
export interface Restoring {
  readonly parts: BatchedParts
  readonly staged: StagedPipeline
  readonly executors: readonly StageExecutor[]
  readonly kept: KeptParts
  readonly log: RunLog
  /** Whether another driver goes on meanwhile. */
  readonly isFollowed: boolean
}

/** What was taken back. */
export interface Restored {
  /** The newest commit; none where nothing was committed. */
  readonly committed: CommitRecord | undefined
  readonly hosts: number
  /** Of all stages, where something was committed. */
  readonly watermarks: string
  /** All that was kept, where another driver goes on and partitions need it: it may be gone from the store when they ask. */
  readonly held: readonly StoredEntry[] | undefined
}

/** Takes it back. @throws what {@link hostsNow} throws. */
export async function restored({ parts, staged, executors, kept, log, isFollowed }: Restoring): Promise<Restored> {
  const { store, tasks, world, real } = parts
  const committed = await (isFollowed ? store.copied() : store.committed())
  const dividing = (): Promise<number> => hostsNow({ committed, staged, isFollowed }, parts, log)
  const hosts = await (isFollowed ? setUpToFollow(dividing) : dividing())
  const isHeld = isFollowed && tasks !== undefined
  if (committed === undefined) return { committed, hosts, watermarks: '', held: isHeld ? [] : undefined }
  const { batch, instant, content } = committed
  const { watermarks: written, clock } = decodeCommitContent(content)
  const watermarks = store.watermarks(batch, written)
  // What waits is measured by the clock as it stood, so the clock comes first.
  world.restore(instant)
  parts.setScript(clock)
  const held = isHeld ? await all(store.entries(batch)) : undefined
  await kept.restore(held ?? store.entries(batch))
  real.crashpoint('query.restored')
  log.event('info', 'run goes on from its checkpoint', { batch })
  store.batch = batch + 1
  for (const executor of executors) {
    const watermark = watermarks.get(executor.stage.root.info.id)
    if (watermark !== undefined) executor.restoreWatermark(watermark)
  }
  return { committed, hosts, watermarks: watermarksText(watermarks), held }
}

async function all(entries: AsyncIterable<StoredEntry>): Promise<readonly StoredEntry[]> {
  const found: StoredEntry[] = []
  for await (const entry of entries) found.push(entry)
  return found
}
