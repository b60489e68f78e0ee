/**
 * What a run survives, and how it may be ended: failing calls, draining and cancelling, slow steps, hot keys, clocks that
 * are set.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  type KV,
  kv,
  offsetRangeCodec,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  resume,
  sessionWindows,
  source,
  state,
  timer,
  typed,
  watermarks,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { oneByOne } from './one-by-one.js'
import { numbersFrom } from './sources.js'

type Pair = KV<string, number>

const ENDLESS = 1_000_000_000
const DAY = 24 * 3_600_000
const MINUTE = 60_000
const counter = { n: state.value(t.number, { initial: 0 }) }

/** A timer of the platform: cases about waiting must wait. */
const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Two numbers, the second after so many milliseconds. */
const slowly = (p: Pipeline, millis: number): PCollection<number> =>
  p.apply(
    'slow',
    source({
      output: t.number,
      bounded: false,
      replayable: true,
      watermark: watermarks.none(),
      restriction: () => ({ from: 0, to: 2 }),
      restrictionCodec: offsetRangeCodec,
      tracker: (range) => new OffsetRangeTracker(range),
      process(_, tracker, { emit }) {
        const { from } = tracker.currentRestriction()
        if (!tracker.tryClaim(from)) return undefined
        emit(from, from)
        return resume({ after: millis })
      },
    }),
  )

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'FTO-01',
    name: 'what fails twice and then succeeds is in the output once, and what it wrote to state is there once',
    needs: ['state.value', 'onWindowExpiration'],
    build(p) {
      const attempts = new Map<number, number>()
      const numbers = p.create('numbers', [1, 2, 3])
      const flaky = (n: number): void => {
        const made = (attempts.get(n) ?? 0) + 1
        attempts.set(n, made)
        if (made < 3) throw new Error('not yet')
      }
      const plain = numbers.parDo('plain', {
        output: t.number,
        retry: { attempts: 4 },
        process(n, { emit }) {
          emit(n)
          flaky(n)
        },
      })
      assertThat('plain', plain).containsInAnyOrder(1, 2, 3)
      const counted = numbers
        .keyBy('one', () => 'k')
        .parDo('counted', {
          output: t.number,
          retry: { attempts: 4 },
          state: counter,
          async process({ value }, { state: { n }, emit }) {
            n.write(n.read() + 1)
            emit(value)
            await Promise.resolve()
            flaky(-value)
          },
          onWindowExpiration: ({ state: { n }, emit }) => emit(100 * n.read()),
        })
      assertThat('counted', counted).containsInAnyOrder(1, 2, 3, 300)
    },
  }),
  pipelineCase({
    id: 'FTO-09',
    name: 'draining takes no new input, finishes what was read, closes windows, fires timers, and ends as DRAINED',
    needs: ['splittable.unbounded', 'combine', 'state.value', 'timers.eventTime', 'timers.processingTime'],
    inProcess: true,
    ends: 'DRAINED',
    build(p, control) {
      let read = 0
      const fired: string[] = []
      const numbers = numbersFrom(p, 'numbers', ENDLESS).map('see', (n) => {
        if (++read === 20) control.drain()
        return n
      })
      const keyed = numbers.windowInto('all', fixedWindows('1 day')).keyBy('one', () => 'k')
      const counts = keyed.countPerKey('count').map('number', ({ value }) => value)
      assertThat('counts', counts).satisfies((values) => {
        if (values.length !== 1 || values[0] !== read) throw new Error(`read ${read}, counted ${values.join()}`)
      })
      const timed = keyed.parDo('timed', {
        output: t.number,
        state: counter,
        timers: { end: timer.eventTime(), hour: timer.processingTime() },
        process(_, { state: { n }, timers: { end, hour }, window }) {
          n.write(n.read() + 1)
          end.set(window.maxTimestamp)
          hour.setRelative('1 hour')
        },
        onTimer: {
          end({ state: { n }, emit }) {
            fired.push('end')
            emit(n.read())
          },
          hour: () => void fired.push('hour'),
        },
      })
      assertThat('timed', timed).hasSize(1)
      return (_, claims) => {
        claims.holds(read >= 20 && read < 1_000_000, `no more than was under way to be read, and not ${read}`)
        claims.same(fired.toSorted(), ['end', 'hour'], 'timers')
      }
    },
  }),
  pipelineCase({
    id: 'FTO-10',
    name: 'cancelling stops soon, closes no window and fires no timer',
    needs: ['splittable.unbounded', 'combine', 'timers.eventTime'],
    inProcess: true,
    ends: 'CANCELLED',
    build(p, control) {
      let read = 0
      let readAfter = 0
      const said: string[] = []
      const numbers = numbersFrom(p, 'numbers', ENDLESS).map('see', (n) => {
        if (++read === 20) control.cancel()
        if (read > 20) readAfter++
        return n
      })
      const keyed = numbers.windowInto('all', fixedWindows('1 day')).keyBy('one', () => 'k')
      keyed.countPerKey('count').map('say', ({ value }) => void said.push(`counted ${value}`))
      keyed.parDo('timed', {
        timers: { end: timer.eventTime() },
        process: (_, { timers: { end }, window }) => end.set(window.maxTimestamp),
        onTimer: { end: () => void said.push('end') },
      })
      return ({ result }, claims) => {
        claims.same(result.state, 'CANCELLED', 'state')
        claims.same(said, [], 'what came behind the grouping, or from a timer')
        claims.holds(readAfter < 1_000_000, `reading to stop soon, and not after ${readAfter} more`)
      }
    },
  }),
  pipelineCase({
    id: 'FTO-12',
    name: 'a source waits for a slow step: nothing is lost, and few elements are between them at any time',
    needs: ['splittable.unbounded'],
    isLong: true,
    inProcess: true,
    build(p) {
      let produced = 0
      let consumed = 0
      let between = 0
      const out = numbersFrom(p, 'numbers', 2000)
        .map('produce', (n) => {
          produced++
          return n
        })
        .parDo('slow', {
          output: t.number,
          concurrency: 4,
          async process(n, { emit }) {
            between = Math.max(between, produced - consumed)
            if (n % 100 === 0) await pause(1)
            else await Promise.resolve()
            consumed++
            emit(n)
          },
        })
      assertThat('all', out).hasSize(2000)
      return (_, claims) => {
        claims.same(consumed, 2000, 'consumed')
        claims.holds(between <= 100, `at most 100 of 2000 elements to wait, and not ${between}`)
      }
    },
  }),
  pipelineCase({
    id: 'FTO-13',
    name: 'elements of a key that come in an order keep it from step to step, to a step with state',
    needs: ['state.bag', 'onWindowExpiration', 'testStream', 'reshuffle'],
    build(p) {
      const pairs = Array.from({ length: 30 }, (_, n) => at(n, kv(n % 3, n)))
      const out = oneByOne(p, ...pairs)
        .map('same', (pair) => pair)
        .reshuffle('break')
        .parDo('wait', {
          output: typed<KV<number, number>>(),
          async process(pair, { emit }) {
            // Later elements of its bundle wait for less.
            for (let n = 0; n < 3 - (pair.value % 3); n++) await Promise.resolve()
            emit(pair)
          },
        })
        .parDo('log', {
          output: typed<readonly number[]>(),
          state: { log: state.bag(t.number) },
          process: ({ value }, { state: { log } }) => log.add(value),
          onWindowExpiration: ({ state: { log }, emit }) => emit([...log.read()]),
        })
      assertThat('orders', out).containsInAnyOrder(
        ...[0, 1, 2].map((key) => Array.from({ length: 10 }, (_, n) => 3 * n + key)),
      )
    },
  }),
  pipelineCase({
    id: 'FTO-13/bundle',
    name: 'elements of a bundle keep their order, though their calls wait for more or less',
    needs: ['state.bag', 'onWindowExpiration', 'testStream'],
    notIn: { strict: 'elements of a bundle come in an order of the seed' },
    build(p) {
      const pairs = Array.from({ length: 30 }, (_, n) => at(n, kv('k', n)))
      const out = p
        .apply(
          'script',
          testStream<Pair>()
            .add(...pairs)
            .end(),
        )
        .parDo('wait', {
          output: typed<Pair>(),
          async process(pair, { emit }) {
            for (let n = 0; n < 7 - (pair.value % 7); n++) await Promise.resolve()
            emit(pair)
          },
        })
        .parDo('log', {
          output: typed<readonly number[]>(),
          state: { log: state.bag(t.number) },
          process: ({ value }, { state: { log } }) => log.add(value),
          onWindowExpiration: ({ state: { log }, emit }) => emit([...log.read()]),
        })
      assertThat('order', out).containsInAnyOrder(Array.from({ length: 30 }, (_, n) => n))
    },
  }),
  pipelineCase({
    id: 'FTO-14',
    name: 'where one key has 99 of 100 elements, all are counted, its own and those of the others',
    needs: ['state.value', 'onWindowExpiration', 'combine'],
    build(p) {
      const pairs = Array.from({ length: 20_000 }, (_, n) => kv(n % 100 === 0 ? `key ${n / 100}` : 'hot', n))
      const input = p.create('pairs', pairs)
      const expected = [kv('hot', 19_800), ...Array.from({ length: 200 }, (_, n) => kv(`key ${n}`, 1))]
      assertThat('grouped', input.countPerKey('count')).containsInAnyOrder(...expected)
      const counted = input.parDo('state', {
        output: typed<Pair>(),
        state: counter,
        // Calls of the hot key wait for one another; the others need not.
        process({ key, value }, { state: { n } }) {
          n.write(n.read() + 1)
          return key === 'hot' && value % 1000 === 1 ? pause(0) : undefined
        },
        onWindowExpiration: ({ key, state: { n }, emit }) => emit(kv(key, n.read())),
      })
      assertThat('in state', counted).containsInAnyOrder(...expected)
    },
  }),
  ...(
    [
      ['back', 'back by an hour still fires after its delay', -3_600_000],
      ['ahead', 'ahead by an hour fires once', 3_600_000],
    ] as const
  ).map(([which, what, by]) =>
    pipelineCase({
      id: `FTO-15/${which}`,
      name: `a timer of a clock that is set ${what}, and the processing time never falls`,
      needs: ['timers.processingTime', 'state.bag', 'splittable.unbounded'],
      inProcess: true,
      setsClock: true,
      build(p, control) {
        const nows: number[] = []
        const out = slowly(p, 300)
          .keyBy('one', () => 'k')
          .parDo('timed', {
            output: typed<readonly string[]>(),
            state: { log: state.bag(t.string) },
            timers: { soon: timer.processingTime() },
            process({ value }, { state: { log }, timers: { soon }, now, emit }) {
              nows.push(now)
              if (value === 1) return emit([...log.read()])
              soon.setRelative(50)
              control.setClock(by)
            },
            onTimer: {
              soon({ state: { log }, now }) {
                nows.push(now)
                log.add('fired')
              },
            },
          })
        assertThat('fired', out).containsInAnyOrder(['fired'])
        return (_, claims) => {
          claims.holds(
            nows.every((now, n) => n === 0 || now >= (nows[n - 1] ?? 0)),
            `times that never fall, and not ${nows.join(', ')}`,
          )
        }
      },
    }),
  ),
  pipelineCase({
    id: 'FTO-16',
    name: 'a day of timers that go on, sessions and windows that expire: every window says its last words once, and none is there afterwards',
    needs: [
      'state.value',
      'timers.eventTime',
      'timers.family',
      'onWindowExpiration',
      'testStream',
      'windows.merging',
      'combine',
    ],
    build(p) {
      let script = testStream<Pair>()
      // Two keys, an element of each every 10 minutes but for the last 10 of each hour.
      for (let time = 0; time < DAY; time += 10 * MINUTE) {
        if (time % (60 * MINUTE) !== 50 * MINUTE) script = script.add(at(time, kv('a', time)), at(time, kv('b', time)))
        script = script.advanceWatermarkTo(time + 5 * MINUTE)
      }
      const late = script.advanceWatermarkTo(DAY + 1).add(at(DAY - 16 * MINUTE, kv('a', -1)))
      const pairs = p.apply('script', late.end())
      const hours = pairs.windowInto('hours', fixedWindows('1 hour')).parDo('loop', {
        output: typed<readonly [string, number, number]>(),
        state: { n: state.value(t.number, { initial: 0 }), ticks: state.value(t.number, { initial: 0 }) },
        timers: { tick: timer.eventTimeFamily() },
        process(_, { state: { n }, timers: { tick }, window }) {
          if (n.read() === 0) tick.set('loop', window.start)
          n.write(n.read() + 1)
        },
        onTimer: {
          tick({ state: { ticks }, timers: { tick }, fireTimestamp, window }) {
            ticks.write(ticks.read() + 1)
            if (fireTimestamp + MINUTE <= window.maxTimestamp) tick.set('loop', fireTimestamp + MINUTE)
          },
        },
        onWindowExpiration: ({ key, state: { n, ticks }, emit }) => emit([key, n.read(), ticks.read()]),
      })
      const each = Array.from({ length: 24 }, (): readonly [string, number, number][] => [['a', 5, 60], ['b', 5, 60]]) // prettier-ignore
      assertThat('hours', hours).containsInAnyOrder(...each.flat())
      const sessions = pairs.windowInto('sessions', sessionWindows('15 minutes')).countPerKey('count')
      assertThat('sessions', sessions).containsInAnyOrder(
        ...Array.from({ length: 24 }, () => [kv('a', 5), kv('b', 5)]).flat(),
      )
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.counter('droppedDueToLateness', 'loop'), 1, 'dropped, its window being gone')
        claims.same(metrics.counter('droppedDueToLateness', 'count'), 1, 'dropped by sessions')
      }
    },
  }),
]
