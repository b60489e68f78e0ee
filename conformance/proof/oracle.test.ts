import { expect, it } from 'vitest'
import { scenarioOf } from '../oracle/random-scenarios.js'
import { expectedOf, faultOf } from './oracle.js'

/** A sample; the full set is `npm run proof -- oracle`. */
const FROM = Number(process.env['MILLRACE_SEED'] ?? 1)
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 200)

it(`random scenarios give the interpreter's panes (seeds ${FROM} to ${FROM + SEEDS - 1})`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    expect(await faultOf(seed)).toBeUndefined()
  }
}, 60_000)

it('has scenarios with panes of every timing, late elements, and every kind of trigger', () => {
  const scenarios = Array.from({ length: 300 }, (_, n) => scenarioOf(n + 1))
  const lines = scenarios.flatMap((scenario) => expectedOf(scenario) ?? []).join('\n')
  for (const timing of ['EARLY', 'ON_TIME', 'LATE']) expect(lines).toContain(` ${timing} #1/`)
  expect(lines).toMatch(/dropped [1-9]/)
  const triggers = new Set(JSON.stringify(scenarios).match(/(?<="trigger":")\w+/g))
  expect([...triggers].sort()).toEqual(
    ['Default', 'Never', 'AfterPane', 'AfterProcessingTime', 'AfterWatermark', 'Repeatedly', 'AfterFirst', 'AfterAll']
      .concat(['AfterEach', 'OrFinally'])
      .sort(),
  )
})
