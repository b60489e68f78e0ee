/**
 * What a source's work looks like to those who look at the run: its partitions, and which of them holds the watermark.
 */
import type { WatermarkPolicy } from '../../../sdk/source/watermark-policy.js'
import { type Hold, type PartitionStatus, PARTITIONS_MAX } from '../../run-status.js'
import { shortText } from '../status-texts.js'
import type { Work } from './source-work.js'

/** A partition that has given nothing for so long is said to be quiet. */
const QUIET_MILLIS = 1000

/** A source's work at one moment. */
export interface SourceWorkStatus {
  readonly work: readonly Work[]
  readonly policy: WatermarkPolicy
  /** Time of the clock that delays are measured by. */
  readonly at: number
  readonly isPaused: boolean
}

/** The partitions, those with the smallest watermark first. */
export function partitionsOf({ work, policy, at, isPaused }: SourceWorkStatus): readonly PartitionStatus[] {
  return [...work]
    .sort((a, b) => a.watermark - b.watermark || a.of.number - b.of.number)
    .slice(0, PARTITIONS_MAX)
    .map((each) => ({
      partition: each.of.number,
      element: shortText(each.of.element),
      restriction: shortText(each.restriction),
      watermark: each.watermark,
      quietMillis: Math.max(0, Math.round(at - each.activeAt)),
      isIdle: !isPaused && each.isIdle(policy, at),
      waitMillis: Math.max(0, Math.round(each.notBefore - at)),
    }))
}

/** What of it holds the watermark; nothing when there is no work. */
export function sourceHold(
  { work, policy, isPaused }: SourceWorkStatus,
  [first]: readonly PartitionStatus[],
  outputWatermark: number,
): readonly Hold[] {
  if (work.length === 0 || first === undefined) return []
  const because = isPaused
    ? 'paused'
    : policy.kind === 'none'
      ? 'unknown'
      : first.isIdle
        ? 'idle'
        : first.quietMillis >= QUIET_MILLIS
          ? 'quiet'
          : 'reading'
  return [{ kind: 'source', at: outputWatermark, because, partition: first, script: undefined }]
}
