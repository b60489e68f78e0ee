/**
 * Timers and the clock, and what timers may not: fire after the end of their window, or emit outside of it.
 */
import {
  fixedWindows,
  type KV,
  kv,
  type PCollection,
  type Pipeline,
  type ProcessingTimeTimer,
  state,
  type Timer,
  timer,
  TIMESTAMP_MIN,
  typed,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSame } from './claims.js'

type Told = KV<string, string>

const anything = typed<unknown>()
const log = { log: state.bag(anything) }
const said = (value: string): Told => kv('k', value)

/** An element at 5 in [0, 10), which lasts until 12, that sets a timer. */
function setting(
  p: Pipeline,
  set: (timers: { readonly event: Timer; readonly clock: ProcessingTimeTimer }) => void,
): PCollection<unknown> {
  // prettier-ignore
  return p
    .create('pairs', [kv('k', 1)], { timestamp: () => 5 })
    .windowInto('tens', fixedWindows(10), { allowedLateness: 3 })
    .parDo('timed', {
      output: anything,
      timers: { event: timer.eventTime(), clock: timer.processingTime() },
      process: (_, { timers }) => set(timers),
      onTimer: { event: ({ fireTimestamp, emit }) => emit(fireTimestamp), clock: ({ emit }) => emit('clock') },
    })
}

const event = ['timers.eventTime', 'timers.processingTime'] as const

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'TMR-16',
    name: 'a timer after the expiration of its window is refused',
    needs: event,
    build: (p) => void setting(p, ({ event }) => event.set(13)),
    fails: { message: /timer "event".*expiration/, step: 'timed' },
  }),
  pipelineCase({
    id: 'TMR-16/lateness',
    name: 'a timer after the end of its window fires while the lateness lasts',
    needs: [...event, 'lateness'],
    build: (p) =>
      assertThat(
        'fired',
        setting(p, ({ event }) => event.set(12)),
      ).containsInAnyOrder(12),
  }),
  pipelineCase({
    id: 'TMR-17',
    name: 'a timer of the clock cannot be set to an absolute time',
    needs: event,
    // The types offer no set; what reaches the runner is a program without them.
    build: (p) => void setting(p, ({ clock }) => (clock as unknown as Timer).set(7)),
    fails: { message: /timer "clock".*processing-time/, step: 'timed' },
  }),
  pipelineCase({
    id: 'TMR-18',
    name: 'an aligned timer fires at the next aligned time, and no later than its window lasts',
    needs: ['timers.eventTime', 'timers.family', 'testStream'],
    build(p) {
      const script = testStream<Told>()
        .advanceWatermarkTo(103)
        .add(at(110, said('set')))
      const out = p
        .apply('script', script.end())
        .windowInto('hundreds', fixedWindows(100))
        .parDo('timed', {
          output: anything,
          timers: { tens: timer.eventTime(), moved: timer.eventTime(), exact: timer.eventTime(), far: timer.eventTime(), sevens: timer.eventTimeFamily() }, // prettier-ignore
          process(_, { timers: { tens, moved, exact, far, sevens } }) {
            tens.align(10).setRelative()
            moved.align(10, 4).setRelative(20)
            exact.align(103).setRelative()
            far.align(1000).setRelative()
            sevens.align(7).setRelative('x', 2)
          },
          onTimer: {
            tens: ({ fireTimestamp, emit }) => emit(['tens', fireTimestamp]),
            moved: ({ fireTimestamp, emit }) => emit(['moved', fireTimestamp]),
            exact: ({ fireTimestamp, emit }) => emit(['exact', fireTimestamp]),
            far: ({ fireTimestamp, emit }) => emit(['far', fireTimestamp]),
            sevens: ({ fireTimestamp, emit }) => emit(['sevens', fireTimestamp]),
          },
        })
      assertThat('fired', out).containsInAnyOrder(['tens', 110], ['moved', 124], ['exact', 103], ['far', 199], ['sevens', 105]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'TMR-19',
    name: 'a timer of the clock fires when the clock has come so far, and not before',
    needs: ['state.bag', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = testStream<Told>()
        .add(at(1, said('set')))
        .advanceProcessingTime(999)
        .add(at(2, said('look')))
        .advanceWatermarkTo(5000)
        .add(at(5001, said('look')))
        .advanceProcessingTime(1)
        .add(at(5002, said('look')))
      const out = p.apply('script', script.end()).parDo('timed', {
        output: anything,
        state: log,
        timers: { second: timer.processingTime() },
        process({ value }, { state: { log }, timers: { second }, emit, now }) {
          if (value === 'look') return emit([...log.read()])
          expectSame(second.currentRelativeTime, now, 'what the delay counts from')
          second.setRelative('1 second')
        },
        onTimer: { second: ({ state: { log } }) => log.add('fired') },
      })
      assertThat('fired', out).containsInAnyOrder([], [], ['fired'])
    },
  }),
  pipelineCase({
    id: 'TMR-20',
    name: 'timers of the clock that wait when bounded input ends fire before the pipeline ends, in order, one that sets itself again once',
    needs: ['state.bag', 'timers.processingTime', 'timers.eventTime', 'onWindowExpiration'],
    build(p) {
      const out = p
        .create('pairs', [kv('k', 1)], { timestamp: () => 5 })
        .windowInto('tens', fixedWindows(10))
        .parDo('timed', {
          output: anything,
          state: log,
          timers: { end: timer.eventTime(), hour: timer.processingTime(), half: timer.processingTime() },
          process(_, { timers: { end, hour, half }, window }) {
            hour.setRelative('1 hour')
            half.setRelative('30 minutes')
            end.set(window.maxTimestamp)
          },
          onTimer: {
            end: ({ state: { log } }) => log.add('end'),
            hour({ state: { log }, timers: { hour } }) {
              log.add('hour')
              hour.setRelative('1 hour')
            },
            half: ({ state: { log } }) => log.add('half'),
          },
          onWindowExpiration: ({ state: { log }, emit }) => emit([...log.read()]),
        })
      assertThat('log', out).containsInAnyOrder(['end', 'half', 'hour'])
    },
  }),
  pipelineCase({
    id: 'TMR-21',
    name: 'a timer of the clock that waits when its window expires is dropped, and holds nothing any more',
    needs: ['timers.eventTime', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = testStream<Told>()
        .add(at(1, said('set')))
        .advanceWatermarkTo(11)
        .advanceProcessingTime(5000)
        .add(at(12, said('next')))
      const out = p
        .apply('script', script.end())
        .windowInto('tens', fixedWindows(10))
        .parDo('timed', {
          output: typed<Told>(),
          timers: { second: timer.processingTime() },
          process({ value }, { timers: { second }, emit }) {
            if (value === 'set') second.setRelative('1 second')
            emit(kv('k', value))
          },
          onTimer: { second: ({ emit }) => emit(kv('k', 'fired')) },
        })
        .parDo('see', {
          output: anything,
          timers: { clock: timer.eventTime() },
          process: ({ value }, { timers: { clock }, emit }) => emit([value, clock.currentRelativeTime]),
          onTimer: { clock: () => undefined },
        })
      assertThat('out', out).containsInAnyOrder(['set', TIMESTAMP_MIN], ['next', 11])
    },
  }),
  pipelineCase({
    id: 'TMR-26',
    name: 'an output timestamp after the end of the window is refused',
    needs: event,
    build: (p) => void setting(p, ({ clock }) => clock.setRelative(1, { outputTimestamp: 13 })),
    fails: { message: /timer "clock".*output timestamp.*expiration/, step: 'timed' },
  }),
  pipelineCase({
    id: 'TMR-26/own-time',
    name: 'an output timestamp after the time of its event-time timer is refused',
    needs: event,
    build: (p) => void setting(p, ({ event }) => event.set(8, { outputTimestamp: 9 })),
    fails: { message: /timer "event".*output timestamp.*after its own time/, step: 'timed' },
  }),
  ...(['event', 'clock'] as const).map((which) =>
    pipelineCase({
      id: `TMR-26/${which}`,
      name: `an output timestamp of a timer (${which}) before its element, less the skew, is refused`,
      needs: event,
      build: (p) =>
        void setting(p, (timers) => {
          if (which === 'event') timers.event.set(9, { outputTimestamp: 4 })
          else timers.clock.setRelative(1, { outputTimestamp: 4 })
        }),
      fails: { message: new RegExp(`timer "${which}".*output timestamp.*before the element`), step: 'timed' },
    }),
  ),
  pipelineCase({
    id: 'TMR-26/skew',
    name: 'an output timestamp lies before its element by as much as the skew allows',
    needs: ['timers.eventTime'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)], { timestamp: () => 5 }).parDo('timed', {
        output: anything,
        allowedSkew: 2,
        timers: { event: timer.eventTime() },
        process: (_, { timers: { event } }) => event.set(9, { outputTimestamp: 3 }),
        onTimer: { event: ({ timestamp, emit }) => emit(timestamp) },
      })
      assertThat('out', out).satisfies((values, [element]) => expectSame([values, element?.timestamp], [[3], 3]))
    },
  }),
]
