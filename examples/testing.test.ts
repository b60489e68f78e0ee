import { expect, it } from 'vitest'
import { IntervalWindow, kv, pipeline, run } from 'millrace'
import { assertThat, at, checkCombineFn, doFnTester, simulate, testStream } from 'millrace/testing'
import 'millrace/testing/vitest'
import lateFees, { daysOut, differentBooks, type Loan, report } from './testing.js'

const DAY = 86_400_000
const out = (book: string): Loan => ({ book, what: 'out' })
const back = (book: string): Loan => ({ book, what: 'back' })
const month = new IntervalWindow(0, 30 * DAY)

it('a DoFn alone: the book that is not back becomes overdue', async () => {
  const tester = doFnTester(daysOut, { window: month })
  await tester.process(kv('Emma', out('Emma')), { timestamp: DAY })
  expect(tester.state('Emma')).toEqual({ since: DAY })
  expect(tester.timers).toMatchObject([{ name: 'overdue', at: 15 * DAY }])
  await tester.advanceWatermarkTo(15 * DAY + 1)
  expect(tester.values()).toEqual(['Emma: overdue'])
  await tester.process(kv('Emma', back('Emma')), { timestamp: 20 * DAY })
  expect(tester.values()).toEqual(['Emma: overdue', 'Emma: 19 days'])
})

it('the combiner keeps the laws of combiners', () => {
  checkCombineFn(differentBooks, { inputs: ['Emma', 'Dune', 'Ulysses'].map(out) })
})

it('the steps, under a script: what comes late corrects the month', async () => {
  const p = pipeline()
  const loans = testStream<Loan>()
    .add(at(DAY, out('Emma')), at(2 * DAY, out('Dune')))
    .advanceWatermarkTo(month.end)
    .add(at(3 * DAY, out('Ulysses')))
    .end()
  const { books, days } = p.apply('loans', loans).apply('report', report)
  assertThat('books on time', books).inOnTimePane(month).isSingleton(2)
  assertThat('late books', books).inLatePanes(month).isSingleton(1)
  assertThat('days', days).containsInAnyOrder('Emma: overdue', 'Dune: overdue', 'Ulysses: overdue')
  await run(p, { strict: true })
})

it('the whole pipeline', async () => {
  await expect(lateFees).toRunTo({ days: ['Emma: 4 days', 'Dune: overdue'], books: [2] })
})

it('the whole pipeline, under all that may happen: it needs its loans in order, and throws nothing else off', async () => {
  const { findings } = await simulate(lateFees, { perturb: ['order', 'attempts'], print: false })
  expect(findings).toMatchObject([{ perturbation: 'order', step: 'report/days out' }])
})

it('the whole pipeline, ended and begun again at every crash point: what it knows lies in state, so nothing is lost', async () => {
  const { verdict, runs } = await simulate(lateFees, { seeds: 3, perturb: [], crashes: true, print: false })
  expect(verdict).toBe('deterministic')
  expect(runs).toBeGreaterThan(30)
})
