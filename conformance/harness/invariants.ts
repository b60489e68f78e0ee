/**
 * What holds of panes however bundles are cut. Count triggers mean "at least": `afterCount(2)` on three elements gives a
 * pane of three when they share a bundle, and a pane of two when they do not. Both are right; what follows is not a
 * matter of bundles.
 *
 * Law, per key: nothing is lost and nothing is repeated (discarding), or nothing is new and nothing forgotten
 * (accumulating). Law, per key and window that does not merge: the indices are 0, 1, 2 …; timings come as early*, onTime?,
 * late*; only the pane with index 0 is first, and none comes after the last.
 */
import type { Transcript } from '../cases/case.js'
import type { ExpectedPane } from '../cases/transcript.js'
import { type ObservedPane, paneText, windowText } from './panes.js'

/** What of it is broken, in words; `undefined` when nothing is. */
export function invariantFault(
  expected: readonly ExpectedPane[],
  observed: readonly ObservedPane[],
  { windowFn, options = {} }: Transcript,
): string | undefined {
  const isAccumulating = options.accumulation === 'accumulating'
  for (const key of new Set([...expected, ...observed].map((pane) => pane.key ?? ''))) {
    const wanted = contentOf(expected, key, isAccumulating)
    const got = contentOf(observed, key, isAccumulating)
    if (wanted.join() !== got.join())
      return `key "${key}" must have {${wanted.join(', ')}} over all its panes, and has {${got.join(', ')}}`
  }
  // A session may be merged into another: its panes are then counted anew.
  if (windowFn.merges) return undefined
  const windows = new Map<string, ObservedPane[]>()
  for (const pane of observed) {
    const name = `${pane.key} ${windowText(pane.window)}`
    const panes = windows.get(name)
    if (panes === undefined) windows.set(name, [pane])
    else panes.push(pane)
  }
  for (const panes of windows.values()) {
    const fault = sequenceFault(panes.toSorted((a, b) => a.index - b.index))
    if (fault !== undefined) return fault
  }
  return undefined
}

function contentOf(
  panes: readonly { readonly key?: string; readonly values: readonly number[] }[],
  key: string,
  isAccumulating: boolean,
): readonly number[] {
  const values = panes.filter((pane) => (pane.key ?? '') === key).flatMap((pane) => pane.values)
  return (isAccumulating ? [...new Set(values)] : values).toSorted((a, b) => a - b)
}

function sequenceFault(panes: readonly ObservedPane[]): string | undefined {
  const order = ['early', 'onTime', 'late']
  let phase = 0
  let nonSpeculative = 0
  for (const [at, pane] of panes.entries()) {
    const next = order.indexOf(pane.timing)
    const ns = pane.timing === 'early' ? -1 : nonSpeculative++
    if (pane.index !== at) return `pane ${at} of its window must have index ${at}: ${paneText(pane)}`
    if (pane.isFirst !== (at === 0)) return `only the first pane of a window says so: ${paneText(pane)}`
    if (pane.isLast && at !== panes.length - 1) return `a pane came after the last: ${paneText(pane)}`
    if (next < phase || (next === 1 && phase === 1 && at > 0 && panes[at - 1]?.timing === 'onTime'))
      return `timings come as early, on time once, late: ${panes.map(paneText).join('; ')}`
    if (pane.nonSpeculativeIndex !== ns) return `nonSpeculativeIndex must be ${ns}: ${paneText(pane)}`
    phase = next
  }
  return undefined
}
