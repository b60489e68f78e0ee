/**
 * Groups that nobody has made: when a window is over, Flink's runner gives an empty pane besides, its first, last and on time, though
 * the window of the key has answered before. A sum of it would be 0, and the last word.
 *
 * Law: a window of a key is there because an element was, so its first pane is never empty.
 */
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import type { KV } from '../../../sdk/kv.js'
import { ElementBuffer } from '../../core/element-buffer.js'
import { forEngine } from '../for-engine.js'

/** The collections of a pipeline that engines make by grouping, combines taken apart and whole. */
export function groupedCollections(built: BuiltPipeline): ReadonlySet<string> {
  const found = new Set<string>()
  for (const isInParts of [false, true])
    for (const { spec, outputs } of forEngine(built, isInParts).graph.components.transforms.values())
      if (spec?.urn === urns.GROUP_BY_KEY) for (const id of outputs.values()) found.add(id)
  return found
}

/** The groups without those. The same where there are none. */
export function withoutEmptyGroups(groups: ElementBuffer): ElementBuffer {
  const isReal = (at: number): boolean => {
    const pane = groups.panes[at]
    if (pane?.isFirst !== true || pane.timing !== 'onTime') return true
    const { value } = groups.values[at] as KV<unknown, Iterable<unknown>>
    return value[Symbol.iterator]().next().done !== true
  }
  if (groups.values.every((_, at) => isReal(at))) return groups
  const real = new ElementBuffer()
  let at = 0
  groups.forEach((value, timestamp, windows, pane) => {
    if (isReal(at++)) real.add(value, timestamp, windows, pane)
  })
  return real
}
