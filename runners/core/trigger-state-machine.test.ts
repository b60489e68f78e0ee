import { describe, expect, it } from 'vitest'
import {
  afterAll,
  afterBatch,
  afterCount,
  afterEach,
  afterFirst,
  afterProcessingTime,
  afterWatermark,
  defaultTrigger,
  never,
  orFinally,
  repeatedly,
  type Trigger,
} from '../../sdk/windowing/trigger.js'
import { type BoundedWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import type { TriggerContext, TriggerState } from './trigger-node.js'
import { TriggerStateMachine } from './trigger-state-machine.js'

/** A machine in the window [0, 10), with clocks that a test moves; what it asks for is noted. */
function machineOf(trigger: Trigger, merges = false) {
  const machine = new TriggerStateMachine(trigger, merges)
  const asked: string[] = []
  const now = { watermark: 0, clock: 0, isBatchOver: false }
  const contextOf = (window: BoundedWindow): TriggerContext => ({
    window,
    get inputWatermark() {
      return now.watermark
    },
    get processingTime() {
      return now.clock
    },
    get synchronizedTime() {
      return now.clock
    },
    get isBatchOver() {
      return now.isBatchOver
    },
    askAtEnd: () => asked.push('end'),
    wakeAt: (clock, time) => asked.push(`${clock} ${time}`),
  })
  return { machine, asked, now, contextOf }
}

/** Plays `e` (an element), `w` (the window ends), `b` (the batch ends), `pN` (N ms pass); notes `!` where it fires, `.` where not, `#` once finished. */
function play(trigger: Trigger, script: string): string {
  const { machine, now, contextOf } = machineOf(trigger)
  const context = contextOf(new IntervalWindow(0, 10))
  const state = machine.newState()
  return script
    .split(' ')
    .map((event) => {
      if (machine.isFinished(state)) return '#'
      now.isBatchOver = event === 'b'
      if (event === 'w') now.watermark = 20
      else if (event === 'b') machine.afterBatch(state, context)
      else if (event === 'e') machine.onElement(state, context)
      else now.clock += Number(event.slice(1))
      if (!machine.shouldFire(state, context)) return '.'
      machine.onFire(state, context)
      return '!'
    })
    .join('')
}

describe('when a trigger fires', () => {
  it.each<[string, Trigger, string, string]>([
    ['default: at the end, then for every bundle', defaultTrigger, 'e e w e e', '..!!!'],
    ['never', never(), 'e w e', '...'],
    ['a count, once', afterCount(2), 'e e e', '.!#'],
    ['a count, again and again', repeatedly(afterCount(2)), 'e e e e', '.!.!'],
    ['a count does not look at the end', repeatedly(afterCount(2)), 'e w e', '..!'],
    ['nested repeating is repeating', repeatedly(repeatedly(afterCount(2))), 'e e e e', '.!.!'],
    ['a delay, once it is over, not at it', repeatedly(afterProcessingTime(5)), 'e p5 p1 p9', '..!.'],
    ['a delay of nothing waits for the clock to move', repeatedly(afterProcessingTime(0)), 'e e p1', '..!'],
    [
      'a delay counts from the first element of the pane',
      repeatedly(afterProcessingTime(5)),
      'e p3 e p3 e p5 p1',
      '...!..!',
    ],
    [
      'a delay that is aligned waits for the next such instant',
      repeatedly(afterProcessingTime(1, { alignTo: { period: 10, offset: 3 } })),
      'e p2 p1 p1 e p9 p1',
      '...!..!',
    ],
    ['the watermark, once', afterWatermark(), 'e w e', '.!#'],
    [
      'early ones repeat; the end is one more; then it is finished',
      afterWatermark({ early: afterCount(2) }),
      'e e e e e w e',
      '.!.!.!#',
    ],
    ['late ones repeat after the end', afterWatermark({ late: afterCount(2) }), 'e w e e e e', '.!.!.!'],
    [
      'what came before the end does not count for late ones',
      afterWatermark({ late: afterCount(2) }),
      'e e e w e e',
      '...!.!',
    ],
    ['the first of two, once', afterFirst(afterCount(3), afterWatermark()), 'e e w e', '..!#'],
    [
      'the first of two, repeated: all begin anew',
      repeatedly(afterFirst(afterCount(2), afterProcessingTime(9))),
      'e e e p9 p1',
      '.!..!',
    ],
    ['the end of a batch, once', afterBatch(), 'e w b e b', '..!##'],
    ['the end of a batch that has brought something', repeatedly(afterBatch()), 'b e e b b e b', '...!..!'],
    [
      'a count and the end of a batch',
      repeatedly(afterAll(afterCount(2), afterBatch())),
      'e b e e b b e b',
      '....!...',
    ],
    ['a count or the end of a batch', repeatedly(afterFirst(afterCount(2), afterBatch())), 'e b e e b e b', '.!.!..!'],
    ['all of several', afterAll(afterCount(3), afterWatermark()), 'e e w e e', '...!#'],
    ['all of two counts', afterAll(afterCount(2), afterCount(4)), 'e e e e', '...!'],
    ['one after another', afterEach(afterCount(2), afterCount(3)), 'e e e e e e', '.!..!#'],
    ['one after another, again', repeatedly(afterEach(afterCount(2), afterCount(1))), 'e e e e e e', '.!!.!!'],
    [
      'until another fires, which then counts over panes',
      orFinally(repeatedly(afterCount(2)), afterCount(5)),
      'e e e e e e',
      '.!.!!#',
    ],
  ])('%s', (_, trigger, script, expected) => {
    expect(play(trigger, script)).toBe(expected)
  })
})

describe('what a trigger asks for', () => {
  it.each<[string, Trigger, readonly string[]]>([
    ['the watermark asks for the end', afterWatermark(), ['end']],
    ['the default too', defaultTrigger, ['end']],
    ['a count asks for nothing', repeatedly(afterCount(2)), []],
    ['a delay asks for a time, once per pane', repeatedly(afterProcessingTime(5)), ['processing 12']],
    ['only the part whose turn it is asks', afterEach(afterCount(3), repeatedly(afterProcessingTime(5))), []],
  ])('%s', (_, trigger, expected) => {
    const { machine, asked, now, contextOf } = machineOf(trigger)
    now.clock = 7
    const state = machine.newState()
    const context = contextOf(new IntervalWindow(0, 10))
    machine.onElement(state, context)
    machine.onElement(state, context)
    expect([...new Set(asked)]).toEqual(expected)
  })

  it('only triggers that fire at the end and never before may add up elements unasked', () => {
    const may = (trigger: Trigger): boolean => new TriggerStateMachine(trigger, false).firesAtEndOfWindow
    expect(
      [defaultTrigger, afterWatermark(), afterWatermark({ late: afterCount(1) }), repeatedly(afterWatermark())].map(
        may,
      ),
    ).toEqual([true, true, true, true])
    expect(
      [
        never(),
        afterCount(1),
        afterWatermark({ early: afterCount(9) }),
        repeatedly(afterFirst(afterCount(1), afterWatermark())),
      ].map(may),
    ).toEqual([false, false, false, false])
  })
})

describe('when windows become one', () => {
  const [first, second, union] = [new IntervalWindow(0, 10), new IntervalWindow(8, 18), new IntervalWindow(0, 18)]

  function merged(
    trigger: Trigger,
    prepare: (play: ReturnType<typeof machineOf>, states: readonly TriggerState[]) => void,
  ) {
    const play = machineOf(trigger, true)
    const states = [play.machine.newState(), play.machine.newState()]
    prepare(play, states)
    return { ...play, state: play.machine.onMerge(undefined, states, play.contextOf(union)) }
  }

  it('counts add up', () => {
    const { machine, state, contextOf } = merged(repeatedly(afterCount(3)), ({ machine, contextOf }, [a, b]) => {
      machine.onElement(a as TriggerState, contextOf(first))
      machine.onElement(b as TriggerState, contextOf(second))
    })
    expect(machine.shouldFire(state, contextOf(union))).toBe(false)
    machine.onElement(state, contextOf(union))
    expect(machine.shouldFire(state, contextOf(union))).toBe(true)
  })

  it('the earliest of the delays stays, and is asked for again', () => {
    const { asked } = merged(repeatedly(afterProcessingTime(5)), ({ machine, contextOf, now }, [a, b]) => {
      machine.onElement(a as TriggerState, contextOf(first))
      now.clock = 3
      machine.onElement(b as TriggerState, contextOf(second))
    })
    expect(asked).toEqual(['processing 5', 'processing 8', 'processing 5'])
  })

  it('a union whose end is still to come is before its end again', () => {
    const trigger = afterWatermark({ late: afterCount(1) })
    const { machine, state, now, contextOf } = merged(trigger, ({ machine, contextOf, now }, [a]) => {
      machine.onElement(a as TriggerState, contextOf(first))
      now.watermark = 12
      machine.onFire(a as TriggerState, contextOf(first))
    })
    machine.onElement(state, contextOf(union))
    expect(machine.shouldFire(state, contextOf(union))).toBe(false)
    now.watermark = 18
    expect(machine.shouldFire(state, contextOf(union))).toBe(true)
  })

  it('a part that has not finished keeps the union from being finished', () => {
    const { machine, state } = merged(afterWatermark(), ({ machine, contextOf, now }, [a]) => {
      now.watermark = 30
      machine.onFire(a as TriggerState, contextOf(first))
    })
    expect(machine.isFinished(state)).toBe(false)
  })

  it('a window of the same extent that had finished stays finished, unless its trigger begins anew', () => {
    const again = (trigger: Trigger): boolean => {
      const { machine, contextOf } = machineOf(trigger, true)
      const finished = machine.newState()
      machine.onElement(finished, contextOf(union))
      machine.onFire(finished, contextOf(union))
      return machine.isFinished(machine.onMerge(finished, [machine.newState()], contextOf(union)))
    }
    expect(again(afterCount(1))).toBe(true)
    expect(again(repeatedly(afterCount(1)))).toBe(false)
  })
})
