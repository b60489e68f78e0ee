import { describe, expect, it } from 'vitest'
import {
  calendarWindows,
  customWindows,
  fixedWindows,
  flatten,
  kv,
  mergeOverlapping,
  OffsetRangeTracker,
  type Pipeline,
  pipeline,
  sessionWindows,
  source,
  state,
  sum,
  timer,
  typed,
  UnsupportedFeature,
  watermarks,
} from 'millrace'
import { testStream } from 'millrace/testing'
import { checkFeatures, featuresOf } from './features.js'

const output = typed<number>()
const pairs = (p: Pipeline, name = 'pairs') => p.create(name, [kv('a', 1)])

const endless = source({
  output,
  bounded: false,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to: 1 }),
  restrictionCodec: typed<{ readonly from: number; readonly to: number }>(),
  tracker: (range) => new OffsetRangeTracker(range),
  process: () => undefined,
})

/** Every pipeline begins with values, so each case names what it adds to `splittable.bounded`. */
const cases: readonly (readonly [string, (p: Pipeline) => unknown, Record<string, string>])[] = [
  ['values', (p) => pairs(p).map('map', (pair) => pair), {}],
  ['a grouping', (p) => pairs(p).groupByKey('group'), { groupByKey: 'group' }],
  ['a combine', (p) => pairs(p).combinePerKey('sum', sum()), { groupByKey: 'sum', combine: 'sum' }],
  [
    'sessions, grouped',
    (p) => pairs(p).windowInto('sessions', sessionWindows(5)).groupByKey('group'),
    { groupByKey: 'group', 'windows.merging': 'group' },
  ],
  ['sessions that no one groups', (p) => pairs(p).windowInto('sessions', sessionWindows(5)), {}],
  [
    'sessions that were grouped before',
    (p) => pairs(p).windowInto('sessions', sessionWindows(5)).groupByKey('first').groupByKey('second'),
    { groupByKey: 'first', 'windows.merging': 'first' },
  ],
  [
    'lateness, grouped',
    (p) => pairs(p).windowInto('tens', fixedWindows(10), { allowedLateness: 1 }).groupByKey('group'),
    { groupByKey: 'group', lateness: 'group' },
  ],
  [
    'days of a calendar',
    (p) => pairs(p).windowInto('days', calendarWindows({ unit: 'day' })),
    { 'windows.calendar': 'days' },
  ],
  [
    'windows of an author’s own',
    (p) => pairs(p).windowInto('own', customWindows({ name: 'own', assign: () => [] })),
    { 'windows.custom': 'own' },
  ],
  [
    'windows of an author’s own that merge',
    (p) => pairs(p).windowInto('own', customWindows({ name: 'own', assign: () => [], merge: mergeOverlapping })),
    { 'windows.customMerging': 'own' },
  ],
  [
    'late data',
    (p) =>
      pairs(p)
        .windowInto('tens', fixedWindows(10), { lateData: p.lateData('late', (late) => late) })
        .groupByKey('group'),
    { groupByKey: 'group', 'lateData.output': 'group', flatten: 'late' },
  ],
  [
    'late data of a step with state',
    (p) =>
      pairs(p)
        .windowInto('tens', fixedWindows(10), { lateData: p.lateData('late', (late) => late) })
        .parDo('keeps', { output, state: { n: state.value(output) }, process: () => undefined }),
    { 'state.value': 'keeps', 'lateData.output': 'keeps', flatten: 'late' },
  ],
  ['a union', (p) => flatten('both', [pairs(p), pairs(p, 'more')]), { flatten: 'both' }],
  [
    'a side input',
    (p) =>
      pairs(p).parDo('reads', { output, sides: { view: pairs(p, 'more').asList('view') }, process: () => undefined }),
    { sideInputs: 'reads' },
  ],
  [
    'state',
    (p) => pairs(p).parDo('keeps', { output, state: { n: state.value(output) }, process: () => undefined }),
    { 'state.value': 'keeps' },
  ],
  [
    'state with last words',
    (p) =>
      pairs(p).parDo('keeps', {
        output,
        state: { n: state.value(output) },
        process: () => undefined,
        onWindowExpiration: () => undefined,
      }),
    { 'state.value': 'keeps', onWindowExpiration: 'keeps' },
  ],
  [
    'timers',
    (p) =>
      pairs(p).parDo('waits', {
        output,
        timers: { t: timer.eventTime() },
        process: () => undefined,
        onTimer: { t: () => undefined },
      }),
    { 'timers.eventTime': 'waits' },
  ],
  [
    'dead letters',
    (p) => pairs(p).map('risky', (pair) => pair, { onError: p.errors('bad', (letters) => letters) }),
    // What the handler gets is a union of the letters of its steps.
    { deadLetters: 'risky', flatten: 'bad' },
  ],
  ['an endless source', (p) => p.apply('ticks', endless), { 'splittable.unbounded': 'ticks' }],
  ['a script', (p) => p.apply('script', testStream<number>().end()), { testStream: 'script' }],
]

describe.each(cases)('%s', (_, build, expected) => {
  const p = pipeline()
  p.create('values', [1])
  build(p)
  const built = p.build()
  const needs = featuresOf(built)

  it('needs what it uses, and the first step that does is named', () => {
    const named = Object.fromEntries([...needs].filter(([feature]) => feature !== 'splittable.bounded'))
    expect(Object.keys(named).sort()).toEqual(Object.keys(expected).sort())
    for (const [feature, step] of Object.entries(expected)) {
      expect(named[feature as keyof typeof named]).toMatch(new RegExp(`^${step}(/|$)`))
    }
    expect(needs.get('splittable.bounded')).toMatch(/^values/)
  })

  it('runs where everything is there, and is refused by name where anything is missing', () => {
    expect(() => checkFeatures(built, 'small', new Set(needs.keys()))).not.toThrow()
    for (const [feature, step] of needs) {
      const others = new Set([...needs.keys()].filter((each) => each !== feature))
      expect(() => checkFeatures(built, 'small', others)).toThrow(UnsupportedFeature)
      expect(() => checkFeatures(built, 'small', others)).toThrow(expect.objectContaining({ feature, step }) as Error)
    }
  })
})

it('a refusal names everything that is missing, with its steps', () => {
  const p = pipeline()
  flatten('both', [pairs(p), pairs(p, 'more')]).groupByKey('group')
  expect(() => checkFeatures(p.build(), 'tiny', new Set(['splittable.bounded']))).toThrow(
    /^the tiny runner cannot run pipeline "[^"]*": it does not support flatten \(step "both"\), groupByKey \(step "group"\)\.$/,
  )
})
