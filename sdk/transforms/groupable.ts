/**
 * What may be grouped: a grouping refuses a windowing under which it could never answer, or would lose elements, at the
 * author's line; and it warns of a sum of panes that repeat each other.
 *
 * Law: the rules are those of Beam Java (`GroupByKey.applicableTo`), for every step that has a grouping inside; the message
 * names the step the author wrote.
 */
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import * as urns from '../graph/urns.js'
import { refuse } from '../refuse.js'
import { isSafeTrigger, triggerText } from '../windowing/trigger-rules.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'

/** Refuses a grouping that could never answer, or whose trigger may finish and lose what comes later. */
export function checkGroupable(input: CollectionRef, path: string): void {
  const { builder } = input
  const strategy = builder.strategyOf(input)
  const { windowFn, trigger, allowedLatenessMillis } = strategy
  if (windowFn.payload.kind === 'global' && trigger.kind === 'default' && !builder.collection(input.id).isBounded) {
    refuse(
      'MR-2004',
      `step "${path}" groups an unbounded collection in the global window, which is complete only at the end of time, so it would never answer. Put windowInto(name, fixedWindows(…)) or another window before it, or give the global window a trigger: windowInto(name, { trigger: repeatedly(afterCount(100)) }).`,
      path,
    )
  }
  if (isSafeTrigger(trigger, allowedLatenessMillis)) return
  const loss = `the trigger ${triggerText(trigger)} may finish before a window expires, and elements that come later would be lost`
  if (!strategy.allowsUnsafeTrigger) refuse('MR-2005', `step "${path}": ${loss}. ${remedy(strategy)}`, path)
  builder.warn(`step "${path}": ${loss}, which allowUnsafeTrigger lets happen.`)
}

/** The same for a step that the SDK adds a grouping within, by the name that its author gave it. */
export function checkGroupableWithin(input: CollectionRef, combiner: unknown): void {
  const path = authorPath(input.builder.pathOf(reservedName('group')))
  checkGroupable(input, path)
  warnOfCountingTwice(input, path, combiner)
}

function remedy({ trigger }: WindowingStrategy): string {
  const all = 'or say allowUnsafeTrigger: true to let it happen.'
  if (trigger.kind === 'afterEndOfWindow') {
    const { earlyFirings: early } = trigger
    const parts = [...(early === undefined ? [] : [`early: ${triggerText(early)}`]), 'late: afterCount(1)']
    return `Give it late firings, afterWatermark({ ${parts.join(', ')} }), or no allowed lateness, ${all}`
  }
  return `Let it begin anew, repeatedly(${triggerText(trigger)}), ${all}`
}

/**
 * Warns where panes that contain each other are combined again: with accumulation each pane has what the ones before it
 * had, so a sum of them counts elements as often as their window has answered.
 *
 * @param combiner what is combined; where the result is one of the values, such as the largest, repeating them is harmless.
 */
export function warnOfCountingTwice(input: CollectionRef, path: string, combiner: unknown): void {
  const { builder } = input
  const isIdempotent = (combiner as { readonly selects?: boolean } | null)?.selects === true
  if (isIdempotent || takesChanges(combiner) || !repeatsItself(builder.strategyOf(input))) return
  const grouping = repeatingGrouping(input)
  if (grouping === undefined) return
  builder.warn(
    `step "${path}" combines the panes of "${grouping}", and with accumulation: 'accumulating' each of them has what those before it had, so elements are counted as often as their window answers. Say accumulation: 'discarding' before "${grouping}", or keep only the last pane of each window.`,
  )
}

/** Whether a combiner says that it takes values back that changes retract. */
export function takesChanges(combiner: unknown): boolean {
  return (combiner as { readonly takesChanges?: boolean } | null)?.takesChanges === true
}

/**
 * Refuses a step that would count a retraction as one more value.
 *
 * @param does what the step does with it.
 */
export function refuseChanges({ builder, id }: CollectionRef, path: string, does = 'groups'): void {
  if (!builder.coders.hasChange(builder.collection(id).coderId)) return
  refuse(
    'MR-1015',
    `step "${path}" ${does} changes, and would take a retraction for one more value. Combine them with combineChanges({ of, group }) or groupChanges(), which take back what is retracted.`,
    path,
  )
}

/** Refuses a step that keeps what belongs to a window, where windows merge. */
export function refuseMerging({ builder, id }: CollectionRef, path: string, what: string): void {
  if (builder.strategyOf({ builder, id }).mergeStatus !== 'needsMerge') return
  refuse(
    'MR-2016',
    `step "${path}": ${what} by window, and the input's windows merge (sessions); what belongs to one could not follow it into another. Put windowInto(name, …) with other windows before it.`,
    path,
  )
}

/** Whether a window may answer more than once, each time with everything so far. */
function repeatsItself({ accumulationMode, trigger, allowedLatenessMillis }: WindowingStrategy): boolean {
  if (accumulationMode !== 'accumulating' || trigger.kind === 'never') return false
  const isAtWatermark =
    trigger.kind === 'default' || (trigger.kind === 'afterEndOfWindow' && trigger.earlyFirings === undefined)
  return !(isAtWatermark && allowedLatenessMillis === 0)
}

/** The nearest step upstream of a collection that groups with repeating panes. */
function repeatingGrouping(input: CollectionRef): string | undefined {
  const { builder } = input
  const seen = new Set<string>()
  const search = (collectionId: string): string | undefined => {
    const producer = builder.producer(collectionId)
    if (producer === undefined || seen.has(producer.uniqueName)) return undefined
    seen.add(producer.uniqueName)
    const isGrouping = producer.spec?.urn === urns.GROUP_BY_KEY
    for (const id of producer.inputs.values()) {
      if (isGrouping && repeatsItself(builder.strategyOf({ builder, id }))) return authorPath(producer.uniqueName)
      // Changes do not repeat what was before: they say what of it no longer holds.
      if (builder.coders.hasChange(builder.collection(id).coderId)) continue
      const found = search(id)
      if (found !== undefined) return found
    }
    return undefined
  }
  return search(input.id)
}
