import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  type DeadLetter,
  fixedWindows,
  kv,
  pipeline,
  type Pipeline,
  run,
  slidingWindows,
  state,
  timer,
  typed,
} from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'

const output = typed<number>()
const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
const failOn3 = (n: number): number => {
  if (n === 3) throw new RangeError('three')
  return n
}
const errors = (p: Pipeline): ReturnType<Pipeline['errors']> => p.errors('bad', (letters) => letters.collect('letters'))
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)

inEveryMode((options) => {
  it('every kind of step sends what it cannot process to its handler, and goes on with the rest', async () => {
    const p = pipeline()
    const onError = errors(p)
    const numbers = p.create('numbers', [1, 2, 3, 4], { timestamp: (n) => n * 10 })
    numbers.map('map', failOn3, { onError }).collect('map out')
    numbers.map('async map', async (n) => sleep(1).then(() => failOn3(n)), { onError }).collect('async map out')
    numbers.filter('filter', (n) => failOn3(n) > 0, { onError }).collect('filter out')
    numbers.flatMap('flatMap', (n) => [failOn3(n)], { onError }).collect('flatMap out')
    numbers.keyBy('keyBy', failOn3, { onError }).values('value').collect('keyBy out')
    numbers.withTimestamps('times', (n) => failOn3(n) * 1000, { onError }).collect('times out')
    numbers.partition('partition', 1, (n) => failOn3(n) * 0, { onError })[0]?.collect('partition out')
    numbers.parDo('parDo', { output, onError, process: (n, { emit }) => emit(failOn3(n)) }).collect('parDo out')
    const result = await run(p, options)
    for (const step of ['map', 'async map', 'filter', 'flatMap', 'keyBy', 'times', 'partition', 'parDo']) {
      expect([step, sorted(result.collect(`${step} out`))]).toEqual([step, [1, 2, 4]])
    }
    const letters = result.collect<DeadLetter>('bad/letters')
    expect(letters.map(({ step }) => step).sort()).toEqual(
      ['map', 'async map', 'filter', 'flatMap', 'keyBy', 'times', 'partition', 'parDo'].sort(),
    )
    for (const letter of letters) {
      expect(letter).toMatchObject({
        element: 3,
        error: { name: 'RangeError', message: 'three' },
        window: 'the global window',
        timestamp: 30,
      })
      expect(letter.source).toMatch(/dead-letters\.test\.ts:\d+/)
    }
    expect(result.metrics.counter('deadLetters')).toBe(8)
    expect(result.metrics.elements.get('map.out')).toBe(3)
    expect(result.metrics.elements.get('keyBy.out')).toBe(3)
  })

  it('an element contributes its outputs completely or not at all', async () => {
    const p = pipeline()
    const onError = errors(p)
    p.create('numbers', [1, 2, 3])
      .parDo('partial', {
        outputs: { a: output, b: output },
        onError,
        process(n, { emit }) {
          emit.a(n)
          emit.b(n * 10)
          failOn3(n)
          emit.a(n * 100)
        },
      })
      .a.collect('a out')
    const result = await run(p, options)
    expect(sorted(result.collect('a out'))).toEqual([1, 2, 100, 200])
    expect(result.collect<DeadLetter>('bad/letters').map(({ element }) => element)).toEqual([3])
  })

  it('a bad item takes neither its siblings nor other readers along', async () => {
    const p = pipeline()
    const onError = errors(p)
    const items = p.create('lists', [[1, 2, 3, 4]]).flatMap('items', (list) => list)
    items.map('fails', failOn3, { onError }).collect('fails out')
    items.map('does not', (n) => n).collect('good out')
    p.create('one', [0])
      .parDo('emits', {
        output,
        process(_n, { emit }) {
          for (const n of [1, 2, 3, 4]) emit(n)
        },
      })
      .map('fails too', failOn3, { onError })
      .collect('emitted out')
    const result = await run(p, options)
    expect(sorted(result.collect('fails out'))).toEqual([1, 2, 4])
    expect(sorted(result.collect('good out'))).toEqual([1, 2, 3, 4])
    expect(sorted(result.collect('emitted out'))).toEqual([1, 2, 4])
    expect(result.collect('bad/letters')).toHaveLength(2)
  })

  it('state and timers of a failed call are as they were before it', async () => {
    const p = pipeline()
    const onError = errors(p)
    p.create(
      'pairs',
      [1, 2, 3, 4].map((n) => kv('a', n)),
    )
      .parDo('sums', {
        output: typed<string>(),
        onError,
        state: { sum: state.value(typed<number>(), { initial: 0 }), seen: state.value(typed<number>()) },
        timers: { end: timer.eventTime() },
        process({ value }, { state, timers }) {
          state.sum.write(state.sum.read() + value)
          state.seen.write(value)
          if (value === 3) {
            state.sum.clear()
            timers.end.clear()
            throw new Error('three')
          }
          timers.end.set(100)
        },
        onTimer: { end: ({ state, emit }) => emit(`${state.sum.read()}`) },
      })
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual(['7'])
    expect(result.collect('bad/letters')).toHaveLength(1)
  })

  it('asynchronous calls that fail leave no trace either', async () => {
    const p = pipeline()
    const onError = errors(p)
    p.create(
      'pairs',
      [1, 2, 3, 4].map((n) => kv('a', n)),
    )
      .parDo('sums', {
        output,
        onError,
        state: { sum: state.value(typed<number>(), { initial: 0 }) },
        async process({ value }, { state, emit }) {
          emit(-1000)
          const sum = state.sum.read() + value
          state.sum.write(sum)
          await sleep(1)
          if (value === 3) throw new Error('three')
          emit(sum)
        },
      })
      .collect('out')
    const result = await run(p, options)
    const out = result.collect<number>('out')
    expect(out.filter((n) => n === -1000)).toHaveLength(3)
    expect(Math.max(...out)).toBe(7)
    expect(result.collect('bad/letters')).toHaveLength(1)
  })

  it('a failing timer handler becomes a letter too', async () => {
    const p = pipeline()
    const onError = errors(p)
    p.create('pairs', [kv('a', 1), kv('b', 2)])
      .parDo('timed', {
        output: typed<string>(),
        onError,
        timers: { end: timer.eventTime() },
        process: (_pair, { timers }) => timers.end.set(10),
        onTimer: {
          end: ({ key, emit }) => {
            emit(`${key} partial`)
            if (key === 'a') throw new Error('a')
          },
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual(['b partial'])
    expect(result.collect<DeadLetter>('bad/letters').map(({ element }) => element)).toEqual([
      { key: 'a', timer: 'onTimer.end' },
    ])
  })

  it('an element in several windows may fail in one of them', async () => {
    const p = pipeline()
    const onError = errors(p)
    p.create('numbers', [7], { timestamp: (n) => n })
      .windowInto('sliding', slidingWindows(10, { every: 5 }))
      .parDo('per window', {
        output,
        onError,
        process(n, { window, emit }) {
          if (window.start === 5) throw new Error('five')
          emit(n)
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect(result.collectWindowed('out').map(({ window }) => window.start)).toEqual([0])
    const [letter] = result.collectWindowed<DeadLetter>('bad/letters')
    expect(letter?.value.window).toContain('1970-01-01T00:00:00.005Z')
    expect(letter?.timestamp).toBe(7)
    expect(String(letter?.window)).toBe('the global window')
  })

  it('retries before it gives up, and counts', async () => {
    const tries = new Map<number, number>()
    const flaky = (n: number): number => {
      const made = (tries.get(n) ?? 0) + 1
      tries.set(n, made)
      if (made < n) throw new Error(`${n} failed ${made} times`)
      return n
    }
    const p = pipeline()
    const onError = errors(p)
    p.create('numbers', [1, 2, 3, 4])
      .map('flaky', flaky, { onError, retry: { attempts: 3, backoff: '1 millis' } })
      .collect('out')
    const result = await run(p, options)
    expect(sorted(result.collect('out'))).toEqual([1, 2, 3])
    expect(result.collect<DeadLetter>('bad/letters').map(({ error }) => error.message)).toEqual(['4 failed 3 times'])
    expect(result.metrics.counter('retries', 'flaky')).toBe(1 + 2 + 2)
  })

  it('a retried DoFn starts each attempt afresh', async () => {
    let attempts = 0
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .parDo('flaky', {
        output: typed<string>(),
        retry: { attempts: 3 },
        state: { sum: state.value(typed<number>(), { initial: 0 }) },
        process({ value }, { state, emit }) {
          attempts++
          emit(`attempt ${attempts}`)
          state.sum.write(state.sum.read() + value)
          if (attempts < 3) throw new Error('again')
          emit(`sum ${state.sum.read()}`)
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual(['attempt 3', 'sum 1'])
  })

  it('without a handler the last failure ends the run', async () => {
    const p = pipeline()
    p.create('numbers', [1]).map('always', () => failOn3(3), { retry: { attempts: 2, backoff: 1 } })
    await expect(run(p, options)).rejects.toThrow(/step "always" failed in process: three/)
  })

  it('a budget of letters stops the run', async () => {
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'), { maxDeadLetters: 2 })
    p.create('numbers', [1, 2, 3, 4]).map('fails', () => failOn3(3), { onError })
    await expect(run(p, options)).rejects.toThrow(
      /dead letter 3 is more than maxDeadLetters allows \(2\); the last one failed with: three/,
    )
  })

  it('values that do not fit a codec are letters, of io-ts and of any Standard Schema', async () => {
    const p = pipeline()
    const onError = errors(p)
    const lines = p.create('lines', ['{"n":1}', '{"n":"x"}', 'no json'])
    lines.map('io-ts', (line) => JSON.parse(line), { codec: t.type({ n: t.number }), onError }).collect('io-ts out')
    lines.map('zod', (line) => JSON.parse(line), { codec: z.object({ n: z.number() }), onError }).collect('zod out')
    lines
      .map('async zod', (line) => JSON.parse(line), {
        codec: z.object({ n: z.number().refine(async () => Promise.resolve(true)) }),
        onError,
      })
      .collect('async zod out')
    const result = await run(p, options)
    for (const step of ['io-ts', 'zod', 'async zod']) expect(result.collect(`${step} out`)).toEqual([{ n: 1 }])
    const messages = result.collect<DeadLetter>('bad/letters').map(({ step, error }) => `${step}: ${error.message}`)
    expect(messages).toHaveLength(6)
    expect(messages).toContain('io-ts: { n: "x" } is not { n: number }: at n expected number, got "x"')
    expect(messages.find((message) => message.startsWith('zod: { n: "x" }'))).toMatch(
      /does not fit the zod schema at n/,
    )
  })

  it('a handler may have a handler', async () => {
    const p = pipeline()
    const worse = p.errors('worse', (letters) => letters.collect('letters'))
    const bad = p.errors('bad', (letters) =>
      letters
        .map(
          'also fails',
          ({ element }) => {
            if (element === 2) throw new Error('two again')
            return element
          },
          { onError: worse },
        )
        .collect('letters'),
    )
    p.create('numbers', [1, 2, 3]).map('fails', (n) => failOn3(n === 1 ? 1 : 3), { onError: bad })
    const result = await run(p, options)
    expect(result.collect('bad/letters')).toEqual([3])
    expect(result.collect<DeadLetter>('worse/letters').map(({ step }) => step)).toEqual(['bad/also fails'])
  })
})

describe('construction', () => {
  it('refuses a handler that would feed itself', () => {
    const p = pipeline()
    let self: ReturnType<Pipeline['errors']> | undefined
    expect(() => {
      self = p.errors('bad', (letters) => {
        letters.map('again', (letter) => letter, { onError: self as never })
      })
    }).not.toThrow()
    expect(() =>
      p.errors('loop', (letters) => {
        p.errors('inner', () => undefined)
        letters.windowInto('w', fixedWindows(5))
      }),
    ).not.toThrow()
  })

  it('refuses nonsense options at the line that gives them', () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1])
    expect(() => numbers.map('a', (n) => n, { retry: { attempts: 0 } })).toThrow(
      /retry\.attempts of step "a" must be a whole number from 1/,
    )
    expect(() => numbers.map('b', (n) => n, { concurrency: 0 })).toThrow(
      /concurrency of step "b" must be a whole number from 1/,
    )
    expect(() => numbers.map('c', (n) => n, { onError: {} as never })).toThrow(/onError of step "c" is not a handler/)
    expect(() => p.errors('d', () => undefined, { maxDeadLetters: -1 })).toThrow(
      /maxDeadLetters of errors "d" must be 0 or more/,
    )
  })
})

interface Call {
  readonly key: string
  readonly value: number
  readonly millis: number
  readonly fails?: boolean
}

inEveryMode((options) => {
  const calls: readonly Call[] = [
    { key: 'b', value: 0, millis: 8 },
    { key: 'a', value: 1, millis: 1 },
    { key: 'a', value: 10, millis: 16, fails: true },
    { key: 'a', value: 100, millis: 1 },
  ]
  const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

  it.each([
    [true, 1, ['a=1', 'a=101', 'b=0']],
    [false, 1, ['a=1', 'a=101', 'b=0']],
    [true, 2, ['a=1', 'a=11', 'a=111', 'b=0']],
    [false, 2, ['a=1', 'a=11', 'a=111', 'b=0']],
  ])(
    'a call of a key that fails while others go on leaves no trace (ordered: %s, attempts: %d)',
    async (ordered, attempts, sums) => {
      const p = pipeline()
      const onError = p.errors('bad', (letters) => letters.collect('letters'))
      const failed = new Set<number>()
      p.create('calls', calls, { timestamp: () => 0 })
        .keyBy('key', ({ key }) => key)
        .parDo('sum', {
          output: typed<string>(),
          onError,
          ordered,
          retry: { attempts },
          state: { sum: state.value(typed<number>(), { initial: 0 }) },
          async process({ value: { key, value, millis, fails } }, { state: { sum }, emit }) {
            sum.write(sum.read() + value)
            await sleep(millis)
            if (fails === true && (attempts === 1 || !failed.has(value))) {
              failed.add(value)
              throw new Error('fails')
            }
            emit(`${key}=${sum.read()}`)
          },
        })
        .collect('sums')
      const result = await run(p, { ...options, bundleSize: 10 })
      // Strict mode changes the order of elements, and with it the sums on the way.
      const seen = [...result.collect<string>('sums')].sort()
      if (options.strict === true) expect(seen).toHaveLength(sums.length)
      else expect(seen).toEqual(sums)
      expect(result.collect('bad/letters')).toHaveLength(attempts === 1 ? 1 : 0)
    },
  )

  it('what a call has changed in place is taken back with it', async () => {
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.collect('letters'))
    p.create(
      'pairs',
      [1, 2, 3].map((value) => kv('a', value)),
    )
      .parDo('list', {
        output: typed<string>(),
        onError,
        state: { list: state.value(typed<number[]>(), { initial: [] }) },
        process({ value }, { state: { list }, emit }) {
          const all = list.read()
          all.push(value)
          list.write(all)
          if (value === 2) throw new Error('two')
          emit(all.join())
        },
      })
      .collect('lists')
    const lists = (await run(p, options)).collect<string>('lists')
    expect(lists.flatMap((list) => list.split(',')).includes('2')).toBe(false)
    expect(lists).toHaveLength(2)
  })

  it.each<[string, (x: number) => Iterable<string> | AsyncIterable<string>]>([
    [
      'synchronously',
      function* (x) {
        yield `first ${x}`
        if (x === 2) throw new Error('two')
        yield `second ${x}`
      },
    ],
    [
      'asynchronously',
      async function* (x) {
        yield `first ${x}`
        await Promise.resolve()
        if (x === 2) throw new Error('two')
        yield `second ${x}`
      },
    ],
  ])('what a flatMap yields %s before it fails does not leave, and is tried again', async (_, generate) => {
    const p = pipeline()
    const onError = p.errors('bad', (letters) => letters.map('element', ({ element }) => element).collect('letters'))
    const numbers = p.create('numbers', [1, 2])
    numbers.flatMap('letters', generate as (x: number) => Iterable<string>, { onError }).collect('left')
    let tries = 0
    const flaky = (x: number): Iterable<string> | AsyncIterable<string> => generate(x === 2 && ++tries < 3 ? 2 : x * 10)
    numbers.flatMap('flaky', flaky as (x: number) => Iterable<string>, { retry: { attempts: 3 } }).collect('retried')
    const result = await run(p, options)
    expect([...result.collect<string>('left')].sort()).toEqual(['first 1', 'second 1'])
    expect(result.collect('bad/letters')).toEqual([2])
    expect([...result.collect<string>('retried')].sort()).toEqual(['first 10', 'first 20', 'second 10', 'second 20'])
  })
})
