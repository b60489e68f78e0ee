/**
 * WindowInto puts every element into windows and says when those answer; nothing waits until the next grouping.
 */
import { refuse } from '../refuse.js'
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
  const path = builder.pathOf(name)
  if (typeof windowFn !== 'object' || windowFn === null || typeof windowFn.assign !== 'function') {
    refuse(`windowInto "${path}" needs a WindowFn, for example fixedWindows('1 hour').`, path)
  }
  const { coderId, isBounded } = builder.collection(input.id)
  const referred = builder.windowFns.referred(windowFn, path)
  return builder.leaf({
    name,
    spec: { urn: urns.WINDOW_INTO, payload: { windowFn: referred } },
    inputs: new Map([['in', input.id]]),
    outputs: [
      { tag: 'out', coderId, isBounded, strategy: rewindow(builder.strategyOf(input), referred, options, path) },
    ],
  })[0] as CollectionRef
}
