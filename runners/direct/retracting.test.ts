/**
 * Retracting accumulation against a plain loop. Windows, triggers, lateness and disorder are drawn; what must hold in the end
 * is known without any of them: the values of a key in its final windows.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  type Change,
  combineChanges,
  customWindows,
  fixedWindows,
  globalWindows,
  groupChanges,
  type KV,
  kv,
  mergeOverlapping,
  type PCollection,
  type Pipeline,
  type PipelineResult,
  pipeline,
  repeatedly,
  retracting,
  run,
  type RunOptions,
  sessionWindows,
  slidingWindows,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import * as t from 'io-ts'
import { inEveryMode } from '../../conformance/support/modes.js'

const addition = { empty: 0, concat: (a: number, b: number) => a + b, inverse: (a: number) => -a }

/** An element: its timestamp, which is its value, and its key. */
interface Event {
  readonly key: string
  readonly time: number
}

interface Play {
  readonly events: readonly Event[]
  /** Before the event with this number the watermark comes to within `lag` of the latest event so far. */
  readonly cuts: readonly number[]
  readonly lag: number
  readonly windowFn: WindowFn
  readonly windowing: WindowingOptions
}

/** Nothing is ever dropped: what the windows are in the end does then not depend on when elements come. */
const LATENESS = 1000

const GAP = 6

/** Custom windows that carry data and merge: only those of equal parity do. */
const byParity = customWindows({
  name: 'by parity',
  data: t.string,
  assign: ({ timestamp }) => ({ start: timestamp, end: timestamp + GAP, data: timestamp % 2 === 0 ? 'even' : 'odd' }),
  assignsToOneWindow: true,
  merge: (windows) =>
    ['even', 'odd'].flatMap((parity) =>
      mergeOverlapping(windows.filter(({ data }) => data === parity)).map(({ merged, parts }) => ({
        merged: { start: merged.start, end: merged.end, data: parity },
        parts,
      })),
    ),
})

const windowFns: readonly (readonly [
  string,
  WindowFn,
  (times: readonly number[]) => readonly (readonly number[])[],
])[] = [
  ['global', globalWindows(), (times) => [times]],
  ['fixed', fixedWindows(10), (times) => grouped(times, (time) => [Math.floor(time / 10)])],
  [
    'sliding',
    slidingWindows(10, { every: 5 }),
    (times) => grouped(times, (time) => [Math.floor(time / 5), Math.floor(time / 5) - 1]),
  ],
  ['sessions', sessionWindows(GAP), sessions],
  ['custom', byParity, (times) => [0, 1].flatMap((parity) => sessions(times.filter((time) => time % 2 === parity)))],
]

/** What the law of fixed and sliding windows says, by itself. */
function grouped(
  times: readonly number[],
  windowsOf: (time: number) => readonly number[],
): readonly (readonly number[])[] {
  const groups = new Map<number, number[]>()
  for (const time of times) for (const w of windowsOf(time)) groups.set(w, [...(groups.get(w) ?? []), time])
  return [...groups.values()]
}

/** What the law of sessions says, by itself. */
function sessions(times: readonly number[]): readonly (readonly number[])[] {
  const groups: number[][] = []
  for (const time of [...times].sort((a, b) => a - b)) {
    const last = groups.at(-1)
    if (last !== undefined && time < (last.at(-1) as number) + GAP) last.push(time)
    else groups.push([time])
  }
  return groups
}

/** The timestamps of the events, by key, in windows. */
function times(p: Pipeline, play: Play): PCollection<KV<string, number>> {
  const cuts = new Set(play.cuts)
  let script = testStream<Event>()
  let latest = Number.NEGATIVE_INFINITY
  play.events.forEach((event, i) => {
    if (cuts.has(i) && i > 0) script = script.advanceWatermarkTo(latest - play.lag).advanceProcessingTime(1000)
    script = script.add(at(event.time, event))
    latest = Math.max(latest, event.time)
  })
  return p
    .apply('events', script.end())
    .windowInto('windows', play.windowFn, { allowedLateness: LATENESS, ...play.windowing })
    .keyBy('by key', ({ key }) => key)
    .map('times', ({ key, value }) => kv(key, value.time))
}

const identity = (value: unknown): string => JSON.stringify(value)
const windowText = ({ start, end, data }: { start: number; end: number; data?: unknown }): string =>
  `${start}-${end} ${identity(data)}`

/** Applies changes as they come; each must take back what was inserted and holds still. */
function held(result: PipelineResult, name: string): readonly string[] {
  const rows: string[] = []
  for (const { value, window } of result.collectWindowed<KV<string, Change<unknown>>>(name)) {
    const row = `${value.key} ${windowText(window)} ${identity(value.value.value)}`
    if (value.value.kind === 'insert') rows.push(row)
    else {
      const i = rows.indexOf(row)
      expect(i, `${row} is retracted, and holds`).toBeGreaterThanOrEqual(0)
      rows.splice(i, 1)
    }
  }
  return rows.sort()
}

/** The last pane of each key and window, without those that say nothing. */
function lastPanes<V>(result: PipelineResult, name: string): ReadonlyMap<string, V> {
  const last = new Map<string, { readonly index: number; readonly value: V }>()
  for (const { value, window, pane } of result.collectWindowed<KV<string, V>>(name)) {
    const place = `${value.key} ${windowText(window)}`
    if ((last.get(place)?.index ?? -1) < pane.index) last.set(place, { index: pane.index, value: value.value })
  }
  return new Map([...last].map(([place, { value }]) => [place, value]))
}

const triggers: readonly (readonly [string, WindowingOptions])[] = [
  ['at the watermark', {}],
  ['early and late', { trigger: afterWatermark({ early: afterCount(2), late: afterCount(1) }) }],
  ['every element', { trigger: repeatedly(afterCount(1)), accumulation: 'accumulating' }],
  ['by the clock', { trigger: repeatedly(afterProcessingTime('1 second')), timestampCombiner: 'earliest' }],
  ['with a last pane', { trigger: afterWatermark({ early: afterCount(3), late: afterCount(2) }), closing: 'always' }],
]

const events = fc.array(fc.record({ key: fc.constantFrom('a', 'b'), time: fc.integer({ min: 0, max: 60 }) }), {
  minLength: 1,
  maxLength: 14,
})
const cuts = fc.array(fc.integer({ min: 1, max: 13 }), { maxLength: 6 })

describe('with changes applied, what holds is what the windows have in the end', () => {
  const each = windowFns.flatMap(([name, windowFn, law]) =>
    triggers
      // The global window is complete only at the end of time.
      .filter(([, { trigger }]) => name !== 'global' || trigger !== undefined)
      .map(([when, windowing]) => ({ name, windowFn, law, when, windowing })),
  )
  inEveryMode((options: RunOptions) => {
    it.each(each)('$name windows, $when', async ({ windowFn, law, windowing }) => {
      await fc.assert(
        fc.asyncProperty(events, cuts, fc.integer({ min: -20, max: 20 }), async (some, at, lag) => {
          const p = pipeline()
          const keyed = times(p, { events: some, cuts: at, lag, windowFn, windowing })
          const sums = keyed.apply('sums', retracting.combinePerKey(sum()))
          sums.collect('changes')
          keyed.apply('lists', retracting.groupByKey()).collect('list changes')
          sums.combinePerKey('back', combineChanges({ of: (n: number) => n, group: addition })).collect('totals')
          sums.combinePerKey('now', groupChanges<number>()).collect('now')
          const result = await run(p, options)

          const expected = ['a', 'b'].flatMap((key) =>
            law(some.filter((event) => event.key === key).map(({ time }) => time))
              .filter((values) => values.length > 0)
              .map((values) => ({ key, sum: values.reduce((a, b) => a + b, 0), values })),
          )
          const rows = held(result, 'changes').map((row) => {
            const [key, , , value] = row.split(' ')
            return `${key} ${value}`
          })
          expect(rows.sort()).toEqual(expected.map(({ key, sum: total }) => `${key} ${total}`).sort())

          const lists = held(result, 'list changes').map((row) => {
            const [key, , , list = '[]'] = row.split(' ')
            return `${key} ${identity((JSON.parse(list) as number[]).sort((a, b) => a - b))}`
          })
          const inOrder = expected.map(({ key, values }) => `${key} ${identity([...values].sort((a, b) => a - b))}`)
          expect(lists.sort()).toEqual(inOrder.sort())

          const totals = [...lastPanes<number>(result, 'totals')].filter(([, total]) => total !== 0)
          const nonZero = expected.map(({ sum: total }) => total).filter((total) => total !== 0)
          expect(totals.map(([, total]) => total).sort()).toEqual(nonZero.sort())
          const now = [...lastPanes<readonly number[]>(result, 'now')].flatMap(([, values]) => values)
          expect(now.sort()).toEqual(expected.map(({ sum: total }) => total).sort())
        }),
        { numRuns: 4 },
      )
    })
  })
})

describe('where windows expire while elements come', () => {
  const each = windowFns
    .filter(([name]) => name !== 'global')
    .flatMap(([name, windowFn]) => triggers.map(([when, windowing]) => ({ name, windowFn, when, windowing })))
  inEveryMode((options: RunOptions) => {
    it.each(each)('$name windows, $when: every consumer ends with what holds', async ({ windowFn, windowing }) => {
      await fc.assert(
        fc.asyncProperty(events, cuts, fc.nat(12), fc.nat(8), async (some, at, lag, allowedLateness) => {
          const p = pipeline()
          const late = { ...windowing, allowedLateness }
          const keyed = times(p, { events: some, cuts: at, lag, windowFn, windowing: late })
          keyed
            .windowInto('all so far', { accumulation: 'accumulating' })
            .combinePerKey('plain', sum())
            .collect('plain')
          const sums = keyed.apply('sums', retracting.combinePerKey(sum()))
          sums.collect('changes')
          sums.combinePerKey('now', groupChanges<number>()).collect('now')
          const result = await run(p, options)
          const rows = held(result, 'changes')
          const now = [...lastPanes<readonly number[]>(result, 'now')].flatMap(([place, values]) =>
            values.map((value) => `${place} ${value}`),
          )
          expect(now.sort()).toEqual(rows)
          if (windowFn.merges) return
          const plain = [...lastPanes<number>(result, 'plain')].map(([place, value]) => `${place} ${value}`)
          expect(rows).toEqual(plain.sort())
        }),
        { numRuns: 6 },
      )
    })
  })
})

it('a session next to an expired one takes nothing back', async () => {
  const p = pipeline()
  const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(7).add(at(5, 5), at(8, 8)).end()
  p.apply('events', script)
    .windowInto('windows', sessionWindows(GAP))
    .keyBy('by key', () => 'a')
    .apply('sums', retracting.combinePerKey(sum()))
    .collect('changes')
  expect(held(await run(p), 'changes').map((row) => row.replace(' undefined', ''))).toEqual(['a 1-7 1', 'a 5-14 13'])
})

it('a pane that says the same again changes nothing, also when it is a record', async () => {
  const p = pipeline()
  const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(20).add(at(2, 0)).end()
  p.apply('events', script)
    .windowInto('windows', fixedWindows(10), { allowedLateness: 100, closing: 'always' })
    .keyBy('by key', () => 'a')
    .apply(
      'sums',
      retracting.combinePerKey({ of: (n: number) => ({ n }), semigroup: { concat: (a, b) => ({ n: a.n + b.n }) } }),
    )
    .collect('changes')
  expect((await run(p)).collect('changes')).toEqual([kv('a', { kind: 'insert', value: { n: 1 } })])
})
