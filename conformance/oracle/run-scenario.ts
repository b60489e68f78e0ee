/**
 * Runs scenarios of the oracle and gives back what came out in the oracle's format, so that it can be compared line by
 * line. Any scenario of the format runs, not only the recorded ones.
 *
 * Law: nothing that tells at which event a pane came out reaches the grouping. A script says before each event which one it
 * is; those messages take another way, and every event is processed completely before the next, so each pane finds the
 * number of its own. An engine goes on with a script while what stands behind it is at work: there an event waits until the engine
 * is quiet.
 */
import {
  errorKind,
  globalWindow,
  type KV,
  kv,
  type PCollection,
  pipeline,
  type Pipeline,
  type PipelineResult,
  run,
  type RunOptions,
  TIMESTAMP_MAX,
  typed,
  type WindowedElement,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { amountAt } from './line.js'
import { refuseClock, type ScenarioEngine, settled, windowsOnEngine } from './scenario-engine.js'
import {
  type Construction,
  oracleNumber,
  type OraclePane,
  oracleTime,
  type OracleTrigger,
  oracleTrigger,
  latenessOf,
  optionsOf,
  type Scenario,
  scenarioOf,
  timestampOf,
  triggerOf,
  windowFnOf,
} from './scenario.js'

/** What comes out of a scenario with one grouping. */
export interface PanesOf {
  readonly continuationTrigger: OracleTrigger
  readonly droppedDueToLateness: number
  readonly panes: readonly OraclePane[]
}

/** What comes out of a scenario with two. */
export interface ChainedPanesOf {
  readonly droppedDueToLateness: number
  readonly secondTrigger: OracleTrigger
  readonly panesFirst: readonly OraclePane[]
  readonly panesSecond: readonly OraclePane[]
}

/** A scenario with what came out of it here. */
export type ScenarioResult = Scenario & (PanesOf | ChainedPanesOf)

/** A construction with whether it is accepted here. */
export type ConstructionResult = Construction & { readonly accepted: boolean; readonly error?: string }

/** What a script plays: an element, or the number of the event that comes next. */
type Played = { readonly step: number } | { readonly key: string; readonly value: Whole }

/** A whole number of any size. */
type Whole = number | bigint

/** What a pane has: values, or their sum. */
type Content = Whole | readonly Whole[]

/** A pane's content and the event during which it came out. */
interface Seen {
  readonly key: string
  readonly content: Content
  readonly step: number
}

const timings = { early: 'EARLY', onTime: 'ON_TIME', late: 'LATE', unknown: 'UNKNOWN' } as const

/**
 * Runs a scenario.
 *
 * @param line a line of `triggers.jsonl` or `chained.jsonl`, parsed, with or without what came out.
 * @param engine who plays it, instead of the direct runner.
 * @returns the line with what comes out here in place of what it had: panes sorted by key, window, step and index.
 * @throws {PipelineError} when a grouping refuses its windowing, {@link UnanswerableLine} when the line is not in the format or
 *   names something unknown, `UnsupportedFeature` when the engine cannot play it.
 */
export async function runScenario(
  line: Scenario,
  options: RunOptions = {},
  engine?: ScenarioEngine,
): Promise<ScenarioResult> {
  const p = pipeline()
  if (engine !== undefined) refuseClock(line, engine)
  const continuation = play(p, scenarioOf(line), engine?.quietMillis)
  const result = await (engine === undefined ? run(p, options) : engine.run(p))
  const droppedDueToLateness = result.metrics.counter('droppedDueToLateness')
  const panes = panesOf(result, 'first')
  if (line.operation !== 'GroupByKeyTwice')
    return { ...line, continuationTrigger: continuation, droppedDueToLateness, panes }
  const panesSecond = panesOf(result, 'second')
  return { ...line, droppedDueToLateness, secondTrigger: continuation, panesFirst: panes, panesSecond }
}

/**
 * Builds what a construction says: a grouping of unbounded input under a windowing.
 *
 * @param line a line of `construction.jsonl`, parsed, with or without the answer.
 * @returns the line with whether it is accepted here, and the message of the error if not.
 * @throws {@link UnanswerableLine} when the line is not in the format or names something unknown, which is no answer.
 */
export function runConstruction(given: Construction): ConstructionResult {
  // What was recorded is no part of the question.
  const { accepted: _accepted, error: _error, ...line } = given as Construction & Partial<ConstructionResult>
  const allowedLateness = latenessOf(line)
  try {
    pipeline()
      .apply('script', testStream<KV<string, number>>().end())
      .windowInto('windows', windowFnOf(line), { trigger: triggerOf(line), allowedLateness })
      .groupByKey('group')
    return { ...line, accepted: true }
  } catch (error) {
    if (errorKind(error) !== 'PipelineError') throw error
    return { ...line, accepted: false, error: (error as Error).message }
  }
}

/** Writes a scenario as steps. @returns the trigger that its grouping's output has. */
function play(p: Pipeline, line: Scenario, quietMillis: number | undefined): OracleTrigger {
  let script = testStream<Played>()
  line.events.forEach((event, step) => {
    script = script.add(at(0, { step }))
    if (event.type === 'elements') {
      const elements = event.elements.map(({ key, value, timestamp }) =>
        at(timestampOf(timestamp), { key, value: typeof value === 'number' ? value : BigInt(value) }),
      )
      script = script.add(...elements)
    } else if (event.type === 'processingTime') {
      script = script.advanceProcessingTime(amountAt(event.advance, 'advance'))
    } else if (event.timestamp !== 'infinity' && timestampOf(event.timestamp) < TIMESTAMP_MAX) {
      script = script.advanceWatermarkTo(timestampOf(event.timestamp))
    }
  })
  const played = p.apply('script', script.end())
  let current = -1
  let seenAt = 0
  played.parDo('which event', {
    output: typed<never>(),
    process(message) {
      if (!('step' in message)) return undefined
      if (quietMillis === undefined) return void (current = message.step)
      return settled(quietMillis, () => seenAt).then(() => void (current = message.step))
    },
  })
  const windowFn = windowFnOf(line)
  const windowed = played
    .flatMap('elements', (element) => ('key' in element ? [kv(element.key, element.value)] : []))
    .windowInto('windows', quietMillis === undefined ? windowFn : windowsOnEngine(windowFn), optionsOf(line))
  const grouped: PCollection<KV<string, Content>> =
    line.operation === 'SumPerKey'
      ? windowed.combinePerKey('sum', { of: (value) => value, monoid: { empty: 0, concat: plus } })
      : windowed.groupByKey('group').map('content', ({ key, value }): KV<string, Content> => kv(key, [...value]))
  const see = (name: string, panes: PCollection<KV<string, Content>>): void => {
    panes
      .map(`${name} seen`, ({ key, value }): Seen => {
        seenAt = performance.now()
        return { key, content: value, step: current }
      })
      .collect(name)
  }
  const isTwice = line.operation === 'GroupByKeyTwice'
  see('first', isTwice ? grouped.map('sum of pane', ({ key, value }) => kv(key, sumOf(value))) : grouped)
  if (isTwice) {
    const sums = grouped.map('sum for all', ({ value }) => kv('all', sumOf(value)))
    see(
      'second',
      sums.groupByKey('group again').map('content again', ({ key, value }): KV<string, Content> => kv(key, [...value])),
    )
  }
  return oracleTrigger(grouped.builder.strategyOf(grouped).trigger)
}

/** Exact, also where a number would not be. */
function plus(a: Whole, b: Whole): Whole {
  const sum = Number(a) + Number(b)
  return Number.isSafeInteger(sum) ? sum : BigInt(a) + BigInt(b)
}

function sumOf(content: Content): Whole {
  return Array.isArray(content) ? (content as readonly Whole[]).reduce(plus, 0) : (content as Whole)
}

function panesOf(result: PipelineResult, name: string): readonly OraclePane[] {
  return result
    .collectWindowed<Seen>(name)
    .map(paneOf)
    .sort(
      (a, b) =>
        byText(a.key, b.key) ||
        bySize(startOf(a), startOf(b)) ||
        bySize(endOf(a), endOf(b)) ||
        a.step - b.step ||
        a.index - b.index,
    )
}

function paneOf({ value: { key, content, step }, window, pane, timestamp }: WindowedElement<Seen>): OraclePane {
  const { index, nonSpeculativeIndex, isFirst, isLast } = pane
  return {
    key,
    window: window === globalWindow ? 'GLOBAL' : [oracleTime(window.start), oracleTime(window.end)],
    ...(Array.isArray(content)
      ? { values: (content as readonly Whole[]).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)).map(oracleNumber) }
      : { sum: oracleNumber(content as Whole) }),
    timing: timings[pane.timing],
    index,
    nonSpeculativeIndex,
    isFirst,
    isLast,
    timestamp: oracleTime(timestamp),
    step,
  }
}

const startOf = ({ window }: OraclePane): bigint => (window === 'GLOBAL' ? 0n : BigInt(window[0]))
const endOf = ({ window }: OraclePane): bigint => (window === 'GLOBAL' ? 0n : BigInt(window[1]))
const bySize = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
