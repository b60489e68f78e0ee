import { expect, it } from 'vitest'
import { type BoundedWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import { sidesObject } from './sides-object.js'

it('a side input is read when it is asked for, in the window of that moment', () => {
  const reads: string[] = []
  const reader: { window: BoundedWindow } = { window: new IntervalWindow(0, 10) }
  const sides = sidesObject(
    ['rates', 'limits'],
    (side, window) => {
      reads.push(`${side} in ${window.start}`)
      return side * 100 + window.start
    },
    reader,
  ) as { readonly rates: number; readonly limits: number }
  expect(reads).toEqual([])
  expect(sides.limits).toBe(100)
  reader.window = new IntervalWindow(10, 20)
  expect([sides.rates, sides.limits]).toEqual([10, 110])
  expect(reads).toEqual(['1 in 0', '0 in 10', '1 in 10'])
})

it('shows its names and nothing else, and cannot be written', () => {
  const sides = sidesObject(['b', 'a', '__proto__'], (side) => side, { window: new IntervalWindow(0, 1) }) as Record<
    string,
    unknown
  >
  expect(Object.keys(sides)).toEqual(['b', 'a', '__proto__'])
  expect({ ...sides }).toEqual(Object.fromEntries([['b', 0], ['a', 1], ['__proto__', 2]])) // prettier-ignore
  expect(() => {
    sides['a'] = 5
  }).toThrow(TypeError)
})

it('steps share getters but not what they read', () => {
  const at = (name: string, base: number): Record<string, unknown> =>
    sidesObject([name], () => base, { window: new IntervalWindow(0, 1) }) as Record<string, unknown>
  const one = at('x', 1)
  const two = at('y', 2)
  expect([one['x'], two['y']]).toEqual([1, 2])
  const getter = (sides: object, name: string) => Object.getOwnPropertyDescriptor(sides, name)?.get
  expect(getter(one, 'x')).toBe(getter(two, 'y'))
})

it('a view that is broken fails who looks at it, each time', () => {
  const sides = sidesObject(
    ['good', 'broken'],
    (side) => {
      if (side === 1) throw new Error('singleton view is empty')
      return 'fine'
    },
    { window: new IntervalWindow(0, 1) },
  ) as { readonly good: unknown; readonly broken: unknown }
  expect(sides.good).toBe('fine')
  expect(() => sides.broken).toThrow('singleton view is empty')
  expect(() => sides.broken).toThrow('singleton view is empty')
})
