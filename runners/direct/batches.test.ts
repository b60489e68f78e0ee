import fc from 'fast-check'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  fixedWindows,
  groupIntoBatches,
  type GroupIntoBatchesOptions,
  type KV,
  type PCollection,
  pipeline,
  run,
  type RunOptions,
  sessionWindows,
} from 'millrace'
import { dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const weigh = (value: unknown): number => encodeToBytes(dynamicCoder, value).length

/** What the law and the limits say, by themselves. */
function expected(
  values: readonly string[],
  { size = Infinity, bytes = Infinity }: GroupIntoBatchesOptions,
): string[][] {
  const batches: string[][] = []
  let batch: string[] = []
  let weight = 0
  for (const value of values) {
    const own = weigh(value)
    if (batch.length === size || (batch.length > 0 && weight + own > bytes)) {
      batches.push(batch)
      batch = []
      weight = 0
    }
    batch.push(value)
    weight += own
  }
  return batch.length === 0 ? batches : [...batches, batch]
}

async function batched(
  values: readonly string[],
  options: GroupIntoBatchesOptions,
  runOptions: RunOptions = {},
): Promise<readonly (readonly string[])[]> {
  const p = pipeline()
  p.create('words', values)
    .keyBy('all', () => 'all')
    .apply('batches', groupIntoBatches(options))
    .values('values')
    .collect('out')
  return (await run(p, runOptions)).collect<readonly string[]>('out')
}

inEveryMode((options) => {
  it.each<[string, GroupIntoBatchesOptions]>([
    ['by count', { size: 2 }],
    ['by bytes', { bytes: 2 * weigh('aa') }],
    ['by whichever comes first', { size: 3, bytes: 2 * weigh('aaaa') }],
    ['by neither, so all together', { maxBuffering: '1 hour' }],
  ])('%s', async (_, batches) => {
    const words = ['aa', 'bb', 'c', 'dddddddddd', 'ee', 'ff', 'g']
    const out = await batched(words, batches, options)
    // Strict mode reads in any order, but the law holds in any.
    expect(out.flat().sort()).toEqual(words)
    for (const batch of out) {
      expect(batch.length).toBeGreaterThan(0)
      expect(batch.length).toBeLessThanOrEqual(batches.size ?? Infinity)
      const weight = batch.reduce((sum, word) => sum + weigh(word), 0)
      if (batch.length > 1) expect(weight).toBeLessThanOrEqual(batches.bytes ?? Infinity)
    }
    if (options.strict !== true) expect(out).toEqual(expected(words, batches))
  })

  it('keeps keys and windows apart, and flushes each at its window’s end', async () => {
    const p = pipeline()
    const script = testStream<string>()
      .add(at(1, 'a1'), at(2, 'b2'), at(3, 'a3'), at(4, 'a4'))
      .advanceWatermarkTo(10)
      .add(at(12, 'a12'))
      .end()
    const batches = p
      .apply('events', script)
      .windowInto('tens', fixedWindows(10))
      .keyBy('letter', (word) => word.charAt(0))
      .apply('batches', groupIntoBatches({ size: 2 }))
    expectTypeOf(batches).toEqualTypeOf<PCollection<KV<string, readonly string[]>>>()
    batches.collect('out')
    const out = (await run(p, options)).collectWindowed<KV<string, readonly string[]>>('out')
    const of = out.map(({ value, window }) => [value.key, window.start, value.value.length].join(' '))
    expect([...of].sort()).toEqual(['a 0 1', 'a 0 2', 'a 10 1', 'b 0 1'])
    // The rest has the last timestamp of its window.
    expect(out.filter(({ value }) => value.value.length === 1).map(({ timestamp }) => timestamp)).toEqual([
      expect.toBeOneOf([9, 19]),
      expect.toBeOneOf([9, 19]),
      expect.toBeOneOf([9, 19]),
    ])
  })

  it('lets the first value of a batch wait no longer than it may, and a full batch takes its timer with it', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<number>()
        .add(at(1, 1))
        .add(at(2, 2))
        // These two are full before their time is over…
        .advanceProcessingTime(8)
        .add(at(3, 3))
        // …which, when it comes, is none of the third's.
        .advanceProcessingTime(4)
        .add(at(4, 4))
        .add(at(5, 5))
        .advanceProcessingTime(3)
        .advanceProcessingTime(20)
        .end(),
    )
      .keyBy('all', () => 'all')
      .apply('batches', groupIntoBatches({ size: 2, maxBuffering: 10 }))
      .collect('out')
    const out = (await run(p, options)).collectWindowed<KV<string, readonly number[]>>('out')
    expect(out.map(({ value, timestamp }) => [value.value, timestamp])).toEqual([
      [[1, 2], 2],
      [[3, 4], 4],
      [[5], 5],
    ])
  })
})

it('puts out what waited long enough before its window ends, with the timestamp of the first', async () => {
  const p = pipeline()
  p.apply(
    'events',
    testStream<number>()
      .add(at(7, 7))
      .advanceProcessingTime(4)
      .add(at(3, 3))
      .advanceProcessingTime(6)
      .add(at(8, 8))
      .advanceWatermarkTo(100)
      .end(),
  )
    .windowInto('tens', fixedWindows(10))
    .keyBy('all', () => 'all')
    .apply('batches', groupIntoBatches({ size: 5, maxBuffering: 10 }))
    .collect('out')
  const out = (await run(p)).collectWindowed<KV<string, readonly number[]>>('out')
  expect(out.map(({ value, timestamp }) => [value.value, timestamp])).toEqual([
    [[7, 3], 7],
    [[8], 9],
  ])
})

it('weighs by the coder of the collection', async () => {
  const wordy = new t.Type<number, string>(
    'Wordy',
    t.number.is,
    (text, context) => (typeof text === 'string' ? t.success(Number(text)) : t.failure(text, context)),
    (n) => `${n}`.padStart(100),
  )
  const batches = async (codec: t.Type<number, unknown>): Promise<readonly unknown[]> => {
    const p = pipeline()
    const pairs = [1, 2, 3].map((value) => ({ key: 'k', value }))
    p.create('pairs', pairs, { codec: t.type({ key: t.string, value: codec }) })
      .apply('batches', groupIntoBatches({ bytes: 100 }))
      .values('values')
      .collect('out')
    return (await run(p)).collect('out')
  }
  expect(await batches(t.number)).toEqual([[1, 2, 3]])
  expect(await batches(wordy)).toEqual([[1], [2], [3]])
})

describe('for any values and limits', () => {
  it.each(orderedModes.map(({ name, options }) => [name, options] as const))('in mode %s', async (_, options) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 12 }), { maxLength: 30 }),
        fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
        fc.integer({ min: 1, max: 40 }),
        async (words, size, bytes) => {
          const limits = { bytes, ...(size === undefined ? {} : { size }) }
          expect(await batched(words, limits, options)).toEqual(expected(words, limits))
        },
      ),
      { numRuns: 25 },
    )
  })
})

it.each([
  [undefined, /needs options/],
  [{}, /needs size, bytes or maxBuffering/],
  [{ size: 0 }, /size to be a whole number from 1, but got 0/],
  [{ bytes: 1.5 }, /bytes to be a whole number/],
  [{ size: 2, maxBuffering: 0 }, /maxBuffering to be above 0/],
  [{ size: 2, maxBuffering: 'soon' }, /maxBuffering of groupIntoBatches/],
  [{ size: 2, byte: 3 }, /no option "byte" of groupIntoBatches.*bytes/],
])('refuses %j', (options, message) => {
  expect(() => groupIntoBatches(options as never)).toThrow(message)
})

it('refuses windows that merge, and what has no key', () => {
  const sessions = pipeline()
    .create('numbers', [1])
    .windowInto('sessions', sessionWindows(1))
    .keyBy('all', () => 'all')
  expect(() => sessions.apply('batches', groupIntoBatches({ size: 2 }))).toThrow(
    /step "batches": groupIntoBatches keeps values by window.*merge.*batches\.test/s,
  )
  const plain = pipeline().create('numbers', [1], { codec: t.number })
  // @ts-expect-error: batches are per key
  expect(() => plain.apply('batches', groupIntoBatches({ size: 2 }))).toThrow(/without \{ key, value \}/)
})
