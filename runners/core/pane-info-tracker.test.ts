import { describe, expect, it } from 'vitest'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import { nextPane, ON_TIME_ONLY, type Watermarks } from './pane-info-tracker.js'

const MAX = 9
const BEFORE: Watermarks = { input: 5, output: 5 }
const PASSED: Watermarks = { input: 10, output: 5 }
const OVER: Watermarks = { input: 10, output: 10 }

/** Panes fired one after the other, the last of them marked so where asked: `timing index/nonSpeculative`. */
function panes(watermarks: readonly Watermarks[], lastIsLast = false): readonly string[] {
  let previous: PaneInfo | undefined
  return watermarks.map((at, i) => {
    previous = nextPane(previous, MAX, lastIsLast && i === watermarks.length - 1, at)
    const { timing, index, nonSpeculativeIndex, isFirst, isLast } = previous
    return `${timing} ${index}/${nonSpeculativeIndex}${isFirst ? ' first' : ''}${isLast ? ' last' : ''}`
  })
}

describe('the first pane', () => {
  it.each<[string, number, number, string]>([
    ['neither watermark near', 0, 0, 'early 0/-1 first'],
    ['the input watermark at the last timestamp, which may still come', 9, 0, 'early 0/-1 first'],
    ['the input watermark past it', 10, 0, 'onTime 0/0 first'],
    ['the output watermark at the last timestamp', 20, 9, 'onTime 0/0 first'],
    ['the output watermark past it', 20, 10, 'late 0/0 first'],
  ])('with %s', (_, input, output, expected) => {
    expect(panes([{ input, output }])).toEqual([expected])
  })

  it('on time and only is one object for all windows', () => {
    expect(nextPane(undefined, MAX, true, PASSED)).toBe(ON_TIME_ONLY)
    expect(nextPane(undefined, 100, true, { input: 101, output: 0 })).toBe(ON_TIME_ONLY)
    expect(nextPane(undefined, MAX, false, PASSED)).toEqual({ ...ON_TIME_ONLY, isLast: false })
  })
})

it.each<[string, readonly Watermarks[], boolean, readonly string[]]>([
  [
    'early ones, the on-time one, late ones',
    [BEFORE, BEFORE, PASSED, OVER, OVER],
    true,
    ['early 0/-1 first', 'early 1/-1', 'onTime 2/0', 'late 3/1', 'late 4/2 last'],
  ],
  // There is one on-time pane at most: a second one after the end is late, although the output watermark is held.
  ['a second pane past the end', [PASSED, PASSED], false, ['onTime 0/0 first', 'late 1/1']],
  ['late without on time', [BEFORE, OVER], false, ['early 0/-1 first', 'late 1/0']],
  ['all late', [OVER, OVER, OVER], false, ['late 0/0 first', 'late 1/1', 'late 2/2']],
  ['early and the last at once', [BEFORE], true, ['early 0/-1 first last']],
  ['late and the last at once', [OVER], true, ['late 0/0 first last']],
  // A window that merges may lie open again; what it has said stays said.
  ['never early again', [PASSED, BEFORE], false, ['onTime 0/0 first', 'late 1/1']],
])('%s', (_, watermarks, lastIsLast, expected) => {
  expect(panes(watermarks, lastIsLast)).toEqual(expected)
})
