/** A run that is stopped goes on when it is started again; what comes out is what one run would have given. */
import { countWindows, fixedWindows, pipeline, type Pipeline, type RunningPipeline, start } from 'millrace'
import { describe, expect, it } from 'vitest'
import { slowNumbers } from '../../conformance/support/slow-numbers.js'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('stop')
const NUMBERS = 400
const numbers = slowNumbers(NUMBERS, 10)

function sums(): Pipeline {
  const p = pipeline()
  const read = p.apply('numbers', numbers)
  read
    .windowInto('by the minute', fixedWindows('1 minute'))
    .keyBy('by rest', (n) => n % 3)
    .groupByKey('group')
    .map('sum', ({ key, value }) => `${key}: ${[...value].reduce((a, b) => a + b, 0)}`)
    .collect('sums')
  read
    .keyBy('one key', () => 'all')
    .apply('sevens', countWindows({ size: 7, order: 'arrival', partial: 'emit' }))
    .map('count', ({ value }) => value.length)
    .collect('sevens')
  return p
}

const committed = (running: RunningPipeline): number => running.status().batches?.committed ?? 0

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('a run with a checkpoint', () => {
  it('is stopped after the batch at hand, again and again, and ends as one run', async () => {
    const whole = await start(sums()).result
    const checkpoint = folder()
    let stops = 0
    let last = 0
    for (;;) {
      const running = start(sums(), { runner: 'micro-batch', checkpoint, batchInterval: '2 millis' })
      await Promise.race([until(() => committed(running) >= last + 8), running.result])
      running.stop()
      const result = await running.result
      const { batches } = running.status()
      expect(batches?.resumedAfter).toBe(last === 0 ? undefined : last)
      last = committed(running)
      if (result.state === 'STOPPED') {
        expect(running.status().state).toBe('stopped')
        stops++
        continue
      }
      expect(result.state).toBe('DONE')
      expect([...result.collect<string>('sums')].sort()).toEqual([...whole.collect<string>('sums')].sort())
      expect([...result.collect<number>('sevens')].sort()).toEqual([...whole.collect<number>('sevens')].sort())
      break
    }
    expect(stops).toBeGreaterThan(2)
  })

  it('gives its checkpoint back, so that the next one need not wait', async () => {
    const checkpoint = folder()
    const first = start(sums(), { runner: 'micro-batch', checkpoint, batchInterval: '2 millis' })
    await until(() => committed(first) > 0)
    first.stop()
    await first.result
    const second = start(sums(), { runner: 'micro-batch', checkpoint, batchInterval: '2 millis' })
    const began = performance.now()
    expect((await second.result).state).toBe('DONE')
    expect(performance.now() - began).toBeLessThan(8000)
  })

  it('may be stopped before it has begun, and while it is paused', async () => {
    const checkpoint = folder()
    const first = start(sums(), { runner: 'micro-batch', checkpoint })
    first.stop()
    expect((await first.result).state).toBe('STOPPED')
    const second = start(sums(), { runner: 'micro-batch', checkpoint, batchInterval: '2 millis' })
    await until(() => committed(second) > 0)
    expect(second.pause()).toBe(true)
    second.stop()
    expect(second.pause()).toBe(false)
    expect((await second.result).state).toBe('STOPPED')
  })

  it('that has come to its end is done, not stopped', async () => {
    const checkpoint = folder()
    await start(sums(), { runner: 'micro-batch', checkpoint, batchInterval: '2 millis' }).result
    const again = start(sums(), { runner: 'micro-batch', checkpoint })
    expect((await again.result).state).toBe('DONE')
    again.stop()
    expect(again.status()).toMatchObject({ state: 'done', batches: { committed: committed(again) } })
    expect(again.status().batches?.resumedAfter).toBe(committed(again))
  })

  it('tells where the time of a batch goes, and times of the clock', async () => {
    const before = Date.now()
    const running = start(sums(), { runner: 'micro-batch', checkpoint: folder(), batchInterval: '5ms' })
    const { startedAt, takenAt, batches } = running.status()
    expect(startedAt).toBeGreaterThanOrEqual(before)
    expect(takenAt).toBeGreaterThanOrEqual(startedAt)
    expect(batches).toMatchObject({ committed: 0, resumedAfter: undefined, intervalMillis: 5 })
    await running.result
    const { last } = running.status().batches ?? {}
    for (const phase of ['readMillis', 'closeMillis', 'commitMillis'] as const) expect(last?.[phase]).toBeGreaterThan(0)
    expect(last?.elements).toBeGreaterThan(0)
    expect(last?.delayMillis).toBeGreaterThanOrEqual(0)
  })
})

describe('a run that keeps nothing', () => {
  it.each(['direct', 'micro-batch'] as const)('of the %s runner cannot be stopped to go on', async (runner) => {
    const running = start(sums(), { runner, ...(runner === 'direct' ? {} : { batchInterval: '2 millis' }) })
    expect(() => running.stop()).toThrow(/keeps nothing from which it could go on/)
    expect((await running.result).state).toBe('DONE')
  })
})
