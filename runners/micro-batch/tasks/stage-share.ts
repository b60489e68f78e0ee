/**
 * What the driver has heard of one partition of a stage: how far it is, and what its next turn would have to do.
 */
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { SourceReading } from '../../runner.js'
import type { SeenElements } from '../batch-latency.js'
import type { StageRun } from './stage-run.js'
import type { StageWaits } from './task.js'

/** What a partition that has had no turn has seen of the stages before. */
export const NOTHING_SEEN = 'nothing'

/** A partition of the stage, as far as it was heard of. */
export interface Share {
  watermark: number
  isArmed: boolean
  nextProcessingTime: number
  /** Time of the monotonic clock at which its source has something. */
  readAt: number | undefined
  /** Whether its next turn has something to do although nothing comes. */
  isActive: boolean
  /** Whether something in it waits for the end of the batch. */
  awaitsBatch: boolean
  /** What it has seen of the stages before. */
  seen: string
  isDraining: boolean
  pausedMillis: number
  /** How many elements it may read now. */
  room: number
  reading: SourceReading | undefined
  /** Elements that wait in the partition itself. */
  hasWaiting: boolean
}

/** Of a partition that has had no task. */
export function newShare(watermark: number): Share {
  return {
    watermark,
    isArmed: false,
    nextProcessingTime: TIMESTAMP_MAX,
    readAt: undefined,
    isActive: false,
    awaitsBatch: false,
    seen: NOTHING_SEEN,
    isDraining: false,
    pausedMillis: 0,
    room: 0,
    reading: undefined,
    hasWaiting: false,
  }
}

/** What a source may read now is divided among those that have something to read; of a rest, each gets one in turn. */
export function divideRoom(shares: readonly Share[], due: readonly Share[], room: number, turn: () => number): void {
  for (const share of shares) share.room = room
  if (room === Infinity || due.length < 2) return
  const each = Math.floor(room / due.length)
  const rest = Math.floor(room) % due.length
  const first = turn()
  for (const [i, share] of due.entries()) share.room = each + ((i + first) % due.length < rest ? 1 : 0)
}

/** The partition has told what it has read. */
export function hearSeen(journal: StageRun['journal'], stage: number, seen: SeenElements): void {
  const { count, timestamps, arrivedAt, arrivals } = seen
  if (arrivals === undefined) return journal.seen(stage, count, timestamps, arrivedAt)
  const { length } = arrivals
  for (const [i, arrival] of arrivals.entries()) {
    const own = Math.floor((count * (i + 1)) / length) - Math.floor((count * i) / length)
    journal.seen(stage, own, timestamps.slice(i, i + 1), arrival)
  }
}

/** The partition has said what it waits for. */
export function hearOf(share: Share, { isArmed, nextProcessingTime, hasMore, awaitsBatch }: StageWaits): void {
  share.isArmed = isArmed
  share.nextProcessingTime = nextProcessingTime
  share.isActive = hasMore
  share.awaitsBatch = awaitsBatch
}
