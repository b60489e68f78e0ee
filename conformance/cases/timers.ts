/**
 * When timers fire: by the watermark or by the clock, in which order, how often, and not after the end of their window.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  type KV,
  kv,
  type PCollection,
  type Pipeline,
  slidingWindows,
  state,
  timer,
  typed,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { numbersFrom } from './sources.js'

type Pair = KV<string, number>
type Told = KV<string, string>

const anything = typed<unknown>()

/** One pair, from a list that ends or from a stream that could go on. */
const starts = [
  { of: 'bounded', needs: [], start: (p: Pipeline): PCollection<Pair> => p.create('pairs', [kv('k', 0)]) },
  {
    of: 'unbounded',
    needs: ['splittable.unbounded'],
    start: (p: Pipeline): PCollection<Pair> => numbersFrom(p, 'numbers', 1).map('pair', (n) => kv('k', n)),
  },
] as const

const said = (value: string): Told => kv('k', value)

/** What waits is asked for by an element that says `look`. */
const log = { log: state.bag(anything) }

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'TMR-01',
    name: 'a timer a second after the watermark fires when bounded input ends, after its element',
    needs: ['timers.eventTime'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('timed', {
        output: anything,
        timers: { soon: timer.eventTime() },
        process(_, { timers: { soon }, emit }) {
          // The watermark has not moved yet: the begin of time stays where it is, whatever is added to it.
          soon.setRelative('1 second')
          emit('element')
        },
        onTimer: { soon: ({ emit }) => emit('timer') },
      })
      assertThat('out', out).containsInAnyOrder('element', 'timer')
    },
  }),
  pipelineCase({
    id: 'TMR-02',
    name: 'a timer at the last timestamp of its window fires',
    needs: ['timers.eventTime'],
    build(p) {
      const pairs = p.create('pairs', [kv('k', 1), kv('k', 12)], { timestamp: ({ value }) => value })
      const timed = (input: PCollection<Pair>, name: string): PCollection<unknown> =>
        input.parDo(name, {
          output: anything,
          timers: { end: timer.eventTime() },
          process: (_, { timers: { end }, window }) => end.set(window.maxTimestamp),
          onTimer: { end: ({ window, fireTimestamp, timestamp, emit }) => emit([fireTimestamp === window.maxTimestamp, timestamp === fireTimestamp]) }, // prettier-ignore
        })
      assertThat('in tens', timed(pairs.windowInto('tens', fixedWindows(10)), 'timed')).containsInAnyOrder([true, true], [true, true]) // prettier-ignore
      assertThat('in all', timed(pairs, 'timed in all')).containsInAnyOrder([true, true])
    },
  }),
  pipelineCase({
    id: 'TMR-03',
    name: 'a timer fires in the window in which it was set, once in each',
    needs: ['timers.eventTime'],
    build(p) {
      const out = p
        .create('pairs', [kv('k', 25)], { timestamp: ({ value }) => value })
        .windowInto('sliding', slidingWindows(30, { every: 10 }))
        .parDo('timed', {
          output: anything,
          timers: { end: timer.eventTime() },
          process: (_, { timers: { end }, window }) => end.set(window.maxTimestamp),
          onTimer: { end: ({ window, emit }) => emit([window.start, window.end]) },
        })
      for (const start of [0, 10, 20]) {
        const window = { start, end: start + 30 }
        assertThat(`window ${start}`, out)
          .inWindow(window)
          .containsInAnyOrder([start, start + 30])
      }
      assertThat('all', out).hasSize(3)
    },
  }),
  pipelineCase({
    id: 'TMR-04',
    name: 'of 50 keys whose 15 elements set the same timer, each fires once and knows its key',
    needs: ['state.value', 'timers.eventTime'],
    build(p) {
      const pairs = Array.from({ length: 50 * 15 }, (_, n) => kv(`key ${n % 50}`, n))
      const out = p.create('pairs', pairs).parDo('timed', {
        output: anything,
        state: { n: state.value(t.number, { initial: 0 }) },
        timers: { end: timer.eventTime() },
        process(_, { state: { n }, timers: { end } }) {
          n.write(n.read() + 1)
          end.set(100)
        },
        onTimer: { end: ({ key, state: { n }, emit }) => emit([key, n.read()]) },
      })
      assertThat('fired', out).containsInAnyOrder(...Array.from({ length: 50 }, (_, n) => [`key ${n}`, 15]))
    },
  }),
  pipelineCase({
    id: 'TMR-05',
    name: 'a timer that is set again fires at its last setting only',
    needs: ['state.bag', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = testStream<Told>()
        .add(at(1, said('10')), at(1, said('10')))
        .add(at(2, said('20')))
        .advanceWatermarkTo(15)
        .add(at(30, said('look')))
        .advanceWatermarkTo(25)
        .add(at(30, said('look')))
        .add(at(30, said('40')))
        .add(at(30, said('35')))
        .advanceWatermarkTo(37)
        .add(at(50, said('look')))
        .advanceWatermarkTo(45)
        .add(at(50, said('look')))
      const out = p.apply('script', script.end()).parDo('timed', {
        output: anything,
        state: log,
        timers: { again: timer.eventTime() },
        process({ value }, { state: { log }, timers: { again }, emit }) {
          if (value === 'look') emit([...log.read()])
          else again.set(Number(value))
        },
        onTimer: { again: ({ state: { log }, fireTimestamp }) => log.add(fireTimestamp) },
      })
      assertThat('fired', out).containsInAnyOrder([], [20], [20, 35], [20, 35])
    },
  }),
  pipelineCase({
    id: 'TMR-06',
    name: 'a timer of the clock that is set again fires at its last setting only',
    needs: ['state.bag', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = testStream<Told>()
        .add(at(1, said('10')))
        .advanceProcessingTime(5)
        .add(at(2, said('10')))
        .advanceProcessingTime(6)
        .add(at(3, said('look')))
        .advanceProcessingTime(4)
        .add(at(4, said('look')))
        .advanceProcessingTime(100)
        .add(at(5, said('look')))
      const out = p.apply('script', script.end()).parDo('timed', {
        output: anything,
        state: log,
        timers: { again: timer.processingTime() },
        process({ value }, { state: { log }, timers: { again }, emit }) {
          if (value === 'look') emit([...log.read()])
          else again.setRelative(Number(value))
        },
        onTimer: { again: ({ state: { log } }) => log.add('fired') },
      })
      assertThat('fired', out).containsInAnyOrder([], ['fired'], ['fired'])
    },
  }),
  pipelineCase({
    id: 'TMR-07',
    name: 'a timer that was cleared does not fire unless it is set again; to clear one that was not set does nothing',
    needs: ['timers.eventTime', 'timers.processingTime'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('timed', {
        output: anything,
        timers: { cleared: timer.eventTime(), never: timer.eventTime(), back: timer.eventTime(), clock: timer.processingTime() }, // prettier-ignore
        process(_, { timers: { cleared, never, back, clock } }) {
          cleared.set(10)
          cleared.clear()
          never.clear()
          back.set(10)
          back.clear()
          back.set(40)
          clock.setRelative(10)
          clock.clear()
        },
        onTimer: {
          cleared: ({ emit }) => emit('cleared'),
          never: ({ emit }) => emit('never'),
          back: ({ fireTimestamp, emit }) => emit(fireTimestamp),
          clock: ({ emit }) => emit('clock'),
        },
      })
      assertThat('fired', out).containsInAnyOrder(40)
    },
  }),
  pipelineCase({
    id: 'TMR-07/by-a-handler',
    name: 'a handler clears a timer that is due in the same step of the watermark, and it does not fire',
    needs: ['timers.eventTime'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('timed', {
        output: anything,
        timers: { first: timer.eventTime(), second: timer.eventTime() },
        process(_, { timers: { first, second } }) {
          second.set(20)
          first.set(10)
        },
        onTimer: {
          first({ timers: { second }, emit }) {
            second.clear()
            emit('first')
          },
          second: ({ emit }) => emit('second'),
        },
      })
      assertThat('fired', out).containsInAnyOrder('first')
    },
  }),
  pipelineCase({
    id: 'TMR-08',
    name: 'a timer that its own handler sets again fires five times, and the pipeline ends',
    needs: ['state.value', 'timers.eventTime'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)], { timestamp: () => 0 }).parDo('loop', {
        output: t.number,
        state: { n: state.value(t.number, { initial: 0 }) },
        timers: { tick: timer.eventTime() },
        process: (_, { timers: { tick } }) => tick.set(10),
        onTimer: {
          tick({ state: { n }, timers: { tick }, fireTimestamp, emit }) {
            n.write(n.read() + 1)
            emit(fireTimestamp)
            if (n.read() < 5) tick.set(fireTimestamp + 10)
          },
        },
      })
      assertThat('ticks', out).containsInAnyOrder(10, 20, 30, 40, 50)
    },
  }),
  ...starts.map(({ of, needs, start }) =>
    pipelineCase({
      id: `TMR-09/${of}`,
      name: `a timer that goes on and on ends with its window, on ${of} input`,
      needs: ['timers.eventTime', ...needs],
      build(p) {
        const out = start(p)
          .parDo('at one', { output: typed<Pair>(), allowedSkew: 0, process: (pair, { emit }) => emit(pair, 1) })
          .windowInto('tens', fixedWindows(10))
          .parDo('loop', {
            output: t.number,
            timers: { tick: timer.eventTime() },
            process: (_, { timers: { tick }, timestamp }) => tick.set(timestamp),
            onTimer: {
              tick({ timers: { tick }, fireTimestamp, window, emit }) {
                emit(fireTimestamp)
                if (fireTimestamp < window.maxTimestamp) tick.setRelative(3)
              },
            },
          })
        assertThat('ticks', out).containsInAnyOrder(1, 4, 7, 9)
      },
    }),
  ),
  pipelineCase({
    id: 'TMR-10',
    name: 'a timer does not fire before the watermark has passed its time',
    needs: ['state.bag', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = testStream<Told>()
        .add(at(0, said('set')))
        .advanceWatermarkTo(50)
        .add(at(200, said('look')))
        .advanceWatermarkTo(99)
        .add(at(200, said('look')))
        .advanceWatermarkTo(101)
        .add(at(200, said('look')))
      const out = p.apply('script', script.end()).parDo('timed', {
        output: anything,
        state: log,
        timers: { hundred: timer.eventTime() },
        process({ value }, { state: { log }, timers: { hundred }, emit }) {
          if (value === 'set') hundred.set(100)
          else emit([...log.read()])
        },
        onTimer: { hundred: ({ state: { log } }) => log.add('fired') },
      })
      assertThat('fired', out).containsInAnyOrder([], [], ['fired'])
    },
  }),
  pipelineCase({
    id: 'TMR-11',
    name: 'a timer set to a time that the watermark has passed fires before anything else comes',
    needs: ['state.bag', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = testStream<Told>()
        .advanceWatermarkTo(500)
        .add(at(600, said('set')))
        .add(at(600, said('look')))
      const out = p.apply('script', script.end()).parDo('timed', {
        output: anything,
        state: log,
        timers: { past: timer.eventTime() },
        process({ value }, { state: { log }, timers: { past }, emit }) {
          if (value === 'set') past.set(100)
          emit([value, ...log.read()])
        },
        onTimer: { past: ({ state: { log }, fireTimestamp }) => log.add(fireTimestamp) },
      })
      assertThat('fired', out).containsInAnyOrder(['set'], ['look', 100])
    },
  }),
  ...starts.flatMap(({ of, needs, start }) => {
    const id = (row: string): string => (of === 'bounded' ? row : `TMR-15/as-${row.toLowerCase()}`)
    const on = of === 'bounded' ? '' : ', on unbounded input'
    return [
      pipelineCase({
        id: id('TMR-12'),
        name: `timers of one key fire in the order of their times, however far the watermark jumps, and each sees what those before it have written${on}`,
        needs: ['state.bag', 'timers.eventTime', 'timers.family', ...needs],
        build(p) {
          const out = start(p).parDo('timed', {
            output: anything,
            state: log,
            timers: { many: timer.eventTimeFamily(), one: timer.eventTime(), end: timer.eventTime() },
            process(_, { timers: { many, one, end } }) {
              for (const time of [70, 10, 50, 30, 90]) many.set(`at ${time}`, time)
              one.set(40)
              end.set(1000)
            },
            onTimer: {
              many: ({ state: { log }, fireTimestamp }) => log.add(fireTimestamp),
              one: ({ state: { log }, fireTimestamp }) => log.add(-fireTimestamp),
              end: ({ state: { log }, emit }) => emit([...log.read()]),
            },
          })
          assertThat('order', out).containsInAnyOrder([10, 30, -40, 50, 70, 90])
        },
      }),
      pipelineCase({
        id: id('TMR-13'),
        name: `two timers that set each other for the next millisecond alternate${on}`,
        needs: ['state.bag', 'timers.eventTime', ...needs],
        build(p) {
          const out = start(p).parDo('timed', {
            output: anything,
            state: log,
            timers: { tick: timer.eventTime(), tock: timer.eventTime(), end: timer.eventTime() },
            process(_, { timers: { tick, end } }) {
              tick.set(1)
              end.set(1000)
            },
            onTimer: {
              tick({ state: { log }, timers: { tock }, fireTimestamp }) {
                log.add(`tick ${fireTimestamp}`)
                tock.set(fireTimestamp + 1)
              },
              tock({ state: { log }, timers: { tick }, fireTimestamp }) {
                log.add(`tock ${fireTimestamp}`)
                if (fireTimestamp < 20) tick.set(fireTimestamp + 1)
              },
              end: ({ state: { log }, emit }) => emit([...log.read()]),
            },
          })
          const expected = Array.from({ length: 20 }, (_, n) => `${n % 2 === 0 ? 'tick' : 'tock'} ${n + 1}`)
          assertThat('order', out).containsInAnyOrder(expected)
        },
      }),
      pipelineCase({
        id: id('TMR-14'),
        name: `a handler sets an earlier timer than those that wait, and it fires before them${on}`,
        needs: ['state.bag', 'timers.eventTime', ...needs],
        build(p) {
          const out = start(p).parDo('timed', {
            output: anything,
            state: log,
            timers: { a: timer.eventTime(), b: timer.eventTime(), c: timer.eventTime() },
            process(_, { timers: { a, b, c } }) {
              a.set(1)
              b.set(20)
              c.set(9)
            },
            onTimer: {
              a({ state: { log }, timers: { b } }) {
                log.add('a')
                b.set(5)
              },
              b: ({ state: { log }, fireTimestamp }) => log.add(`b ${fireTimestamp}`),
              c: ({ state: { log }, emit }) => emit([...log.read(), 'c']),
            },
          })
          assertThat('order', out).containsInAnyOrder(['a', 'b 5', 'c'])
        },
      }),
    ]
  }),
]
