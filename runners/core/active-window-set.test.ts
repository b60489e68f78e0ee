import { expect, it } from 'vitest'
import { type BoundedWindow, IntervalWindow } from '../../sdk/windowing/window.js'
import { sessionWindows } from '../../sdk/windowing/window-fn.js'
import { ActiveWindowSet } from './active-window-set.js'

interface Session {
  readonly window: BoundedWindow
  readonly collected: string
}

const windowOf = (text: string): BoundedWindow => {
  const [start, end] = text.split('-').map(Number) as [number, number]
  return new IntervalWindow(start, end)
}
const textOf = (window: BoundedWindow): string => `${window.start}-${window.end}`

/** Sessions of a gap of 10, each with what it has collected, and what was asked of `unite`. */
function sessions() {
  const set = new ActiveWindowSet<Session>(sessionWindows(10), ({ window }) => window)
  const united: string[] = []
  /** Adds elements at windows, as a bundle does, and gives the window that each is in afterwards. */
  const add = (...spans: readonly string[]): readonly string[] => {
    const own = spans.map(windowOf)
    const target = set.merge(own, (merged, existing, parts) => {
      united.push(
        `${textOf(merged)} of ${parts.map((part) => part.collected).join('+')}, ${existing?.collected ?? 'new'}`,
      )
      return { window: merged, collected: parts.map((part) => part.collected).join('') }
    })
    return own.map((window, i) => {
      const merged = target.get(window) as BoundedWindow
      const before = set.get(merged)?.collected ?? ''
      set.set(merged, { window: merged, collected: `${before}${String.fromCharCode(97 + i)}` })
      return textOf(merged)
    })
  }
  return { set, add, united }
}

it('windows that do not meet stay as they are', () => {
  const { set, add, united } = sessions()
  expect(add('0-10', '10-20', '40-50')).toEqual(['0-10', '10-20', '40-50'])
  expect(set.size).toBe(3)
  expect(united).toEqual([])
})

it('new windows of one bundle unite before anything is collected', () => {
  const { set, add, united } = sessions()
  expect(add('9-19', '0-10', '40-50')).toEqual(['0-19', '0-19', '40-50'])
  expect(set.size).toBe(2)
  // Nothing had been collected yet, but a union of new windows is one.
  expect(united).toEqual(['0-19 of , new'])
  expect(set.get(windowOf('0-19'))?.collected).toBe('ab')
})

it('what was collected moves into the union, and the parts are gone', () => {
  const { set, add, united } = sessions()
  add('0-10', '15-25', '40-50')
  expect(add('8-18')).toEqual(['0-25'])
  expect(united).toEqual(['0-25 of a+b, new'])
  expect(set.size).toBe(2)
  expect(set.get(windowOf('0-10'))).toBeUndefined()
  expect(set.get(windowOf('15-25'))).toBeUndefined()
  expect(set.get(windowOf('0-25'))?.collected).toBe('aba')
})

it('a window that falls into a session joins it, and the session keeps its extent', () => {
  const { set, add, united } = sessions()
  add('0-10', '5-15')
  expect(add('3-13')).toEqual(['0-15'])
  expect(united).toEqual(['0-15 of , new', '0-15 of ab, ab'])
  expect(set.size).toBe(1)
})

it('the same window again is no merge', () => {
  const { set, add, united } = sessions()
  add('0-10')
  expect(add('0-10')).toEqual(['0-10'])
  expect(united).toEqual([])
  expect(set.get(windowOf('0-10'))?.collected).toBe('aa')
})

it('a union whose extent one part already had tells which', () => {
  const { add, united } = sessions()
  add('0-10', '9-30')
  add('20-30', '25-28')
  expect(united).toEqual(['0-30 of , new', '0-30 of ab, ab'])
})

it('a key whose sessions are all over keeps nothing', () => {
  const { set, add } = sessions()
  for (let burst = 0; burst < 50; burst++) {
    const start = burst * 100
    add(`${start}-${start + 10}`, `${start + 5}-${start + 15}`)
    add(`${start + 14}-${start + 24}`)
    expect(set.size).toBe(1)
    set.delete(windowOf(`${start}-${start + 24}`))
    expect(set.size).toBe(0)
  }
})

it('any order of arrival ends in the same sessions', () => {
  const spans = ['0-10', '8-18', '16-26', '40-50', '49-59', '70-80']
  const extents = (order: readonly string[]): readonly string[] => {
    const { set, add } = sessions()
    for (const span of order) add(span)
    return ['0-26', '40-59', '70-80'].map((span) => `${span} ${set.get(windowOf(span))?.collected.length} ${set.size}`)
  }
  const expected = ['0-26 3 3', '40-59 2 3', '70-80 1 3']
  for (let shift = 0; shift < spans.length; shift++) {
    const order = [...spans.slice(shift), ...spans.slice(0, shift)]
    expect(extents(order)).toEqual(expected)
    expect(extents(order.reverse())).toEqual(expected)
  }
})
