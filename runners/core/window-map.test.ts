import { expect, it } from 'vitest'
import { globalWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import { WindowMap } from './window-map.js'

const window = (start: number, end: number): IntervalWindow => new IntervalWindow(start, end)

it('windows are found by their ends, whichever object carries them', () => {
  const map = new WindowMap<string>()
  map.set(window(0, 10), 'a')
  map.set(window(5, 10), 'same end')
  map.set(window(0, 15), 'same start')
  map.set(globalWindow, 'global')
  map.set(window(0, 10), 'b')
  expect(map.size).toBe(4)
  expect(map.get(window(0, 10))).toBe('b')
  expect(map.get(window(5, 10))).toBe('same end')
  expect(map.get(window(0, 15))).toBe('same start')
  expect(map.get(window(globalWindow.start, globalWindow.end))).toBe('global')
  expect(map.get(window(10, 0))).toBeUndefined()
  expect([...map.values()].sort()).toEqual(['b', 'global', 'same end', 'same start'])
})

it('what is deleted is gone, and the rest is not', () => {
  const map = new WindowMap<number>()
  map.set(window(0, 10), 1)
  map.set(window(5, 10), 2)
  expect([map.delete(window(0, 10)), map.delete(window(0, 10)), map.delete(window(0, 11))]).toEqual([
    true,
    false,
    false,
  ])
  expect([map.size, map.get(window(0, 10)), map.get(window(5, 10)), [...map.values()]]).toEqual([1, undefined, 2, [2]])
  expect(map.delete(window(5, 10))).toBe(true)
  expect([map.size, [...map.values()]]).toEqual([0, []])
  map.set(window(5, 10), 3)
  expect([map.size, map.get(window(5, 10))]).toEqual([1, 3])
})

it('a value of undefined is still there', () => {
  const map = new WindowMap<undefined>()
  map.set(window(0, 1), undefined)
  expect([map.size, map.delete(window(0, 1)), map.size]).toEqual([1, true, 0])
})

it('windows may be deleted while they are walked through', () => {
  const map = new WindowMap<IntervalWindow>()
  for (let start = 0; start < 10; start++) map.set(window(start, start + 5), window(start, start + 5))
  const seen: number[] = []
  for (const each of map.values()) {
    seen.push(each.start)
    map.delete(each)
  }
  expect(seen).toHaveLength(10)
  expect(map.size).toBe(0)
})

it('clear forgets everything', () => {
  const map = new WindowMap<number>()
  map.set(window(0, 10), 1)
  map.clear()
  expect([map.size, map.get(window(0, 10)), [...map.values()]]).toEqual([0, undefined, []])
})
