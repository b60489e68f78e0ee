/**
 * What the driver has heard of one partition of a stage: how far it is, and what its next turn would have to do.
 */
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { SourceReading } from '../../runner.js'
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

/** The partition has said what it waits for. */
export function hearOf(share: Share, { isArmed, nextProcessingTime, hasMore, awaitsBatch }: StageWaits): void {
  share.isArmed = isArmed
  share.nextProcessingTime = nextProcessingTime
  share.isActive = hasMore
  share.awaitsBatch = awaitsBatch
}
