/**
 * Queries that go on with other partitions than they had: more workers, fewer, none.
 */
import { join } from 'node:path'
import * as t from 'io-ts'
import {
  afterWatermark,
  count,
  errorCode,
  fixedWindows,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type Pipeline,
  sessionWindows,
  slidingWindows,
  splittableParDo,
  state,
  sum,
  timer,
  watermarks,
} from 'millrace'
import { describe, expect, it } from 'vitest'
import { Feed, refusal, runOn, type RunOptions } from '../../../conformance/support/feeds.js'
import { heardLines } from '../../../conformance/support/heard-lines.js'
import { testFolders } from '../../../conformance/support/test-folders.js'
import { nodeEnv } from '../../direct/node.js'

const folder = testFolders('divided')
const KEYS = 23

/** Every kind of thing that is kept: cells, slices, sessions, lists, records, timers, sorted elements, elements that wait, side inputs. */
const kinds =
  (feed: Feed<number>, limits: Feed<number>) =>
  (p: Pipeline): void => {
    const limit = p.apply('limits', limits.read()).windowInto('long', fixedWindows('100 seconds')).asList('limit')
    const keyed = p.apply('feed', feed.read()).keyBy('by', (n) => `key ${n % KEYS}`)
    const told = ({ key, value }: { readonly key: string; readonly value: unknown }): string => `${key}: ${JSON.stringify(value)}` // prettier-ignore
    keyed.windowInto('slide', slidingWindows('60 seconds', { every: '10 seconds' })).combinePerKey('slid', sum()).map('slid text', told).collect('sliding') // prettier-ignore
    // With this trigger nothing is reduced before it.
    keyed
      .windowInto('slide on', slidingWindows('60 seconds', { every: '10 seconds' }), {
        trigger: afterWatermark(),
        accumulation: 'discarding',
      })
      .combinePerKey('slid on', sum())
      .map('slid on text', told)
      .collect('slices')
    keyed.windowInto('session', sessionWindows('30 seconds')).combinePerKey('met', count()).map('met text', told).collect('sessions') // prettier-ignore
    keyed.windowInto('group in', fixedWindows('40 seconds')).groupByKey('group').map('group text', ({ key, value }) => told({ key, value: [...value].sort((a, b) => a - b) })).collect('lists') // prettier-ignore
    keyed
      .parDo('sorted', {
        output: t.string,
        requiresTimeSortedInput: true,
        state: { last: state.value(t.number, { initial: -1 }) },
        process({ key, value }, { state: { last }, emit }) {
          emit(`${key}: ${last.read()} then ${value}`)
          last.write(value)
        },
      })
      .collect('sorted')
    keyed
      .windowInto('wait in', fixedWindows('100 seconds'))
      .parDo('wait', {
        output: t.string,
        sides: { limit },
        state: { n: state.value(t.number, { initial: 0 }), all: state.bag(t.number) },
        timers: { late: timer.eventTime() },
        process({ key, value }, { state: { n, all }, timers: { late }, sides, emit, window }) {
          n.write(n.read() + 1)
          all.add(value)
          late.set(window.maxTimestamp)
          emit(`${key}: ${n.read()} below ${sides.limit.join()}`)
        },
        onTimer: {
          late: ({ key, state: { all }, emit }) => emit(`${key} has ${[...all.read()].sort((a, b) => a - b).join()}`),
        },
        onWindowExpiration: ({ key, state: { n }, emit }) => emit(`${key} ends with ${n.read()}`),
      })
      .collect('waited')
  }

const RESULTS = ['sliding', 'slices', 'sessions', 'lists', 'sorted', 'waited'] as const

/** Runs in as many lives as there are options, a share of the input each; the limits come with the last but one. */
async function inLives(lives: readonly RunOptions[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const feed = new Feed<number>()
  feed.policy = watermarks.outOfOrder('20 seconds')
  const limits = new Feed<number>()
  const place = join(folder(), 'kept')
  const all = 240
  for (const [life, options] of lives.entries()) {
    for (let n = Math.floor((all * life) / lives.length); n < Math.floor((all * (life + 1)) / lives.length); n++)
      feed.add(n, 1000 * n - (n % 7) * 300)
    if (life === Math.max(0, lives.length - 2)) limits.add(7, 5000).add(8, 105_000)
    feed.isClosed = limits.isClosed = life === lives.length - 1
    const result = await runOn(place, kinds(feed, limits), [feed, limits], options)
    if (feed.isClosed) return Object.fromEntries(RESULTS.map((name) => [name, result.collect<string>(name).toSorted()]))
  }
  return {}
}

const on = (workers: number, partitions?: number): RunOptions =>
  workers === 0 ? {} : { workers, isolation: 'memory', ...(partitions === undefined ? {} : { partitions }) }

describe('what is kept', () => {
  it.each<readonly (readonly [workers: number, partitions?: number])[]>([
    [[3], [0], [5], [2, 2]],
    [[0], [4], [1, 7], [0]],
    [[2], [3], [4], [1, 1]],
    [[1, 6], [2, 3], [0], [0]],
  ])('goes on whole with other workers in each life: %j %j %j %j', async (...lives) => {
    const expected = await inLives([{}])
    for (const name of RESULTS) expect(expected[name]?.length, name).toBeGreaterThanOrEqual(KEYS)
    expect(await inLives(lives.map(([workers, partitions]) => on(workers, partitions)))).toEqual(expected)
  })

  it('is divided among as many partitions as there are workers, or more are asked for, and the run says so', async () => {
    const feed = new Feed<number>()
    const place = join(folder(), 'kept')
    const build = (p: Pipeline): unknown => p.apply('feed', feed.read()).windowInto('in', fixedWindows('1 hour')).keyBy('by', (n) => n % 9).combinePerKey('sums', sum()) // prettier-ignore
    const partitionsOf = async (options: RunOptions): Promise<string | undefined> => {
      feed.add(feed.items.length, feed.items.length)
      const { logger, lines } = heardLines()
      await runOn(place, build, [feed], { ...options, logger })
      return lines.find((line) => line.includes('divided'))
    }
    expect(await partitionsOf({})).toBeUndefined()
    expect(await partitionsOf(on(2))).toBe('what is kept is divided into 2 partitions from now on, and was into 1')
    expect(await partitionsOf(on(1))).toBeUndefined()
    expect(await partitionsOf(on(4))).toBe('what is kept is divided into 4 partitions from now on, and was into 2')
    expect(await partitionsOf(on(2, 3))).toBe('what is kept is divided into 3 partitions from now on, and was into 4')
    expect(await partitionsOf({})).toBe('what is kept is divided into 1 partition from now on, and was into 3')
  })

  it.each([true, false])(
    'of a batch that was planned and not committed is read again, or must be finished first (again: %s)',
    async (isReplayable) => {
      const feed = new Feed<number>()
      feed.isReplayable = isReplayable
      const place = join(folder(), 'kept')
      const build = (p: Pipeline): unknown =>
      p.apply('feed', feed.read()).windowInto('in', fixedWindows('1 hour')).keyBy('by', (n) => n % 9).combinePerKey('sums', sum()).collect('sums') // prettier-ignore
      const add = (count: number): void => {
        for (let n = 0; n < count; n++) feed.add(feed.items.length, feed.items.length)
      }
      add(50)
      await runOn(place, build, [feed], on(2))
      add(50)
      const crashpoint = (name: string): void => {
        if (name === 'batch.commit') throw new Error('the process ended')
      }
      await expect(runOn(place, build, [feed], { ...on(2), env: { ...nodeEnv(), crashpoint } })).rejects.toThrow('the process ended') // prettier-ignore
      const sums = Array.from({ length: 9 }, (_, key) => {
        let value = 0
        for (let n = key; n < 100; n += 9) value += n
        return { key, value }
      })
      feed.isClosed = true
      if (!isReplayable) {
        const text = await refusal(runOn(place, build, [feed], {}))
        expect(text).toMatch(
          /divided into 2 partitions on workers, and cannot go on without workers now: batch \d+ is planned/,
        )
        await expect(runOn(place, build, [feed], on(1, 3))).rejects.toSatisfy((error) => errorCode(error) === 'MR-6033')
        const { logger, lines } = heardLines()
        // Nobody has asked for three.
        const result = await runOn(place, build, [feed], { ...on(3), logger })
        expect(lines.join('\n')).toContain('stays divided into 2 partitions for now')
        expect(new Set(result.collect('sums'))).toEqual(new Set(sums))
      } else {
        const result = await runOn(place, build, [feed], {})
        expect(new Set(result.collect('sums'))).toEqual(new Set(sums))
      }
    },
  )

  it.each([2, 3, 4, 5])(
    'of a plan of other partitions is not done: what it read of is called otherwise now, batch %i',
    async (at) => {
      // prettier-ignore
      const place = join(folder(), 'kept')
      const whole = [{ isExhausted: false, isClosed: true }]
      const ends = [40, 50, 60, 70, 80]
      const build = (p: Pipeline): unknown =>
        p
          .create('ends', ends)
          .apply(
            'read',
            splittableParDo({
              output: t.number,
              bounded: true,
              replayable: true,
              watermark: watermarks.none(),
              restrictionCodec: offsetRangeCodec,
              restriction: (end: number): OffsetRange => ({ from: 0, to: end }),
              tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
              process(end: number, claims: OffsetRangeTracker, { emit }: { readonly emit: (n: number) => void }) {
                for (let i = claims.currentRestriction().from; claims.tryClaim(i); i++) emit(1000 * end + i)
              },
            }),
          )
          .collect('read')
      let commits = 0
      const crashpoint = (name: string): void => {
        if (name === 'batch.commit' && ++commits === at) throw new Error('the process ended')
      }
      const options: RunOptions = { batchSize: 35 }
      await expect(runOn(place, build, whole, { ...options, env: { ...nodeEnv(), crashpoint } })).rejects.toThrow('the process ended') // prettier-ignore
      const result = await runOn(place, build, whole, { ...options, ...on(3) })
      expect(result.collect<number>('read').toSorted((a, b) => a - b)).toEqual(
        ends.flatMap((end) => Array.from({ length: end }, (_, i) => 1000 * end + i)),
      )
    },
  )
})
