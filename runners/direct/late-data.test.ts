import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import {
  afterCount,
  distinctBy,
  fixedWindows,
  type KV,
  type LateElement,
  mean,
  type PCollection,
  pipeline,
  type PipelineResult,
  run,
  sessionWindows,
  slidingWindows,
  state,
  sum,
  type WindowFn,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'
import { checkFeatures, featuresOf } from '../core/features.js'
import { DIRECT_FEATURES } from './direct-runner.js'

type Keyed = PCollection<KV<string, number>>

/** Numbers that are their own timestamps, in two windows, the last two too late for theirs. */
const events = testStream<number>()
  .add(at(1, 1), at(2, 2), at(15, 15))
  .advanceWatermarkTo(40)
  .add(at(3, 3), at(45, 45), at(16, 16))
  .end()

function windowed(windowFn: WindowFn, group: (keyed: Keyed) => unknown) {
  const p = pipeline()
  const late = p.lateData('too late', (elements) => elements.collect('late'))
  group(
    p
      .apply('events', events)
      .windowInto('windows', windowFn, { lateData: late })
      .keyBy('key', () => 'k'),
  )
  return p
}

const told = (result: PipelineResult): readonly string[] =>
  result
    .collect<LateElement<KV<string, number> | number>>('too late/late')
    .map(({ element, window, timestamp, reason, step }) => {
      const value = typeof element === 'number' ? element : `${element.key}=${element.value}`
      return `${step}: ${value} at ${timestamp} in ${window.start}-${window.end}, ${reason}`
    })
    .sort()

inEveryMode((options) => {
  it.each<[string, (keyed: Keyed) => unknown, string]>([
    ['groupByKey', (keyed) => keyed.groupByKey('by key'), 'by key'],
    ['a monoid', (keyed) => keyed.combinePerKey('by key', sum()), 'by key'],
    ['a full CombineFn', (keyed) => keyed.combinePerKey('by key', mean()), 'by key'],
    ['distinct', (keyed) => keyed.map('own', ({ value }) => ({ key: 'k', value })).groupByKey('by key'), 'by key'],
    [
      'a stateful step',
      (keyed) =>
        keyed.parDo('by key', { state: { seen: state.value(t.number) }, process: () => undefined }).collect('nothing'),
      'by key',
    ],
  ])('%s hands on what it drops', async (_, group, step) => {
    const result = await run(windowed(fixedWindows(10), group), options)
    expect(told(result)).toEqual([`${step}: k=16 at 16 in 10-20, late`, `${step}: k=3 at 3 in 0-10, late`])
    expect(result.metrics.counter('droppedDueToLateness')).toBe(2)
  })

  it('an element in several windows is told of once for each that has expired', async () => {
    const result = await run(
      windowed(slidingWindows(30, { every: 15 }), (keyed) => keyed.combinePerKey('sums', sum()).collect('out')),
      options,
    )
    expect(told(result)).toEqual([
      'sums: k=16 at 16 in 0-30, late',
      'sums: k=3 at 3 in -15-15, late',
      'sums: k=3 at 3 in 0-30, late',
    ])
    expect(result.metrics.counter('droppedDueToLateness')).toBe(3)
  })

  it('merging windows tell of the element’s own window', async () => {
    const result = await run(
      windowed(sessionWindows(5), (keyed) => keyed.groupByKey('sessions')),
      options,
    )
    expect(told(result)).toEqual(['sessions: k=16 at 16 in 16-21, late', 'sessions: k=3 at 3 in 3-8, late'])
  })

  it('combineGlobally tells of the element as its author knows it', async () => {
    const result = await run(
      windowed(fixedWindows(10), (keyed) =>
        keyed.values('values').combineGlobally('total', sum(), { whenEmpty: 'nothing' }),
      ),
      options,
    )
    expect(told(result)).toEqual(['total: 16 at 16 in 10-20, late', 'total: 3 at 3 in 0-10, late'])
  })

  it.each<[string, (keyed: Keyed) => unknown]>([
    ['distinct', (keyed) => keyed.distinct('each')],
    [
      'distinctBy',
      (keyed) =>
        keyed.apply(
          'each',
          distinctBy(({ value }) => value),
        ),
    ],
    ['countPerElement', (keyed) => keyed.countPerElement('each')],
  ])('%s tells of the element as it came to it, without the key that it has inside', async (_, group) => {
    const result = await run(windowed(fixedWindows(10), group), options)
    expect(told(result)).toEqual(['each: k=16 at 16 in 10-20, late', 'each: k=3 at 3 in 0-10, late'])
  })

  it.each<[string, WindowFn]>([
    ['fixed windows', fixedWindows(10)],
    ['sessions', sessionWindows(5)],
  ])('a window that its trigger has closed says so: %s', async (_, windowFn) => {
    const p = pipeline()
    const late = p.lateData('too late', (elements) => elements.collect('late'))
    p.apply('events', testStream<number>().add(at(1, 1)).add(at(1, 2)).end())
      .windowInto('windows', windowFn, { trigger: afterCount(1), allowUnsafeTrigger: true, lateData: late })
      .keyBy('key', () => 'k')
      .groupByKey('group')
    const result = await run(p, options)
    expect(told(result)).toMatchObject([expect.stringContaining(', closedWindow')])
    expect(result.metrics.counter('droppedDueToClosedWindow')).toBe(1)
  })

  it('handlers go on with late elements as with any others', async () => {
    const p = pipeline()
    const late = p.lateData('too late', (elements) =>
      elements
        .keyBy('by step', ({ step }) => step)
        .countPerKey('how many')
        .collect('counts'),
    )
    const windows = p.apply('events', events).windowInto('windows', fixedWindows(10), { lateData: late })
    windows.keyBy('a', () => 'a').groupByKey('first')
    windows.countPerElement('second')
    const result = await run(p, options)
    expect([...result.collect<KV<string, number>>('too late/counts')].sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(
      [
        { key: 'first', value: 2 },
        { key: 'second', value: 2 },
      ],
    )
  })
})

it('a bounded source that comes out of order has no late elements', async () => {
  const p = pipeline()
  const late = p.lateData('too late', (elements) => elements.collect('late'))
  p.create('numbers', [30, 1])
    .withTimestamps('times', (n) => n)
    .windowInto('windows', fixedWindows(10), { lateData: late })
    .countPerElement('count')
  expect((await run(p)).collect('too late/late')).toEqual([])
})

it('what is windowed anew inherits the handler, and what no one has named hands nothing on', async () => {
  const p = pipeline()
  const late = p.lateData('too late', (elements) => elements.collect('late'))
  p.apply('events', events)
    .windowInto('windows', fixedWindows(10), { lateData: late })
    .windowInto('others', fixedWindows(20))
    .countPerElement('count')
  p.apply('more events', events).windowInto('plain', fixedWindows(10)).countPerElement('plain count')
  const result = await run(p)
  expect(result.collect<LateElement>('too late/late').map(({ step }) => step)).toEqual(['count', 'count'])
  expect(result.metrics.counter('droppedDueToLateness')).toBe(4)
})

it('is a feature that a runner without it refuses by name', () => {
  const built = windowed(fixedWindows(10), (keyed) => keyed.groupByKey('group')).build()
  expect(featuresOf(built).get('lateData.output')).toBe('group')
  const features = new Set([...DIRECT_FEATURES].filter((feature) => feature !== 'lateData.output'))
  expect(() => checkFeatures(built, 'plain', features)).toThrow(/does not support lateData\.output \(step "group"\)/)
})

it('refuses what is no handler, another pipeline’s, and a handler that feeds itself', () => {
  const p = pipeline()
  const numbers = p.create('numbers', [1])
  const other = pipeline().lateData('other', (elements) => elements)
  expect(() => numbers.windowInto('w', fixedWindows(1), { lateData: other })).toThrow(/not a handler of this pipeline/)
  expect(() => numbers.windowInto('v', fixedWindows(1), { lateData: 'x' as never })).toThrow(/pipeline\.lateData/)
  const late = p.lateData('late', () => undefined)
  expect(() =>
    p.errors('later', (letters) => {
      letters.windowInto('w', fixedWindows(1), { lateData: late }).countPerElement('c')
    }),
  ).not.toThrow()
  expectTypeOf(p.lateData).parameter(1).parameter(0).toEqualTypeOf<PCollection<LateElement>>()
})
