import fc from 'fast-check'
import { expect, it } from 'vitest'
import { unpaired } from './pairing.js'

/** The size of the largest matching, by trying every way. */
function most(partners: readonly (readonly number[])[], taken: ReadonlySet<number> = new Set()): number {
  const [first, ...rest] = partners
  if (first === undefined) return 0
  const placed = first.filter((at) => !taken.has(at)).map((at) => 1 + most(rest, new Set([...taken, at])))
  return Math.max(most(rest, taken), ...placed)
}

it('one that fits several leaves to another what only that one can have', () => {
  const fits = (a: string, b: string): boolean => b.startsWith(a)
  expect(unpaired(['a', 'ab'], ['ab', 'ac'], fits)).toEqual({ left: [], right: [] })
  expect(unpaired(['a', 'ab', 'ab'], ['ab', 'ac', 'd'], fits)).toEqual({ left: ['ab'], right: ['d'] })
  expect(unpaired([], ['d'], fits)).toEqual({ left: [], right: ['d'] })
})

it('no other way to pair leaves fewer alone', () => {
  const places = fc.integer({ min: 0, max: 4 })
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(places, { maxLength: 3 }), { maxLength: 6 }), (partners) => {
      const { left, right } = unpaired(partners, [0, 1, 2, 3, 4], (wanted, at) => wanted.includes(at))
      expect(partners.length - left.length).toBe(most(partners))
      expect(5 - right.length).toBe(most(partners))
    }),
  )
})
