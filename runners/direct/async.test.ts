import { describe, expect, it } from 'vitest'
import { kv, OffsetRangeTracker, pipeline, run, source, state, typed, watermarks } from 'millrace'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
const output = typed<number>()
/** Parts of a DoFn that a case adds. */
type DoFnLike = Partial<Record<'setup' | 'startBundle' | 'finishBundle' | 'teardown', () => Promise<void>>>

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('order', () => {
  inEveryMode((options) => {
    it('outputs leave in input order although later calls end first', async () => {
      const p = pipeline()
      const numbers = p.create('numbers', upTo(20))
      numbers.map('map', (n) => sleep(20 - n).then(() => n)).collect('map out')
      numbers
        .parDo('parDo', {
          output,
          async process(n, { emit }) {
            emit(n)
            await sleep(n % 3)
            emit(n)
          },
        })
        .collect('parDo out')
      numbers.filter('filter', async (n) => sleep(20 - n).then(() => n % 2 === 0)).collect('filter out')
      numbers.flatMap('flatMap', async (n) => sleep(20 - n).then(() => [n, -n])).collect('flatMap out')
      numbers.keyBy('keyBy', async (n) => sleep(20 - n).then(() => n)).collect('keyBy out')
      const result = await run(p, options)
      expect(result.collect('map out')).toEqual(upTo(20))
      expect(result.collect('parDo out')).toEqual(upTo(20).flatMap((n) => [n, n]))
      expect(result.collect('filter out')).toEqual(upTo(20).filter((n) => n % 2 === 0))
      expect(result.collect('flatMap out')).toEqual(upTo(20).flatMap((n) => [n, -n]))
      expect(result.collect('keyBy out')).toEqual(upTo(20).map((n) => kv(n, n)))
    })

    it('synchronous results queue behind pending ones', async () => {
      const p = pipeline()
      p.create('numbers', upTo(10))
        .map('sometimes', (n) => (n % 4 === 0 ? sleep(5).then(() => n) : n))
        .parDo('sometimes too', {
          output,
          process: (n, { emit }) => {
            if (n % 3 !== 0) return emit(n)
            return sleep(3).then(() => emit(n))
          },
        })
        .collect('out')
      expect((await run(p, options)).collect('out')).toEqual(upTo(10))
    })

    it('ordered: false lets outputs leave as they are done', async () => {
      const p = pipeline()
      p.create('numbers', [30, 5])
        .map('as done', (n) => sleep(n).then(() => n), { ordered: false })
        .collect('out')
      const out = (await run(p, { ...options, bundleSize: 10 })).collect('out')
      expect(out).toEqual([5, 30])
    })
  }, orderedModes)
})

inEveryMode((options) => {
  it('never has more calls in flight than the step allows', async () => {
    let inFlight = 0
    let most = 0
    const call = async <T>(value: T): Promise<T> => {
      most = Math.max(most, ++inFlight)
      await sleep(1)
      inFlight--
      return value
    }
    const p = pipeline()
    p.create('numbers', upTo(40))
      .flatMap('twice', (n) => [n, n])
      .map('call', call, { concurrency: 3 })
      .collect('out')
    const result = await run(p, { ...options, bundleSize: 100 })
    expect(result.collect('out')).toHaveLength(80)
    expect(most).toBeLessThanOrEqual(3)
    expect(most).toBeGreaterThan(1)
  })

  it('calls for one key never interleave, those of other keys may', async () => {
    const open = new Set<string>()
    let overlap = 0
    let together = 0
    const p = pipeline()
    p.create(
      'pairs',
      upTo(30).map((n) => kv(n % 3 === 0 ? 'a' : 'b', n)),
    )
      .parDo('stateful', {
        output: typed<string>(),
        state: { sum: state.value(typed<number>(), { initial: 0 }) },
        async process({ key }, { state: { sum }, emit }) {
          if (open.has(key)) overlap++
          if (open.size > 0) together++
          open.add(key)
          const before = sum.read()
          await sleep(1)
          sum.write(before + 1)
          open.delete(key)
          emit(`${key}${sum.read()}`)
        },
      })
      .collect('out')
    const result = await run(p, { ...options, ...(options.strict === true ? {} : { bundleSize: 100 }) })
    expect(overlap).toBe(0)
    if (options.strict !== true) expect(together).toBeGreaterThan(0)
    const out = result.collect<string>('out')
    expect([...out].sort()).toEqual([...upTo(10).map((n) => `a${n + 1}`), ...upTo(20).map((n) => `b${n + 1}`)].sort())
  })

  it('the context stays with the call that has it', async () => {
    const p = pipeline()
    p.create('numbers', upTo(10), { timestamp: (n) => n * 10 })
      .parDo('slow', {
        output: typed<string>(),
        async process(n, context) {
          await sleep((10 - n) % 4)
          context.emit(`${n} at ${context.timestamp}`)
        },
      })
      .collect('out')
    const elements = (await run(p, options)).collectWindowed<string>('out')
    expect(elements.map(({ value, timestamp }) => `${value} = ${timestamp}`).sort()).toEqual(
      upTo(10)
        .map((n) => `${n} at ${n * 10} = ${n * 10}`)
        .sort(),
    )
  })

  it('a bundle ends only when every call has ended, and so does what waits for it', async () => {
    const ended: number[] = []
    const p = pipeline()
    p.create('numbers', upTo(5))
      .parDo('slow', {
        output,
        process: (n, { emit }) =>
          sleep(5).then(() => {
            ended.push(n)
            emit(n)
          }),
        finishBundle: () => void ended.push(-1),
      })
      .countPerElement('count')
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toHaveLength(5)
    let open = 0
    for (const event of ended) {
      if (event === -1) open = 0
      else open++
    }
    expect(open).toBe(0)
  })

  it('a rejected call fails the run, naming its element', async () => {
    const p = pipeline()
    p.create('numbers', upTo(5)).map('fails', async (n) => {
      await sleep(1)
      if (n === 3) throw new Error('three')
      return n
    })
    await expect(run(p, options)).rejects.toThrow(/step "fails" failed in process: three\n {2}element: 3/)
  })

  it('an asynchronous step feeds another one', async () => {
    const p = pipeline()
    p.create('numbers', upTo(50))
      .map('first', (n) => sleep(n % 3).then(() => n + 1), { concurrency: 4 })
      .map('second', (n) => (n % 2 === 0 ? sleep(1).then(() => n * 2) : n * 2), { concurrency: 2 })
      .filter('third', async (n) => Promise.resolve(n % 4 === 0))
      .combineGlobally('sum', { of: (n: number) => n, monoid: { empty: 0, concat: (a, b) => a + b } })
      .collect('out')
    const expected = upTo(50)
      .map((n) => (n + 1) * 2)
      .filter((n) => n % 4 === 0)
      .reduce((a, b) => a + b, 0)
    expect((await run(p, options)).collect('out')).toEqual([expected])
  })

  it('async iterables of flatMap are gathered in order', async () => {
    const p = pipeline()
    p.create('numbers', [1, 2])
      .flatMap('items', async function* (n: number) {
        yield n
        await sleep(1)
        yield n * 10
      })
      .collect('out')
    expect([...(await run(p, options)).collect<number>('out')].sort((a, b) => a - b)).toEqual([1, 2, 10, 20])
  })

  it('thenables that are no promises count as asynchronous', async () => {
    const p = pipeline()
    p.create('numbers', [1, 2])
      .map(
        'thenable',
        (n) =>
          ({
            then: (resolve: (value: number) => void) => setTimeout(() => resolve(n * 2), 1),
          }) as unknown as Promise<number>,
      )
      .collect('out')
    expect([...(await run(p, options)).collect<number>('out')].sort()).toEqual([2, 4])
  })
})

it('a call that never ends fails the run once the call timeout has passed', async () => {
  const p = pipeline()
  p.create('numbers', [41, 42]).map('hangs', (n) => (n === 42 ? new Promise<number>(() => undefined) : n))
  await expect(run(p, { callTimeoutMillis: 50 })).rejects.toThrow(
    /step "hangs" failed in process: the call has not ended after \d+ ms \(call timeout 50 ms\)\n {2}element: 42\n {2}step written at: .*async\.test\.ts:\d+:\d+$/,
  )
})

const never = (): Promise<never> => new Promise(() => undefined)
it.each<[string, DoFnLike]>([
  ['setup', { setup: never }],
  ['startBundle', { startBundle: never }],
  ['finishBundle', { finishBundle: never }],
  ['teardown', { teardown: never }],
])('%s that never ends fails the run as well, and says what it was', async (call, doFn) => {
  const p = pipeline()
  p.create('numbers', [1]).parDo('hangs', { output: typed<number>(), process: () => undefined, ...doFn })
  await expect(run(p, { callTimeoutMillis: 50 })).rejects.toThrow(
    new RegExp(`step "hangs" failed in ${call}: the call has not ended after \\d+ ms`),
  )
})

it('a source whose process never ends fails the run as well', async () => {
  const p = pipeline()
  p.apply(
    'hangs',
    source({
      output: typed<number>(),
      bounded: true,
      replayable: true,
      watermark: watermarks.none(),
      restriction: () => ({ from: 0, to: 1 }),
      restrictionCodec: typed<{ from: number; to: number }>(),
      tracker: (range) => new OffsetRangeTracker(range),
      process: never,
    }),
  )
  await expect(run(p, { callTimeoutMillis: 50 })).rejects.toThrow(/step "hangs" failed in process: the call has not/)
})

it('ten thousand asynchronous calls with a small concurrency all arrive', async () => {
  const p = pipeline()
  p.create('numbers', upTo(10_000))
    .map('call', (n) => Promise.resolve(n), { concurrency: 2 })
    .countPerElement('count')
    .collect('out')
  expect((await run(p)).collect('out')).toHaveLength(10_000)
})
