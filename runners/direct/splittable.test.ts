import { describe, expect, it } from 'vitest'
import {
  type Env,
  fixedWindows,
  flatten,
  metric,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  OneShotTracker,
  pipeline,
  resume,
  run,
  type RunOptions,
  slidingWindows,
  source,
  type SplittableDoFn,
  splittableParDo,
  start,
  type TypeOnly,
  typed,
  UnsplittableRangeTracker,
  watermarks,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

type Reader<E = Uint8Array> = SplittableDoFn<E, OffsetRange, OffsetRangeTracker, TypeOnly<number>, undefined>

const reader = <E = Uint8Array>(to: number, rest: Partial<Reader<E>> = {}): Reader<E> => ({
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to }),
  restrictionCodec: offsetRangeCodec,
  tracker: (range) => new OffsetRangeTracker(range),
  process(_, tracker, { emit }) {
    for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i)
  },
  ...rest,
})

const failure = (result: Promise<unknown>): Promise<string> =>
  result.then(
    () => 'accepted',
    (error: unknown) => (error as Error).message,
  )

const numbers = async (doFn: Reader, options: RunOptions): Promise<number[]> => {
  const p = pipeline()
  p.apply('numbers', source(doFn)).collect('out')
  return sorted((await run(p, options)).collect<number>('out'))
}

describe('splitting', () => {
  it.each(upTo(40))('what strict mode splits is read once, seed %i', async (seed) => {
    const options: RunOptions = { strict: true, seed }
    const split = (_: unknown, { from, to }: OffsetRange): readonly OffsetRange[] => {
      const middle = from + Math.floor((to - from) / 3)
      return [
        { from, to: middle },
        { from: middle, to },
      ]
    }
    expect(await numbers(reader(500), options)).toEqual(upTo(500))
    expect(await numbers(reader(500, { split }), options)).toEqual(upTo(500))
    expect(await numbers(reader(500, { split, bounded: false }), options)).toEqual(upTo(500))
    expect(await numbers(reader(500, { elementAt: (_, i) => i }), options)).toEqual(upTo(500))
  })

  it('cuts restrictions in the middle, and before they are read', async () => {
    const ranges: OffsetRange[] = []
    const parts: number[] = []
    for (const seed of upTo(20)) {
      await numbers(
        reader(300, {
          tracker: (range) => {
            ranges.push(range)
            return new OffsetRangeTracker(range)
          },
          split: (_, range, count) => {
            parts.push(count)
            return [range]
          },
        }),
        { strict: true, seed },
      )
    }
    // A part that begins behind another one's end, and one that ends before the end.
    expect(ranges.some(({ to }) => to < 300)).toBe(true)
    expect(new Set(parts).size).toBeGreaterThan(2)
  })

  it.each(upTo(10))('a tracker that refuses goes on alone, seed %i', async (seed) => {
    const p = pipeline()
    const doFn = reader(200, { tracker: (range) => new UnsplittableRangeTracker(range) })
    p.apply('numbers', source(doFn)).collect('out')
    expect((await run(p, { strict: true, seed })).collect('out')).toEqual(upTo(200))
    const oneShot = pipeline()
    oneShot
      .apply(
        'once',
        source({
          output: typed<number>(),
          bounded: true,
          replayable: true,
          watermark: watermarks.none(),
          restriction: () => 100,
          restrictionCodec: typed<number>(),
          tracker: (count) => new OneShotTracker(count),
          process(_, tracker, { emit }) {
            if (tracker.tryClaim()) for (const i of upTo(tracker.currentRestriction())) emit(i)
          },
        }),
      )
      .collect('out')
    expect((await run(oneShot, { strict: true, seed })).collect('out')).toEqual(upTo(100))
  })

  it('progress that is none fails the step', async () => {
    class Broken extends OffsetRangeTracker {
      override progress() {
        return { completed: 0, remaining: Number.NaN }
      }
    }
    const messages = await Promise.all(
      upTo(10).map((seed) =>
        failure(numbers(reader(500, { tracker: (range) => new Broken(range) }), { strict: true, seed })),
      ),
    )
    expect(
      messages.some((text) => /remaining of tracker\.progress\(\) must be a number from 0, but is NaN/.test(text)),
    ).toBe(true)
  })
})

inEveryMode((options) => {
  it('98,000 positions in uneven blocks of three claims each come once, bounded and not', async () => {
    for (const bounded of [true, false]) {
      const p = pipeline()
      p.apply(
        'blocks',
        source({
          ...reader(98_000, { bounded }),
          metrics: { claimed: metric.counter() },
          process(_: Uint8Array, tracker: OffsetRangeTracker, { emit, metrics }) {
            let { from } = tracker.currentRestriction()
            for (let claims = 0; claims < 3; claims++) {
              const asked = 1 + (from % 977)
              const granted = tracker.tryClaimBlock(from, asked)
              metrics.claimed.inc(granted)
              for (let i = 0; i < granted; i++) emit(from + i)
              from += granted
              if (granted < asked) return
            }
            return resume()
          },
        }),
      ).collect('out')
      const result = await run(p, options)
      const out = result.collect<number>('out')
      expect([out.length, new Set(out).size, Math.max(...new Set(out))]).toEqual([98_000, 98_000, 97_999])
      expect(result.metrics.get('blocks', 'claimed')).toBe(98_000)
    }
  })

  it('mistakes with claims are named', async () => {
    const failing = (process: Reader['process']): Promise<string> => failure(numbers(reader(10, { process }), options))
    expect(
      await failing((_, tracker, { emit }) => {
        while (tracker.tryClaim(tracker.progress().completed));
        emit(99)
      }),
    ).toMatch(/step "numbers" failed in process: emit\(99\) after a claim was refused/)
    expect(await failing((_, tracker) => void tracker.tryClaim(0))).toMatch(/failed in tracker\.checkDone/)
    const manual = (process: Reader['process']): Promise<string> =>
      failure(numbers(reader(10, { process, watermark: watermarks.manual() }), options))
    expect(
      await manual((_, tracker, { watermark }) => {
        tracker.tryClaim(10)
        watermark.set(20)
        watermark.set(10)
      }),
    ).toMatch(/step "numbers" failed in process: watermark\.set\(.*\) goes back/)
    expect(
      await failing((_, tracker, context) => void (tracker.tryClaim(10), context.acknowledge(() => undefined))),
    ).toMatch(/acknowledges: true/)
    expect(
      await failing((_, tracker, context) => void (tracker.tryClaim(10), context.afterCommit(() => undefined))),
    ).toMatch(/bundleFinalizer: true/)
  })

  it('an estimator remembers over checkpoints what it knew', async () => {
    const p = pipeline()
    const doFn = reader(6, {
      bounded: false,
      watermark: watermarks.manual(),
      process(_, tracker, { emit, watermark }) {
        const { from } = tracker.currentRestriction()
        // Set once, in the first call; later ones go back behind it.
        if (from === 0) watermark.set(100)
        else if (from < 5) expect(() => watermark.set(50)).toThrow(/goes back/)
        if (!tracker.tryClaim(from)) return
        emit(from, 100 + from)
        return resume()
      },
    })
    p.apply('numbers', source(doFn)).collect('out')
    expect(sorted((await run(p, options)).collect<number>('out'))).toEqual(upTo(6))
  })

  it('side inputs are read in the window of the work, also after checkpoints', async () => {
    const p = pipeline()
    const letters = p
      .create('letters', [0, 4], { timestamp: (n) => n })
      .windowInto('fours', fixedWindows(4))
      .map('letter', (n) => `s${n}`)
      .asSingleton('letter of four')
    p.create('starts', [0, 1, 2, 5, 6], { timestamp: (n) => n })
      .windowInto('twos', fixedWindows(2))
      .apply(
        'read',
        splittableParDo({
          output: typed<string>(),
          bounded: true,
          replayable: true,
          watermark: watermarks.none(),
          sides: { letters },
          restriction: () => ({ from: 0, to: 3 }),
          restrictionCodec: offsetRangeCodec,
          tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
          process(n: number, tracker, { sides, emit }) {
            const { from } = tracker.currentRestriction()
            if (!tracker.tryClaim(from)) return
            emit(`${n}:${from}:${sides.letters}`)
            return resume()
          },
        }),
      )
      .collect('out')
    const out = [...(await run(p, options)).collect<string>('out')].sort()
    expect(out).toEqual([0, 1, 2, 5, 6].flatMap((n) => upTo(3).map((i) => `${n}:${i}:s${n < 4 ? 0 : 4}`)))
  })

  it('several outputs go where their tags say', async () => {
    const p = pipeline()
    const { even, odd } = p.create('counts', [10]).apply(
      'read',
      splittableParDo({
        outputs: { even: typed<number>(), odd: typed<string>() },
        bounded: true,
        replayable: true,
        watermark: watermarks.none(),
        restriction: (n: number) => ({ from: 0, to: n }),
        restrictionCodec: offsetRangeCodec,
        tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
        process(_, tracker, { emit }) {
          for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) {
            if (i % 2 === 0) emit.even(i)
            else emit.odd(`o${i}`, 7)
          }
        },
      }),
    )
    even.map('half', (n) => n / 2).collect('even')
    odd.collect('odd')
    const result = await run(p, options)
    expect(sorted(result.collect<number>('even'))).toEqual([0, 1, 2, 3, 4])
    expect([...result.collect<string>('odd')].sort()).toEqual(['o1', 'o3', 'o5', 'o7', 'o9'])
    expect(result.collectWindowed('odd').every(({ timestamp }) => timestamp === 7)).toBe(true)
    expect(result.metrics.elements.get('read/$read.even')).toBe(5)
    expect(result.metrics.elements.get('read/$read.odd')).toBe(5)
  })

  it('work keeps timestamp and windows of what names it, in each of them when it looks', async () => {
    const windows = async (doFn: Partial<Reader<number>>): Promise<readonly string[]> => {
      const p = pipeline()
      p.create('one', [5], { timestamp: (n) => n })
        .windowInto('sliding', slidingWindows(10, { every: 5 }))
        .apply('read', splittableParDo(reader<number>(2, doFn)))
        .collect('out')
      const out = (await run(p, options)).collectWindowed<number>('out')
      return out.map(({ value, timestamp, window }) => `${value}@${timestamp} ${window.start}`).sort()
    }
    const all = ['0@5 0', '0@5 5', '1@5 0', '1@5 5']
    expect(await windows({})).toEqual(all)
    const seen: number[] = []
    const looking: Reader<number>['process'] = (_, tracker, { emit, window }) => {
      for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) {
        seen.push(window.start)
        emit(i)
      }
    }
    expect(await windows({ perWindow: true, process: looking })).toEqual(all)
    expect(sorted(seen)).toEqual([0, 0, 5, 5])
    expect(await failure(windows({ process: looking }))).toMatch(/is in 2 windows.*Declare perWindow: true/)
  })

  it('10,000 self-checkpoints pass in a row', async () => {
    const doFn = reader(10_000, {
      bounded: false,
      process(_, tracker, { emit }) {
        const { from } = tracker.currentRestriction()
        if (!tracker.tryClaim(from)) return
        emit(from)
        return resume()
      },
    })
    expect(await numbers(doFn, options)).toEqual(upTo(10_000))
  })

  it('late elements pass, and the grouping after the step drops them', async () => {
    const p = pipeline()
    p.apply('events', testStream<number>().add(at(1, 1)).advanceWatermarkTo(50).add(at(2, 2)).end())
      .windowInto('tens', fixedWindows(10))
      .apply('twice', splittableParDo(reader<number>(2)))
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual([{ key: 'all', value: 2 }])
    // Both of the late one; combined into one before the grouping where combining is lifted.
    expect(result.metrics.counter('droppedDueToLateness')).toBeGreaterThan(0)
    expect(result.metrics.elements.get('twice/$read.out')).toBe(4)
  })
})

describe('time', () => {
  it('a delay is waited for on the clock of the script, while others go on', async () => {
    const events: string[] = []
    const p = pipeline()
    const script = testStream<number>()
      .add(at(0, 3))
      .advanceProcessingTime(500)
      .add(at(0, 1))
      .advanceProcessingTime(500)
    p.apply('events', script.end())
      .apply(
        'slow',
        splittableParDo(
          reader<number>(2, {
            bounded: false,
            process(n, tracker, { now, emit }) {
              const { from } = tracker.currentRestriction()
              events.push(`${n}.${from} at ${now()}`)
              if (!tracker.tryClaim(from)) return
              emit(from)
              return resume({ after: '1 second' })
            },
          }),
        ),
      )
      .collect('out')
    expect((await run(p)).collect('out')).toHaveLength(4)
    expect(events).toEqual(['3.0 at 0', '1.0 at 500', '3.1 at 1000', '1.1 at 1500'])
  })

  const world = (): { env: Env; now: () => number } => {
    let now = 0
    const env: Env = {
      ...systemEnv(),
      now: () => now,
      monotonic: () => now,
      setTimer: (millis, callback) => {
        // Only waits of the run move the clock; the watchdog's are a second and more.
        const handle = setImmediate(() => {
          if (millis < 1000) now += Math.max(1, millis)
          callback()
        })
        return { cancel: () => clearImmediate(handle) }
      },
    }
    return { env, now: () => now }
  }

  it.each([
    ['wallClock', watermarks.wallClock({ delay: 5 })],
    ['idle', watermarks.monotonic({ idleAfter: 100 })],
  ])('a quiet source does not hold up the others: %s', async (_name, watermark) => {
    const { env } = world()
    const p = pipeline()
    const seen: string[] = []
    const quiet = reader(1, {
      bounded: false,
      watermark,
      process(_, tracker, { now }) {
        if (now() < 2000) return resume({ after: 50 })
        seen.push('quiet ends')
        tracker.tryClaim(1)
        return undefined
      },
    })
    const busy = reader(3, {
      bounded: false,
      watermark: watermarks.monotonic(),
      process(_, tracker, { emit }) {
        for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i, i * 10)
      },
    })
    flatten('both', [p.apply('quiet', source(quiet)), p.apply('busy', source(busy))])
      .windowInto('tens', fixedWindows(10))
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .parDo('see', { process: (_pair, { window }) => void seen.push(`window ${window.start}`) })
    await run(p, { env })
    expect(seen).toEqual(['window 0', 'window 10', 'window 20', 'quiet ends'])
  })

  it('backlog and skew are there to be seen, while it runs and afterwards', async () => {
    const p = pipeline()
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const stamped = reader(30, {
      bounded: false,
      size: (_, { from, to }) => (to - from) * 2,
      process(_, tracker, { emit, now }) {
        const { from } = tracker.currentRestriction()
        if (!tracker.tryClaim(from)) return
        emit(from, now() - 5000)
        return resume()
      },
    })
    p.apply('stamped', source(stamped)).map('slow', async (n) => (n === 10 ? gate.then(() => n) : n))
    const running = start(p)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const [reading] = running.progress().sources
    expect(reading?.step).toBe('stamped')
    expect(reading?.backlog).toBe(40)
    expect(reading?.skewMillis).toBeGreaterThanOrEqual(5000)
    release()
    const { metrics } = await running.result
    expect(metrics.sources).toMatchObject([{ step: 'stamped', backlog: 0 }])
    expect(metrics.sources[0]?.skewMillisMax).toBeGreaterThanOrEqual(5000)
  })

  it.each([Number.NaN, -1, '5' as never])('a size of %s fails the step', async (size) => {
    expect(await failure(numbers(reader(10, { size: () => size }), {}))).toMatch(
      /step "numbers" failed in size: the size must be a number from 0/,
    )
  })
})

describe('drain', () => {
  /** Emits a position for each call, and is drained at the third. */
  const drained = async (doFn: Partial<Reader>): Promise<number[]> => {
    const p = pipeline()
    let drain = (): void => undefined
    const stepwise: Reader['process'] = (_, tracker, { emit }) => {
      const { from } = tracker.currentRestriction()
      if (from === 3) drain()
      if (!tracker.tryClaim(from)) return
      emit(from)
      return resume()
    }
    p.apply('numbers', source(reader(20, { process: stepwise, ...doFn }))).collect('out')
    const running = start(p)
    drain = running.drain
    const result = await running.result
    expect(result.state).toBe('DRAINED')
    const read = sorted(result.collect<number>('out'))
    expect(result.metrics.sources[0]?.backlog, 'what was not read').toBe(20 - read.length)
    return read
  }

  it('reads what is bounded to its end', async () => expect(await drained({})).toEqual(upTo(20)))
  it('ends what is not', async () => expect(await drained({ bounded: false })).toEqual(upTo(4)))
  it('does of it what truncate says, once', async () => {
    const half = (_: unknown, { from, to }: OffsetRange): OffsetRange => ({
      from,
      to: from + Math.floor((to - from) / 2),
    })
    expect(await drained({ truncate: half })).toEqual(upTo(12))
    expect(await drained({ truncate: half, bounded: false })).toEqual(upTo(12))
  })
  it('does nothing more when truncate says so', async () =>
    expect(await drained({ truncate: () => undefined })).toEqual(upTo(4)))
})

it('a declaration that contradicts itself is refused where it stands', () => {
  const p = pipeline()
  const view = p.create('limits', [1]).asSingleton('limit')
  const refused = (doFn: object): (() => unknown) => {
    return () => p.impulse(`i${Math.random()}`).apply(`s${Math.random()}`, splittableParDo(doFn as never))
  }
  expect(refused({ ...reader(1), outputs: { a: typed<number>() } })).toThrow(/both output and outputs/)
  expect(refused({ ...reader(1), output: undefined, outputs: {} })).toThrow(/without any tag/)
  expect(refused({ ...reader(1), bounded: undefined })).toThrow(/Declare bounded/)
  expect(refused({ ...reader(1), watermark: undefined })).toThrow(/Declare watermark/)
  expect(refused({ ...reader(1), tracker: undefined })).toThrow(/function tracker/)
  expect(refused({ ...reader(1), sides: { view }, perWindow: false })).toThrow(/Leave perWindow out/)
  expect(refused({ ...reader(1), sides: { view }, elementAt: () => 1 })).toThrow(/has elementAt/)
  expect(refused({ ...reader(1), acknowledges: true, elementAt: () => 1 })).toThrow(/has elementAt/)
})

it('setup and teardown may be asynchronous, and are a pair', async () => {
  const calls: string[] = []
  const p = pipeline()
  p.apply(
    'numbers',
    source({
      output: typed<number>(),
      bounded: true,
      replayable: true,
      watermark: watermarks.none(),
      restrictionCodec: offsetRangeCodec,
      tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
      setup: async () => {
        await Promise.resolve()
        calls.push('setup')
        return { n: 7 }
      },
      teardown: async ({ resource }: { resource: { n: number } }) => {
        await Promise.resolve()
        calls.push(`teardown ${resource.n}`)
      },
      restriction: (_: Uint8Array, { resource }) => ({ from: 0, to: resource.n }),
      process(_: Uint8Array, tracker: OffsetRangeTracker, { emit, resource }) {
        for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i * resource.n)
      },
    }),
  ).collect('out')
  expect((await run(p)).collect('out')).toHaveLength(7)
  expect(calls).toEqual(['setup', 'teardown 7'])
})
