import fc from 'fast-check'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  countWindows,
  type CountWindowsOptions,
  fixedWindows,
  type KV,
  type PCollection,
  pipeline,
  run,
  type RunOptions,
  sessionWindows,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

/** What the law says, by itself. */
function expected(
  values: readonly number[],
  { size, every = size, partial }: CountWindowsOptions,
): readonly number[][] {
  const windows: number[][] = []
  for (let from = 0; from < values.length; from += every) {
    const window = values.slice(from, from + size)
    if (window.length === size || partial !== 'drop') windows.push(window)
  }
  return windows
}

async function counted(
  values: readonly number[],
  options: CountWindowsOptions,
  runOptions: RunOptions = {},
): Promise<readonly (readonly number[])[]> {
  const p = pipeline()
  p.create('numbers', values)
    .withTimestamps('times', (n) => n)
    .keyBy('all', () => 'all')
    .apply('counted', countWindows(options))
    .values('values')
    .collect('out')
  const windows = (await run(p, runOptions)).collect<readonly number[]>('out')
  return [...windows].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
}

const oneToTen = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

describe('in order of arrival', () => {
  inEveryMode((options) => {
    it.each<[string, CountWindowsOptions, readonly (readonly number[])[]]>([
      [
        'back to back',
        { size: 4 },
        [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
          [9, 10],
        ],
      ],
      [
        'without the rest',
        { size: 4, partial: 'drop' },
        [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
        ],
      ],
      ['overlapping', { size: 4, every: 3 }, [[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 9, 10], [10]]],
      [
        'with gaps',
        { size: 2, every: 4 },
        [
          [1, 2],
          [5, 6],
          [9, 10],
        ],
      ],
      ['of one', { size: 1, every: 5 }, [[1], [6]]],
    ])('%s', async (_, counts, windows) => {
      expect(await counted(oneToTen, counts, options)).toEqual(windows)
    })
  }, orderedModes)
})

describe('in event-time order', () => {
  inEveryMode((options) => {
    it('counts by timestamp, however values arrive', async () => {
      const shuffled = [5, 1, 9, 2, 10, 3, 8, 4, 7, 6]
      expect(await counted(shuffled, { size: 4, order: 'eventTime' }, options)).toEqual([
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10],
      ])
    })

    it('puts out as the watermark moves, with the timestamp of the value that made a window full', async () => {
      const p = pipeline()
      p.apply(
        'events',
        testStream<number>()
          .add(at(3, 3), at(1, 1), at(12, 12))
          .advanceWatermarkTo(5)
          .add(at(7, 7), at(6, 6), at(2, 2))
          .advanceWatermarkTo(9)
          .add(at(8, 8))
          .end(),
      )
        .windowInto('tens', fixedWindows(10), { allowedLateness: 100 })
        .keyBy('all', () => 'all')
        .apply('pairs', countWindows({ size: 2, order: 'eventTime' }))
        .collect('out')
      const result = await run(p, options)
      const windows = result
        .collectWindowed<KV<string, readonly number[]>>('out')
        .map(({ value, timestamp, window }) => `${window.start}: ${value.value.join(' ')} at ${timestamp}`)
      // 2 comes behind what the watermark has let out, so it follows it.
      expect([...windows].sort()).toEqual(['0: 1 3 at 3', '0: 2 6 at 6', '0: 7 8 at 8', '10: 12 at 19'])
    })
  })
})

it('is what the law says, for any counts, values, keys and bundles', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        size: fc.integer({ min: 1, max: 7 }),
        every: fc.integer({ min: 1, max: 9 }),
        order: fc.constantFrom('arrival' as const, 'eventTime' as const),
        partial: fc.constantFrom('emit' as const, 'drop' as const),
      }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      async (options, count, bundleSize) => {
        const values = Array.from({ length: count }, (_, i) => i + 1)
        expect(await counted(values, options, { bundleSize })).toEqual(expected(values, options))
      },
    ),
    { numRuns: 60 },
  )
})

it('costs in proportion to the values of a key', async () => {
  const p = pipeline()
  p.create(
    'numbers',
    Array.from({ length: 60_000 }, (_, i) => (i * 7919) % 60_000),
  )
    .withTimestamps('times', (n) => n)
    .keyBy('all', () => 'all')
    .apply('counted', countWindows({ size: 30_000, order: 'eventTime' }))
    .map('first', ({ value }) => [value[0], value.length])
    .collect('out')
  // Square cost would be billions of steps.
  expect((await run(p)).collect('out')).toEqual([
    [0, 30_000],
    [30_000, 30_000],
  ])
})

it('keeps keys apart, and lists are lists for what follows', async () => {
  const p = pipeline()
  const windows = p
    .create('words', ['ant', 'bee', 'ape', 'bat', 'asp'])
    .keyBy('letter', (word) => word.charAt(0))
    .apply('pairs', countWindows({ size: 2, partial: 'drop' }))
  expectTypeOf(windows).toEqualTypeOf<PCollection<KV<string, readonly string[]>>>()
  windows.collect('out')
  const out = (await run(p)).collect<KV<string, readonly string[]>>('out')
  expect(new Map(out.map(({ key, value }) => [key, value]))).toEqual(
    new Map([
      ['a', ['ant', 'ape']],
      ['b', ['bee', 'bat']],
    ]),
  )
})

it.each([
  [{ size: 0 }, /size to be a whole number from 1/],
  [{ size: 2, every: 1.5 }, /every to be a whole number/],
  [{ size: 2, evry: 1 }, /no option "evry".*every/],
  [{ size: 2, order: 'time' }, /'arrival' or 'eventTime'/],
  [{ size: 2, partial: 'keep' }, /'emit' or 'drop'/],
])('refuses %j', (options, message) => {
  expect(() => countWindows(options as never)).toThrow(message)
})

it('refuses windows that merge, at the step', () => {
  const keyed = pipeline()
    .create('numbers', [1])
    .windowInto('sessions', sessionWindows(1))
    .keyBy('all', () => 'all')
  expect(() => keyed.apply('pairs', countWindows({ size: 2 }))).toThrow(/step "pairs": countWindows counts.*merge/)
  const plain = pipeline().create('numbers', [1], { codec: t.number })
  // @ts-expect-error: counts are per key
  expect(() => plain.apply('pairs', countWindows({ size: 2 }))).toThrow(/without \{ key, value \}/)
})
