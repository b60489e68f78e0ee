/**
 * What timers emit and hold: timestamps of what handlers emit, the watermark of the steps that follow until they have
 * fired, and what a handler knows.
 */
import * as t from 'io-ts'
import { fixedWindows, type KV, kv, type PCollection, state, timer, type TimerOptions, typed } from 'millrace'
import { assertThat, at, testStream, type TestStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSameInAnyOrder } from './claims.js'
import { oneByOne } from './one-by-one.js'

type Told = KV<string, string>

const anything = typed<unknown>()
const told = typed<Told>()
const log = { log: state.bag(t.string) }
const said = (value: string): Told => kv('k', value)

/** Each element with the input watermark of this step. */
function withWatermarks(input: PCollection<Told>): PCollection<readonly [string, number]> {
  return input.parDo('see', {
    output: typed<readonly [string, number]>(),
    timers: { clock: timer.eventTime() },
    process: ({ value }, { timers: { clock }, emit }) => emit([value, clock.currentRelativeTime]),
    onTimer: { clock: () => undefined },
  })
}

/** `set` sets an event-time timer, `clear` clears it; all elements go on, and so does what the timer says. */
const holding = (time: number, options: TimerOptions) => ({
  output: told,
  timers: { held: timer.eventTime() },
  process(
    pair: Told,
    {
      timers: { held },
      emit,
    }: {
      readonly timers: { readonly held: { set(at: number, options: TimerOptions): void; clear(): void } }
      readonly emit: (pair: Told) => void
    },
  ): void {
    // prettier-ignore
    if (pair.value === 'set') held.set(time, options)
    if (pair.value === 'clear') held.clear()
    emit(pair)
  },
  onTimer: {
    held: ({
      key,
      timestamp,
      emit,
    }: {
      readonly key: string
      readonly timestamp: number
      readonly emit: (pair: Told) => void
    }): void =>
      // prettier-ignore
      emit(kv(key, `held at ${timestamp}`)),
  },
})

/** The next step: a timer at 8 of its own, and in the end what came in which order. */
const nextStep = {
  output: anything,
  state: log,
  timers: { eight: timer.eventTime(), end: timer.eventTime() },
} as const

function orderOf(input: PCollection<Told>): PCollection<unknown> {
  return input.parDo('next', {
    ...nextStep,
    process({ value }, { state: { log }, timers: { eight, end } }) {
      log.add(value)
      if (value === 'set') eight.set(8)
      end.set(1000)
    },
    onTimer: {
      eight: ({ state: { log } }) => log.add('timer at 8'),
      end: ({ state: { log }, emit }) => emit([...log.read()]),
    },
  })
}

const setAtFive = (): TestStream<Told> => testStream<Told>().add(at(5, said('set')))
const look = at(2000, said('look'))

/** Timestamps of what timers have emitted, by the word. */
function assertTimes(name: string, input: PCollection<string>, expected: readonly (readonly [string, number])[]): void {
  assertThat(name, input).satisfies((_, elements) =>
    expectSameInAnyOrder(
      elements.map(({ value, timestamp }) => [value, timestamp]),
      expected,
    ),
  )
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'TMR-22',
    name: 'an event-time timer emits at its time, a timer of the clock at the time of its element',
    needs: ['timers.eventTime', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = setAtFive().advanceWatermarkTo(20).advanceProcessingTime(100)
      const out = p.apply('script', script.end()).parDo('timed', {
        output: t.string,
        timers: { event: timer.eventTime(), clock: timer.processingTime(), chained: timer.processingTime() },
        process(_, { timers: { event, clock } }) {
          event.set(10)
          clock.setRelative(100)
        },
        onTimer: {
          event({ timers: { chained }, emit }) {
            emit('event')
            chained.setRelative(1000)
          },
          clock: ({ emit }) => emit('clock'),
          chained: ({ emit }) => emit('chained'),
        },
      })
      // Set by a handler: the timestamp at hand is that of the timer.
      assertTimes('out', out, [['event', 10], ['clock', 5], ['chained', 10]]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'TMR-23',
    name: 'the watermark behind a timer stands at its output timestamp until it has fired, and its output is there',
    needs: ['timers.eventTime', 'testStream'],
    build(p) {
      const script = setAtFive()
        .advanceWatermarkTo(9)
        .add(look)
        .advanceWatermarkTo(20)
        .add(at(2001, said('afterwards')))
      const out = withWatermarks(p.apply('script', script.end()).parDo('hold', holding(10, { outputTimestamp: 5 })))
      assertThat('seen', out).satisfies((_, elements) => {
        expectSameInAnyOrder(
          elements.filter(({ value: [value] }) => value !== 'set').map(({ value, timestamp }) => [...value, timestamp]),
          [['look', 5, 2000], ['held at 5', 5, 5], ['afterwards', 20, 2001]], // prettier-ignore
        )
      })
    },
  }),
  pipelineCase({
    id: 'TMR-24',
    name: 'a timer of the next step waits for the timer that holds its watermark',
    needs: ['state.bag', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = setAtFive().advanceWatermarkTo(9).advanceWatermarkTo(20)
      const out = orderOf(p.apply('script', script.end()).parDo('hold', holding(10, { outputTimestamp: 5 })))
      assertThat('order', out).containsInAnyOrder(['set', 'held at 5', 'timer at 8'])
    },
  }),
  ...(
    [
      ['TMR-25', 'a timer of the clock holds the watermark of the next step as well', {}, ['set', 'held at 5', 'timer at 8']], // prettier-ignore
      ['TMR-25/later', 'a timer of the clock holds the watermark where it will emit', { outputTimestamp: 9 }, ['set', 'timer at 8', 'held at 9']], // prettier-ignore
      ['TMR-28/clock', 'a timer of the clock that is to hold nothing does not hold the watermark', { holdsWatermark: false }, ['set', 'timer at 8', 'held at 5']], // prettier-ignore
    ] as const
  ).map(([id, name, options, expected]) =>
    pipelineCase({
      id,
      name,
      needs: ['state.bag', 'timers.eventTime', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
      build(p) {
        const script = setAtFive().advanceWatermarkTo(50).advanceProcessingTime(100)
        const held = p.apply('script', script.end()).parDo('hold', {
          output: told,
          timers: { clock: timer.processingTime() },
          process(pair, { timers: { clock }, emit }) {
            clock.setRelative(100, options)
            emit(pair)
          },
          onTimer: { clock: ({ key, timestamp, emit }) => emit(kv(key, `held at ${timestamp}`)) },
        })
        assertThat('order', orderOf(held)).containsInAnyOrder(expected)
      },
    }),
  ),
  pipelineCase({
    id: 'TMR-27',
    name: 'a timer that is cleared, or set again, lets go of the watermark that it held',
    needs: ['timers.eventTime', 'testStream'],
    build(p) {
      const script = setAtFive()
        .advanceWatermarkTo(20)
        .add(look)
        .add(at(100, said('set')))
        .advanceWatermarkTo(120)
        .add(look)
        .add(at(2000, said('clear')))
        .advanceWatermarkTo(121)
        .add(look)
      const timed = p.apply('script', script.end()).parDo('hold', {
        output: told,
        timers: { held: timer.eventTime() },
        process(pair, { timers: { held }, timestamp, emit }) {
          if (pair.value === 'set') held.set(1000, { outputTimestamp: timestamp })
          else if (pair.value === 'clear') held.clear()
          else emit(pair)
        },
        onTimer: { held: () => undefined },
      })
      assertThat('watermarks', withWatermarks(timed)).containsInAnyOrder(['look', 5], ['look', 100], ['look', 121])
    },
  }),
  pipelineCase({
    id: 'TMR-28',
    name: 'a timer that is to hold nothing does not hold the watermark, and emits where it was told to',
    needs: ['timers.eventTime', 'testStream'],
    build(p) {
      const script = setAtFive().advanceWatermarkTo(20).add(look)
      const out = withWatermarks(
        p.apply('script', script.end()).parDo('hold', holding(30, { outputTimestamp: 5, holdsWatermark: false })),
      )
      assertThat(
        'looks',
        out.filter('look', ([value]) => value === 'look'),
      ).containsInAnyOrder(['look', 20])
      assertTimes(
        'late output',
        out.map('word', ([value]) => value).filter('held', (value) => value.startsWith('held')),
        [['held at 5', 5]],
      )
    },
  }),
  pipelineCase({
    id: 'TMR-29',
    name: 'each tag of a family is a timer of its own: set twice it fires once, and one that is cleared leaves the others',
    needs: ['timers.eventTime', 'timers.family'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('timed', {
        output: anything,
        timers: { many: timer.eventTimeFamily() },
        process(_, { timers: { many } }) {
          many.set('a', 30)
          many.set('b', 20)
          many.set('b', 25)
          many.set('c', 10)
          many.set('d', 15)
          many.clear('d')
          many.clear('never set')
        },
        onTimer: { many: ({ tag, fireTimestamp, emit }) => emit([tag, fireTimestamp]) },
      })
      assertThat('fired', out).containsInAnyOrder(['a', 30], ['b', 25], ['c', 10])
    },
  }),
  pipelineCase({
    id: 'TMR-30',
    name: 'families with the same tags, and a timer with the name of a tag, are independent',
    needs: ['timers.eventTime', 'timers.processingTime', 'timers.family'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('timed', {
        output: anything,
        timers: { first: timer.eventTimeFamily(), second: timer.eventTimeFamily(), third: timer.processingTimeFamily(), a: timer.eventTime() }, // prettier-ignore
        process(_, { timers: { first, second, third, a } }) {
          first.set('a', 30)
          second.set('a', 15)
          second.set('b', 40)
          third.setRelative('a', 1)
          third.setRelative('b', 1)
          a.set(12)
          first.clear('b')
          third.clear('b')
        },
        onTimer: {
          first: ({ tag, fireTimestamp, emit }) => emit(['first', tag, fireTimestamp]),
          second: ({ tag, fireTimestamp, emit }) => emit(['second', tag, fireTimestamp]),
          third: ({ tag, emit }) => emit(['third', tag]),
          a: ({ fireTimestamp, emit }) => emit(['a', fireTimestamp]),
        },
      })
      assertThat('fired', out).containsInAnyOrder(['first', 'a', 30], ['second', 'a', 15], ['second', 'b', 40], ['third', 'a'], ['a', 12]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'TMR-31',
    name: 'a handler knows its timer, tag, key, window, times and time domain',
    needs: ['timers.eventTime', 'timers.processingTime', 'timers.family', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('ann', 1)))
        .windowInto('tens', fixedWindows(10))
        .parDo('timed', {
          output: anything,
          timers: { plain: timer.eventTime(), many: timer.eventTimeFamily(), clock: timer.processingTime() },
          process(_, { timers: { plain, many, clock } }) {
            plain.set(8, { outputTimestamp: 6 })
            many.set('tag', 7)
            clock.setRelative(0)
          },
          onTimer: {
            plain: ({ id, tag, key, window, timestamp, fireTimestamp, timeDomain, emit }) =>
              emit([id, tag === undefined, key, window.start, timestamp, fireTimestamp, timeDomain]),
            many: ({ id, tag, key, window, timestamp, fireTimestamp, timeDomain, emit }) =>
              emit([id, tag, key, window.start, timestamp, fireTimestamp, timeDomain]),
            clock: ({ id, tag, key, window, timestamp, fireTimestamp, now, timeDomain, emit }) =>
              emit([id, tag === undefined, key, window.start, timestamp, fireTimestamp <= now, timeDomain]),
          },
        })
      assertThat('known', out).containsInAnyOrder(
        ['plain', true, 'ann', 0, 6, 8, 'eventTime'],
        ['many', 'tag', 'ann', 0, 7, 7, 'eventTime'],
        ['clock', true, 'ann', 0, 1, true, 'processingTime'],
      )
    },
  }),
  pipelineCase({
    id: 'TMR-32',
    name: 'a handler reads the side input of its window',
    needs: ['timers.eventTime', 'sideInputs'],
    build(p) {
      const factor = p
        .create('factors', [kv(1, 10), kv(11, 100)], { timestamp: ({ key }) => key })
        .windowInto('tens of factors', fixedWindows(10))
        .map('factor', ({ value }) => value)
        .asSingleton('factor view')
      const out = p
        .create('pairs', [kv('k', 2), kv('k', 12)], { timestamp: ({ value }) => value })
        .windowInto('tens', fixedWindows(10))
        .parDo('timed', {
          output: anything,
          sides: { factor },
          timers: { end: timer.eventTime() },
          process: (_, { timers: { end }, window }) => end.set(window.maxTimestamp),
          onTimer: { end: ({ window, sides, emit }) => emit([window.start, sides.factor]) },
        })
      assertThat('factors', out).containsInAnyOrder([0, 10], [10, 100])
    },
  }),
  pipelineCase({
    id: 'TMR-33',
    name: 'timers that a failed attempt has set or cleared are as they were before it, and fire once',
    needs: ['timers.eventTime', 'timers.processingTime', 'timers.family', 'testStream'],
    build(p) {
      let hasFailed = false
      const out = oneByOne(p, at(1, said('set')), at(2, said('fail'))).parDo('flaky', {
        output: anything,
        retry: { attempts: 4 },
        timers: { many: timer.eventTimeFamily(), clock: timer.processingTime(), gone: timer.eventTime() },
        process({ value }, { timers: { many, clock, gone } }) {
          if (value === 'set') {
            many.set('kept', 10)
            clock.setRelative(50)
            return
          }
          if (hasFailed) return
          hasFailed = true
          many.set('kept', 99)
          many.set('gone', 5)
          gone.set(5)
          clock.clear()
          throw new Error('not yet')
        },
        onTimer: {
          many: ({ tag, fireTimestamp, emit }) => emit([tag, fireTimestamp]),
          clock: ({ emit }) => emit('clock'),
          gone: ({ emit }) => emit('gone'),
        },
      })
      assertThat('fired', out).containsInAnyOrder(['kept', 10], 'clock')
    },
  }),
  pipelineCase({
    id: 'TMR-33/dead-letter',
    name: 'a handler that fails into a dead letter has fired, leaves no trace in state or timers, and stops no other',
    needs: ['state.bag', 'timers.eventTime', 'deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) => assertThat('letters', letters.map('message', ({ error }) => error.message)).containsInAnyOrder('no')) // prettier-ignore
      const out = p.create('pairs', [kv('k', 1)]).parDo('timed', {
        output: anything,
        onError: bad,
        state: log,
        timers: { first: timer.eventTime(), second: timer.eventTime(), end: timer.eventTime() },
        process(_, { timers: { first, second, end } }) {
          first.set(10)
          second.set(20)
          end.set(30)
        },
        onTimer: {
          first({ state: { log }, timers: { second } }) {
            log.add('first')
            second.clear()
            throw new Error('no')
          },
          second: ({ state: { log } }) => log.add('second'),
          end: ({ state: { log }, emit }) => emit([...log.read()]),
        },
      })
      assertThat('log', out).containsInAnyOrder(['second'])
    },
  }),
  pipelineCase({
    id: 'TMR-35',
    name: 'a timer that a late element sets beyond the end of its window fires before the window expires',
    needs: ['state.bag', 'timers.eventTime', 'onWindowExpiration', 'lateness', 'testStream'],
    build(p) {
      const script = testStream<Told>()
        .advanceWatermarkTo(15)
        .add(at(3, said('late')))
        .advanceWatermarkTo(100)
      const out = p
        .apply('script', script.end())
        .windowInto('tens', fixedWindows(10), { allowedLateness: 20 })
        .parDo('timed', {
          output: anything,
          state: log,
          timers: { last: timer.eventTime(), next: timer.eventTime() },
          process({ value }, { state: { log }, timers: { last, next } }) {
            log.add(value)
            next.set(20)
            last.set(29)
          },
          onTimer: {
            next: ({ state: { log } }) => log.add('20'),
            last: ({ state: { log } }) => log.add('29'),
          },
          onWindowExpiration: ({ state: { log }, emit }) => emit([...log.read(), 'expired']),
        })
      assertThat('log', out).containsInAnyOrder(['late', '20', '29', 'expired'])
    },
  }),
  pipelineCase({
    id: 'TMR-36',
    name: 'delays in a handler count from the time its timer was set to, not from where the watermark has got',
    needs: ['timers.eventTime', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = setAtFive().advanceWatermarkTo(500).advanceProcessingTime(100)
      const out = p.apply('script', script.end()).parDo('timed', {
        output: anything,
        timers: { ten: timer.eventTime(), after: timer.eventTime(), clock: timer.processingTime() },
        process(_, { timers: { ten, clock } }) {
          ten.set(10)
          clock.setRelative(100)
        },
        onTimer: {
          ten({ timers: { ten, after }, emit }) {
            emit(['ten', ten.currentRelativeTime])
            after.setRelative(5)
          },
          after: ({ fireTimestamp, emit }) => emit(['after', fireTimestamp]),
          clock: ({ timers: { clock, ten }, now, emit }) => emit(['clock', clock.currentRelativeTime === now, ten.currentRelativeTime]), // prettier-ignore
        },
      })
      assertThat('times', out).containsInAnyOrder(['ten', 10], ['after', 15], ['clock', true, 500])
    },
  }),
]
