/**
 * WindowInto puts every element into windows and says when those answer; nothing waits until the next grouping.
 */
import { refuse } from '../refuse.js'
import type { CollectionRef, StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { preview } from '../preview.js'
import type { WindowFn } from '../windowing/window-fn.js'
import { checkLateData } from './late-data.js'
import { rewindow, type WindowingOptions } from '../windowing/windowing-strategy.js'

/** `windowInto(name, windowFn, options)`, or `windowInto(name, options)`, which leaves elements in their windows. */
export function addWindowInto(
  input: CollectionRef,
  name: StepName,
  windows: WindowFn | WindowingOptions,
  options: WindowingOptions = {},
): CollectionRef {
  const { builder } = input
  const path = builder.pathOf(name)
  checkLateData(builder, options.lateData, path)
  const { coderId, isBounded } = builder.collection(input.id)
  const windowFn = isWindowFn(windows) ? builder.windowFns.referred(windows, path) : undefined
  const given = isWindowFn(windows) ? options : onlyOptions(windows, path)
  const strategy = rewindow(builder.strategyOf(input), windowFn, given, path)
  const inputs = new Map([[windowFn === undefined ? 'in0' : 'in', input.id]])
  return builder.leaf({
    name,
    // A union of one, as in Beam: the elements are those of the input, in the windows that they are in.
    spec: windowFn === undefined ? { urn: urns.FLATTEN } : { urn: urns.WINDOW_INTO, payload: { windowFn } },
    inputs,
    outputs: [{ tag: 'out', coderId, isBounded, strategy }],
  })[0] as CollectionRef
}

function isWindowFn(windows: WindowFn | WindowingOptions): windows is WindowFn {
  return typeof (windows as Partial<WindowFn> | null | undefined)?.assign === 'function'
}

function onlyOptions(options: WindowingOptions, path: string): WindowingOptions {
  if (typeof options === 'object' && options !== null && Object.keys(options).length > 0) return options
  refuse(
    'MR-2007',
    `windowInto "${path}" needs a WindowFn, for example fixedWindows('1 hour'), or options to change, such as { trigger }, but has ${preview(options)}.`,
    path,
  )
}
