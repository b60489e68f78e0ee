/**
 * Triggers as pure functions: what a trigger remembers of a window is a tree of values, made anew from everything that
 * happened to the window whenever somebody asks.
 *
 * Laws, those of Beam Java:
 * 1. A trigger is told of elements, of firings and of merges. Being ready changes nothing; only a firing does.
 * 2. AfterPane(n) is ready at n elements; AfterProcessingTime(d) when the clock has passed the first element's arrival by
 *    more than d; AfterWatermark when the watermark has passed the window's last instant.
 * 3. A trigger that is no composite fires once and is finished. Repeatedly begins again, blank in all its parts.
 * 4. AfterFirst is ready with one part (or with one that has finished), AfterAll with all; either finishes by firing.
 *    AfterEach is its first unfinished part. OrFinally is either part; when `until` fires, it has finished.
 * 5. AfterWatermark with early or late parts is early's repetition, fires at the end of the window in any case, and from
 *    then on is late's repetition, or finished if there is none. A repetition of this kind forgets counts and delays but
 *    not which parts of its part have finished: an AfterFirst in it is, after its first firing, ready for ever.
 * 6. Where windows can merge, parts that wait for their turn listen already, and forget when the trigger fires.
 * 7. When windows merge, counts add up, and the earliest delay counts. The merged window is the same window as the one
 *    with its bounds, if that was one of them, and keeps which parts of it had finished; apart from that:
 *    - AfterPane has finished if it had in any of the windows.
 *    - AfterWatermark has finished only if it had in all (which is so of no windows at all) and the merged window is
 *      past its end; otherwise it waits again, for the merged end, and its early part goes on.
 *    - AfterFirst, AfterAll, AfterEach and OrFinally have finished if their parts say so. Parts of an AfterEach that come
 *      after the first unfinished one forget.
 */
import { isSame, lastOf, type Trigger, type Window } from './script.js'

/** What a trigger remembers. */
export interface Memory {
  readonly isFinished: boolean
  /** Elements, for AfterPane. */
  readonly count: number
  /** The clock that has to be passed, for AfterProcessingTime. */
  readonly delayedUntil: number | undefined
  /** What the parts remember. */
  readonly of: readonly Memory[]
}

/** A situation in which Beam Java itself fails, so that nothing says what is right. */
export class Unspecified extends Error {}

/** Where a question is asked: in which window, and when. */
export interface Now {
  readonly window: Window
  readonly canMerge: boolean
  readonly watermark: number
  readonly clock: number
  /** Processing time that all earlier groupings have reached. */
  readonly synchronizedClock: number
}

const never: Trigger = { trigger: 'Never' }

/** The parts of a trigger. AfterWatermark with early or late firings has an early part, and perhaps a late one. */
function partsOf(trigger: Trigger): readonly Trigger[] {
  switch (trigger.trigger) {
    case 'Repeatedly':
      return [trigger.of]
    case 'AfterFirst':
    case 'AfterAll':
    case 'AfterEach':
      return trigger.of
    case 'OrFinally':
      return [trigger.main, trigger.until]
    case 'AfterWatermark':
      if (trigger.early === undefined && trigger.late === undefined) return []
      return [trigger.early ?? never, ...(trigger.late === undefined ? [] : [trigger.late])]
    default:
      return []
  }
}

const isOver = ({ window, watermark }: Now): boolean => watermark > lastOf(window)

/** What a trigger remembers of nothing. */
export const blank = (trigger: Trigger): Memory => ({
  isFinished: false,
  count: 0,
  delayedUntil: undefined,
  of: partsOf(trigger).map(blank),
})

/** Memory without counts and delays; what has finished, has. */
const forgetful = (memory: Memory): Memory => ({
  ...memory,
  count: 0,
  delayedUntil: undefined,
  of: memory.of.map(forgetful),
})

const finished = (memory: Memory, isFinished: boolean): Memory => ({ ...memory, isFinished })

const firstUnfinished = (memory: Memory): number => memory.of.findIndex(({ isFinished }) => !isFinished)

const someFinished = (memory: Memory): boolean => memory.of.some(({ isFinished }) => isFinished)

/** Memory in which part n is as `change` makes it. */
function withPart(trigger: Trigger, memory: Memory, n: number, change: (part: Trigger, of: Memory) => Memory): Memory {
  const part = partsOf(trigger)[n]
  return part === undefined ? memory : { ...memory, of: memory.of.map((of, i) => (i === n ? change(part, of) : of)) }
}

/** Whether part n of a trigger is told of an element. */
function listens(trigger: Trigger, memory: Memory, n: number, canMerge: boolean): boolean {
  switch (trigger.trigger) {
    case 'AfterWatermark':
    case 'AfterEach':
      return canMerge || n === firstUnfinished(memory)
    case 'AfterAll':
      return memory.of[n]?.isFinished === false
    default:
      return true
  }
}

/** Memory after an element. */
export function afterElement(trigger: Trigger, memory: Memory, now: Now): Memory {
  switch (trigger.trigger) {
    case 'AfterPane':
      return { ...memory, count: memory.count + 1 }
    case 'AfterProcessingTime':
      return { ...memory, delayedUntil: memory.delayedUntil ?? now.clock + trigger.delay }
    case 'AfterSynchronizedProcessingTime':
      return { ...memory, delayedUntil: memory.delayedUntil ?? now.clock }
    default: {
      const parts = partsOf(trigger)
      const told = (of: Memory, n: number): Memory => afterElement(parts[n] as Trigger, of, now)
      return { ...memory, of: memory.of.map((of, n) => (listens(trigger, memory, n, now.canMerge) ? told(of, n) : of)) }
    }
  }
}

/** Whether a trigger that is told of an element wants to be asked at the end of the window. */
export function waitsForEnd(trigger: Trigger, memory: Memory, now: Now): boolean {
  if (trigger.trigger === 'Default' || trigger.trigger === 'AfterWatermark') return !isOver(now)
  return partsOf(trigger).some(
    (part, n) => listens(trigger, memory, n, now.canMerge) && waitsForEnd(part, memory.of[n] as Memory, now),
  )
}

/** Whether a trigger wants to fire. */
export function isReady(trigger: Trigger, memory: Memory, now: Now): boolean {
  const parts = partsOf(trigger)
  const ready = (of: Memory, n: number): boolean => isReady(parts[n] as Trigger, of, now)
  const readyOrFinished = (of: Memory, n: number): boolean => of.isFinished || ready(of, n)
  switch (trigger.trigger) {
    case 'Never':
      return false
    case 'Default':
      return isOver(now)
    case 'AfterPane':
      return memory.count >= trigger.elementCountAtLeast
    case 'AfterProcessingTime':
      return memory.delayedUntil !== undefined && now.clock > memory.delayedUntil
    case 'AfterSynchronizedProcessingTime':
      return memory.delayedUntil !== undefined && now.synchronizedClock > memory.delayedUntil
    case 'AfterWatermark': {
      const [early, late] = memory.of
      if (early?.isFinished === true) return late !== undefined && ready(late, 1)
      return isOver(now) || (early !== undefined && ready(early, 0))
    }
    case 'Repeatedly':
    case 'OrFinally':
      return memory.of.some(ready)
    case 'AfterFirst':
      return memory.of.some(readyOrFinished)
    case 'AfterAll':
      return memory.of.every(readyOrFinished)
    case 'AfterEach': {
      const current = firstUnfinished(memory)
      if (current < 0) throw new Unspecified('AfterEach has finished without firing')
      return ready(memory.of[current] as Memory, current)
    }
  }
}

/** Memory after a firing, of a trigger that was ready. */
export function afterFiring(trigger: Trigger, memory: Memory, now: Now): Memory {
  const fire = (part: Trigger, of: Memory): Memory => afterFiring(part, of, now)
  const fireIfReady = (part: Trigger, of: Memory): Memory => (isReady(part, of, now) ? fire(part, of) : of)
  const forget = (_: Trigger, of: Memory): Memory => forgetful(of)
  const parts = partsOf(trigger)
  switch (trigger.trigger) {
    case 'Never':
    case 'Default':
      return memory
    case 'AfterPane':
    case 'AfterProcessingTime':
    case 'AfterSynchronizedProcessingTime':
      return finished(forgetful(memory), true)
    case 'AfterWatermark': {
      if (parts.length === 0) return finished(memory, true)
      const again = (part: Trigger, of: Memory): Memory => finished(forgetful(fire(part, of)), false)
      const end = (part: Trigger, of: Memory): Memory => finished(forgetful(fireIfReady(part, of)), true)
      if (memory.of[0]?.isFinished === true) return withPart(trigger, memory, 1, again)
      if (!isOver(now)) return withPart(trigger, memory, 0, again)
      return finished(withPart(trigger, withPart(trigger, memory, 0, end), 1, forget), parts.length === 1)
    }
    case 'Repeatedly': {
      const fired = withPart(trigger, memory, 0, fire)
      return fired.of[0]?.isFinished === true ? { ...memory, of: [blank(trigger.of)] } : fired
    }
    case 'AfterFirst':
      return {
        ...memory,
        isFinished: true,
        of: parts.map((part, n) => {
          const of = memory.of[n] as Memory
          return isReady(part, of, now) ? fire(part, of) : forgetful(of)
        }),
      }
    case 'AfterAll':
      return { ...memory, isFinished: true, of: parts.map((part, n) => fire(part, memory.of[n] as Memory)) }
    case 'AfterEach': {
      const fired = withPart(trigger, memory, firstUnfinished(memory), fire)
      const kept = now.canMerge ? { ...fired, of: fired.of.map(forgetful) } : fired
      return finished(kept, firstUnfinished(kept) < 0)
    }
    case 'OrFinally': {
      const isUntil = isReady(trigger.until, memory.of[1] as Memory, now)
      const fired = isUntil
        ? withPart(trigger, withPart(trigger, memory, 1, fire), 0, forget)
        : withPart(trigger, memory, 0, fire)
      return finished(fired, someFinished(fired))
    }
  }
}

/** What a trigger remembers of a window that takes part in a merge. */
export interface MergedPart {
  readonly window: Window
  readonly memory: Memory
}

/** Memory of the merged window. */
export function afterMerge(trigger: Trigger, parts: readonly MergedPart[], now: Now): Memory {
  const same = parts.find(({ window }) => isSame(window, now.window))?.memory ?? blank(trigger)
  const memories = parts.map(({ memory }) => memory)
  const merge =
    (n: number) =>
    (part: Trigger): Memory =>
      afterMerge(
        part,
        parts.map(({ window, memory }) => ({ window, memory: memory.of[n] as Memory })),
        now,
      )
  const all: Memory = { ...same, of: partsOf(trigger).map((part, n) => merge(n)(part)) }
  switch (trigger.trigger) {
    case 'Never':
    case 'Default':
      return same
    case 'AfterPane':
      if (memories.some(({ isFinished }) => isFinished)) return finished(forgetful(same), true)
      return { ...same, count: memories.reduce((sum, { count }) => sum + count, 0) }
    case 'AfterProcessingTime':
    case 'AfterSynchronizedProcessingTime': {
      if (same.isFinished) return forgetful(same)
      const delays = memories.flatMap(({ delayedUntil }) => (delayedUntil === undefined ? [] : [delayedUntil]))
      return { ...same, delayedUntil: delays.length === 0 ? undefined : Math.min(...delays) }
    }
    case 'AfterWatermark': {
      if (partsOf(trigger).length === 0) {
        return finished(same, memories.every(({ isFinished }) => isFinished) && isOver(now))
      }
      if (memories.every(({ of }) => of[0]?.isFinished) && isOver(now)) {
        const ended = withPart(trigger, same, 0, (_, of) => finished(of, true))
        return withPart(trigger, ended, 1, merge(1))
      }
      const waiting = withPart(trigger, same, 0, (part) => finished(merge(0)(part), false))
      return withPart(trigger, waiting, 1, (_, of) => finished(forgetful(of), false))
    }
    case 'Repeatedly':
      return all
    case 'AfterFirst':
    case 'OrFinally':
      return finished(all, someFinished(all))
    case 'AfterAll':
      return finished(all, firstUnfinished(all) < 0)
    case 'AfterEach': {
      const reached = firstUnfinished(all)
      const of = all.of.map((part, n) => (reached >= 0 && n > reached ? forgetful(same.of[n] as Memory) : part))
      return finished({ ...all, of }, reached < 0)
    }
  }
}

/** The clocks at which a trigger wants to be asked. */
export function delaysOf(memory: Memory): readonly number[] {
  return [...(memory.delayedUntil === undefined ? [] : [memory.delayedUntil]), ...memory.of.flatMap(delaysOf)]
}
