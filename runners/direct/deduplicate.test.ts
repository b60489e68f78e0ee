import fc from 'fast-check'
import { expect, expectTypeOf, it } from 'vitest'
import {
  deduplicate,
  fixedWindows,
  kv,
  type PCollection,
  pipeline,
  retracting,
  run,
  type RunOptions,
  sessionWindows,
  sum,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

interface Click {
  readonly id: string
  readonly at: number
}

/** The clicks that come out, of those in this order. */
async function once(clicks: readonly Click[], within: number, options: RunOptions = {}): Promise<readonly Click[]> {
  const p = pipeline()
  const clicked = p.create('clicks', clicks).withTimestamps('at', (click) => click.at)
  const out = clicked.apply('once', deduplicate({ by: ({ id }) => id, within, timeDomain: 'eventTime' }))
  expectTypeOf(out).toEqualTypeOf<PCollection<Click>>()
  out.collect('out')
  return (await run(p, options)).collect<Click>('out')
}

/** The law: what comes out is never nearer, and what does not has one that is. */
function expectLaw(all: readonly Click[], out: readonly Click[], within: number): void {
  const isNear = (a: Click, b: Click): boolean => a.id === b.id && Math.abs(a.at - b.at) < within
  out.forEach((a, i) => expect(out.filter((b, j) => j !== i && isNear(a, b))).toEqual([]))
  for (const click of all) expect(out.some((other) => isNear(click, other))).toBe(true)
}

inEveryMode((options) => {
  it('leaves out what comes again within a while of event time, in whatever order', async () => {
    const times = [0, 50, 60, 119, 120, 30, 10]
    const clicks = times.flatMap((time) => [
      { id: 'a', at: time },
      { id: `b${time}`, at: time },
    ])
    const out = await once(clicks, 60, options)
    expectLaw(clicks, out, 60)
    expect(out.filter(({ id }) => id !== 'a')).toHaveLength(times.length)
  })

  it('lets an id pass again when the runner’s clock has gone on so far', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<string>()
        .add(at(1, 'x'))
        .advanceProcessingTime(9)
        .add(at(2, 'x'))
        .add(at(2, 'y'))
        .advanceProcessingTime(1)
        .add(at(3, 'x'))
        .add(at(4, 'y'))
        .advanceProcessingTime(9)
        .add(at(5, 'x'))
        .add(at(6, 'y'))
        .end(),
    )
      .apply('once', deduplicate({ within: 10, timeDomain: 'processingTime' }))
      .collect('out')
    const out = (await run(p, options)).collectWindowed<string>('out')
    expect(out.map(({ value, timestamp }) => `${value} ${timestamp}`)).toEqual(['x 1', 'y 2', 'x 3', 'y 6'])
  })

  it('forgets what the watermark has left behind, and holds it back nowhere', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<string>()
        .add(at(1, 'x'))
        .advanceWatermarkTo(10)
        // At the end of `within` nobody is a repetition any more; what is late finds nothing remembered.
        .add(at(11, 'x'))
        .advanceWatermarkTo(21)
        .add(at(20, 'x'))
        .advanceWatermarkTo(22)
        .add(at(19, 'x'))
        .end(),
    )
      .apply('once', deduplicate({ within: 10, timeDomain: 'eventTime' }))
      .collect('out')
    const out = (await run(p, options)).collectWindowed<string>('out')
    expect(out.map(({ timestamp }) => timestamp)).toEqual([1, 11, 19])
  })

  it('has a memory for each window', async () => {
    const p = pipeline()
    p.create('words', [9, 10, 11])
      .withTimestamps('at', (n) => n)
      .windowInto('tens', fixedWindows(10))
      .map('same', () => 'same')
      .apply('once', deduplicate({ within: 100, timeDomain: 'eventTime' }))
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(['same', 'same'])
  })
})

it.each(orderedModes.map(({ name, options }) => [name, options] as const))(
  'the law holds for any times, %s',
  async (_, options) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ id: fc.constantFrom('a', 'b'), at: fc.integer({ min: -50, max: 50 }) }), {
          maxLength: 30,
        }),
        fc.integer({ min: 1, max: 30 }),
        async (clicks, within) => expectLaw(clicks, await once(clicks, within, options), within),
      ),
      { numRuns: 25 },
    )
  },
)

it.each([
  [undefined, /needs options/],
  [{ within: 1 }, /timeDomain to be 'eventTime' or 'processingTime'/],
  [{ timeDomain: 'eventTime' }, /within of deduplicate/],
  [{ within: 0, timeDomain: 'eventTime' }, /within to be above 0/],
  [{ within: 1, timeDomain: 'eventTime', by: 'id' }, /by to be a function/],
  [{ within: 1, timeDomain: 'eventTime', key: 1 }, /no option "key" of deduplicate/],
])('refuses %j', (options, message) => {
  expect(() => deduplicate(options as never)).toThrow(message)
})

it('refuses windows that merge, and changes, of which the second may be meant', () => {
  const step = deduplicate<unknown>({ within: 1, timeDomain: 'eventTime' })
  const sessions = pipeline().create('numbers', [1]).windowInto('sessions', sessionWindows(1))
  expect(() => sessions.apply('once', step)).toThrow(/step "once": deduplicate keeps what has come by window.*merge/)
  const changes = pipeline()
    .create('scores', [kv('a', 1)])
    .apply('sums', retracting.combinePerKey(sum()))
  expect(() => changes.apply('once', step)).toThrow(/step "once" deduplicates changes/)
})
