import * as t from 'io-ts'
import { number as N } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { count, kv, mean, min, pipeline, run, state, type StateSpec, timer, typed } from 'millrace'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const anything = typed<unknown>()
const mixed = typed<unknown>()

inEveryMode((options) => {
  it('a bag gives back what was added, in order; what was read earlier does not grow', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('b', 10), kv('a', 2), kv('a', 3)])
      .parDo('bags', {
        output: anything,
        state: { seen: state.bag(t.number) },
        process({ key, value }, { state: { seen }, emit }) {
          const [wasEmpty, before] = [seen.isEmpty(), seen.read()]
          seen.add(value)
          emit([key, wasEmpty, [...before], [...before], [...seen.read()]])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['a', true, [], [], [1]],
      ['b', true, [], [], [10]],
      ['a', false, [1], [1], [1, 2]],
      ['a', false, [1, 2], [1, 2], [1, 2, 3]],
    ])
  })

  it('a bag that was cleared holds only what is added after', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('a', 2), kv('a', 3)])
      .parDo('bags', {
        output: anything,
        state: { seen: state.bag(t.number) },
        process({ value }, { state: { seen }, emit }) {
          seen.add(value)
          const before = seen.read()
          if (value === 2) seen.clear()
          seen.add(value * 10)
          emit([[...before], [...seen.read()]])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [[1], [1, 10]],
      [[1, 10, 2], [20]],
      [
        [20, 3],
        [20, 3, 30],
      ],
    ])
  })

  it('a set holds equal values once, whatever they are', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 0)])
      .parDo('sets', {
        output: anything,
        state: { seen: state.set(mixed) },
        process(_pair, { state: { seen }, emit }) {
          const news = [{ x: 1, y: 2 }, { y: 2, x: 1 }, 0, -0, '0', '__proto__', 1, 1n].map((v) => seen.addIfAbsent(v))
          const all = seen.read()
          seen.remove(1)
          seen.remove('not there')
          seen.add({ z: 1 })
          emit([news, [...all].length, [...seen.read()].length, seen.size(), seen.has({ y: 2, x: 1 }), seen.has(1)])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [[true, false, true, false, true, true, true, true], 6, 6, 6, true, false],
    ])
  })

  it('a map has one value for each key, and gives back what was there when it was read', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 0)])
      .parDo('maps', {
        output: anything,
        state: { prices: state.map(mixed, t.number) },
        process(_pair, { state: { prices }, emit }) {
          emit(['empty', prices.isEmpty(), prices.size(), prices.get('x') ?? null, [...prices.keys()]])
          prices.put('x', 1)
          prices.put({ a: 1, b: 2 }, 2)
          const [keys, values, entries] = [prices.keys(), prices.values(), prices.entries()]
          prices.put('x', 10)
          prices.put('__proto__', 3)
          prices.remove({ b: 2, a: 1 })
          emit(['before', [...keys], [...values], [...entries]])
          emit(['after', [...prices.entries()], prices.size(), prices.has('x'), prices.has({ a: 1, b: 2 })])
          emit(['absent', prices.putIfAbsent('y', 4) ?? null, prices.putIfAbsent('y', 5) ?? null, prices.get('y')])
          emit(['computed', prices.computeIfAbsent('y', () => 6), prices.computeIfAbsent('z', () => 7)])
          prices.clear()
          emit(['cleared', prices.isEmpty(), prices.has('x')])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['empty', true, 0, null, []],
      ['before', ['x', { a: 1, b: 2 }], [1, 2], [['x', 1], [{ a: 1, b: 2 }, 2]]], // prettier-ignore
      ['after', [['x', 10], ['__proto__', 3]], 2, true, false], // prettier-ignore
      ['absent', null, 4, 4],
      ['computed', 4, 7],
      ['cleared', true, false],
    ])
  })

  it('a multimap has any number of values for each key', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 0)])
      .parDo('multimaps', {
        output: anything,
        state: { orders: state.multimap(t.string, mixed) },
        process(_pair, { state: { orders }, emit }) {
          for (const [key, value] of [['x', 1], ['y', { a: 1, b: 2 }], ['x', 2]] as const) orders.put(key, value) // prettier-ignore
          const [ofX, entries, keys] = [orders.get('x'), orders.entries(), orders.keys()]
          orders.put('x', 3)
          orders.put('z', 4)
          emit(['before', [...ofX], [...entries], [...keys]])
          emit(['after', [...orders.get('x')], [...orders.get('no')], [...orders.keys()]])
          emit([orders.hasEntry('y', { b: 2, a: 1 }), orders.hasEntry('x', { b: 2, a: 1 }), orders.has('y')])
          for (const key of ['x', 'y', 'z', 'no']) orders.remove(key)
          emit(['removed', orders.isEmpty(), [...orders.entries()]])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['before', [1, 2], [['x', 1], ['x', 2], ['y', { a: 1, b: 2 }]], ['x', 'y']], // prettier-ignore
      ['after', [1, 2, 3], [], ['x', 'y', 'z']],
      [true, false, true],
      ['removed', true, []],
    ])
  })

  it('an ordered list is read by time, in ranges that leave out their end', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 97), kv('a', 42), kv('a', 12), kv('a', 52), kv('a', 42)])
      .parDo('lists', {
        output: anything,
        state: { seen: state.orderedList(t.string), n: state.combining(count()) },
        process({ value }, { state: { seen, n }, emit }) {
          n.add(0)
          seen.add(value, `${value} ${n.read()}`)
          if (n.read() < 5) return
          const inRange = (from: number, to: number): string[] => [...seen.range(from, to)].map(({ value }) => value)
          emit([...seen.read()].map(({ timestamp, value }) => `${value} @${timestamp}`))
          emit([inRange(0, 12), inRange(0, 13), inRange(13, 53), inRange(52, 98)])
          const before = seen.read()
          seen.clearRange(42, 53)
          emit([[...before].length, [...seen.read()].map(({ value }) => value)])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['12 3 @12', '42 2 @42', '42 5 @42', '52 4 @52', '97 1 @97'],
      [[], ['12 3'], ['42 2', '42 5', '52 4'], ['52 4', '97 1']],
      [5, ['12 3', '97 1']],
    ])
  })

  it('a combining cell gives what a monoid, a semigroup or a CombineFn makes of its inputs', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 0.3), kv('a', 0.6), kv('a', 0.6)])
      .parDo('combined', {
        output: anything,
        state: {
          average: state.combining(mean()),
          least: state.combining(min(), { codec: t.number }),
          total: state.combining({ of: (x: number) => x * 10, monoid: N.MonoidSum, codec: t.number }),
        },
        process({ value }, { state: { average, least, total }, emit }) {
          const before = [average.isEmpty(), least.read() ?? null, total.read()]
          for (const cell of [average, least, total]) cell.add(value)
          emit([before, Math.round(average.read() * 100), least.read(), total.read()])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [[true, null, 0], 30, 0.3, 3],
      [[false, 0.3, 3], 45, 0.3, 9],
      [[false, 0.3, 9], 50, 0.3, 15],
    ])
  })

  it.each<[string, StateSpec, (cell: never) => void, (cell: never) => unknown]>([
    ['value', state.value(t.number), (c: { write(n: number): void }) => c.write(1), (c: { read(): unknown }) => c.read() ?? 'empty'], // prettier-ignore
    ['bag', state.bag(t.number), (c: { add(n: number): void }) => c.add(1), (c: { read(): Iterable<unknown> }) => [...c.read()]], // prettier-ignore
    ['set', state.set(t.number), (c: { add(n: number): void; size(): number }) => c.add(c.size()), (c: { read(): Iterable<unknown> }) => [...c.read()]], // prettier-ignore
    ['map', state.map(t.string, t.number), (c: { put(k: string, n: number): void; get(k: string): number }) => (c.put('x', 1), c.put('y', c.get('x') + 1)), (c: { entries(): Iterable<unknown> }) => [...c.entries()]], // prettier-ignore
    ['multimap', state.multimap(t.string, t.number), (c: { put(k: string, n: number): void }) => c.put('x', 1), (c: { entries(): Iterable<unknown> }) => [...c.entries()]], // prettier-ignore
    ['orderedList', state.orderedList(t.number), (c: { add(at: number, n: number): void }) => c.add(5, 1), (c: { read(): Iterable<{ value: unknown }> }) => [...c.read()].map(({ value }) => value)], // prettier-ignore
    ['combining', state.combining(mean()), (c: { add(n: number): void }) => c.add(1), (c: { isEmpty(): boolean; read(): unknown }) => (c.isEmpty() ? 'empty' : c.read())], // prettier-ignore
  ])(
    'a %s cell leaves no trace of an attempt that failed, and a retry sees what was there before',
    async (_, spec, change, read) => {
      // prettier-ignore
      const p = pipeline()
      const failures = new Set<number>()
      p.create('pairs', [kv('a', 1), kv('a', 2), kv('a', 3)])
        .parDo('flaky', {
          output: anything,
          retry: { attempts: 3 },
          state: { cell: spec as never, other: state.bag(t.number) },
          process({ value }, { state, emit }) {
            const cell = (state as { cell: never }).cell
            const before = JSON.stringify([read(cell), [...state.other.read()]])
            change(cell)
            state.other.add(value)
            if (value === 2 && failures.size < 2) {
              failures.add(failures.size)
              if (failures.size === 2) (cell as { clear(): void }).clear()
              throw new Error('not yet')
            }
            emit([before, read(cell), [...state.other.read()]])
          },
        })
        .collect('out')
      const out = (await run(p, options)).collect<[string, unknown, unknown]>('out')
      expect(failures.size).toBe(2)
      expect(out.map(([, , other]) => other)).toEqual([[1], [1, 2], [1, 2, 3]])
      expect(out.map(([before]) => before)).toEqual([
        out[0]?.[0],
        JSON.stringify([out[0]?.[1], [1]]),
        JSON.stringify([out[1]?.[1], [1, 2]]),
      ])
      expect(JSON.parse(out[0]?.[0] ?? '')[0]).toEqual(_ === 'value' || _ === 'combining' ? 'empty' : [])
    },
  )

  it('two cells written in one call that ends in a dead letter are taken back together', async () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('of', ({ element }) => element).collect('bad'))
    p.create('pairs', [kv('a', 1), kv('a', 2), kv('a', 3)])
      .parDo('pairs of cells', {
        output: anything,
        onError: bad,
        state: { seen: state.bag(t.number), byValue: state.map(t.number, t.string) },
        process({ value }, { state: { seen, byValue }, emit }) {
          seen.add(value)
          byValue.put(value, 'x')
          if (value === 2) throw new Error('no')
          emit([[...seen.read()], [...byValue.keys()]])
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual([
      [[1], [1]],
      [[1, 3], [1, 3]],
    ]) // prettier-ignore
    expect(result.collect('bad/bad')).toHaveLength(1)
  })

  it('calls of one key that wait never overlap, and each sees what the one before has added', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('b', 5), kv('a', 2), kv('a', 3)])
      .parDo('slow', {
        output: anything,
        state: { seen: state.bag(t.number), sum: state.combining(mean()), at: state.orderedList(t.number) },
        async process({ key, value }, { state: { seen, sum, at }, emit }) {
          const before = [...seen.read()].length
          await Promise.resolve()
          seen.add(value)
          sum.add(value)
          at.add(-value, value)
          await Promise.resolve()
          emit([key, before, [...seen.read()], sum.read(), [...at.read()].map(({ value }) => value)])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['a', 0, [1], 1, [1]],
      ['b', 0, [5], 5, [5]],
      ['a', 1, [1, 2], 1.5, [2, 1]],
      ['a', 2, [1, 2, 3], 2, [3, 2, 1]],
    ])
  })

  it('what does not fit the codec of a cell is refused in the call that writes it', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)]).parDo('wrong', {
      state: { seen: state.bag(t.number) },
      process: (_pair, { state: { seen } }) => seen.add('text' as never),
    })
    await expect(run(p, options)).rejects.toThrow(/"wrong"[\s\S]*text/)
  })

  it('a key whose cells are emptied has no state, and no last words', async () => {
    const p = pipeline()
    p.create('pairs', [kv('kept', 1), kv('emptied', 1)])
      .parDo('cells', {
        output: typed<string>(),
        state: {
          bag: state.bag(t.number),
          set: state.set(t.number),
          map: state.map(t.number, t.number),
          multimap: state.multimap(t.number, t.number),
          list: state.orderedList(t.number),
          sum: state.combining(mean()),
        },
        process({ key }, { state: { bag, set, map, multimap, list, sum } }) {
          bag.add(1)
          set.add(1)
          map.put(1, 1)
          multimap.put(1, 1)
          list.add(1, 1)
          sum.add(1)
          if (key === 'kept') return
          bag.clear()
          set.remove(1)
          map.remove(1)
          multimap.remove(1)
          list.clearRange(0, 2)
          sum.clear()
        },
        onWindowExpiration: ({ key, emit }) => emit(key),
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['kept'])
  })
}, orderedModes)

describe('cells that grow large', () => {
  const size = 100_000
  const pairs = Array.from({ length: size }, (_, i) => kv('a', (i * 7919) % size))

  it('take and give back their values without going through all of them each time', async () => {
    const p = pipeline()
    const ends = p.create('pairs', pairs)
    ends
      .parDo('cells', {
        output: anything,
        state: { bag: state.bag(t.number), list: state.orderedList(t.number), set: state.set(t.number) },
        timers: { end: timer.eventTime() },
        process({ value }, { state: { bag, list, set }, timers }) {
          bag.add(value)
          bag.read()
          list.add(value, value)
          list.range(value, value + 10)
          set.add(value)
          set.read()
          timers.end.set(0)
        },
        onTimer: {
          end: ({ state: { bag, list, set }, emit }) => {
            const times = [...list.read()].map(({ timestamp }) => timestamp)
            emit([
              [...bag.read()].length,
              times.every((at, i) => at === i),
              set.size(),
              [...list.range(500, 510)].length,
            ])
          },
        },
      })
      .collect('out')
    expect((await run(p)).collect('out')).toEqual([[size, true, size, 10]])
  }, 60_000)
})

describe('construction of cells', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a bag', () => state.bag(undefined as never), /state\.bag needs a codec, for example state\.bag\(t\.string\)/],
    ['a set', () => state.set(undefined as never), /state\.set needs a codec/],
    ['a map', () => state.map(t.string, undefined as never), /state\.map needs a codec, for example state\.map\(t\.string, t\.number\)/], // prettier-ignore
    ['a multimap', () => state.multimap(undefined as never, t.string), /state\.multimap needs a codec/],
    ['an ordered list', () => state.orderedList(7 as never), /state\.orderedList needs a codec/],
    ['a combiner', () => state.combining(min()), /state\.combining needs a codec for what it keeps/],
  ])('refuses %s without a codec', (_, make, message) => {
    expect(make).toThrow(message)
  })

  it('refuses what is no combiner, naming the step', () => {
    const step = { state: { n: state.combining({} as never, { codec: t.number }) }, process: () => undefined }
    expect(() =>
      pipeline()
        .create('n', [kv('a', 1)])
        .parDo('combined', step),
    ).toThrow(/step "combined" combines/)
  })
})
