/**
 * The interpreter gives what Beam Java gave: every recorded scenario, pane by pane, with the event during which a pane
 * came out. So it can say what the engine must give for scenarios that nobody has recorded.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { chained } from './chain.js'
import { answersOf, turnsOf } from './grouping.js'
import { recordedTextOf, textOf, type RecordedPane, type RecordedScenario } from './scenario-text.js'
import { floorRemainder, windowsOf, type Trigger } from './script.js'

const recorded = <T>(name: string): readonly T[] =>
  readFileSync(new URL(`../${name}.jsonl`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

/** Of a division that rounds towards zero: Beam Java's windows before 1970. */
const javaRemainder = (a: number, n: number): number => a % n

interface Grouped extends RecordedScenario {
  readonly panes: readonly RecordedPane[]
  readonly droppedDueToLateness: number
}

interface Chained extends RecordedScenario {
  readonly secondTrigger: Trigger
  readonly panesFirst: readonly RecordedPane[]
  readonly panesSecond: readonly RecordedPane[]
  readonly droppedDueToLateness: number
}

function first(scenario: RecordedScenario, isSum: boolean): { panes: readonly string[]; dropped: number } {
  const outcomes = answersOf(scenario, turnsOf(scenario, scenario.events, javaRemainder))
  return {
    panes: outcomes
      .flatMap(({ answers }, step) => answers.flatMap(({ panes }) => panes.map((pane) => textOf(pane, step, isSum))))
      .sort(),
    dropped: outcomes.reduce((sum, { dropped }) => sum + dropped, 0),
  }
}

describe('the interpreter gives what Beam Java gave', () => {
  const groups = recorded<Grouped>('triggers')
  const chains = recorded<Chained>('chained')

  it('knows 500 scenarios of one grouping and 120 of two', () => {
    expect([groups.length, chains.length]).toEqual([500, 120])
  })

  it.each(groups)('for $id', (scenario) => {
    const expected = { panes: scenario.panes.map(recordedTextOf).sort(), dropped: scenario.droppedDueToLateness }
    expect(first(scenario, scenario.operation === 'SumPerKey')).toEqual(expected)
  })

  it.each(chains)('for $id, twice', (scenario) => {
    const expected = { panes: scenario.panesFirst.map(recordedTextOf).sort(), dropped: scenario.droppedDueToLateness }
    expect(first(scenario, true)).toEqual(expected)
    const second = { ...scenario, trigger: scenario.secondTrigger, isMerged: true }
    const ofStep = (step: number): readonly string[] =>
      scenario.panesSecond
        .filter((pane) => pane.step === step)
        .map(recordedTextOf)
        .sort()
    const texts = (panes: Parameters<typeof textOf>[0][], step: number): readonly string[] =>
      panes.map((pane) => textOf(pane, step, false)).sort()
    const steps = chained(
      scenario,
      second,
      scenario.events,
      (panes, step) => texts([...panes], step).join() === ofStep(step).join(),
      javaRemainder,
    )
    expect(steps.map((panes, step) => texts([...panes], step))).toEqual(steps.map((_, step) => ofStep(step)))
  })
})

describe('windows', () => {
  it('contain their elements, also before 1970', () => {
    for (let timestamp = -50; timestamp < 50; timestamp++) {
      for (const windowFn of [
        { windowFn: 'FixedWindows', size: 7, offset: 2 },
        { windowFn: 'SlidingWindows', size: 7, period: 3, offset: 1 },
      ] as const) {
        const windows = windowsOf(windowFn, timestamp, floorRemainder)
        expect(windows.every(({ start, end }) => start <= timestamp && timestamp < end)).toBe(true)
        expect(windows.length).toBeGreaterThan(0)
      }
    }
  })
})

it('refuses a trigger that finishes before its window expires', () => {
  const scenario = recorded<Grouped>('triggers').find(({ events }) => events.some(({ type }) => type === 'elements'))
  if (scenario === undefined) throw new Error('no scenario has elements')
  const trigger: Trigger = { trigger: 'AfterPane', elementCountAtLeast: 1 }
  expect(() => answersOf({ ...scenario, trigger }, turnsOf(scenario, scenario.events))).toThrow(/has finished/)
})
