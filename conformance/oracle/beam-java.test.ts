/**
 * What Beam Java answers is what we answer: recorded scenarios and constructions, compared pane by pane.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RunOptions } from 'millrace'
import {
  type ChainedPanesOf,
  type ConstructionResult,
  type PanesOf,
  runConstruction,
  runScenario,
} from './run-scenario.js'
import type { Scenario } from './scenario.js'

const lines = <T>(name: string): readonly T[] =>
  readFileSync(new URL(`${name}.jsonl`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

const groups = lines<Scenario & PanesOf>('triggers')
const chains = lines<Scenario & ChainedPanesOf>('chained')
const constructions = lines<ConstructionResult>('construction')

const modes: readonly RunOptions[] = [{ stageCompiler: 'generated' }, { stageCompiler: 'closures' }]

it('has 500 scenarios with one grouping, 120 with two, and 160 constructions', () => {
  expect([groups.length, chains.length, constructions.length]).toEqual([500, 120, 160])
})

describe.each(modes)('stages compiled as $stageCompiler', (options) => {
  it.each(groups)("$id gives Beam Java's panes", async (scenario) => {
    expect(await runScenario(scenario, options)).toEqual(scenario)
  })

  it.each(chains)("$id gives Beam Java's panes through two groupings", async (scenario) => {
    expect(await runScenario(scenario, options)).toEqual(scenario)
  })
})

it.each(constructions)('$id is accepted where Beam Java accepts it: $accepted', (construction) => {
  expect(runConstruction(construction).accepted).toBe(construction.accepted)
})
