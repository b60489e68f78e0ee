/**
 * Into how many partitions a run divides what is kept: as many as there were, as many as are asked for, and at least as many as there are
 * workers. A run without workers has one.
 *
 * Law: another number than before is a division anew, or is refused before anything is done.
 */
import { coded } from '../../sdk/error-codes.js'
import type { RunLog } from '../core/run-log.js'
import type { StagedPipeline } from '../core/stage.js'
import type { BatchedParts } from './batched-parts.js'
import { decodeCommitContent } from './commit-content.js'
import { type PlanContent, planTraits } from './plan-content.js'
import { StandbyLost } from './standby-lost.js'
import type { CommitRecord } from './store/checkpoint-store.js'
import { dividedAnew } from './tasks/divide-anew.js'

/** Workers beyond the partitions that there are would wait for ever, and nobody would know why nothing is faster. */
export function noteIdleWorkers(tasks: BatchedParts['tasks'], log: RunLog): void {
  const partitions = tasks?.partitions ?? 0
  const workers = tasks?.driver.workers.living.length ?? 0
  if (workers <= partitions) return
  log.note(
    `warning: what is kept is divided into ${counted(partitions)}, and there are ${workers} workers: no more than ${partitions} of them have something to do. Ask for more partitions to use more.`,
    { partitions, workers },
  )
}

/** What was kept, and who goes on from it. */
export interface KeptHosts {
  /** The newest commit; none where nothing was committed. */
  readonly committed: CommitRecord | undefined
  readonly staged: StagedPipeline
  /** Whether another driver goes on meanwhile. */
  readonly isFollowed: boolean
}

/** The number now. What is kept is divided by it when this is over. @throws when it cannot be. */
export async function hostsNow(
  { committed, staged, isFollowed }: KeptHosts,
  { store, tasks }: Pick<BatchedParts, 'store' | 'tasks'>,
  log: RunLog,
): Promise<number> {
  const kept = committed === undefined ? undefined : (decodeCommitContent(committed.content).hosts ?? 1)
  const asked = tasks === undefined ? 1 : tasks.asked
  const wanted = asked ?? Math.max(kept ?? 1, tasks?.workers ?? 1)
  if (isFollowed) return hostsElsewhere(kept ?? (await plannedHosts(store)), wanted, tasks)
  const planned = await agreed(store, tasks === undefined ? 0 : wanted, asked !== undefined, log)
  const hosts = planned ?? wanted
  if (committed === undefined || kept === undefined || hosts === kept) return hosts
  await store.divide(committed.batch, (entries) => dividedAnew(staged, entries, kept, hosts))
  log.note(`what is kept is divided into ${counted(hosts)} from now on, and was into ${kept}`, { partitions: hosts, before: kept }) // prettier-ignore
  return hosts
}

/** As many as the driver has that goes on meanwhile: what is kept can only be divided by whoever goes on with it. */
function hostsElsewhere(theirs: number | undefined, wanted: number, tasks: BatchedParts['tasks']): number {
  const isOther = tasks === undefined || tasks.asked !== undefined
  if (isOther && theirs !== undefined && theirs !== wanted)
    throw cannotDivide(theirs, tasks === undefined ? 0 : wanted, 'another driver goes on with them')
  return theirs ?? wanted
}

/** Of the plan that waits; `undefined` where there is none, or workers have no part in it. */
async function plannedHosts(store: BatchedParts['store']): Promise<number | undefined> {
  const planned = await store.planned()
  const hosts = planned === undefined ? 0 : planTraits(planned.content).hosts
  return hosts === 0 ? undefined : hosts
}

/** A batch of another driver is done here only where its work is cut as it would be here. @throws {StandbyLost} else. */
export function checkCut(
  batch: number,
  { hosts, rounds }: Pick<PlanContent, 'hosts' | 'rounds'>,
  tasks: BatchedParts['tasks'],
): void {
  const own = tasks?.partitions ?? 0
  if (rounds.length === 0 || hosts === own) return
  const cut = (partitions: number): string => (partitions === 0 ? 'without workers' : `for ${counted(partitions)} on workers`) // prettier-ignore
  throw new StandbyLost(
    // Where both have workers, the newest commit says among how many partitions it goes on.
    hosts > 0 && own > 0 ? 'behind' : 'failed',
    `batch ${batch} is planned ${cut(hosts)}, and here it would be done ${cut(own)}`,
  )
}

/** What goes with the plan that waits: its turns are those of the partitions that have read. */
async function agreed(
  store: BatchedParts['store'],
  wanted: number,
  isAsked: boolean,
  log: RunLog,
): Promise<number | undefined> {
  const planned = await store.planned()
  if (planned === undefined) return undefined
  const { hosts, isEmpty, holdsElements } = planTraits(planned.content)
  if (isEmpty || hosts === wanted) return undefined
  if (!holdsElements) {
    await store.emptyPlan()
    return undefined
  }
  const why = `batch ${planned.batch} is planned and not finished, and holds elements that cannot be read again`
  if (isAsked || hosts === 0) throw cannotDivide(hosts, wanted, why)
  log.note(`warning: what is kept stays divided into ${counted(hosts)} for now: ${why}`)
  return hosts
}

/** @param kept - 0: without workers. */
function cannotDivide(kept: number, wanted: number, why: string): Error {
  const is = kept === 0 ? 'is kept without workers' : `is divided into ${counted(kept)} on workers`
  const becomes = wanted === 0 ? 'go on without workers' : `be divided into ${wanted} on workers`
  return coded(
    'MR-6033',
    new Error(
      `what is kept here ${is}, and cannot ${becomes} now: ${why}. Go on ${kept === 0 ? 'without workers' : `with workers and partitions: ${kept}`} until it is stopped in order (SIGTERM, stop()), and begin with another number then.`,
    ),
  )
}

function counted(partitions: number): string {
  return `${partitions} partition${partitions === 1 ? '' : 's'}`
}
