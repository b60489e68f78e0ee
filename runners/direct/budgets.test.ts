import { expect, it } from 'vitest'
import { fixedWindows, kv, pipeline, run, timer, typed } from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'
import { TIMER_BUDGET } from '../core/execution/stage-executor.js'

/** More keys than a stage may serve in two turns. */
const KEYS = Math.floor(TIMER_BUDGET * 2.3)
const pairs = Array.from({ length: KEYS }, (_, i) => kv(i, 1))

inEveryMode((options) => {
  it('panes of a window that take several turns are all on time for the next grouping', async () => {
    const p = pipeline()
    p.create('pairs', pairs, { timestamp: () => 5 })
      .windowInto('tens', fixedWindows(10))
      .countPerKey('per key')
      .keyBy('one', () => 'all')
      .countPerKey('keys')
      .collect('out')
    const result = await run(p, options)
    expect(result.collectWindowed('out').map(({ value, pane }) => [value, pane.timing, pane.isLast])).toEqual([
      [kv('all', KEYS), 'onTime', true],
    ])
    expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  })

  it('timers that take several turns all fire, and what they emit is on time', async () => {
    const p = pipeline()
    const fired = p
      .create('pairs', pairs, { timestamp: () => 5 })
      .windowInto('tens', fixedWindows(10))
      .parDo('wait', {
        output: typed<number>(),
        timers: { end: timer.eventTime() },
        process: (_pair, { timers }) => timers.end.set(9),
        onTimer: { end: ({ emit }) => emit(1) },
      })
    fired.collect('fired')
    fired
      .keyBy('one', () => 'all')
      .countPerKey('keys')
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('fired')).toHaveLength(KEYS)
    expect(result.collect('out')).toEqual([kv('all', KEYS)])
  })

  it('timers are fired to the last also where nothing else has anything to do', async () => {
    const p = pipeline()
    p.create('pairs', pairs)
      .parDo('wait', {
        output: typed<number>(),
        timers: { end: timer.eventTime() },
        process: (_pair, { timers }) => timers.end.set(9),
        onTimer: { end: ({ emit }) => emit(1) },
      })
      .collect('fired')
    expect((await run(p, options)).collect('fired')).toHaveLength(KEYS)
  })
})
