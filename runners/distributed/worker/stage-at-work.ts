/**
 * A stage of a fragment with what stands behind it.
 */
import { UserCodeError } from '../../../sdk/errors.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import type { BundleProcessor } from '../../core/bundle-processor.js'
import type { ElementBuffer } from '../../core/element-buffer.js'
import type { Stage } from '../../core/stage.js'
import type { RemoteSides } from './remote-sides.js'
import type { RemoteState } from './remote-state.js'
import type { RemoteTimer, RemoteTimers } from './remote-timers.js'
import type { SplittableStep } from './splittable-step.js'

/** A stage at work. */
export interface StageAtWork {
  readonly stage: Stage
  readonly inbox: ElementBuffer
  readonly kept:
    | {
        readonly transformId: string
        readonly families: readonly RemoteTimer[]
        readonly state: RemoteState
        readonly timers: RemoteTimers
      }
    | undefined
  readonly sides: RemoteSides | undefined
  processor: BundleProcessor
  splittable: SplittableStep | undefined
}

/** The windows of an element, in the form that stages have them. */
export function windowsOf(windows: readonly BoundedWindow[]): Windows {
  return windows.length === 1 ? (windows[0] as BoundedWindow) : windows
}

/** Tears stages down, one after the other. @throws {UserCodeError} the first failure, when all are done. */
export async function tearDown(stages: readonly StageAtWork[]): Promise<void> {
  let failure: unknown
  for (const { stage, processor } of stages)
    await processor.teardown().catch((cause: unknown) => {
      failure ??= new UserCodeError({ step: stage.name, call: 'teardown', cause })
    })
  if (failure !== undefined) throw failure
}
