/**
 * Records what a scripted stream does on the direct runner: when each element came, how far the watermark was, and which
 * panes came out when. Pictures are drawn from recordings, and from nothing else. Free of Node: it records in a page too.
 *
 * Law: after every event of the script a probe looks at the run. Scripts of one pipeline take turns, and an event is
 * processed completely before the next; so what the probe sees is what that event has led to.
 */
import {
  type BoundedWindow,
  isChange,
  type LateDataHandler,
  type PaneTiming,
  type PCollection,
  type Pipeline,
  pipeline,
  type RunningPipeline,
} from 'millrace'
import { directRunner } from 'millrace/direct'
import { at, testStream } from 'millrace/testing'

/** What happens at one instant of processing time: elements that come together, then perhaps a watermark. */
export interface Moment<T> {
  /** Processing time, in milliseconds. Moments are given in this order. */
  readonly now: number
  /** Elements that come together. */
  readonly elements?: readonly { readonly value: T; readonly timestamp: number }[]
  /** Where the source says that its watermark is. */
  readonly watermark?: number
}

/** An element on its way in. */
export interface RecordedElement {
  /** Its text in the picture. */
  readonly text: string
  readonly timestamp: number
  readonly now: number
}

/** A pane on its way out, or a change of one that retracts. */
export interface RecordedPane {
  readonly text: string
  /** Empty where nothing is grouped by key. */
  readonly key: string
  readonly start: number
  readonly end: number
  readonly timing: PaneTiming
  readonly index: number
  readonly now: number
}

/** What a run did. All times are milliseconds since 1970. */
export interface Recording {
  readonly elements: readonly RecordedElement[]
  /** Elements that their window did not take any more. */
  readonly dropped: readonly RecordedElement[]
  readonly panes: readonly RecordedPane[]
  /** The source's watermark after each event of the script; before the first one it is at the beginning of time. */
  readonly watermarks: readonly { readonly now: number; readonly watermark: number }[]
}

/** What is recorded. */
export interface Scene<T> {
  readonly moments: readonly Moment<T>[]
  /** The steps under observation: what they give is recorded as panes. */
  readonly build: (events: PCollection<T>, late: LateDataHandler, p: Pipeline) => PCollection<unknown>
  readonly text?: (value: T) => string
}

/** Runs a scene. @throws what the run throws. */
export async function record<T>({ moments, build, text = String }: Scene<T>): Promise<Recording> {
  const elements: RecordedElement[] = []
  const dropped: RecordedElement[] = []
  const panes: RecordedPane[] = []
  const watermarks: { readonly now: number; readonly watermark: number }[] = []
  let isOver = false

  const script = scriptOf(moments)
  let looks = testStream<number>()
  script.events.forEach((_, n) => (looks = looks.add(at(0, n))))

  const p = pipeline()
  const events = p.apply('events', script.end())
  p.apply('looks', looks.end()).parDo('look', {
    process(n, { now }) {
      isOver = n === script.events.length - 1
      const source = running.progress().steps.find(({ step }) => step === 'events')
      if (source !== undefined) watermarks.push({ now, watermark: source.watermark })
    },
  })
  events.parDo('note elements', {
    process: (value, { now, timestamp }) => void elements.push({ text: text(value), timestamp, now }),
  })
  const late = p.lateData('late', (found) =>
    found.parDo('note', {
      process({ element, timestamp }, { now }) {
        dropped.push({ text: text(unkeyed(element) as T), timestamp, now })
      },
    }),
  )
  build(events, late, p).parDo('note panes', {
    process(value, { now, window, pane: { timing, index } }) {
      // What comes when the script is over belongs to the end of the stream, not to its story.
      if (isOver) return
      const { key, result } = isKeyed(value)
        ? { key: String(value.key), result: value.value }
        : { key: '', result: value }
      panes.push({ text: resultText(result), key, ...endsOf(window), timing, index, now })
    },
  })
  // Closures run where a page forbids to make code from text. Nothing is processed before this has returned.
  const running: RunningPipeline = directRunner().start(p.build(), { stageCompiler: 'closures' })
  await running.result
  return { elements, dropped, panes, watermarks }
}

function scriptOf<T>(moments: readonly Moment<T>[]) {
  let [script, clock] = [testStream<T>(), 0]
  for (const { now, elements = [], watermark } of moments) {
    if (now > clock) script = script.advanceProcessingTime(now - clock)
    clock = Math.max(clock, now)
    if (elements.length > 0) script = script.add(...elements.map(({ value, timestamp }) => at(timestamp, value)))
    if (watermark !== undefined) script = script.advanceWatermarkTo(watermark)
  }
  return script
}

function isKeyed(value: unknown): value is { readonly key: unknown; readonly value: unknown } {
  return typeof value === 'object' && value !== null && 'key' in value && 'value' in value
}

function unkeyed(element: unknown): unknown {
  return isKeyed(element) ? element.value : element
}

/** Changes with their sign: what is taken back has a minus. */
function resultText(result: unknown): string {
  if (!isChange(result)) return String(result)
  const { kind, value } = result
  return `${kind === 'insert' ? '+' : '−'}${String(value)}`
}

function endsOf(window: BoundedWindow): { readonly start: number; readonly end: number } {
  return { start: window.start, end: window.end }
}
