/**
 * Into how many partitions a run divides what is kept: as many as there were, as many as are asked for, and at least as many as there are
 * workers. A run without workers has one.
 *
 * Law: another number than before is a division anew, or is refused before anything is done.
 */
import { coded } from '../../sdk/error-codes.js'
import type { RunLog } from '../core/run-log.js'
import type { StagedPipeline } from '../core/stage.js'
import { holdsElements } from './batch-journal.js'
import type { BatchedParts } from './batched-parts.js'
import { dividedAnew } from './tasks/divide-anew.js'

/** What was kept, and who goes on from it. */
export interface KeptHosts {
  readonly batch: number
  /** How many there were. */
  readonly hosts: number
  readonly staged: StagedPipeline
  /** Whether another driver goes on meanwhile. */
  readonly isFollowed: boolean
}

/** The number now. What is kept is divided by it when this is over. @throws when it cannot be. */
export async function hostsNow(
  kept: KeptHosts,
  parts: Pick<BatchedParts, 'store' | 'tasks'>,
  log: RunLog,
): Promise<number> {
  const { hosts, batch, staged, isFollowed } = kept
  const { store, tasks } = parts
  const asked = tasks === undefined ? 1 : tasks.asked
  const wanted = asked ?? Math.max(hosts, tasks?.workers ?? 1)
  if (wanted === hosts) return hosts
  const inTheWay = isFollowed ? 'another driver goes on with them' : await plannedElements(store)
  if (inTheWay !== undefined && asked === undefined) {
    log.note(
      `warning: what is kept stays divided into ${hosts} partition${hosts === 1 ? '' : 's'} for now: ${inTheWay}`,
    )
    return hosts
  }
  if (inTheWay !== undefined)
    throw coded(
      'MR-6033',
      new Error(
        `what is kept here is divided into ${hosts} partition${hosts === 1 ? '' : 's'}, and cannot be divided into ${wanted} now: ${inTheWay}. Go on with ${hosts === 1 ? 'none or one worker and partitions: 1' : `workers and partitions: ${hosts}`} until it is stopped in order (SIGTERM, stop()), and begin with another number then.`,
      ),
    )
  await store.divide(batch, (entries) => dividedAnew(staged, entries, hosts, wanted))
  log.note(`what is kept is divided into ${wanted} partition${wanted === 1 ? '' : 's'} from now on, and was into ${hosts}`, { partitions: wanted, before: hosts }) // prettier-ignore
  return wanted
}

async function plannedElements(store: BatchedParts['store']): Promise<string | undefined> {
  const planned = await store.planned()
  if (planned === undefined || !holdsElements(planned.content)) return undefined
  return `batch ${planned.batch} is planned and not finished, and holds elements that cannot be read again`
}
