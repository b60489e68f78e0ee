/**
 * A step of the SDK's own that needs more than the element: its timestamp, its window, its pane, randomness.
 */
import type { CollectionRef, StepName } from '../graph/builder.js'
import type { PaneInfo } from '../windowing/pane-info.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'
import { addStep } from './step.js'

/** What such a step sees; written out because the engine's types are not inferred here. */
export interface OwnContext {
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
  readonly random: () => number
  readonly emit: (value: unknown) => void
}

/** Adds the step. Its output is in the windows of the input, under another strategy if one is given. */
export function addOwnStep<In>(
  input: CollectionRef,
  name: StepName,
  step: {
    readonly coderId: string
    readonly strategy?: WindowingStrategy
    readonly process: (element: In, context: OwnContext) => void
  },
): CollectionRef {
  const { coderId, strategy, process } = step
  return addStep(input, {
    name,
    fn: { kind: 'doFn', tags: ['out'], allowedSkewMillis: 0, options: {}, doFn: { process } },
    outputs: () => [{ tag: 'out', coderId, ...(strategy === undefined ? {} : { strategy }) }],
  })[0] as CollectionRef
}
