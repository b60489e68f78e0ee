import { expect, it } from 'vitest'
import { fixedWindows, kv, pipeline, run, start } from 'millrace'
import { directRunner } from 'millrace/direct'
import { assertThat, at, testStream } from 'millrace/testing'

it('a test stream shows on-time and late panes', async () => {
  const p = pipeline()
  const panes = p
    .apply(
      'events',
      testStream<number>()
        .add(at(1, 10), at(2, 20))
        .advanceWatermarkTo(10)
        .add(at(3, 30))
        .advanceWatermarkTo(200)
        .add(at(4, 40))
        .end(),
    )
    .windowInto('tens', fixedWindows(10), { allowedLateness: 100, accumulation: 'accumulating' })
    .keyBy('one', () => 'all')
    .countPerKey('count')
    .collect('panes')
  assertThat('counts', panes).containsInAnyOrder(kv('all', 2), kv('all', 3))
  assertThat('late', panes).inPanes('late').containsInAnyOrder(kv('all', 3))
  const result = await run(p)
  expect(result.collectWindowed('panes').map(({ pane }) => pane)).toEqual([
    { isFirst: true, isLast: false, timing: 'onTime', index: 0, nonSpeculativeIndex: 0 },
    { isFirst: false, isLast: false, timing: 'late', index: 1, nonSpeculativeIndex: 1 },
  ])
  expect(result.metrics.counter('droppedDueToLateness')).toBe(1)
})

it('a false assertion rejects with the line of the test', async () => {
  const p = pipeline()
  assertThat('wrong', p.create('n', [1, 2])).containsInAnyOrder(1, 3)
  await expect(run(p)).rejects.toThrow(
    /assertion "assert wrong" failed: missing: \[3\]; unexpected: \[2\][^]*direct\.test\.ts/,
  )
})

it('an assertion is verified also where the runner is started by itself', async () => {
  const p = pipeline()
  assertThat('wrong', p.create('n', [1])).containsInAnyOrder(2)
  await expect(directRunner().start(p.build()).result).rejects.toThrow(/assertion "assert wrong" failed/)
})

it('an assertion that fails in strict mode tells the seed', async () => {
  const p = pipeline()
  assertThat('wrong', p.create('n', [1])).containsInAnyOrder(2)
  await expect(run(p, { strict: true })).rejects.toThrow(/run again with \{ strict: true, seed: \d+ \}/)
})

it('a judge that takes its time is waited for', async () => {
  const judged = async (fails: boolean): Promise<unknown> => {
    const p = pipeline()
    assertThat('slow', p.create('n', [1])).satisfies(async () => {
      await Promise.resolve()
      if (fails) throw new Error('on second thoughts')
    })
    return run(p)
  }
  await expect(judged(true)).rejects.toThrow(/assertion "assert slow" failed: on second thoughts/)
  await expect(judged(false)).resolves.toMatchObject({ state: 'DONE' })
})

it('what a TestStream adds at once is one bundle, in strict mode too', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const p = pipeline()
    const late = ['a', 'b', 'c', 'b', 'd', 'a'].map((key) => at(1, key))
    const counts = p
      .apply(
        'events',
        testStream<string>()
          .advanceWatermarkTo(20)
          .add(...late)
          .end(),
      )
      .windowInto('tens', fixedWindows(10), { allowedLateness: 100 })
      .keyBy('self', (key) => key)
      .countPerKey('count')
    assertThat('late', counts).inPanes('late').containsInAnyOrder(kv('a', 2), kv('b', 2), kv('c', 1), kv('d', 1))
    await run(p, { strict: true, seed })
  }
})

it('progress names each step of the author once, however many the SDK has put inside', async () => {
  const p = pipeline()
  p.create('words', ['a', 'b', 'a']).countPerElement('count').print('show', { limit: 0 })
  const running = start(p)
  await running.result
  const { steps } = running.progress()
  expect(steps.map(({ step, elementsIn, elementsOut }) => [step, elementsIn, elementsOut])).toEqual([
    ['words', 0, 3],
    ['count', 3, 2],
  ])
})

it('errors name step, element, window and line', async () => {
  const p = pipeline()
  p.create('n', [1, 2]).map('boom', (n) => {
    if (n === 2) throw new TypeError('two')
    return n
  })
  await expect(run(p)).rejects.toThrow(
    /step "boom" failed in process: two\n {2}element: 2\n {2}window: the global window[^]*direct\.test\.ts/,
  )
})
