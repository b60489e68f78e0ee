import { expect, it } from 'vitest'
import { fixedWindows, pipeline, run, start, kv, sessionWindows, state, typed } from 'millrace'
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
void [sessionWindows, state, typed]
