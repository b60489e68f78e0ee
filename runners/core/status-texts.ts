/**
 * How what a run keeps is named for those who look at it: short texts, which cost nothing until somebody looks.
 */
import { preview } from '../../sdk/preview.js'
import { formatMillis } from '../../sdk/time.js'
import type { TimestampTransform, Trigger } from '../../sdk/windowing/trigger.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { WindowStatus } from '../run-status.js'

/** Characters of a key or a value. */
const TEXT_MAX = 60

/** A key, a value or an element. */
export function shortText(value: unknown): string {
  return preview(value, TEXT_MAX)
}

/** A window as data. */
export function windowStatus(window: BoundedWindow): WindowStatus {
  return { start: window.start, end: window.end, text: window.toString() }
}

/** What a trigger waits for: `the end of the window, early every 10 elements`. */
export function triggerText(trigger: Trigger): string {
  switch (trigger.kind) {
    case 'default':
      return 'the end of the window'
    case 'never':
      return 'the expiry of the window'
    case 'elementCount':
      return trigger.elementCount === 1 ? 'an element' : `${trigger.elementCount} elements in a pane`
    case 'afterProcessingTime':
      return `processing time: ${trigger.timestampTransforms.map(transformText).join(', ') || 'at once'}`
    case 'afterSynchronizedProcessingTime':
      return 'the processing time of everything upstream'
    case 'afterBatch':
      return 'the end of the batch'
    case 'afterEndOfWindow': {
      const early = trigger.earlyFirings === undefined ? '' : `, early after ${triggerText(trigger.earlyFirings)}`
      const late = trigger.lateFirings === undefined ? '' : `, late after ${triggerText(trigger.lateFirings)}`
      return `the end of the window${early}${late}`
    }
    case 'repeat':
      return triggerText(trigger.subtrigger)
    case 'afterAny':
      return `the first of (${trigger.subtriggers.map(triggerText).join('; ')})`
    case 'afterAll':
      return `all of (${trigger.subtriggers.map(triggerText).join('; ')})`
    case 'afterEach':
      return `one after another (${trigger.subtriggers.map(triggerText).join('; ')})`
    case 'orFinally':
      return `${triggerText(trigger.main)}, until ${triggerText(trigger.finally)}`
  }
}

function transformText(transform: TimestampTransform): string {
  return transform.kind === 'delay'
    ? `${formatMillis(transform.delayMillis)} after the first element of a pane`
    : `at the next multiple of ${formatMillis(transform.periodMillis)}`
}
