/**
 * GroupByKey: all values of a key and window, once.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  type KV,
  kv,
  type PCollection,
  type Pipeline,
  pipeline,
  sessionWindows,
  slidingWindows,
  sum,
  timer,
  typed,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import { keysOfAllKinds } from './keys.js'
import { end, expectPanes, input, keyed, pane, watermark } from './transcript.js'

const tens = fixedWindows(10)

/** Groups as plain data: values in ascending order, since their order is not promised. */
function plain<K>(grouped: PCollection<KV<K, Iterable<number>>>): PCollection<KV<K, readonly number[]>> {
  return grouped.map('plain', ({ key, value }) =>
    kv(
      key,
      [...value].sort((a, b) => a - b),
    ),
  )
}

function pairs(p: Pipeline): PCollection<KV<string, number>> {
  return p.create('pairs', [kv('a', 3), kv('b', 9), kv('a', 4), kv('c', 0)])
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'GBK-01',
    name: 'each key comes once, with all its values',
    build(p) {
      assertThat('groups', plain(pairs(p).groupByKey('group'))).containsInAnyOrder(
        kv('c', [0]),
        kv('b', [9]),
        kv('a', [3, 4]),
      )
    },
  }),
  pipelineCase({
    id: 'GBK-02',
    name: 'no pairs give no groups',
    build(p) {
      const nothing: readonly KV<string, number>[] = []
      assertThat('groups', p.create('pairs', nothing).groupByKey('group')).isEmpty()
    },
  }),
  pipelineCase({
    id: 'GBK-03',
    name: 'a grouping of which everything was filtered out gives nothing, and the pipeline ends',
    build(p) {
      const nothing = pairs(p).filter('none', ({ value }) => value > 100)
      assertThat('groups', nothing.groupByKey('group')).isEmpty()
    },
  }),
  pipelineCase({
    id: 'GBK-04',
    name: 'extreme integers survive',
    build(p) {
      const values = [-(2 ** 31), 2 ** 31 - 1, 2 ** 53 - 1, -(2n ** 63n), 2n ** 63n - 1n]
      const grouped = p
        .create('values', values)
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat('groups', grouped).satisfies(([group, ...more]) => {
        expectSame(more.length, 0, 'further groups')
        expectSameInAnyOrder(group?.value ?? [], values)
      })
    },
  }),
  pipelineCase({
    id: 'GBK-05',
    name: 'a key is grouped within each fixed window',
    build(p) {
      const timed = p.create('timed', [kv('k', 3), kv('k', 7), kv('k', 12), kv('j', 13)], {
        timestamp: ({ value }) => value,
      })
      const grouped = plain(timed.windowInto('tens', tens).groupByKey('group'))
      assertThat('first', grouped)
        .inWindow({ start: 0, end: 10 })
        .containsInAnyOrder(kv('k', [3, 7]))
      assertThat('second', grouped)
        .inWindow({ start: 10, end: 20 })
        .containsInAnyOrder(kv('k', [12]), kv('j', [13]))
      assertThat(
        'all',
        grouped.map('one', () => 1),
      ).containsInAnyOrder(1, 1, 1)
    },
  }),
  transcript({
    id: 'GBK-05/panes',
    name: 'each fixed window answers once, when the watermark passes its end',
    windowFn: tens,
    events: [
      input(keyed('k', 3, 1), keyed('k', 7, 2)),
      input(keyed('k', 12, 3), keyed('j', 13, 9)),
      watermark(11),
      expectPanes(pane([0, 10], [1, 2], 'onTime', 0, { key: 'k', ns: 0, last: true, at: 9 })),
      end(),
      expectPanes(
        pane([10, 20], [3], 'onTime', 0, { key: 'k', ns: 0, last: true, at: 19 }),
        pane([10, 20], [9], 'onTime', 0, { key: 'j', ns: 0, last: true, at: 19 }),
      ),
    ],
  }),
  transcript({
    id: 'GBK-06',
    name: 'an element is grouped in every sliding window that it lies in',
    windowFn: slidingWindows(10, { every: 5 }),
    events: [
      input(7),
      end(),
      expectPanes(pane([0, 10], [7], 'onTime', 0), pane([5, 15], [7], 'onTime', 0, { at: 14 })),
    ],
  }),
  transcript({
    id: 'GBK-07',
    name: 'sessions merge within a key, and never across keys',
    needs: ['windows.merging'],
    windowFn: sessionWindows(4),
    events: [
      input(keyed('k', 1, 1), keyed('k', 4, 2), keyed('j', 3, 5)),
      input(keyed('k', 9, 3)),
      end(),
      expectPanes(
        pane([1, 8], [1, 2], 'onTime', 0, { key: 'k' }),
        pane([9, 13], [3], 'onTime', 0, { key: 'k' }),
        pane([3, 7], [5], 'onTime', 0, { key: 'j' }),
      ),
    ],
  }),
  pipelineCase({
    id: 'GBK-08',
    name: 'a second grouping sees the windows of the first',
    build(p) {
      const timed = p.create('timed', [1, 2, 11], { timestamp: (value) => value }).windowInto('tens', tens)
      const sizes = timed
        .keyBy('parity', (value) => value % 2)
        .groupByKey('group')
        .map('size', ({ value }) => kv('sizes', [...value].length))
      const again = plain(sizes.groupByKey('again'))
      assertThat('first', again)
        .inWindow({ start: 0, end: 10 })
        .containsInAnyOrder(kv('sizes', [1, 1]))
      assertThat('second', again)
        .inWindow({ start: 10, end: 20 })
        .containsInAnyOrder(kv('sizes', [1]))
    },
  }),
  pipelineCase({
    id: 'GBK-09',
    name: 'sessions that were merged are not merged by a second grouping',
    needs: ['windows.merging'],
    build(p) {
      const again = plain(
        sessionsOf(p)
          .groupByKey('group')
          .map('total', ({ value }) =>
            kv(
              'all',
              [...value].reduce((a, b) => a + b, 0),
            ),
          )
          .groupByKey('again'),
      )
      assertThat('of a', again)
        .inWindow({ start: 1, end: 7 })
        .containsInAnyOrder(kv('all', [4]))
      assertThat('of b', again)
        .inWindow({ start: 2, end: 8 })
        .containsInAnyOrder(kv('all', [6]))
    },
  }),
  pipelineCase({
    id: 'GBK-09/windowed-again',
    name: 'sessions in between merge again',
    needs: ['windows.merging'],
    build(p) {
      const again = plain(
        sessionsOf(p)
          .groupByKey('group')
          .map('total', ({ value }) =>
            kv(
              'all',
              [...value].reduce((a, b) => a + b, 0),
            ),
          )
          .windowInto('sessions again', sessionWindows(4))
          .groupByKey('again'),
      )
      // A group's timestamp is the last of its session: 6 and 7.
      assertThat('of both', again)
        .inWindow({ start: 6, end: 11 })
        .containsInAnyOrder(kv('all', [4, 6]))
    },
  }),
  pipelineCase({
    id: 'GBK-10',
    name: 'keys are grouped by their encoded form, and not by identity',
    build(p) {
      const keyedByObject = p
        .create(
          'numbers',
          Array.from({ length: 50 }, (_, n) => n),
        )
        .keyBy('object', (n) => ({ of: n % 5 }))
        .groupByKey('group')
      const sizes = keyedByObject.map('size', ({ key, value }) => [key.of, [...value].length])
      assertThat('sizes', sizes).containsInAnyOrder([0, 10], [1, 10], [2, 10], [3, 10], [4, 10])
    },
  }),
  pipelineCase({
    id: 'GBK-11',
    name: 'numbers with a fraction are legal keys',
    build(p) {
      const grouped = p.create('pairs', [kv(0.1 + 0.2, 1), kv(0.3, 2), kv(0.1 + 0.2, 4)]).groupByKey('group')
      assertThat('groups', plain(grouped)).containsInAnyOrder(kv(0.1 + 0.2, [1, 4]), kv(0.3, [2]))
    },
  }),
  pipelineCase({
    id: 'GBK-12',
    name: 'null, texts, numbers, NaN, bytes, lists and records are keys, each of its own group; −0 is 0',
    build(p) {
      const twice = p.create('keys', [...keysOfAllKinds, ...keysOfAllKinds]).keyBy('itself', (key) => key)
      assertThat('sizes', twice.countPerKey('count')).satisfies((counts) =>
        expectSameInAnyOrder(
          counts,
          keysOfAllKinds.map((key) => kv(key, 2)),
        ),
      )
      const zeros = p.create('zeros', [kv(0, 1), kv(-0, 2)]).groupByKey('group zeros')
      assertThat(
        'zeros',
        zeros.map('size', ({ value }) => [...value].length),
      ).containsInAnyOrder(2)
    },
    needs: ['combine'],
  }),
  pipelineCase({
    id: 'GBK-13',
    name: 'records with the same fields are one key, whatever the order of the fields',
    build(p) {
      const grouped = p.create('pairs', [kv({ x: 1, y: 2 }, 1), kv({ y: 2, x: 1 }, 2)]).groupByKey('group')
      assertThat('groups', plain(grouped)).containsInAnyOrder(kv({ x: 1, y: 2 }, [1, 2]))
      const Point = t.type({ x: t.number, y: t.number })
      const points = [
        { x: 1, y: 2 },
        { y: 2, x: 1 },
      ]
      const described = p.create('points', points, { codec: Point }).keyBy('itself', (point) => point, { codec: Point })
      const sizes = described.groupByKey('group points').map('size', ({ value }) => [...value].length)
      assertThat('points', sizes).containsInAnyOrder(2)
    },
  }),
  pipelineCase({
    id: 'GBK-14',
    name: 'keys of ten kilobytes to a megabyte are keys like others',
    build(p) {
      const lengths = [10_000, 100_000, 1_000_000]
      const twice = p.create('lengths', [...lengths, ...lengths]).keyBy('long', (length) => 'k'.repeat(length))
      const sizes = twice.groupByKey('group').map('size', ({ key, value }) => kv(key.length, [...value].length))
      assertThat('sizes', sizes).containsInAnyOrder(...lengths.map((length) => kv(length, 2)))
    },
  }),
  pipelineCase({
    id: 'GBK-16',
    name: 'values of five and of twenty megabytes pass',
    notIn: { strict: 'every value is encoded at each step, which takes seconds and shows nothing new' },
    build(p) {
      const sizes = [5_000_000, 20_000_000]
      const grouped = p
        .create('sizes', sizes)
        .map('large', (size) => kv('k', new Uint8Array(size)))
        .groupByKey('group')
      const lengths = grouped.flatMap('lengths', ({ value }) => [...value].map((bytes) => bytes.length))
      assertThat('lengths', lengths).containsInAnyOrder(...sizes)
    },
  }),
  transcript({
    id: 'GBK-17',
    name: 'a group has the timestamp of the end of its window',
    windowFn: tens,
    events: [input(1), end(), expectPanes(pane([0, 10], [1], 'onTime', 0, { at: 9 }))],
  }),
  pipelineCase({
    id: 'GBK-18',
    name: 'a group has its values as often as they came, in some order',
    build(p) {
      const values = [3, 1, 2, 3, 1]
      const grouped = p
        .create('values', values)
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat('groups', grouped).satisfies((groups) => {
        expectSame(groups.length, 1, 'groups')
        expectSameInAnyOrder(groups[0]?.value ?? [], values)
      })
    },
  }),
  pipelineCase({
    id: 'GBK-15',
    name: 'a key with two hundred thousand values has them all, and they may be read twice',
    notIn: {
      smallBatches: 'thousands of batches take half a minute and show nothing new',
      strict: 'every pair is encoded at each step, which takes seconds and shows nothing new',
    },
    build(p) {
      const n = 200_000
      const readTwice = p
        .create(
          'numbers',
          Array.from({ length: n }, (_, i) => i),
        )
        .keyBy('key', () => 'one')
        .groupByKey('group')
        .map('read twice', ({ value }) => {
          const total = (): number => [...value].reduce((sum, i) => sum + i, 0)
          return { size: [...value].length, first: total(), second: total() }
        })
      const total = (n * (n - 1)) / 2
      assertThat('values', readTwice).containsInAnyOrder({ size: n, first: total, second: total })
    },
  }),
  pipelineCase({
    id: 'GBK-19',
    name: 'fifty thousand keys come once each',
    needs: ['combine', 'sideInputs'],
    notIn: {
      smallBatches: 'thousands of batches take half a minute and show nothing new',
      strict: 'every pair is encoded at each step, which takes seconds and shows nothing new',
    },
    build(p) {
      const keys = 50_000
      const numbers = Array.from({ length: 2 * keys }, (_, n) => n)
      const sizes = p
        .create('numbers', numbers)
        .keyBy('key', (n) => `key ${n % keys}`)
        .groupByKey('group')
        .map('size', ({ value }) => [...value].length)
      assertThat(
        'groups',
        sizes.combineGlobally(
          'groups',
          sum(() => 1),
        ),
      ).containsInAnyOrder(keys)
      assertThat('pairs', sizes.combineGlobally('pairs', sum())).containsInAnyOrder(2 * keys)
    },
  }),
  constructionCase({
    id: 'GBK-20',
    name: 'the output has the windowing of the input',
    check(claims) {
      const p = pipeline()
      p.create('pairs', [kv('k', 1)])
        .windowInto('tens', tens, { allowedLateness: 5, accumulation: 'accumulating', timestampCombiner: 'earliest' })
        .groupByKey('group')
      const { collections, windowingStrategies } = p.build().graph.components
      const of = (id: string): unknown => windowingStrategies.get(collections.get(id)?.windowingStrategyId ?? '')
      const [before, after] = ['tens.out', 'group.out'].map(of)
      claims.holds(before !== undefined, 'a windowing of the input')
      claims.same(after, before, 'windowing of the output')
    },
  }),
  constructionCase({
    id: 'GBK-20/sessions',
    name: 'the output of a grouping in sessions has windows that are merged',
    check(claims) {
      const p = pipeline()
      p.create('pairs', [kv('k', 1)])
        .windowInto('sessions', sessionWindows(10))
        .groupByKey('group')
      const { collections, windowingStrategies } = p.build().graph.components
      const of = (id: string): unknown =>
        windowingStrategies.get(collections.get(id)?.windowingStrategyId ?? '')?.mergeStatus
      claims.same(of('sessions.out'), 'needsMerge', 'before')
      claims.same(of('group.out'), 'alreadyMerged', 'after')
    },
  }),
  pipelineCase({
    id: 'GBK-21',
    name: 'what is done to the list made of a group does not change what a sibling sees',
    build(p) {
      const grouped = pairs(p).groupByKey('group')
      const spoilt = grouped.map('spoil', ({ value }) => {
        const list = [...value]
        list.length = 0
        return list.length
      })
      assertThat('spoilt', spoilt).containsInAnyOrder(0, 0, 0)
      assertThat('sibling', plain(grouped)).containsInAnyOrder(kv('a', [3, 4]), kv('b', [9]), kv('c', [0]))
    },
  }),
  pipelineCase({
    id: 'GBK-21/panes',
    name: 'a group that is kept as it was given does not change with later panes',
    needs: ['testStream', 'lateness', 'accumulating'],
    notIn: { strict: 'bundles of the script are cut' },
    build(p) {
      const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(11).add(at(2, 2)).add(at(3, 3))
      const grouped = p
        .apply('script', script.end())
        .windowInto('tens', tens, { allowedLateness: 100, accumulation: 'accumulating' })
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat('panes', grouped).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, paneIndex }) => [paneIndex, [...value.value].sort()]),
          [
            [0, [1]],
            [1, [1, 2]],
            [2, [1, 2, 3]],
          ],
        ),
      )
    },
  }),
  pipelineCase({
    id: 'GBK-22',
    name: 'one input grouped by two keys gives two independent results',
    build(p) {
      const numbers = p.create('numbers', [1, 2, 3, 4])
      const parity = numbers.keyBy('parity', (n) => n % 2).groupByKey('by parity')
      const size = numbers.keyBy('size', (n) => n > 2).groupByKey('by size')
      assertThat(
        'parity',
        parity.map('a', ({ key, value }) => kv(key, [...value].length)),
      ).containsInAnyOrder(kv(0, 2), kv(1, 2))
      assertThat(
        'size',
        size.map('b', ({ key, value }) => kv(key, [...value].sort())),
      ).containsInAnyOrder(kv(false, [1, 2]), kv(true, [3, 4]))
    },
  }),
  pipelineCase({
    id: 'GBK-23',
    name: 'a step with timers on the same key follows a grouping directly',
    needs: ['timers.eventTime'],
    build(p) {
      const timed = p.create('timed', [kv('k', 1), kv('j', 2), kv('k', 3)], { timestamp: ({ value }) => value })
      const fired = timed
        .windowInto('tens', tens)
        .groupByKey('group')
        .parDo('timers', {
          output: typed<string>(),
          timers: { end: timer.eventTime() },
          process({ key, value }, { window, timers, emit }) {
            timers.end.set(window.maxTimestamp)
            emit(`${key} has ${[...value].length}`)
          },
          onTimer: { end: ({ key, emit }) => emit(`${key} is over`) },
        })
      assertThat('fired', fired).containsInAnyOrder('k has 2', 'j has 1', 'k is over', 'j is over')
    },
  }),
]

/** One session of each key: [1, 7) with 1 and 3, [2, 8) with 2 and 4. */
function sessionsOf(p: Pipeline): PCollection<KV<string, number>> {
  return p
    .create('timed', [kv('a', 1), kv('b', 2), kv('a', 3), kv('b', 4)], { timestamp: ({ value }) => value })
    .windowInto('sessions', sessionWindows(4))
}
