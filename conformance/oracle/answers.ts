/**
 * What we answer to the oracle's questions, one line of JSON at a time: the same line with our results in the places of the
 * recorded ones, everything else kept.
 *
 * Law: results on a line are never looked at. What we do not have is said on the line, as `error`; nothing is left out.
 */
import {
  END_OF_GLOBAL_WINDOW,
  GlobalWindow,
  type KV,
  kv,
  run,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  type WindowedElement,
} from 'millrace'
import { type OraclePane, play, type Scenario } from './scenario.js'

/** Kinds of lines. */
export type QuestionKind = 'scenarios' | 'constructions' | 'coders'

/** Gives a line's answer. May reject; the line then says why. */
export type Answer = (line: object) => Promise<object>

/** Who answers what. A kind that nobody answers is refused by name. */
export const answers: ReadonlyMap<QuestionKind, Answer> = new Map<QuestionKind, Answer>([['scenarios', answerScenario]])

/** Beam Java's ends of time, where ours lie elsewhere. */
const ENDS: ReadonlyMap<number, string> = new Map([
  [TIMESTAMP_MIN, '-9223372036854775'],
  [TIMESTAMP_MAX, '9223372036854775'],
  [END_OF_GLOBAL_WINDOW, '9223371950454775'],
])

const TIMINGS = { early: 'EARLY', onTime: 'ON_TIME', late: 'LATE', unknown: 'UNKNOWN' } as const

async function answerScenario(line: object): Promise<object> {
  const scenario = line as Scenario
  const kept = Object.entries(line).filter(
    ([name]) => !['panes', 'panesFirst', 'panesSecond', 'droppedDueToLateness'].includes(name),
  )
  if (scenario.trigger.trigger !== 'Default') throw new Error(`there is no trigger ${scenario.trigger.trigger}`)
  const isTwice = (scenario.operation as string) === 'GroupByKeyTwice'
  const { p, grouped } = play(isTwice ? { ...scenario, operation: 'GroupByKey' } : scenario)
  grouped.collect('panes')
  if (isTwice) {
    grouped
      .map('sum of pane', ({ value }) => kv('all', sumOf(value)))
      .groupByKey('second')
      .collect('second panes')
  }
  const result = await run(p)
  const panes = panesOf(result.collectWindowed('panes'))
  return {
    ...Object.fromEntries(kept),
    ...(isTwice ? { panesFirst: panes, panesSecond: panesOf(result.collectWindowed('second panes')) } : { panes }),
    droppedDueToLateness: result.metrics.counter('droppedDueToLateness'),
  }
}

function sumOf(value: unknown): number {
  return typeof value === 'number' ? value : [...(value as Iterable<number>)].reduce((a, b) => a + b, 0)
}

function panesOf(elements: readonly WindowedElement<KV<string, unknown>>[]): readonly object[] {
  return elements.map(({ value: { key, value }, window, pane, timestamp }) => ({
    key,
    window: window instanceof GlobalWindow ? 'GLOBAL' : [window.start, window.end],
    ...(typeof value === 'number'
      ? { sum: value }
      : { values: [...(value as Iterable<number>)].sort((a, b) => a - b) }),
    timing: TIMINGS[pane.timing] as OraclePane['timing'],
    index: pane.index,
    nonSpeculativeIndex: pane.nonSpeculativeIndex,
    isFirst: pane.isFirst,
    isLast: pane.isLast,
    timestamp: ENDS.get(timestamp) ?? timestamp,
  }))
}
