/**
 * What `startBundle` and `finishBundle` of a DoFn get: no element, no key, so no state and no timers.
 */
import { coded } from '../../sdk/error-codes.js'
import { type Instant, toTimestamp } from '../../sdk/time.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import { preview } from '../../sdk/preview.js'
import { type BoundedWindow, GlobalWindow, IntervalWindow, sameWindow } from '../../sdk/windowing/window.js'
import type { WindowFn } from '../../sdk/windowing/window-fn.js'
import type { Emit } from './checked-emit.js'
import type { Push } from './element-buffer.js'
import type { ContextHost } from './step-context.js'

/** The context of a call outside of any element. */
export function bundleContext(host: ContextHost, emit: unknown, deliver?: (item: unknown) => void): object {
  const context = {
    resource: host.resource,
    metrics: host.metricCells,
    random: host.random,
    emit,
    ...(deliver === undefined ? {} : { deliver }),
    get log() {
      return host.logFor()
    },
    get now() {
      return host.now()
    },
  }
  for (const what of ['sides', 'state', 'timers']) {
    Object.defineProperty(context, what, {
      get: () => {
        throw coded(
          'MR-3013',
          new TypeError(
            `startBundle and finishBundle have no ${what}: no element is at hand whose ${what === 'sides' ? 'window' : 'key'} would say which are meant. Use them in process.`,
          ),
        )
      },
    })
  }
  return context
}

/** Whether a call of `finishBundle` goes on. */
export interface OpenCall {
  current: boolean
}

/** One emit for each output, for elements whose timestamp and window the author names. */
export function emitsInWindow(
  outputs: readonly Push[],
  windowFn: WindowFn,
  open: OpenCall,
  refuseLate: () => never,
): readonly Emit[] {
  return outputs.map((push) => (value: unknown, at?: Instant, window?: BoundedWindow): void => {
    if (!open.current) refuseLate()
    if (at === undefined || window === undefined) {
      throw coded(
        'MR-2022',
        new TypeError(
          'emit in finishBundle needs a timestamp and a window: emit(value, timestamp, window). There is no input element to take them from.',
        ),
      )
    }
    checkWindow(window, windowFn)
    push(value, toTimestamp(at), window, NO_FIRING)
  })
}

/** Refuses what is no window, or none that elements of the step can be in: a grouping would wait for its end for ever. */
function checkWindow(window: BoundedWindow, windowFn: WindowFn): void {
  const given: unknown = window
  const isWindow = given instanceof GlobalWindow || given instanceof IntervalWindow
  if (!isWindow || !mayHave(windowFn, given)) {
    throw coded(
      'MR-2022',
      new TypeError(
        `emit in finishBundle got ${isWindow ? given.toString() : preview(given)} for a window, and elements of this step are in ${windowFn.description}. Keep the window of an element from process, or make one with new IntervalWindow(start, end) or globalWindow.`,
      ),
    )
  }
}

function mayHave(windowFn: WindowFn, window: BoundedWindow): boolean {
  const { kind } = windowFn.payload
  if (kind === 'global' || window instanceof GlobalWindow) return kind === 'global' && window instanceof GlobalWindow
  // Sessions have any extent; what an author's own function would say is not known without an element.
  if (windowFn.merges || kind === 'custom') return true
  return [windowFn.assign(window.maxTimestamp)].flat().some((assigned) => sameWindow(assigned, window))
}
