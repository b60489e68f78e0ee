import * as t from 'io-ts'
import { expect, it } from 'vitest'
import {
  type CombineFn,
  fixedWindows,
  type KV,
  kv,
  metric,
  pipeline,
  run,
  type RunOptions,
  state,
  timer,
  typed,
} from 'millrace'
import { nodeEnv } from './node.js'

const twice: RunOptions = { strict: true, seed: 4, reexecute: true }
const numbers = Array.from({ length: 60 }, (_, i) => i)

it('every call is made twice, and what the first attempts gave is gone', async () => {
  const calls = { map: 0, after: 0, finish: 0 }
  const printed: string[] = []
  const p = pipeline()
  p.create('numbers', numbers)
    .map('map', (n) => {
      calls.map++
      return kv(n % 3, n)
    })
    .parDo('count', {
      output: typed<{ readonly key: number; readonly value: number }>(),
      metrics: { seen: metric.counter(), sizes: metric.distribution(), last: metric.gauge() },
      process(element, { metrics, emit }) {
        metrics.seen.inc()
        metrics.sizes.update(element.value)
        metrics.last.set(7)
        emit(element)
      },
      finishBundle: () => void calls.finish++,
    })
    .groupByKey('group')
    .map('size', ({ key, value }) => {
      calls.after++
      return `${key}: ${[...value].length}`
    })
    .print('show', { limit: 2 })
    .collect('sizes')
  const result = await run(p, { ...twice, env: { ...nodeEnv(), print: (line) => void printed.push(line) } })
  expect([...result.collect('sizes')].sort()).toEqual(['0: 20', '1: 20', '2: 20'])
  expect(calls.map).toBe(120)
  expect(calls.after).toBe(6)
  expect(calls.finish % 2).toBe(0)
  expect(result.metrics.get('count', 'seen')).toBe(60)
  expect(result.metrics.get('count', 'sizes')).toMatchObject({ count: 60, sum: 1770, min: 0, max: 59 })
  expect(result.metrics.elements.get('map.out')).toBe(60)
  expect(printed).toHaveLength(3)
  expect(printed.at(-1)).toMatch(/1 more/)
})

it('dead letters of first attempts count neither as letters nor against the budget', async () => {
  const p = pipeline()
  const bad = p.errors('bad', (letters) => letters.map('element', ({ element }) => element).collect('bad'), {
    maxDeadLetters: 20,
  })
  p.create('numbers', numbers).map('parse', (n) => { if (n % 3 === 0) throw new Error('no'); return n }, { onError: bad }) // prettier-ignore
  const result = await run(p, twice)
  expect(result.collect('bad/bad')).toHaveLength(20)
  expect(result.metrics.counter('deadLetters')).toBe(20)
})

it('a step with state is called twice for each element, and its state sees one of the calls', async () => {
  let calls = 0
  const p = pipeline()
  p.create('numbers', numbers, { timestamp: (n) => n })
    .windowInto('all', fixedWindows(100))
    .keyBy('parity', (n) => n % 2)
    .parDo('sum', {
      output: typed<string>(),
      state: { sum: state.value(t.number, { initial: 0 }), seen: state.bag(t.number) },
      timers: { end: timer.eventTime() },
      metrics: { calls: metric.counter(), ended: metric.counter() },
      retry: { attempts: 2 },
      async process({ value }, { state, timers, metrics, window, emit }) {
        calls++
        metrics.calls.inc()
        state.sum.write(state.sum.read() + value)
        await Promise.resolve()
        state.seen.add(value)
        timers.end.set(window.maxTimestamp)
        if (value === 50) emit('fifty')
      },
      onTimer: {
        end({ key, state, metrics, emit }) {
          metrics.ended.inc()
          emit(`${key}: ${state.sum.read()} of ${[...state.seen.read()].length}`)
        },
      },
    })
    .collect('sums')
  const result = await run(p, twice)
  expect([...result.collect('sums')].sort()).toEqual(['0: 870 of 30', '1: 900 of 30', 'fifty'])
  expect(calls).toBe(120)
  expect([result.metrics.get('sum', 'calls'), result.metrics.get('sum', 'ended')]).toEqual([60, 2])
  expect(result.metrics.counter('retries')).toBe(0)
})

it('generators with state are thrown away and called again', async () => {
  const p = pipeline()
  p.create('numbers', [kv('a', 1), kv('a', 2)])
    .parDo('yield', {
      output: typed<number>(),
      state: { seen: state.value(t.number, { initial: 0 }) },
      *process({ value }, { state }) {
        yield value
        state.seen.write(state.seen.read() + 1)
        yield state.seen.read() * 100
      },
    })
    .collect('yielded')
  expect([...(await run(p, twice)).collect<number>('yielded')].sort((a, b) => a - b)).toEqual([1, 2, 100, 200])
})

it.each(Array.from({ length: 8 }, (_, seed) => seed))(
  'an accumulator that the first attempt has emptied is whole in the second (seed %i)',
  async (seed) => {
    const emptying: CombineFn<number, number[], number> = {
      createAccumulator: () => [],
      addInput: (list, value) => [...list, value],
      mergeAccumulators: (a, b) => [...a, ...b],
      extractOutput: (list) => list.splice(0).reduce((a, b) => a + b, 0),
    }
    const p = pipeline()
    p.create('numbers', numbers).keyBy('parity', (n) => n % 2).combinePerKey('sum', emptying).collect('sums') // prettier-ignore
    const sums = (await run(p, { ...twice, seed })).collect<KV<number, number>>('sums')
    expect(sums.map(({ value }) => value).sort()).toEqual([870, 900])
  },
)

it('retries of the author are as many as allowed, after the attempt that is thrown away', async () => {
  const tries = new Map<number, number>()
  const p = pipeline()
  p.create('numbers', [kv(0, 1), kv(0, 2)])
    .parDo('flaky', {
      output: typed<number>(),
      state: { seen: state.value(t.number) },
      retry: { attempts: 3 },
      process({ value }, { emit }) {
        const tried = (tries.get(value) ?? 0) + 1
        tries.set(value, tried)
        // The first is thrown away whatever it does.
        if (tried < 4) throw new Error('not yet')
        emit(value)
      },
    })
    .collect('done')
  const result = await run(p, twice)
  expect([...result.collect<number>('done')].sort()).toEqual([1, 2])
  expect(result.metrics.counter('retries')).toBe(4)
})

it('what a function keeps for itself shows', async () => {
  let count = 0
  const p = pipeline()
  p.create('numbers', [1, 2, 3]).map('number', () => ++count).collect('counted') // prettier-ignore
  expect(await run(p, twice).then((result) => Math.max(...result.collect<number>('counted')))).toBe(6)
})

it('is a part of strict mode', async () => {
  await expect(run(pipeline(), { reexecute: true })).rejects.toThrow(/reexecute is a part of strict mode/)
  await expect(run(pipeline(), { strict: true, reexecute: 1 as never })).rejects.toThrow(/true or false/)
})
