/** What an author's own combiner is asked, and when: by a semigroup, by a full CombineFn, and by one that fails. */
import { describe, expect, it } from 'vitest'
import {
  type CombineFn,
  type KV,
  kv,
  pipeline,
  type Pipeline,
  run,
  type RunOptions,
  sessionWindows,
  UserCodeError,
} from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'
import { liftCombines } from '../core/lift-combines.js'
import { directRunner } from './direct-runner.js'

/** Results by key. */
async function byKey<V>(p: Pipeline, options: RunOptions): Promise<Readonly<Record<string, V>>> {
  const out = (await run(p, options)).collect<KV<string, V>>('out')
  const results = Object.fromEntries(out.map(({ key, value }) => [key, value]))
  expect(Object.keys(results)).toHaveLength(out.length)
  return results
}

const words = ['a', 'bb', 'to', 'be', 'bee', 'tea', 'been', 'area']
const byLetter = (p: Pipeline) => p.create('words', words).keyBy('by letter', (w) => w.slice(0, 1))
/** The longest text; of equally long ones the first in the alphabet. */
const longest = {
  of: (w: string) => w,
  semigroup: {
    concat: (a: string, b: string) => (a.length > b.length || (a.length === b.length && a < b) ? a : b),
  },
}

inEveryMode((options) => {
  describe('a semigroup of the author’s', () => {
    it('reduces the values of each key, without an empty one', async () => {
      const p = pipeline()
      byLetter(p).combinePerKey('longest', longest).collect('out')
      expect(await byKey(p, options)).toEqual({ a: 'area', b: 'been', t: 'tea' })
    })

    it('takes its part of each value', async () => {
      const p = pipeline()
      byLetter(p)
        .combinePerKey('letters', { of: (w) => w.length, semigroup: { concat: (a, b) => a + b } })
        .collect('out')
      expect(await byKey(p, options)).toEqual({ a: 5, b: 11, t: 5 })
    })

    it('gives a single value as it is, and is not asked', async () => {
      const p = pipeline()
      const never = (): never => {
        throw new Error('there is nothing to join')
      }
      p.create('one', [kv('a', 7)])
        .combinePerKey('only', { of: (n) => n, semigroup: { concat: never } })
        .collect('out')
      expect(await byKey(p, options)).toEqual({ a: 7 })
    })

    it('joins the sessions of a key as they unite', async () => {
      const p = pipeline()
      p.create('words', [kv('x', 'a'), kv('x', 'bb'), kv('x', 'ccc'), kv('x', 'late')], {
        timestamp: ({ value }) => [0, 18, 9, 100].at(['a', 'bb', 'ccc', 'late'].indexOf(value)) ?? 0,
      })
        .windowInto('bursts', sessionWindows(10))
        .combinePerKey('longest', longest)
        .values('values')
        .collect('out')
      expect([...(await run(p, options)).collect<string>('out')].sort()).toEqual(['ccc', 'late'])
    })

    it.each<[string, readonly string[], { readonly whenEmpty?: { readonly emit: string } }, readonly string[]]>([
      ['something', words, {}, ['area']],
      ['nothing, which has no longest', [], {}, []],
      ['nothing, where the author has an answer', [], { whenEmpty: { emit: 'none' } }, ['none']],
    ])('over %s', async (_, values, whenEmpty, expected) => {
      const p = pipeline()
      p.create('words', values).combineGlobally('longest', longest, whenEmpty).collect('out')
      expect((await run(p, options)).collect('out')).toEqual(expected)
    })
  })

  it.each<[string, readonly unknown[], string]>([
    ['a text', ['to'], '"to"'],
    ['a pair', [kv('t', 'to')], '{ key: "t", value: "to" }'],
  ])('a combiner over everything that fails shows the element as its author knows it: %s', async (_, values, shown) => {
    const p = pipeline()
    p.create('values', values).combineGlobally('sum', { ...counting, addInput: fails })
    const error: unknown = await run(p, options).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UserCodeError)
    expect((error as UserCodeError).message).toContain('step "sum" failed in addInput: no')
    expect((error as UserCodeError).details.element).toBe(shown)
  })
})

const counting: CombineFn<unknown, number, number> = {
  createAccumulator: () => 0,
  addInput: (n) => n + 1,
  mergeAccumulators: (a, b) => a + b,
  extractOutput: (n) => n,
}

function fails(): never {
  throw new Error('no')
}

/** Sums numbers; an accumulator has not added all of them up yet. */
interface Heap {
  readonly sum: number
  readonly open: readonly number[]
}

const total = ({ sum, open }: Heap): number => open.reduce((a, b) => a + b, sum)

describe('compact', () => {
  /** A combiner that says what reached its other half. */
  function observed(compact?: (heap: Heap) => Heap): {
    readonly fn: CombineFn<number, Heap, number>
    readonly merged: Heap[]
    readonly calls: () => number
  } {
    const merged: Heap[] = []
    let calls = 0
    const fn: CombineFn<number, Heap, number> = {
      createAccumulator: () => ({ sum: 0, open: [] }),
      addInput: ({ sum, open }, n) => ({ sum, open: [...open, n] }),
      mergeAccumulators: (a, b) => {
        merged.push(b)
        return { sum: total(a) + total(b), open: [] }
      },
      extractOutput: total,
      ...(compact === undefined ? {} : { compact: (heap) => (calls++, compact(heap)) }),
    }
    return { fn, merged, calls: () => calls }
  }
  const compacting = (heap: Heap): Heap => ({ sum: total(heap), open: [] })
  const numbers = Array.from({ length: 40 }, (_, i) => kv(i % 2 === 0 ? 'even' : 'odd', i))
  const built = (fn: CombineFn<number, Heap, number>) => {
    const p = pipeline()
    p.create('numbers', numbers).combinePerKey('sum', fn).collect('out')
    return p.build()
  }
  const sums = [kv('even', 380), kv('odd', 400)]
  const lifted: readonly RunOptions[] = [
    { stageCompiler: 'generated', bundleSize: 7 },
    { stageCompiler: 'closures', bundleSize: 7 },
    { stageCompiler: 'closures', bundleSize: 1 },
  ]

  it.each(lifted)('makes each accumulator smaller before it leaves a lifted combine: %j', async (options) => {
    const { fn, merged, calls } = observed(compacting)
    const result = await directRunner().start(liftCombines(built(fn)), options).result
    expect([...result.collect<KV<string, number>>('out')].sort((a, b) => a.value - b.value)).toEqual(sums)
    expect(merged.length).toBeGreaterThan(2)
    expect(merged.every(({ open }) => open.length === 0)).toBe(true)
    expect(calls()).toBe(merged.length)
  })

  it('is what does so: without it they travel as they are', async () => {
    const { fn, merged } = observed()
    const result = await directRunner().start(liftCombines(built(fn)), { bundleSize: 7 }).result
    expect([...result.collect<KV<string, number>>('out')].sort((a, b) => a.value - b.value)).toEqual(sums)
    expect(merged.every(({ open }) => open.length > 0)).toBe(true)
  })

  it('is called under some seed of strict mode, which lifts by chance, and changes no result', async () => {
    const counts = []
    for (let seed = 1; seed <= 8; seed++) {
      const { fn, calls } = observed(compacting)
      const result = await directRunner().start(built(fn), { strict: true, seed }).result
      expect([...result.collect<KV<string, number>>('out')].sort((a, b) => a.value - b.value)).toEqual(sums)
      counts.push(calls())
    }
    expect(Math.max(...counts)).toBeGreaterThan(0)
  })

  it('is not called where accumulators stay where they are', async () => {
    const { fn, calls } = observed(compacting)
    const result = await directRunner().start(built(fn)).result
    expect([...result.collect<KV<string, number>>('out')].sort((a, b) => a.value - b.value)).toEqual(sums)
    expect(calls()).toBe(0)
  })

  it('that fails is named', async () => {
    const { fn } = observed(fails)
    await expect(directRunner().start(liftCombines(built(fn))).result).rejects.toThrow(
      /^step "sum" failed in compact: no\n.*combiners\.test\.ts/s,
    )
  })
})
