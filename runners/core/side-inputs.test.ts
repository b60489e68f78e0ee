import { describe, expect, it } from 'vitest'
import { dynamicCoder } from '../../sdk/coders/index.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import { type BoundedWindow, globalWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import { fixedWindows, globalWindows, slidingWindows, type WindowFn } from '../../sdk/windowing/window-fn.js'
import { globalStrategy, rewindow } from '../../sdk/windowing/windowing-strategy.js'
import { SideInputStore } from './side-inputs.js'
import type { SideInput } from './stage.js'

const window = (start: number, end: number): BoundedWindow => new IntervalWindow(start, end)

/** A list view in windows, into which numbers have come that are their own timestamps. */
function listView(windowFn: WindowFn, ...numbers: readonly number[]) {
  const side = {
    viewFn: { kind: 'list', name: 'view', hasDefault: false, defaultValue: undefined },
    strategy: rewindow(globalStrategy, windowFn, {}),
  } as unknown as SideInput
  const store = new SideInputStore(side, dynamicCoder, TIMESTAMP_MIN)
  const arrive = (...more: readonly number[]): void => {
    for (const n of more) store.arrived.add(n, n, windowFn.assign(n), NO_FIRING)
  }
  arrive(...numbers)
  store.absorb()
  return { store, arrive }
}

describe('a window of a view', () => {
  it('is complete when the watermark has passed its last timestamp, not at it', () => {
    const { store } = listView(fixedWindows(10))
    const ready = (watermark: number): readonly boolean[] => {
      store.watermark = watermark
      return [store.isReady(window(0, 5)), store.isReady(window(5, 12)), store.isReady(globalWindow)]
    }
    expect(ready(TIMESTAMP_MIN)).toEqual([false, false, false])
    expect(ready(9)).toEqual([false, false, false])
    expect(ready(10)).toEqual([true, false, false])
    expect(ready(20)).toEqual([true, true, false])
    expect(ready(TIMESTAMP_MAX)).toEqual([true, true, true])
  })

  it('shows what has arrived in it, and nothing of what has not been taken in', () => {
    const { store, arrive } = listView(fixedWindows(10), 1, 12, 3)
    expect([store.read(window(0, 10)), store.read(window(10, 15)), store.read(window(20, 30))]).toEqual([
      [1, 3],
      [12],
      [],
    ])
    arrive(4)
    expect(store.read(window(0, 10))).toEqual([1, 3])
    expect(store.absorb()).toBe(true)
    expect(store.read(window(0, 10))).toEqual([1, 3, 4])
    expect(store.absorb()).toBe(false)
  })

  it('is the same object as long as nothing arrives in it', () => {
    const { store, arrive } = listView(fixedWindows(10), 1)
    const before = store.read(window(0, 10))
    arrive(15)
    store.absorb()
    expect(store.read(window(0, 10))).toBe(before)
  })

  it('holds an element once for each of its windows', () => {
    const { store } = listView(slidingWindows(10, { every: 5 }), 7)
    expect([store.read(window(0, 10)), store.read(window(5, 15)), store.read(window(10, 20))]).toEqual([[7], [7], []])
  })
})

describe('windows that no one can read any more', () => {
  it('are forgotten when the watermark has passed them, not before', () => {
    const { store } = listView(fixedWindows(10), 1, 11)
    const content = () => [store.read(window(0, 10)), store.read(window(10, 20))]
    store.forgetBefore(9)
    expect(content()).toEqual([[1], [11]])
    store.forgetBefore(10)
    expect(content()).toEqual([[], [11]])
    store.forgetBefore(20)
    expect(content()).toEqual([[], []])
  })

  it('the global window is there until the end', () => {
    const { store } = listView(globalWindows(), 1)
    store.forgetBefore(globalWindow.maxTimestamp)
    expect(store.read(window(0, 10))).toEqual([1])
  })
})
