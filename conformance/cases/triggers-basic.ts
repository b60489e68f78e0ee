/**
 * Triggers that have no others inside: the watermark, counts, clocks, never. When a window answers, and with which panes.
 *
 * Where Beam's implementations differ, the answer is Beam Java's: its grouping is what engines execute.
 */
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  fixedWindows,
  kv,
  never,
  pipeline,
  repeatedly,
  sum,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import {
  BY_BUNDLES,
  dropped,
  droppedAsClosed,
  end,
  expectPanes,
  input,
  keyed,
  pane,
  processingTime,
  watermark,
} from './transcript.js'

const tens = fixedWindows(10)
const first = [0, 10] as const

const early2late1 = afterWatermark({ early: afterCount(2), late: afterCount(1) })
const oneAndTwo = [input(1), input(2)]

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  transcript({
    id: 'TRG-01',
    name: 'the default trigger answers once, when the watermark passes the end of the window',
    windowFn: tens,
    events: [
      input(1, 4),
      watermark(12),
      expectPanes(pane(first, [1, 4], 'onTime', 0, { ns: 0, last: true, at: 9 })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-02',
    name: 'the default trigger answers again for each bundle of late elements, and not at the expiry',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 100 },
    events: [
      input(1, 4),
      watermark(12),
      expectPanes(pane(first, [1, 4], 'onTime', 0, { ns: 0, last: false, at: 9 })),
      input(6),
      expectPanes(pane(first, [6], 'late', 1, { ns: 1, last: false, at: 9 })),
      input(8),
      expectPanes(pane(first, [8], 'late', 2, { ns: 2, last: false, at: 9 })),
      watermark(200),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-03',
    name: 'accumulating, late panes have everything so far',
    needs: ['lateness', 'accumulating'],
    windowFn: tens,
    options: { allowedLateness: 100, accumulation: 'accumulating' },
    events: [
      input(1, 4),
      watermark(12),
      expectPanes(pane(first, [1, 4], 'onTime', 0, { ns: 0, last: false, at: 9 })),
      input(6),
      expectPanes(pane(first, [1, 4, 6], 'late', 1, { ns: 1, last: false, at: 9 })),
      input(8),
      expectPanes(pane(first, [1, 4, 6, 8], 'late', 2, { ns: 2, last: false, at: 9 })),
      watermark(200),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-04',
    name: 'a window without elements says nothing',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 5, closing: 'always' },
    events: [
      input(25),
      watermark(12),
      watermark(22),
      watermark(32),
      expectPanes(pane([20, 30], [25], 'onTime', 0, { last: false })),
      watermark(60),
      expectPanes(pane([20, 30], [], 'late', 1, { last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-05',
    name: 'the default trigger answers on time once, however often the watermark moves beyond the end',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 50, accumulation: 'discarding' },
    events: [
      input(1),
      watermark(8),
      input(2),
      watermark(12),
      expectPanes(pane(first, [1, 2], 'onTime', 0, { ns: 0 })),
      watermark(13),
      watermark(20),
      watermark(40),
      end(),
    ],
  }),
  ...(['always', 'ifNonEmpty'] as const).map((closing) =>
    transcript({
      id: `TRG-06/${closing === 'always' ? 'always' : 'if-non-empty'}`,
      name: `where the watermark passes end and expiry at once, there is one pane, on time and last (closing ${closing})`,
      needs: ['lateness'],
      windowFn: tens,
      options: { allowedLateness: 50, closing },
      events: [
        input(1, 4),
        watermark(0),
        watermark(100),
        expectPanes(pane(first, [1, 4], 'onTime', 0, { ns: 0, last: true, at: 9 })),
        end(),
      ],
    }),
  ),
  transcript({
    id: 'TRG-07',
    name: 'afterWatermark without early and late answers once; later elements are dropped and counted',
    windowFn: tens,
    options: { trigger: afterWatermark() },
    events: [
      input(1, 4),
      watermark(12),
      expectPanes(pane(first, [1, 4], 'onTime', 0, { ns: 0, last: true, at: 9 })),
      input(3),
      dropped(1),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-08',
    name: 'guesses, the answer, and corrections, each with everything so far',
    needs: ['triggers.early', 'triggers.late', 'lateness', 'accumulating'],
    windowFn: tens,
    options: { trigger: early2late1, allowedLateness: 50, accumulation: 'accumulating' },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0, { last: false })),
      input(3),
      watermark(12),
      expectPanes(pane(first, [1, 2, 3], 'onTime', 1, { ns: 0, last: false })),
      input(4),
      expectPanes(pane(first, [1, 2, 3, 4], 'late', 2, { ns: 1, last: false })),
      input(5),
      expectPanes(pane(first, [1, 2, 3, 4, 5], 'late', 3, { ns: 2, last: false })),
      watermark(200),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-09',
    name: 'guesses, the answer, and corrections, each with what is new',
    needs: ['triggers.early', 'triggers.late', 'lateness'],
    windowFn: tens,
    options: { trigger: early2late1, allowedLateness: 50 },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0, { last: false })),
      input(3),
      watermark(12),
      expectPanes(pane(first, [3], 'onTime', 1, { ns: 0, last: false })),
      input(4),
      expectPanes(pane(first, [4], 'late', 2, { ns: 1, last: false })),
      input(5),
      expectPanes(pane(first, [5], 'late', 3, { ns: 2, last: false })),
      watermark(200),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-10',
    name: 'closing always gives a last pane at the expiry, empty where nothing is new',
    needs: ['triggers.early', 'triggers.late', 'lateness'],
    windowFn: tens,
    options: { trigger: early2late1, allowedLateness: 50, closing: 'always' },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0)),
      input(3),
      watermark(12),
      expectPanes(pane(first, [3], 'onTime', 1, { ns: 0 })),
      input(4),
      expectPanes(pane(first, [4], 'late', 2, { ns: 1, last: false })),
      input(5),
      expectPanes(pane(first, [5], 'late', 3, { ns: 2, last: false })),
      watermark(200),
      expectPanes(pane(first, [], 'late', 4, { ns: 3, last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-10/accumulating',
    name: 'closing always repeats everything at the expiry, accumulating',
    needs: ['triggers.early', 'triggers.late', 'lateness', 'accumulating'],
    windowFn: tens,
    options: { trigger: early2late1, allowedLateness: 50, closing: 'always', accumulation: 'accumulating' },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0)),
      input(3),
      watermark(12),
      expectPanes(pane(first, [1, 2, 3], 'onTime', 1, { ns: 0 })),
      input(4),
      expectPanes(pane(first, [1, 2, 3, 4], 'late', 2, { ns: 1 })),
      input(5),
      expectPanes(pane(first, [1, 2, 3, 4, 5], 'late', 3, { ns: 2, last: false })),
      watermark(200),
      expectPanes(pane(first, [1, 2, 3, 4, 5], 'late', 4, { ns: 3, last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-11',
    name: 'after a guess that had everything, the pane on time is empty, and comes all the same',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: afterWatermark({ early: afterCount(2) }) },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0, { last: false })),
      watermark(12),
      expectPanes(pane(first, [], 'onTime', 1, { ns: 0, last: true, at: 9 })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-12',
    name: 'with onTime ifNonEmpty it does not come',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: afterWatermark({ early: afterCount(2) }), onTime: 'ifNonEmpty' },
    events: [...oneAndTwo, expectPanes(pane(first, [1, 2], 'early', 0, { last: false })), watermark(12), end()],
  }),
  transcript({
    id: 'TRG-12/late',
    name: 'what comes late after that is the first pane that is no guess, and not on time',
    needs: ['triggers.early', 'triggers.late', 'lateness'],
    windowFn: tens,
    options: {
      trigger: afterWatermark({ early: afterCount(2), late: afterCount(2) }),
      onTime: 'ifNonEmpty',
      allowedLateness: 50,
    },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0)),
      watermark(12),
      input(3),
      watermark(200),
      expectPanes(pane(first, [3], 'late', 1, { ns: 0, last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-13',
    name: 'late elements that are too few for a correction come out at the expiry',
    needs: ['triggers.early', 'triggers.late', 'lateness'],
    windowFn: tens,
    options: { trigger: afterWatermark({ early: afterCount(2), late: afterCount(2) }), allowedLateness: 50 },
    events: [
      input(1),
      watermark(12),
      expectPanes(pane(first, [1], 'onTime', 0, { ns: 0, last: false })),
      input(4),
      watermark(200),
      expectPanes(pane(first, [4], 'late', 1, { ns: 1, last: true })),
      end(),
    ],
  }),
  constructionCase({
    id: 'TRG-14',
    name: 'a count by itself is refused by a grouping, since it finishes',
    check(claims) {
      const input = pipeline()
        .create('numbers', [kv('k', 1)])
        .windowInto('tens', tens, { trigger: afterCount(2) })
      claims.refuses(() => input.groupByKey('group'), {
        message: /afterCount\(2\) may finish.*repeatedly\(afterCount\(2\)\)/,
        step: 'group',
      })
      claims.refuses(() => input.combinePerKey('sum', sum()), { message: /afterCount\(2\) may finish/, step: 'sum' })
    },
  }),
  transcript({
    id: 'TRG-14/allowed',
    name: 'where the author allows it, a count answers once; later elements are dropped and counted',
    needs: ['triggers.early'],
    notIn: BY_BUNDLES,
    windowFn: tens,
    options: { trigger: afterCount(2), allowUnsafeTrigger: true },
    events: [
      ...oneAndTwo,
      expectPanes(pane(first, [1, 2], 'early', 0, { last: true })),
      input(3),
      input(4),
      droppedAsClosed(2),
      watermark(12),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-15',
    name: 'a count that repeats; what is left comes out at the expiry',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: repeatedly(afterCount(2)) },
    events: [
      input(1),
      input(2),
      expectPanes(pane(first, [1, 2], 'early', 0, { last: false })),
      input(3),
      input(4),
      expectPanes(pane(first, [3, 4], 'early', 1, { last: false })),
      input(5),
      watermark(12),
      expectPanes(pane(first, [5], 'onTime', 2, { ns: 0, last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-16',
    name: 'a count that repeats, accumulating',
    needs: ['triggers.early', 'accumulating'],
    windowFn: tens,
    options: { trigger: repeatedly(afterCount(2)), accumulation: 'accumulating' },
    events: [
      input(1),
      input(2),
      expectPanes(pane(first, [1, 2], 'early', 0, { last: false })),
      input(3),
      input(4),
      expectPanes(pane(first, [1, 2, 3, 4], 'early', 1, { last: false })),
      input(5),
      watermark(12),
      expectPanes(pane(first, [1, 2, 3, 4, 5], 'onTime', 2, { ns: 0, last: true })),
      end(),
    ],
  }),
  pipelineCase({
    id: 'TRG-17',
    name: 'a count means at least: elements of one bundle may come in panes of any size from it, and each comes once',
    needs: ['testStream', 'triggers.early'],
    build(p) {
      const script = testStream<number>().add(...[1, 2, 3, 4, 5].map((n) => at(n, n)))
      const panes = p
        .apply('script', script.advanceWatermarkTo(12).end())
        .windowInto('tens', tens, { trigger: repeatedly(afterCount(2)) })
        .keyBy('one key', () => 'k')
        .groupByKey('group')
        .map('list', ({ value }) => [...value])
      assertThat('panes', panes).satisfies((lists, elements) => {
        expectSameInAnyOrder(lists.flat(), [1, 2, 3, 4, 5])
        const tooSmall = elements.filter(({ value, timing }) => timing === 'early' && value.length < 2)
        expectSame(tooSmall, [], 'early panes of less than two elements')
      })
    },
  }),
  transcript({
    id: 'TRG-18',
    name: 'a count counts each key by itself',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: repeatedly(afterCount(2)) },
    events: [
      input(keyed('a', 1)),
      input(keyed('b', 1)),
      input(keyed('a', 2)),
      expectPanes(pane(first, [1, 2], 'early', 0, { key: 'a' })),
      watermark(12),
      expectPanes(
        // Nothing is new for a: its pane on time is empty.
        pane(first, [], 'onTime', 1, { key: 'a', last: true }),
        pane(first, [1], 'onTime', 0, { key: 'b', last: true }),
      ),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-18/windows',
    name: 'a count counts each window by itself',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: repeatedly(afterCount(2)), onTime: 'ifNonEmpty' },
    events: [
      input(1),
      input(11),
      input(2),
      expectPanes(pane(first, [1, 2], 'early', 0)),
      input(12),
      expectPanes(pane([10, 20], [11, 12], 'early', 0)),
      watermark(30),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-19',
    name: 'a count of one that repeats answers for every element',
    needs: ['triggers.early', 'lateness'],
    windowFn: tens,
    options: { trigger: repeatedly(afterCount(1)), allowedLateness: 50 },
    events: [
      input(3),
      expectPanes(pane(first, [3], 'early', 0)),
      input(1),
      expectPanes(pane(first, [1], 'early', 1)),
      watermark(12),
      input(2),
      expectPanes(pane(first, [2], 'late', 2, { ns: 0 })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-20',
    name: 'a delay of processing time counts from the first element, repeatedly; at the expiry there is a pane on time',
    needs: ['triggers.early', 'triggers.processingTime'],
    windowFn: tens,
    options: { trigger: repeatedly(afterProcessingTime('5 seconds')) },
    events: [
      input(1),
      processingTime(3000),
      input(2),
      processingTime(2500),
      expectPanes(pane(first, [1, 2], 'early', 0, { last: false })),
      input(3),
      // Exactly the delay: the clock has reached the time, and must be past it.
      processingTime(5000),
      processingTime(1),
      expectPanes(pane(first, [3], 'early', 1, { last: false })),
      watermark(12),
      expectPanes(pane(first, [], 'onTime', 2, { ns: 0, last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-21',
    name: 'the delay counts from the first element of a pane, not of the window',
    needs: ['triggers.early', 'triggers.processingTime'],
    windowFn: tens,
    options: { trigger: repeatedly(afterProcessingTime('5 seconds')), onTime: 'ifNonEmpty' },
    events: [
      input(1),
      processingTime(6000),
      expectPanes(pane(first, [1], 'early', 0)),
      processingTime(4000),
      input(2),
      processingTime(4000),
      input(3),
      processingTime(1500),
      expectPanes(pane(first, [2, 3], 'early', 1)),
      watermark(12),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-22',
    name: 'a delay that is aligned to a period fires at the next instant of it (the clock of a script begins at 1970)',
    needs: ['triggers.early', 'triggers.processingTime'],
    windowFn: tens,
    options: {
      trigger: repeatedly(afterProcessingTime(0, { alignTo: { period: '1 minute', offset: '5 seconds' } })),
      onTime: 'ifNonEmpty',
    },
    events: [
      processingTime('20 seconds'),
      input(1),
      processingTime('30 seconds'),
      input(2),
      processingTime('15 seconds'),
      processingTime(1),
      expectPanes(pane(first, [1, 2], 'early', 0)),
      // 65 s and 1 ms: the next instant is 125 s.
      input(3),
      processingTime('59 seconds'),
      processingTime('1 second'),
      expectPanes(pane(first, [3], 'early', 1)),
      watermark(12),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-23',
    name: 'a delay that ends after its window has expired finds nothing',
    needs: ['triggers.early', 'triggers.processingTime', 'accumulating'],
    windowFn: tens,
    options: { trigger: repeatedly(afterProcessingTime('5 seconds')), accumulation: 'accumulating' },
    events: [
      input(1),
      watermark(12),
      expectPanes(pane(first, [1], 'onTime', 0, { ns: 0, last: true })),
      processingTime(6000),
      // The same key, alive in another window.
      input(11),
      processingTime(1),
      watermark(22),
      expectPanes(pane([10, 20], [11], 'onTime', 0, { ns: 0, last: true })),
      processingTime(6000),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-25',
    name: 'a delay that ends when the window does gives no pane of its own: one pane, on time',
    needs: ['triggers.early', 'triggers.processingTime', 'accumulating'],
    windowFn: fixedWindows(100),
    options: {
      trigger: repeatedly(afterProcessingTime(10)),
      accumulation: 'accumulating',
      timestampCombiner: 'earliest',
    },
    events: [
      processingTime(5000),
      input(2, 5),
      // The clock is at the time, and not past it.
      processingTime(10),
      watermark(100),
      expectPanes(pane([0, 100], [2, 5], 'onTime', 0, { ns: 0, last: true, at: 2 })),
      processingTime(1),
      end(),
    ],
  }),
  pipelineCase({
    id: 'TRG-26',
    name: 'a second grouping does not wait for the delay of the first again',
    needs: ['testStream', 'triggers.early', 'triggers.processingTime', 'combine', 'testStream.processingTime'],
    build(p) {
      const script = testStream<number>()
        .add(at(1, 1))
        .advanceProcessingTime(5001)
        .advanceProcessingTime(1)
        .add(at(2, 2))
        .advanceProcessingTime(5001)
        .advanceProcessingTime(1)
      const panes = p
        .apply('script', script.end())
        .windowInto('tens', tens, { trigger: repeatedly(afterProcessingTime(5000)), onTime: 'ifNonEmpty' })
        .keyBy('one key', () => 'k')
        .groupByKey('group')
        .map('sizes', ({ key, value }) => kv(key, [...value].length))
        .combinePerKey('again', sum())
      assertThat('sums', panes).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, timing, paneIndex }) => [value.value, timing, paneIndex]),
          [
            [1, 'early', 0],
            [1, 'early', 1],
          ],
        ),
      )
    },
  }),
  transcript({
    id: 'TRG-27',
    name: 'never: a window answers once, when it expires',
    needs: ['lateness'],
    windowFn: tens,
    options: { trigger: never(), allowedLateness: 30 },
    events: [
      input(1),
      watermark(12),
      input(2),
      watermark(100),
      expectPanes(pane(first, [1, 2], 'onTime', 0, { ns: 0, last: true })),
      end(),
    ],
  }),
  transcript({
    id: 'TRG-28',
    name: 'with never for late elements, they come together in the last pane',
    needs: ['triggers.early', 'triggers.late', 'lateness'],
    windowFn: fixedWindows(10_000),
    options: { trigger: afterWatermark({ early: afterCount(2), late: never() }), allowedLateness: 5000 },
    events: [
      input(1000),
      input(2000),
      expectPanes(pane([0, 10_000], [1000, 2000], 'early', 0)),
      input(3000),
      watermark(11_000),
      expectPanes(pane([0, 10_000], [3000], 'onTime', 1, { ns: 0, last: false })),
      input(4000),
      input(5000),
      watermark(20_000),
      expectPanes(pane([0, 10_000], [4000, 5000], 'late', 2, { ns: 1, last: true })),
      end(),
    ],
  }),
]
