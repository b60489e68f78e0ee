import { describe, expect, it } from 'vitest'
import {
  fixedWindows,
  globalWindow,
  globalWindows,
  IntervalWindow,
  kv,
  pipeline,
  run,
  sessionWindows,
  slidingWindows,
  type RunOptions,
  typed,
  UserCodeError,
  type WindowFn,
} from 'millrace'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const output = typed<string>()

inEveryMode((options) => {
  it('sets up once, brackets elements by bundles, and tears down', async () => {
    const calls: string[] = []
    const p = pipeline()
    p.create('numbers', [1, 2, 3]).parDo('step', {
      output,
      setup: ({ step }) => {
        calls.push('setup')
        return { step }
      },
      startBundle: ({ resource }) => void calls.push(`start ${resource.step}`),
      process: (n) => void calls.push(`process ${n}`),
      finishBundle: () => void calls.push('finish'),
      teardown: ({ resource }) => void calls.push(`teardown ${resource.step}`),
    })
    await run(p, options)
    expect(calls[0]).toBe('setup')
    expect(calls.at(-1)).toBe('teardown step')
    expect(calls.filter((call) => call.startsWith('setup') || call.startsWith('teardown'))).toHaveLength(2)
    expect(calls.filter((call) => call.startsWith('process')).sort()).toEqual(['process 1', 'process 2', 'process 3'])
    let open = false
    for (const call of calls.slice(1, -1)) {
      if (call === 'start step') expect(open).toBe(false)
      if (call === 'finish' || call.startsWith('process')) expect(open).toBe(true)
      if (call === 'start step') open = true
      if (call === 'finish') open = false
    }
    expect(open).toBe(false)
  })

  it('awaits asynchronous lifecycle functions', async () => {
    const calls: string[] = []
    const later = async (call: string): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      calls.push(call)
    }
    const p = pipeline()
    p.create('one', [1]).parDo('step', {
      setup: async () => {
        await later('setup')
        return 'resource'
      },
      startBundle: () => later('start'),
      process: async (_n, { resource }) => later(`process ${resource}`),
      finishBundle: () => later('finish'),
      teardown: () => later('teardown'),
    })
    await run(p, options)
    expect(calls).toEqual(['setup', 'start', 'process resource', 'finish', 'teardown'])
  })

  it('lets finishBundle emit into a window it names', async () => {
    const p = pipeline()
    p.create('numbers', [1, 2])
      .windowInto('tens', fixedWindows(10))
      .parDo('late words', {
        output,
        process: () => undefined,
        finishBundle: ({ emit }) => emit('end', 5, new IntervalWindow(0, 10)),
      })
      .collect('out')
    const elements = (await run(p, options)).collectWindowed('out')
    expect(elements.length).toBeGreaterThan(0)
    for (const { value, timestamp, window } of elements) {
      expect([value, timestamp, window.start, window.end]).toEqual(['end', 5, 0, 10])
    }
  })

  it.each<[string, WindowFn, unknown]>([
    ['what is no window', globalWindows(), { start: 0, end: 10 }],
    ['an interval where all is global', globalWindows(), new IntervalWindow(0, 10)],
    ['the global window where it is not', fixedWindows(10), globalWindow],
    ['an interval that the WindowFn does not make', slidingWindows(10, { every: 5 }), new IntervalWindow(3, 13)],
  ])('refuses %s in finishBundle, which a grouping would wait for', async (_, windowFn, window) => {
    const p = pipeline()
    p.create('numbers', [1])
      .windowInto('windows', windowFn)
      .parDo('step', {
        output,
        process: () => undefined,
        finishBundle: ({ emit }) => emit('x', 5, window as IntervalWindow),
      })
    await expect(run(p, options)).rejects.toThrow(
      /step "step" failed in finishBundle: emit in finishBundle got .* for a window/,
    )
  })

  it('takes windows of any extent where windows merge', async () => {
    const p = pipeline()
    p.create('numbers', [1])
      .windowInto('sessions', sessionWindows(10))
      .parDo('step', {
        output,
        process: () => undefined,
        finishBundle: ({ emit }) => emit('x', 5, new IntervalWindow(3, 40)),
      })
      .collect('out')
    expect((await run(p, options)).collect('out').length).toBeGreaterThan(0)
  })

  it('refuses an emit in finishBundle that names no window', async () => {
    const p = pipeline()
    p.create('numbers', [1]).parDo('step', {
      output,
      process: () => undefined,
      finishBundle: ({ emit }) => (emit as (value: string) => void)('x'),
    })
    await expect(run(p, options)).rejects.toThrow(
      /step "step" failed in finishBundle: emit in finishBundle needs a timestamp and a window/,
    )
  })

  it('calls process once for each window of an element, and its outputs stay in that window', async () => {
    const p = pipeline()
    p.create('numbers', [7], { timestamp: () => 7 })
      .windowInto('sliding', slidingWindows(10, { every: 5 }))
      .parDo('see', { output, process: (_n, { window, emit }) => emit(`${window.start}`) })
      .map('same', (text) => text)
      .collect('out')
    const elements = (await run(p, options)).collectWindowed('out')
    expect(elements.map(({ value, window }) => `${String(value)} ${window.start}`).sort()).toEqual(['0 0', '5 5'])
  })

  it('hands on timestamps, and new ones that are not earlier', async () => {
    const p = pipeline()
    p.create('numbers', [1], { timestamp: () => 100 })
      .parDo('move', {
        output,
        allowedSkew: 10,
        process(_n, { emit }) {
          emit('same')
          emit('later', 150)
          emit('as date', new Date(160))
          emit('earlier', 90)
        },
      })
      .collect('out')
    const elements = (await run(p, options)).collectWindowed('out')
    expect(Object.fromEntries(elements.map(({ value, timestamp }) => [value, timestamp]))).toEqual({
      same: 100,
      later: 150,
      'as date': 160,
      earlier: 90,
    })
  })

  it('refuses a timestamp before the input by more than allowedSkew, saying all three', async () => {
    const p = pipeline()
    p.create('numbers', [1], { timestamp: () => 5000 }).parDo('back', {
      output,
      process: (_n, { emit }) => emit('x', 4999),
    })
    await expect(run(p, options)).rejects.toThrow(
      /1970-01-01T00:00:04.999Z is before the input's 1970-01-01T00:00:05.000Z by more than allowedSkew \(0 ms\)/,
    )
  })

  it('refuses timestamps that are none', async () => {
    for (const at of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, 'yesterday', 2 ** 60]) {
      const p = pipeline()
      p.create('numbers', [1]).parDo('odd', { output, process: (_n, { emit }) => emit('x', at) })
      await expect(run(p, options)).rejects.toThrow(/step "odd" failed in process: .* is not a timestamp/)
    }
  })

  it('drains generators, also asynchronous ones, but not arrays returned by accident', async () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1, 2])
    const spec = { output: typed<number>() }
    numbers
      .parDo('yields', {
        ...spec,
        *process(n) {
          yield n
          yield n * 10
        },
      })
      .collect('sync out')
    numbers
      .parDo('yields later', {
        ...spec,
        async *process(n) {
          yield n
          await Promise.resolve()
          yield n * 10
        },
      })
      .collect('async out')
    numbers.parDo('returns', { ...spec, process: ((n: number) => [n, n]) as never }).collect('array out')
    const result = await run(p, options)
    expect([...result.collect<number>('sync out')].sort((a, b) => a - b)).toEqual([1, 2, 10, 20])
    expect([...result.collect<number>('async out')].sort((a, b) => a - b)).toEqual([1, 2, 10, 20])
    expect(result.collect('array out')).toEqual([])
  })

  it('gives every output tag its own collection, and empty ones too', async () => {
    const p = pipeline()
    const { even, odd, never } = p.create('numbers', [1, 2, 3]).parDo('split', {
      outputs: { even: typed<number>(), odd: typed<number>(), never: typed<string>() },
      process(n, { emit }) {
        if (n % 2 === 0) emit.even(n, 10)
        else emit.odd(n)
      },
    })
    even.collect('even out')
    odd.map('twice', (n) => n * 2).collect('odd out')
    never.collect('never out')
    const result = await run(p, options)
    expect(result.collectWindowed('even out').map(({ value, timestamp }) => [value, timestamp])).toEqual([[2, 10]])
    expect([...result.collect<number>('odd out')].sort()).toEqual([2, 6])
    expect(result.collect('never out')).toEqual([])
    expect([
      result.metrics.elements.get('split.even'),
      result.metrics.elements.get('split.odd'),
      result.metrics.elements.get('split.never'),
    ]).toEqual([1, 2, 0])
  })

  it('reports a failure in any call, tears down, and shows no output', async () => {
    for (const failing of ['setup', 'startBundle', 'process', 'finishBundle'] as const) {
      let tornDown = 0
      const printed: string[] = []
      const p = pipeline()
      const fail = (call: string): void => {
        if (call === failing) throw new TypeError(`${call} is broken`)
      }
      p.create('numbers', [1, 2])
        .parDo('step', {
          output,
          setup: () => fail('setup'),
          startBundle: () => fail('startBundle'),
          process(n, { emit }) {
            emit(`before ${n}`)
            fail('process')
          },
          finishBundle: () => fail('finishBundle'),
          teardown: () => void tornDown++,
        })
        .print('show')
      const env = { ...testEnv(), print: (line: string) => void printed.push(line) }
      const failure: unknown = await run(p, { ...options, env }).then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(failure).toBeInstanceOf(UserCodeError)
      const { message, cause, step } = failure as UserCodeError
      expect(message).toContain(`step "step" failed in ${failing}: ${failing} is broken`)
      expect(message).toMatch(/do-fn\.test\.ts:\d+:\d+/)
      expect(step).toBe('step')
      expect(cause).toBeInstanceOf(TypeError)
      expect(tornDown).toBe(1)
      expect(printed).toEqual([])
    }
  })

  it('wraps whatever is thrown', async () => {
    for (const thrown of ['text', undefined, null, 7, { message: 'like an error' }]) {
      const p = pipeline()
      p.create('numbers', [1]).map('throws', () => {
        throw thrown
      })
      await expect(run(p, options)).rejects.toThrow(/step "throws" failed in process/)
    }
  })

  it('blames the step that threw, however deep it is fused, even if an outer step swallows it', async () => {
    const p = pipeline()
    p.create('numbers', [1])
      .map('first', (n) => n)
      .parDo('swallows', {
        output: typed<number>(),
        process(n, { emit }) {
          try {
            emit(n)
          } catch {
            // A step cannot make the failure of another one go away.
          }
        },
      })
      .map('third', (n) => n + 1)
      .map('fourth', () => {
        throw new Error('deep')
      })
    await expect(run(p, options)).rejects.toThrow(/step "fourth" failed in process: deep\n {2}element: 2/)
  })

  it('tells a step that emits after its call has ended', async () => {
    const p = pipeline()
    p.create('numbers', [1])
      .parDo('forgets to await', {
        output,
        process(_n, { emit }) {
          void Promise.resolve()
            .then(() => Promise.resolve())
            .then(() => new Promise((resolve) => setTimeout(resolve, 5)))
            .then(() => emit('too late'))
            .catch(() => undefined)
        },
      })
      .parDo('waits', { output, process: () => new Promise((resolve) => setTimeout(resolve, 30)) })
    p.create('slow', [1]).parDo('keeps the run open', {
      process: () => new Promise((resolve) => setTimeout(resolve, 60)),
    })
    await expect(run(p, options)).rejects.toThrow(
      /step "forgets to await" failed in emit: emit was used after its call had ended/,
    )
  })

  it('lets a later bundle not be confused with an earlier one: a kept emit is refused', async () => {
    let kept: ((value: string) => void) | undefined
    let refused: unknown
    const p = pipeline()
    p.create('numbers', [1, 2, 3])
      .reshuffle('cut')
      .parDo('keeps', {
        output,
        startBundle() {
          if (kept === undefined) return
          try {
            kept('from an old bundle')
          } catch (error) {
            refused = error
          }
        },
        process(_n, { emit }) {
          kept = emit
        },
      })
    const strict = { ...options, strict: true, seed: 3, bundleSize: 1 }
    await expect(run(p, strict)).rejects.toThrow(/emit was used after its call had ended/)
    expect(refused).toBeInstanceOf(UserCodeError)
  })

  it('gives elements without a grouping the pane that no grouping has made', async () => {
    const p = pipeline()
    p.create('numbers', [1])
      .parDo('see', { output: typed<object>(), process: (_n, { pane, emit }) => emit(pane) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      { isFirst: true, isLast: true, timing: 'unknown', index: 0, nonSpeculativeIndex: 0 },
    ])
  })

  it('drops and counts an element in a gap between windows', async () => {
    const p = pipeline()
    p.create('numbers', [1, 4], { timestamp: (n) => n })
      .windowInto('gaps', slidingWindows(3, { every: 5 }))
      .map('go on', (n) => n)
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual([1])
    expect(result.metrics.counter('droppedWithoutWindow', 'gaps')).toBe(1)
    expect(result.metrics.elements.get('go on.out')).toBe(1)
  })

  it('groups by canonical keys, whatever their shape', async () => {
    const keys = [
      0,
      -0,
      Number.NaN,
      Number.NaN,
      1,
      1n,
      '1',
      true,
      null,
      undefined,
      '',
      '__proto__',
      { x: 1, y: 2 },
      { y: 2, x: 1 },
      [1],
      new Uint8Array([1]),
      'constructor',
    ]
    const p = pipeline()
    p.create(
      'keys',
      keys.map((key) => ({ key })),
    )
      .keyBy('key', ({ key }) => key as never)
      .countPerKey('count')
      .collect('out')
    const counts = (await run(p, options)).collect<{ key: unknown; value: number }>('out')
    expect(counts).toHaveLength(14)
    const countOf = (key: unknown): number | undefined => counts.find((pair) => Object.is(pair.key, key))?.value
    expect([countOf(0), countOf(-0), countOf(Number.NaN), countOf('__proto__')]).toEqual([2, undefined, 2, 1])
    expect(counts.find(({ key }) => typeof key === 'object' && key !== null && 'x' in key)?.value).toBe(2)
  })

  it('refuses keys that cannot be encoded, naming the step', async () => {
    class Point {
      readonly x = 1
    }
    for (const key of [new Point(), () => 1, Symbol('s'), '\ud800', { deep: [new Point()] }]) {
      const p = pipeline()
      p.create('one', [1])
        .keyBy('key', () => key as never)
        .countPerKey('count')
        .collect('out')
      await expect(run(p, options)).rejects.toThrow(/step "(count|key)" failed in addInput|step "count" failed/)
    }
  })

  it('refuses elements that are not keyed where keys are needed', async () => {
    for (const element of [5, null, 'text', { key: 1 }, undefined]) {
      const p = pipeline()
      p.create('odd', [{ element }])
        .map('unwrap', ({ element: inner }) => inner as never)
        .groupByKey('group')
      await expect(run(p, options)).rejects.toThrow(
        /the element is not keyed: a keyed step needs \{ key, value \}|expected .*key/,
      )
    }
  })
})

describe('order', () => {
  inEveryMode((options) => {
    it('keeps the order of elements through fused steps', async () => {
      const p = pipeline()
      p.create('numbers', [1, 2, 3, 4])
        .flatMap('twice', (n) => [n, n])
        .map('same', (n) => n)
        .collect('out')
      expect((await run(p, options)).collect('out')).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    })
  }, orderedModes)
})

it('windows of the global and of fixed windows reach the DoFn as assigned', async () => {
  const p = pipeline()
  p.create('numbers', [kv('a', 3)], { timestamp: () => 13 })
    .windowInto('tens', fixedWindows(10))
    .parDo('see', {
      output,
      process: (_n, { window, emit }) => emit(`${window.start} ${window.end} ${window.maxTimestamp}`),
    })
    .collect('out')
  expect((await run(p)).collect('out')).toEqual(['10 20 19'])
})

function testEnv(): NonNullable<RunOptions['env']> {
  return {
    now: () => 0,
    monotonic: () => performance.now(),
    random: () => 0.5,
    setTimer: (millis, callback) => {
      const handle = setTimeout(callback, millis)
      return { cancel: () => clearTimeout(handle) }
    },
    yield: () => new Promise((resolve) => setImmediate(resolve)),
    print: () => undefined,
    files: undefined,
    crashpoint: () => undefined,
    buggify: () => false,
  }
}
