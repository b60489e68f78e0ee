/**
 * Windows: where an element belongs, and which windows of a key become one.
 */
import * as t from 'io-ts'
import {
  afterCount,
  type BoundedWindow,
  calendarWindows,
  customWindows,
  DataWindow,
  END_OF_GLOBAL_WINDOW,
  fixedWindows,
  flatten,
  globalWindows,
  IntervalWindow,
  type KV,
  mergeOverlapping,
  never,
  type PCollection,
  type Pipeline,
  repeatedly,
  sessionWindows,
  slidingWindows,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  typed,
  type WindowFn,
} from 'millrace'
import { assertThat, at, testStream, testStreams } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript, unitCase } from './case.js'
import type { Claims } from './claims.js'
import { end, expectPanes, input, keyed, pane, valueAt, watermark } from './transcript.js'

const hour = 3_600_000
const day = 24 * hour
const tens = fixedWindows(10)

/** The windows of a timestamp, as pairs of start and end. */
function windowsOf(windowFn: WindowFn, timestamp: number): readonly (readonly [number, number])[] {
  const windows = windowFn.assign(timestamp)
  const all = Array.isArray(windows) ? (windows as readonly BoundedWindow[]) : [windows as BoundedWindow]
  return all.map(({ start, end }) => [start, end] as const).toSorted(([a], [b]) => a - b)
}

/** Claims the windows of timestamps. */
function claimWindows(
  claims: Claims,
  windowFn: WindowFn,
  ...expected: readonly (readonly [timestamp: number, ...windows: readonly (readonly [number, number])[]])[]
): void {
  for (const [timestamp, ...windows] of expected)
    claims.same(windowsOf(windowFn, timestamp), windows, `windows of ${timestamp}`)
}

/** Numbers that are their own timestamps. */
const numbers = (p: Pipeline, ...values: readonly number[]): PCollection<number> =>
  p.create('numbers', values, { timestamp: (n) => n })

const oneKey = (collection: PCollection<number>): PCollection<KV<string, number>> => collection.keyBy('one', () => 'k')

/** Elements with the ends of their windows, as text: `5 in [0, 10)`. */
const described = <T>(collection: PCollection<T>, text: (value: T) => string = String): PCollection<string> =>
  collection.parDo('describe', {
    output: t.string,
    process: (value, { window, emit }) => emit(`${text(value)} in [${window.start}, ${window.end})`),
  })

/** Groups of a single key with their windows, as text: `3 4 in [0, 10)`. */
const groupsOf = (windowed: PCollection<number>): PCollection<string> =>
  described(oneKey(windowed).groupByKey('group'), ({ value }) => [...value].toSorted((a, b) => a - b).join(' '))

/** All end together: a window that ended earlier might be complete, and gone, before another comes that it is to merge with. */
const onlyEvensMerge = customWindows({
  name: 'merge evens',
  assign: ({ element }: { readonly element: number }) => ({ start: element, end: 100 }),
  merge(windows) {
    const evens = windows.filter(({ start }) => start % 2 === 0)
    if (evens.length < 2) return []
    return [{ merged: { start: Math.min(...evens.map(({ start }) => start)), end: 100 }, parts: evens }]
  },
})

const parities = customWindows({
  name: 'tens by parity',
  data: t.string,
  assign({ element, timestamp }: { readonly element: number; readonly timestamp: number }) {
    const start = Math.floor(timestamp / 10) * 10
    return { start, end: start + 10, data: element % 2 === 0 ? 'even' : 'odd' }
  },
})

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  unitCase({
    id: 'WIN-01',
    name: 'fixed windows begin at multiples of their size, and do not contain their end',
    check: (claims) => claimWindows(claims, tens, [0, [0, 10]], [9, [0, 10]], [10, [10, 20]]),
  }),
  unitCase({
    id: 'WIN-02',
    name: 'a time before 1970 lies in a fixed window that contains it',
    check: (claims) => claimWindows(claims, tens, [-1, [-10, 0]], [-10, [-10, 0]], [-11, [-20, -10]]),
  }),
  unitCase({
    id: 'WIN-03',
    name: 'an offset moves the borders of fixed windows',
    check: (claims) =>
      claimWindows(claims, fixedWindows(10, { offset: 3 }), [2, [-7, 3]], [3, [3, 13]], [12, [3, 13]], [13, [13, 23]]),
  }),
  unitCase({
    id: 'WIN-04',
    // Beam Java refuses an offset that is not under the size; it names the same borders.
    name: 'an offset as long as the size or longer is taken modulo the size',
    check(claims) {
      for (const offset of [10, 13, 103])
        claims.same(windowsOf(fixedWindows(10, { offset }), 2), windowsOf(fixedWindows(10, { offset: offset % 10 }), 2))
      const sliding = (offset: number): WindowFn => slidingWindows(10, { every: 4, offset })
      claims.same(windowsOf(sliding(9), 2), windowsOf(sliding(1), 2))
      claims.same(
        fixedWindows(10, { offset: 13 }).payload,
        fixedWindows(10, { offset: 3 }).payload,
        'data in the graph',
      )
    },
  }),
  constructionCase({
    id: 'WIN-04/negative',
    name: 'a negative offset is refused',
    check(claims) {
      claims.refuses(() => fixedWindows(10, { offset: -3 }), { message: /offset of fixed windows.*-3/ })
      claims.refuses(() => slidingWindows(10, { every: 5, offset: -3 }), { message: /offset of sliding windows.*-3/ })
    },
  }),
  constructionCase({
    id: 'WIN-05',
    name: 'windows without length are refused, saying which length',
    check(claims) {
      for (const none of [0, -1, '0 seconds'] as const) {
        claims.refuses(() => fixedWindows(none), { message: /size of fixed windows/ })
        claims.refuses(() => slidingWindows(none, { every: 5 }), { message: /size of sliding windows/ })
        claims.refuses(() => slidingWindows(5, { every: none }), { message: /period of sliding windows/ })
        claims.refuses(() => sessionWindows(none), { message: /gap of session windows/ })
      }
      claims.refuses(() => calendarWindows({ unit: 'day', count: 0 }), { message: /count/ })
    },
  }),
  unitCase({
    id: 'WIN-06',
    name: 'a time lies in every sliding window that began less than a size ago',
    check: (claims) =>
      claimWindows(claims, slidingWindows(10, { every: 4 }), [0, [-8, 2], [-4, 6], [0, 10]], [11, [4, 14], [8, 18]]),
  }),
  unitCase({
    id: 'WIN-07',
    name: 'a time before 1970 lies in sliding windows that contain it',
    check: (claims) => claimWindows(claims, slidingWindows(10, { every: 5 }), [-3, [-10, 0], [-5, 5]]),
  }),
  unitCase({
    id: 'WIN-08',
    name: 'sliding windows that start as often as they are long are fixed windows',
    check(claims) {
      const sliding = slidingWindows(10, { every: 10, offset: 3 })
      for (const time of [-14, -7, 0, 2, 3, 12, 13, 1e12])
        claims.same(windowsOf(sliding, time), windowsOf(fixedWindows(10, { offset: 3 }), time), `windows of ${time}`)
    },
  }),
  unitCase({
    id: 'WIN-09',
    name: 'between sliding windows with gaps there is no window',
    check: (claims) => claimWindows(claims, slidingWindows(3, { every: 5 }), [1, [0, 3]], [3], [4], [5, [5, 8]]),
  }),
  pipelineCase({
    id: 'WIN-09/dropped',
    name: 'an element between sliding windows is dropped, and counted',
    build(p) {
      const windowed = numbers(p, 1, 4).windowInto('gaps', slidingWindows(3, { every: 5 }))
      assertThat('groups', groupsOf(windowed)).containsInAnyOrder('1 in [0, 3)')
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedWithoutWindow'), 1, 'dropped')
    },
  }),
  unitCase({
    id: 'WIN-10',
    name: 'an offset moves the borders of sliding windows',
    check: (claims) =>
      claimWindows(
        claims,
        slidingWindows(10, { every: 5, offset: 2 }),
        [0, [-8, 2], [-3, 7]],
        [1, [-8, 2], [-3, 7]],
        [2, [-3, 7], [2, 12]],
      ),
  }),
  unitCase({
    id: 'WIN-11',
    name: 'a session begins with an element and lasts for its gap',
    check: (claims) => claimWindows(claims, sessionWindows(10), [1, [1, 11]], [-5, [-5, 5]]),
  }),
  transcript({
    id: 'WIN-11/merged',
    name: 'sessions that overlap become one',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    events: [input(1), input(2), end(), expectPanes(pane([1, 12], [1, 2], 'onTime', 0, { at: 11 }))],
  }),
  transcript({
    id: 'WIN-12',
    name: 'sessions that only touch stay apart',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    events: [
      input(0, 10),
      end(),
      expectPanes(pane([0, 10], [0], 'onTime', 0), pane([10, 20], [10], 'onTime', 0, { at: 19 })),
    ],
  }),
  transcript({
    id: 'WIN-12/one-less',
    name: 'sessions a millisecond less than their gap apart become one',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    events: [input(0, 9), end(), expectPanes(pane([0, 19], [0, 9], 'onTime', 0))],
  }),
  transcript({
    id: 'WIN-13',
    name: 'an element between two sessions makes one of them',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    events: [input(0), input(15), input(8), end(), expectPanes(pane([0, 25], [0, 8, 15], 'onTime', 0, { at: 24 }))],
  }),
  transcript({
    id: 'WIN-14',
    name: 'sessions of one key know nothing of those of another',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    events: [
      input(keyed('a', 0), keyed('b', 5), keyed('a', 15)),
      input(keyed('b', 8)),
      end(),
      expectPanes(
        pane([0, 10], [0], 'onTime', 0, { key: 'a' }),
        pane([15, 25], [15], 'onTime', 0, { key: 'a' }),
        pane([5, 18], [5, 8], 'onTime', 0, { key: 'b' }),
      ),
    ],
  }),
  pipelineCase({
    id: 'WIN-15',
    name: 'sessions whose gap each element says merge where they overlap',
    needs: ['windows.customMerging', 'windows.merging'],
    build(p) {
      const gaps = customWindows({
        name: 'gaps of their own',
        assign: ({ element, timestamp }: { readonly element: number; readonly timestamp: number }) => ({
          start: timestamp,
          end: timestamp + (element >= 50 ? 20 : 2),
        }),
        merge: mergeOverlapping,
      })
      assertThat('groups', groupsOf(numbers(p, 1, 2, 5, 50, 65, 90).windowInto('gaps', gaps))).containsInAnyOrder(
        '1 2 in [1, 4)',
        '5 in [5, 7)',
        '50 65 in [50, 85)',
        '90 in [90, 110)',
      )
    },
  }),
  unitCase({
    id: 'WIN-16',
    name: 'a day in which clocks change has 23 or 25 hours',
    check(claims) {
      const days = calendarWindows({ unit: 'day', zone: 'Europe/Berlin' })
      const lengthOn = (noon: string): number => lengthAt(days, noon)
      claims.same(lengthOn('2024-03-30T12:00Z'), 24 * hour, 'the day before')
      claims.same(lengthOn('2024-03-31T12:00Z'), 23 * hour, 'the day on which summer time begins')
      claims.same(lengthOn('2024-10-27T12:00Z'), 25 * hour, 'the day on which it ends')
      claimWindows(claims, days, [
        Date.parse('2024-03-30T23:00Z'),
        [Date.parse('2024-03-30T23:00Z'), Date.parse('2024-03-31T22:00Z')],
      ])
    },
  }),
  unitCase({
    id: 'WIN-16/lengths',
    name: 'months and years have the length they have, also in a leap year',
    check(claims) {
      const months = calendarWindows({ unit: 'month' })
      claims.same(lengthAt(months, '2023-02-10T00:00Z'), 28 * day, 'February 2023')
      claims.same(lengthAt(months, '2024-02-10T00:00Z'), 29 * day, 'February 2024')
      claims.same(lengthAt(months, '1900-02-10T00:00Z'), 28 * day, 'February 1900')
      claims.same(lengthAt(months, '2024-04-10T00:00Z'), 30 * day, 'April')
      claims.same(lengthAt(months, '2024-12-10T00:00Z'), 31 * day, 'December')
      const years = calendarWindows({ unit: 'year' })
      claims.same(lengthAt(years, '2023-06-01T00:00Z'), 365 * day, '2023')
      claims.same(lengthAt(years, '2024-06-01T00:00Z'), 366 * day, '2024')
    },
  }),
  unitCase({
    id: 'WIN-16/starts',
    name: 'weeks begin on the day that is asked for, months on theirs, others where they are said to',
    check(claims) {
      const startOf = (windowFn: WindowFn, time: string): string =>
        new Date(windowsOf(windowFn, Date.parse(time))[0]?.[0] ?? Number.NaN).toISOString().slice(0, 10)
      const thursday = '2024-02-29T12:00Z'
      claims.same(startOf(calendarWindows({ unit: 'week' }), thursday), '2024-02-26', 'weeks from Monday')
      claims.same(startOf(calendarWindows({ unit: 'week', firstDay: 'sunday' }), thursday), '2024-02-25')
      claims.same(startOf(calendarWindows({ unit: 'month', dayOfMonth: 15 }), thursday), '2024-02-15')
      claims.same(startOf(calendarWindows({ unit: 'month', dayOfMonth: 31 }), thursday), '2024-02-29', 'a short month')
      claims.same(startOf(calendarWindows({ unit: 'year', startingAt: '2020-04-06' }), thursday), '2023-04-06')
      claims.same(
        startOf(calendarWindows({ unit: 'day', count: 10, startingAt: '2024-02-01' }), thursday),
        '2024-02-21',
      )
    },
  }),
  pipelineCase({
    id: 'WIN-16/grouped',
    name: 'elements are grouped by the days of a zone',
    needs: ['windows.calendar'],
    build(p) {
      const [before, after] = [Date.parse('2024-03-31T21:59Z'), Date.parse('2024-03-31T22:00Z')]
      const days = numbers(p, before, after).windowInto('days', calendarWindows({ unit: 'day', zone: 'Europe/Berlin' }))
      assertThat('groups', groupsOf(days)).containsInAnyOrder(
        `${before} in [${after - 23 * hour}, ${after})`,
        `${after} in [${after}, ${after + 24 * hour})`,
      )
    },
  }),
  unitCase({
    id: 'WIN-17',
    name: 'there is one global window, which ends a day before time does',
    check(claims) {
      const all = globalWindows()
      claims.holds(all.assign(TIMESTAMP_MIN) === all.assign(5e12), 'one window for all times')
      claims.same((all.assign(0) as BoundedWindow).maxTimestamp, TIMESTAMP_MAX - day, 'its last timestamp')
      claims.same(END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX - day, 'end of the global window')
    },
  }),
  pipelineCase({
    id: 'WIN-18',
    name: 'windows that depend on the element group by it',
    needs: ['windows.custom'],
    build(p) {
      const byParity = customWindows({
        name: 'even or odd',
        assign: ({ element }: { readonly element: number }) => ({ start: element % 2, end: 100 + (element % 2) }),
      })
      assertThat('groups', groupsOf(numbers(p, 1, 2, 3, 4).windowInto('parity', byParity))).containsInAnyOrder(
        '2 4 in [0, 100)',
        '1 3 in [1, 101)',
      )
    },
  }),
  pipelineCase({
    id: 'WIN-19',
    name: 'of custom windows those merge that the WindowFn says',
    needs: ['windows.customMerging', 'windows.merging'],
    build(p) {
      assertThat(
        'groups',
        groupsOf(numbers(p, 3, 4, 50, 51, 60).windowInto('evens', onlyEvensMerge)),
      ).containsInAnyOrder('3 in [3, 100)', '51 in [51, 100)', '4 50 60 in [4, 100)')
    },
  }),
  pipelineCase({
    id: 'WIN-20',
    name: 'a window that carries data keeps it over groupings and reshuffles, and shows it to a DoFn',
    needs: ['windows.custom', 'reshuffle', 'windows.data'],
    build(p) {
      const shown = oneKey(numbers(p, 1, 2, 3, 12).windowInto('parities', parities))
        .groupByKey('group')
        .reshuffle('elsewhere')
        .parDo('show', {
          output: t.string,
          process({ value }, { window, emit }) {
            const is = window instanceof DataWindow ? 'a' : 'no'
            const sum = [...value].reduce((a, b) => a + b, 0)
            emit(`${sum} ${parities.dataOf(window)} from ${window.start}, ${is} window with data`)
          },
        })
      assertThat('shown', shown).containsInAnyOrder(
        '2 even from 0, a window with data',
        '4 odd from 0, a window with data',
        '12 even from 10, a window with data',
      )
    },
  }),
  pipelineCase({
    id: 'WIN-21',
    name: 'a WindowFn that throws fails the run, naming the step',
    needs: ['windows.custom'],
    build(p) {
      const failing = customWindows({
        name: 'failing',
        assign: (): never => {
          throw new Error('no window today')
        },
      })
      oneKey(numbers(p, 1).windowInto('windows', failing)).groupByKey('group')
    },
    fails: { message: /no window today/, step: 'windows' },
  }),
  pipelineCase({
    id: 'WIN-21/no-window',
    name: 'a WindowFn that gives what is no window fails the run, naming the step and itself',
    needs: ['windows.custom'],
    build(p) {
      const backwards = customWindows({ name: 'backwards', assign: () => ({ start: 10, end: 0 }) })
      oneKey(numbers(p, 1).windowInto('windows', backwards)).groupByKey('group')
    },
    fails: { message: /custom windows "backwards" gave .*which is no window/, step: 'windows' },
  }),
  pipelineCase({
    id: 'WIN-22',
    name: 'an element in no window is dropped and counted; one in several is in each of them',
    needs: ['windows.custom'],
    build(p) {
      const overlapping = customWindows({
        name: 'overlapping',
        assign({ timestamp }) {
          if (timestamp > 8) return []
          return [
            { start: 0, end: 10 },
            { start: timestamp < 5 ? 0 : 5, end: 20 },
          ]
        },
      })
      const windowed = numbers(p, 1, 6, 9).windowInto('windows', overlapping)
      assertThat('groups', groupsOf(windowed)).containsInAnyOrder('1 6 in [0, 10)', '1 in [0, 20)', '6 in [5, 20)')
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedWithoutWindow'), 1, 'dropped')
    },
  }),
  pipelineCase({
    id: 'WIN-23',
    name: 'the last windowing counts, and timestamps stay',
    build(p) {
      const twice = numbers(p, 5, 15, 25).windowInto('tens', tens).windowInto('twenties', fixedWindows(20))
      assertThat('elements', twice).satisfies((values, elements) => {
        const moved = elements.filter(({ value, timestamp }) => value !== timestamp)
        if (moved.length > 0 || values.length !== 3) throw new Error('an element has moved or was lost')
      })
      assertThat('groups', groupsOf(twice)).containsInAnyOrder('5 15 in [0, 20)', '25 in [20, 40)')
    },
  }),
  pipelineCase({
    id: 'WIN-24',
    name: 'windowing without a WindowFn leaves elements in their windows: a trigger given later fires in those',
    // On-time panes without news would come too.
    needs: ['testStream', 'triggers.early'],
    build(p) {
      const windowed = p
        .apply('script', testStream<number>().add(at(5, 5)).add(at(6, 6)).add(at(15, 15)).end())
        .windowInto('tens', tens)
        .windowInto('often', { trigger: repeatedly(afterCount(1)), onTime: 'ifNonEmpty' })
      assertThat('groups', groupsOf(windowed)).containsInAnyOrder('5 in [0, 10)', '6 in [0, 10)', '15 in [10, 20)')
    },
  }),
  pipelineCase({
    id: 'WIN-25',
    name: 'without a grouping elements pass windows one by one, and wait for nothing',
    needs: ['testStream', 'testStream.processingTime'],
    inProcess: true,
    build(p) {
      const seen: string[] = []
      const { windowed, plain } = p.apply(
        'script',
        testStreams({ windowed: t.string, plain: t.string })
          .add('windowed', at(1, 'first'))
          .add('plain', at(2, 'second'))
          .add('windowed', at(3, 'third'))
          .end(),
      )
      const note = (from: PCollection<string>, name: string): PCollection<string> =>
        from.map(name, (word) => {
          seen.push(word)
          return word
        })
      const passed = note(windowed.windowInto('tens', tens, { trigger: never() }), 'note windowed')
      assertThat('passed', passed).containsInAnyOrder('first', 'third')
      note(plain, 'note plain')
      return (_, claims) => claims.same(seen, ['first', 'second', 'third'], 'order of arrival')
    },
  }),
  pipelineCase({
    id: 'WIN-26',
    name: 'map, filter, union, partition, further outputs and reshuffle leave elements in their windows',
    needs: ['reshuffle'],
    build(p) {
      const windowed = numbers(p, 3, 14).windowInto('tens', tens)
      const outputs = windowed.parDo('outputs', {
        outputs: { main: t.number, more: t.number },
        process: (n, { emit }) => emit.more(n),
      })
      const [low, high] = windowed.partition('partition', 2, (n) => (n < 10 ? 0 : 1))
      const kept = {
        map: windowed.map('map', (n) => n),
        filter: windowed.filter('filter', () => true),
        flatMap: windowed.flatMap('flatMap', (n) => [n]),
        flatten: flatten('flatten', [low, high]),
        outputs: outputs.more,
        reshuffle: windowed.reshuffle('reshuffle'),
      }
      for (const [name, collection] of Object.entries(kept)) {
        assertThat(`first of ${name}`, collection).inWindow({ start: 0, end: 10 }).containsInAnyOrder(3)
        assertThat(`second of ${name}`, collection).inWindow({ start: 10, end: 20 }).containsInAnyOrder(14)
      }
    },
  }),
  pipelineCase({
    id: 'WIN-27',
    name: 'a DoFn sees start, end and last timestamp of the window of its element',
    build(p) {
      const seen = numbers(p, 3, 17)
        .windowInto('tens', tens)
        .parDo('see', {
          output: typed<readonly number[]>(),
          process: (n, { window, emit }) => emit([n, window.start, window.end, window.maxTimestamp]),
        })
      assertThat('seen', seen).containsInAnyOrder([3, 0, 10, 9], [17, 10, 20, 19])
    },
  }),
  pipelineCase({
    id: 'WIN-27/several',
    name: 'a DoFn sees an element once for each of its windows',
    build(p) {
      const sliding = numbers(p, 7).windowInto('sliding', slidingWindows(10, { every: 5 }))
      assertThat('seen', described(sliding)).containsInAnyOrder('7 in [0, 10)', '7 in [5, 15)')
    },
  }),
  transcript({
    id: 'WIN-28',
    name: 'the last element of time is grouped in its window, which ends with the global one',
    windowFn: fixedWindows('6 hours'),
    events: [
      input(valueAt(1, END_OF_GLOBAL_WINDOW)),
      watermark(0),
      end(),
      expectPanes(
        pane([lastStart(6 * hour), END_OF_GLOBAL_WINDOW + 1], [1], 'onTime', 0, { at: END_OF_GLOBAL_WINDOW }),
      ),
    ],
  }),
  transcript({
    id: 'WIN-28/sessions',
    name: 'a session at the end of time ends with the global window',
    needs: ['windows.merging'],
    windowFn: sessionWindows('6 hours'),
    events: [
      input(valueAt(1, END_OF_GLOBAL_WINDOW - 5)),
      end(),
      expectPanes(pane([END_OF_GLOBAL_WINDOW - 5, END_OF_GLOBAL_WINDOW + 1], [1], 'onTime', 0)),
    ],
  }),
  pipelineCase({
    id: 'WIN-29',
    name: 'an element at the beginning of time is in one window, which contains it',
    build(p) {
      const grouped = oneKey(numbers(p, TIMESTAMP_MIN).windowInto('tens', tens)).groupByKey('group')
      assertThat(
        'groups',
        grouped.map('values', ({ value }) => [...value]),
      ).satisfies((values, elements) => {
        const [only, ...more] = elements
        const window = only?.window
        const isValid = window !== undefined && window.start <= TIMESTAMP_MIN && window.end > TIMESTAMP_MIN
        if (!isValid || more.length > 0 || values[0]?.[0] !== TIMESTAMP_MIN)
          throw new Error(`expected one window around the beginning of time, got ${window?.start} to ${window?.end}`)
      })
    },
  }),
  unitCase({
    id: 'WIN-29/whole',
    name: 'windows at both ends of time have whole ends within it',
    check(claims) {
      for (const windowFn of [
        tens,
        slidingWindows(10, { every: 4 }),
        sessionWindows(10),
        fixedWindows('6 hours', { offset: 1 }),
      ])
        for (const time of [TIMESTAMP_MIN, TIMESTAMP_MIN + 1, END_OF_GLOBAL_WINDOW - 1, END_OF_GLOBAL_WINDOW]) {
          const windows = windowsOf(windowFn, time)
          const areValid = windows.every(
            ([start, last]) =>
              start >= TIMESTAMP_MIN && start <= time && last > time && last <= END_OF_GLOBAL_WINDOW + 1,
          )
          claims.holds(
            windows.length > 0 && areValid,
            `windows around ${time} within time, got ${windows.join(' and ')}`,
          )
        }
    },
  }),
  unitCase({
    id: 'WIN-30',
    name: 'a WindowFn says truly whether each element gets exactly one window',
    check(claims) {
      claims.same(slidingWindows(10, { every: 5 }).assignsToOneWindow, false, 'of sliding windows')
      for (const windowFn of [globalWindows(), tens, sessionWindows(10), calendarWindows({ unit: 'day' })])
        claims.same(windowFn.assignsToOneWindow, true, `of ${windowFn.description}`)
    },
  }),
  ...(
    [
      ['sessions', sessionWindows(10), ['1 8 in [1, 18)', '40 in [40, 50)'], true],
      ['sliding', slidingWindows(10, { every: 5 }), slidingGroups(), false],
    ] as const
  ).flatMap(([name, windowFn, expected, merges]) =>
    (['bounded', 'stream'] as const).map((input) =>
      pipelineCase({
        id: `WIN-31/${name}-${input}`,
        name: `${windowFn.description} give the same for bounded input as for a stream: ${input}`,
        needs: [
          ...(merges ? (['windows.merging'] as const) : []),
          ...(input === 'stream' ? (['testStream'] as const) : []),
        ],
        build(p) {
          const values = [8, 40, 1]
          const elements =
            input === 'bounded'
              ? numbers(p, ...values)
              : p.apply(
                  'script',
                  testStream<number>()
                    .add(...values.map((n) => at(n, n)))
                    .end(),
                )
          assertThat('groups', groupsOf(elements.windowInto('windows', windowFn))).containsInAnyOrder(...expected)
        },
      }),
    ),
  ),
  pipelineCase({
    id: 'WIN-32',
    name: 'windows are one window when their ends and data are equal, wherever they were made',
    needs: ['windows.custom', 'reshuffle', 'windows.data'],
    build(p) {
      const first = numbers(p, 1, 2).windowInto('here', parities).reshuffle('elsewhere')
      const second = p.create('more', [3, 4], { timestamp: (n) => n }).windowInto('there', parities)
      assertThat('groups', groupsOf(flatten('union', [first, second]))).containsInAnyOrder(
        '1 3 in [0, 10)',
        '2 4 in [0, 10)',
      )
    },
  }),
  unitCase({
    id: 'WIN-32/fixed',
    name: 'the window of a time has the same ends whatever was asked before',
    check(claims) {
      const [forwards, backwards] = [fixedWindows(10), fixedWindows(10)]
      const times = [0, 9, 10, 25, -3, 1e12]
      const there = times.map((time) => windowsOf(forwards, time))
      const back = times.toReversed().map((time) => windowsOf(backwards, time))
      claims.same(back.toReversed(), there)
      claims.holds(new IntervalWindow(0, 10).toString() === forwards.assign(3).toString(), 'equal text')
    },
  }),
]

/** Length of the window of an instant. */
function lengthAt(windowFn: WindowFn, instant: string): number {
  const [window] = windowsOf(windowFn, Date.parse(instant))
  return window === undefined ? Number.NaN : window[1] - window[0]
}

/** Where the last fixed window of a length begins. */
function lastStart(size: number): number {
  return Math.floor(END_OF_GLOBAL_WINDOW / size) * size
}

/** 1, 8 and 40 in windows of ten every five. */
function slidingGroups(): readonly string[] {
  return ['1 in [-5, 5)', '1 8 in [0, 10)', '8 in [5, 15)', '40 in [35, 45)', '40 in [40, 50)']
}
