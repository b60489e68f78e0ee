/**
 * WindowInto puts every element into windows and says when those answer; nothing waits until the next grouping.
 */
import { PipelineError } from '../errors.js'
import type { CollectionRef, StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import type { WindowFn } from '../windowing/window-fn.js'
import { rewindow, type WindowingOptions } from '../windowing/windowing-strategy.js'

export function addWindowInto(
  input: CollectionRef,
  name: StepName,
  windowFn: WindowFn,
  options: WindowingOptions = {},
): CollectionRef {
  const { builder } = input
  if (typeof windowFn !== 'object' || windowFn === null || typeof windowFn.assign !== 'function') {
    throw new PipelineError(
      `windowInto "${builder.pathOf(name)}" needs a WindowFn, for example fixedWindows('1 hour').`,
      builder.pathOf(name),
    )
  }
  const { coderId, isBounded } = builder.collection(input.id)
  return builder.leaf({
    name,
    spec: { urn: urns.WINDOW_INTO, payload: { windowFn } },
    inputs: new Map([['in', input.id]]),
    outputs: [{ tag: 'out', coderId, isBounded, strategy: rewindow(builder.strategyOf(input), windowFn, options) }],
  })[0] as CollectionRef
}
