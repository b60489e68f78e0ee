/**
 * Lane `oracle`: random scenarios of windows, triggers, lateness, accumulation and timestamps give, pane by pane, what the
 * naive interpreter says (`conformance/oracle/reference`), which agrees with everything that Beam Java was recorded to do.
 *
 * Claims: panes are equal as multisets, with index, timing, first, last and timestamp, and come out during the same event;
 * as many elements are dropped. Either stage compiler takes every second seed.
 *
 * `npm run proof -- oracle [--seeds n] [--from seed]`; a failure prints its scenario, made as small as it still fails, and
 * `--from seed --seeds 1` repeats it.
 */
import type { RunOptions } from 'millrace'
import { played } from '../oracle/play-scenario.js'
import { scenarioOf, shrunk } from '../oracle/random-scenarios.js'
import { answersOf, turnsOf } from '../oracle/reference/grouping.js'
import { textOf, type RecordedScenario } from '../oracle/reference/scenario-text.js'
import { Unspecified } from '../oracle/reference/trigger.js'
import { differenceText, thrownText } from './draw.js'

/** What is wrong with a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number): Promise<string | undefined> {
  const mode: RunOptions = { stageCompiler: seed % 2 === 0 ? 'generated' : 'closures' }
  const scenario = scenarioOf(seed)
  if ((await faultOfScenario(scenario, mode)) === undefined) return undefined
  const smallest = await shrunk(scenario, async (smaller) => (await faultOfScenario(smaller, mode)) !== undefined)
  const fault = await faultOfScenario(smallest, mode)
  return `seed ${seed}, ${JSON.stringify(mode)}: ${fault ?? 'fails only now and then'}\n  ${JSON.stringify(smallest)}`
}

/** What is wrong with a scenario. Where Beam Java itself would fail, nothing can be. */
export async function faultOfScenario(scenario: RecordedScenario, mode: RunOptions): Promise<string | undefined> {
  const expected = expectedOf(scenario)
  if (expected === undefined) return undefined
  try {
    const { panes, dropped } = await played(scenario, mode)
    return differenceText(expected, [...panes, `dropped ${dropped}`])
  } catch (error) {
    return `failed with ${thrownText(error)}`
  }
}

/** What must come out; `undefined` where Beam Java itself would fail. */
export function expectedOf(scenario: RecordedScenario): readonly string[] | undefined {
  try {
    const outcomes = answersOf(scenario, turnsOf(scenario, scenario.events))
    const panes = outcomes.flatMap(({ answers }, step) =>
      answers.flatMap((answer) => answer.panes.map((pane) => textOf(pane, step, scenario.operation === 'SumPerKey'))),
    )
    return [...panes, `dropped ${outcomes.reduce((sum, { dropped }) => sum + dropped, 0)}`]
  } catch (error) {
    if (error instanceof Unspecified) return undefined
    throw error
  }
}
