/**
 * What the watchdog asks when it has interrupted this thread: which step is at work, and on which element. The answer
 * is put together from the variables of the interrupted frames, so nothing is written down while elements flow.
 */
import { preview } from '../../sdk/preview.js'
import type { SourcePosition } from '../../sdk/source-position.js'
import type { StuckCallReport } from '../runner.js'

/** Where the answers are asked for; see `probe.ts`. */
export const PROBE = 'millrace.probe'

/** What a frame tells. */
export interface Sighting {
  /** Path of the step, or name of the stage. */
  readonly step: string | undefined
  /** Set when the frame knows the element. */
  readonly element: string | undefined
  /** The author's line that made the step. */
  readonly source: string | undefined
}

/** A step as frames know it; see `StepInfo` in `runners/core/stage.ts`. */
interface Named {
  readonly path?: unknown
  readonly source?: SourcePosition
}

/** Objects that are `this` in the runner's frames. */
interface Owner {
  readonly info?: Named
  readonly operator?: { readonly info?: Named }
  readonly stage?: { readonly root?: { readonly info?: Named } }
}

/** Makes the answers available to the watchdog. `oldestCall` is the asynchronous call that is pending longest. */
export function installProbe(oldestCall: () => StuckCallReport | undefined): void {
  const target = { sighting, pending: () => pending(oldestCall()) }
  Object.defineProperty(globalThis, Symbol.for(PROBE), { value: target, configurable: true })
}

/** What is known of a frame: its step, or what it belongs to, and the element as a list of one, so that `undefined` can be one. */
function sighting(step: unknown, owner: unknown, element: readonly unknown[]): string {
  const info = infoOf(step) ?? infoOfOwner(owner)
  const answer: Sighting = {
    step: info?.path as string | undefined,
    element: element.length === 0 ? undefined : preview(element[0]),
    source: info?.source?.text,
  }
  return JSON.stringify(answer)
}

function pending(call: StuckCallReport | undefined): string | undefined {
  if (call === undefined) return undefined
  const answer: Sighting = { step: call.step, element: call.element, source: undefined }
  return JSON.stringify(answer)
}

function infoOf(value: unknown): Named | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return typeof (value as Named).path === 'string' ? value : undefined
}

function infoOfOwner(value: unknown): Named | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const owner = value as Owner
  return infoOf(owner.info) ?? infoOf(owner.operator?.info) ?? infoOf(owner.stage?.root?.info)
}
