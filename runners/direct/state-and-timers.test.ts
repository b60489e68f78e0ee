import { describe, expect, it } from 'vitest'
import { fixedWindows, kv, pipeline, run, sessionWindows, slidingWindows, state, timer, typed } from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const output = typed<string>()
const number = typed<number>()

inEveryMode((options) => {
  it('state counts per key and window, and two steps with the same cell name are independent', async () => {
    const p = pipeline()
    const count = (prefix: string) => ({
      output,
      state: { n: state.value(number, { initial: 0 }) },
      process(
        { key }: { key: string; value: number },
        {
          state: cells,
          emit,
          window,
        }: {
          state: { n: { read(): number; write(n: number): void } }
          emit: (s: string) => void
          window: { start: number }
        },
      ) {
        cells.n.write(cells.n.read() + 1)
        emit(`${prefix} ${key} ${window.start} ${cells.n.read()}`)
      },
    })
    const pairs = p
      .create('pairs', [kv('a', 1), kv('a', 2), kv('b', 3), kv('a', 11), kv('b', 12)], {
        timestamp: ({ value }) => value,
      })
      .windowInto('tens', fixedWindows(10))
    pairs.parDo('first', count('x')).collect('first out')
    pairs.parDo('second', count('y')).collect('second out')
    const result = await run(p, options)
    const expected = (x: string): string[] => [`${x} a 0 1`, `${x} a 0 2`, `${x} a 10 1`, `${x} b 0 1`, `${x} b 10 1`]
    expect([...result.collect<string>('first out')].sort()).toEqual(expected('x'))
    expect([...result.collect<string>('second out')].sort()).toEqual(expected('y'))
  })

  it('an initial object that one key changes stays as it was for the others', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('b', 2), kv('a', 3)])
      .parDo('lists', {
        output: typed<unknown>(),
        state: { seen: state.value(typed<number[]>(), { initial: [] }) },
        process({ key, value }, { state, emit }) {
          const seen = state.seen.read()
          seen.push(value)
          state.seen.write(seen)
          emit([key, [...seen]])
        },
      })
      .collect('out')
    const out = (await run(p, options)).collect<[string, number[]]>('out').filter(([, seen]) => seen.length === 1)
    expect(out).toHaveLength(2)
  })

  it('unset, written with undefined, and cleared cells are told apart', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .parDo('cells', {
        output: typed<unknown>(),
        state: { plain: state.value(typed<number | null | undefined>()), initial: state.value(number, { initial: 7 }) },
        process(_pair, { state, emit }) {
          emit(['unset', state.plain.read(), state.initial.read()])
          state.plain.write(null)
          state.initial.write(0)
          emit(['written', state.plain.read(), state.initial.read()])
          state.plain.clear()
          state.initial.clear()
          emit(['cleared', state.plain.read(), state.initial.read()])
          state.plain.write(5)
          emit(['again', state.plain.read(), state.initial.read()])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['unset', undefined, 7],
      ['written', null, 0],
      ['cleared', undefined, 7],
      ['again', 5, 7],
    ])
  })

  it('keys address the same cell whatever their shape', async () => {
    const p = pipeline()
    const keys = [
      { x: 1, y: -0 },
      { y: 0, x: 1 },
      Number.NaN,
      Number.NaN,
      0,
      -0,
      '__proto__',
      '__proto__',
      1,
      1n,
      '1',
      true,
    ]
    p.create(
      'pairs',
      keys.map((key) => ({ key, value: 1 })),
    )
      .parDo('count', {
        output: typed<{ key: unknown; n: number }>(),
        state: { n: state.value(number, { initial: 0 }) },
        timers: { end: timer.eventTime() },
        process(_pair, { state, timers }) {
          state.n.write(state.n.read() + 1)
          timers.end.set(100)
        },
        onTimer: { end: ({ key, state, emit }) => emit({ key, n: state.n.read() }) },
      })
      .collect('out')
    const counts = (await run(p, options)).collect<{ key: unknown; n: number }>('out').map(({ n }) => n)
    expect([...counts].sort()).toEqual([1, 1, 1, 1, 2, 2, 2, 2])
  })

  it('a timer fires once per key and window, in the window it was set in, at its time', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 7), kv('a', 8), kv('b', 3)], { timestamp: ({ value }) => value })
      .windowInto('sliding', slidingWindows(10, { every: 5 }))
      .parDo('timed', {
        output,
        timers: { end: timer.eventTime() },
        process: (_pair, { timers, window }) => timers.end.set(window.maxTimestamp),
        onTimer: {
          end: ({ key, window, timestamp, fireTimestamp, emit }) =>
            emit(`${key} ${window.start} ${timestamp} ${fireTimestamp}`),
        },
      })
      .collect('out')
    const elements = (await run(p, options)).collectWindowed<string>('out')
    expect(elements.map(({ value }) => value).sort()).toEqual(['a 0 9 9', 'a 5 14 14', 'b -5 4 4', 'b 0 9 9'])
    for (const { value, window, timestamp } of elements) {
      expect(value.split(' ').slice(1, 3)).toEqual([String(window.start), String(timestamp)])
    }
  })

  it('timers of one key fire in the order of their times, those that a handler sets included', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .parDo('timed', {
        output,
        state: { log: state.value(typed<string>(), { initial: '' }) },
        timers: { a: timer.eventTime(), b: timer.eventTime(), c: timer.eventTime() },
        process(_pair, { timers }) {
          timers.c.set(30)
          timers.b.set(20)
          timers.a.set(10)
        },
        onTimer: {
          a: ({ state, timers, fireTimestamp }) => {
            state.log.write(`${state.log.read()}a${fireTimestamp} `)
            if (fireTimestamp === 10) timers.a.set(15)
          },
          b: ({ state, fireTimestamp }) => state.log.write(`${state.log.read()}b${fireTimestamp} `),
          c: ({ state, fireTimestamp, emit }) => emit(`${state.log.read()}c${fireTimestamp}`),
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['a10 a15 b20 c30'])
  })

  it('a timer that is set again fires once, one that is cleared does not', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .parDo('timed', {
        output,
        timers: {
          moved: timer.eventTime(),
          cleared: timer.eventTime(),
          back: timer.eventTime(),
          never: timer.eventTime(),
        },
        process(_pair, { timers }) {
          timers.moved.set(10)
          timers.moved.set(50)
          timers.cleared.set(10)
          timers.cleared.clear()
          timers.back.set(10)
          timers.back.clear()
          timers.back.set(40)
          timers.never.clear()
        },
        onTimer: {
          moved: ({ emit, fireTimestamp }) => emit(`moved ${fireTimestamp}`),
          cleared: ({ emit }) => emit('cleared'),
          back: ({ emit, fireTimestamp }) => emit(`back ${fireTimestamp}`),
          never: ({ emit }) => emit('never'),
        },
      })
      .collect('out')
    expect([...(await run(p, options)).collect('out')].sort()).toEqual(['back 40', 'moved 50'])
  })

  it('a looping timer stops at the end of its window', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)], { timestamp: () => 1 })
      .windowInto('tens', fixedWindows(10))
      .parDo('loop', {
        output,
        timers: { tick: timer.eventTime() },
        process: (_pair, { timers, timestamp }) => timers.tick.set(timestamp),
        onTimer: {
          tick: ({ timers, fireTimestamp, window, emit }) => {
            emit(`tick ${fireTimestamp}`)
            if (fireTimestamp + 4 <= window.maxTimestamp) timers.tick.set(fireTimestamp + 4)
          },
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['tick 1', 'tick 5', 'tick 9'])
  })

  it('a timer does not fire before the watermark has passed it', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: string }>()
        .add(at(0, kv('a', 'set')))
        .advanceWatermarkTo(50)
        .add(at(60, kv('a', 'before')))
        .advanceWatermarkTo(101)
        .add(at(110, kv('a', 'after')))
        .end(),
    )
      .parDo('timed', {
        output,
        timers: { t: timer.eventTime() },
        process({ value }, { timers, emit }) {
          if (value === 'set') timers.t.set(100)
          else emit(value)
        },
        onTimer: { t: ({ emit }) => emit('timer') },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['before', 'timer', 'after'])
  })

  it('a timer for a time already passed fires after its bundle; setRelative counts from the watermark', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: string }>()
        .advanceWatermarkTo(500)
        .add(at(600, kv('a', 'x')))
        .advanceWatermarkTo(530)
        .end(),
    )
      .parDo('timed', {
        output,
        timers: { past: timer.eventTime(), soon: timer.eventTime() },
        process(_pair, { timers, emit }) {
          timers.past.set(100)
          timers.soon.setRelative(20)
          emit('element')
        },
        onTimer: {
          past: ({ emit, fireTimestamp }) => emit(`past ${fireTimestamp}`),
          soon: ({ emit, fireTimestamp }) => emit(`soon ${fireTimestamp}`),
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['element', 'past 100', 'soon 520'])
  })

  it('an output timestamp holds the watermark of what follows until the timer has fired', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: number }>()
        .add(at(0, kv('a', 1)))
        .advanceWatermarkTo(9)
        .advanceWatermarkTo(20)
        .end(),
    )
      .parDo('holds', {
        output: typed<{ key: string; value: string }>(),
        timers: { t: timer.eventTime() },
        process({ key }, { timers, emit }) {
          timers.t.set(10, { outputTimestamp: 5 })
          emit(kv(key, 'element'))
        },
        onTimer: { t: ({ key, timestamp, emit }) => emit(kv(key, `held at ${timestamp}`)) },
      })
      .parDo('next', {
        output,
        timers: { early: timer.eventTime() },
        process({ value }, { timers, emit, timestamp }) {
          emit(`${value} @${timestamp}`)
          if (value === 'element') timers.early.set(8)
        },
        onTimer: { early: ({ emit }) => emit('next timer at 8') },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['element @0', 'held at 5 @5', 'next timer at 8'])
  })

  it('refuses timers that could never fire, or whose outputs would be late', async () => {
    const failing = async (
      set: (timers: { t: { set(at: number, options?: { outputTimestamp?: number }): void } }) => void,
    ): Promise<string> => {
      const p = pipeline()
      p.create('pairs', [kv('a', 1)], { timestamp: () => 5 })
        .windowInto('tens', fixedWindows(10), { allowedLateness: 3 })
        .parDo('timed', {
          output,
          timers: { t: timer.eventTime() },
          process: (_pair, { timers }) => set(timers),
          onTimer: { t: () => undefined },
        })
      return run(p, options).then(
        () => 'accepted',
        (error: unknown) => (error as Error).message,
      )
    }
    expect(await failing((timers) => timers.t.set(13))).toMatch(
      /timer "t" is set to .*013Z, after the expiration of .* at .*012Z/,
    )
    expect(await failing((timers) => timers.t.set(12))).toBe('accepted')
    expect(await failing((timers) => timers.t.set(9, { outputTimestamp: 10 }))).toMatch(
      /output timestamp .*, after its own time/,
    )
    expect(await failing((timers) => timers.t.set(9, { outputTimestamp: 4 }))).toMatch(
      /output timestamp .*, before the element's/,
    )
  })

  it('onWindowExpiration speaks once for each key with state, after its timers, and may not set any', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('a', 2), kv('b', 3), kv('a', 14)], { timestamp: ({ value }) => value })
      .windowInto('tens', fixedWindows(10))
      .parDo('counts', {
        output,
        state: { log: state.value(typed<string>(), { initial: '' }) },
        timers: { end: timer.eventTime() },
        process(_pair, { state, timers, window }) {
          state.log.write(`${state.log.read()}.`)
          timers.end.set(window.maxTimestamp)
        },
        onTimer: { end: ({ state }) => state.log.write(`${state.log.read()}t`) },
        onWindowExpiration: ({ key, state, emit, window, timestamp }) => {
          expect(timestamp).toBe(window.maxTimestamp)
          emit(`${key} ${window.start} ${state.log.read()}`)
        },
      })
      .collect('out')
    const out = (await run(p, options)).collectWindowed<string>('out')
    expect(out.map(({ value }) => value).sort()).toEqual(['a 0 ..t', 'a 10 .t', 'b 0 .t'])
    expect(out.map(({ timestamp }) => timestamp).sort()).toEqual([19, 9, 9].sort())
  })

  it('late elements within the lateness still see their state; after expiry they are dropped and counted', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: number }>()
        .add(at(1, kv('a', 1)))
        .advanceWatermarkTo(15)
        .add(at(2, kv('a', 2)))
        .advanceWatermarkTo(31)
        .add(at(3, kv('a', 3)))
        .end(),
    )
      .windowInto('tens', fixedWindows(10), { allowedLateness: 20 })
      .parDo('sum', {
        output: number,
        state: { sum: state.value(number, { initial: 0 }) },
        process({ value }, { state, emit }) {
          state.sum.write(state.sum.read() + value)
          emit(state.sum.read())
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual([1, 3])
    expect(result.metrics.counter('droppedDueToLateness', 'sum')).toBe(1)
  })

  it.each<[string, (cell: { write(n: number): void; clear(): void; read(): unknown }) => void | Promise<void>]>([
    ['only reads', (cell) => void cell.read()],
    ['writes and clears', (cell) => (cell.write(1), cell.clear())],
    [
      'writes, waits and clears',
      async (cell) => {
        cell.write(1)
        await Promise.resolve()
        cell.clear()
      },
    ],
  ])('a key whose call %s has no state, and no last words', async (_, use) => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('a', 2)])
      .parDo('s', {
        output: typed<string>(),
        state: { n: state.value(typed<number>()) },
        process: (_pair, { state: { n } }) => use(n),
        onWindowExpiration: ({ key, emit }) => emit(key),
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([])
  })

  it('what onWindowExpiration emits is not late for the next grouping, although the lateness has passed', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: number }>()
        .add(at(1, kv('a', 1)))
        .advanceWatermarkTo(25)
        .advanceWatermarkTo(100)
        .end(),
    )
      .windowInto('tens', fixedWindows(10), { allowedLateness: 20 })
      .parDo('last words', {
        output: typed<{ key: string; value: number }>(),
        state: { n: state.value(number, { initial: 0 }) },
        process: (_pair, { state }) => state.n.write(1),
        onWindowExpiration: ({ key, state, emit }) => emit(kv(key, state.n.read())),
      })
      .countPerKey('count')
      .collect('out')
    const result = await run(p, options)
    expect(result.collectWindowed('out').map(({ value, pane }) => [value, pane.timing])).toEqual([
      [kv('a', 1), 'onTime'],
    ])
    expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  })

  it('metrics add up over elements and timers', async () => {
    const { metric } = await import('millrace')
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('a', 3)]).parDo('measured', {
      output,
      metrics: { calls: metric.counter(), sizes: metric.distribution(), last: metric.gauge() },
      timers: { end: timer.eventTime() },
      process({ value }, { metrics, timers }) {
        metrics.calls.inc()
        metrics.sizes.update(value)
        metrics.last.set(7)
        timers.end.set(5)
      },
      onTimer: { end: ({ metrics }) => metrics.calls.inc(10) },
    })
    const { metrics } = await run(p, options)
    expect(metrics.get('measured', 'calls')).toBe(12)
    expect(metrics.get('measured', 'sizes')).toEqual({ count: 2, sum: 4, min: 1, max: 3, mean: 2 })
    expect(metrics.get('measured', 'last')).toBe(7)
    expect(metrics.get('measured', 'other')).toBeUndefined()
  })
}, orderedModes)

inEveryMode((options) => {
  it('strict mode too keeps state per key in its window', async () => {
    const p = pipeline()
    const values = Array.from({ length: 50 * 15 }, (_, i) => i)
    p.create(
      'pairs',
      values.map((i) => kv(`key ${i % 50}`, i)),
    )
      .parDo('first only', {
        output,
        state: { seen: state.value(typed<boolean>()) },
        process({ key }, { state, emit }) {
          if (state.seen.read() === true) return
          state.seen.write(true)
          emit(key)
        },
      })
      .collect('out')
    expect(new Set((await run(p, options)).collect('out')).size).toBe(50)
  })
})

describe('construction', () => {
  it('refuses state on merging windows, on what is not keyed, and handlers that do not match', () => {
    const p = pipeline()
    const spec = { output, state: { n: state.value(number) }, process: () => undefined }
    const sessions = p.create('pairs', [kv('a', 1)]).windowInto('sessions', sessionWindows(5))
    expect(() => sessions.parDo('a', spec)).toThrow(/step "a" has state or timers on merging windows/)
    expect(() => sessions.groupByKey('g').parDo('b', spec)).not.toThrow()
    expect(() => p.impulse('i').parDo('c', spec as never)).toThrow(/its input is not keyed. Put keyBy/)
    const pairs = p.create('more', [kv('a', 1)])
    expect(() =>
      pairs.parDo('d', { output, timers: { t: timer.eventTime() }, process: () => undefined } as never),
    ).toThrow(/declares timer "t" without a handler/)
    expect(() =>
      pairs.parDo('e', { output, onTimer: { t: () => undefined }, process: () => undefined } as never),
    ).toThrow(/handles timer "t", which it does not declare/)
    expect(() => pairs.parDo('f', { output, onWindowExpiration: () => undefined, process: () => undefined })).toThrow(
      /declares no state/,
    )
    expect(() => pairs.parDo('g2', { output, outputs: { a: output }, process: () => undefined } as never)).toThrow(
      /declares both output and outputs/,
    )
    expect(() => state.value(undefined as never)).toThrow(/state\.value needs a codec/)
  })
})
