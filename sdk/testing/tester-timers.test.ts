import { expect, it } from 'vitest'
import { type KV, kv, timer, typed } from 'millrace'
import { doFnTester } from './do-fn-tester.js'

const output = typed<string>()

it('aligned timers fire at the next aligned time, and delays of a handler count from its own', async () => {
  const step = doFnTester({
    output,
    timers: { tick: timer.eventTime() },
    process: (_pair: KV<string, number>, { timers }) => timers.tick.align(10, 3).setRelative(2),
    onTimer: {
      tick: ({ id, timeDomain, fireTimestamp, timers, emit }) => {
        emit(`${id} ${timeDomain} ${fireTimestamp} from ${timers.tick.currentRelativeTime}`)
        if (fireTimestamp < 30) timers.tick.setRelative(10)
      },
    },
  })
  await step.advanceWatermarkTo(5)
  await step.process(kv('k', 1), { timestamp: 5 })
  await step.advanceWatermarkTo(1000)
  expect(step.outputs().map(({ value }) => value)).toEqual([
    'tick eventTime 13 from 13',
    'tick eventTime 23 from 23',
    'tick eventTime 33 from 33',
  ])
})
