/**
 * Panes held against a list: one that is missing, and one that is too much, are faults alike.
 */
import type { PaneInfo } from 'millrace'
import type { ExpectedPane } from '../cases/transcript.js'

/** A pane as a runner gave it. */
export interface ObservedPane extends PaneInfo {
  readonly key: string
  readonly window: readonly [start: number, end: number] | 'global'
  readonly values: readonly number[]
  readonly timestamp: number
}

/**
 * What is wrong with panes; `undefined` when nothing is.
 *
 * @param isCut the script was cut off: the end may have brought more, but no guesses.
 */
export function paneFault(
  expected: readonly ExpectedPane[],
  observed: readonly ObservedPane[],
  isCut: boolean,
): string | undefined {
  const extra = [...observed]
  const missing = expected.filter((pane) => {
    const at = extra.findIndex((each) => agrees(each, pane))
    if (at >= 0) extra.splice(at, 1)
    return at < 0
  })
  const unexpected = isCut ? extra.filter(({ timing }) => timing === 'early') : extra
  if (missing.length === 0 && unexpected.length === 0) return undefined
  const place = isCut ? `after pane ${expected.length} of the script: ` : ''
  return `${place}missing [${missing.map(expectedText).join('; ')}], unexpected [${unexpected.map(paneText).join('; ')}]`
}

function agrees(got: ObservedPane, wanted: ExpectedPane): boolean {
  return (
    got.key === wanted.key &&
    windowText(got.window) === windowText(wanted.window) &&
    inOrder(got.values).join() === inOrder(wanted.values).join() &&
    got.timing === wanted.timing &&
    got.index === wanted.index &&
    got.isFirst === (wanted.index === 0) &&
    (wanted.ns === undefined || got.nonSpeculativeIndex === wanted.ns) &&
    (wanted.last === undefined || got.isLast === wanted.last) &&
    (wanted.at === undefined || got.timestamp === wanted.at)
  )
}

/** Text of a pane, in the catalogue's notation. */
export function paneText(pane: ObservedPane): string {
  const { key, window, values, timing, index, nonSpeculativeIndex, isFirst, isLast, timestamp } = pane
  const flags = `${isFirst ? ' first' : ''}${isLast ? ' last' : ''}`
  return `${key} ${windowText(window)} {${inOrder(values).join(', ')}} ${timing} #${index}/${nonSpeculativeIndex}${flags} @${timestamp}`
}

function expectedText({ key = '', window, values, timing, index, ns, last, at }: ExpectedPane): string {
  const flags = `${index === 0 ? ' first' : ''}${last === true ? ' last' : last === false ? ' not last' : ''}`
  return `${key} ${windowText(window)} {${inOrder(values).join(', ')}} ${timing} #${index}${ns === undefined ? '' : `/${ns}`}${flags}${at === undefined ? '' : ` @${at}`}`
}

/** Text of a window. */
export function windowText(window: ExpectedPane['window']): string {
  return window === 'global' ? 'global' : `[${window[0]}, ${window[1]})`
}

function inOrder(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b)
}
