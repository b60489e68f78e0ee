import { describe, expect, it } from 'vitest'
import {
  type Env,
  fixedWindows,
  flatten,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  pipeline,
  readFrom,
  run,
  type RunOptions,
  source,
  splittableParDo,
  start,
  state,
  typed,
  watermarks,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { type RedeliveringSource, redeliveringSource } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b)
const range = {
  restrictionCodec: typed<{ from: number; to: number }>(),
  tracker: (r: Range) => new OffsetRangeTracker(r),
}
type Range = { readonly from: number; readonly to: number }
const atLeastOnce = { guarantee: 'at-least-once' } as const

/** Keeps what is written, and checks that nothing is acknowledged before all of it is written. */
class Sink {
  readonly written = new Set<number>()
  readonly #broker: RedeliveringSource<number>
  readonly tooEarly: number[] = []

  constructor(broker: RedeliveringSource<number>) {
    this.#broker = broker
  }

  write(n: number): void {
    if (this.#broker.acknowledged.includes(n) && !this.written.has(n)) this.tooEarly.push(n)
    this.written.add(n)
  }
}

/** A program with everything that can lie between a source and a sink. */
function program(broker: RedeliveringSource<number>, sink: Sink, fail: (where: string) => void): Pipeline {
  const p = pipeline()
  const bad = p.errors('bad', (letters) =>
    letters.reshuffle('letters apart').map('write letter', ({ element }) => {
      fail('letter')
      sink.write(element as number)
    }),
  )
  const factor = p.create('factor', [1]).asSingleton('one')
  const write = (input: PCollection<number>, name: string): unknown =>
    input.parDo(name, {
      async process(n) {
        await Promise.resolve()
        fail('write')
        if (n % 7 !== 0) sink.write(n)
      },
    })
  const read = p.apply('read', broker.read())
  const [even, odd] = read
    .map(
      'check',
      (n) => {
        if (n % 7 === 0) throw new Error('every seventh')
        return n
      },
      { onError: bad },
    )
    .partition('parity', 2, (n) => n % 2)
  const twice = even
    .reshuffle('apart')
    .parDo('with a view', {
      output: typed<number>(),
      sides: { factor },
      process: (n, { sides, emit }) => emit(n * sides.factor),
    })
    .apply(
      'once each',
      splittableParDo({
        ...range,
        output: typed<number>(),
        bounded: true,
        replayable: true,
        watermark: watermarks.none(),
        restriction: (): Range => ({ from: 0, to: 1 }),
        process(n: number, tracker, { emit }) {
          fail('split')
          if (tracker.tryClaim(0)) emit(n)
        },
      }),
    )
  write(flatten('all', [twice, odd]), 'write')
  return p
}

inEveryMode((options) => {
  it('acknowledges everything, each after it has been written', async () => {
    const broker = redeliveringSource(upTo(100))
    const sink = new Sink(broker)
    const result = await run(
      program(broker, sink, () => undefined),
      { ...options, ...atLeastOnce },
    )
    expect(result.state).toBe('DONE')
    expect(sorted(broker.acknowledged)).toEqual(upTo(100))
    expect(sorted(sink.written)).toEqual(upTo(100))
    expect(sink.tooEarly).toEqual([])
    expect(broker.history.filter(({ kind }) => kind === 'delivered')).toHaveLength(100)
  })

  it.each(['write', 'split', 'letter'])('loses nothing when "%s" fails in the middle, at any point', async (where) => {
    for (const after of [0, 1, 3, 7]) {
      const broker = redeliveringSource(upTo(60))
      const sink = new Sink(broker)
      let until = after
      const failing = program(broker, sink, (at) => {
        if (at === where && until-- === 0) throw new Error('the world ends')
      })
      await expect(run(failing, { ...options, ...atLeastOnce })).rejects.toThrow(/the world ends/)
      for (const n of broker.acknowledged) expect(sink.written).toContain(n)
      await run(
        program(broker, sink, () => undefined),
        { ...options, ...atLeastOnce },
      )
      expect(sorted(broker.acknowledged)).toEqual(upTo(60))
      expect(sorted(sink.written)).toEqual(upTo(60))
      expect(sink.tooEarly).toEqual([])
    }
  })

  it('loses nothing when the source breaks, and asks for nothing twice that was acknowledged', async () => {
    const broker = redeliveringSource(upTo(60))
    const sink = new Sink(broker)
    for (const deliveries of [0, 5, 17]) {
      broker.failAfter(deliveries)
      await expect(
        run(
          program(broker, sink, () => undefined),
          { ...options, ...atLeastOnce },
        ),
      ).rejects.toThrow(/broke/)
    }
    await run(
      program(broker, sink, () => undefined),
      { ...options, ...atLeastOnce },
    )
    expect(sorted(sink.written)).toEqual(upTo(60))
    const done = new Set<number>()
    for (const { kind, record } of broker.history) {
      if (kind === 'acknowledged') done.add(record)
      else expect(done).not.toContain(record)
    }
  })
})

describe('a run that ends in the middle', () => {
  it.each(upTo(12).map((n) => n * 4))('by cancel after %i records loses nothing', async (after) => {
    const broker = redeliveringSource(upTo(60))
    const sink = new Sink(broker)
    let cancel = (): void => undefined
    let until = after
    const running = start(
      program(broker, sink, (at) => at === 'write' && until-- === 0 && cancel()),
      {
        ...atLeastOnce,
        bundleSize: 7,
      },
    )
    cancel = running.cancel
    expect((await running.result).state).toBe('CANCELLED')
    for (const n of broker.acknowledged) expect(sink.written).toContain(n)
    await run(
      program(broker, sink, () => undefined),
      atLeastOnce,
    )
    expect(sorted(sink.written)).toEqual(upTo(60))
    expect(broker.unacknowledged).toEqual([])
  })

  it.each(['source.acknowledge', 'source.acknowledged'])('by a crash at %s loses nothing', async (edge) => {
    for (const nth of [0, 1, 4]) {
      const broker = redeliveringSource(upTo(60))
      const sink = new Sink(broker)
      let until = nth
      const env: Env = {
        ...systemEnv(),
        crashpoint: (name) => {
          if (name === edge && until-- === 0) throw new Error('crash')
        },
      }
      const options: RunOptions = { ...atLeastOnce, bundleSize: 7, env }
      await expect(
        run(
          program(broker, sink, () => undefined),
          options,
        ),
      ).rejects.toThrow(/crash/)
      await run(
        program(broker, sink, () => undefined),
        atLeastOnce,
      )
      expect(sorted(sink.written)).toEqual(upTo(60))
    }
  })
})

it('acknowledgement that fails is reported, and the records come again', async () => {
  const lines: string[] = []
  const broker = redeliveringSource(upTo(20), { redeliverAfter: 5 })
  broker.failAcknowledgementAfter(1)
  const sink = new Sink(broker)
  const env: Env = { ...systemEnv(), print: (line) => void lines.push(line) }
  await run(
    program(broker, sink, () => undefined),
    { ...atLeastOnce, bundleSize: 5, env },
  )
  expect(lines).toEqual([expect.stringMatching(/^step "read" failed in acknowledge, and the run goes on: .*broke/)])
  expect(sorted(broker.acknowledged)).toEqual(upTo(20))
  expect(broker.history.filter(({ kind }) => kind === 'delivered').length).toBeGreaterThan(20)
})

it('what waits for a side input holds up its own acknowledgement, and no later one for ever', async () => {
  const acknowledged: number[] = []
  const order: string[] = []
  const p = pipeline()
  const stamped = (to: number) =>
    readFrom({
      output: typed<number>(),
      bounded: false,
      replayable: false,
      watermark: watermarks.monotonic(),
      open: () => {
        let next = 0
        return {
          read: () => (next < to ? { value: next, timestamp: next++ } : 'end'),
          mark: () => next,
        }
      },
      acknowledge: (mark: number) => {
        acknowledged.push(mark)
        order.push(`ack ${mark}`)
      },
    })
  // One position a turn, so that the view's windows become complete long after the elements have come.
  const view = p
    .apply(
      'slow',
      source({
        ...range,
        output: typed<number>(),
        bounded: true,
        replayable: true,
        watermark: watermarks.monotonic(),
        restriction: (): Range => ({ from: 0, to: 200 }),
        process(_, tracker, { emit }) {
          const { from } = tracker.currentRestriction()
          if (!tracker.tryClaim(from)) return undefined
          emit(from, from)
          return { kind: 'resume', delayMillis: 0 }
        },
      }),
    )
    .windowInto('view windows', fixedWindows(10))
    .asList('list')
  p.apply('main', stamped(100))
    .windowInto('tens', fixedWindows(10))
    .parDo('read view', { sides: { view }, process: (n) => void order.push(`write ${n}`) })
  await run(p, { ...atLeastOnce, bundleSize: 10 })
  expect(acknowledged.at(-1)).toBe(100)
  expect(acknowledged.length).toBe(10)
  for (const mark of acknowledged) expect(order.indexOf(`write ${mark - 1}`)).toBeLessThan(order.indexOf(`ack ${mark}`))
  // The first bundle is acknowledged while later ones still wait.
  expect(order.indexOf('ack 10')).toBeLessThan(order.indexOf('write 50'))
})

it('an endless source is acknowledged as it goes', async () => {
  let acknowledged = 0
  const p = pipeline()
  const endless = readFrom({
    output: typed<number>(),
    bounded: false,
    replayable: false,
    watermark: watermarks.none(),
    open: () => {
      let next = 0
      return { read: () => ({ value: next++ }), mark: () => next }
    },
    acknowledge: (mark: number) => {
      acknowledged = mark
      if (mark > 5000) running.drain()
    },
  })
  p.apply('endless', endless).map('on', (n) => n)
  const running = start(p, atLeastOnce)
  expect((await running.result).state).toBe('DRAINED')
  expect(acknowledged).toBeGreaterThan(5000)
})

it('without the promise a source is acknowledged when its bundle is committed', async () => {
  const broker = redeliveringSource(upTo(20))
  const p = pipeline()
  p.apply('read', broker.read())
    .windowInto('days', fixedWindows('1 day'))
    .keyBy('all', () => 'all')
    .countPerKey('count')
    .collect('out')
  expect((await run(p)).collect('out')).toEqual([{ key: 'all', value: 20 }])
  expect(broker.unacknowledged).toEqual([])
})

describe('is refused by name', () => {
  const refused = async (build: (p: Pipeline, read: PCollection<number>) => unknown): Promise<string> => {
    const p = pipeline()
    build(p, p.apply('read', redeliveringSource([1]).read()))
    return run(p, atLeastOnce).then(
      () => 'accepted',
      (error: unknown) =>
        `${(error as Error).name} ${(error as { feature?: string }).feature}: ${(error as Error).message}`,
    )
  }
  it.each<[string, (p: Pipeline, read: PCollection<number>) => unknown, RegExp]>([
    [
      'where elements are grouped',
      (_, read) =>
        read
          .windowInto('d', fixedWindows('1 day'))
          .keyBy('k', () => 'a')
          .groupByKey('group'),
      /step "group" groups elements.*'micro-batch' with a checkpoint/,
    ],
    [
      'where they are combined',
      (_, read) =>
        read
          .windowInto('d', fixedWindows('1 day'))
          .keyBy('k', () => 'a')
          .countPerKey('count'),
      /step "count" groups elements/,
    ],
    [
      'where there is state',
      (_, read) =>
        read
          .keyBy('k', () => 'a')
          .parDo('stateful', { state: { n: state.value(typed<number>()) }, process: () => undefined }),
      /step "stateful" has state or timers/,
    ],
    [
      'where a source cannot acknowledge',
      (p) => p.create('other', [1]).collect('out'),
      /step "other" cannot acknowledge/,
    ],
    [
      'where such a source is mixed in',
      (p, read) => flatten('both', [read, p.create('other', [1])]).collect('out'),
      /step "other" cannot acknowledge/,
    ],
    [
      'where elements are kept as a side input',
      (_, read) => {
        const tens = read.windowInto('tens', fixedWindows(10))
        return tens.parDo('look', { sides: { all: tens.asList('all') }, process: () => undefined })
      },
      /step "look" keeps elements of the acknowledging source/,
    ],
    [
      'where work on an element never ends',
      (_, read) =>
        read.apply(
          'follow',
          splittableParDo({
            ...range,
            output: typed<number>(),
            bounded: false,
            replayable: true,
            watermark: watermarks.none(),
            restriction: (n: number): Range => ({ from: 0, to: n }),
            process: () => undefined,
          }),
        ),
      /step "follow" never ends its work/,
    ],
  ])('%s', async (_name, build, message) => {
    const text = await refused(build)
    expect(text).toMatch(/^UnsupportedFeature guarantee\.atLeastOnce: /)
    expect(text).toMatch(message)
  })
})
