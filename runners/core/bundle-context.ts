/**
 * What `startBundle` and `finishBundle` of a DoFn get: no element, no key, so no state and no timers.
 */
import { type Instant, toTimestamp } from '../../sdk/time.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { Emit } from './checked-emit.js'
import type { Push } from './element-buffer.js'
import type { ContextHost } from './step-context.js'

/** The context of a call outside of any element. */
export function bundleContext(host: ContextHost, emit: unknown): object {
  const context = {
    resource: host.resource,
    metrics: host.metricCells,
    random: host.random,
    emit,
    get now() {
      return host.now()
    },
  }
  for (const what of ['sides', 'state', 'timers']) {
    Object.defineProperty(context, what, {
      get: () => {
        throw new TypeError(
          `startBundle and finishBundle have no ${what}: no element is at hand whose ${what === 'sides' ? 'window' : 'key'} would say which are meant. Use them in process.`,
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
export function emitsInWindow(outputs: readonly Push[], open: OpenCall, refuseLate: () => never): readonly Emit[] {
  return outputs.map((push) => (value: unknown, at?: Instant, window?: BoundedWindow): void => {
    if (!open.current) refuseLate()
    if (at === undefined || window === undefined) {
      throw new TypeError(
        'emit in finishBundle needs a timestamp and a window: emit(value, timestamp, window). There is no input element to take them from.',
      )
    }
    push(value, toTimestamp(at), window, NO_FIRING)
  })
}
