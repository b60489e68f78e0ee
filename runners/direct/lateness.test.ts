import { expect, it } from 'vitest'
import {
  fixedWindows,
  globalWindows,
  pipeline,
  type PipelineResult,
  run,
  sessionWindows,
  slidingWindows,
  sum,
  typed,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

const output = typed<readonly [number, readonly number[]]>()

/** Panes as `window: value timing index`, by window and index. */
const panes = (result: PipelineResult): readonly string[] =>
  [...result.collectWindowed<{ value: number }>('out')]
    .sort((a, b) => a.window.start - b.window.start || a.window.end - b.window.end || a.pane.index - b.pane.index)
    .map(
      ({ value, window, pane }) =>
        `${window.start}-${window.end}: ${value.value} ${pane.timing} ${pane.index}${pane.isLast ? ' last' : ''}`,
    )

/** Sums per window of numbers that are their own timestamps; `|n` moves the watermark to n. */
function sums(script: string, windowFn: WindowFn, options: WindowingOptions) {
  const p = pipeline()
  const stream = script
    .split(' ')
    .reduce(
      (events, word) =>
        word.startsWith('|')
          ? events.advanceWatermarkTo(Number(word.slice(1)))
          : events.add(...word.split(',').map((n) => at(Number(n), Number(n)))),
      testStream<number>(),
    )
  p.apply('events', stream.end())
    .windowInto('windows', windowFn, options)
    .keyBy('all', () => 'all')
    .combinePerKey('sum', sum())
    .collect('out')
  return p
}

const fives = slidingWindows(10, { every: 5 })

inEveryMode((options) => {
  it.each<[string, string, WindowFn, WindowingOptions, readonly string[], number]>([
    [
      'no pane comes after the last one, also where the watermark stands at the expiry',
      '1 |14 2',
      fixedWindows(10),
      { allowedLateness: 5 },
      ['0-10: 1 onTime 0', '0-10: 2 late 1'],
      0,
    ],
    [
      'an element may be late in one window, too late in another',
      '3 |12 4 |16 6',
      fives,
      { allowedLateness: 5 },
      ['-5-5: 3 onTime 0 last', '0-10: 3 onTime 0', '0-10: 4 late 1', '5-15: 6 late 0'],
      2,
    ],
    [
      'and on time in a third',
      '|7 6 |13 7',
      slidingWindows(15, { every: 5 }),
      { allowedLateness: 5 },
      ['-5-10: 6 onTime 0', '-5-10: 7 late 1', '0-15: 13 onTime 0 last', '5-20: 13 onTime 0 last'],
      0,
    ],
    [
      'accumulating panes of each window go on by themselves',
      '3 |8 4 |12 1',
      fives,
      { allowedLateness: 20, accumulation: 'accumulating' },
      ['-5-5: 3 onTime 0', '-5-5: 7 late 1', '-5-5: 8 late 2', '0-10: 7 onTime 0', '0-10: 8 late 1'],
      0,
    ],
    [
      'periods that do not divide the size',
      '9 |10 9 |14 9',
      slidingWindows(10, { every: 4 }),
      { allowedLateness: 2 },
      ['0-10: 9 onTime 0', '0-10: 9 late 1', '4-14: 18 onTime 0', '4-14: 9 late 1', '8-18: 27 onTime 0 last'],
      1,
    ],
    [
      'elements in a gap are in no window, late or not',
      '2 5 |20 3 |21 5 13',
      slidingWindows(4, { every: 10 }),
      { allowedLateness: 20 },
      ['0-4: 2 onTime 0', '0-4: 3 late 1', '10-14: 13 late 0'],
      0,
    ],
    [
      'the watermark at the last timestamp of the lateness still lets an element in',
      '1 |10 |19 2 |20 3',
      fixedWindows(10),
      { allowedLateness: 10 },
      ['0-10: 1 onTime 0', '0-10: 2 late 1'],
      1,
    ],
    [
      'late elements grow a session, also back into the open',
      '3 |20 5 12',
      sessionWindows(10),
      { allowedLateness: 50 },
      ['3-13: 3 onTime 0', '3-15: 5 late 0', '3-22: 12 onTime 0 last'],
      0,
    ],
    [
      'a session that has expired is not grown by what comes after',
      '3 |30 9 21',
      sessionWindows(10),
      { allowedLateness: 5 },
      ['21-31: 21 onTime 0 last', '3-13: 3 onTime 0 last'].reverse(),
      1,
    ],
    [
      'a last pane is said at expiry, once, where it was asked for',
      '3 |10 |14 |15 |16 |17',
      fixedWindows(10),
      { allowedLateness: 5, closing: 'always' },
      ['0-10: 3 onTime 0', '0-10: 0 late 1 last'],
      0,
    ],
  ])('%s', async (_, script, windowFn, windowing, expected, dropped) => {
    const result = await run(sums(script, windowFn, windowing), options)
    expect(panes(result)).toEqual(expected)
    expect(result.metrics.counter('droppedDueToLateness')).toBe(dropped)
  })

  it('elements in a gap are counted, where they are dropped', async () => {
    const { metrics } = await run(sums('2 5 |13 13 14', slidingWindows(4, { every: 10 }), {}), options)
    expect(metrics.system).toEqual([{ step: 'windows', name: 'droppedWithoutWindow', value: 2 }])
  })

  it('side inputs in windows of other sizes are read as the definition says, while the watermark follows', async () => {
    const numbers = Array.from({ length: 24 }, (_, i) => i)
    const mains = [fixedWindows(4), fixedWindows(7, { offset: 2 }), slidingWindows(6, { every: 4 })]
    const sides = [
      fixedWindows(6),
      fixedWindows(3, { offset: 1 }),
      slidingWindows(8, { every: 3 }),
      slidingWindows(5, { every: 5, offset: 2 }),
      globalWindows(),
    ]
    for (const main of mains) {
      const p = pipeline()
      const events = numbers.reduce((script, n) => script.add(at(n, n)).advanceWatermarkTo(n), testStream<number>())
      const input = p.apply('main', events.end()).windowInto('main windows', main)
      sides.forEach((side, i) => {
        const view = p
          .create(`side ${i}`, numbers, { timestamp: (n) => n })
          .windowInto(`side windows ${i}`, side)
          .asList(`view ${i}`)
        input
          .parDo(`read ${i}`, {
            output,
            sides: { view },
            process: (n, { sides, emit }) => emit([n, [...sides.view].sort((a, b) => a - b)]),
          })
          .collect(`out ${i}`)
      })
      const result = await run(p, options)
      sides.forEach((side, i) => {
        const out = result.collectWindowed<readonly [number, readonly number[]]>(`out ${i}`)
        expect(out.length).toBeGreaterThanOrEqual(numbers.length)
        for (const { value, window } of out) {
          // The earliest window of the side input that contains the last timestamp of the main one.
          const { start, end } = [side.assign(window.maxTimestamp)].flat()[0] as { start: number; end: number }
          expect(value[1], `${value[0]} in ${String(window)}, ${side.description}`).toEqual(
            numbers.filter((n) => n >= start && n < end),
          )
        }
      })
    }
  })
})
