/** What is said when workers do not come. */
import { describe, expect, it } from 'vitest'
import { nodeEnv } from '../direct/node.js'
import { ToldByWorkers } from './told-by-workers.js'

/** Workers of a job, a clock that stands still until it is told to go on, and what was said. */
function waiting() {
  const said: string[] = []
  const timers = new Set<{ readonly millis: number; readonly run: () => void }>()
  const env = {
    ...nodeEnv(),
    setTimer: (millis: number, run: () => void) => {
      const timer = { millis, run }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
  }
  const told = new ToldByWorkers(
    env,
    { module: undefined, letIn: 'Give it the token.', asked: 'The engine was to start /boot.sh.' },
    () => undefined,
  )
  return { said, timers, told, runs: () => told.runs((text) => void said.push(text)) }
}

describe('a job that runs', () => {
  it('and has no worker after 20 seconds is named once, with what the engine was asked for', () => {
    const { said, timers, runs } = waiting()
    runs()
    runs()
    expect([...timers].map(({ millis }) => millis)).toEqual([20_000])
    for (const { run } of timers) run()
    runs()
    expect(timers.size).toBe(1)
    expect(said).toEqual([
      expect.stringMatching(/^warning: the job has run for 20 s, and no worker.* \/boot\.sh\..*--link-host/),
    ])
  })

  it('is not waited for when a worker has come, or when it is over', () => {
    const { said, timers, told, runs } = waiting()
    runs()
    told.linked()
    expect(timers.size).toBe(0)
    runs()
    expect(timers.size).toBe(0)
    const over = waiting()
    over.runs()
    over.told.close()
    expect([over.timers.size, said]).toEqual([0, []])
  })

  it('whose worker was not let in says that alone, and what to do in the end, unless another was', () => {
    const { said, timers, told, runs } = waiting()
    runs()
    expect(told.advice).toBe('No worker has reached this process. The engine was to start /boot.sh.')
    expect(told.refused()).toMatch(/not let in.*Give it the token\.$/)
    for (const { run } of timers) run()
    expect([said, told.advice]).toEqual([[], 'Give it the token.'])
    told.linked()
    expect(told.advice).toBe('')
  })
})
