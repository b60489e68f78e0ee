import { describe, expect, it } from 'vitest'
import {
  count,
  fixedWindows,
  kv,
  max,
  mean,
  type Pipeline,
  pipeline,
  sessionWindows,
  slidingWindows,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { directRunner } from 'millrace/direct'
import { at, testStream } from 'millrace/testing'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { validateGraph } from '../../sdk/graph/validate.js'
import { liftCombines } from './lift-combines.js'

const lifted = (built: BuiltPipeline): readonly string[] =>
  [...liftCombines(built).graph.components.transforms.keys()].filter((id) => id.endsWith('$precombine'))

/** Two keys over five windows, with late elements that are alone in their bundle, so that drops count the same. */
function late(windowFn: WindowFn, windowing: WindowingOptions) {
  const p = pipeline()
  let events = testStream<{ key: string; value: number }>()
  for (let i = 0; i < 50; i++) {
    events = events.add(at(i, kv(i % 3 === 0 ? 'a' : 'b', i)), at(Math.max(0, i - 4), kv('a', 100 + i)))
    if (i % 7 === 6) events = events.advanceWatermarkTo(i - 2).add(at(Math.max(0, i - 12), kv('b', 1000 + i)))
  }
  const pairs = p.apply('events', events.end()).windowInto('windows', windowFn, windowing)
  pairs.combinePerKey('sum', sum()).collect('sums')
  pairs.combinePerKey('mean', mean()).collect('means')
  pairs.combinePerKey('max', max()).collect('maxima')
  pairs.combinePerKey('count', count()).collect('counts')
  return p.build()
}

describe.each<[string, WindowFn]>([
  ['fixed', fixedWindows(10)],
  ['sliding', slidingWindows(10, { every: 5 })],
])('the rewritten graph computes the same in %s windows', (_, windowFn) => {
  it.each<WindowingOptions>([
    {},
    { allowedLateness: 6 },
    { allowedLateness: 6, accumulation: 'accumulating' },
    { allowedLateness: 6, timestampCombiner: 'earliest' },
    { allowedLateness: 6, timestampCombiner: 'latest', closing: 'always' },
  ])('with %j', async (windowing) => {
    const built = late(windowFn, windowing)
    const texts = async (graph: BuiltPipeline): Promise<readonly (readonly string[])[]> => {
      const result = await directRunner().start(graph).result
      return ['sums', 'means', 'maxima', 'counts'].map((name) => [
        String(result.metrics.counter('droppedDueToLateness')),
        ...result
          .collectWindowed(name)
          .map(({ value, timestamp, window, pane }) => JSON.stringify([value, timestamp, window, pane]))
          .sort(),
      ])
    }
    expect(lifted(built)).toHaveLength(4)
    expect(await texts(liftCombines(built))).toEqual(await texts(built))
  })
})

it('panes that have been given out do not change, also where accumulators are the outputs', async () => {
  const p = pipeline()
  const events = testStream<{ key: string; value: number }>()
    .add(at(1, kv('a', 1)))
    .advanceWatermarkTo(20)
  p.apply('events', events.add(at(2, kv('a', 2))).end())
    .windowInto('tens', fixedWindows(10), { allowedLateness: 100, accumulation: 'accumulating' })
    .combinePerKey('list', {
      createAccumulator: (): number[] => [],
      addInput(all: number[], value: number) {
        all.push(value)
        return all
      },
      mergeAccumulators(a: number[], b: number[]) {
        a.push(...b)
        return a
      },
      extractOutput: (all: number[]) => all,
    })
    .collect('out')
  const expected = [kv('a', [1]), kv('a', [1, 2])]
  for (const built of [p.build(), liftCombines(p.build())]) {
    expect((await directRunner().start(built).result).collect('out')).toEqual(expected)
  }
})

describe('what is lifted', () => {
  const pairs = (p: Pipeline) => p.create('pairs', [kv('a', 1)])

  it.each<[string, (p: Pipeline) => unknown, readonly string[]]>([
    ['combines', (p) => pairs(p).combinePerKey('sum', sum()), ['sum/$precombine']],
    ['no grouping', (p) => pairs(p).groupByKey('group'), []],
    ['no combine over sessions', (p) => pairs(p).windowInto('s', sessionWindows(1)).combinePerKey('sum', sum()), []],
    [
      'a combine over sessions that a grouping has merged',
      (p) => pairs(p).windowInto('s', sessionWindows(1)).combinePerKey('first', sum()).combinePerKey('second', sum()),
      ['second/$precombine'],
    ],
  ])('%s', (_, build, expected) => {
    const p = pipeline()
    build(p)
    expect(lifted(p.build())).toEqual(expected)
  })

  it('what is chosen, by path', () => {
    const p = pipeline()
    pairs(p).combinePerKey('one', sum()).combinePerKey('two', sum())
    const built = p.build()
    const paths: string[] = []
    const graph = liftCombines(built, ({ path }) => paths.push(path) === 2).graph
    expect(paths).toEqual(['one', 'two'])
    const steps = [...graph.components.transforms.keys()].filter((id) => id.includes('$precombine'))
    expect(steps).toEqual(['two/$precombine'])
  })

  it('leaves a graph that is whole, and the one it was given as it was', () => {
    const built = late(fixedWindows(10), {})
    const before = [...built.graph.components.transforms.keys()]
    expect(() => validateGraph(liftCombines(built).graph)).not.toThrow()
    expect([...built.graph.components.transforms.keys()]).toEqual(before)
  })
})
