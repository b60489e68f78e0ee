import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import {
  type BoundedWindow,
  calendarWindows,
  customWindows,
  DataWindow,
  fixedWindows,
  flatten,
  type KV,
  mergeOverlapping,
  type PCollection,
  type Pipeline,
  pipeline,
  type PipelineResult,
  run,
  sum,
  typed,
  type WindowFn,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

type Numbers = PCollection<number>

/** Numbers that are their own timestamps. */
const numbers = (values: readonly number[], p: Pipeline = pipeline()): Numbers =>
  p.create('some', values).withTimestamps('times', (n) => n)

const lists = (keyed: PCollection<KV<string, number>>) => keyed.groupByKey('group').collect('out')

/** Groups as `window: values`. */
const groups = (result: PipelineResult): readonly string[] =>
  result
    .collectWindowed<KV<string, Iterable<number>>>('out')
    .map(({ value, window }) => `${window.start}-${window.end}: ${[...value.value].sort((a, b) => a - b).join(' ')}`)
    .sort()

const evenOrOdd = customWindows({
  name: 'even or odd',
  assign: ({ element }: { element: number }) => ({ start: element % 2, end: 100 + (element % 2) }),
})

/** All end together: one that ended earlier might be complete before another comes that it is to merge with. */
const mergeEvens = customWindows({
  name: 'merge evens',
  assign: ({ timestamp }) => ({ start: timestamp, end: 100 }),
  merge: (windows) => {
    const evens = windows.filter(({ start }) => start % 2 === 0)
    if (evens.length < 2) return []
    return [{ merged: { start: Math.min(...evens.map(({ start }) => start)), end: 100 }, parts: evens }]
  },
})

const gaps = customWindows({
  name: 'gaps',
  assign: ({ element, timestamp }: { element: number; timestamp: number }) => ({
    start: timestamp,
    end: timestamp + (element >= 50 ? 20 : 2),
  }),
  assignsToOneWindow: true,
  merge: mergeOverlapping,
})

const parity = customWindows({
  name: 'tens by parity',
  data: t.type({ parity: t.string }),
  assign: ({ element, timestamp }: { element: number; timestamp: number }) => {
    const start = Math.floor(timestamp / 10) * 10
    return { start, end: start + 10, data: { parity: element % 2 === 0 ? 'even' : 'odd' } }
  },
})

inEveryMode((options) => {
  it.each<[string, WindowFn<number>, readonly number[], readonly string[]]>([
    ['the element decides', evenOrOdd, [1, 2, 3, 4], ['0-100: 2 4', '1-101: 1 3']],
    [
      'an element in several windows is in each of them, one in none in nothing',
      customWindows({
        name: 'overlapping',
        assign: ({ timestamp }) =>
          timestamp > 8
            ? []
            : [
                { start: 0, end: 10 },
                { start: timestamp < 5 ? 0 : 5, end: 20 },
              ],
      }),
      [1, 6, 9],
      ['0-10: 1 6', '0-20: 1', '5-20: 6'],
    ],
    ['some windows merge', mergeEvens, [3, 4, 50, 51, 60], ['3-100: 3', '4-100: 4 50 60', '51-100: 51']],
    [
      'sessions whose gap is the element’s',
      gaps,
      [1, 2, 5, 50, 65, 90],
      ['1-4: 1 2', '5-7: 5', '50-85: 50 65', '90-110: 90'],
    ],
    [
      'days of a calendar',
      calendarWindows({ unit: 'day' }),
      [5, 86_400_001],
      ['0-86400000: 5', '86400000-172800000: 86400001'],
    ],
  ])('%s', async (_, windowFn, values, expected) => {
    const p = pipeline()
    lists(
      numbers(values, p)
        .windowInto('windows', windowFn)
        .keyBy('key', () => 'k'),
    )
    expect(groups(await run(p, options))).toEqual(expected)
  })

  it('windows that carry data are told apart by it, and show it to steps after a grouping', async () => {
    const p = pipeline()
    numbers([1, 2, 3, 12], p)
      .windowInto('windows', parity)
      .keyBy('key', () => 'k')
      .combinePerKey('sum', sum())
      .reshuffle('on')
      .parDo('show', {
        output: t.string,
        process: ({ value }, { window, emit }) => {
          expect(window).toBeInstanceOf(DataWindow)
          emit(`${window.start} ${parity.dataOf(window).parity} ${value}`)
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect([...result.collect<string>('out')].sort()).toEqual(['0 even 2', '0 odd 4', '10 even 12'])
  })

  it('windows that carry data are side inputs of their own', async () => {
    const p = pipeline()
    const words = numbers([1, 2, 11], p)
    const view = words.windowInto('own', parity).asList('numbers')
    words
      .windowInto('too', parity)
      .parDo('count', {
        output: typed<string>(),
        sides: { view },
        process: (n, { sides, emit }) => emit(`${n}: ${sides.view.join(' ')}`),
      })
      .collect('out')
    await expect(run(p, options)).rejects.toThrow(/look at the element.*sideInputWindow/)
  })

  it('sideInputWindow says which window a side input has', async () => {
    const mapped = customWindows({
      name: 'by parity',
      data: t.boolean,
      assign: ({ element }: { element: number }) => ({ start: 0, end: 100, data: element % 2 === 0 }),
      sideInputWindow: ({ start }) => ({ start: 0, end: 100, data: start % 20 === 0 }),
    })
    const p = pipeline()
    const all = numbers([1, 2, 3, 4], p)
    const view = all.windowInto('own', mapped).asList('numbers')
    all
      .windowInto('tens', fixedWindows(10))
      .parDo('look', {
        output: typed<string>(),
        sides: { view },
        process: (n, { sides, emit }) => emit(`${n}: ${[...sides.view].sort().join(' ')}`),
      })
      .collect('out')
    const result = await run(p, options)
    expect([...result.collect<string>('out')].sort()).toEqual(['1: 2 4', '2: 2 4', '3: 2 4', '4: 2 4'])
  })

  it('a side input without a mapping is the window at the end of the main one', async () => {
    const thirties = customWindows({
      name: 'thirties',
      assign: ({ timestamp }) => {
        const start = Math.floor(timestamp / 30) * 30
        return { start, end: start + 30 }
      },
    })
    const p = pipeline()
    const all = numbers([1, 31], p)
    const view = all.windowInto('own', thirties).asList('numbers')
    all
      .windowInto('tens', fixedWindows(10))
      .parDo('look', {
        output: typed<string>(),
        sides: { view },
        process: (n, { sides, emit }) => emit(`${n}: ${sides.view.join(' ')}`),
      })
      .collect('out')
    const result = await run(p, options)
    expect([...result.collect<string>('out')].sort()).toEqual(['1: 1', '31: 31'])
  })

  it.each([
    [
      'assign',
      customWindows({
        name: 'bad',
        assign: () => {
          throw new Error('no idea')
        },
      }),
    ],
    ['a window that ends before it begins', customWindows({ name: 'bad', assign: () => ({ start: 2, end: 1 }) })],
    [
      'two windows where one was promised',
      customWindows({
        name: 'bad',
        assignsToOneWindow: true,
        assign: () => [
          { start: 1, end: 2 },
          { start: 1, end: 3 },
        ],
      }),
    ],
  ])('a mistake fails the run, naming the step: %s', async (_, windowFn) => {
    const p = pipeline()
    lists(
      numbers([1], p)
        .windowInto('my windows', windowFn)
        .keyBy('key', () => 'k'),
    )
    await expect(run(p, options)).rejects.toThrow(/my windows/)
  })

  it.each([
    [
      'windows that are not there',
      () => [{ merged: { start: 0, end: 9 }, parts: [{ start: 7, end: 9 } as BoundedWindow] }],
    ],
    [
      'a union in the place of another window',
      (windows: readonly BoundedWindow[]) => [
        { merged: windows[1] as BoundedWindow, parts: [windows[0] as BoundedWindow] },
      ],
    ],
  ])('merging %s fails the run, naming the step', async (_, merge) => {
    const windowFn = customWindows({
      name: 'bad',
      assign: ({ timestamp }) => ({ start: timestamp, end: timestamp + 1 }),
      merge,
    })
    const p = pipeline()
    p.apply('events', testStream<number>().add(at(1, 1), at(2, 2)).end())
      .windowInto('windows', windowFn)
      .keyBy('key', () => 'k')
      .groupByKey('my grouping')
    await expect(run(p, options)).rejects.toThrow(/my grouping.*merge/s)
  })

  it.each([
    ['earliest', 5],
    ['latest', 8],
    ['endOfWindow', 9],
  ] as const)('outputTime counts where timestamps of elements do: %s', async (timestampCombiner, expected) => {
    const shifted = customWindows({
      name: 'shifted',
      assign: () => ({ start: 0, end: 10 }),
      outputTime: (timestamp, { end }) => Math.min(timestamp + 4, end - 1),
    })
    const p = pipeline()
    numbers([1, 4], p)
      .windowInto('windows', shifted, { timestampCombiner })
      .keyBy('key', () => 'k')
      .combinePerKey('sum', sum())
      .collect('out')
    const [pane] = (await run(p, options)).collectWindowed('out')
    expect(pane?.timestamp).toBe(expected)
  })
})

it('counts elements that fall into no window', async () => {
  const none = customWindows({ name: 'none', assign: () => [] })
  const p = pipeline()
  lists(
    numbers([1, 2], p)
      .windowInto('windows', none)
      .keyBy('key', () => 'k'),
  )
  const result = await run(p)
  expect(result.metrics.counter('droppedWithoutWindow', 'windows')).toBe(2)
})

it('collections in the same custom windows can be united; in others of the same name they cannot', () => {
  const both = numbers([1])
  const again = customWindows({ name: 'even or odd', assign: () => ({ start: 0, end: 1 }) })
  flatten('one', [both.windowInto('a', evenOrOdd), both.windowInto('b', evenOrOdd)])
  expect(() => flatten('two', [both.windowInto('c', evenOrOdd), both.windowInto('d', again)])).toThrow(
    /different windows: custom windows "even or odd"/,
  )
})

it('merging windows are no view without sideInputWindow', () => {
  expect(() => numbers([1]).windowInto('windows', gaps).asList('view')).toThrow(
    /merging windows.*sideInputWindow to customWindows/,
  )
})

it('the elements a WindowFn asks for are checked by the compiler', () => {
  const words = pipeline().create('words', ['a'])
  // @ts-expect-error: the elements are words, not numbers
  words.windowInto('windows', evenOrOdd)
  words.windowInto(
    'inferred',
    customWindows({
      name: 'n',
      assign: ({ element }) => {
        expectTypeOf(element).toEqualTypeOf<string>()
        return { start: 0, end: element.length + 1 }
      },
    }),
  )
  expectTypeOf(parity.dataOf).returns.toEqualTypeOf<{ parity: string }>()
  // @ts-expect-error: windows that carry data have some
  customWindows({ name: 'n', data: t.string, assign: () => ({ start: 0, end: 1 }) })
})

it.each([
  [{}, /needs a name/],
  [{ name: 'x' }, /"x" needs assign/],
  [{ name: 'x', assign: () => [], asign: 1 }, /no option "asign".*assign/],
  [{ name: 'x', assign: () => [], merge: 1 }, /merge to be a function/],
  [{ name: 'x', assign: () => [], data: 'string' }, /data to be a codec/],
])('refuses %j', (given, message) => {
  expect(() => customWindows(given as never)).toThrow(message)
})
