/**
 * Panes: how they are numbered, when each is said to have come, and which timestamp it has.
 */
import {
  afterAll,
  afterCount,
  afterWatermark,
  customWindows,
  fixedWindows,
  flatten,
  globalWindows,
  kv,
  NO_FIRING,
  type PaneInfo,
  type PCollection,
  preview,
  repeatedly,
  sessionWindows,
  type TimestampCombiner,
  typed,
  type WindowFn,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { decodeFromBytes, encodeToBytes, paneInfoCoder } from '../../sdk/coders/index.js'
import { type ConformanceCase, pipelineCase, transcript, unitCase } from './case.js'
import { BY_BUNDLES, end, expectPanes, input, keyed, pane, valueAt, watermark } from './transcript.js'

const tens = fixedWindows(10)
const first = [0, 10] as const

/** The pane of each element, with the element. */
function withPane<T>(name: string, input: PCollection<T>): PCollection<readonly [T, PaneInfo]> {
  return input.parDo(name, {
    output: typed<readonly [T, PaneInfo]>(),
    process: (element, { pane: info, emit }) => emit([element, info]),
  })
}

/** How many panes had so many elements, with the pane of each: two guesses and a pane on time. */
const threePanes: readonly (readonly [number, PaneInfo])[] = [
  [2, { isFirst: true, isLast: false, timing: 'early', index: 0, nonSpeculativeIndex: -1 }],
  [2, { isFirst: false, isLast: false, timing: 'early', index: 1, nonSpeculativeIndex: -1 }],
  [1, { isFirst: false, isLast: true, timing: 'onTime', index: 2, nonSpeculativeIndex: 0 }],
]

/** A pane by its facts. */
const info = (
  timing: PaneInfo['timing'],
  index: number,
  nonSpeculativeIndex: number,
  marks: Pick<PaneInfo, 'isFirst' | 'isLast'> = { isFirst: false, isLast: false },
): PaneInfo => ({ ...marks, timing, index, nonSpeculativeIndex })

/**
 * Beam's bytes: flags for first (1), last (2) and timing (4, 8), and a high half that says which indices follow; then those,
 * as varints.
 */
const paneBytes: readonly (readonly [PaneInfo, readonly number[]])[] = [
  [NO_FIRING, [0x0f]],
  [info('onTime', 0, 0, { isFirst: true, isLast: true }), [0x07]],
  [info('early', 0, -1, { isFirst: true, isLast: false }), [0x11, 0]],
  [info('early', 3, -1), [0x10, 3]],
  [info('onTime', 1, 0), [0x24, 1, 0]],
  [info('late', 255, 254), [0x28, 0xff, 0x01, 0xfe, 0x01]],
  [info('late', 2 ** 40, 2 ** 40, { isFirst: false, isLast: true }), [0x1a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
]

/** One pane in tens, of three elements of which the first is not the earliest. */
const combined = (id: string, timestampCombiner: TimestampCombiner, timestamp: number): ConformanceCase =>
  transcript({
    id,
    name: `a pane with timestamp combiner ${timestampCombiner}`,
    windowFn: tens,
    options: { timestampCombiner },
    events: [
      input(3, 1, 6),
      watermark(12),
      expectPanes(pane(first, [1, 3, 6], 'onTime', 0, { at: timestamp, last: true })),
      end(),
    ],
  })

/** Windows of ten whose elements stand for times 3 ms after their own. */
const shifting: WindowFn = customWindows({
  name: 'shifting tens',
  assignsToOneWindow: true,
  assign: ({ timestamp }) => {
    const start = Math.floor(timestamp / 10) * 10
    return { start, end: start + 10 }
  },
  outputTime: (timestamp, { maxTimestamp }) => Math.min(timestamp + 3, maxTimestamp),
})

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  transcript({
    id: 'PAN-01',
    name: 'panes count from 0 for each key and window; only the first says so, only one that none can follow is the last',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: repeatedly(afterCount(1)) },
    events: [
      input(keyed('a', 1)),
      expectPanes(pane(first, [1], 'early', 0, { key: 'a', last: false })),
      input(keyed('b', 2)),
      expectPanes(pane(first, [2], 'early', 0, { key: 'b', last: false })),
      input(keyed('a', 11)),
      expectPanes(pane([10, 20], [11], 'early', 0, { key: 'a', last: false })),
      input(keyed('a', 3)),
      expectPanes(pane(first, [3], 'early', 1, { key: 'a', last: false })),
      watermark(12),
      expectPanes(
        pane(first, [], 'onTime', 2, { key: 'a', ns: 0, last: true }),
        pane(first, [], 'onTime', 1, { key: 'b', ns: 0, last: true }),
      ),
      end(),
      expectPanes(pane([10, 20], [], 'onTime', 1, { key: 'a', ns: 0, last: true })),
    ],
  }),
  transcript({
    id: 'PAN-01/global',
    name: 'the panes of the global window count too, and its last comes with the end of time',
    needs: ['triggers.early'],
    windowFn: globalWindows(),
    options: { trigger: repeatedly(afterCount(2)) },
    events: [
      input(1),
      input(2),
      expectPanes(pane('global', [1, 2], 'early', 0, { last: false })),
      input(3),
      end(),
      expectPanes(pane('global', [3], 'onTime', 1, { ns: 0, last: true })),
    ],
  }),
  ...(['PAN-02', 'PAN-03'] as const).map((id) =>
    transcript({
      id,
      name:
        id === 'PAN-02'
          ? 'panes are early, then one is on time, then they are late'
          : 'the index of panes that are no guesses is −1 for guesses, and counts from 0 afterwards',
      needs: ['triggers.early', 'triggers.late', 'lateness'],
      windowFn: tens,
      options: {
        trigger: afterWatermark({ early: afterCount(id === 'PAN-02' ? 1 : 2), late: afterCount(1) }),
        allowedLateness: 50,
        closing: 'always',
      },
      events: [
        ...(id === 'PAN-02'
          ? [input(1), expectPanes(pane(first, [1], 'early', 0)), input(2), expectPanes(pane(first, [2], 'early', 1))]
          : [
              input(1, 2),
              expectPanes(pane(first, [1, 2], 'early', 0, { ns: -1 })),
              input(3, 4),
              expectPanes(pane(first, [3, 4], 'early', 1, { ns: -1 })),
            ]),
        watermark(12),
        expectPanes(pane(first, [], 'onTime', 2, { ns: 0 })),
        input(5),
        expectPanes(pane(first, [5], 'late', 3, { ns: 1 })),
        input(6),
        expectPanes(pane(first, [6], 'late', 4, { ns: 2 })),
        watermark(80),
        expectPanes(pane(first, [], 'late', 5, { ns: 3, last: true })),
        end(),
      ],
    }),
  ),
  transcript({
    id: 'PAN-04',
    name: 'the first pane after the end is on time where what it has still held the watermark of the output',
    needs: ['triggers.early', 'triggers.composite', 'lateness'],
    windowFn: tens,
    options: { trigger: repeatedly(afterAll(afterCount(2), afterWatermark())), allowedLateness: 50 },
    events: [
      input(1),
      watermark(12),
      input(2),
      expectPanes(pane(first, [1, 2], 'onTime', 0, { ns: 0, last: false })),
      end(),
    ],
  }),
  transcript({
    id: 'PAN-04/late',
    name: 'and late where the watermark of the output had passed the end',
    needs: ['triggers.early', 'triggers.composite', 'lateness'],
    windowFn: tens,
    options: { trigger: repeatedly(afterAll(afterCount(2), afterWatermark())), allowedLateness: 50 },
    events: [
      watermark(12),
      input(1),
      input(2),
      expectPanes(pane(first, [1, 2], 'late', 0, { ns: 0, last: false })),
      end(),
    ],
  }),
  transcript({
    id: 'PAN-04/other-keys',
    name: 'an element behind the watermark holds nothing, however long other keys do',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 50 },
    events: [
      input(keyed('a', 1)),
      watermark(12),
      expectPanes(pane(first, [1], 'onTime', 0, { key: 'a', ns: 0 })),
      input(keyed('b', 2)),
      expectPanes(pane(first, [2], 'late', 0, { key: 'b', ns: 0 })),
      end(),
    ],
  }),
  transcript({
    id: 'PAN-05',
    name: 'a guess with which the trigger finishes is first and last',
    needs: ['triggers.early', 'lateness'],
    notIn: BY_BUNDLES,
    windowFn: tens,
    options: { trigger: afterCount(1), allowedLateness: 100, allowUnsafeTrigger: true },
    events: [input(1), expectPanes(pane(first, [1], 'early', 0, { ns: -1, last: true })), end()],
  }),
  transcript({
    id: 'PAN-06',
    name: 'a first pane after the end with which the trigger finishes is first and last, and late',
    needs: ['lateness'],
    notIn: BY_BUNDLES,
    windowFn: tens,
    options: { trigger: afterWatermark(), allowedLateness: 100, allowUnsafeTrigger: true },
    events: [watermark(15), input(1), expectPanes(pane(first, [1], 'late', 0, { ns: 0, last: true })), end()],
  }),
  transcript({
    id: 'PAN-06/on-time',
    name: 'or on time, where the watermark of the output had not passed the end',
    needs: ['triggers.early', 'triggers.composite', 'lateness'],
    notIn: BY_BUNDLES,
    windowFn: tens,
    options: {
      trigger: afterAll(afterCount(2), afterWatermark()),
      allowedLateness: 100,
      allowUnsafeTrigger: true,
    },
    events: [
      input(1),
      watermark(15),
      input(2),
      expectPanes(pane(first, [1, 2], 'onTime', 0, { ns: 0, last: true })),
      end(),
    ],
  }),
  ...(['discarding', 'accumulating'] as const).map((accumulation) =>
    transcript({
      id: `PAN-07/${accumulation}`,
      name: `a firing that says nothing uses up no index (${accumulation})`,
      needs: [
        'triggers.early',
        'triggers.late',
        'lateness',
        ...(accumulation === 'accumulating' ? (['accumulating'] as const) : []),
      ],
      windowFn: tens,
      options: {
        trigger: afterWatermark({ early: afterCount(2), late: afterCount(1) }),
        allowedLateness: 100,
        onTime: 'ifNonEmpty',
        accumulation,
      },
      events: [
        input(1, 2),
        expectPanes(pane(first, [1, 2], 'early', 0)),
        watermark(12),
        input(3),
        expectPanes(pane(first, accumulation === 'accumulating' ? [1, 2, 3] : [3], 'late', 1, { ns: 0 })),
        watermark(200),
        end(),
      ],
    }),
  ),
  pipelineCase({
    id: 'PAN-08',
    name: 'an element that no grouping has produced is first and last of an unknown pane',
    needs: ['testStream'],
    build(p) {
      const created = withPane('pane of created', p.create('created', [1]))
      const windowed = withPane('pane of windowed', p.create('plain', [1]).windowInto('tens', tens))
      const scripted = withPane('pane of scripted', p.apply('script', testStream<number>().add(at(1, 1)).end()))
      assertThat('created', created).containsInAnyOrder([1, NO_FIRING])
      assertThat('windowed', windowed).containsInAnyOrder([1, NO_FIRING])
      assertThat('scripted', scripted).containsInAnyOrder([1, NO_FIRING])
      return (_, claims) =>
        claims.same(NO_FIRING, {
          isFirst: true,
          isLast: true,
          timing: 'unknown',
          index: 0,
          nonSpeculativeIndex: 0,
        })
    },
  }),
  pipelineCase({
    id: 'PAN-09',
    name: 'the pane of an element stays through steps, outputs, flattening and reshuffling',
    needs: ['testStream', 'triggers.early', 'reshuffle'],
    build(p) {
      const script = testStream<number>().add(at(1, 1), at(2, 2)).add(at(3, 3), at(4, 4)).add(at(5, 5))
      const sizes = p
        .apply('script', script.advanceWatermarkTo(12).end())
        .windowInto('tens', tens, { trigger: afterWatermark({ early: afterCount(2) }) })
        .keyBy('one key', () => 'k')
        .groupByKey('group')
        .map('size', ({ value }) => [...value].length)
      const { main, more } = sizes.parDo('two outputs', {
        outputs: { main: typed<number>(), more: typed<number>() },
        process(n, { emit }) {
          emit.main(n)
          emit.more(n)
        },
      })
      // Bundles of a script stay whole, and so three panes come, whatever the mode.
      assertThat('through steps', withPane('pane after steps', main)).containsInAnyOrder(...threePanes)
      assertThat('through flatten', withPane('pane after flatten', flatten('both', [main, more]))).containsInAnyOrder(
        ...threePanes,
        ...threePanes,
      )
      assertThat('through reshuffle', withPane('pane after reshuffle', more.reshuffle('spread'))).containsInAnyOrder(
        ...threePanes,
      )
      assertThat(
        'in other windows',
        withPane('pane in other windows', main.windowInto('hundreds', fixedWindows(100))),
      ).containsInAnyOrder(...threePanes)
    },
  }),
  pipelineCase({
    id: 'PAN-09/grouping',
    name: 'the next grouping gives panes of its own',
    needs: ['testStream', 'triggers.early'],
    build(p) {
      const script = testStream<number>().add(at(1, 1), at(2, 2)).add(at(3, 3), at(4, 4)).add(at(5, 5))
      const again = p
        .apply('script', script.advanceWatermarkTo(12).end())
        .windowInto('tens', tens, { trigger: afterWatermark({ early: afterCount(2) }) })
        .keyBy('one key', () => 'k')
        .groupByKey('group')
        .map('size', ({ value }) => kv('sizes', [...value].length))
        .windowInto('at the end', { trigger: afterWatermark() })
        .groupByKey('group again')
        .map('list', ({ value }) => [...value].toSorted())
      assertThat('panes', withPane('pane', again)).containsInAnyOrder([
        [1, 2, 2],
        { isFirst: true, isLast: true, timing: 'onTime', index: 0, nonSpeculativeIndex: 0 },
      ])
    },
  }),
  unitCase({
    id: 'PAN-10',
    name: 'every pane is read back as it was, and written as Beam writes it',
    check(claims) {
      const indices = [0, 1, 255, 2 ** 40]
      for (const timing of ['early', 'onTime', 'late', 'unknown'] as const)
        for (const isFirst of [true, false])
          for (const isLast of [true, false])
            for (const index of indices)
              for (const nonSpeculativeIndex of timing === 'early' ? [-1] : indices) {
                const whole = info(timing, index, nonSpeculativeIndex, { isFirst, isLast })
                claims.same(decodeFromBytes(paneInfoCoder, encodeToBytes(paneInfoCoder, whole)), whole)
              }
      for (const [each, bytes] of paneBytes)
        claims.same([...encodeToBytes(paneInfoCoder, each)], bytes, `bytes of ${preview(each)}`)
    },
  }),
  combined('TSC-01', 'endOfWindow', 9),
  combined('TSC-02', 'earliest', 1),
  combined('TSC-03', 'latest', 6),
  transcript({
    id: 'TSC-01/default',
    name: 'a pane of which nothing else is said has the last timestamp of its window',
    windowFn: tens,
    events: [input(3, 1, 6), watermark(12), expectPanes(pane(first, [1, 3, 6], 'onTime', 0, { at: 9 })), end()],
  }),
  transcript({
    id: 'TSC-04',
    name: 'the earliest of a pane is that of its own elements, not of those before',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: afterWatermark({ early: afterCount(2) }), timestampCombiner: 'earliest' },
    events: [
      input(3, 1),
      expectPanes(pane(first, [1, 3], 'early', 0, { at: 1 })),
      input(6),
      watermark(12),
      expectPanes(pane(first, [6], 'onTime', 1, { ns: 0, at: 6 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-05',
    name: 'accumulating too, the timestamp is that of what is new',
    needs: ['triggers.early', 'accumulating'],
    windowFn: tens,
    options: {
      trigger: afterWatermark({ early: afterCount(2) }),
      timestampCombiner: 'earliest',
      accumulation: 'accumulating',
    },
    events: [
      input(3, 1),
      expectPanes(pane(first, [1, 3], 'early', 0, { at: 1 })),
      input(6),
      watermark(12),
      expectPanes(pane(first, [1, 3, 6], 'onTime', 1, { ns: 0, at: 6 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-06',
    name: 'the latest of each pane',
    needs: ['triggers.early'],
    windowFn: tens,
    options: { trigger: afterWatermark({ early: afterCount(2) }), timestampCombiner: 'latest' },
    events: [
      input(3, 1),
      expectPanes(pane(first, [1, 3], 'early', 0, { at: 3 })),
      input(6),
      watermark(12),
      expectPanes(pane(first, [6], 'onTime', 1, { ns: 0, at: 6 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-07',
    name: 'an element behind the watermark does not count for the earliest',
    needs: ['lateness'],
    windowFn: tens,
    options: { timestampCombiner: 'earliest', allowedLateness: 50 },
    events: [
      watermark(5),
      input(2, 7),
      watermark(12),
      expectPanes(pane(first, [2, 7], 'onTime', 0, { ns: 0, at: 7 })),
      input(3),
      expectPanes(pane(first, [3], 'late', 1, { ns: 1, at: 9 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-08',
    name: 'where all elements are behind the watermark, the pane is at the end of the window',
    needs: ['lateness'],
    windowFn: tens,
    options: { timestampCombiner: 'earliest', allowedLateness: 50 },
    events: [
      watermark(5),
      input(2, 4),
      watermark(12),
      expectPanes(pane(first, [2, 4], 'onTime', 0, { ns: 0, at: 9 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-09',
    name: 'the earliest of a merged session is that of all its parts',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    options: { timestampCombiner: 'earliest' },
    events: [
      input(12),
      input(4),
      input(8),
      watermark(60),
      expectPanes(pane([4, 22], [4, 8, 12], 'onTime', 0, { ns: 0, last: true, at: 4 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-09/parts',
    name: 'also where two sessions become one by an element between them',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    options: { timestampCombiner: 'earliest' },
    events: [
      input(0),
      input(15),
      input(8),
      watermark(60),
      expectPanes(pane([0, 25], [0, 8, 15], 'onTime', 0, { ns: 0, last: true, at: 0 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-09/behind',
    name: 'without those that were behind the watermark',
    needs: ['windows.merging', 'lateness'],
    windowFn: sessionWindows(10),
    options: { timestampCombiner: 'earliest', allowedLateness: 50 },
    events: [
      watermark(6),
      input(12),
      input(4),
      input(8),
      watermark(60),
      expectPanes(pane([4, 22], [4, 8, 12], 'onTime', 0, { ns: 0, at: 8 })),
      end(),
    ],
  }),
  transcript({
    id: 'TSC-09/latest',
    name: 'the latest of a merged session, and its end where nothing else is said',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    options: { timestampCombiner: 'latest' },
    events: [
      input(12),
      input(4),
      input(valueAt(40, 12), valueAt(41, 4)),
      watermark(60),
      expectPanes(pane([4, 22], [4, 12, 40, 41], 'onTime', 0, { ns: 0, last: true, at: 12 })),
      end(),
    ],
  }),
  ...(
    [
      ['earliest', 4],
      ['latest', 9],
      ['endOfWindow', 9],
    ] as const
  ).map(([timestampCombiner, timestamp]) =>
    transcript({
      id: `TSC-10/${timestampCombiner === 'endOfWindow' ? 'end-of-window' : timestampCombiner}`,
      name: `windows that shift timestamps shift those of elements, with timestamp combiner ${timestampCombiner}`,
      needs: ['windows.custom'],
      windowFn: shifting,
      options: { timestampCombiner },
      events: [
        input(3, 1, 6),
        watermark(12),
        expectPanes(pane(first, [1, 3, 6], 'onTime', 0, { at: timestamp, last: true })),
        end(),
      ],
    }),
  ),
]
