import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import {
  fixedWindows,
  kv,
  OffsetRangeTracker,
  offsetRangeCodec,
  pipeline,
  run,
  source,
  splittableParDo,
  state,
  timer,
  typed,
  watermarks,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const output = typed<string>()

inEveryMode((options) => {
  it.each<[string, (cells: { seen: { read(): Iterable<number>; add(n: number): void } }) => () => unknown]>([
    [
      'read',
      ({ seen }) =>
        () =>
          seen.read(),
    ],
    [
      'written',
      ({ seen }) =>
        () =>
          seen.add(1),
    ],
    ['iterated over', ({ seen }) => [seen.read()].map((items) => () => [...items])[0] as () => unknown],
  ])('a cell that is %s after its call has ended is refused', async (_, keep) => {
    const p = pipeline()
    let use = (): unknown => undefined
    p.create('pairs', [kv('a', 1)]).parDo('keeps', {
      state: { seen: state.bag(t.number) },
      process(_pair, { state }) {
        state.seen.add(5)
        use = keep(state)
      },
      finishBundle: () => void use(),
    })
    await expect(run(p, options)).rejects.toThrow(/state was used after its call had ended|after its call had ended/)
  })

  it('what an attempt that has failed kept of its cells is refused too', async () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('of', ({ error }) => error.message).collect('messages'))
    let kept: { read(): unknown } | undefined
    p.create('pairs', [kv('a', 1)]).parDo('keeps', {
      onError: bad,
      state: { seen: state.value(t.number) },
      process(_pair, { state }) {
        kept = state.seen
        throw new Error('no')
      },
      finishBundle: () => void kept?.read(),
    })
    await expect(run(p, options)).rejects.toThrow(/state was used after its call had ended/)
  })

  it('the last words of a window come after its timers, with late elements taken in, and once although calls fail', async () => {
    const p = pipeline()
    let attempts = 0
    const bad = p.errors('bad', (letters) => letters.collect('letters'))
    p.apply(
      'events',
      testStream<{ key: string; value: number }>()
        .add(at(1, kv('a', 1)), at(2, kv('b', 2)))
        .advanceWatermarkTo(30)
        .add(at(3, kv('a', 3)))
        .advanceWatermarkTo(59)
        .add(at(4, kv('a', 4)))
        .advanceWatermarkTo(70)
        .add(at(5, kv('a', 5)))
        .end(),
    )
      .windowInto('tens', fixedWindows(10), { allowedLateness: 50 })
      .parDo('counts', {
        output,
        onError: bad,
        retry: { attempts: 2 },
        state: { all: state.bag(t.number) },
        timers: { late: timer.eventTime() },
        process({ value }, { state, timers }) {
          state.all.add(value)
          timers.late.set(55)
          if (value === 3 && attempts++ === 0) throw new Error('again')
        },
        onTimer: { late: ({ state }) => state.all.add(55) },
        async onWindowExpiration({ key, state, emit, timestamp }) {
          await Promise.resolve()
          emit(`${key} ${[...state.all.read()].join(' ')} @${timestamp}`)
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect([...result.collect<string>('out')].sort()).toEqual(['a 1 3 55 4 55 @9', 'b 2 55 @9'])
    expect(result.collect('bad/letters')).toEqual([])
    // State of an expired window is not made again.
    expect(result.metrics.counter('droppedDueToLateness', 'counts')).toBe(1)
  })

  it('last words may not be spoken before the end of their window', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)], { timestamp: () => 1 })
      .windowInto('tens', fixedWindows(10))
      .parDo('early', {
        output,
        state: { all: state.bag(t.number) },
        process: ({ value }, { state }) => state.all.add(value),
        onWindowExpiration: ({ emit }) => emit('x', 8),
      })
    await expect(run(p, options)).rejects.toThrow(/onWindowExpiration[\s\S]*by more than allowedSkew/)
  })
}, orderedModes)

describe('strict mode', () => {
  it('refuses a cell that was kept for a later call', async () => {
    const p = pipeline()
    let kept: { read(): unknown } | undefined
    p.create('pairs', [kv('a', 1), kv('b', 2)]).parDo('keeps', {
      state: { n: state.value(t.number) },
      process(_pair, { state }) {
        kept?.read()
        kept = state.n
      },
    })
    for (const stageCompiler of ['generated', 'closures'] as const) {
      kept = undefined
      await expect(run(p, { strict: true, seed: 1, stageCompiler })).rejects.toThrow(/state was used after its call/)
    }
  })

  it('gives copies, so that what user code changes is not what is stored', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .parDo('changes', {
        output: typed<unknown>(),
        state: {
          bag: state.bag(typed<{ n: number }>()),
          map: state.map(t.string, typed<{ n: number }>()),
          list: state.orderedList(typed<{ n: number }>()),
        },
        process(_pair, { state: { bag, map, list }, emit }) {
          const value = { n: 1 }
          bag.add(value)
          map.put('x', value)
          list.add(1, value)
          value.n = 2
          for (const item of bag.read()) item.n = 3
          for (const item of map.values()) item.n = 3
          for (const item of list.read()) item.value.n = 3
          emit([[...bag.read()], map.get('x'), [...list.read()]])
        },
      })
      .collect('out')
    const expected = [[{ n: 1 }], { n: 1 }, [{ timestamp: 1, value: { n: 1 } }]]
    expect((await run(p, { strict: true, seed: 1 })).collect('out')).toEqual([expected])
  })

  it('refuses what a cell gave to iterate over where it leaves the step', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .parDo('gives', {
        output: typed<Iterable<number>>(),
        state: { bag: state.bag(t.number) },
        process: (_pair, { state: { bag }, emit }) => emit(bag.read()),
      })
      .reshuffle('far away')
      .collect('out')
    await expect(run(p, { strict: true, seed: 1 })).rejects.toThrow(/"gives"[\s\S]*CellIterable/)
  })
})

describe('construction', () => {
  const range = {
    output: t.number,
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    restriction: () => ({ from: 0, to: 1 }),
    restrictionCodec: offsetRangeCodec,
    tracker: (range: { from: number; to: number }) => new OffsetRangeTracker(range),
    process: () => undefined,
  }

  it('refuses state and timers of a splittable step', () => {
    const p = pipeline()
    const stateful = { ...range, state: { n: state.value(t.number) } }
    const timed = { ...range, timers: { t: timer.eventTime() } }
    expect(() => p.create('n', [1]).apply('read', splittableParDo(stateful))).toThrow(
      /is splittable and declares state: a splittable step has no state and no timers/,
    )
    expect(() => p.apply('source', source(timed))).toThrow(/is splittable and declares timers/)
  })
})
