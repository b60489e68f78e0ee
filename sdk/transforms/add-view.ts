/**
 * Adds a view to the graph: a step without output of its own, which others read as a side input.
 *
 * A trigger decides when a grouping answers, and a view answers like one. So what no grouping has gathered yet is gathered
 * here, where its trigger may fire before the watermark: what a pane has becomes readable together.
 */
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { refuseUnknownOptions } from '../known-options.js'
import { refuse } from '../refuse.js'
import { firesEarly } from '../windowing/trigger-rules.js'
import { addConstantKey } from './element-wise.js'
import { addGroupByKey } from './group-by-key.js'
import { checkGroupable, refuseChanges } from './groupable.js'
import { checkViewable } from './viewable.js'
import type { PCollectionView, SingletonOptions, ViewKind, ViewOptions } from './views.js'

/** Adds the view. */
export function addView(
  input: CollectionRef,
  name: StepName,
  kind: ViewKind,
  options: ViewOptions | SingletonOptions<unknown> = {},
): PCollectionView<never> {
  const { builder } = input
  const path = builder.pathOf(name)
  const names = kind === 'singleton' ? { default: true, windowMapping: true } : { windowMapping: true }
  refuseUnknownOptions(`the ${kind} view "${path}"`, options, names, path)
  const { windowMapping } = options
  if (windowMapping !== undefined && typeof windowMapping !== 'function')
    refuse(
      'MR-1004',
      `windowMapping of view "${path}" must be a function from the window of a main element to one of the view.`,
      path,
    )
  if (kind === 'map' || kind === 'multimap') builder.keyedCoders(input)
  // What the SDK views for a step of its own it does not count.
  if (typeof name === 'string') refuseChanges(input, path, 'shows')
  checkViewable(input, path, windowMapping !== undefined)
  const gathers = firesEarly(builder.strategyOf(input).trigger) && !isGrouped(input)
  if (gathers) checkGroupable(input, path)
  const collectionId = gathers
    ? builder.scoped(
        name,
        [input],
        () => addGroupByKey(addConstantKey(input), reservedName('group')),
        (grouped) => [grouped],
      ).id
    : input.id
  if (!gathers) builder.leaf({ name, spec: undefined, inputs: new Map([['in', input.id]]), outputs: [] })
  const viewFn = {
    kind,
    name: path,
    hasDefault: 'default' in options,
    defaultValue: 'default' in options ? options.default : undefined,
    ...(windowMapping === undefined ? {} : { windowMapping }),
    ...(gathers ? { gathers } : {}),
  }
  return { name: path, collectionId, builder, viewFn }
}

/** Whether elements come as panes of a grouping, so that the trigger has had its say. */
function isGrouped(input: CollectionRef): boolean {
  const { builder } = input
  const triggerOf = (id: string): string => JSON.stringify(builder.strategyOf({ builder, id }).trigger)
  const seen = new Set<string>()
  const search = (collectionId: string): boolean => {
    const producer = builder.producer(collectionId)
    if (producer === undefined || seen.has(collectionId)) return false
    seen.add(collectionId)
    const inputs = [...producer.inputs]
    switch (producer.spec?.urn) {
      case urns.GROUP_BY_KEY:
        return true
      case urns.WINDOW_INTO:
        return false
      case urns.PAR_DO:
        return inputs.some(([tag, id]) => tag === 'in' && search(id))
      default:
        // `windowInto(name, { trigger })` is a union of one.
        return inputs.some(([, id]) => triggerOf(id) === triggerOf(collectionId) && search(id))
    }
  }
  return search(input.id)
}
