import { describe, expect, it } from 'vitest'
import {
  type Env,
  fixedWindows,
  OffsetRangeTracker,
  pipeline,
  resume,
  run,
  type RunOptions,
  source,
  type SplittableDoFn,
  splittableParDo,
  start,
  sum,
  typed,
  watermarks,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { inEveryMode } from '../../conformance/support/modes.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

type Range = { readonly from: number; readonly to: number }
type Reader = SplittableDoFn<Uint8Array, Range, OffsetRangeTracker, ReturnType<typeof typed<number>>, undefined>

const range = (to: number, rest: Partial<Reader> & Pick<Reader, 'process'>): Reader => ({
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to }),
  restrictionCodec: typed<Range>(),
  tracker: (restriction) => new OffsetRangeTracker(restriction),
  ...rest,
})

inEveryMode((options) => {
  it('every position is read once, wherever bundles are cut', async () => {
    const p = pipeline()
    p.apply(
      'numbers',
      source(
        range(1000, {
          process(_element, tracker, { emit }) {
            for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i)
          },
        }),
      ),
    ).collect('out')
    const out = (await run(p, options)).collect<number>('out')
    expect([...out].sort((a, b) => a - b)).toEqual(upTo(1000))
  })

  it('what is unusual among many costs no other element its way', async () => {
    const n = 5_000
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('element', ({ element }) => element).collect('bad'))
    p.apply('numbers', source(range(n, { elementAt: (_, i) => i, process: () => undefined })))
      .map('sometimes later', (i) => (i % 97 === 0 ? Promise.resolve(i) : i))
      .map(
        'sometimes never',
        (i) => {
          if (i % 101 === 0) throw new Error('no')
          return i
        },
        { onError: bad },
      )
      .filter('sometimes', (i) => (i % 89 === 0 ? Promise.resolve(i % 2 === 0) : i % 3 !== 0))
      .combineGlobally('sum', sum())
      .collect('out')
    const kept = upTo(n).filter((i) => i % 101 !== 0 && (i % 89 === 0 ? i % 2 === 0 : i % 3 !== 0))
    const result = await run(p, options)
    expect(result.collect('out')).toEqual([kept.reduce((a, b) => a + b, 0)])
    expect([...result.collect<number>('bad/bad')].sort((a, b) => a - b)).toEqual(upTo(n).filter((i) => i % 101 === 0))
  })

  it('a window that nothing reaches has no result', async () => {
    const p = pipeline()
    const numbers = p.apply('numbers', source(range(100, { elementAt: (_, i) => i, process: () => undefined })))
    numbers
      .filter('none', () => false)
      .combineGlobally('sum', sum(), { whenEmpty: 'nothing' })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([])
  })

  it('a source that fails at a position is named', async () => {
    const failing = (rest: Partial<Reader>): Promise<string> => {
      const p = pipeline()
      p.apply('numbers', source(range(100, { elementAt: (_, i) => i, process: () => undefined, ...rest })))
        .map('on', (i) => i)
        .combineGlobally('sum', sum())
        .collect('out')
      return run(p, options).then(
        () => 'succeeded',
        (error: unknown) => `${(error as Error).name}: ${(error as Error).message}`,
      )
    }
    const fail = (): never => {
      throw new Error('disk on fire')
    }
    expect(await failing({ elementAt: (_, i) => (i === 50 ? fail() : i) })).toMatch(
      /^UserCodeError: .*numbers.*elementAt.*disk on fire/s,
    )
    expect(await failing({ timestampAt: (_, i) => (i === 50 ? fail() : i) })).toMatch(
      /^UserCodeError: .*numbers.*disk on fire/s,
    )
  })

  it('elements name the work of a splittable step', async () => {
    const p = pipeline()
    p.create('counts', [3, 0, 5], { timestamp: (n) => n })
      .windowInto('tens', fixedWindows(10))
      .apply(
        'countdown',
        splittableParDo({
          output: typed<string>(),
          bounded: true,
          replayable: true,
          watermark: watermarks.none(),
          restriction: (n: number) => ({ from: 0, to: n }),
          restrictionCodec: typed<Range>(),
          tracker: (restriction) => new OffsetRangeTracker(restriction),
          process(n, tracker, { emit }) {
            for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(`${n}-${i}`)
          },
        }),
      )
      .collect('out')
    const elements = (await run(p, options)).collectWindowed<string>('out')
    expect(elements.map(({ value, timestamp }) => `${value}@${timestamp}`).sort()).toEqual([
      '3-0@3',
      '3-1@3',
      '3-2@3',
      '5-0@5',
      '5-1@5',
      '5-2@5',
      '5-3@5',
      '5-4@5',
    ])
    expect(elements.every(({ window }) => window.end === 10)).toBe(true)
  })

  it('several elements per position and asynchronous reading lose nothing', async () => {
    const p = pipeline()
    p.apply(
      'numbers',
      source(
        range(50, {
          async process(_element, tracker, { emit }) {
            for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) {
              if (i % 10 === 0) await Promise.resolve()
              emit(i * 2)
              emit(i * 2 + 1)
            }
          },
        }),
      ),
    ).collect('out')
    const out = (await run(p, options)).collect<number>('out')
    expect([...out].sort((a, b) => a - b)).toEqual(upTo(100))
  })

  it('a reader that checkpoints itself is called again with what is left', async () => {
    const calls: number[] = []
    const p = pipeline()
    p.apply(
      'numbers',
      source(
        range(30, {
          bounded: false,
          process(_element, tracker, { emit }) {
            const { from } = tracker.currentRestriction()
            calls.push(from)
            for (let i = from; i < from + 7; i++) {
              if (!tracker.tryClaim(i)) return
              emit(i)
            }
            return resume({ after: 1 })
          },
        }),
      ),
    ).collect('out')
    const out = (await run(p, options)).collect<number>('out')
    expect([...out].sort((a, b) => a - b)).toEqual(upTo(30))
    expect(calls.length).toBeGreaterThan(4)
  })

  it('the watermark follows what was observed, at the end of bundles', async () => {
    const p = pipeline()
    p.apply(
      'numbers',
      source(
        range(100, {
          bounded: false,
          watermark: watermarks.outOfOrder(5),
          process(_element, tracker, { emit }) {
            for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i, i)
          },
        }),
      ),
    )
      .windowInto('tens', fixedWindows(10))
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .collect('out')
    const result = await run(p, options)
    const panes = result.collectWindowed<{ value: number }>('out')
    expect(panes).toHaveLength(10)
    expect(panes.every(({ value, pane }) => value.value === 10 && pane.timing === 'onTime' && pane.isLast)).toBe(true)
    expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  })

  it('a manual watermark closes windows while the source goes on', async () => {
    const seen: string[] = []
    const p = pipeline()
    p.apply(
      'numbers',
      source(
        range(40, {
          bounded: false,
          watermark: watermarks.manual(),
          process(_element, tracker, { emit, watermark }) {
            const { from } = tracker.currentRestriction()
            if (!tracker.tryClaim(from)) return
            emit(from, from)
            seen.push(`read ${from}`)
            watermark.set(from + 1)
            return resume()
          },
        }),
      ),
    )
      .windowInto('tens', fixedWindows(10))
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .parDo('see', {
        output: typed<number>(),
        process: (_pair, { window }) => void seen.push(`window ${window.start}`),
      })
    await run(p, options)
    expect(seen.indexOf('window 0')).toBeLessThan(seen.indexOf('read 12'))
    expect(seen.indexOf('window 20')).toBeLessThan(seen.indexOf('read 32'))
    expect(seen.filter((event) => event.startsWith('window'))).toHaveLength(4)
  })

  it('mistakes of readers are errors, not lost data', async () => {
    const failing = (process: Reader['process'], rest: Partial<Reader> = {}): Promise<string> => {
      const p = pipeline()
      p.apply('numbers', source(range(10, { ...rest, process })))
      return run(p, options).then(
        () => 'accepted',
        (error: unknown) => (error as Error).message,
      )
    }
    expect(await failing((_e, tracker) => void tracker.tryClaim(0))).toMatch(
      /step "numbers" failed in tracker\.checkDone: reading stopped at 1 of \[0, 10\): the rest would be lost/,
    )
    expect(
      await failing((_e, tracker) => {
        tracker.tryClaim(5)
        tracker.tryClaim(4)
      }),
    ).toMatch(/step "numbers" failed in process: claim of position 4 goes backwards/)
    expect(await failing((_e, tracker) => void tracker.tryClaim(-3))).toMatch(/goes backwards|lies before the range/)
    expect(await failing((_e, _t, { watermark }) => watermark.set(1))).toMatch(
      /watermark\.set needs watermark: watermarks\.manual\(\)/,
    )
    expect(await failing(() => Promise.reject(new Error('unreachable')))).toMatch(
      /step "numbers" failed in process: unreachable/,
    )
    expect(await failing((_e, _t, { emit }) => emit(1, Number.NaN))).toMatch(/NaN is not a timestamp/)
    expect(await failing(() => undefined, { restriction: () => ({ from: 3, to: 1 }) })).toMatch(
      /offset range \[3, 1\) is upside down/,
    )
    expect(
      await failing(() => undefined, {
        setup: () => {
          throw new Error('no connection')
        },
      }),
    ).toMatch(/step "numbers" failed in setup: no connection/)
  })

  it('sets a reader up once and tears it down, also after a failure', async () => {
    for (const fails of [false, true]) {
      const calls: string[] = []
      const p = pipeline()
      p.apply(
        'numbers',
        source({
          output: typed<number>(),
          bounded: true,
          replayable: true,
          watermark: watermarks.none(),
          restriction: () => ({ from: 0, to: 10 }),
          restrictionCodec: typed<Range>(),
          tracker: (restriction: Range) => new OffsetRangeTracker(restriction),
          setup: ({ step }: { step: string }) => {
            calls.push(`setup ${step}`)
            return { open: true }
          },
          teardown: ({ resource }: { resource: { open: boolean } }) => void calls.push(`teardown ${resource.open}`),
          process(_element, tracker, { emit, resource }) {
            if (fails) throw new Error('broken')
            for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) if (resource.open) emit(i)
          },
        }),
      )
      await run(p, options).catch(() => undefined)
      expect(calls).toEqual(['setup numbers', 'teardown true'])
    }
  })
})

describe('control', () => {
  const endless = (rest: Partial<Reader> = {}) =>
    source(
      range(Number.MAX_SAFE_INTEGER, {
        bounded: false,
        watermark: watermarks.monotonic(),
        process(_element, tracker, { emit }) {
          for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i, i)
        },
        ...rest,
      }),
    )

  it('drain ends an endless source, closes its windows and finishes', async () => {
    const p = pipeline()
    const numbers = p.apply('numbers', endless())
    numbers
      .windowInto('big', fixedWindows('1 day'))
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .collect('out')
    const running = start(p)
    await new Promise((resolve) => setTimeout(resolve, 50))
    running.drain()
    const result = await running.result
    expect(result.state).toBe('DRAINED')
    const counted = result.collect<{ value: number }>('out').reduce((total, { value }) => total + value, 0)
    expect(counted).toBeGreaterThan(0)
    expect(counted).toBe(result.metrics.elements.get('numbers/$read.out'))
  })

  it('drain wakes a source that waits', async () => {
    const p = pipeline()
    p.apply('ticks', endless({ process: () => resume({ after: '1 hour' }) }))
    const running = start(p)
    await new Promise((resolve) => setTimeout(resolve, 20))
    running.drain()
    expect((await running.result).state).toBe('DRAINED')
  })

  it('drain reads what is bounded to its end', async () => {
    const p = pipeline()
    p.create('numbers', upTo(100))
      .map('slow', async (n) => new Promise<number>((resolve) => setTimeout(() => resolve(n), 1)))
      .collect('out')
    const running = start(p, { bundleSize: 10 })
    running.drain()
    expect((await running.result).collect('out')).toHaveLength(100)
  })

  it('cancel stops at once, also in a call that never ends, and tears down', async () => {
    let tornDown = 0
    const p = pipeline()
    p.apply('numbers', endless()).parDo('hangs', {
      process: () => new Promise<void>(() => undefined),
      teardown: () => void tornDown++,
    })
    const running = start(p)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(running.progress().oldestCall).toMatchObject({ step: 'hangs', element: '0' })
    running.cancel()
    expect((await running.result).state).toBe('CANCELLED')
    expect(tornDown).toBe(1)
  })

  it('an abort signal cancels, before the start too', async () => {
    const controller = new AbortController()
    const p = pipeline()
    p.apply('numbers', endless())
    const result = run(p, { signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    expect((await result).state).toBe('CANCELLED')
    expect((await run(p, { signal: AbortSignal.abort() })).state).toBe('CANCELLED')
  })

  it('a busy run lets the process breathe', async () => {
    // A clock that only the elements move: each takes a millisecond.
    let now = 0
    let yieldedAt = 0
    let longest = 0
    const env: Env = {
      ...systemEnv(),
      monotonic: () => now,
      yield: () => {
        longest = Math.max(longest, now - yieldedAt)
        yieldedAt = now
        return Promise.resolve()
      },
    }
    const p = pipeline()
    p.create('numbers', upTo(300)).map('busy', () => now++)
    await run(p, { env })
    longest = Math.max(longest, now - yieldedAt)
    expect(now).toBe(300)
    // 16 elements are processed before the clock is read for the first time.
    expect(longest).toBeLessThanOrEqual(17)
  })

  it('waits on the clock it is given', async () => {
    const sleeps: number[] = []
    let now = 0
    const env: Env = {
      ...systemEnv(),
      monotonic: () => now,
      setTimer: (millis, callback) => {
        sleeps.push(millis)
        now += millis
        const handle = setImmediate(callback)
        return { cancel: () => clearImmediate(handle) }
      },
    }
    const p = pipeline()
    let calls = 0
    p.apply(
      'ticks',
      endless({
        process: (_e, tracker, { emit }) => {
          const { from } = tracker.currentRestriction()
          if (calls++ === 3) return void tracker.tryClaimBlock(from, Number.MAX_SAFE_INTEGER)
          tracker.tryClaim(from)
          emit(from, from)
          return resume({ after: '1 hour' })
        },
      }),
    ).collect('out')
    const options: RunOptions = { env }
    expect((await run(p, options)).collect('out')).toEqual([0, 1, 2])
    expect(sleeps.filter((millis) => millis > 3_500_000)).toHaveLength(3)
  })

  it('options and runners that are not built refuse by name before anything runs', async () => {
    let ran = false
    const p = pipeline()
    p.create('numbers', [1]).map('runs', () => (ran = true))
    const refused = (options: RunOptions): Promise<string> =>
      run(p, options).then(
        () => 'accepted',
        (error: unknown) => `${(error as Error).name}: ${(error as Error).message}`,
      )
    expect(await refused({ workers: 2 })).toMatch(/^UnsupportedFeature: .*workers: 2 is not supported/)
    expect(await refused({ guarantee: 'at-least-once' })).toMatch(
      /^UnsupportedFeature: .*cannot promise at-least-once.*micro-batch/,
    )
    expect(await refused({ guarantee: 'exactly-once' })).toMatch(/^UnsupportedFeature: /)
    expect(await refused({ engine: { environment: 'process' } })).toMatch(/engine is for runners on other engines/)
    expect(await refused({ runner: 'micro-batch', guarantee: 'exactly-once' })).toMatch(/Add checkpoint: '\.\/folder'/)
    expect(await refused({ runner: 'dircet' as never })).toMatch(
      /there is no runner "dircet"\. Did you mean "direct"\?/,
    )
    expect(await refused({ bundleSize: 0 })).toMatch(/bundleSize must be a whole number from 1/)
    expect(await refused({ requireCodecs: true })).toBe('accepted')
    expect(ran).toBe(true)
  })
})
