/**
 * A sample of lane `sim`: what it plays holds, is played the same twice, and what is broken is noticed.
 */
import { expect, it } from 'vitest'
import { simLane } from './lane.js'
import { scenarioOf } from './scenario.js'
import { play } from './simulation.js'

it('random programs give the reference result through crashes', async () => {
  const lines: string[] = []
  const tally = await simLane((line) => void lines.push(line))(['--from', '1', '--seeds', '60'])
  expect(tally, lines.join('\n')).toEqual({ passed: 60, failed: 0 })
}, 60_000)

it('a seed is one story', async () => {
  for (const seed of [3, 8, 21]) {
    const first = await play(scenarioOf(seed))
    expect(first.lives).toBeGreaterThanOrEqual(1)
    expect((await play(scenarioOf(seed))).trace).toBe(first.trace)
  }
})

it.each([
  [500316, 'a batch that is done again on workers draws the same random numbers'],
  [500654, 'a timer that only delivers makes a batch of it: its partition keeps that it has fired'],
  [501263, 'random numbers again, with sides'],
  [500888, 'what follows the last reading of a batch that is done again comes before it is closed'],
])('seed %i holds: %s', async (seed) => {
  expect((await play(scenarioOf(seed, { isLarge: true }))).fault).toBeUndefined()
})

it('faults and input are left out by number', () => {
  const whole = scenarioOf(12)
  expect(scenarioOf(12, { faults: [0] }).faults).toEqual(whole.faults.slice(0, 1))
  expect(scenarioOf(12, { input: 0 }).of.program).toMatchObject({ seed: 12 })
})
