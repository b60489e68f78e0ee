import { expect, it } from 'vitest'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import { globalWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import { ElementBuffer } from './element-buffer.js'
import { ON_TIME_ONLY } from './pane-info-tracker.js'

const several = [new IntervalWindow(0, 10), new IntervalWindow(5, 15)]

/** Elements `a`, `b`, …, each with columns of its own. */
function bufferOf(count: number): ElementBuffer {
  const buffer = new ElementBuffer()
  for (let i = 0; i < count; i++) {
    buffer.add(
      String.fromCharCode(97 + i),
      i * 10,
      i % 2 === 0 ? globalWindow : several,
      i % 2 === 0 ? NO_FIRING : ON_TIME_ONLY,
    )
  }
  return buffer
}

/** Elements as text; each must still have the columns it came with. */
function contents(buffer: ElementBuffer, from?: number, to?: number): string {
  let text = ''
  buffer.forEach(
    (value, timestamp, windows, pane) => {
      const i = (value as string).charCodeAt(0) - 97
      expect(timestamp).toBe(i * 10)
      expect(windows).toBe(i % 2 === 0 ? globalWindow : several)
      expect(pane).toBe(i % 2 === 0 ? NO_FIRING : ON_TIME_ONLY)
      text += value as string
    },
    from,
    to,
  )
  return text
}

it('keeps elements in order, with all their columns', () => {
  expect(contents(new ElementBuffer())).toBe('')
  expect(contents(bufferOf(5))).toBe('abcde')
  expect(bufferOf(5).length).toBe(5)
})

it.each([
  [0, 5, 'abcde'],
  [1, 3, 'bc'],
  [2, 2, ''],
  [4, 5, 'e'],
  [0, 0, ''],
])('elements [%d, %d) are %s', (from, to, expected) => {
  const buffer = bufferOf(5)
  expect(contents(buffer, from, to)).toBe(expected)
  const part = buffer.slice(from, to)
  expect(contents(part)).toBe(expected)
  part.add('a', 0, globalWindow, NO_FIRING)
  expect(contents(buffer)).toBe('abcde')
})

it('take leaves an empty buffer that shares nothing with what was taken', () => {
  const buffer = bufferOf(3)
  const taken = buffer.take()
  expect([buffer.length, contents(taken)]).toEqual([0, 'abc'])
  buffer.add('a', 0, globalWindow, NO_FIRING)
  expect([contents(buffer), contents(taken)]).toEqual(['a', 'abc'])
  expect(buffer.take().length).toBe(1)
  expect(buffer.take().length).toBe(0)
})

it('reorders by index, whole elements', () => {
  const buffer = bufferOf(4)
  expect(contents(buffer.reordered([3, 1, 0, 2]))).toBe('dbac')
  expect(contents(buffer.reordered([]))).toBe('')
  expect(contents(buffer)).toBe('abcd')
})
