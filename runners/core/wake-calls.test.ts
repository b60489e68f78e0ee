import { expect, it } from 'vitest'
import type { ReduceCell } from './reduce-table.js'
import { WakeCalls } from './wake-calls.js'

function cells(...keys: readonly string[]): readonly ReduceCell[] {
  return keys.map((key) => ({ key, accumulator: undefined, details: undefined }))
}

/** The keys of all cells that are to be asked now. */
function taken(calls: WakeCalls): readonly unknown[] {
  return calls.take().map(({ key }) => key)
}

it('asks a cell once when several of its calls are due together, and again for a later one', () => {
  let now = 0
  const calls = new WakeCalls({ processing: () => now, synchronized: () => now }, () => true)
  const [a, b] = cells('a', 'b') as [ReduceCell, ReduceCell]
  calls.add('processing', 1, a)
  calls.add('processing', 1, a)
  calls.add('processing', 2, b)
  calls.add('processing', 3, a)
  calls.add('processing', 7, a)
  now = 5
  expect(taken(calls)).toEqual(['a', 'b'])
  expect(calls.isDue).toBe(false)
  now = 8
  expect(taken(calls)).toEqual(['a'])
})

it('asks only once the clock is past a time, and no cell whose window has gone', () => {
  let now = 4
  const calls = new WakeCalls({ processing: () => now, synchronized: () => now }, ({ key }) => key !== 'gone')
  const [gone, b] = cells('gone', 'b') as [ReduceCell, ReduceCell]
  calls.add('processing', 3, gone)
  calls.add('synchronized', 4, b)
  expect(taken(calls)).toEqual([])
  now = 5
  expect(taken(calls)).toEqual(['b'])
})
