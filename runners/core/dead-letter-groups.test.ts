import { expect, it } from 'vitest'
import { coded } from '../../sdk/error-codes.js'
import type { DeadLetter } from '../../sdk/transforms/errors.js'
import { DeadLetterGroups } from './dead-letter-groups.js'

const letter = (step: string, name: string, line: number, element: unknown = line): DeadLetter => ({
  element,
  step,
  error: { name, message: `${name} ${line}`, stack: `${name}: x\n    at parse (/shop/orders.ts:${line}:5)` },
  window: 'the global window',
  timestamp: 0,
  source: undefined,
})

it('dead letters of one step, place and kind are one group, with the first as the example', () => {
  const groups = new DeadLetterGroups()
  for (const each of [letter('a', 'TypeError', 1, 'x'), letter('a', 'TypeError', 1, 'y')]) groups.add(each, new Error())
  groups.add(letter('a', 'RangeError', 1), coded('MR-2002', new RangeError()))
  groups.add(letter('a', 'TypeError', 2), new Error())
  groups.add(letter('b', 'TypeError', 1), new Error())
  expect(groups.list().map(({ step, error, place, count }) => [step, error, place, count])).toEqual([
    ['a', 'TypeError', '/shop/orders.ts:1:5', 2],
    ['a', 'RangeError', '/shop/orders.ts:1:5', 1],
    ['a', 'TypeError', '/shop/orders.ts:2:5', 1],
    ['b', 'TypeError', '/shop/orders.ts:1:5', 1],
  ])
  expect(groups.list()[0]?.example).toMatchObject({ element: '"x"', message: 'TypeError 1', code: undefined })
  expect(groups.list()[1]?.example.code).toBe('MR-2002')
})

it('memory is bounded: what exceeds the groups is counted by step', () => {
  const groups = new DeadLetterGroups()
  for (let line = 1; line <= 1000; line++) groups.add(letter('a', 'Error', line), new Error())
  const list = groups.list()
  expect(list).toHaveLength(101)
  expect(list.at(-1)).toMatchObject({ step: 'a', error: 'other errors', place: undefined, count: 900 })
})

it('what a bundle that failed has added is taken back', () => {
  const groups = new DeadLetterGroups()
  groups.add(letter('a', 'Error', 1), new Error())
  const restore = groups.save()
  groups.add(letter('a', 'Error', 1), new Error())
  groups.add(letter('a', 'Error', 2), new Error())
  restore()
  expect(groups.list().map(({ count }) => count)).toEqual([1])
})
