/**
 * What a stage's executor says of itself to those who look at the run: what waits, what is kept, and what of its own holds
 * the output watermark.
 */
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { Awaited, Hold, PartitionStatus } from '../../run-status.js'
import { windowStatus } from '../status-texts.js'
import type { SideGate } from './side-gate.js'

/** A stage's first step at one moment. */
export interface StageStatus {
  readonly stateKeys: number
  readonly windows: number
  readonly timers: number
  readonly pushedBack: number
  readonly buffered: number
  readonly partitions: readonly PartitionStatus[]
  readonly partitionCount: number
  /** What of the stage's own may hold the watermark back; of several, the one at the smallest timestamp does. */
  readonly holds: readonly Hold[]
  readonly awaits: Awaited | undefined
}

/** A stage that keeps nothing and waits for nothing. */
export const NOTHING_KEPT: StageStatus = Object.freeze({
  stateKeys: 0,
  windows: 0,
  timers: 0,
  pushedBack: 0,
  buffered: 0,
  partitions: [],
  partitionCount: 0,
  holds: [],
  awaits: undefined,
})

/** Elements that wait for a side input, where any do. */
export function sideHold(gate: SideGate): readonly Hold[] {
  const first = gate.firstWaiting()
  if (first === undefined) return []
  const { side, window } = first
  return [
    {
      kind: 'sideInput',
      at: gate.hold,
      view: side.store.side.viewFn.name,
      step: side.step,
      viewWatermark: side.producer?.outputWatermark ?? TIMESTAMP_MAX,
      window: windowStatus(window),
      elements: gate.length,
    },
  ]
}
