/**
 * What the partitions of a stage say of themselves, as one stage would.
 */
import type { SourceReading } from '../../runner.js'
import { NOTHING_KEPT, type StageStatus } from '../../core/execution/stage-status.js'
import { PARTITIONS_MAX } from '../../run-status.js'

/** Sums of what is counted; of what holds the watermark, all of it. */
export function mergedStatus(statuses: readonly StageStatus[]): StageStatus {
  return statuses.reduce(
    (all, each) => ({
      stateKeys: all.stateKeys + each.stateKeys,
      windows: Math.max(all.windows, each.windows),
      timers: all.timers + each.timers,
      pushedBack: all.pushedBack + each.pushedBack,
      buffered: all.buffered + each.buffered,
      partitions: [...all.partitions, ...each.partitions].sort((a, b) => a.watermark - b.watermark).slice(0, PARTITIONS_MAX), // prettier-ignore
      partitionCount: all.partitionCount + each.partitionCount,
      holds: [...all.holds, ...each.holds],
      awaits: all.awaits ?? each.awaits,
    }),
    NOTHING_KEPT,
  )
}

/** What is left to be read is the sum, as far as it is known; skews are the largest. */
export function mergedReading(step: string, readings: readonly (SourceReading | undefined)[]): SourceReading {
  const known = readings.filter((reading) => reading !== undefined)
  const isKnown = known.length > 0 && known.every(({ backlog }) => backlog !== undefined)
  const largest = (values: readonly (number | undefined)[]): number | undefined => {
    const numbers = values.filter((value) => value !== undefined)
    return numbers.length === 0 ? undefined : Math.max(...numbers)
  }
  return {
    step,
    backlog: isKnown ? known.reduce((sum, { backlog }) => sum + (backlog ?? 0), 0) : undefined,
    skewMillis: largest(known.map(({ skewMillis }) => skewMillis)),
    skewMillisMax: largest(known.map(({ skewMillisMax }) => skewMillisMax)),
  }
}
