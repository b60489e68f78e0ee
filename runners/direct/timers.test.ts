import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import {
  fixedWindows,
  kv,
  offsetRangeCodec,
  OffsetRangeTracker,
  pipeline,
  resume,
  run,
  source,
  state,
  timer,
  typed,
  watermarks,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const output = typed<string>()

/** The machine's clock goes on while a test runs. */
const minutes = (millis: number): number => Math.floor(millis / 60_000)

inEveryMode((options) => {
  it('each tag of a family is a timer of its own, and families with the same tags are independent', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)])
      .parDo('timed', {
        output,
        timers: { first: timer.eventTimeFamily(), second: timer.eventTimeFamily(), plain: timer.eventTime() },
        process(_pair, { timers: { first, second, plain } }) {
          first.set('a', 30)
          first.set('b', 20)
          first.set('b', 25)
          first.set('c', 10)
          second.set('a', 15)
          second.set('b', 40)
          second.clear('b')
          second.clear('never set')
          plain.set(12)
        },
        onTimer: {
          first: ({ id, tag, fireTimestamp, timeDomain, key, timestamp, emit }) =>
            emit(`${id} ${tag} ${fireTimestamp} ${timeDomain} ${key} ${timestamp}`),
          second: ({ id, tag, fireTimestamp, emit }) => emit(`${id} ${tag} ${fireTimestamp}`),
          plain: ({ id, tag, fireTimestamp, emit }) => emit(`${id} ${String(tag)} ${fireTimestamp}`),
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      'first c 10 eventTime k 10',
      'plain undefined 12',
      'second a 15',
      'first b 25 eventTime k 25',
      'first a 30 eventTime k 30',
    ])
  })

  it('a handler that sets an earlier timer than those that wait, still ahead, sees it fire before them', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)])
      .parDo('timed', {
        output,
        timers: { a: timer.eventTime(), b: timer.eventTime(), c: timer.eventTime() },
        process(_pair, { timers }) {
          timers.a.set(1)
          timers.c.set(9)
        },
        onTimer: {
          a: ({ timers, emit }) => {
            emit('a')
            timers.b.set(5)
          },
          b: ({ emit }) => emit('b'),
          c: ({ emit }) => emit('c'),
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['a', 'b', 'c'])
  })

  it('two timers that set each other alternate, however far the watermark jumps', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)])
      .parDo('timed', {
        output,
        timers: { tick: timer.eventTime(), tock: timer.eventTime() },
        process: (_pair, { timers }) => timers.tick.set(1),
        onTimer: {
          tick: ({ timers, fireTimestamp, emit }) => {
            emit(`tick ${fireTimestamp}`)
            if (fireTimestamp < 6) timers.tock.set(fireTimestamp + 1)
          },
          tock: ({ timers, emit, fireTimestamp }) => {
            emit(`tock ${fireTimestamp}`)
            timers.tick.setRelative(1)
          },
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      'tick 1',
      'tock 2',
      'tick 3',
      'tock 4',
      'tick 5',
      'tock 6',
      'tick 7', // prettier-ignore
    ])
  })

  it('delays of a looping timer count from its own time, so that it stops at the end of its window', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)], { timestamp: () => 1 })
      .windowInto('tens', fixedWindows(10))
      .parDo('loop', {
        output,
        timers: { tick: timer.eventTime() },
        process: (_pair, { timers, timestamp }) => timers.tick.set(timestamp),
        onTimer: {
          tick: ({ timers, fireTimestamp, window, emit }) => {
            emit(`tick ${fireTimestamp}, from ${timers.tick.currentRelativeTime}`)
            if (fireTimestamp < window.maxTimestamp) timers.tick.setRelative(3)
          },
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      'tick 1, from 1',
      'tick 4, from 4',
      'tick 7, from 7',
      'tick 9, from 9',
    ])
  })

  it('an aligned timer fires at the next aligned time, or at the end of its window', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: number }>()
        .advanceWatermarkTo(103)
        .add(at(110, kv('k', 1)))
        .end(),
    )
      .windowInto('hundreds', fixedWindows(100))
      .parDo('timed', {
        output,
        timers: { a: timer.eventTime(), b: timer.eventTime(), c: timer.eventTime(), d: timer.eventTimeFamily() },
        process(_pair, { timers: { a, b, c, d } }) {
          a.align(10).setRelative()
          b.align(10, 4).setRelative(20)
          c.align(1000).setRelative()
          d.align(7).setRelative('x', 2)
        },
        onTimer: {
          a: ({ fireTimestamp, emit }) => emit(`a ${fireTimestamp}`),
          b: ({ fireTimestamp, emit }) => emit(`b ${fireTimestamp}`),
          c: ({ fireTimestamp, emit }) => emit(`c ${fireTimestamp}`),
          d: ({ tag, fireTimestamp, emit }) => emit(`d ${tag} ${fireTimestamp}`),
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['d x 105', 'a 110', 'b 124', 'c 199'])
  })

  it('a processing-time timer fires when the clock has come so far, at the timestamp of its element', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: string }>()
        .add(at(7, kv('k', 'set')))
        .advanceProcessingTime(999)
        .add(at(8, kv('k', 'before')))
        .advanceProcessingTime(1)
        .add(at(9, kv('k', 'after')))
        .end(),
    )
      .parDo('timed', {
        output,
        state: { start: state.value(t.number) },
        timers: { timeout: timer.processingTime() },
        process({ value }, { timers, state, emit, now }) {
          if (value !== 'set') return emit(value)
          state.start.write(now)
          expect(timers.timeout.currentRelativeTime).toBe(now)
          timers.timeout.setRelative('5 seconds')
          timers.timeout.setRelative('1 second')
        },
        onTimer: {
          timeout: ({ state, emit, now, fireTimestamp, timestamp, timeDomain }) =>
            emit(`${timeDomain} +${fireTimestamp - (state.start.read() ?? 0)} now +${now - (state.start.read() ?? 0)} @${timestamp}`), // prettier-ignore
        },
      })
      .collect('out')
    const out = (await run(p, options)).collectWindowed('out')
    expect(out.map(({ value, timestamp }) => [value, timestamp])).toEqual([
      ['before', 8],
      ['processingTime +1000 now +1000 @7', 7],
      ['after', 9],
    ])
  })

  it('a processing-time timer holds the watermark of what follows, unless it asks for none', async () => {
    const p = pipeline()
    const held = (name: string, options: object) =>
      p
        .apply(
          `${name} events`,
          testStream<{ key: string; value: number }>()
            .add(at(5, kv('k', 1)))
            .advanceWatermarkTo(50)
            .advanceProcessingTime(100)
            .end(),
        )
        .parDo(`${name} holds`, {
          output: typed<{ key: string; value: string }>(),
          timers: { t: timer.processingTime() },
          process({ key }, { timers, emit }) {
            timers.t.setRelative(100, options)
            emit(kv(key, 'element'))
          },
          onTimer: { t: ({ key, timestamp, emit }) => emit(kv(key, `timer @${timestamp}`)) },
        })
        .parDo(name, {
          output,
          timers: { early: timer.eventTime() },
          process({ value }, { timers, emit }) {
            emit(value)
            if (value === 'element') timers.early.set(8)
          },
          onTimer: { early: ({ emit }) => emit('early') },
        })
        .collect(`${name} out`)
    held('default', {})
    held('later', { outputTimestamp: 9 })
    held('none', { holdsWatermark: false })
    const result = await run(p, options)
    expect(result.collect('default out')).toEqual(['element', 'timer @5', 'early'])
    expect(result.collect('later out')).toEqual(['element', 'early', 'timer @9'])
    expect(result.collect('none out')).toEqual(['element', 'early', 'timer @5'])
  })

  it('when the input has ended, what waits for the clock fires at once, in order, and once, before windows expire', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)], { timestamp: () => 1 })
      .windowInto('tens', fixedWindows(10))
      .parDo('timed', {
        output,
        state: { start: state.value(t.number), log: state.bag(t.string) },
        timers: {
          poll: timer.processingTime(),
          once: timer.processingTime(),
          chained: timer.processingTimeFamily(),
          end: timer.eventTime(),
        },
        process(_pair, { timers, state, window, now }) {
          state.start.write(now)
          timers.poll.setRelative('1 hour')
          timers.once.setRelative('30 minutes')
          timers.end.set(window.maxTimestamp)
        },
        onTimer: {
          poll: ({ timers, state, now }) => {
            state.log.add(`poll +${minutes(now - (state.start.read() ?? 0))}`)
            timers.poll.setRelative('1 hour')
            timers.chained.setRelative('x', '1 minute')
          },
          once: ({ state, now }) => state.log.add(`once +${minutes(now - (state.start.read() ?? 0))}`),
          chained: ({ state, tag, now }) => state.log.add(`${tag} +${minutes(now - (state.start.read() ?? 0))}`),
          end: ({ state }) => state.log.add('end'),
        },
        onWindowExpiration: ({ state, emit }) => emit([...state.log.read()].join(', ')),
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['end, once +30, poll +60, x +61'])
  })

  it('a window that expires before the clock has come so far drops its processing-time timers, and their holds', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: number }>()
        .add(at(1, kv('k', 1)))
        .advanceWatermarkTo(11)
        .advanceProcessingTime(1000)
        .add(at(12, kv('k', 2)))
        .end(),
    )
      .windowInto('tens', fixedWindows(10))
      .parDo('timed', {
        output,
        timers: { t: timer.processingTime(), many: timer.processingTimeFamily() },
        process({ value }, { timers, emit }) {
          emit(`element ${value}`)
          if (value === 2) return
          timers.t.setRelative(1000)
          timers.many.setRelative('a', 10)
          timers.many.setRelative('b', 20, { holdsWatermark: false })
        },
        onTimer: { t: ({ emit }) => emit('timer'), many: ({ emit }) => emit('many') },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['element 1', 'element 2'])
  })

  it.each<[string, (timers: never) => void, RegExp]>([
    ['an absolute processing time', (t: { p: { set(at: number): void } }) => t.p.set(7), /timer "p" is a processing-time timer and has no set/], // prettier-ignore
    ['a family without a tag', (t: { f: { set(at: number): void } }) => t.f.set(7), /timer family "f" needs a tag first/], // prettier-ignore
    ['an output timestamp after the end', (t: { p: { setRelative(d: number, o: object): void } }) => t.p.setRelative(1, { outputTimestamp: 13 }), /timer "p" has output timestamp .*013Z, after the expiration of .* at .*012Z/], // prettier-ignore
    ['an output timestamp before the element', (t: { p: { setRelative(d: number, o: object): void } }) => t.p.setRelative(1, { outputTimestamp: 4 }), /timer "p" has output timestamp .*, before the element's/], // prettier-ignore
    ['an alignment to nothing', (t: { e: { align(p: number): void } }) => t.e.align(0), /period that timer "e" is aligned to/], // prettier-ignore
  ])('refuses %s', async (_, set, message) => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)], { timestamp: () => 5 })
      .windowInto('tens', fixedWindows(10), { allowedLateness: 3 })
      .parDo('timed', {
        output,
        timers: { e: timer.eventTime(), p: timer.processingTime(), f: timer.eventTimeFamily() },
        process: (_pair, { timers }) => set(timers as never),
        onTimer: { e: () => undefined, p: () => undefined, f: () => undefined },
      })
    await expect(run(p, options)).rejects.toThrow(message)
  })

  it('an output of a handler before the output timestamp of its timer is refused', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)], { timestamp: () => 5 }).parDo('timed', {
      output,
      timers: { t: timer.eventTime() },
      process: (_pair, { timers }) => timers.t.set(9, { outputTimestamp: 7 }),
      onTimer: { t: ({ emit }) => emit('early', 6) },
    })
    await expect(run(p, options)).rejects.toThrow(/onTimer\.t[\s\S]*by more than allowedSkew/)
  })

  it('a handler reads side inputs, and sees what calls before it have changed', async () => {
    const p = pipeline()
    const factor = p.create('factor', [10]).asSingleton('view')
    p.create('pairs', [kv('k', 1), kv('k', 2)])
      .parDo('timed', {
        output: t.number,
        sides: { factor },
        state: { sum: state.value(t.number, { initial: 0 }) },
        timers: { end: timer.processingTime() },
        async process({ value }, { state, timers }) {
          await Promise.resolve()
          state.sum.write(state.sum.read() + value)
          timers.end.setRelative('1 hour')
        },
        onTimer: { end: ({ sides, state, emit }) => emit(state.sum.read() * sides.factor) },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([30])
  })

  it('timers that an attempt set or cleared are as they were when it fails', async () => {
    const p = pipeline()
    let failures = 0
    p.create('pairs', [kv('k', 1), kv('k', 2)])
      .parDo('flaky', {
        output,
        retry: { attempts: 2 },
        timers: { one: timer.eventTimeFamily(), two: timer.processingTime() },
        process({ value }, { timers: { one, two } }) {
          if (value === 1) {
            one.set('kept', 10)
            two.setRelative(50)
            return
          }
          if (failures++ > 0) return
          one.set('kept', 99)
          one.set('gone', 5)
          two.clear()
          throw new Error('not yet')
        },
        onTimer: {
          one: ({ tag, fireTimestamp, emit }) => emit(`${tag} ${fireTimestamp}`),
          two: ({ emit }) => emit('two'),
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['kept 10', 'two'])
    expect(failures).toBe(2)
  })
}, orderedModes)

describe('the clock of the machine', () => {
  it('fires timers while a source waits, before more comes', async () => {
    const p = pipeline()
    p.apply(
      'slow',
      source({
        output: t.number,
        bounded: true,
        replayable: true,
        watermark: watermarks.none(),
        restriction: () => ({ from: 0, to: 2 }),
        restrictionCodec: offsetRangeCodec,
        tracker: (range) => new OffsetRangeTracker(range),
        process(_, tracker, { emit }) {
          const at = tracker.currentRestriction().from
          if (!tracker.tryClaim(at)) return undefined
          emit(at, at)
          return resume({ after: '150 millis' })
        },
      }),
    )
      .keyBy('one key', () => 'k')
      .parDo('timed', {
        output,
        state: { set: state.value(t.number) },
        timers: { soon: timer.processingTime() },
        process({ value }, { timers, state, emit, now }) {
          emit(`element ${value}`)
          if (value > 0) return
          state.set.write(now)
          timers.soon.setRelative(20)
        },
        onTimer: { soon: ({ emit, state, now }) => emit(`timer ${now - (state.set.read() ?? 0) >= 20 ? 'in' : 'out of'} time`) }, // prettier-ignore
      })
      .collect('out')
    expect((await run(p)).collect('out')).toEqual(['element 0', 'timer in time', 'element 1'])
  })
})
