import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import {
  END_OF_GLOBAL_WINDOW,
  fixedWindows,
  flatten,
  kv,
  pipeline,
  run,
  state,
  timer,
  PipelineError,
  TIMESTAMP_MAX,
  typed,
} from 'millrace'
import { assertThat, at, testStream, testStreamFrom, testStreams } from 'millrace/testing'
import { modes } from '../../conformance/support/modes.js'

describe('the builder of a script', () => {
  it.each<readonly [string, () => unknown, RegExp]>([
    [
      'a watermark that moves back',
      () => testStream().advanceWatermarkTo(5).advanceWatermarkTo(4),
      /cannot move its watermark back/,
    ],
    ['the end of time by hand', () => testStream().advanceWatermarkTo(TIMESTAMP_MAX), /by end\(\)/],
    [
      'an element after all windows',
      () => testStream().add(at(END_OF_GLOBAL_WINDOW + 1, 1)),
      /after the end of the global window/,
    ],
    ['an element without a timestamp', () => testStream().add(1 as never), /made by at\(timestamp, value\), but got 1/],
    ['a clock that goes back', () => testStream().advanceProcessingTime(-1), /advance of processing time/],
    [
      'an output that was not declared',
      () => testStreams({ a: typed<number>() }).add('b' as never),
      /no output "b"; testStreams declared a/,
    ],
    ['no outputs', () => testStreams({}), /at least one output/],
    [
      'the watermark of one output that moves back',
      () => testStreams({ a: typed<number>(), b: typed<number>() }).advanceWatermarkTo(5, 'a').advanceWatermarkTo(3),
      /back from/,
    ],
  ])('refuses %s', (_, build, message) => {
    // prettier-ignore
    expect(build).toThrow(message)
  })

  it('lets the watermark of one output move while another stands', () => {
    const script = testStreams({ a: typed<number>(), b: typed<number>() }).advanceWatermarkTo(5, 'a')
    expect(() => script.advanceWatermarkTo(3, 'b')).not.toThrow()
  })
})

it.each(modes)(
  'a script ends with the watermark at the end of time, whether it says so or not: $name',
  async ({ options }) => {
    const script = testStream<number>().add(at(1, 1))
    const ended = [script.end(), script.advanceWatermarkToInfinity()].map((events) => {
      const p = pipeline()
      const counts = p.apply('events', events).windowInto('tens', fixedWindows(10)).countPerElement('count')
      assertThat('one', counts).isSingleton(kv(1, 1))
      return run(p, options)
    })
    await Promise.all(ended)
  },
)

/** Elements in the order in which a stateful step met them. */
const inOrder = {
  output: typed<readonly string[]>(),
  state: { seen: state.value(t.readonlyArray(t.string), { initial: [] }) },
  timers: { end: timer.eventTime() },
  process(
    { value }: { readonly key: string; readonly value: string },
    {
      state,
      timers,
      window,
    }: {
      readonly state: { readonly seen: { read(): readonly string[]; write(value: readonly string[]): void } }
      readonly timers: { readonly end: { set(at: number): void } }
      readonly window: { readonly maxTimestamp: number }
    },
  ): void {
    state.seen.write([...state.seen.read(), value])
    timers.end.set(window.maxTimestamp)
  },
  onTimer: {
    end: ({
      state,
      emit,
    }: {
      readonly state: { readonly seen: { read(): readonly string[] } }
      readonly emit: (value: readonly string[]) => void
    }) =>
      // prettier-ignore
      emit(state.seen.read()),
  },
}

describe('events', () => {
  it.each(modes)(
    'are processed completely, through groupings and windows, before the next: $name',
    async ({ options }) => {
      const p = pipeline()
      const words = p.apply(
        'words',
        testStream<string>().add(at(0, 'one')).advanceWatermarkTo(1000).add(at(10_000, 'two')).end(),
      )
      const upper = words
        .windowInto('seconds', fixedWindows(1000))
        .keyBy('self', (word) => word)
        .groupByKey('group')
        .map('upper', ({ key }) => key.toUpperCase())
        .windowInto('again', fixedWindows(100_000))
      const seen = words
        .windowInto('wide', fixedWindows(100_000))
        .apply('both', (input) => flatten('union', [input, upper]))
        .keyBy('all', () => 'all')
        .parDo('buffer', inOrder)
      assertThat('order', seen).isSingleton(['one', 'ONE', 'two', 'TWO'])
      await run(p, options)
    },
  )

  it.each(modes)('of two scripts alternate, those of the first applied first: $name', async ({ options }) => {
    const p = pipeline()
    const a = p.apply('a', testStream<string>().add(at(0, 'a1')).add(at(0, 'a2')).add(at(0, 'a3')).end())
    const b = p.apply('b', testStream<string>().add(at(0, 'b1')).add(at(0, 'b2')).end())
    const seen = a.apply('both', (input) => flatten('union', [input, b])).keyBy('all', () => 'all').parDo('buffer', inOrder) // prettier-ignore
    assertThat('order', seen).isSingleton(['a1', 'b1', 'a2', 'b2', 'a3'])
    await run(p, options)
  })

  it.each(modes)('of a script with several outputs keep their order: $name', async ({ options }) => {
    const p = pipeline()
    const { a, b } = p.apply(
      'events',
      testStreams({ a: t.string, b: t.string })
        .add('b', at(0, 'b1'))
        .add('a', at(0, 'a1'))
        .advanceWatermarkTo(5)
        .add('b', at(6, 'b2'))
        .advanceProcessingTime('1 second')
        .add('a', at(7, 'a2'))
        .end(),
    )
    const seen = a.apply('both', (input) => flatten('union', [input, b])).keyBy('all', () => 'all').parDo('buffer', inOrder) // prettier-ignore
    assertThat('order', seen).isSingleton(['b1', 'a1', 'b2', 'a2'])
    await run(p, options)
  })

  it('of an output that is ahead wait for nobody, but what both feed waits for the slower one', async () => {
    const p = pipeline()
    const { fast, slow } = p.apply(
      'events',
      testStreams({ fast: typed<number>(), slow: typed<number>() })
        .add('fast', at(1, 1))
        .advanceWatermarkTo(10, 'fast')
        .add('slow', at(2, 2))
        .advanceWatermarkTo(10, 'slow')
        .add('slow', at(3, 3))
        .end(),
    )
    const counted = (input: typeof fast) =>
      input.windowInto('tens', fixedWindows(10), { allowedLateness: 100 }).keyBy('k', () => 'k').countPerKey('count') // prettier-ignore
    assertThat('fast', fast.apply('fast counts', counted)).inOnTimePane().isSingleton(kv('k', 1))
    const both = fast.apply('both', (input) => flatten('union', [input, slow])).apply('counts', counted)
    assertThat('on time', both).inOnTimePane().isSingleton(kv('k', 2))
    assertThat('late', both).inLatePanes().isSingleton(kv('k', 1))
    await run(p)
  })

  it('move the clock that steps read', async () => {
    const p = pipeline()
    p.apply('events', testStream<string>().add(at(0, 'a')).advanceProcessingTime(250).add(at(0, 'b')).end())
      .parDo('stamp', { output: typed<string>(), process: (word, { now, emit }) => emit(`${word}@${now}`) })
      .collect('stamped')
    expect((await run(p)).collect('stamped')).toEqual(['a@0', 'b@250'])
  })

  it('give the same panes in a hundred runs', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 100; i++) {
      const p = pipeline()
      p.apply(
        'events',
        testStream<number>().add(at(1, 1), at(12, 2)).advanceWatermarkTo(10).add(at(2, 3)).add(at(13, 4)).end(),
      )
        .windowInto('tens', fixedWindows(10), { allowedLateness: 50 })
        .keyBy('parity', (n) => n % 2)
        .countPerKey('count')
        .collect('panes')
      seen.add(JSON.stringify((await run(p)).collectWindowed('panes')))
    }
    expect(seen.size).toBe(1)
  })
})

it.each<readonly [string, readonly unknown[]]>([
  ['text', ['', 'é𝄞']],
  ['bytes', [Uint8Array.of(0, 255)]],
  ['whole numbers and fractions', [0, -1, 2 ** 53 - 1, 0.1, Number.NaN, Infinity]],
  ['truth values', [true, false]],
  ['records and lists', [{ a: { b: [1, null] } }, []]],
  ['what JSON cannot say', [10n, undefined, new Date(5), new Map([[1, new Set(['x'])]])]],
])('elements may be %s, played as they are and kept as JSON', async (_, values) => {
  const script = values
    .reduce<ReturnType<typeof testStream>>((s, value, i) => s.add(at(i, value)), testStream())
    .advanceWatermarkTo(100)
    .advanceProcessingTime('2 seconds')
  const read = testStreamFrom(JSON.parse(JSON.stringify(script)))
  expect(read.events).toEqual(script.events)
  for (const each of [script, read]) {
    const p = pipeline()
    p.apply('events', each.end()).collect('all')
    expect((await run(p, { strict: true, seed: 1 })).collect('all')).toEqual(values)
  }
})

it('a script kept as JSON is read with its codec, and refused when it is none', () => {
  const codec = t.type({ user: t.string })
  const script = testStream(codec).add(at(1, { user: 'ann' }))
  expect(testStreamFrom(script.toJSON(), codec).events).toEqual(script.events)
  expect(() => testStreamFrom(script.toJSON(), t.type({ user: t.number }))).toThrow(/ends/)
  expect(() => testStreamFrom({ elements: [] })).toThrow(/a script as JSON is \{ events/)
  expect(() => testStreamFrom({ events: [{ elements: [{ timestamp: 1, bytes: 'xy' }] }] })).toThrow(/are hex/)
  expect(() => testStreamFrom({ events: [{ watermark: 5 }, { watermark: 4 }] })).toThrow(/back/)
})

it.each([
  ['at', () => at(Number.NaN, 1)],
  ['at', () => at('yesterday', 1)],
  ['advanceWatermarkTo', () => testStream().advanceWatermarkTo(Number.NaN)],
  ['advanceWatermarkTo', () => testStreams({ a: typed<number>() }).advanceWatermarkTo(Number.NaN)],
])('%s refuses what is no instant, at the author’s line', (call, write) => {
  expect(write).toThrow(PipelineError)
  expect(write).toThrow(
    new RegExp(`${call}.* takes an instant: .* is not a timestamp: .*\n {2}at .*test-stream\\.test`),
  )
})
