import { expect, it } from 'vitest'
import { dynamicCoder } from '../../sdk/coders/index.js'
import { seededRandom } from '../../sdk/env.js'
import { inKeyOrder } from './key-order.js'

const ordered = (keys: readonly unknown[]): readonly unknown[] => inKeyOrder(keys, (key) => key, dynamicCoder)

it('texts come in the order of their characters, before all other keys', () => {
  expect(ordered(['k1', 'k10', 7, 'k0', ''])).toEqual(['', 'k0', 'k1', 'k10', 7])
})

it('the order does not depend on how the keys arrived', () => {
  const keys = ['b', 'a', null, 1, -1, 1.5, true, { x: 1 }, { x: 2 }, [1], 10n, 'ä', Number.NaN]
  const random = seededRandom(7)
  const first = ordered(keys)
  for (let round = 0; round < 50; round++) {
    const shuffled = keys
      .map((key) => ({ key, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ key }) => key)
    expect(ordered(shuffled)).toEqual(first)
  }
})

it('items of one key stay in their order', () => {
  const items = [
    ['b', 1],
    ['a', 1],
    ['b', 0],
    ['a', 0],
  ] as const
  expect(inKeyOrder(items, ([key]) => key, dynamicCoder)).toEqual([
    ['a', 1],
    ['a', 0],
    ['b', 1],
    ['b', 0],
  ])
})
