/**
 * Two groupings in a row: what the first answers, the second is told.
 *
 * Laws, those of Beam Java's DirectRunner: the second sees the first's output watermark as its input watermark, also
 * where it moves before timers of the first have fired; panes that wait hold it at the earliest of them. Panes of one key come in one bundle; in which order keys come,
 * nothing specifies. Synchronized processing time is the clock, as long as no timer of the first is behind it.
 */
import { answersOf, turnsOf, type Turn } from './grouping.js'
import type { Pane } from './past.js'
import type { Remainder, ScriptEvent, Strategy } from './script.js'

/** What the second grouping answers to each event, in the order of keys that fits what is expected of the event. */
export function chained(
  first: Strategy,
  second: Strategy,
  events: readonly ScriptEvent[],
  fits: (panes: readonly Pane[], step: number) => boolean,
  remainder?: Remainder,
): readonly (readonly Pane[])[] {
  const given = turnsOf(first, events, remainder)
  let turns: readonly Turn[] = []
  return answersOf(first, given).map(({ answers }, step) => {
    const keys = [...new Set(answers.flatMap(({ panes }) => panes.map(({ key }) => key)))]
    const candidates = permutations(keys).map((order) => {
      const added = answers.reduce<readonly Turn[]>((before, { panes, outputWatermark, nextDelay }) => {
        const { clock } = given[step] as Turn
        const last = before.at(-1) ?? turns.at(-1)
        const synchronizedClock = Math.max(last?.synchronizedClock ?? 0, Math.min(clock, nextDelay))
        const ofKeys = order.map((key) => panes.filter((pane) => pane.key === key)).filter(({ length }) => length > 0)
        const waiting = panes.map(({ timestamp }) => timestamp)
        const watermark = Math.max(last?.watermark ?? -Infinity, Math.min(outputWatermark, ...waiting))
        const earlier = { clock, synchronizedClock: last?.synchronizedClock ?? 0 }
        return [
          ...before,
          { elements: [], watermark, ...earlier },
          ...ofKeys.map((ofKey) => ({
            elements: ofKey.map(toElement),
            watermark,
            ...earlier,
          })),
          { elements: [], watermark: outputWatermark, clock, synchronizedClock },
        ]
      }, [])
      const outcomes = answersOf(second, [...turns, ...added]).slice(turns.length)
      return { added, panes: outcomes.flatMap((outcome) => outcome.answers.flatMap(({ panes }) => panes)) }
    })
    const chosen = candidates.find(({ panes }) => fits(panes, step)) ?? candidates[0]
    turns = [...turns, ...(chosen?.added ?? [])]
    return chosen?.panes ?? []
  })
}

/** The element that a pane of the first grouping becomes. */
function toElement({ values, timestamp, window }: Pane): Turn['elements'][number] {
  return { key: 'all', value: values.reduce((sum, value) => sum + value, 0), timestamp, windows: [window] }
}

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items]
  return items.flatMap((item, n) => permutations(items.filter((_, i) => i !== n)).map((rest) => [item, ...rest]))
}
