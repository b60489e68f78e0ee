/**
 * Side inputs in windows and in time: which window is read, when it may be, and what it shows when it is refined.
 */
import * as t from 'io-ts'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  fixedWindows,
  globalWindows,
  IntervalWindow,
  kv,
  type PCollection,
  type Pipeline,
  pipeline,
  repeatedly,
  sessionWindows,
  slidingWindows,
  state,
  sum,
  timer,
  typed,
  type WindowingOptions,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'

const output = typed<unknown>()
const tens = fixedWindows(10)
const often: WindowingOptions = { trigger: repeatedly(afterCount(1)), accumulation: 'discarding' }
const refined = ['sideInputs', 'testStream', 'triggers.early'] as const

/** Numbers that are their own timestamps. */
const stamped = (p: Pipeline, name: string, values: readonly number[]): PCollection<number> =>
  p.create(name, values, { timestamp: (n) => n })

const ascending = (values: Iterable<number>): readonly number[] => [...values].sort((a, b) => a - b)

/** Elements 1, 2, 3 …, each after an event of the side input's script, which is applied before. */
function beats(p: Pipeline, count: number): PCollection<number> {
  let script = testStream<number>()
  for (let n = 1; n <= count; n++) script = script.add(at(n, n))
  return p.apply('main', script.end())
}

/** Reads a list, and says so with the element. */
function listing(main: PCollection<number>, list: ReturnType<PCollection<number>['asList']>): PCollection<unknown> {
  return main.parDo('read', {
    output,
    sides: { list },
    process: (n, { sides, emit }) => emit([n, ascending(sides.list)]),
  })
}

/** What the sums of catalogue rows 24 and 25 are made of. */
const sums = [10, 20, 30]
const atSum = (p: Pipeline, name: string): PCollection<number> =>
  p.create(name, sums, { timestamp: (n) => n * 100 - 10 })

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SID-06',
    name: 'a singleton that has discarded shows the newest pane',
    needs: refined,
    build(p) {
      const side = testStream<string>().add(at(0, 'a')).add(at(0, 'b')).end()
      const view = p.apply('side', side).windowInto('often', globalWindows(), often).asSingleton('view')
      const read = beats(p, 2).parDo('read', {
        output,
        sides: { view },
        process: (n, { sides, emit }) => emit([n, sides.view]),
      })
      assertThat('read', read).containsInAnyOrder([1, 'a'], [2, 'b'])
    },
  }),
  pipelineCase({
    id: 'SID-15',
    name: 'maps and multimaps have what lies in the window that is read',
    needs: ['sideInputs'],
    build(p) {
      const pairs = p
        .create('side', [kv('a', 1), kv('a', 12), kv('b', 13)], { timestamp: ({ value }) => value })
        .windowInto('side tens', tens)
      const sides = { map: pairs.asMap('map'), multimap: pairs.asMultimap('multimap') }
      const read = stamped(p, 'main', [4, 14])
        .windowInto('main tens', tens)
        .parDo('read', {
          output,
          sides,
          process: (n, { sides: { map, multimap }, emit }) =>
            emit([n, map.get('a'), map.size, multimap.get('b') ?? []]),
        })
      assertThat('read', read).containsInAnyOrder([4, 1, 1, []], [14, 12, 2, [13]])
    },
  }),
  pipelineCase({
    id: 'SID-21',
    name: 'in the same windows, an element reads what lies in its own',
    needs: ['sideInputs'],
    build(p) {
      const list = stamped(p, 'side', [1, 2, 15]).windowInto('side tens', tens).asList('view')
      const main = stamped(p, 'main', [4, 12]).windowInto('main tens', tens)
      assertThat('read', listing(main, list)).containsInAnyOrder([4, [1, 2]], [12, [15]])
    },
  }),
  pipelineCase({
    id: 'SID-22',
    name: 'in different windows, the last timestamp of the main window chooses',
    needs: ['sideInputs'],
    build(p) {
      const numbers = [0, 1, 2, 3, 4, 5, 6, 7]
      const list = stamped(p, 'side', numbers).windowInto('sixes', fixedWindows(6)).asList('view')
      const read = listing(stamped(p, 'main', numbers).windowInto('fours', fixedWindows(4)), list)
      assertThat('read', read).containsInAnyOrder(...numbers.map((n) => [n, n < 4 ? [0, 1, 2, 3, 4, 5] : [6, 7]]))
    },
  }),
  pipelineCase({
    id: 'SID-22/mapping',
    name: 'a window mapping chooses instead, also for a step in the global window',
    needs: ['sideInputs'],
    build(p) {
      const second = stamped(p, 'side', [1, 12])
        .windowInto('side tens', tens)
        .asList('view', { windowMapping: () => new IntervalWindow(10, 20) })
      assertThat('read', listing(p.create('main', [0]), second)).containsInAnyOrder([0, [12]])
    },
  }),
  pipelineCase({
    id: 'SID-23',
    name: 'a side input in the global window is read whole from every window',
    needs: ['sideInputs'],
    build(p) {
      const list = p.create('side', [1, 2]).asList('view')
      const main = stamped(p, 'main', [4, 12]).windowInto('main tens', tens)
      assertThat('read', listing(main, list)).containsInAnyOrder([4, [1, 2]], [12, [1, 2]])
    },
  }),
  pipelineCase({
    id: 'SID-24',
    name: 'of sliding windows the earliest that has the end of the main window is read',
    needs: ['sideInputs', 'combine'],
    build(p) {
      const view = atSum(p, 'side')
        .windowInto('sliding', slidingWindows(2000, { every: 1000 }))
        .combineGlobally('sum', sum())
        .asSingleton('view')
      const read = atSum(p, 'main')
        .windowInto('fixed', fixedWindows(1000))
        .parDo('read', { output: t.number, sides: { view }, process: (n, { sides, emit }) => emit(n + sides.view) })
      assertThat('read', read).containsInAnyOrder(20, 50, 80)
    },
  }),
  pipelineCase({
    id: 'SID-25',
    name: 'an element in sliding windows reads once for each',
    needs: ['sideInputs', 'combine'],
    build(p) {
      const view = atSum(p, 'side')
        .windowInto('fixed', fixedWindows(1000))
        .combineGlobally('sum', sum())
        .asSingleton('view', { default: 0 })
      const read = atSum(p, 'main')
        .windowInto('sliding', slidingWindows(2000, { every: 1000 }))
        .parDo('read', { output: t.number, sides: { view }, process: (n, { sides, emit }) => emit(n + sides.view) })
      assertThat('read', read).containsInAnyOrder(20, 30, 40, 50, 60, 30)
    },
  }),
  constructionCase({
    id: 'SID-26',
    name: 'sessions are no side input, as none belongs to a main window',
    check(claims) {
      const sessions = pipeline().create('numbers', [1]).windowInto('sessions', sessionWindows(5))
      claims.refuses(() => sessions.asList('view'), { message: /view "view" has session windows/, step: 'view' })
    },
  }),
  ...(['discarding', 'accumulating'] as const).map((accumulation) =>
    pipelineCase({
      id: `SID-27/list-${accumulation}`,
      name: `a list has every value once when panes are ${accumulation}`,
      needs: accumulation === 'accumulating' ? [...refined, 'accumulating'] : refined,
      build(p) {
        const side = testStream<number>().add(at(0, 10)).add(at(0, 20)).end()
        const list = p
          .apply('side', side)
          .windowInto('often', globalWindows(), { ...often, accumulation })
          .asList('view')
        assertThat('read', listing(beats(p, 2), list)).containsInAnyOrder([1, [10]], [2, [10, 20]])
      },
    }),
  ),
  pipelineCase({
    id: 'SID-27/singleton-accumulating',
    name: 'a singleton shows the newest of accumulating panes, and not two values',
    needs: [...refined, 'accumulating', 'combine'],
    build(p) {
      const view = p
        .apply('side', testStream<number>().add(at(0, 10)).add(at(0, 20)).end())
        .windowInto('often', globalWindows(), { ...often, accumulation: 'accumulating' })
        .combineGlobally('sum', sum(), { whenEmpty: 'nothing' })
        .asSingleton('view')
      const read = beats(p, 2).parDo('read', {
        output,
        sides: { view },
        process: (n, { sides, emit }) => emit([n, sides.view]),
      })
      assertThat('read', read).containsInAnyOrder([1, 10], [2, 30])
    },
  }),
  pipelineCase({
    id: 'SID-27/map',
    name: 'a map shows the newest value of each key',
    needs: refined,
    build(p) {
      const side = testStream<{ readonly key: string; readonly value: number }>()
        .add(at(0, kv('x', 1)), at(0, kv('y', 2)))
        .add(at(0, kv('x', 3)))
      const map = p.apply('side', side.end()).windowInto('often', globalWindows(), often).asMap('view')
      const read = beats(p, 2).parDo('read', {
        output,
        sides: { map },
        process: (n, { sides, emit }) => emit([n, [...sides.map].sort()]),
      })
      const [before, after] = [1, 3].map((x) => [
        ['x', x],
        ['y', 2],
      ])
      assertThat('read', read).containsInAnyOrder([1, before], [2, after])
    },
  }),
  pipelineCase({
    id: 'SID-28',
    name: 'elements whose window is not complete wait in order, and others pass them',
    needs: ['sideInputs', 'testStream'],
    inProcess: true,
    build(p) {
      const order: number[] = []
      const side = testStream<number>().advanceWatermarkTo(10).add(at(12, 100)).advanceWatermarkTo(20).end()
      const list = p.apply('side', side).windowInto('side tens', tens).asList('view')
      const main = testStream<number>().add(at(15, 15), at(14, 14)).add(at(3, 3)).end()
      const read = p
        .apply('main', main)
        .windowInto('main tens', tens)
        .parDo('read', {
          output,
          sides: { list },
          process(n, { sides, emit }) {
            order.push(n)
            emit([n, [...sides.list]])
          },
        })
      assertThat('read', read).containsInAnyOrder([3, []], [15, [100]], [14, [100]])
      return (_, claims) => claims.same(order, [3, 15, 14], 'order of calls')
    },
  }),
  pipelineCase({
    id: 'SID-29',
    name: 'a window without data is read as empty when the watermark has passed it, and not before',
    needs: ['sideInputs', 'testStream'],
    build(p) {
      const side = testStream<number>().advanceWatermarkTo(5).add(at(7, 70)).advanceWatermarkTo(30).end()
      const windowed = p.apply('side', side).windowInto('side tens', tens)
      const sides = { list: windowed.asList('list'), value: windowed.asSingleton('value', { default: -1 }) }
      const read = p
        .apply('main', testStream<number>().add(at(3, 3), at(13, 13)).end())
        .windowInto('main tens', tens)
        .parDo('read', {
          output,
          sides,
          process: (n, { sides: { list, value }, emit }) => emit([n, [...list], value]),
        })
      assertThat('read', read).containsInAnyOrder([3, [70], 70], [13, [], -1])
    },
  }),
  pipelineCase({
    id: 'SID-29/hold',
    name: 'what waits holds the watermark, so that nothing after it is late',
    needs: ['sideInputs', 'testStream'],
    build(p) {
      const side = testStream<number>().advanceWatermarkTo(5).advanceWatermarkTo(6).advanceWatermarkTo(1000).end()
      const list = p.apply('side', side).windowInto('side tens', tens).asList('view')
      const read = p
        .apply('main', testStream<number>().add(at(3, 3)).advanceWatermarkTo(500).end())
        .windowInto('main tens', tens)
        .parDo('read', { output: t.number, sides: { list }, process: (n, { emit }) => emit(n) })
        .keyBy('key', () => 'all')
        .groupByKey('group')
        .map('values', ({ value }) => [...value])
      assertThat('on time', read).inOnTimePane({ start: 0, end: 10 }).containsInAnyOrder([3])
    },
  }),
  pipelineCase({
    id: 'SID-30',
    name: 'a slowly changing side input shows successive values, and one to each element',
    needs: [...refined, 'triggers.processingTime', 'testStream.processingTime'],
    build(p) {
      const side = testStream<string>()
        .add(at(0, 'a'))
        .advanceProcessingTime(20)
        .add(at(0, 'b'))
        .advanceProcessingTime(20)
      const view = p
        .apply('side', side.end())
        .windowInto('slowly', globalWindows(), {
          trigger: repeatedly(afterProcessingTime(10)),
          accumulation: 'discarding',
        })
        .asSingleton('view')
      const read = beats(p, 4).parDo('read', {
        output,
        sides: { view },
        async process(n, { sides, emit }) {
          const before = sides.view
          await Promise.resolve()
          emit([n, before, sides.view])
        },
      })
      assertThat('read', read).containsInAnyOrder([1, 'a', 'a'], [2, 'a', 'a'], [3, 'a', 'a'], [4, 'b', 'b'])
    },
  }),
  pipelineCase({
    id: 'SID-31',
    name: 'what comes late to a window that was read is seen by later elements',
    needs: ['sideInputs', 'testStream'],
    build(p) {
      const side = testStream<number>().add(at(1, 1)).advanceWatermarkTo(10).add(at(2, 2)).end()
      const list = p
        .apply('side', side)
        .windowInto('side tens', tens, { allowedLateness: 1000, accumulation: 'discarding' })
      const main = testStream<number>().add(at(3, 3)).advanceWatermarkTo(0).add(at(4, 4)).end()
      const read = listing(p.apply('main', main).windowInto('main tens', tens), list.asList('view'))
      assertThat('read', read).containsInAnyOrder([3, [1]], [4, [1, 2]])
    },
  }),
  pipelineCase({
    id: 'SID-32',
    name: 'a timer reads what elements of its window read',
    needs: ['sideInputs', 'state.value', 'timers.eventTime'],
    build(p) {
      const list = stamped(p, 'side', [1, 12]).windowInto('side tens', tens).asList('view')
      const read = stamped(p, 'main', [4, 14])
        .windowInto('main tens', tens)
        .keyBy('key', () => 'all')
        .parDo('read', {
          output,
          sides: { list },
          state: { n: state.value(t.number) },
          timers: { end: timer.eventTime() },
          process: (_, { timers, window }) => timers.end.set(window.maxTimestamp),
          onTimer: { end: ({ sides, window, emit }) => emit([window.start, [...sides.list]]) },
        })
      assertThat('read', read).containsInAnyOrder([0, [1]], [10, [12]])
    },
  }),
  ...(['startBundle', 'finishBundle'] as const).map((call) =>
    pipelineCase({
      id: `SID-32/${call === 'startBundle' ? 'start' : 'finish'}`,
      name: `${call} has no window, so no side inputs, and says so`,
      needs: ['sideInputs'],
      build(p) {
        const list = p.create('side', [1]).asList('view')
        p.create('main', [0]).parDo('read', {
          output,
          sides: { list },
          process: () => undefined,
          [call]: (context: { readonly sides?: unknown }) => void context.sides,
        })
      },
      fails: { message: /startBundle and finishBundle have no sides/, step: 'read' },
    }),
  ),
  pipelineCase({
    id: 'SID-33',
    name: 'state and timers are right for a key whose elements had to wait',
    needs: ['sideInputs', 'testStream', 'state.value', 'timers.eventTime'],
    build(p) {
      const side = testStream<number>().add(at(12, 100)).advanceWatermarkTo(5).advanceWatermarkTo(20).end()
      const factor = p.apply('side', side).windowInto('side tens', tens).asSingleton('view')
      const main = testStream<number>().add(at(11, 11)).add(at(12, 12)).add(at(13, 13)).advanceWatermarkTo(100).end()
      const read = p
        .apply('main', main)
        .windowInto('main tens', tens)
        .keyBy('key', () => 'k')
        .parDo('count', {
          output,
          sides: { factor },
          state: { n: state.value(t.number, { initial: 0 }) },
          timers: { end: timer.eventTime() },
          process(_, { sides, state: { n }, timers, window, emit }) {
            n.write(n.read() + 1)
            timers.end.set(window.maxTimestamp)
            emit(n.read() * sides.factor)
          },
          onTimer: { end: ({ state: { n }, sides, emit }) => emit(['end', n.read() * sides.factor]) },
        })
      assertThat('read', read).containsInAnyOrder(100, 200, 300, ['end', 300])
    },
  }),
  pipelineCase({
    id: 'SID-28/early',
    name: 'under early firings an element waits for the first answer of its window only',
    needs: [...refined, 'combine'],
    build(p) {
      const side = testStream<number>().advanceWatermarkTo(0).add(at(5, 7)).advanceWatermarkTo(30).end()
      const total = p
        .apply('side', side)
        .windowInto('side tens', tens, {
          trigger: afterWatermark({ early: repeatedly(afterCount(1)) }),
          accumulation: 'discarding',
        })
        .combineGlobally('sum', sum())
        .asSingleton('view', { default: -1 })
      const read = p
        .apply('main', testStream<number>().add(at(3, 3), at(23, 23)).end())
        .windowInto('main tens', tens)
        .parDo('read', { output, sides: { total }, process: (n, { sides, emit }) => emit([n, sides.total]) })
      assertThat('read', read).containsInAnyOrder([3, 7], [23, -1])
    },
  }),
]
