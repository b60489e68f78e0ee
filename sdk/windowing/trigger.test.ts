import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  afterAll,
  afterCount,
  afterEach,
  afterFirst,
  afterProcessingTime,
  afterWatermark,
  defaultTrigger,
  never,
  orFinally,
  repeatedly,
  type RepeatedlyTrigger,
  type Trigger,
} from './trigger.js'
import { continuationTrigger, isSafeTrigger, triggerText } from './trigger-rules.js'

describe('a trigger', () => {
  it('is plain data, frozen, and equal when it says the same', () => {
    const make = (): Trigger => repeatedly(afterFirst(afterCount(2), afterProcessingTime('1 minute')))
    expect(make()).toEqual(make())
    expect(Object.isFrozen(make())).toBe(true)
    expect(JSON.parse(JSON.stringify(make()))).toEqual(make())
    expectTypeOf(repeatedly(afterCount(1))).toEqualTypeOf<RepeatedlyTrigger>()
    // @ts-expect-error: a trigger is not a number
    expect(() => repeatedly(5)).toThrow(
      /the trigger of repeatedly must be a trigger, for example afterCount\(1\), but is 5/,
    )
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a count of nothing', () => afterCount(0), /the count of afterCount must be a whole number from 1, but is 0/],
    ['half a count', () => afterCount(1.5), /whole number from 1, but is 1\.5/],
    [
      'a delay that is none',
      () => afterProcessingTime('soon' as never),
      /delay of afterProcessingTime "soon" is not a dur/,
    ],
    [
      'a delay back in time',
      () => afterProcessingTime(-1),
      /delay of afterProcessingTime must be a finite, non-negative/,
    ],
    [
      'a period of nothing',
      () => afterProcessingTime(1, { alignTo: { period: 0 } }),
      /period of alignTo must be at least 1/,
    ],
    ['the first of one', () => afterFirst(never()), /afterFirst needs at least two triggers, but has 1/],
    ['all of none', () => afterAll(), /afterAll needs at least two triggers, but has 0/],
    ['something else among several', () => afterEach(never(), {} as never), /trigger 2 of afterEach must be a trigger/],
    ['early with no trigger', () => afterWatermark({ early: 1 as never }), /early of afterWatermark must be a trigger/],
    ['until nothing', () => orFinally(never(), null as never), /second trigger of orFinally must be a trigger/],
  ])('is refused: %s', (_, make, message) => {
    expect(make).toThrow(message)
  })
})

describe('a second grouping', () => {
  it.each<[Trigger, string]>([
    [defaultTrigger, 'defaultTrigger'],
    [never(), 'never()'],
    [afterCount(9), 'afterCount(1)'],
    [afterProcessingTime('1 second'), 'afterSynchronizedProcessingTime()'],
    [afterWatermark(), 'afterWatermark()'],
    [
      afterWatermark({ early: afterProcessingTime(5), late: afterCount(3) }),
      'afterWatermark({ early: afterSynchronizedProcessingTime(), late: afterCount(1) })',
    ],
    [
      repeatedly(afterFirst(afterCount(2), afterWatermark())),
      'repeatedly(afterFirst(afterCount(1), afterWatermark()))',
    ],
    [afterAll(afterCount(2), afterCount(3)), 'afterAll(afterCount(1), afterCount(1))'],
    [afterEach(afterCount(2), never()), 'repeatedly(afterFirst(afterCount(1), never()))'],
    [orFinally(afterCount(2), afterWatermark()), 'repeatedly(orFinally(afterCount(1), afterWatermark()))'],
  ])('has, in place of %j, %s', (trigger, expected) => {
    expect(triggerText(continuationTrigger(trigger))).toBe(expected)
  })

  it('is as safe as the first', () => {
    for (const trigger of [
      never(),
      afterWatermark(),
      afterWatermark({ late: afterCount(2) }),
      repeatedly(afterCount(2)),
    ])
      expect(isSafeTrigger(continuationTrigger(trigger), 0)).toBe(isSafeTrigger(trigger, 0))
  })
})

it.each<[Trigger, lateness: number, isSafe: boolean]>([
  [defaultTrigger, 100, true],
  [never(), 100, true],
  [afterCount(2), 0, false],
  [afterProcessingTime(5), 0, false],
  [afterWatermark(), 0, true],
  [afterWatermark(), 1, false],
  [afterWatermark({ early: afterCount(2) }), 0, true],
  [afterWatermark({ early: afterCount(2) }), 1, false],
  [afterWatermark({ late: afterCount(2) }), 100, true],
  [repeatedly(afterCount(2)), 100, true],
  [afterFirst(repeatedly(afterCount(2)), afterWatermark()), 0, false],
  [afterAll(repeatedly(afterCount(2)), defaultTrigger), 0, false],
  [afterEach(afterCount(2), repeatedly(afterCount(3))), 100, true],
  [afterEach(afterCount(2), afterCount(3)), 0, false],
  [orFinally(repeatedly(afterCount(2)), afterWatermark()), 0, false],
])('%j with a lateness of %i ms: safe is %s', (trigger, lateness, isSafe) => {
  expect(isSafeTrigger(trigger, lateness)).toBe(isSafe)
})
