import * as t from 'io-ts'
import { expect, it } from 'vitest'
import {
  afterCount,
  changeCodec,
  combineChanges,
  countWindows,
  fixedWindows,
  groupChanges,
  insert,
  kv,
  pipeline,
  preview,
  retract,
  retracting,
  sessionWindows,
  sum,
  waitOn,
} from 'millrace'
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../coders/index.js'
import { changeCoder } from '../coders/change-coder.js'

const addition = { empty: 0, concat: (a: number, b: number) => a + b, inverse: (a: number) => -a }

it.each([insert(1), retract('a'), insert({ a: [1] }), retract(undefined)])('the coder gives back %o', (change) => {
  const coder = changeCoder(dynamicCoder)
  expect(decodeFromBytes(coder, encodeToBytes(coder, change))).toEqual(change)
})

it('the coder refuses what is no change, in both directions', () => {
  const coder = changeCoder(dynamicCoder)
  expect(() => encodeToBytes(coder, { kind: 'update', value: 1 } as never)).toThrow(/expected a change/)
  expect(() => decodeFromBytes(coder, new Uint8Array([2, 0]))).toThrow(/change of kind 2/)
})

it('the codec describes changes of what its codec describes', () => {
  const codec = changeCodec(t.number)
  expect(codec.name).toBe('Change<number>')
  expect([insert(1), retract(1), insert('1'), { kind: 'update', value: 1 }, 1].map((u) => codec.is(u))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
  expect(codec.decode(insert('1'))._tag).toBe('Left')
  expect(codec.decode({ kind: 'update', value: 1 })._tag).toBe('Left')
  expect(codec.decode(retract(2))).toMatchObject({ right: retract(2) })
  expect(() => changeCodec(undefined as never)).toThrow(/changeCodec needs an io-ts codec/)
})

it('combiners of changes ask for what takes a value back', () => {
  expect(() => combineChanges({ of: (n: number) => n, group: { empty: 0, concat: addition.concat } as never })).toThrow(
    /needs a group/,
  )
  expect(() => combineChanges({ group: addition } as never)).toThrow(/needs of/)
})

it('a retraction may come before its insertion, also in another part', () => {
  const { createAccumulator, addInput, mergeAccumulators, extractOutput } = groupChanges<string>()
  const [one, other] = [addInput(createAccumulator(), retract('a')), addInput(createAccumulator(), insert('b'))]
  expect(extractOutput(one)).toEqual([])
  expect(
    extractOutput(mergeAccumulators(mergeAccumulators(one, other), addInput(createAccumulator(), insert('a')))),
  ).toEqual(['b'])
})

const scores = () => pipeline().create('scores', [kv('a', 1)])

it('retracting is no option of windowInto, which says where it is', () => {
  expect(() => scores().windowInto('w', fixedWindows(10), { accumulation: 'retracting' as never })).toThrow(
    /windowInto "w" cannot make groupings retract.*retracting.combinePerKey/,
  )
})

it('a trigger that may close a session before it expires is refused', () => {
  const closing = scores().windowInto('w', sessionWindows(10), { trigger: afterCount(1), allowUnsafeTrigger: true })
  expect(() => closing.apply('sum', retracting.combinePerKey(sum()))).toThrow(/step "sum" retracts.*may close one/)
})

it('combining what retracting groupings have made, by a group, is no counting twice', () => {
  const p = pipeline()
  const total = combineChanges({ of: (n: number) => n, group: addition })
  p.create('scores', [kv('a', 1)])
    .windowInto('w', fixedWindows(10), { trigger: afterCount(1), allowUnsafeTrigger: true, allowedLateness: 10 })
    .apply('sum', retracting.combinePerKey(sum()))
    .combinePerKey('total', total)
  expect(preview(p.build().warnings)).not.toContain('counted as often')
})

const sums = () => scores().apply('sums', retracting.combinePerKey(sum()))

it.each([
  ['asSingleton', () => sums().asSingleton('view')],
  ['asIterable', () => sums().asIterable('view')],
  ['asList', () => sums().asList('view')],
  ['asMap', () => sums().asMap('view')],
  ['asMultimap', () => sums().asMultimap('view')],
  ['of bare changes', () => sums().values('bare').asList('view')],
])('a view would show a retraction as one more value, and is refused: %s', (_, view) => {
  expect(view).toThrow(/step "view" shows changes, .* for one more value.*combineChanges.*change\.test/s)
})

it('count windows would count a retraction', () => {
  expect(() => sums().apply('pairs', countWindows({ size: 2 }))).toThrow(/step "pairs" counts changes/)
})

it('changes may be waited for, which looks at none of them', () => {
  const p = pipeline()
  const changes = p.create('scores', [kv('a', 1)]).apply('sums', retracting.combinePerKey(sum()))
  expect(() => p.create('more', [1]).apply('wait', waitOn(changes))).not.toThrow()
})
