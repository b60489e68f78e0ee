/**
 * Every transcript of the suite says what the reference interpreter says: each pane, in its place, and every element that
 * is dropped. So no expectation is only what the engine happens to do.
 */
import { describe, expect, it } from 'vitest'
import { durationMillis, END_OF_GLOBAL_WINDOW } from '../../sdk/time.js'
import { type BoundedWindow, GlobalWindow } from '../../sdk/windowing/window.js'
import { globalStrategy, rewindow } from '../../sdk/windowing/windowing-strategy.js'
import { isSafeTrigger } from '../../sdk/windowing/trigger-rules.js'
import type { Trigger as AuthorTrigger } from '../../sdk/windowing/trigger.js'
import type { WindowFnPayload } from '../../sdk/windowing/window-fn.js'
import type { Transcript } from '../cases/case.js'
import { casesOf, modules } from '../cases/index.js'
import type { ExpectedPane, TranscriptEvent } from '../cases/transcript.js'
import { answersOf, turnsOf } from './reference/grouping.js'
import type { Pane } from './reference/past.js'
import { LAST_INSTANT, type ScriptEvent, type Strategy, type Trigger, type WindowFn } from './reference/script.js'
import { oracleTrigger } from './scenario.js'

const KEY = 'k'
const timings = { EARLY: 'early', ON_TIME: 'onTime', LATE: 'late' } as const

const transcripts = (await Promise.all([...modules.keys()].map(casesOf)))
  .flat()
  .filter((of): of is Transcript => of.kind === 'transcript')

/** Transcripts of which the interpreter says nothing, and why. */
function whyNot({ windowFn, options = {}, events }: Transcript): string | undefined {
  const { trigger, allowedLatenessMillis } = rewindow(globalStrategy, windowFn, options)
  if (windowFnOf(windowFn.payload) === undefined) return 'windows of an own kind'
  if (!isSafeTrigger(trigger, allowedLatenessMillis)) return 'a trigger that finishes, which Beam refuses'
  if (isAligned(trigger)) return 'a delay that is aligned'
  const timestamps = events.flatMap((event) => (event.kind === 'input' ? event.elements : [])).map((e) => e.timestamp)
  if (timestamps.flatMap((timestamp) => windowFn.assign(timestamp)).some(endsWithTime))
    return 'a window that ends with time itself'
  return undefined
}

function isAligned(trigger: AuthorTrigger): boolean {
  return JSON.stringify(trigger).includes('alignTo')
}

/** Our windows are cut off there; the interpreter's time has no end but that of the global window. */
function endsWithTime(window: BoundedWindow): boolean {
  return !(window instanceof GlobalWindow) && window.maxTimestamp >= END_OF_GLOBAL_WINDOW
}

function windowFnOf(payload: WindowFnPayload): WindowFn | undefined {
  switch (payload.kind) {
    case 'global':
      return { windowFn: 'GlobalWindows' }
    case 'fixed':
      return { windowFn: 'FixedWindows', size: payload.sizeMillis, offset: payload.offsetMillis }
    case 'sliding':
      return {
        windowFn: 'SlidingWindows',
        size: payload.sizeMillis,
        period: payload.periodMillis,
        offset: payload.offsetMillis,
      }
    case 'sessions':
      return { windowFn: 'Sessions', gap: payload.gapMillis }
    default:
      return undefined
  }
}

function strategyOf({ windowFn, options = {} }: Transcript): Strategy {
  const strategy = rewindow(globalStrategy, windowFn, options)
  const behavior = { always: 'FIRE_ALWAYS', ifNonEmpty: 'FIRE_IF_NON_EMPTY' } as const
  const combiners = { endOfWindow: 'END_OF_WINDOW', earliest: 'EARLIEST', latest: 'LATEST' } as const
  return {
    windowFn: windowFnOf(windowFn.payload) as WindowFn,
    trigger: oracleTrigger(strategy.trigger) as Trigger,
    allowedLateness: strategy.allowedLatenessMillis,
    accumulationMode:
      strategy.accumulationMode === 'accumulating' ? 'ACCUMULATING_FIRED_PANES' : 'DISCARDING_FIRED_PANES',
    timestampCombiner: combiners[strategy.timestampCombiner],
    closingBehavior: behavior[strategy.closingBehavior],
    onTimeBehavior: behavior[strategy.onTimeBehavior],
  }
}

/** What happens, as the interpreter is told; `undefined` for what is only expected. */
function scriptEvent(event: TranscriptEvent): ScriptEvent | undefined {
  switch (event.kind) {
    case 'input':
      return { type: 'elements', elements: event.elements.map(({ key = KEY, ...rest }) => ({ key, ...rest })) }
    case 'watermark':
      return { type: 'watermark', timestamp: event.to }
    case 'processingTime':
      return { type: 'processingTime', advance: durationMillis(event.by) }
    case 'end':
      return { type: 'watermark', timestamp: 'infinity' }
    default:
      return undefined
  }
}

/** A script whose end is said. What stands last comes before it or with it, where it is not. */
function withEnd(events: readonly TranscriptEvent[]): readonly TranscriptEvent[] {
  if (events.some(({ kind }) => kind === 'end')) return events
  const last = events.findLastIndex(({ kind }) => kind !== 'panes' && kind !== 'dropped')
  return [...events.slice(0, last + 1), { kind: 'end' }, ...events.slice(last + 1)]
}

/** A pane as text, with those facts that `wanted` has. */
function textOf(got: Pane, wanted: ExpectedPane): string {
  const { timing, index, nonSpeculativeIndex: ns, isFirst, isLast: last, timestamp: at } = got
  const window = got.window.start === -Infinity ? 'global' : [got.window.start, got.window.end]
  const facts = { ns, last, at: at === LAST_INSTANT ? 'the end' : at }
  const chosen = Object.entries(facts).filter(([name]) => wanted[name as keyof ExpectedPane] !== undefined)
  return JSON.stringify([got.key, window, [...got.values].sort(), timings[timing], index, isFirst, ...chosen])
}

function wantedText({ key = KEY, window, values, timing, index, ns, last, at }: ExpectedPane): string {
  const facts = Object.entries({ ns, last, at }).filter(([, value]) => value !== undefined)
  return JSON.stringify([key, window, [...values].sort(), timing, index, index === 0, ...facts])
}

/** The panes that come, each in the form of the one that is expected in its place; what is not expected has all facts. */
function compared(got: readonly Pane[], wanted: readonly ExpectedPane[]): readonly string[] {
  const left = [...wanted]
  return got.map((pane) => {
    const at = left.findIndex((each) => textOf(pane, each) === wantedText(each))
    const [found] = at < 0 ? [] : left.splice(at, 1)
    return textOf(pane, found ?? { window: 'global', values: [], timing: 'late', index: 0, ns: 0, last: true, at: 0 })
  })
}

describe('the interpreter says what a transcript says', () => {
  it.each(transcripts.filter((of) => whyNot(of) === undefined).map((of) => [of.id, of] as const))('%s', (_, of) => {
    const strategy = strategyOf(of)
    const events = withEnd(of.events)
    const outcomes = answersOf(
      strategy,
      turnsOf(
        strategy,
        events.flatMap((event) => scriptEvent(event) ?? []),
      ),
    )
    const dropped = outcomes.reduce((sum, outcome) => sum + outcome.dropped, 0)
    const wanted: ExpectedPane[][] = [[]]
    const got: Pane[][] = [[]]
    let step = 0
    for (const event of events) {
      if (event.kind === 'panes') {
        wanted.at(-1)?.push(...event.panes)
        wanted.push([])
        got.push([])
      } else if (scriptEvent(event) !== undefined) {
        got.at(-1)?.push(...(outcomes[step++]?.answers.flatMap(({ panes }) => panes) ?? []))
      }
    }
    expect(got.map((panes, at) => compared(panes, wanted[at] ?? []).toSorted())).toEqual(
      wanted.map((panes) => panes.map(wantedText).toSorted()),
    )
    expect(dropped).toBe(of.events.reduce((sum, event) => sum + (event.kind === 'dropped' ? event.count : 0), 0))
  })

  it('is asked of most of them', () => {
    const left = transcripts.filter((of) => whyNot(of) !== undefined)
    expect(left.length * 3).toBeLessThan(transcripts.length)
  })
})
