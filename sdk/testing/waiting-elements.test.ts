import { expect, it } from 'vitest'
import * as t from 'io-ts'
import { IntervalWindow, type KV, kv, state, timer, typed } from 'millrace'
import { doFnTester } from 'millrace/testing'

/** A DoFn that wants its input sorted, and says what it has seen. */
function sorted(allowedLateness = 0) {
  return doFnTester(
    {
      output: typed<string>(),
      requiresTimeSortedInput: true,
      state: { n: state.value(t.number, { initial: 0 }) },
      timers: { end: timer.eventTime() },
      process({ value }: KV<string, number>, { state: { n }, timers: { end }, timestamp, emit }) {
        n.write(n.read() + 1)
        end.set(9)
        emit(`${n.read()}: ${value} at ${timestamp}, in ${end.currentRelativeTime}`)
      },
      onTimer: { end: ({ emit }) => emit('end') },
    },
    { allowedLateness, window: new IntervalWindow(0, 10) },
  )
}

it('elements come in the order of their times once the watermark has passed them, equal times as they came', async () => {
  const tester = sorted()
  for (const [value, timestamp] of [[1, 7], [2, 3], [3, 7], [4, 5]] as const) await tester.process(kv('k', value), { timestamp }) // prettier-ignore
  expect(tester.values()).toEqual([])
  await tester.advanceWatermarkTo(5)
  expect(tester.values()).toEqual(['1: 2 at 3, in 3'])
  await tester.process(kv('k', 5), { timestamp: 4 })
  expect(tester.droppedDueToLateness).toBe(1)
  await tester.end()
  expect(tester.values().slice(1)).toEqual(['2: 4 at 5, in 5', '3: 1 at 7, in 7', '4: 3 at 7, in 7', 'end'])
})

it('late elements are waited for as long as they may come', async () => {
  const tester = sorted(5)
  await tester.process(kv('k', 1), { timestamp: 7 })
  await tester.advanceWatermarkTo(9)
  await tester.process(kv('k', 2), { timestamp: 5 })
  await tester.process(kv('k', 3), { timestamp: 3 })
  expect(tester.values()).toEqual([])
  await tester.advanceWatermarkTo(13)
  expect(tester.values()).toEqual(['1: 2 at 5, in 10', 'end', '2: 1 at 7, in 12', 'end'])
  expect(tester.droppedDueToLateness).toBe(1)
})
