import { expect, it } from 'vitest'
import {
  type Env,
  fixedWindows,
  pipeline,
  type PipelineResult,
  run,
  type RunOptions,
  start,
  TIMESTAMP_MIN,
  typed,
  watermarks,
} from 'millrace'
import { type Disorder, generateSequence, periodic, replay } from 'millrace/io/generate'
import { nodeEnv } from '../../runners/direct/node.js'

const minute = 60_000
const year2001 = Date.parse('2001-01-01T00:00:00Z')

/** Every way to cut bundles, on both stage compilers. */
const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000, stageCompiler: 'generated' },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

/** A clock that jumps to the next timer whenever the run waits. */
function jumpingEnv(begin: number): Env {
  let clock = begin
  let timers: { readonly at: number; readonly callback: () => void }[] = []
  const fire = (): void => {
    const next = timers.reduce<(typeof timers)[number] | undefined>(
      (best, timer) => (best === undefined || timer.at < best.at ? timer : best),
      undefined,
    )
    if (next === undefined) return
    timers = timers.filter((timer) => timer !== next)
    clock = Math.max(clock, next.at)
    next.callback()
  }
  return {
    ...nodeEnv(),
    now: () => clock,
    monotonic: () => clock - begin,
    setTimer(millis, callback) {
      const timer = { at: clock + millis, callback }
      timers.push(timer)
      setImmediate(fire)
      return {
        cancel: () => {
          timers = timers.filter((each) => each !== timer)
        },
      }
    },
  }
}

const numbers = (result: PipelineResult): readonly number[] => [...result.collect<number>('out')].sort((a, b) => a - b)

const stamps = (result: PipelineResult): readonly (readonly [number, number])[] =>
  [...result.collectWindowed<number>('out')]
    .map(({ value, timestamp }) => [value, timestamp] as const)
    .sort(([a], [b]) => a - b)

it.each(ways)('a bounded sequence has each number once, at the beginning of time: %j', async (way) => {
  const p = pipeline()
  p.apply('numbers', generateSequence({ from: 5, to: 130 })).collect('out')
  const result = await run(p, way)
  expect(numbers(result)).toEqual(Array.from({ length: 125 }, (_, i) => i + 5))
  expect(result.collectWindowed('out').every(({ timestamp }) => timestamp === TIMESTAMP_MIN)).toBe(true)
})

it.each(ways)('a bounded sequence takes its timestamps from a function: %j', async (way) => {
  const p = pipeline()
  p.apply('numbers', generateSequence({ to: 20, timestamp: (n) => new Date(year2001 + n) })).collect('out')
  expect(stamps(await run(p, way))).toEqual(Array.from({ length: 20 }, (_, n) => [n, year2001 + n]))
})

it('an empty sequence is empty', async () => {
  const p = pipeline()
  p.apply('numbers', generateSequence({ from: 3, to: 3 })).collect('out')
  expect(numbers(await run(p))).toEqual([])
})

it.each([
  [{ to: 1.5 }, /whole numbers .* 0 and 1\.5/],
  [{ from: 3, to: 2 }, /3 and 2/],
  [{ from: Number.NaN, to: 2 }, /NaN and 2/],
  [{}, /without `to` would never end/],
  [{ to: 5, disorder: { by: 5 } }, /`disorder` only with a `rate`/],
  [{ rate: { elements: 0, per: '1 second' } }, /more than 0 elements/],
  [{ rate: { elements: 1, per: 0 } }, /at least 1 millisecond/],
  [{ rate: { elements: 1, per: 'soon' } }, /rate\.per of generateSequence "soon" is not a duration/],
  [{ rate: { elements: 1, per: 5 }, disorder: { by: 5, late: 2 } }, /late is a fraction/],
  [{ rate: { elements: 1, per: 5 }, disorder: { by: 5, seed: 0.5 } }, /seed must be a whole number/],
  [{ rate: { elements: 1, per: 5 }, disorder: { by: 5, lateBy: 0 } }, /lateBy must be at least 1/],
])('generateSequence refuses %j', (options, message) => {
  expect(() => generateSequence(options as never)).toThrow(message)
})

it.each(ways)('a streamed sequence of the past comes at once, stamped with when it was due: %j', async (way) => {
  const p = pipeline()
  const rate = { elements: 2, per: '1 second' } as const
  p.apply('numbers', generateSequence({ from: 10, to: 40, rate, start: year2001 })).collect('out')
  expect(stamps(await run(p, way))).toEqual(Array.from({ length: 30 }, (_, i) => [i + 10, year2001 + i * 500]))
})

it('a streamed sequence is unbounded: it cannot be grouped without windows', () => {
  const p = pipeline()
  const rate = { elements: 1, per: 1 } as const
  expect(() => p.apply('numbers', generateSequence({ to: 3, rate })).countPerElement('count')).toThrow(
    /step "count.*" groups an unbounded collection in the global window/,
  )
})

it('elements of a rate come when they are due, not before', async () => {
  const env = jumpingEnv(year2001)
  const p = pipeline()
  p.apply('numbers', generateSequence({ to: 5, rate: { elements: 1, per: '10 seconds' } }))
    .parDo('when', {
      output: typed<readonly [n: number, due: number, now: number]>(),
      process: (n, { timestamp, now, emit }) => emit([n, timestamp - year2001, now - year2001]),
    })
    .collect('out')
  const seen = (await run(p, { env })).collect<readonly [number, number, number]>('out')
  expect(seen.map(([n, due]) => [n, due])).toEqual([0, 1, 2, 3, 4].map((n) => [n, n * 10_000]))
  for (const [, due, now] of seen) expect(now).toBeGreaterThanOrEqual(due)
})

it('an endless sequence drains', async () => {
  const p = pipeline()
  p.apply('numbers', generateSequence({ rate: { elements: 1, per: '1 day' } })).collect('out')
  const running = start(p)
  setTimeout(running.drain, 20)
  const result = await running.result
  expect(result.state).toBe('DRAINED')
  expect(result.collect('out')).toEqual([0])
})

it.each(ways)('periodic gives one element per tick, and windows follow its watermark: %j', async (way) => {
  const p = pipeline()
  p.apply('beat', periodic({ every: '10 seconds', start: year2001, stop: year2001 + 2 * minute + 1 }))
    .collect('out')
    .windowInto('minutes', fixedWindows('1 minute'))
    .keyBy('one', () => 'all')
    .countPerKey('count')
    .collect('counts')
  const result = await run(p, way)
  expect(stamps(result)).toEqual(Array.from({ length: 13 }, (_, i) => [year2001 + i * 10_000, year2001 + i * 10_000]))
  const counts = result.collectWindowed<{ value: number }>('counts')
  expect(counts.map(({ value, pane }) => [value.value, pane.timing])).toEqual([
    [6, 'onTime'],
    [6, 'onTime'],
    [1, 'onTime'],
  ])
})

it('periodic begins with the run unless told otherwise, and ends before stop', async () => {
  const p = pipeline()
  p.apply('beat', periodic({ every: '1 second', stop: year2001 + 3000 })).collect('out')
  const result = await run(p, { env: jumpingEnv(year2001) })
  expect(numbers(result)).toEqual([0, 1, 2].map((i) => year2001 + i * 1000))
})

it('periodic refuses no time between ticks, and an end before its start', () => {
  expect(() => periodic({ every: 0 })).toThrow(/at least 1 millisecond/)
  expect(() => periodic({ every: 5, start: 10, stop: 9 })).toThrow(/stops at 1970.*before it starts/)
})

const disordered = async (disorder: Disorder, way: RunOptions): Promise<PipelineResult> => {
  const p = pipeline()
  p.apply('events', generateSequence({ to: 600, rate: { elements: 1, per: '1 second' }, start: 0, disorder }))
    .collect('out')
    .windowInto('minutes', fixedWindows('1 minute'))
    .keyBy('one', () => 'all')
    .countPerKey('count')
    .collect('counts')
  return run(p, way)
}

it.each(ways)('disorder moves timestamps back by at most what it says, and nothing is lost: %j', async (way) => {
  const result = await disordered({ by: '30 seconds', seed: 3 }, way)
  const delays = stamps(result).map(([n, timestamp]) => n * 1000 - timestamp)
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...delays)).toBeLessThanOrEqual(30_000)
  expect(Math.max(...delays)).toBeGreaterThan(25_000)
  expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  const counted = result.collect<{ value: number }>('counts').reduce((sum, { value }) => sum + value, 0)
  expect(counted).toBe(600)
})

it('late elements are as many as asked for, and the same ones are dropped at any bundle size', async () => {
  const dropped = new Set<number>()
  const seen = new Set<string>()
  for (const way of ways) {
    const result = await disordered({ by: '5 seconds', late: 0.2, lateBy: '2 minutes', seed: 11 }, way)
    dropped.add(result.metrics.counter('droppedDueToLateness'))
    seen.add(JSON.stringify(stamps(result)))
  }
  expect(seen.size).toBe(1)
  expect(dropped.size).toBe(1)
  // A fifth is late, and half of the late ones or more lie in a window that has ended.
  expect([...dropped][0]).toBeGreaterThan(40)
  expect([...dropped][0]).toBeLessThan(140)
})

it('another seed gives another disorder', async () => {
  const [a, b] = [await disordered({ by: 9999, seed: 1 }, {}), await disordered({ by: 9999, seed: 2 }, {})]
  expect(stamps(a)).not.toEqual(stamps(b))
})

interface Click {
  readonly id: number
  readonly at: number
}
const clicks: readonly Click[] = [5, 2, 8, 3, 61, 59, 70, 1, 130].map((seconds, id) => ({ id, at: seconds * 1000 }))

it.each(ways)('a replay keeps order, timestamps and number of elements: %j', async (way) => {
  const p = pipeline()
  p.apply('clicks', replay(clicks, { timestamp: (click) => click.at, watermark: watermarks.none() })).collect('out')
  const out = (await run(p, way)).collectWindowed<Click>('out')
  expect(out.map(({ value }) => value)).toEqual(clicks)
  expect(out.map(({ timestamp }) => timestamp)).toEqual(clicks.map(({ at }) => at))
})

it.each(ways)('a replay that looks ahead is never late: %j', async (way) => {
  const p = pipeline()
  p.apply('clicks', replay(clicks, { timestamp: (click) => click.at }))
    .windowInto('minutes', fixedWindows('1 minute'))
    .keyBy('one', () => 'all')
    .countPerKey('count')
    .collect('out')
  const out = (await run(p, way)).collectWindowed<{ value: number }>('out')
  expect(out.map(({ value, window, pane }) => [window.start, value.value, pane.timing])).toEqual([
    [0, 6, 'onTime'],
    [60_000, 2, 'onTime'],
    [120_000, 1, 'onTime'],
  ])
})

it('a replay that looks ahead closes a window as soon as its last element has come', async () => {
  let passed = 0
  const passedAtFirst: number[] = []
  const p = pipeline()
  p.apply('clicks', replay(clicks, { timestamp: (click) => click.at }))
    .map('pass', (click) => {
      passed++
      return click
    })
    .windowInto('minutes', fixedWindows('1 minute'))
    .keyBy('one', () => 'all')
    .countPerKey('count')
    .map('answer', () => passedAtFirst.push(passed))
  await run(p, { bundleSize: 1 })
  // The eighth element is the last of the first minute, and the only one still missing from the second.
  expect(passedAtFirst).toEqual([8, 8, 9])
})

it('a replay whose watermark trusts order loses what comes behind it', async () => {
  const p = pipeline()
  p.apply('clicks', replay(clicks, { timestamp: (click) => click.at, watermark: watermarks.monotonic() }))
    .windowInto('minutes', fixedWindows('1 minute'))
    .keyBy('one', () => 'all')
    .countPerKey('count')
    .collect('out')
  const result = await run(p, { bundleSize: 1 })
  expect(result.collect<{ value: number }>('out').map(({ value }) => value)).toEqual([4, 2, 1])
  expect(result.metrics.counter('droppedDueToLateness')).toBe(2)
})

it('a replay is unbounded, ends by itself, and may be empty', async () => {
  const p = pipeline()
  const none = p.apply('clicks', replay<Click>([], { timestamp: (click) => click.at })).collect('out')
  expect(() => none.keyBy('id', (click) => click.id).groupByKey('group')).toThrow(/unbounded/)
  expect((await run(p)).collect('out')).toEqual([])
})

it('a replay takes no manual watermark', () => {
  expect(() => replay(clicks, { timestamp: ({ at }) => at, watermark: watermarks.manual() })).toThrow(/no code that/)
})

it('a replay names the element whose timestamp is wrong', () => {
  expect(() => replay(clicks, { timestamp: ({ id }) => (id === 2 ? 'never' : 0) })).toThrow(
    /replay cannot tell the timestamp of element 2, \{ id: 2, at: 8000 \}: "never" is not a timestamp/,
  )
})
