/**
 * A scenario as a pipeline on the direct runner, and its panes as the interpreter would say them.
 *
 * The event during which a pane came out is learnt by markers: before each event that brings no elements of its own, an
 * element comes that a filter sees and drops. It never reaches a window, and a script's event happens only when
 * everything before it has been processed.
 */
import {
  fixedWindows,
  globalWindow,
  globalWindows,
  type KV,
  type PCollection,
  pipeline,
  type Pipeline,
  run,
  type RunOptions,
  sessionWindows,
  slidingWindows,
  sum,
  type WindowedElement,
  type WindowFn as EngineWindowFn,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { lineOf, type RecordedScenario } from './reference/scenario-text.js'
import { LAST_INSTANT, type WindowFn } from './reference/script.js'
import { optionsOf } from './scenario.js'

/** What the engine answers: a line for each pane, and how many elements were dropped. */
export interface Played {
  readonly panes: readonly string[]
  readonly dropped: number
}

interface Told {
  readonly step: number
  /** Of a marker, nothing. */
  readonly key: string | undefined
  readonly value: number
}

interface Stepped {
  readonly step: number
  readonly key: string
  readonly values: readonly number[]
}

/** Plays a scenario. */
export async function played(scenario: RecordedScenario, mode: RunOptions): Promise<Played> {
  const result = await run(pipelineOf(scenario), mode)
  return {
    panes: result.collectWindowed<Stepped>('panes').map(paneLine).sort(),
    dropped: result.metrics.counter('droppedDueToLateness'),
  }
}

function pipelineOf(scenario: RecordedScenario): Pipeline {
  const p = pipeline()
  let script = testStream<Told>()
  scenario.events.forEach((event, step) => {
    if (event.type === 'elements') {
      script = script.add(...event.elements.map(({ key, value, timestamp }) => at(timestamp, { step, key, value })))
      return
    }
    script = script.add(at(0, { step, key: undefined, value: 0 }))
    if (event.type === 'processingTime') script = script.advanceProcessingTime(event.advance)
    else if (event.timestamp !== 'infinity') script = script.advanceWatermarkTo(event.timestamp)
  })
  let now = 0
  const windowed = p
    .apply('script', script.end())
    .filter('note the event', ({ step, key }) => {
      now = step
      return key !== undefined
    })
    .map('pair', ({ key, value }) => ({ key: key as string, value }))
    .windowInto('windows', engineWindowFn(scenario.windowFn), optionsOf(scenario))
  const grouped: PCollection<KV<string, readonly number[]>> =
    scenario.operation === 'SumPerKey'
      ? windowed.combinePerKey('sum', sum()).map('one value', ({ key, value }) => ({ key, value: [value] }))
      : windowed.groupByKey('group').map('all values', ({ key, value }) => ({ key, value: [...value] }))
  grouped.map('in which event', ({ key, value }): Stepped => ({ step: now, key, values: value })).collect('panes')
  return p
}

function engineWindowFn(fn: WindowFn): EngineWindowFn {
  switch (fn.windowFn) {
    case 'GlobalWindows':
      return globalWindows()
    case 'FixedWindows':
      return fixedWindows(fn.size, { offset: fn.offset })
    case 'SlidingWindows':
      return slidingWindows(fn.size, { every: fn.period, offset: fn.offset })
    case 'Sessions':
      return sessionWindows(fn.gap)
  }
}

function paneLine({ value: { step, key, values }, window, pane, timestamp }: WindowedElement<Stepped>): string {
  return lineOf({
    ...pane,
    step,
    key,
    values,
    timing: timings[pane.timing],
    window: window === globalWindow ? undefined : window,
    timestamp: timestamp === globalWindow.maxTimestamp ? LAST_INSTANT : timestamp,
  })
}

const timings = { early: 'EARLY', onTime: 'ON_TIME', late: 'LATE', unknown: 'UNKNOWN' } as const
