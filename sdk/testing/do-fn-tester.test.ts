import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { IntervalWindow, type KV, kv, metric, pipeline, state, sum, timer, TIMESTAMP_MAX, typed } from 'millrace'
import { doFnTester } from 'millrace/testing'

const window = new IntervalWindow(0, 100)

it('gives outputs with timestamps and windows, by tag', async () => {
  const split = doFnTester(
    {
      outputs: { even: t.number, odd: typed<string>() },
      process(n: number, { emit }) {
        if (n % 2 === 0) emit.even(n)
        else emit.odd(`${n}`, 50)
      },
    },
    { window },
  )
  await split.process(2, { timestamp: 10 })
  await split.process(3, { timestamp: 20, window: new IntervalWindow(0, 60) })
  expectTypeOf(split.values('even')).toEqualTypeOf<readonly number[]>()
  expectTypeOf(split.values('odd')).toEqualTypeOf<readonly string[]>()
  expect(split.outputs('even')).toEqual([{ value: 2, timestamp: 10, window }])
  expect(split.outputs('odd')).toEqual([{ value: '3', timestamp: 50, window: new IntervalWindow(0, 60) }])
  expect(() => split.values('none' as 'odd')).toThrow(/no output none; its outputs are even, odd/)
  // @ts-expect-error elements are numbers
  void split.process('x').catch(() => undefined)
})

it('shows what is delivered, without what failed calls had handed over', async () => {
  const orders = doFnTester({
    delivery: {
      codec: t.type({ id: t.number }),
      repeats: 'harmless',
      deliver: () => {
        throw new Error('nobody calls the sink')
      },
    },
    process(id: number, { deliver }) {
      deliver({ id })
      if (id === 2) throw new Error('no')
    },
    finishBundle: ({ deliver }) => deliver({ id: -1 }),
  })
  await orders.process(1)
  await expect(orders.process(2)).rejects.toThrow('no')
  expectTypeOf(orders.delivered).toEqualTypeOf<readonly { id: number }[]>()
  expect(orders.delivered).toEqual([{ id: 1 }])
  await orders.end()
  expect(orders.delivered).toEqual([{ id: 1 }, { id: -1 }])
})

describe('state and timers', () => {
  const total = () =>
    doFnTester(
      {
        output: typed<string>(),
        state: { sum: state.value(t.number, { initial: 0 }) },
        timers: { flush: timer.eventTime(), idle: timer.processingTime(), at: timer.eventTimeFamily() },
        process({ value }: KV<string, number>, { state, timers, timestamp, emit }) {
          state.sum.write(state.sum.read() + value)
          if (value < 0) throw new Error('negative')
          timers.flush.set(timestamp + 10)
          timers.idle.setRelative('5 seconds')
          timers.at.set(`tag ${value}`, 90)
          emit('seen')
        },
        onTimer: {
          flush: ({ key, state, emit, fireTimestamp }) => emit(`${key} ${state.sum.read()} at ${fireTimestamp}`),
          idle: ({ now, emit }) => emit(`idle at ${now}`),
          at: ({ tag, emit }) => emit(tag),
        },
        onWindowExpiration: ({ key, state, emit }) => emit(`${key} ends with ${state.sum.read()}`),
      },
      { window },
    )

  it('are read, moved on and fired as a runner would', async () => {
    const tester = total()
    await tester.process(kv('ann', 1), { timestamp: 5 })
    await tester.process(kv('ann', 2), { timestamp: 6 })
    await tester.process(kv('bob', 5), { timestamp: 7 })
    expect(tester.state('ann')).toEqual({ sum: 3 })
    expect(tester.state('cyd')).toEqual({ sum: 0 })
    expectTypeOf(tester.state('ann')).toEqualTypeOf<{ readonly sum: number }>()
    expect(tester.timers.map(({ name, key, tag, at }) => [name, key, tag, at])).toEqual([
      ['flush', 'ann', undefined, 16],
      ['flush', 'bob', undefined, 17],
      ['at', 'ann', 'tag 1', 90],
      ['at', 'ann', 'tag 2', 90],
      ['at', 'bob', 'tag 5', 90],
      ['idle', 'ann', undefined, 5000],
      ['idle', 'bob', undefined, 5000],
    ])
    await tester.advanceWatermarkTo(16)
    expect(tester.values()).toEqual(['seen', 'seen', 'seen'])
    await tester.advanceWatermarkTo(17)
    expect(tester.outputs().at(-1)).toEqual({ value: 'ann 3 at 16', timestamp: 16, window })
    await tester.advanceProcessingTime('5 seconds')
    expect(tester.values().slice(4)).toEqual(['idle at 5000', 'idle at 5000'])
    await tester.advanceWatermarkTo(99)
    expect(tester.values().slice(6)).toEqual(['bob 5 at 17', 'tag 1', 'tag 2', 'tag 5'])
    await tester.advanceWatermarkTo(100)
    expect(tester.values().slice(10)).toEqual(['ann ends with 3', 'bob ends with 5'])
    expect(tester.state('ann')).toEqual({ sum: 0 })
    await tester.process(kv('ann', 1), { timestamp: 5 })
    expect(tester.droppedDueToLateness).toBe(1)
    await expect(tester.advanceWatermarkTo(50)).rejects.toThrow(/cannot move back/)
  })

  it('are as before when a call fails', async () => {
    const tester = total()
    await tester.process(kv('ann', 1), { timestamp: 5 })
    await expect(tester.process(kv('ann', -5), { timestamp: 6 })).rejects.toThrow(
      /step "doFnTester" failed in process: negative[^]*element: \{ key: "ann", value: -5 \}/,
    )
    expect(tester.state('ann')).toEqual({ sum: 1 })
    expect(tester.timers).toHaveLength(3)
  })

  it('end with the input', async () => {
    const tester = total()
    await tester.process(kv('ann', 1), { timestamp: 5 })
    await tester.end()
    expect(tester.values()).toEqual(['seen', 'idle at 5000', 'ann 1 at 15', 'tag 1', 'ann ends with 1'])
    expect(tester.timers).toEqual([])
  })

  it('refuse what a runner refuses', async () => {
    const late = doFnTester(
      {
        output: t.string,
        timers: { end: timer.eventTime(), clock: timer.processingTime() },
        process({ value }: KV<string, () => void>, { timers, emit }) {
          if (value.name === 'after') timers.end.set(500)
          if (value.name === 'output') timers.end.set(50, { outputTimestamp: 60 })
          if (value.name === 'absolute') (timers.clock as never as typeof timers.end).set(5)
          if (value.name === 'early') emit('x', 1)
          if (value.name === 'type') emit(5 as never)
        },
        onTimer: { end: () => undefined, clock: () => undefined },
      },
      { window },
    )
    const trying = (name: string): Promise<void> => late.process(kv('k', { [name]: () => undefined }[name] as () => void), { timestamp: 10 }) // prettier-ignore
    await expect(trying('after')).rejects.toThrow(/timer "end" is set to .* after the expiration/)
    await expect(trying('output')).rejects.toThrow(/output timestamp .* its own time/)
    await expect(trying('absolute')).rejects.toThrow(/processing-time timer and has no set/)
    await expect(trying('early')).rejects.toThrow(/by more than allowedSkew/)
    await expect(trying('type')).rejects.toThrow(/string/)
    await expect(late.process(5 as never)).rejects.toThrow(/takes elements \{ key, value \}, but got 5/)
  })
})

it('keeps cells of every kind', async () => {
  const all = doFnTester({
    state: {
      bag: state.bag(t.string),
      set: state.set(t.string),
      list: state.orderedList(t.string),
      map: state.map(t.string, t.number),
      multimap: state.multimap(t.string, t.number),
      total: state.combining(
        sum((n: number) => n),
        { codec: t.number },
      ),
    },
    process({ value }: KV<string, readonly [string, number]>, { state, timestamp }) {
      const [word, n] = value
      if (word === 'clear') return void Object.values(state).forEach((cell) => cell.clear())
      state.bag.add(word)
      state.set.add(word)
      state.list.add(timestamp, word)
      state.map.put(word, n)
      state.multimap.put(word, n)
      state.total.add(n)
    },
  })
  await all.process(kv('k', ['b', 1]), { timestamp: 9 })
  await all.process(kv('k', ['a', 2]), { timestamp: 5 })
  await all.process(kv('k', ['b', 3]), { timestamp: 9 })
  const reading = all.state('k')
  expectTypeOf(reading.map).toEqualTypeOf<ReadonlyMap<string, number>>()
  expect(reading).toEqual({
    bag: ['b', 'a', 'b'],
    set: ['b', 'a'],
    list: [
      { timestamp: 5, value: 'a' },
      { timestamp: 9, value: 'b' },
      { timestamp: 9, value: 'b' },
    ],
    map: new Map([['b', 3], ['a', 2]]), // prettier-ignore
    multimap: new Map([['a', [2]], ['b', [1, 3]]]), // prettier-ignore
    total: 6,
  })
  await all.process(kv('k', ['clear', 0]))
  expect(all.state('k')).toEqual({ bag: [], set: [], list: [], map: new Map(), multimap: new Map(), total: 0 })
})

describe('bundles', () => {
  it('begin with an element and end when the test says so', async () => {
    const calls: string[] = []
    const buffer: number[] = []
    const tester = doFnTester(
      {
        output: typed<number>(),
        metrics: { seen: metric.counter(), sizes: metric.distribution(), last: metric.gauge() },
        setup: () => 'pool',
        teardown: ({ resource }) => void calls.push(`close ${resource}`),
        startBundle: ({ resource }) => void calls.push(`start ${resource}`),
        process(n: number, { metrics, resource }) {
          calls.push(`${resource} ${n}`)
          metrics.seen.inc()
          metrics.sizes.update(n)
          metrics.last.set(n)
          buffer.push(n)
        },
        finishBundle: ({ emit }) => buffer.splice(0).forEach((n) => emit(n, 5, window)),
      },
      { window },
    )
    await tester.process(1)
    await tester.process(2)
    expect(tester.values()).toEqual([])
    await tester.finishBundle()
    await tester.finishBundle()
    expect(tester.outputs()).toEqual([1, 2].map((value) => ({ value, timestamp: 5, window })))
    await tester.process(3)
    await tester.end()
    expect(calls).toEqual(['start pool', 'pool 1', 'pool 2', 'start pool', 'pool 3', 'close pool'])
    expect(tester.metric('seen')).toBe(3)
    expect(tester.metric('sizes')).toEqual([1, 2, 3])
    expect(tester.metric('last')).toBe(3)
  })

  it('refuse what comes after a call', async () => {
    let late = (): void => undefined
    const tester = doFnTester({
      output: typed<number>(),
      process: (n: number, { emit }) => {
        late = () => emit(n)
      },
    })
    await tester.process(1)
    expect(late).toThrow(/emit was used after its call had ended/)
    expect(tester.values()).toEqual([])
  })
})

it('a resource, side inputs and the clock are the test’s', async () => {
  const limit = pipeline().create('limit', [0]).asSingleton('as one')
  const tester = doFnTester(
    {
      output: typed<string>(),
      sides: { limit },
      setup: (): { readonly name: string } => {
        throw new Error('not here')
      },
      process: (n: number, { sides, now, resource, random, emit }) =>
        emit(`${resource.name} ${n > sides.limit} ${now} ${random() < 1}`),
    },
    { sides: { limit: 5 }, resource: { name: 'fake' }, now: 1000 },
  )
  await tester.process(7)
  await tester.advanceProcessingTime('1 second')
  await tester.process(7, { sides: { limit: 9 } })
  expect(tester.values()).toEqual(['fake true 1000 true', 'fake false 2000 true'])
  const without = doFnTester({ sides: { limit }, process: (_: number, { sides }) => void sides.limit })
  await expect(without.process(1)).rejects.toThrow(/side input "limit" has no value. Give doFnTester \{ sides/)
})

it('calls are tried again, and what fails for good is a dead letter', async () => {
  const onError = pipeline().errors('bad', () => undefined)
  let calls = 0
  const tester = doFnTester({
    output: typed<number>(),
    onError,
    retry: { attempts: 3, backoff: '1 second' },
    async process(n: number, { now, emit }) {
      calls++
      emit(now)
      await Promise.resolve()
      if (now < n) throw new Error('too soon')
    },
  })
  await tester.process(2000)
  expect(tester.values()).toEqual([3000])
  expect(calls).toBe(3)
  await tester.process(1e9)
  expect(calls).toBe(6)
  expect(tester.values()).toEqual([3000])
  expect(tester.deadLetters).toMatchObject([{ element: 1e9, error: { message: 'too soon' } }])
})

it('generators emit what they yield', async () => {
  const words = doFnTester({
    output: t.string,
    *process(line: string) {
      yield* line.split(' ')
    },
  })
  await words.process('to be')
  expect(words.values()).toEqual(['to', 'be'])
  await words.advanceWatermarkTo(TIMESTAMP_MAX)
})

it('refuses what is no DoFn', () => {
  expect(() => doFnTester({} as never)).toThrow(/doFnTester needs a DoFn/)
})
