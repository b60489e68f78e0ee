import { describe, expect, it } from 'vitest'
import { fixedWindows, kv, metric, type Pipeline, pipeline, run, slidingWindows, start } from 'millrace'
import { systemEnv } from 'millrace/direct'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

/** Runs a pipeline and gives the lines it printed. */
async function printed(build: (p: Pipeline) => unknown, options = {}): Promise<readonly string[]> {
  const lines: string[] = []
  const env = { ...systemEnv(), print: (line: string, stream: string) => void lines.push(`${stream} ${line}`) }
  await run((p) => void build(p), { ...options, env })
  return lines
}

inEveryMode((options) => {
  it.each([
    [0, 3, ['out show: … and 3 more']],
    [1, 3, ['out show: 1', 'out show: … and 2 more']],
    [2, 3, ['out show: 1', 'out show: 2', 'out show: … and 1 more']],
    [3, 3, ['out show: 1', 'out show: 2', 'out show: 3']],
    [4, 3, ['out show: 1', 'out show: 2', 'out show: 3']],
    [5, 0, []],
    [0, 0, []],
  ])('with a limit of %d, of %d elements is printed', async (limit, count, expected) => {
    const numbers = Array.from({ length: count }, (_, i) => i + 1)
    expect(await printed((p) => p.create('n', numbers).print('show', { limit }), options)).toEqual(expected)
  })

  it('the limit counts over all bundles, and is 20 unless one is given', async () => {
    const build = (p: Pipeline) => {
      const stream = [...Array(25).keys()].reduce((events, i) => events.add(at(i, i)), testStream<number>())
      return p.apply('events', stream.end()).print('show')
    }
    const lines = await printed(build, options)
    expect(lines).toHaveLength(21)
    expect(lines[19]).toBe('out show: 19')
    expect(lines[20]).toBe('out show: … and 5 more')
  })

  it('prints hand their collection on, and each has a limit of its own', async () => {
    const lines = await printed(
      (p) =>
        p
          .create('n', [1, 2])
          .print('first', { limit: 1 })
          .map('double', (n) => n * 2)
          .print('second'),
      options,
    )
    expect([...lines].sort()).toEqual(['out first: 1', 'out first: … and 1 more', 'out second: 2', 'out second: 4'])
  })

  it('an element in several windows is printed once, and collected once for each', async () => {
    const build = (p: Pipeline) =>
      p
        .create('n', [7], { timestamp: (n) => n })
        .windowInto('sliding', slidingWindows(10, { every: 5 }))
        .print('show')
        .collect('out')
    expect(await printed(build, options)).toEqual(['out show: 7'])
    const p = pipeline()
    build(p)
    const env = { ...systemEnv(), print: () => undefined }
    const windows = (await run(p, { ...options, env })).collectWindowed<number>('out')
    expect(windows.map(({ value, timestamp, window }) => [value, timestamp, window.start])).toEqual([
      [7, 7, 0],
      [7, 7, 5],
    ])
  })

  it('elements that no grouping made have a pane that says so; panes of a grouping have theirs', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1)], { timestamp: () => 3 })
      .collect('plain')
      .windowInto('tens', fixedWindows(10))
      .groupByKey('group')
      .collect('grouped')
    const result = await run(p, options)
    expect(result.collectWindowed('plain')).toMatchObject([{ timestamp: 3, pane: { timing: 'unknown', index: 0 } }])
    expect(result.collectWindowed('grouped')).toMatchObject([
      { value: kv('a', [1]), timestamp: 9, window: { start: 0, end: 10 }, pane: { timing: 'onTime', index: 0 } },
    ])
  })
}, orderedModes)

describe('what printed elements look like', () => {
  it.each([
    [Number.NaN, 'NaN'],
    [[Number.POSITIVE_INFINITY], '[Infinity]'],
    [{ at: new Map([[1, 2]]) }, '{at: [Map: 1]}'],
    [new Set([1]), '[Set: 1]'],
  ])('what JSON would write as something else is shown as it is: %s', async (value, text) => {
    const [line = ''] = await printed((p) => p.create('values', [value]).print('show'))
    expect(line.replaceAll(/\s+/g, ' ').replace('{ at', '{at').replace('] }', ']}')).toBe(`out show: ${text}`)
  })

  it.each<[string, unknown, string]>([
    ['text, as it is', 'a "b" c', 'a "b" c'],
    ['numbers', 1.5, '1.5'],
    ['truth', false, 'false'],
    ['nothing', null, 'null'],
    ['less than nothing', undefined, 'undefined'],
    ['big integers', 5n, '5n'],
    ['objects, as JSON', { b: 1, a: ['x', { c: null }] }, '{"b":1,"a":["x",{"c":null}]}'],
    ['pairs', kv('ann', 41), '{"key":"ann","value":41}'],
    ['lists', [1, 'x'], '[1,"x"]'],
    ['objects that JSON refuses', { n: 5n }, '{ n: 5n }'],
    ['dates', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['texts of several lines', 'one\ntwo', 'one\ntwo'],
  ])('%s', async (_, value, expected) => {
    expect(await printed((p) => p.create('values', [value]).print('show'))).toEqual([`out show: ${expected}`])
  })
})

describe('construction', () => {
  it.each([-1, Number.NaN, 'all' as never])('refuses a print limit of %s', (limit) => {
    expect(() => pipeline().create('n', [1]).print('show', { limit })).toThrow(
      /print "show" has limit .*; it must be 0/,
    )
  })
})

describe('a result', () => {
  it('names what was collected when asked for what was not', async () => {
    const p = pipeline()
    p.create('n', [1]).collect('one').collect('two')
    const result = await run(p)
    for (const ask of [() => result.collect('three'), () => result.collectWindowed('three')]) {
      expect(ask).toThrow(/^nothing was collected under "three"\. Collected were: "one", "two"\.$/)
    }
  })

  it('says how to collect when nothing was', async () => {
    const p = pipeline()
    p.create('n', [1])
    const result = await run(p)
    expect(() => result.collect('out')).toThrow(
      /^nothing was collected under "out": the pipeline has no collect step\. Add \.collect\('out'\) to a collection\.$/,
    )
  })

  it('of a step inside a composite is found by its whole path', async () => {
    const p = pipeline()
    p.create('n', [1]).apply('inner', (n) => n.collect('out'))
    const result = await run(p)
    expect(result.collect('inner/out')).toEqual([1])
    expect(() => result.collect('out')).toThrow(/Collected were: "inner\/out"/)
  })

  it('is empty where a step collected nothing, which is not the same as no such step', async () => {
    const p = pipeline()
    p.create('n', [] as number[]).collect('out')
    expect((await run(p)).collect('out')).toEqual([])
  })

  it('has metrics of steps that exist, and none of others', async () => {
    const p = pipeline()
    p.create('n', [1, 2, 3]).filter('odd', (n) => n % 2 === 1)
    const { metrics } = await run(p)
    expect([...metrics.elements.values()].sort()).toEqual([1, 2, 3])
    expect([metrics.get('odd', 'calls'), metrics.counter('retries'), metrics.counter('no such counter')]).toEqual([
      undefined,
      0,
      0,
    ])
    expect([metrics.user, metrics.system]).toEqual([[], []])
  })
})

it('metrics are there while a run goes on, and only grow', async () => {
  const p = pipeline()
  const readings: unknown[] = []
  p.create('numbers', [1, 2, 3, 4]).parDo('count', {
    metrics: { seen: metric.counter() },
    concurrency: 1,
    async process(_, { metrics }) {
      metrics.seen.inc()
      await Promise.resolve()
      readings.push(running.metrics().get('count', 'seen'))
    },
  })
  const running = start(p)
  const { metrics } = await running.result
  expect(readings).toEqual([1, 2, 3, 4])
  expect(metrics.get('count', 'seen')).toBe(4)
  expect(running.metrics().get('count', 'seen')).toBe(4)
})
