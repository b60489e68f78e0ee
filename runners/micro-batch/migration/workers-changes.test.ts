/**
 * Pipelines that change, on workers: each partition keeps its share under a name of its own, and what is kept goes on as in a run
 * without workers.
 */
import { join } from 'node:path'
import * as t from 'io-ts'
import {
  fixedWindows,
  type Logger,
  metric,
  type Pipeline,
  type PipelineResult,
  pipeline,
  run,
  state,
  sum,
} from 'millrace'
import { readState } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { Feed, refusal, runOn, type RunOptions } from '../../../conformance/support/feeds.js'
import { testFolders } from '../../../conformance/support/test-folders.js'

const folder = testFolders('workers')
const newPlace = (): string => join(folder(), 'kept')
const KEYS = 10
const shared: RunOptions = { workers: 3, isolation: 'memory' }
const migrate = { onChange: 'migrate' } as const

/** Counts by key, in a step and a cell of some name, and by windows. */
const counting =
  (feed: Feed<number>, step = 'count', codec: t.Type<number> = t.number) =>
  (p: Pipeline): void => {
    const keyed = p.apply('feed', feed.read()).keyBy('by', (n) => n % KEYS)
    keyed
      .parDo(step, {
        output: t.string,
        metrics: { seen: metric.counter() },
        state: { n: state.value(codec, { initial: 0 }) },
        process({ key }, { state: { n }, metrics, emit }) {
          n.write(n.read() + 1)
          metrics.seen.inc()
          emit(`${key}: ${n.read()}`)
        },
      })
      .collect('counts')
    keyed
      .windowInto('in', fixedWindows('1 minute'))
      .combinePerKey('sums', sum())
      .map('text', ({ key, value }) => `${key}: ${value}`)
      .collect('sums')
  }

async function written(options: RunOptions = shared): Promise<{ readonly place: string; readonly feed: Feed<number> }> {
  const place = newPlace()
  const feed = new Feed<number>()
  for (let n = 0; n < 3 * KEYS; n++) feed.add(n, n * 1000)
  await runOn(place, counting(feed), [feed], options)
  return { place, feed }
}

/** One more of each key, and the end. */
function rest(feed: Feed<number>): Feed<number> {
  for (let n = 0; n < KEYS; n++) feed.add(n, 40_000 + n)
  feed.isClosed = true
  return feed
}

const COUNTS = Array.from({ length: 4 * KEYS }, (_, n) => `${n % KEYS}: ${1 + Math.floor(n / KEYS)}`).sort()
const SUMS = Array.from({ length: KEYS }, (_, key) => `${key}: ${4 * key + 3 * KEYS}`)

function expectWhole(result: PipelineResult, step = 'count'): void {
  expect(result.collect<string>('counts').toSorted()).toEqual(COUNTS)
  expect(result.collect<string>('sums').toSorted()).toEqual(SUMS)
  expect(result.metrics.get(step, 'seen')).toBe(4 * KEYS)
  expect(result.metrics.elements.get('text.out')).toBe(KEYS)
  expect(result.metrics.elements.get('by.out')).toBe(4 * KEYS)
}

describe('on workers, a changed pipeline', () => {
  it('is refused without a choice; a step that got another name keeps what it has when it is renamed', async () => {
    const { place, feed } = await written()
    const renamed = counting(rest(feed), 'number')
    const text = await refusal(runOn(place, renamed, [feed], { ...shared, ...migrate }))
    expect(text).toMatch(/step "count" is gone/)
    expect(text).toMatch(/state and timers \(\d+ entries\): would be dropped/)
    expectWhole(
      await runOn(place, renamed, [feed], { ...shared, ...migrate, renameSteps: { count: 'number' } }),
      'number',
    )
  })

  it('begins anew with what is dropped by name, in every partition', async () => {
    const { place, feed } = await written()
    const given = { ...shared, ...migrate, renameSteps: {}, dropState: ['count'] }
    const result = await runOn(place, counting(rest(feed), 'again'), [feed], given)
    const counts = result.collect<string>('counts').filter((text) => text.endsWith(': 1'))
    expect(counts).toHaveLength(2 * KEYS)
    expect(result.collect<string>('sums').toSorted()).toEqual(SUMS)
  })

  it('goes on by itself where codecs take more than they did', async () => {
    const place = newPlace()
    const feed = new Feed<number>()
    for (let n = 0; n < 3 * KEYS; n++) feed.add(n, n * 1000)
    await runOn(place, counting(feed, 'count', t.Int as unknown as t.Type<number>), [feed], shared)
    expectWhole(await runOn(place, counting(rest(feed)), [feed], shared))
  })
})

describe('a checkpoint of one partition', () => {
  it.each([
    ['with a worker', 'without', { workers: 1, isolation: 'memory' }, {}],
    ['without a worker', 'with one', {}, { workers: 1, isolation: 'memory' }],
  ] as const)('begun %s goes on %s: results and counters are whole', async (begun, goesOn, first, then) => {
    expect(begun).not.toBe(goesOn)
    const { place, feed } = await written(first)
    expectWhole(await runOn(place, counting(rest(feed)), [feed], then))
  })
})

it('a run says that it has more workers than the checkpoint has partitions, and for whom there is nothing to do', async () => {
  const told = async (workers: number): Promise<string> => {
    const { place, feed } = await written({})
    const lines: string[] = []
    const write = (fields: object | string, message?: string): void =>
      void lines.push(`${message ?? ''} ${JSON.stringify(fields)}`)
    const logger = {
      trace: write,
      debug: write,
      info: write,
      warn: write,
      error: write,
      fatal: write,
    } as unknown as Logger
    const options: RunOptions = { workers, partitions: 1, isolation: 'memory', logger }
    expectWhole(await runOn(place, counting(rest(feed)), [feed], options))
    return lines.join('\n')
  }
  expect(await told(3)).toMatch(/divided into 1 partition, .* there are 3 workers: no more than 1 of them/)
  expect(await told(1)).not.toContain('divided into')
})

it('the state of all partitions can be read', async () => {
  const { place } = await written()
  const p = pipeline()
  p.apply('state', readState(place, { step: 'count' })).collect('rows')
  const rows = (await run(p)).collect<{ readonly key: unknown; readonly value: unknown }>('rows')
  expect(rows.map(({ key, value }) => `${String(key)}: ${String(value)}`).sort()).toEqual(
    Array.from({ length: KEYS }, (_, key) => `${key}: 3`),
  )
})
