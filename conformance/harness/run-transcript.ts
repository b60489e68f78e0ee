/**
 * Transcripts as pipelines: a script, a windowing, a reduction, and an assertion that holds every pane against the list.
 *
 * Law: where an input of the script is one bundle, panes are exactly those listed, and each comes in its place: a script
 * that is cut off after an expectation has given what was expected until there, and no guess beyond it. Where bundles are
 * cut otherwise, what no correct runner breaks still holds (`invariants.ts`).
 */
import {
  type CombineFn,
  GlobalWindow,
  type KV,
  kv,
  type PCollection,
  type Pipeline,
  type PipelineResult,
  typed,
} from 'millrace'
import { assertThat, at, testStream, type TestStream } from 'millrace/testing'
import type { Transcript } from '../cases/case.js'
import type { ExpectedPane, ScriptedElement, TranscriptEvent } from '../cases/transcript.js'
import { invariantFault } from './invariants.js'
import { type ObservedPane, paneFault } from './panes.js'

/** One of the ways in which a transcript is played. */
export interface Playing {
  readonly by: 'grouping' | 'combine'
  /** Every element is played once for each of these keys; one with a key of its own is played as it is. */
  readonly keys: readonly string[]
  /** Only events before this one, for the places of panes. */
  readonly until?: number
  /** Whether bundles are as written. */
  readonly exact: boolean
}

/** Lists are what groupings give, made by a combiner. */
const gather: CombineFn<number, readonly number[], readonly number[]> = {
  createAccumulator: () => [],
  addInput: (list, value) => [...list, value],
  mergeAccumulators: (a, b) => [...a, ...b],
  extractOutput: (list) => list,
}

/** Builds the pipeline of a playing; its assertion is inside. */
export function buildTranscript(p: Pipeline, of: Transcript, playing: Playing): void {
  const events = of.events.slice(0, playing.until)
  const windowed = p
    .apply('script', scriptOf(events, playing.keys).end())
    .windowInto('windows', of.windowFn, of.options)
    .map('pair', ({ key = '', value }) => kv(key, value))
  const reduced: PCollection<KV<string, Iterable<number>>> =
    playing.by === 'grouping' ? windowed.groupByKey('group') : windowed.combinePerKey('gather', gather)
  const observed = reduced.parDo('describe', {
    output: typed<ObservedPane>(),
    process({ key, value }, { window, timestamp, pane, emit }) {
      const bounds = window instanceof GlobalWindow ? 'global' : ([window.start, window.end] as const)
      emit({ key, window: bounds, values: [...value], timestamp, ...pane })
    },
  })
  const expected = expectedPanes(events, playing.keys)
  assertThat('panes', observed).satisfies((panes) => {
    const fault = playing.exact
      ? paneFault(expected, panes, playing.until !== undefined)
      : invariantFault(expected, panes, of)
    if (fault !== undefined) throw new Error(fault)
  })
}

/** What is wrong with the numbers of dropped elements; `undefined` when nothing is. */
export function droppedFault(of: Transcript, playing: Playing, result: PipelineResult): string | undefined {
  if (!playing.exact || playing.until !== undefined) return undefined
  return (
    countFault(of, playing, 'dropped', result.metrics.counter('droppedDueToLateness')) ??
    countFault(of, playing, 'droppedAsClosed', result.metrics.counter('droppedDueToClosedWindow'))
  )
}

function countFault(
  of: Transcript,
  { keys }: Playing,
  kind: 'dropped' | 'droppedAsClosed',
  got: number,
): string | undefined {
  const expected = of.events.reduce((sum, event) => sum + (event.kind === kind ? event.count : 0), 0)
  const wanted = expected * (hasOwnKeys(of) ? 1 : keys.length)
  const why = kind === 'dropped' ? 'due to lateness' : 'because their window was closed'
  return got === wanted ? undefined : `expected ${wanted} elements dropped ${why}, got ${got}`
}

/** Whether the elements say their keys themselves. */
export function hasOwnKeys({ events }: Transcript): boolean {
  return events.some((event) => event.kind === 'input' && event.elements.some(({ key }) => key !== undefined))
}

/** Places after which the script is cut off: behind each expectation but the last. */
export function placesOf({ events }: Transcript): readonly number[] {
  const places = events.flatMap((event, at) => (event.kind === 'panes' ? [at + 1] : []))
  const end = events.findIndex(({ kind }) => kind === 'end')
  return places.filter((place) => place < events.length && (end < 0 || place <= end))
}

function scriptOf(events: readonly TranscriptEvent[], keys: readonly string[]): TestStream<ScriptedElement> {
  let script = testStream<ScriptedElement>()
  for (const event of events) {
    switch (event.kind) {
      case 'input':
        script = script.add(
          ...event.elements.flatMap((element) =>
            element.key === undefined
              ? keys.map((key) => at(element.timestamp, { ...element, key }))
              : [at(element.timestamp, element)],
          ),
        )
        break
      case 'watermark':
        script = script.advanceWatermarkTo(event.to)
        break
      case 'processingTime':
        script = script.advanceProcessingTime(event.by)
        break
      case 'end':
        return script
      default:
        break
    }
  }
  return script
}

function expectedPanes(events: readonly TranscriptEvent[], keys: readonly string[]): readonly ExpectedPane[] {
  return events.flatMap((event) =>
    event.kind !== 'panes'
      ? []
      : event.panes.flatMap((pane) => (pane.key === undefined ? keys.map((key) => ({ ...pane, key })) : [pane])),
  )
}
