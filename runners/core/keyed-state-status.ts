/**
 * What a stateful step keeps, as those who look at a run see it: keys, timers, elements that wait to be sorted, and which of
 * them holds the watermark.
 */
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { Awaited, AwaitedTimer, Hold } from '../run-status.js'
import type { KeyedState, StatePayload } from './keyed-state.js'
import type { ParDoOperator } from './stage.js'
import { shortText, windowStatus } from './status-texts.js'
import type { TimerEntry } from './timer-internals.js'

/** A stateful step at one moment. */
export interface KeyedStatus {
  readonly stateKeys: number
  readonly windows: number
  readonly timers: number
  /** Elements that wait to be sorted. */
  readonly sorting: number
  readonly awaits: Awaited | undefined
  /** What holds the watermark, where something does. */
  readonly hold: Hold | undefined
}

/** What can be said of the state of a step. */
export function keyedStatus(keyed: KeyedState, { payload }: ParDoOperator): KeyedStatus {
  const kept = keyed.kept()
  const names = [...payload.timerSpecs.keys()]
  const keysOf = (window: BoundedWindow): number => keyed.state.recordsOf(window).length
  const timerOf = (entry: TimerEntry<StatePayload>, clock: AwaitedTimer['clock']): AwaitedTimer | undefined =>
    entry.payload.kind !== 'timer'
      ? undefined
      : {
          timer: names[entry.payload.timer] ?? '',
          tag: entry.payload.setting.tag,
          clock,
          key: shortText(entry.payload.record.key),
          window: windowStatus(entry.payload.record.window),
          fires: entry.payload.setting.fireTimestamp,
        }
  const holdOf = (entry: TimerEntry<StatePayload>, clock: AwaitedTimer['clock']): Hold | undefined => {
    const at = kept.hold
    const of = entry.payload
    switch (of.kind) {
      case 'timer': {
        const timer = timerOf(entry, clock)
        if (timer === undefined || !of.setting.holds || of.setting.outputTimestamp !== at) return undefined
        return { kind: 'timer', at, ...timer }
      }
      case 'element':
        return of.timestamp === at ? { kind: 'sorting', at, elements: kept.sorting } : undefined
      case 'expiry': {
        if (!kept.holdsForExpiration || of.window.maxTimestamp !== at) return undefined
        return { kind: 'expiry', at, window: windowStatus(of.window), keys: keysOf(of.window), passes: entry.timestamp }
      }
    }
  }
  const first = earliest(kept.entries.filter(({ payload: { kind } }) => kind === 'timer'))
  const clocked = earliest(kept.clocked)
  const expiry = earliest(kept.entries.filter(({ payload: { kind } }) => kind === 'expiry'))
  const timer = first === undefined ? undefined : timerOf(first, 'eventTime')
  const clockedTimer = clocked === undefined ? undefined : timerOf(clocked, 'processingTime')
  const next = timer ?? clockedTimer
  return {
    stateKeys: keyed.state.size,
    windows: keyed.state.windowCount,
    timers: kept.timers,
    sorting: kept.sorting,
    awaits:
      next !== undefined
        ? { kind: 'timer', ...next }
        : kept.holdsForExpiration && expiry?.payload.kind === 'expiry'
          ? {
              kind: 'expiry',
              window: windowStatus(expiry.payload.window),
              keys: keysOf(expiry.payload.window),
              passes: expiry.timestamp,
            }
          : undefined,
    hold:
      kept.hold === TIMESTAMP_MAX
        ? undefined
        : (found(kept.entries, (entry) => holdOf(entry, 'eventTime')) ??
          found(kept.clocked, (entry) => holdOf(entry, 'processingTime'))),
  }
}

function earliest<P>(entries: readonly TimerEntry<P>[]): TimerEntry<P> | undefined {
  return entries.reduce<TimerEntry<P> | undefined>(
    (first, entry) => (first === undefined || entry.timestamp < first.timestamp ? entry : first),
    undefined,
  )
}

function found<T, R>(items: readonly T[], of: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const result = of(item)
    if (result !== undefined) return result
  }
  return undefined
}
