import { describe, expect, it } from 'vitest'
import { testStream } from '../testing/test-stream.js'
import { kv, type KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { pipeline } from '../pipeline.js'
import { afterCount, afterWatermark, never, repeatedly } from '../windowing/trigger.js'
import { fixedWindows, sessionWindows } from '../windowing/window-fn.js'
import type { WindowingOptions } from '../windowing/windowing-strategy.js'
import { groupByFields } from '../schema/group-and-join.js'
import { coGroupByKey } from './co-group-by-key.js'
import { distinctBy, latest, latestPerKey, sample, samplePerKey } from './per-key.js'
import { innerJoin } from './joins/windowed-joins.js'
import { exceptFor, intersectWith, unionWith } from './set-operations.js'
import { count, max, sum } from './statistics.js'

type Numbers = PCollection<KV<string, number>>

/** Every step that has a grouping inside, under the name "totals". */
const groupings: readonly (readonly [string, (input: Numbers) => unknown])[] = [
  ['groupByKey', (input) => input.groupByKey('totals')],
  ['combinePerKey', (input) => input.combinePerKey('totals', sum())],
  ['combineGlobally', (input) => input.combineGlobally('totals', count())],
  ['countPerElement', (input) => input.countPerElement('totals')],
  ['countPerKey', (input) => input.countPerKey('totals')],
  ['distinct', (input) => input.distinct('totals')],
  ['coGroupByKey', (input) => coGroupByKey('totals', { input })],
  ['latestPerKey', (input) => input.apply('totals', latestPerKey)],
  ['latest', (input) => input.apply('totals', latest)],
  ['samplePerKey', (input) => input.apply('totals', samplePerKey(2))],
  ['sample', (input) => input.apply('totals', sample(2))],
  [
    'distinctBy',
    (input) =>
      input.apply(
        'totals',
        distinctBy(({ key }) => key),
      ),
  ],
  ['groupByFields', (input) => input.apply('totals', groupByFields(['key'], { n: { combiner: count() } }))],
]

function unbounded(options?: WindowingOptions, windowFn = fixedWindows(10)) {
  const p = pipeline()
  const input = p.apply('script', testStream<KV<string, number>>().end())
  return { p, input: options === undefined ? input : input.windowInto('windows', windowFn, options) }
}

/** Those of two inputs, which are refused once for each. */
const ofTwo: readonly (readonly [string, (input: Numbers) => unknown])[] = [
  ['unionWith', (input) => input.apply('totals', unionWith(input))],
  ['intersectWith', (input) => input.apply('totals', intersectWith(input))],
  ['exceptFor', (input) => input.apply('totals', exceptFor(input))],
  ['innerJoin', (input) => innerJoin('totals', { left: input, right: input })],
]

it.each(ofTwo)('%s is named as its author named it', (_, group) => {
  expect(() => group(unbounded().input)).toThrow(/step "totals" groups an unbounded collection in the global window/)
  expect(() => group(unbounded({ trigger: afterCount(2) }).input)).toThrow(/step "totals": the trigger afterCount\(2\)/)
  expect(() => group(unbounded({}).input)).not.toThrow()
})

describe.each(groupings)('%s', (_, group) => {
  it('refuses an unbounded global window that would never answer, and says what to do', () => {
    expect(() => group(unbounded().input)).toThrow(
      /step "totals" groups an unbounded collection in the global window.*fixedWindows/,
    )
    expect(() => group(unbounded().input.windowInto('often', { trigger: repeatedly(afterCount(1)) }))).not.toThrow()
    expect(() => group(pipeline().create('few', [kv('a', 1)]))).not.toThrow()
  })

  it('refuses a trigger that may finish, and says what to do', () => {
    expect(() => group(unbounded({ trigger: afterCount(2) }).input)).toThrow(
      /step "totals": the trigger afterCount\(2\) may finish before a window expires.* Let it begin anew, repeatedly\(afterCount\(2\)\), or say allowUnsafeTrigger: true/,
    )
    expect(() =>
      group(unbounded({ trigger: afterWatermark({ early: afterCount(2) }), allowedLateness: 1 }).input),
    ).toThrow(
      /Give it late firings, afterWatermark\({ early: afterCount\(2\), late: afterCount\(1\) }\), or no allowed lateness/,
    )
  })

  it('takes it where the author insists, with one warning that names the step and its line', () => {
    const { p, input } = unbounded({ trigger: afterCount(2), allowUnsafeTrigger: true })
    group(input)
    const { warnings } = p.build()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(
      /step "totals": the trigger afterCount\(2\) may finish .*allowUnsafeTrigger.*groupable\.test/s,
    )
  })
})

it('a second grouping is let through with the first', () => {
  const { p, input } = unbounded({ trigger: afterCount(2), allowUnsafeTrigger: true })
  const second = input.combinePerKey('sum', sum()).combinePerKey('again', sum())
  expect(second).toBeDefined()
  expect(p.build().warnings.length).toBeGreaterThan(1)
})

describe('panes that have what those before them had', () => {
  const accumulating = {
    trigger: afterWatermark({ late: afterCount(1) }),
    allowedLateness: 100,
    accumulation: 'accumulating',
  } as const

  it.each<[string, (sums: Numbers) => unknown]>([
    ['per key', (sums) => sums.combinePerKey('again', sum())],
    ['over all', (sums) => sums.values('numbers').combineGlobally('again', sum())],
    ['counted', (sums) => sums.countPerKey('again')],
    ['per element', (sums) => sums.countPerElement('again')],
    ['in other windows', (sums) => sums.windowInto('wide', fixedWindows(100)).combinePerKey('again', sum())],
  ])('are not summed again without a warning: %s', (_, again) => {
    const { p, input } = unbounded(accumulating)
    again(input.combinePerKey('sums', sum()))
    expect(p.build().warnings).toEqual([
      expect.stringMatching(/step "again" combines the panes of "sums", and with accumulation: 'accumulating'/),
    ])
  })

  it.each<[string, WindowingOptions, (sums: Numbers) => unknown]>([
    ['discarding', { ...accumulating, accumulation: 'discarding' }, (sums) => sums.combinePerKey('again', sum())],
    ['a window that answers once', { accumulation: 'accumulating' }, (sums) => sums.combinePerKey('again', sum())],
    ['never before expiry', { ...accumulating, trigger: never() }, (sums) => sums.combinePerKey('again', sum())],
    ['the largest, which no repeating changes', accumulating, (sums) => sums.combinePerKey('again', max())],
    ['distinct', accumulating, (sums) => sums.distinct('again')],
  ])('are no cause for a warning: %s', (_, options, again) => {
    const { p, input } = unbounded(options)
    again(input.combinePerKey('sums', sum()))
    expect(p.build().warnings).toEqual([])
  })
})

describe('windowInto without windows', () => {
  it('changes what it names, and leaves windows, elements and the rest', () => {
    const { input } = unbounded({
      trigger: repeatedly(afterCount(2)),
      allowedLateness: 5,
      accumulation: 'accumulating',
    })
    const { builder } = input
    const before = builder.strategyOf(input)
    const after = builder.strategyOf(
      input.windowInto('later', { trigger: repeatedly(afterCount(9)), allowedLateness: 3 }),
    )
    expect(after).toEqual({ ...before, trigger: repeatedly(afterCount(9)) })
    expect(builder.strategyOf(input.windowInto('longer', { allowedLateness: 8 })).allowedLatenessMillis).toBe(8)
  })

  it('does not merge sessions again', () => {
    const { input } = unbounded({ trigger: repeatedly(afterCount(1)) }, sessionWindows(10))
    const grouped = input.groupByKey('group').windowInto('same sessions', { accumulation: 'accumulating' })
    expect(grouped.builder.strategyOf(grouped).mergeStatus).toBe('alreadyMerged')
  })

  it('needs something to change', () => {
    expect(() => unbounded().input.windowInto('nothing', {})).toThrow(
      /windowInto "nothing" needs a WindowFn.*or options to change, such as { trigger }/,
    )
  })
})
