import { describe, expect, it } from 'vitest'
import { pipeline } from '../pipeline.js'
import { fixedWindows, globalWindows, sessionWindows, slidingWindows } from './window-fn.js'
import {
  afterGrouping,
  globalStrategy,
  rewindow,
  strategyText,
  type WindowingOptions,
  type WindowingStrategy,
} from './windowing-strategy.js'

const tens = fixedWindows(10)
/** What of a strategy is not as under the global strategy. */
const changes = (strategy: WindowingStrategy): Partial<WindowingStrategy> =>
  Object.fromEntries(
    Object.entries(strategy).filter(
      ([field, value]) => field !== 'windowFn' && value !== globalStrategy[field as keyof WindowingStrategy],
    ),
  )

describe('windowInto', () => {
  it.each<[string, WindowingOptions, Partial<WindowingStrategy>]>([
    ['nothing', {}, {}],
    ['a lateness', { allowedLateness: '1 second' }, { allowedLatenessMillis: 1000 }],
    ['accumulating panes', { accumulation: 'accumulating' }, { accumulationMode: 'accumulating' }],
    ['timestamps', { timestampCombiner: 'latest' }, { timestampCombiner: 'latest' }],
    ['a last pane', { closing: 'always' }, { closingBehavior: 'always' }],
    ['no empty on-time pane', { onTime: 'ifNonEmpty' }, { onTimeBehavior: 'ifNonEmpty' }],
  ])('given %s changes that and nothing else', (_, options, expected) => {
    expect(changes(rewindow(globalStrategy, tens, options))).toEqual(expected)
  })

  it('keeps from its input what it does not name', () => {
    const options: WindowingOptions = {
      allowedLateness: 500,
      accumulation: 'accumulating',
      timestampCombiner: 'earliest',
      closing: 'always',
      onTime: 'ifNonEmpty',
    }
    const first = rewindow(globalStrategy, sessionWindows(10), options)
    const second = rewindow(first, tens, {})
    expect(second).toEqual({ ...first, windowFn: tens, mergeStatus: 'nonMerging' })
  })

  it.each([
    [0, 500, 500],
    [500, 499, 500],
    [500, 500, 500],
    [500, 501, 501],
  ])('never takes lateness away: %d, then %d, gives %d', (before, asked, after) => {
    const input = rewindow(globalStrategy, tens, { allowedLateness: before })
    expect(rewindow(input, tens, { allowedLateness: asked }).allowedLatenessMillis).toBe(after)
  })

  it.each<[object, RegExp]>([
    [
      { accumulation: 'both' },
      /option accumulation of windowInto "w" is "both"; it must be one of discarding, accumul/,
    ],
    [
      { timestampCombiner: 'END' },
      /option timestampCombiner of windowInto "w" is "END"; .* endOfWindow, earliest, latest/,
    ],
    [{ closing: true }, /option closing of windowInto "w" is true; it must be one of always, ifNonEmpty/],
    [{ onTime: 'never' }, /option onTime of windowInto "w" is "never"/],
    [{ accumulation: null }, /option accumulation of windowInto "w" is null/],
    [{ allowedLateness: -1 }, /allowedLateness of step "w" must be a finite, non-negative duration, but is -1/],
    [{ allowedLateness: 'long' }, /allowedLateness of step "w" "long" is not a duration/],
    [{ allowedLateness: Number.POSITIVE_INFINITY }, /allowedLateness of step "w" must be a finite/],
    [{ alowedLateness: 5 }, /there is no option "alowedLateness" of windowInto "w"\. Did you mean "allowedLateness"\?/],
    [
      { size: 5 },
      /there is no option "size" .* It has: trigger, allowUnsafeTrigger, allowedLateness, accumulation, time/,
    ],
  ])('refuses %j', (options, message) => {
    const p = pipeline()
    expect(() => p.create('n', [1]).windowInto('w', tens, options)).toThrow(message)
  })

  it('refuses a trigger that there is not', () => {
    expect(() => rewindow(globalStrategy, fixedWindows(10), { trigger: { kind: 'afterCount' } as never })).toThrow(
      /option trigger of windowInto is .*; it must be a trigger, for example afterWatermark\(/,
    )
  })

  it.each([['1 hour'], [undefined], [null], [fixedWindows]])('refuses %s in place of a WindowFn', (windowFn) => {
    const p = pipeline()
    expect(() => p.create('n', [1]).windowInto('w', windowFn as never)).toThrow(
      /windowInto "w" needs a WindowFn, for example fixedWindows\('1 hour'\)/,
    )
  })
})

describe('a strategy', () => {
  it('needs merging only until the first grouping', () => {
    const sessions = rewindow(globalStrategy, sessionWindows(10), {})
    expect(sessions.mergeStatus).toBe('needsMerge')
    expect(afterGrouping(sessions).mergeStatus).toBe('alreadyMerged')
    // A new session is a new question.
    expect(rewindow(afterGrouping(sessions), sessionWindows(10), {}).mergeStatus).toBe('needsMerge')
    expect(afterGrouping(rewindow(globalStrategy, tens, {})).mergeStatus).toBe('nonMerging')
  })

  it('has equal text exactly when it is equal', () => {
    const strategies = [
      rewindow(globalStrategy, globalWindows(), {}),
      rewindow(globalStrategy, fixedWindows(10), {}),
      rewindow(globalStrategy, fixedWindows(11), {}),
      rewindow(globalStrategy, fixedWindows(10, { offset: 1 }), {}),
      rewindow(globalStrategy, slidingWindows(10, { every: 10 }), {}),
      rewindow(globalStrategy, slidingWindows(10, { every: 5 }), {}),
      rewindow(globalStrategy, sessionWindows(10), {}),
      afterGrouping(rewindow(globalStrategy, sessionWindows(10), {})),
      rewindow(globalStrategy, fixedWindows(10), { allowedLateness: 1 }),
      rewindow(globalStrategy, fixedWindows(10), { accumulation: 'accumulating' }),
      rewindow(globalStrategy, fixedWindows(10), { timestampCombiner: 'latest' }),
      rewindow(globalStrategy, fixedWindows(10), { closing: 'always' }),
      rewindow(globalStrategy, fixedWindows(10), { onTime: 'ifNonEmpty' }),
    ]
    expect(new Set(strategies.map(strategyText)).size).toBe(strategies.length)
    expect(strategyText(rewindow(globalStrategy, fixedWindows('10 millis'), {}))).toBe(
      strategyText(rewindow(globalStrategy, tens, {})),
    )
  })
})
