/**
 * What can be told of a trigger without running it: what a second grouping has in its place, whether it may lose data, and
 * how an author would write it.
 */
import {
  afterAll,
  afterCount,
  afterFirst,
  type AfterSynchronizedProcessingTimeTrigger,
  afterWatermark,
  orFinally,
  repeatedly,
  type Trigger,
} from './trigger.js'

const synchronizedProcessingTime: AfterSynchronizedProcessingTimeTrigger = Object.freeze({
  kind: 'afterSynchronizedProcessingTime',
})

/**
 * The trigger that a grouping's output has, so that a second grouping does not wait longer than the first (Beam:
 * continuation trigger): counts become 1, delays become waiting for what is upstream.
 */
export function continuationTrigger(trigger: Trigger): Trigger {
  switch (trigger.kind) {
    case 'default':
    case 'never':
    case 'afterSynchronizedProcessingTime':
    case 'afterBatch':
      return trigger
    case 'elementCount':
      return afterCount(1)
    case 'afterProcessingTime':
      return synchronizedProcessingTime
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      return afterWatermark({
        ...(early === undefined ? {} : { early: continuationTrigger(early) }),
        ...(late === undefined ? {} : { late: continuationTrigger(late) }),
      })
    }
    case 'repeat':
      return repeatedly(continuationTrigger(trigger.subtrigger))
    case 'afterAny':
      return afterFirst(...trigger.subtriggers.map(continuationTrigger))
    case 'afterAll':
      return afterAll(...trigger.subtriggers.map(continuationTrigger))
    // Which part it is at, a second grouping cannot know.
    case 'afterEach':
      return repeatedly(afterFirst(...trigger.subtriggers.map(continuationTrigger)))
    case 'orFinally':
      return repeatedly(orFinally(continuationTrigger(trigger.main), continuationTrigger(trigger.finally)))
  }
}

/** Whether a trigger may come to a point after which it never fires again (Beam: `mayFinish`). */
export function mayFinish(trigger: Trigger): boolean {
  switch (trigger.kind) {
    case 'default':
    case 'repeat':
      return false
    case 'afterEndOfWindow':
      return trigger.lateFirings === undefined
    case 'afterEach':
      return trigger.subtriggers.every(mayFinish)
    case 'orFinally':
      return mayFinish(trigger.main) || mayFinish(trigger.finally)
    case 'never':
    case 'elementCount':
    case 'afterProcessingTime':
    case 'afterSynchronizedProcessingTime':
    case 'afterBatch':
    case 'afterAny':
    case 'afterAll':
      return true
  }
}

/**
 * Whether a trigger never finishes while its window still takes elements, so that none is lost (Beam Java's `triggerIsSafe`).
 * Never is finished when the window expires, and one at the watermark is finished at the window's end.
 */
export function isSafeTrigger(trigger: Trigger, allowedLatenessMillis: number): boolean {
  if (!mayFinish(trigger) || trigger.kind === 'never') return true
  return trigger.kind === 'afterEndOfWindow' && allowedLatenessMillis === 0
}

/** Whether a trigger may answer before the watermark has passed the window. */
export function firesEarly(trigger: Trigger): boolean {
  switch (trigger.kind) {
    case 'default':
    case 'never':
      return false
    case 'afterEndOfWindow':
      return trigger.earlyFirings !== undefined
    case 'afterAll':
      return trigger.subtriggers.every(firesEarly)
    case 'afterEach':
      return trigger.subtriggers[0] !== undefined && firesEarly(trigger.subtriggers[0])
    case 'repeat':
      return firesEarly(trigger.subtrigger)
    case 'afterAny':
      return trigger.subtriggers.some(firesEarly)
    case 'orFinally':
      return firesEarly(trigger.main) || firesEarly(trigger.finally)
    case 'elementCount':
    case 'afterProcessingTime':
    case 'afterSynchronizedProcessingTime':
    case 'afterBatch':
      return true
  }
}

/** A trigger as an author would write it: `afterWatermark({ late: afterCount(1) })`. */
export function triggerText(trigger: Trigger): string {
  switch (trigger.kind) {
    case 'default':
      return 'defaultTrigger'
    case 'never':
      return 'never()'
    case 'elementCount':
      return `afterCount(${trigger.elementCount})`
    case 'afterProcessingTime': {
      const delay = trigger.timestampTransforms.reduce((sum, t) => sum + (t.kind === 'delay' ? t.delayMillis : 0), 0)
      const align = trigger.timestampTransforms.find((t) => t.kind === 'alignTo')
      if (align === undefined) return `afterProcessingTime(${delay})`
      const { periodMillis, offsetMillis } = align
      const offset = offsetMillis === 0 ? '' : `, offset: ${offsetMillis}`
      return `afterProcessingTime(${delay}, { alignTo: { period: ${periodMillis}${offset} } })`
    }
    case 'afterSynchronizedProcessingTime':
      return 'afterSynchronizedProcessingTime()'
    case 'afterBatch':
      return 'afterBatch()'
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      const parts = [
        ...(early === undefined ? [] : [`early: ${triggerText(early)}`]),
        ...(late === undefined ? [] : [`late: ${triggerText(late)}`]),
      ]
      return parts.length === 0 ? 'afterWatermark()' : `afterWatermark({ ${parts.join(', ')} })`
    }
    case 'repeat':
      return `repeatedly(${triggerText(trigger.subtrigger)})`
    case 'afterAny':
      return `afterFirst(${trigger.subtriggers.map(triggerText).join(', ')})`
    case 'afterAll':
      return `afterAll(${trigger.subtriggers.map(triggerText).join(', ')})`
    case 'afterEach':
      return `afterEach(${trigger.subtriggers.map(triggerText).join(', ')})`
    case 'orFinally':
      return `orFinally(${triggerText(trigger.main)}, ${triggerText(trigger.finally)})`
  }
}
