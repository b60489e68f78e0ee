/**
 * What Beam Java answers is what we answer: recorded scenarios, compared pane by pane. These are the scenarios of the
 * default trigger.
 */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type KV, kv, type PipelineResult, run, type RunOptions, type WindowedElement } from 'millrace'
import { type OraclePane, play, type Scenario } from './scenario.js'

const scenarios = (name: string): readonly Scenario[] =>
  readFileSync(new URL(`${name}.jsonl`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Scenario)

const modes: readonly RunOptions[] = [{ stageCompiler: 'generated' }, { stageCompiler: 'closures' }]

const timings = { early: 'EARLY', onTime: 'ON_TIME', late: 'LATE', unknown: 'UNKNOWN' }

function panesOf(elements: readonly WindowedElement<KV<string, unknown>>[]): readonly object[] {
  return elements.map(({ value: { key, value }, window, pane, timestamp }) => ({
    key,
    window: [window.start, window.end],
    ...(typeof value === 'number'
      ? { sum: value }
      : { values: [...(value as Iterable<number>)].sort((a, b) => a - b) }),
    timing: timings[pane.timing],
    index: pane.index,
    nonSpeculativeIndex: pane.nonSpeculativeIndex,
    isFirst: pane.isFirst,
    isLast: pane.isLast,
    timestamp,
  }))
}

const sorted = (panes: readonly object[]): readonly string[] =>
  panes.map((pane) => JSON.stringify(pane, Object.keys(pane).sort())).sort()

function expected(panes: readonly OraclePane[]): readonly object[] {
  return panes.map((pane) => {
    const { step, ...rest } = pane as OraclePane & { step?: number }
    void step
    return rest
  })
}

/**
 * Panes of different keys that come out in one step reach the second grouping in an order that nothing specifies, so
 * which of its late panes has which value is open; their number, infos and timestamps are not, nor is what they come to.
 */
function anyKeyOrder(panes: readonly object[], isAccumulating: boolean): readonly string[] {
  type Pane = { values: readonly number[]; window: readonly number[]; index: number }
  const content = new Map<string, number[][]>()
  const infos = (panes as readonly Pane[]).map(({ values, ...info }) => {
    const key = String(info.window)
    const lists = content.get(key) ?? []
    content.set(key, lists)
    lists[info.index] = [...values]
    return { ...info, count: values.length }
  })
  const contents = [...content].map(([window, lists]) => ({
    window,
    values: (isAccumulating ? (lists.at(-1) ?? []) : lists.flat()).sort((a, b) => a - b),
  }))
  return sorted([...infos, ...contents])
}

const groups = scenarios('triggers')
const chains = scenarios('chained')

it('has 15 scenarios with one grouping and 6 with two', () => {
  expect([groups.length, chains.length]).toEqual([15, 6])
})

for (const mode of modes) {
  for (const scenario of groups) {
    it(`${scenario.id} gives Beam Java's panes (${String(mode.stageCompiler)})`, async () => {
      const { p, grouped } = play(scenario)
      grouped.collect('panes')
      const result: PipelineResult = await run(p, mode)
      expect(sorted(panesOf(result.collectWindowed('panes')))).toEqual(sorted(expected(scenario.panes)))
      expect(result.metrics.counter('droppedDueToLateness')).toBe(scenario.droppedDueToLateness)
    })
  }

  for (const scenario of chains) {
    it(`${scenario.id} gives Beam Java's panes through two groupings (${String(mode.stageCompiler)})`, async () => {
      const { p, grouped } = play(scenario)
      grouped.collect('first')
      grouped
        .map('sum of pane', ({ value }) =>
          kv('all', typeof value === 'number' ? value : [...(value as Iterable<number>)].reduce((a, b) => a + b, 0)),
        )
        .groupByKey('second')
        .collect('second panes')
      const result = await run(p, mode)
      expect(sorted(panesOf(result.collectWindowed('first')))).toEqual(sorted(expected(scenario.panesFirst ?? [])))
      const isAccumulating = scenario.accumulationMode.startsWith('ACCUMULATING')
      expect(anyKeyOrder(panesOf(result.collectWindowed('second panes')), isAccumulating)).toEqual(
        anyKeyOrder(expected(scenario.panesSecond ?? []), isAccumulating),
      )
    })
  }
}
