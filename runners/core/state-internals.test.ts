import { describe, expect, it } from 'vitest'
import { dynamicCoder } from '../../sdk/coders/index.js'
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX } from '../../sdk/time.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import { type BoundedWindow, globalWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import { StateInternals, UNSET } from './state-internals.js'

const first = new IntervalWindow(0, 10)
const second = new IntervalWindow(10, 20)

function stateOf(cells = 2, timers = 1) {
  const opened: BoundedWindow[] = []
  return { opened, state: new StateInternals(dynamicCoder, cells, timers, (window) => opened.push(window)) }
}

describe('a window expires', () => {
  it.each<[string, BoundedWindow, number, number]>([
    ['at its last timestamp without lateness', first, 0, 9],
    ['later by the lateness', first, 100, 109],
    ['no later than the global window ends', first, TIMESTAMP_MAX, END_OF_GLOBAL_WINDOW],
    ['the global window at its end, whatever the lateness', globalWindow, 1000, END_OF_GLOBAL_WINDOW],
  ])('%s', (_, window, lateness, expiry) => {
    expect(expiryOf(window, lateness)).toBe(expiry)
  })
})

describe('records', () => {
  it('are one per key and window, and each window is told of once', () => {
    const { state, opened } = stateOf()
    const a = state.record('a', first)
    expect(state.record('a', new IntervalWindow(0, 10))).toBe(a)
    expect(state.record('b', first)).not.toBe(a)
    expect(state.record('a', second)).not.toBe(a)
    expect(state.record({ x: 1, y: -0 }, first)).toBe(state.record({ y: 0, x: 1 }, first))
    expect(opened).toEqual([first, second])
    expect(state.size).toBe(4)
  })

  it('have cells and timers that are unset at first', () => {
    const { state } = stateOf(2, 3)
    const record = state.record('a', first)
    expect([record.cells, record.timers, record.isEmpty]).toEqual([[UNSET, UNSET], [undefined, undefined, undefined], true]) // prettier-ignore
    record.write(1, undefined)
    expect(record.isEmpty).toBe(false)
  })

  it('go with their window, and a window that comes again is told of again', () => {
    const { state, opened } = stateOf()
    const a = state.record('a', first)
    state.record('b', first)
    state.record('a', second)
    expect(state.recordsOf(first)).toHaveLength(2)
    expect(state.expire(first)).toContain(a)
    expect([state.size, state.recordsOf(first), state.expire(first)]).toEqual([1, [], []])
    expect(state.record('a', first)).not.toBe(a)
    expect(opened).toEqual([first, second, first])
  })

  it('do not come back with the window that was asked for last', () => {
    const { state, opened } = stateOf()
    const record = state.record('a', first)
    state.expire(first)
    expect(state.record('a', first)).not.toBe(record)
    expect([state.size, opened.length]).toEqual([1, 2])
  })

  it('that hold nothing can be forgotten; those that hold a value, a timer or a call cannot', () => {
    const { state } = stateOf()
    const record = state.record('a', first)
    const pruned = (): boolean => {
      state.prune(record)
      return state.size === 0
    }
    record.write(0, 5)
    expect(pruned()).toBe(false)
    record.write(0, UNSET)
    record.timers[0] = { fireTimestamp: 5, outputTimestamp: 5, tag: undefined, holds: true }
    expect(pruned()).toBe(false)
    record.timers[0] = undefined
    record.tail = Promise.resolve()
    expect(pruned()).toBe(false)
    record.tail = undefined
    expect(pruned()).toBe(true)
    expect(record.mayBeEmpty).toBe(false)
  })
})

describe('a call', () => {
  it('that fails leaves no trace, however often it wrote', () => {
    const record = stateOf().state.record('a', first)
    record.write(0, 'before')
    record.beginCall()
    record.write(0, 'once')
    record.write(0, UNSET)
    record.write(0, 'twice')
    record.write(1, 'other')
    const undone: string[] = []
    record.onRollBack(() => undone.push(`timer, with ${String(record.read(1))}`))
    record.rollBack()
    // The last change is taken back first, so each step finds what it left.
    expect(undone).toEqual(['timer, with other'])
    expect(record.cells).toEqual(['before', UNSET])
    record.rollBack()
    expect(record.cells).toEqual(['before', UNSET])
  })

  it('that succeeds cannot be taken back, nor what came before calls', () => {
    const record = stateOf().state.record('a', first)
    record.beginCall()
    record.write(0, 1)
    record.endCall()
    record.write(1, 2)
    record.rollBack()
    expect(record.cells).toEqual([1, 2])
  })

  it('is tried again from where the first try began', () => {
    const record = stateOf().state.record('a', first)
    record.write(0, 1)
    for (let attempt = 0; attempt < 3; attempt++) {
      record.beginCall()
      record.write(0, (record.read(0) as number) + 1)
      if (attempt < 2) record.rollBack()
    }
    record.endCall()
    expect(record.read(0)).toBe(2)
  })
})
