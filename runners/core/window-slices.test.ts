import { expect, it } from 'vitest'
import { dynamicCoder } from '../../sdk/coders/index.js'
import { seededRandom } from '../../sdk/env.js'
import type { KV } from '../../sdk/kv.js'
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import type { AnyCombine } from '../../sdk/transforms/combine.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { slidingWindows } from '../../sdk/windowing/window-fn.js'
import { globalStrategy, rewindow, type WindowingOptions } from '../../sdk/windowing/windowing-strategy.js'
import { Metrics } from './metrics.js'
import { reduceFnOf } from './reduce-fn.js'
import { ReduceFnRunner } from './reduce-fn-runner.js'

/** Sums in sliding windows: a grouping by itself, its panes, and how often it adds. */
function sums(size: number, every: number, options: WindowingOptions = {}, kind: 'monoid' | 'semigroup' = 'monoid') {
  let additions = 0
  const concat = (a: number, b: number): number => {
    additions++
    return a + b
  }
  const combine = { kind, of: (n: number) => n, empty: 0, concat } as unknown as AnyCombine
  const windowFn = slidingWindows(size, { every })
  const panes: string[] = []
  const runner = new ReduceFnRunner({
    step: 'sums',
    strategy: rewindow(globalStrategy, windowFn, options),
    reduce: reduceFnOf(combine, false, dynamicCoder),
    keyCoder: dynamicCoder,
    accumulatorCoder: dynamicCoder,
    metrics: new Metrics(0, 0),
    clocks: { processing: () => 0, synchronized: () => 0 },
    guard: (_call, _key, _window, act) => act(),
    output: (element, _timestamp, windows, pane) => {
      const { key, value } = element as KV<string, number>
      const { start, end } = windows as { start: number; end: number }
      panes.push(`${key} ${start}-${end} ${pane.timing} ${pane.index}: ${value}`)
    },
  })
  return {
    runner,
    add: (key: string, value: number, timestamp: number): void => {
      runner.add(key, value, timestamp, windowFn.assign(timestamp))
      runner.finishBundle()
    },
    advance: (watermark: number, budget = 1_000_000): readonly string[] => {
      runner.advanceInput(watermark)
      if (!runner.fireTimers(budget)) runner.beginTurn(Math.min(watermark, runner.hold))
      return panes.splice(0)
    },
    get additions() {
      return additions
    },
  }
}

it('an element of ten minutes that slide by a second is added a few times, not 600 times', () => {
  const minutes = sums(600, 1)
  for (let at = 0; at < 3_000; at++) {
    minutes.add('a', 1, at)
    minutes.advance(at)
  }
  const panes = minutes.advance(TIMESTAMP_MAX)
  expect(panes.length).toBeGreaterThan(500)
  expect(minutes.additions).toBeLessThan(3_000 * 6)
  expect(minutes.runner.size).toBe(0)
})

it.each(Array.from({ length: 20 }, (_, seed) => seed))(
  'windows have what a plain loop says, late elements included (seed %d)',
  (seed) => {
    const random = seededRandom(seed)
    const below = (n: number): number => Math.floor(random() * n)
    const every = 1 + below(4)
    const size = every * (2 + below(6))
    const lateness = below(3) * 10
    const grouping = sums(
      size,
      every,
      { allowedLateness: lateness, accumulation: 'accumulating' },
      seed % 2 === 0 ? 'monoid' : 'semigroup',
    )
    const expected = new Map<string, number>()
    const last = new Map<string, { readonly index: number; readonly sum: number }>()
    /** Moves the watermark; what is due fires a few cells at a time, and the last pane of a key and window counts. */
    const advance = (to: number): void => {
      do {
        for (const pane of grouping.advance(to, 3)) {
          const [key, window, , index, sum] = pane.split(' ')
          last.set(`${key} ${window}`, { index: parseInt(index ?? '', 10), sum: Number(sum) })
        }
      } while (grouping.runner.isDue)
    }
    let watermark = -50
    advance(watermark)
    for (let i = 0; i < 400; i++) {
      const at = watermark - 5 + below(size + 20)
      const key = 'abc'[below(3)] as string
      const value = 1 + below(9)
      grouping.add(key, value, at)
      for (const { start, end, maxTimestamp } of [
        slidingWindows(size, { every }).assign(at),
      ].flat() as readonly BoundedWindow[]) {
        if (maxTimestamp + lateness < watermark) continue
        const of = `${key} ${start}-${end}`
        expected.set(of, (expected.get(of) ?? 0) + value)
      }
      if (below(3) === 0) advance((watermark += below(7)))
    }
    advance(TIMESTAMP_MAX)
    expect(grouping.runner.size).toBe(0)
    const sumsOf = [...last].map(([of, { sum }]): [string, number] => [of, sum])
    expect(Object.fromEntries(sumsOf.sort())).toEqual(Object.fromEntries([...expected].sort()))
  },
)

it('where the period does not divide the size, or accumulators may change, each window is added to', () => {
  const odd = sums(10, 3)
  odd.add('a', 1, 5)
  expect(odd.advance(TIMESTAMP_MAX)).toEqual(['a -3-7 onTime 0: 1', 'a 0-10 onTime 0: 1', 'a 3-13 onTime 0: 1'])
})
