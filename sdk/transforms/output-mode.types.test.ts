import { expectTypeOf, it } from 'vitest'
import {
  kv,
  type KV,
  outputMode,
  type PCollection,
  pipeline,
  type ResultRow,
  type ResultTable,
  sum,
  toList,
} from 'millrace'

const scores = (): PCollection<KV<string, number>> => pipeline().create('scores', [kv('a', 1)])

it('append and update put out what the grouping itself would', () => {
  for (const mode of ['append', 'update'] as const) {
    expectTypeOf(scores().apply('sum', outputMode(mode).combinePerKey(sum()))).toEqualTypeOf<
      PCollection<KV<string, number>>
    >()
    expectTypeOf(scores().apply('lists', outputMode(mode).groupByKey())).toEqualTypeOf<
      PCollection<KV<string, readonly number[]>>
    >()
    expectTypeOf(scores().apply('counts', outputMode(mode).countPerKey())).toEqualTypeOf<
      PCollection<KV<string, number>>
    >()
    expectTypeOf(scores().keys('keys').apply('each', outputMode(mode).countPerElement())).toEqualTypeOf<
      PCollection<KV<string, number>>
    >()
    expectTypeOf(scores().values('values').apply('all', outputMode(mode).combineGlobally(sum()))).toEqualTypeOf<
      PCollection<number>
    >()
  }
})

it('complete puts out tables of rows', () => {
  const complete = outputMode('complete', { expired: 'keep' })
  expectTypeOf(scores().apply('sum', complete.combinePerKey(sum()))).toEqualTypeOf<
    PCollection<ResultTable<string, number>>
  >()
  expectTypeOf(scores().apply('values', complete.combinePerKey(toList<number>()))).toEqualTypeOf<
    PCollection<ResultTable<string, readonly number[]>>
  >()
  expectTypeOf(scores().apply('lists', complete.groupByKey())).toEqualTypeOf<
    PCollection<ResultTable<string, readonly number[]>>
  >()
  expectTypeOf(scores().values('values').apply('all', complete.combineGlobally(sum()))).toEqualTypeOf<
    PCollection<ResultTable<null, number>>
  >()
  expectTypeOf<ResultTable<string, number>>().toEqualTypeOf<readonly ResultRow<string, number>[]>()
})

it('modes and options that there are not are compile errors', () => {
  const wrong = (): void => {
    // @ts-expect-error: there is no such mode
    outputMode('delete')
    // @ts-expect-error: only a table keeps or drops
    outputMode('update', { expired: 'keep' })
    // @ts-expect-error: numbers have no key
    pipeline().create('numbers', [1]).apply('sum', outputMode('update').combinePerKey(sum()))
  }
  expectTypeOf(wrong).toBeFunction()
})
