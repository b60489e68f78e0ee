import { describe, expect, it } from 'vitest'
import {
  fixedWindows,
  flatten,
  kv,
  type Pipeline,
  pipeline,
  run,
  sessionWindows,
  slidingWindows,
  state,
  sum,
  timer,
  typed,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

const output = typed<unknown>()
const sorted = (values: readonly unknown[]): unknown[] => [...values].map((value) => JSON.stringify(value)).sort()

inEveryMode((options) => {
  it('views of every kind show their collection', async () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1, 2, 3])
    const pairs = p.create('pairs', [kv('a', 1), kv('b', 2)])
    const more = p.create('more', [kv('a', 1), kv('a', 2), kv('b', 3)])
    const sides = {
      one: p.create('one', [7]).asSingleton('one view'),
      list: numbers.asList('list view'),
      iterable: numbers.asIterable('iterable view'),
      map: pairs.asMap('map view'),
      multimap: more.asMultimap('multimap view'),
    }
    p.create('main', [0])
      .parDo('read', {
        output,
        sides,
        process(_n, { sides, emit }) {
          emit(['one', sides.one])
          emit(['list', [...sides.list].sort(), sides.list.length])
          emit(['iterable', [...sides.iterable].sort(), [...sides.iterable].length])
          emit([
            'map',
            sides.map.get('a'),
            sides.map.get('none') ?? 'missing',
            sides.map.has('b'),
            sides.map.size,
            [...sides.map].sort(),
          ])
          emit(['multimap', [...(sides.multimap.get('a') ?? [])].sort(), [...sides.multimap.keys()].sort()])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      ['one', 7],
      ['list', [1, 2, 3], 3],
      ['iterable', [1, 2, 3], 3],
      [
        'map',
        1,
        'missing',
        true,
        2,
        [
          ['a', 1],
          ['b', 2],
        ],
      ],
      ['multimap', [1, 2], ['a', 'b']],
    ])
  })

  it('empty views are empty; an empty singleton needs a default, which may be anything', async () => {
    const p = pipeline()
    const none = p.create<number>('none', [])
    const noPairs = p.create<{ key: string; value: number }>('no pairs', [])
    const sides = {
      list: none.asList('list'),
      map: noPairs.asMap('map'),
      undef: none.asSingleton('undefined', { default: undefined }),
      zero: none.asSingleton('zero', { default: 0 }),
      no: none.asSingleton('no', { default: null }),
    }
    p.create('main', [0])
      .parDo('read', {
        output,
        sides,
        process: (_n, { sides, emit }) =>
          emit([sides.list.length, sides.map.size, sides.undef ?? 'undef', sides.zero, sides.no]),
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([[0, 0, 'undef', 0, null]])
  })

  it('an unread side input may be what it likes; a wrong one that is read says what is wrong', async () => {
    const unread = pipeline()
    const two = unread.create('two', [1, 2]).asSingleton('pair')
    unread
      .create('main', [0])
      .parDo('read', { output, sides: { two }, process: (n, { emit }) => emit(n) })
      .collect('out')
    expect((await run(unread, options)).collect('out')).toEqual([0])

    const failing = async (
      build: (p: ReturnType<typeof pipeline>) => {
        readonly side: ReturnType<ReturnType<typeof pipeline>['create']>['asSingleton'] extends (...a: never) => infer V
          ? V
          : never
      },
    ): Promise<string> => {
      const p = pipeline()
      const { side } = build(p)
      p.create('main', [0]).parDo('read', {
        output,
        sides: { side },
        process: (_n, { sides, emit }) => emit(sides.side),
      })
      return run(p, options).then(
        () => 'accepted',
        (error: unknown) => (error as Error).message,
      )
    }
    expect(await failing((p) => ({ side: p.create('two', [1, 2]).asSingleton('pair') }))).toMatch(
      /step "read" failed in process: singleton view "pair" has 2 elements in the global window/,
    )
    expect(await failing((p) => ({ side: p.create('none', []).asSingleton('empty') }))).toMatch(
      /singleton view "empty" is empty in the global window.*Give it a default/,
    )
    expect(
      await failing((p) => ({ side: p.create('twice', [kv('a', null), kv('a', null)]).asMap('twice view') })),
    ).toMatch(/map view "twice view" has key "a" twice/)
  })

  it('views cannot be changed', async () => {
    const p = pipeline()
    const list = p.create('numbers', [1]).asList('list')
    p.create('main', [0]).parDo('write', {
      output,
      sides: { list },
      process: (_n, { sides }) => void (sides.list as number[]).push(2),
    })
    await expect(run(p, options)).rejects.toThrow(/step "write" failed in process: .*not extensible/)
  })

  it('keys of map views are equal when their bytes are', async () => {
    const p = pipeline()
    const map = p.create('pairs', [kv({ x: 1, y: 0 }, 'object'), kv(0 as never, 'zero')]).asMap('map')
    p.create('main', [0])
      .parDo('read', {
        output,
        sides: { map },
        process: (_n, { sides, emit }) => emit([sides.map.get({ y: -0, x: 1 }), sides.map.get(-0 as never)]),
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([['object', 'zero']])
  })

  it('the window of the main element chooses what is read', async () => {
    const p = pipeline()
    const numbers = Array.from({ length: 8 }, (_, i) => i)
    const stamped = (name: string) => p.create(name, numbers, { timestamp: (n) => n })
    const sides = { view: stamped('side').windowInto('sixes', fixedWindows(6)).asList('view') }
    stamped('main')
      .windowInto('fours', fixedWindows(4))
      .parDo('read', {
        output,
        sides,
        process: (n, { sides, emit }) => emit([n, [...sides.view].sort()]),
      })
      .collect('out')
    const out = (await run(p, options)).collect<[number, number[]]>('out')
    expect(Object.fromEntries(out.map(([n, view]) => [n, view.join('')]))).toEqual({
      0: '012345',
      1: '012345',
      2: '012345',
      3: '012345',
      4: '67',
      5: '67',
      6: '67',
      7: '67',
    })
  })

  it('sliding side windows: the earliest that contains the end of the main window', async () => {
    const p = pipeline()
    const values = [10, 20, 30]
    const stamped = (name: string) => p.create(name, values, { timestamp: (n) => n * 100 - 10 })
    const view = stamped('side')
      .windowInto('sliding', slidingWindows(2000, { every: 1000 }))
      .combineGlobally('sum', sum())
      .asSingleton('view')
    stamped('main')
      .windowInto('fixed', fixedWindows(1000))
      .parDo('read', {
        output: typed<number>(),
        sides: { view },
        process: (n, { sides, emit }) => emit(n + sides.view),
      })
      .collect('out')
    expect(sorted((await run(p, options)).collect('out'))).toEqual(['20', '50', '80'])
  })

  it('main in sliding windows reads once per window', async () => {
    const p = pipeline()
    const values = [10, 20, 30]
    const stamped = (name: string) => p.create(name, values, { timestamp: (n) => n * 100 - 10 })
    const view = stamped('side')
      .windowInto('fixed', fixedWindows(1000))
      .combineGlobally('sum', sum())
      .asSingleton('view', { default: 0 })
    stamped('main')
      .windowInto('sliding', slidingWindows(2000, { every: 1000 }))
      .parDo('read', {
        output: typed<number>(),
        sides: { view },
        process: (n, { sides, emit }) => emit(n + sides.view),
      })
      .collect('out')
    expect(
      (await run(p, options))
        .collect<number>('out')
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([20, 30, 30, 40, 50, 60])
  })

  it('a collection may be its own side input, and ten steps may read all before them', async () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1, 2, 3])
    const self = numbers.asList('self')
    numbers
      .parDo('cross', {
        output,
        sides: { self },
        process: (n, { sides, emit }) => sides.self.forEach((m) => emit(n * m)),
      })
      .collect('cross out')
    let last = numbers
    const sums = []
    for (let i = 0; i < 10; i++) {
      sums.push(last.combineGlobally(`sum ${i}`, sum()).asSingleton(`view ${i}`))
      const sides = Object.fromEntries(sums.map((view, j) => [`s${j}`, view]))
      last = last.parDo(`step ${i}`, {
        output: typed<number>(),
        sides,
        process: (n, { sides, emit }) => emit(n + Number(Object.values(sides).length)),
      })
    }
    last.collect('chain out')
    const result = await run(p, options)
    expect(sorted(result.collect('cross out'))).toEqual(sorted([1, 2, 3, 2, 4, 6, 3, 6, 9]))
    expect(sorted(result.collect('chain out'))).toEqual(sorted([56, 57, 58]))
  })

  it('elements wait for their side window, others do not, and they leave in order', async () => {
    const p = pipeline()
    const side = p
      .apply('side', testStream<number>().advanceWatermarkTo(10).add(at(12, 100)).advanceWatermarkTo(20).end())
      .windowInto('side tens', fixedWindows(10))
      .asList('view')
    p.create('main', [15, 3, 14], { timestamp: (n) => n })
      .windowInto('main tens', fixedWindows(10))
      .parDo('read', { output, sides: { side }, process: (n, { sides, emit }) => emit([n, [...sides.side]]) })
      .collect('out')
    const out = (await run(p, options)).collect('out')
    expect(out[0]).toEqual([3, []])
    expect(sorted(out)).toEqual(
      sorted([
        [3, []],
        [15, [100]],
        [14, [100]],
      ]),
    )
  })

  it('waiting elements hold the watermark, so what follows does not call them late', async () => {
    const p = pipeline()
    const side = p
      .apply('side', testStream<number>().advanceWatermarkTo(5).advanceWatermarkTo(1000).add(at(1, 5)).end())
      .windowInto('side global tens', fixedWindows(10))
      .asList('view')
    p.apply('main', testStream<number>().add(at(3, 3)).advanceWatermarkTo(500).end())
      .windowInto('main tens', fixedWindows(10))
      .parDo('read', { output: typed<number>(), sides: { side }, process: (n, { emit }) => emit(n) })
      .keyBy('key', () => 'all')
      .countPerKey('count')
      .collect('out')
    const result = await run(p, options)
    expect(result.collectWindowed('out').map(({ value, pane }) => [value, pane.timing])).toEqual([
      [kv('all', 1), 'onTime'],
    ])
    expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  })

  it('a side input made from the main one through a grouping is there before it is read', async () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1, 2, 3, 4])
    const total = numbers.combineGlobally('total', sum()).asSingleton('total view')
    flatten('both', [numbers, numbers.map('negative', (n) => -n)])
      .parDo('share', {
        output: typed<number>(),
        sides: { total },
        process: (n, { sides, emit }) => emit(n / sides.total),
      })
      .collect('out')
    expect(sorted((await run(p, options)).collect('out'))).toEqual(sorted([0.1, 0.2, 0.3, 0.4, -0.1, -0.2, -0.3, -0.4]))
  })

  it('a stateful step may read a side input too', async () => {
    const { state } = await import('millrace')
    const p = pipeline()
    const factor = p.create('factor', [10]).asSingleton('factor view')
    p.create('pairs', [kv('a', 1), kv('a', 1)])
      .parDo('count', {
        output: typed<number>(),
        sides: { factor },
        state: { n: state.value(typed<number>(), { initial: 0 }) },
        process(_pair, { sides, state: { n }, emit }) {
          n.write(n.read() + 1)
          emit(n.read() * sides.factor)
        },
      })
      .collect('out')
    expect(sorted((await run(p, options)).collect('out'))).toEqual(sorted([10, 20]))
  })
})

inEveryMode((options) => {
  const sevens = (p: Pipeline) =>
    p
      .create('side', [7], { timestamp: () => 5 })
      .windowInto('side tens', fixedWindows(10))
      .asList('view')

  it('a late element within the lateness reads what the others have read', async () => {
    const p = pipeline()
    const view = sevens(p)
    p.apply('main', testStream<number>().add(at(3, 3)).advanceWatermarkTo(50).add(at(4, 4)).end())
      .windowInto('tens', fixedWindows(10), { allowedLateness: 1000 })
      .parDo('read', { output, sides: { view }, process: (n, { sides, emit }) => emit([n, sides.view.length]) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [3, 1],
      [4, 1],
    ])
  })

  it('so do timers in the lateness', async () => {
    const p = pipeline()
    const view = sevens(p)
    const events = testStream<{ key: string; value: number }>().add(at(1, kv('a', 1)))
    p.apply('main', events.advanceWatermarkTo(20).advanceWatermarkTo(60).end())
      .windowInto('tens', fixedWindows(10), { allowedLateness: 30 })
      .parDo('keep', {
        output,
        sides: { view },
        state: { n: state.value(typed<number>()) },
        timers: { t: timer.eventTime() },
        process: ({ value }, { state: { n }, timers: { t } }) => {
          n.write(value)
          t.set(30)
        },
        onTimer: { t: ({ emit, sides }) => emit(['timer', sides.view.length]) },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([['timer', 1]])
  })

  it.each(['singleton', 'map'] as const)('a late pane that accumulates replaces what a %s showed', async (kind) => {
    const p = pipeline()
    const late = testStream<number>().add(at(3, 3)).advanceWatermarkTo(50).add(at(4, 4)).end()
    const windowed = p
      .apply('side', late)
      .windowInto('side tens', fixedWindows(10), { allowedLateness: 1000, accumulation: 'accumulating' })
    const sides =
      kind === 'singleton'
        ? { view: windowed.combineGlobally('sum', sum()).asSingleton('view') }
        : {
            view: windowed
              .keyBy('all', () => 'all')
              .combinePerKey('sum', sum())
              .asMap('view'),
          }
    const slow = testStream<number>().advanceWatermarkTo(0).advanceWatermarkTo(1).advanceWatermarkTo(2).add(at(3, 3))
    p.apply('main', slow.end())
      .windowInto('tens', fixedWindows(10))
      .parDo('read', {
        output,
        sides,
        process: (n, { sides: { view }, emit }) => emit([n, typeof view === 'number' ? view : [...view.entries()]]),
      })
      .collect('out')
    const shown = (await run(p, options)).collect('out')
    expect(shown).toEqual([[3, kind === 'singleton' ? 7 : [['all', 7]]]])
  })
})

describe('construction', () => {
  it('refuses a view in other windows than the global one, where a step is in that', () => {
    const p = pipeline()
    const view = p.create('side', [1]).windowInto('tens', fixedWindows(10)).asList('view')
    expect(() => p.create('main', [1]).parDo('read', { output, sides: { view }, process: () => undefined })).toThrow(
      /step "read" is in the global window and reads side input "view", which is in fixed windows.*\n {2}at .*side-inputs\.test/,
    )
  })

  it('refuses sessions as a view, and sides that are none', () => {
    const p = pipeline()
    const sessions = p.create('numbers', [1]).windowInto('sessions', sessionWindows(5))
    expect(() => sessions.asList('view')).toThrow(/view "view" has session windows/)
    expect(() =>
      p.create('more', [1]).parDo('read', { output, sides: { x: {} as never }, process: () => undefined }),
    ).toThrow(/side input "x" of step "read" is not a view of this pipeline/)
    const other = pipeline().create('numbers', [1]).asList('view')
    expect(() => p.create('again', [1]).parDo('read', { output, sides: { other }, process: () => undefined })).toThrow(
      /side input "other" of step "read" is not a view of this pipeline/,
    )
  })
})
