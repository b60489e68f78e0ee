/**
 * Outcomes: what a run came to, in a form that can be compared with that of another run.
 *
 * Law: runs that differ only in what a pipeline may not rely on (the order of elements, of a group's values, the number of
 * panes before the last one of an accumulating window) have the same outcome.
 */
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { identityOf } from '../../sdk/testing/same-value.js'
import type { PipelineResult, WindowedElement } from '../runner.js'
import { collectionOf, collectorOf } from './recorded-input.js'

/** How often each element was there, by its identity. */
export type Contents = ReadonlyMap<string, { readonly text: string; readonly count: number }>

/** What a run came to: the contents of its collections, or why it failed. */
export type Outcome =
  { readonly failure: string } | { readonly failure: undefined; readonly contents: ReadonlyMap<string, Contents> }

/** Contents of a collection; nothing where the run failed. */
export function contentsIn(outcome: Outcome, id: string): Contents {
  return outcome.failure === undefined ? (outcome.contents.get(id) ?? new Map()) : new Map()
}

/** Runs, and gathers the contents of collections that have collectors. */
export async function outcomeOf(
  built: BuiltPipeline,
  ids: readonly string[],
  run: () => Promise<PipelineResult>,
): Promise<Outcome> {
  let result: PipelineResult
  try {
    result = await run()
  } catch (error) {
    return { failure: messageOf(error) }
  }
  const contents = ids.map((id) => [id, contentsOf(built, id, result.collectWindowed(collectorOf(id)))] as const)
  return { failure: undefined, contents: new Map(contents) }
}

interface Entry {
  readonly value: unknown
  readonly window: { readonly start: number; readonly end: number; toString(): string }
}

function contentsOf(built: BuiltPipeline, id: string, elements: readonly WindowedElement[]): Contents {
  const { coderId, windowingStrategyId } = collectionOf(built, id)
  const { coders, windowingStrategies } = built.graph.components
  const coder = coders.get(coderId)
  const isKeyed = coder?.urn === urns.KV_CODER
  const isGroup = isKeyed && coders.get(coder.componentCoderIds[1] ?? '')?.urn === urns.ITERABLE_CODER
  const accumulates = windowingStrategies.get(windowingStrategyId)?.accumulationMode === 'accumulating'
  const entries = !isKeyed ? elements : accumulates ? lastPanes(elements) : isGroup ? united(elements) : elements
  const contents = new Map<string, { readonly text: string; readonly count: number }>()
  for (const { value, window } of entries) {
    const plain = isGroup ? sortedGroup(value) : value
    const key = `${window.start} ${window.end} ${identityOf(plain)}`
    const count = (contents.get(key)?.count ?? 0) + 1
    contents.set(key, { text: contents.get(key)?.text ?? `${preview(plain)} in ${window.toString()}`, count })
  }
  return contents
}

interface Keyed {
  readonly key: unknown
  readonly value: unknown
}

function placeOf({ value, window }: WindowedElement): string {
  return `${window.start} ${window.end} ${identityOf((value as Keyed).key)}`
}

/** Of each key and window, what the last pane says; elements that no grouping has produced are all kept. */
function lastPanes(elements: readonly WindowedElement[]): readonly Entry[] {
  const last = new Map<string, number>()
  for (const element of elements)
    last.set(placeOf(element), Math.max(last.get(placeOf(element)) ?? 0, element.pane.index))
  return elements.filter((element) => element.pane.index === last.get(placeOf(element)))
}

/** Of each key and window, the values of all panes together. */
function united(elements: readonly WindowedElement[]): readonly Entry[] {
  const groups = new Map<string, { readonly key: unknown; readonly window: Entry['window']; readonly values: unknown[] }>() // prettier-ignore
  for (const element of elements) {
    const { key, value } = element.value as Keyed
    const place = placeOf(element)
    const group = groups.get(place) ?? { key, window: element.window, values: [] }
    group.values.push(...(value as Iterable<unknown>))
    groups.set(place, group)
  }
  return [...groups.values()].map(({ key, window, values }) => ({ value: { key, value: values }, window }))
}

/** Nothing says in which order a group has its values. */
function sortedGroup(value: unknown): unknown {
  const { key, value: values } = value as Keyed
  const sorted = [...(values as Iterable<unknown>)].map((item) => [identityOf(item), item] as const)
  return { key, value: sorted.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item) }
}

/** What one has and the other has not, as text; `undefined` when they are the same. */
export function differenceOf(expected: Contents, actual: Contents): string | undefined {
  const only = (a: Contents, b: Contents): readonly string[] =>
    [...a].flatMap(([key, { text, count }]) => {
      const more = count - (b.get(key)?.count ?? 0)
      return more > 0 ? [more > 1 ? `${more} × ${text}` : text] : []
    })
  const [missing, extra] = [only(expected, actual), only(actual, expected)]
  if (missing.length === 0 && extra.length === 0) return undefined
  const part = (what: string, texts: readonly string[]): string =>
    texts.length === 0 ? '' : `${what} ${texts.slice(0, 3).join(', ')}${texts.length > 3 ? ` and ${texts.length - 3} more` : ''}` // prettier-ignore
  return [part('without', missing), part('with', extra)].filter((text) => text !== '').join('; ')
}
