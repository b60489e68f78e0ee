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
import type { OraclePane, Scenario } from './scenario.js'

const lines = <T>(name: string): readonly T[] =>
  readFileSync(new URL(`${name}.jsonl`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

const groups = lines<Scenario & PanesOf>('triggers')
const chains = lines<Scenario & ChainedPanesOf>('chained')
const constructions = lines<ConstructionResult>('construction')

const modes: readonly RunOptions[] = [{ stageCompiler: 'generated' }, { stageCompiler: 'closures' }]

/**
 * Panes of different keys that come out in one step reach the second grouping in an order that nothing specifies, so which of
 * its panes has which value and timestamp is open; their number and infos are not, nor is what they come to.
 */
function anyKeyOrder(panes: readonly OraclePane[], isAccumulating: boolean): readonly unknown[] {
  const content = new Map<string, (readonly unknown[])[]>()
  const timestamps = new Map<string, readonly string[]>()
  const infos = panes.map(({ values = [], timestamp, ...info }) => {
    const window = String(info.window)
    const ofStep = timestamps.get(`${window} ${info.step}`) ?? []
    timestamps.set(`${window} ${info.step}`, [...ofStep, String(timestamp)].sort())
    const lists = content.get(window) ?? []
    content.set(window, lists)
    lists[info.index] = values
    return { ...info, count: values.length }
  })
  const contents = [...content].map(([window, lists]) => ({
    window,
    values: (isAccumulating ? (lists.at(-1) ?? []) : lists.flat()).map(Number).sort((a, b) => a - b),
  }))
  return [...infos, ...contents, ...timestamps]
}

it('has 500 scenarios with one grouping, 120 with two, and 160 constructions', () => {
  expect([groups.length, chains.length, constructions.length]).toEqual([500, 120, 160])
})

describe.each(modes)('stages compiled as $stageCompiler', (options) => {
  it.each(groups)("$id gives Beam Java's panes", async (scenario) => {
    expect(await runScenario(scenario, options)).toEqual(scenario)
  })

  it.each(chains)("$id gives Beam Java's panes through two groupings", async (scenario) => {
    const { panesSecond, ...rest } = (await runScenario(scenario, options)) as Scenario & ChainedPanesOf
    const { panesSecond: expected, ...expectedRest } = scenario
    expect(rest).toEqual(expectedRest)
    const isAccumulating = scenario.accumulationMode.startsWith('ACCUMULATING')
    expect(anyKeyOrder(panesSecond, isAccumulating)).toEqual(anyKeyOrder(expected, isAccumulating))
  })
})

it.each(constructions)('$id is accepted where Beam Java accepts it: $accepted', (construction) => {
  expect(runConstruction(construction).accepted).toBe(construction.accepted)
})
