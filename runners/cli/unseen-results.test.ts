import { expect, it } from 'vitest'
import { pipeline, type Pipeline } from 'millrace'
import { unseenResults } from './unseen-results.js'

const unseen = (build: (p: Pipeline) => void): readonly string[] => {
  const p = pipeline()
  build(p)
  return unseenResults(p.build().graph)
}

it('what is collected is named, where nothing is printed', () => {
  expect(
    unseen((p) => {
      p.create('a', [1]).collect('ones')
      p.create('b', [2]).collect('twos')
    }),
  ).toEqual(['ones', 'twos'])
})

it('a pipeline that prints has shown what it wanted to', () => {
  expect(unseen((p) => p.create('a', [1]).collect('ones').print('one'))).toEqual([])
})

it('a pipeline that collects nothing has nothing to show', () => {
  expect(unseen((p) => p.create('a', [1]).map('same', (n) => n))).toEqual([])
})
