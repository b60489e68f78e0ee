/**
 * Waiting for signals: elements of a window go on when other collections are complete there.
 */
import { fixedWindows, type PCollection, type Pipeline, slidingWindows, waitOn, type WindowFn } from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSame } from './claims.js'

const needs = ['sideInputs', 'testStream'] as const
const tens = fixedWindows(10)

/** A step that notes what passes it. */
const noting =
  (order: string[], what: string) =>
  (input: PCollection<number>): PCollection<number> =>
    input.map('note', (n) => {
      order.push(`${what} ${n}`)
      return n
    })

/** A signal with elements at 1 and 11, told complete to 10 and to 20 in between; and elements at 2 and 12 that wait for it. */
function waiting(p: Pipeline, order: string[], signalWindows: WindowFn): PCollection<number> {
  const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(10).add(at(11, 11)).advanceWatermarkTo(20)
  const signal = p
    .apply('signal', script.add(at(21, 21)).advanceWatermarkTo(30).end())
    .windowInto('signal windows', signalWindows)
    .apply('noted signal', noting(order, 'signal'))
  return p
    .apply('main', testStream<number>().add(at(2, 2), at(12, 12)).end())
    .windowInto('main tens', tens)
    .apply('wait', waitOn(signal))
    .apply('noted main', noting(order, 'main'))
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'WAI-01',
    name: 'elements go on when all of the signal is done',
    needs: ['sideInputs'],
    inProcess: true,
    build(p) {
      const order: string[] = []
      const main = p.create('main', [1, 2])
      const signal = p.create('signal', [3, 4]).apply('noted signal', noting(order, 'signal'))
      const out = main.apply('wait', waitOn(signal)).apply('noted main', noting(order, 'main'))
      assertThat('out', out).containsInAnyOrder(1, 2)
      return (_, claims) =>
        claims.same(
          order.map((each) => each.split(' ')[0]),
          ['signal', 'signal', 'main', 'main'],
          'order of calls',
        )
    },
  }),
  pipelineCase({
    id: 'WAI-02',
    name: 'elements of a window go on when that window of the signal is complete',
    needs,
    inProcess: true,
    build(p) {
      const order: string[] = []
      assertThat('out', waiting(p, order, tens)).containsInAnyOrder(2, 12)
      return (_, claims) =>
        claims.same(order, ['signal 1', 'main 2', 'signal 11', 'main 12', 'signal 21'], 'order of calls')
    },
  }),
  pipelineCase({
    id: 'WAI-03',
    name: 'where windows differ, elements wait for the window that a side input would be read from',
    needs,
    inProcess: true,
    build(p) {
      const order: string[] = []
      assertThat('out', waiting(p, order, fixedWindows(20))).containsInAnyOrder(2, 12)
      return (_, claims) =>
        claims.same(order, ['signal 1', 'signal 11', 'main 2', 'main 12', 'signal 21'], 'order of calls')
    },
  }),
  pipelineCase({
    id: 'WAI-03/sliding',
    name: 'of sliding windows of a signal the earliest is waited for that has the end of the main window',
    needs,
    inProcess: true,
    build(p) {
      const order: string[] = []
      assertThat('out', waiting(p, order, slidingWindows(20, { every: 10 }))).containsInAnyOrder(2, 12)
      // A map sees an element of two windows once.
      return (_, claims) =>
        claims.same(order, ['signal 1', 'main 2', 'signal 11', 'main 12', 'signal 21'], 'order of calls')
    },
  }),
  pipelineCase({
    id: 'WAI-04',
    name: 'of several signals the last is waited for, an empty one until its watermark passes',
    needs,
    inProcess: true,
    build(p) {
      const order: string[] = []
      const early = testStream<number>().advanceWatermarkTo(0).advanceWatermarkTo(10).add(at(50, 50)).end()
      const late = testStream<number>().add(at(1, 1)).advanceWatermarkTo(5).advanceWatermarkTo(6).advanceWatermarkTo(10)
      const signals = [
        p.apply('early', early).windowInto('early tens', tens).apply('noted early', noting(order, 'early')),
        p
          .apply('late', late.add(at(60, 60)).end())
          .windowInto('late tens', tens)
          .filter('nothing', (n) => n > 50)
          .apply('noted late', noting(order, 'late')),
      ]
      const out = p
        .apply('main', testStream<number>().add(at(2, 2)).end())
        .windowInto('main tens', tens)
        .apply('wait', waitOn(...signals))
        .apply('noted main', noting(order, 'main'))
      assertThat('out', out).containsInAnyOrder(2)
      return (_, claims) => claims.same(order, ['early 50', 'main 2', 'late 60'], 'order of calls')
    },
  }),
  pipelineCase({
    id: 'WAI-05',
    name: 'elements keep their values, timestamps and windows',
    needs: ['sideInputs'],
    build(p) {
      const signal = p.create('signal', [1])
      const out = p
        .create('main', [{ n: 3 }, { n: 14 }], { timestamp: ({ n }) => n })
        .windowInto('sliding', slidingWindows(20, { every: 10 }))
        .apply('wait', waitOn(signal))
      assertThat('out', out).satisfies((_, elements) =>
        expectSame(elements.map(({ value, timestamp, window }) => [value.n, timestamp, window.start]).sort(byNumbers), [
          [3, 3, -10],
          [3, 3, 0],
          [14, 14, 0],
          [14, 14, 10],
        ]),
      )
    },
  }),
]

function byNumbers(a: readonly number[], b: readonly number[]): number {
  return a.map((n, i) => n - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0
}
