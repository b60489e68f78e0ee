import { expect, it } from 'vitest'
import { seededRandom } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { type Counter, type Distribution, type Gauge, metric, type StringSet } from '../../sdk/metrics.js'
import type { DeadLetter } from '../../sdk/transforms/errors.js'
import { KeptEntries } from '../../conformance/support/kept-entries.js'
import { DeadLetterBudgets } from './dead-letter-budgets.js'
import { Metrics } from './metrics.js'

interface Cells {
  readonly count: Counter
  readonly sizes: Distribution
  readonly none: Distribution
  readonly level: Gauge
  readonly unset: Gauge
  readonly seen: StringSet
}

const specs = {
  count: metric.counter(),
  sizes: metric.distribution(),
  none: metric.distribution(),
  level: metric.gauge(),
  unset: metric.gauge(),
  seen: metric.stringSet(),
}

const letter = (step: string, line: number): DeadLetter => ({
  element: line,
  step,
  error: { name: 'Error', message: `lone \ud800 ${line}`, stack: `Error: x\n    at parse (/shop/orders.ts:${line}:5)` },
  window: 'the global window',
  timestamp: -5,
  source: undefined,
})

/** Metrics of a run with one step, and all that they tell. */
function run() {
  const metrics = new Metrics(3, 2)
  const cells = metrics.cells('step \ud800', specs) as unknown as Cells
  const told = () => [
    metrics.results(),
    [...metrics.elements],
    [...metrics.lost],
    metrics.systemCounters(),
    metrics.deadLetters.list(),
  ]
  /** Counts `n` once more. */
  const count = (n: number): void => {
    cells.count.inc(Number.MAX_SAFE_INTEGER - n)
    cells.sizes.update(n / 3)
    cells.level.set([Infinity, -0, 1e300][n % 3] as number)
    cells.seen.add(`\udc00${n % 4}`)
    metrics.elements.set([n], n % 3)
    metrics.lost.set([n + 1], 1)
    metrics.count(n % 2 === 0 ? 'step' : 'other', 'retries', n)
    metrics.deadLetters.add(letter('step', n), n % 2 === 0 ? coded('MR-2002', new Error()) : new Error())
  }
  return { metrics, told, count }
}

it('metrics go on where they were, whatever their values', () => {
  const random = seededRandom(1)
  const straight = run()
  let stored = run()
  const keeper = stored.metrics.keeper()
  keeper.track()
  const entries = new KeptEntries()
  let last = keeper
  for (let n = 0; n < 130; n++) {
    straight.count(n)
    stored.count(n)
    expect(stored.told()).toEqual(straight.told())
    if (n % 10 !== 9) continue
    entries.take(last)
    stored = run()
    last = entries.restore(stored.metrics.keeper(), random)
    expect(stored.told()).toEqual(straight.told())
  }
})

it('of metrics, only what has changed is stored again', () => {
  const { metrics, count } = run()
  const keeper = metrics.keeper()
  const entries = new KeptEntries()
  for (let n = 0; n < 50; n++) count(n)
  entries.take(keeper)
  expect(entries.take(keeper).entries).toBe(0)
  metrics.count('step', 'retries')
  expect(entries.take(keeper).entries).toBe(1)
})

it('what was used of the budgets of dead letters stays used', () => {
  const budgets = new DeadLetterBudgets()
  budgets.of('bad', 10).used = 7
  budgets.of('worse \ud800', Infinity).used = 1
  const entries = new KeptEntries()
  entries.take(budgets.keeper())
  const again = new DeadLetterBudgets()
  const [bad, worse] = [again.of('bad', 10), again.of('worse \ud800', Infinity)]
  entries.restore(again.keeper(), seededRandom(1))
  expect([bad, worse]).toEqual([
    { max: 10, used: 7 },
    { max: Infinity, used: 1 },
  ])
})
