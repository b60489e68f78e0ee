import { expect, it } from 'vitest'
import * as t from 'io-ts'
import {
  count,
  fixedWindows,
  kv,
  pipeline,
  run,
  sessionWindows,
  state,
  sum,
  timer,
  mean,
  flatten,
  coGroupByKey,
  type RunOptions,
} from 'millrace'

const modes: RunOptions[] = [
  { stageCompiler: 'generated' },
  { stageCompiler: 'closures' },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 1 },
]
for (const mode of modes) {
  const name = JSON.stringify(mode)
  it(`map collects ${name}`, async () => {
    const result = await run(
      (p) =>
        p
          .create('n', [1, 2, 3])
          .map('x3', (n) => n * 3)
          .collect('out'),
      mode,
    )
    expect([...result.collect<number>('out')].sort()).toEqual([3, 6, 9])
    expect(result.metrics.elements.get('x3.out')).toBe(3)
  })
  it(`word count ${name}`, async () => {
    const result = await run(
      (p) =>
        p
          .create('lines', ['a b a', 'c a'])
          .flatMap('split', (l) => l.split(' '))
          .countPerElement('count')
          .collect('out'),
      mode,
    )
    expect([...result.collect<{ key: string; value: number }>('out')].sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(
      [kv('a', 3), kv('b', 1), kv('c', 1)],
    )
  })
  it(`windows ${name}`, async () => {
    const p = pipeline()
    const ev = p.create(
      'e',
      [
        { k: 'a', t: 1 },
        { k: 'a', t: 5 },
        { k: 'b', t: 12 },
        { k: 'a', t: 14 },
      ],
      { timestamp: (e) => e.t },
    )
    ev.windowInto('w', fixedWindows(10))
      .keyBy('k', (e) => e.k)
      .countPerKey('c')
      .collect('fixed')
    ev.windowInto('s', sessionWindows(5))
      .keyBy('k2', (e) => e.k)
      .groupByKey('g')
      .map('n', ({ key, value }) => kv(key, [...value].length))
      .collect('sess')
    ev.combineGlobally(
      'sum',
      sum((e) => e.t),
    ).collect('sum out')
    ev.map('t', (e) => e.t)
      .combineGlobally('mean', mean())
      .collect('mean out')
    ev.filter('none', () => false)
      .combineGlobally('nothing', count())
      .collect('zero')
    const r = await run(p, mode)
    expect(
      r
        .collectWindowed<{ key: string; value: number }>('fixed')
        .map((e) => `${e.value.key}${e.value.value}@${e.window.start} ${e.pane.timing} ${e.timestamp}`)
        .sort(),
    ).toEqual(['a1@10 onTime 19', 'a2@0 onTime 9', 'b1@10 onTime 19'])
    expect(
      r
        .collectWindowed<{ key: string; value: number }>('sess')
        .map((e) => `${e.value.key}${e.value.value}@${e.window.start}-${e.window.end}`)
        .sort(),
    ).toEqual(['a1@14-19', 'a2@1-10', 'b1@12-17'])
    expect(r.collect('sum out')).toEqual([32])
    expect(r.collect('mean out')).toEqual([8])
    expect(r.collect('zero')).toEqual([0])
  })
  it(`state and timers ${name}`, async () => {
    const p = pipeline()
    p.create('e', [kv('a', 1), kv('b', 2), kv('a', 3)], { timestamp: (e) => e.value })
      .windowInto('w', fixedWindows(10))
      .parDo('sum', {
        output: t.string,
        state: { total: state.value(t.number, { initial: 0 }) },
        timers: { end: timer.eventTime() },
        process({ value }, { state, timers, window }) {
          state.total.write(state.total.read() + value)
          timers.end.set(window.maxTimestamp)
        },
        onTimer: { end: ({ key, state, emit }) => emit(`${key}:${state.total.read()}`) },
      })
      .collect('out')
    const r = await run(p, mode)
    expect([...r.collect('out')].sort()).toEqual(['a:4', 'b:2'])
  })
  it(`side inputs, async, dead letters, join ${name}`, async () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('msg', (l) => `${l.step}: ${l.error.message}`).collect('msgs'))
    const limit = p.create('limits', [kv('a', 2)]).asMap('limit')
    const nums = p.create('n', [kv('a', 1), kv('a', 5), kv('b', 7)])
    nums
      .parDo('over', {
        output: t.number,
        sides: { limit },
        process: ({ key, value }, { sides, emit }) => {
          if (value > (sides.limit.get(key) ?? Infinity)) emit(value)
        },
      })
      .collect('over out')
    nums
      .map('slow', async (e) => {
        await new Promise((r) => setTimeout(r, e.value))
        return e.value
      })
      .collect('slow out')
    nums
      .map(
        'fails',
        (e) => {
          if (e.value === 5) throw new Error('five')
          return e.value
        },
        { onError: bad },
      )
      .collect('good')
    const both = flatten('both', [nums, p.create('m', [kv('z', 9)])])
    coGroupByKey('join', { x: both, y: nums })
      .map('j', ({ key, value }) => `${key} ${[...value.x].length} ${[...value.y].length}`)
      .collect('/x'.slice(1))
    const r = await run(p, mode)
    expect(r.collect('over out')).toEqual([5])
    expect([...r.collect<number>('slow out')].sort()).toEqual([1, 5, 7])
    expect([...r.collect('good')].sort()).toEqual([1, 7])
    expect(r.collect('bad/msgs')).toEqual(['fails: five'])
    expect([...r.collect('x')].sort()).toEqual(['a 2 2', 'b 1 1', 'z 1 0'])
  })
}
