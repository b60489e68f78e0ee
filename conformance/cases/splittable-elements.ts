/**
 * Splittable DoFns between other steps: the watermarks they report, and what of an element reaches its work.
 */
import {
  fixedWindows,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  pipeline,
  resume,
  slidingWindows,
  source,
  type SplittableContext,
  splittableParDo,
  typed,
  type WatermarkPolicy,
  watermarks,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import { bounds, numbersOf, ranged, reader, upTo } from './readers.js'

/** Elements of a source stand in windows of 10 that wait for late ones; gives the panes. */
const panesOf = (
  numbers: PCollection<number>,
): PCollection<{ readonly key: string; readonly value: Iterable<number> }> =>
  numbers
    .windowInto('tens', fixedWindows(10), { allowedLateness: 1_000_000 })
    .keyBy('one', () => 'k')
    .groupByKey('group')

/**
 * A reader that is called once a second of a script, whose own watermark is far ahead. Between two calls everything behind it
 * is done: what its watermark says has been heard.
 */
const everySecond = (
  p: Pipeline,
  seconds: number,
  watermark: WatermarkPolicy,
  call: (second: number, context: Pick<SplittableContext<number, undefined>, 'emit' | 'watermark' | 'now'>) => void,
): PCollection<number> => {
  let script = testStream<number>().add(at(0, 0)).advanceWatermarkTo(1_000_000)
  for (let i = 0; i < seconds; i++) script = script.advanceProcessingTime(1000)
  return p.apply('script', script.end()).apply(
    'each second',
    splittableParDo(
      reader<number>(seconds, {
        bounded: false,
        watermark,
        process(_, tracker, context) {
          const { from } = tracker.currentRestriction()
          if (!tracker.tryClaim(from)) return
          call(from, context)
          return resume({ after: 1000 })
        },
      }),
    ),
  )
}

/** A reader that emits a number each second, its place in the list, at these timestamps. */
const stamped = (p: Pipeline, watermark: WatermarkPolicy, stamps: readonly number[]): PCollection<number> =>
  everySecond(p, stamps.length, watermark, (second, { emit }) => emit(second, stamps[second]))

/** What panes hold. */
const listed = (numbers: PCollection<number>): PCollection<readonly number[]> =>
  panesOf(numbers).map('list', ({ value }) => [...value].sort())

const FIRST = { start: 0, end: 10 }
const CLOCKED = {
  needs: ['splittable.unbounded', 'lateness', 'testStream', 'testStream.processingTime'],
  notIn: { strict: 'parts of a script are cut, and its clock moves between them' },
} as const

const time: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SDF-15/follows',
    name: 'the watermark is where the source says, over checkpoints: what it emits behind is late',
    ...CLOCKED,
    build(p) {
      const panes = listed(
        everySecond(p, 4, watermarks.manual(), (second, { emit, watermark }) => {
          emit(second, second)
          if (second === 1) watermark.set(10)
        }),
      )
      assertThat('on time', panes).inOnTimePane(FIRST).isSingleton([0, 1])
      assertThat('late', panes).inLatePanes(FIRST).containsInAnyOrder([2], [3])
    },
  }),
  pipelineCase({
    id: 'SDF-15/survives',
    name: 'what the source has said is still known after a checkpoint',
    needs: ['splittable.unbounded'],
    build: (p) =>
      void numbersOf(
        p,
        'numbers',
        reader(3, {
          bounded: false,
          watermark: watermarks.manual(),
          process(_, tracker, { watermark }) {
            const { from } = tracker.currentRestriction()
            if (!tracker.tryClaim(from)) return
            if (from === 0) watermark.set(100)
            if (from === 2) watermark.set(50)
            return resume()
          },
        }),
      ),
    fails: { message: /watermark\.set\(.*\) goes back/, step: 'numbers' },
  }),
  pipelineCase({
    id: 'SDF-16/monotonic',
    name: 'where timestamps never fall the watermark is at the last one, and stays there when one falls',
    ...CLOCKED,
    build(p) {
      const panes = listed(stamped(p, watermarks.monotonic(), [1, 25, 3, 26]))
      assertThat('first', panes).inOnTimePane(FIRST).isSingleton([0])
      assertThat('late', panes).inLatePanes(FIRST).isSingleton([2])
      assertThat('last', panes).inOnTimePane({ start: 20, end: 30 }).isSingleton([1, 3])
    },
  }),
  pipelineCase({
    id: 'SDF-16/out-of-order',
    name: 'disorder that was allowed for is not late, and more is',
    ...CLOCKED,
    build(p) {
      const panes = listed(stamped(p, watermarks.outOfOrder(22), [1, 25, 3, 45, 4]))
      assertThat('first', panes).inOnTimePane(FIRST).isSingleton([0, 2])
      assertThat('late', panes).inLatePanes(FIRST).isSingleton([4])
    },
  }),
  pipelineCase({
    id: 'SDF-16/wall-clock',
    name: 'a watermark by the clock follows the clock, less the delay, whatever is emitted',
    ...CLOCKED,
    build(p) {
      // The end of the window is at 10: the clock less the delay has passed it at 2000, and not at 1000.
      const panes = listed(stamped(p, watermarks.wallClock({ delay: 1500 }), [1, 2, 3, 4]))
      assertThat('on time', panes).inOnTimePane(FIRST).isSingleton([0, 1, 2])
      assertThat('late', panes).inLatePanes(FIRST).isSingleton([3])
    },
  }),
  pipelineCase({
    id: 'SDF-16/backwards',
    name: 'a watermark that is set back is an error',
    needs: ['splittable.bounded'],
    build: (p) =>
      void numbersOf(
        p,
        'numbers',
        reader(1, {
          watermark: watermarks.manual(),
          process(_, tracker, { watermark }) {
            tracker.tryClaim(0)
            watermark.set(20)
            watermark.set(10)
          },
        }),
      ),
    fails: { message: /watermark\.set\(.*\) goes back/, step: 'numbers' },
  }),
  pipelineCase({
    id: 'SDF-17',
    name: 'a source that emits nothing for long moves its watermark still',
    ...CLOCKED,
    build(p) {
      const panes = listed(
        everySecond(p, 5, watermarks.manual(), (second, { emit, watermark, now }) => {
          if (second === 0 || second === 4) emit(second, 1)
          watermark.set(now())
        }),
      )
      assertThat('on time', panes).inOnTimePane(FIRST).isSingleton([0])
      assertThat('late', panes).inLatePanes(FIRST).isSingleton([4])
    },
  }),
]

const elements: readonly ConformanceCase[] = [
  ...bounds.flatMap(({ id, bounded, needs }) => [
    pipelineCase({
      id: `SDF-18/${id}`,
      name: `a side input is read in process (${id})`,
      needs: [...needs, 'sideInputs'],
      build(p) {
        const factor = p.create('factors', [10]).asSingleton('factor')
        const out = p.create('counts', [2, 3]).apply(
          'read',
          splittableParDo({
            ...reader<number>(0),
            bounded,
            sides: { factor },
            restriction: (n: number) => ({ from: 0, to: n }),
            tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
            process(_: number, tracker: OffsetRangeTracker, { sides, emit }) {
              for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i * sides.factor)
            },
          }),
        )
        assertThat('multiples', out).containsInAnyOrder(0, 10, 0, 10, 20)
      },
    }),
    pipelineCase({
      id: `SDF-19/${id}`,
      name: `a side input is that of the element’s window, also after checkpoints (${id})`,
      needs: [...needs, 'sideInputs'],
      build(p) {
        const marks = p
          .create('marks', [0, 4], { timestamp: (n) => n })
          .windowInto('fours', fixedWindows(4))
          .asSingleton('mark')
        const out = p
          .create('starts', [0, 1, 2, 5, 6], { timestamp: (n) => n })
          .windowInto('twos', fixedWindows(2))
          .apply(
            'read',
            splittableParDo({
              ...ranged(3),
              output: typed<string>(),
              bounded,
              sides: { marks },
              tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
              process(n: number, tracker: OffsetRangeTracker, { sides, emit }) {
                const { from } = tracker.currentRestriction()
                if (!tracker.tryClaim(from)) return
                emit(`${n}:${from}:${sides.marks}`)
                return resume()
              },
            }),
          )
        assertThat('read', out).containsInAnyOrder(
          ...[0, 1, 2, 5, 6].flatMap((n) => upTo(3).map((i) => `${n}:${i}:${n < 4 ? 0 : 4}`)),
        )
      },
    }),
    pipelineCase({
      id: `SDF-20/${id}`,
      name: `outputs go where their tags say (${id})`,
      needs,
      build(p) {
        const { even, odd } = p.create('counts', [6]).apply(
          'read',
          splittableParDo({
            outputs: { even: typed<number>(), odd: typed<string>() },
            bounded,
            replayable: true,
            watermark: watermarks.none(),
            restriction: (n: number) => ({ from: 0, to: n }),
            restrictionCodec: offsetRangeCodec,
            tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
            process(_: number, tracker, { emit }) {
              for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) {
                if (i % 2 === 0) emit.even(i)
                else emit.odd(`o${i}`, 7)
              }
            },
          }),
        )
        assertThat('even', even).containsInAnyOrder(0, 2, 4)
        assertThat('odd', odd).satisfies((values, all) => {
          expectSameInAnyOrder(values, ['o1', 'o3', 'o5'])
          expectSame(new Set(all.map(({ timestamp }) => timestamp)), new Set([7]), 'timestamps')
        })
      },
    }),
  ]),
  pipelineCase({
    id: 'SDF-21',
    name: 'each output has the timestamp of its element, and is in all of its windows',
    needs: ['splittable.bounded'],
    build(p) {
      const out = p
        .create('one', [5], { timestamp: (n) => n })
        .windowInto('sliding', slidingWindows(10, { every: 5 }))
        .apply('read', splittableParDo(reader<number>(2)))
      assertThat('read', out).satisfies((_, all) =>
        expectSameInAnyOrder(
          all.map(({ value, timestamp, window }) => [value, timestamp, window.start]),
          [
            [0, 5, 0],
            [0, 5, 5],
            [1, 5, 0],
            [1, 5, 5],
          ],
        ),
      )
    },
  }),
  pipelineCase({
    id: 'SDF-22',
    name: 'work that looks at its window is done in each, and no split mixes them',
    needs: ['splittable.bounded'],
    build(p) {
      const out = p
        .create('one', [5], { timestamp: (n) => n })
        .windowInto('sliding', slidingWindows(10, { every: 5 }))
        .apply(
          'read',
          splittableParDo({
            ...ranged(40),
            output: typed<readonly [position: number, start: number]>(),
            perWindow: true,
            tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
            process(_: number, tracker: OffsetRangeTracker, { emit, window }) {
              for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit([i, window.start])
            },
          }),
        )
      assertThat('read', out).satisfies((values, all) => {
        expectSameInAnyOrder(
          values,
          [0, 5].flatMap((start) => upTo(40).map((i) => [i, start])),
        )
        expectSame(
          all.every(({ value: [, start], window }) => start === window.start),
          true,
          'each in the window it was done in',
        )
      })
    },
  }),
  ...bounds.map(({ id, bounded, needs }) =>
    pipelineCase({
      id: `SDF-23/${id}`,
      name: `setup comes before all, teardown after all, once each, and restrictions are made in between (${id})`,
      needs,
      inProcess: true,
      notIn: { restarts: 'each process has its own instances' },
      build(p) {
        // Where several partitions share the work, each has an instance.
        const lives: string[][] = []
        const out = p.apply(
          'numbers',
          source({
            ...ranged(0),
            output: typed<number>(),
            bounded,
            setup: () => {
              const calls = ['setup']
              lives.push(calls)
              return calls
            },
            teardown: ({ resource }: { readonly resource: string[] }) => void resource.push('teardown'),
            restriction: (_: Uint8Array, { resource }) => {
              resource.push('restriction')
              return { from: 0, to: 7 }
            },
            tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
            size: (_: Uint8Array, { from, to }: OffsetRange) => to - from,
            process(_: Uint8Array, tracker: OffsetRangeTracker, { emit, resource }) {
              resource.push('process')
              for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i)
            },
          }),
        )
        assertThat('numbers', out).containsInAnyOrder(...upTo(7))
        return (_, claims) => {
          for (const calls of lives)
            claims.holds(
              /^setup( restriction)?( process)* teardown$/.test(calls.join(' ')),
              `a life, and not ${calls.join(' ')}`,
            )
          const all = lives.flat()
          claims.same(all.filter((call) => call === 'restriction').length, 1, 'restrictions made')
          claims.holds(all.includes('process'), 'a call of process')
        }
      },
    }),
  ),
  constructionCase({
    id: 'SDF-24',
    name: 'what is emitted is bounded exactly when work and input are',
    check(claims) {
      const p = pipeline()
      const few = p.create('few', [1])
      const endless = p.apply('script', testStream<number>().end())
      const outs = [
        few.apply('a', splittableParDo(reader<number>(1, { bounded: true }))),
        few.apply('b', splittableParDo(reader<number>(1, { bounded: false }))),
        endless.apply('c', splittableParDo(reader<number>(1, { bounded: true }))),
        endless.apply('d', splittableParDo(reader<number>(1, { bounded: false }))),
      ]
      const { collections } = p.build().graph.components
      claims.same(
        outs.map(({ id }) => collections.get(id)?.isBounded),
        [true, false, false, false],
        'boundedness',
      )
      claims.refuses(() => few.apply('e', splittableParDo({ ...reader<number>(1), bounded: undefined as never })), {
        message: /Declare bounded/,
      })
    },
  }),
  pipelineCase({
    id: 'SDF-25',
    name: 'late elements pass, and the grouping behind drops or keeps them as the windowing says',
    needs: ['splittable.unbounded', 'testStream', 'lateness'],
    build(p) {
      const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(50).add(at(2, 2)).end()
      const events = p.apply('script', script)
      const twice = (input: PCollection<number>): PCollection<number> =>
        input.apply('twice', splittableParDo(reader<number>(2, { bounded: false })))
      const strict = events.windowInto('tens', fixedWindows(10)).apply('strict', twice)
      assertThat('passes', strict).hasSize(4)
      const dropped = strict.keyBy('k', () => 'k').groupByKey('group')
      assertThat(
        'dropped',
        dropped.map('n', ({ value }) => [...value].length),
      ).isSingleton(2)
      const lenient = events
        .windowInto('late tens', fixedWindows(10), { allowedLateness: 1000 })
        .apply('lenient', twice)
      const kept = lenient.keyBy('late k', () => 'k').groupByKey('late group')
      assertThat(
        'kept',
        kept.map('late n', ({ value }) => [...value].length),
      ).satisfies((sizes, all) => {
        expectSame(
          sizes.reduce((sum, n) => sum + n, 0),
          4,
          'elements',
        )
        expectSame(
          all.some(({ timing }) => timing === 'late'),
          true,
          'a late pane',
        )
      })
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [...time, ...elements]
