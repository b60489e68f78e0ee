import { expectTypeOf, it } from 'vitest'
import * as t from 'io-ts'
import {
  type Change,
  changeCodec,
  type ChangesAreNotGrouped,
  combineChanges,
  count,
  groupChanges,
  insert,
  type IoTsCodec,
  type KV,
  kv,
  type PCollection,
  pipeline,
  retracting,
  sum,
  toList,
} from 'millrace'

const addition = { empty: 0, concat: (a: number, b: number) => a + b, inverse: (a: number) => -a }
const scores = (): PCollection<KV<string, number>> => pipeline().create('scores', [kv('a', 1)])

it('results of retracting groupings are changes', () => {
  expectTypeOf(scores().apply('sum', retracting.combinePerKey(sum()))).toEqualTypeOf<
    PCollection<KV<string, Change<number>>>
  >()
  expectTypeOf(scores().apply('lists', retracting.groupByKey())).toEqualTypeOf<
    PCollection<KV<string, Change<readonly number[]>>>
  >()
  expectTypeOf(scores().apply('counts', retracting.countPerKey())).toEqualTypeOf<
    PCollection<KV<string, Change<number>>>
  >()
  expectTypeOf(scores().keys('keys').apply('each', retracting.countPerElement())).toEqualTypeOf<
    PCollection<KV<string, Change<number>>>
  >()
  expectTypeOf(scores().values('values').apply('all', retracting.combineGlobally(sum()))).toEqualTypeOf<
    PCollection<Change<number>>
  >()
  expectTypeOf(changeCodec(t.number)).toEqualTypeOf<IoTsCodec<Change<number>>>()
})

it('combiners of changes give what they make of the values', () => {
  const changes = scores().apply('sum', retracting.combinePerKey(sum()))
  const total = combineChanges({ of: (n: number) => n, group: addition })
  expectTypeOf(changes.combinePerKey('total', total)).toEqualTypeOf<PCollection<KV<string, number>>>()
  expectTypeOf(changes.combinePerKey('now', groupChanges<number>())).toEqualTypeOf<
    PCollection<KV<string, readonly number[]>>
  >()
  expectTypeOf(changes.values('values').combineGlobally('grand total', total)).toEqualTypeOf<PCollection<number>>()
  expectTypeOf(
    scores().apply('again', retracting.combinePerKey(sum())).apply('totals', retracting.combinePerKey(total)),
  ).toEqualTypeOf<PCollection<KV<string, Change<number>>>>()
})

it('other groupings of changes have no result to go on with', () => {
  // Never called: construction refuses them too.
  const refused = (keyed: PCollection<KV<string, Change<number>>>, changes: PCollection<Change<number>>): unknown[] => {
    expectTypeOf(keyed.groupByKey('g')).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(keyed.combinePerKey('c', count())).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(
      keyed.combinePerKey('s', { of: ({ value }: Change<number>) => value, monoid: addition }),
    ).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(keyed.countPerKey('k')).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(keyed.countPerElement('e')).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(changes.combineGlobally('l', toList())).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(changes.countPerElement('n')).toEqualTypeOf<ChangesAreNotGrouped>()
    expectTypeOf(changes.distinct('d')).toEqualTypeOf<ChangesAreNotGrouped>()
    return [
      // @ts-expect-error a count would take a retraction for one more value
      changes.countPerElement('m').collect('out'),
      // @ts-expect-error so would a list of them
      keyed.groupByKey('h').collect('lists'),
      // @ts-expect-error and a sum
      keyed.combinePerKey('t', count()).collect('sums'),
    ]
  }
  expectTypeOf(refused).toBeFunction()
})

it('elements of which nothing is known are taken for values, and so are those of a composite', () => {
  const unknownElements = pipeline()
    .create('lines', ['{}'])
    .map('parse', (line): any => JSON.parse(line)) // eslint-disable-line @typescript-eslint/no-explicit-any
  expectTypeOf(unknownElements.distinct('once')).toEqualTypeOf<typeof unknownElements>()
  expectTypeOf(unknownElements.keyBy('key', () => 'k').countPerKey('n')).toEqualTypeOf<
    PCollection<KV<string, number>>
  >()
  expectTypeOf(pipeline().create('none', []).distinct('once')).toEqualTypeOf<PCollection<never>>()
  const once = <T>(input: PCollection<T>): PCollection<T> => input.distinct('once')
  expectTypeOf(scores().apply('each', once)).toEqualTypeOf<PCollection<KV<string, number>>>()
  expectTypeOf(insert(1).value).toEqualTypeOf<number>()
})
