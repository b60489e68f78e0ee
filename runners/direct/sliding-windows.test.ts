/**
 * Sliding windows by brute force: whatever the engine shares between windows, each holds exactly what lies in it.
 */
import fc from 'fast-check'
import * as t from 'io-ts'
import { expect, it } from 'vitest'
import { type CombineFn, type KV, pipeline, run, type RunOptions, slidingWindows } from 'millrace'
import { at, testStream } from 'millrace/testing'
import { modes } from '../../conformance/support/modes.js'

interface Numbers {
  values: number[]
}

/** Merging empties one accumulator and gives back the other, as it may: what is shared must not be there. */
const greedy: CombineFn<number, Numbers, readonly number[]> = {
  createAccumulator: () => ({ values: [] }),
  addInput: (accumulator, n) => {
    accumulator.values.push(n)
    return accumulator
  },
  mergeAccumulators: (a, b) => {
    b.values.push(...a.values)
    a.values = []
    return b
  },
  extractOutput: ({ values }) => [...values].sort((a, b) => a - b),
  accumulator: t.type({ values: t.array(t.number) }),
}

const ordered = (values: Iterable<number>): string => [...values].sort((a, b) => a - b).join(' ')

/** The last pane of each window, as `key window: values`. */
async function windowsOf(
  batches: readonly (readonly number[])[],
  kind: 'list' | 'full',
  every: number,
  options: RunOptions,
): Promise<readonly string[]> {
  const p = pipeline()
  let events = testStream<number>()
  batches.forEach((batch, i) => {
    events = events.add(...batch.map((n) => at(n, n))).advanceWatermarkTo(10 * (i + 1))
  })
  const keyed = p
    .apply('events', events.end())
    .windowInto('windows', slidingWindows(20, { every }), { allowedLateness: 1000, accumulation: 'accumulating' })
    .keyBy('parity', (n) => (n % 2 === 0 ? 'even' : 'odd'))
  if (kind === 'list') keyed.groupByKey('group').collect('out')
  else keyed.combinePerKey('combine', greedy).collect('out')
  const last = new Map<string, { readonly index: number; readonly values: string }>()
  for (const { value, window, pane } of (await run(p, options)).collectWindowed<KV<string, Iterable<number>>>('out')) {
    const place = `${value.key} ${window.start}`
    if ((last.get(place)?.index ?? -1) < pane.index)
      last.set(place, { index: pane.index, values: ordered(value.value) })
  }
  return [...last].map(([place, { values }]) => `${place}: ${values}`).sort()
}

function byHand(all: readonly number[], every: number): readonly string[] {
  const windows = new Map<string, number[]>()
  for (const n of all) {
    for (let start = Math.floor(n / every) * every; start > n - 20; start -= every) {
      const place = `${n % 2 === 0 ? 'even' : 'odd'} ${start}`
      windows.set(place, [...(windows.get(place) ?? []), n])
    }
  }
  return [...windows].map(([place, values]) => `${place}: ${ordered(values)}`).sort()
}

it.each(['list', 'full'] as const)('windows of a %s hold what lies in them, late elements too', async (kind) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 }), { maxLength: 6 }),
      fc.constantFrom(1, 4, 5, 10, 20, 7),
      fc.constantFrom(...modes),
      async (batches, every, { options }) => {
        expect(await windowsOf(batches, kind, every, options)).toEqual(byHand(batches.flat(), every))
      },
    ),
    { numRuns: 80 },
  )
})
