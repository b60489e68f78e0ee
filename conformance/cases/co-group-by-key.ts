/**
 * CoGroupByKey: several keyed collections side by side.
 */
import {
  afterCount,
  coGroupByKey,
  fixedWindows,
  fullJoin,
  innerJoin,
  globalWindows,
  type KV,
  kv,
  leftJoin,
  type PCollection,
  type Pipeline,
  pipeline,
  repeatedly,
  rightJoin,
  sessionWindows,
} from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'

type Sides = KV<string, { readonly l: Iterable<number>; readonly r: Iterable<string> }>
type PlainSides = KV<string, { readonly l: readonly number[]; readonly r: readonly string[] }>

const lefts = (p: Pipeline): PCollection<KV<string, number>> => p.create('l', [kv('a', 1), kv('b', 2), kv('a', 3)])
const rights = (p: Pipeline): PCollection<KV<string, string>> => p.create('r', [kv('a', 'x'), kv('c', 'y')])

/** As plain data, values in ascending order. */
function plain(joined: PCollection<Sides>): PCollection<PlainSides> {
  return joined.map('plain', ({ key, value: { l, r } }) => kv(key, { l: [...l].sort(), r: [...r].sort() }))
}

/** A join as the classical four make it: which keys without a partner are kept. */
function joined(
  p: Pipeline,
  keep: { readonly left: boolean; readonly right: boolean },
): PCollection<readonly unknown[]> {
  const users = p.create('users', [kv(1, 'ann'), kv(2, 'bob'), kv(3, 'cal')])
  const orders = p.create('orders', [kv(1, 10), kv(1, 11), kv(3, 30), kv(4, 40)])
  return coGroupByKey('join', { users, orders }).flatMap('rows', ({ key, value }) => {
    const names: readonly (string | null)[] = [...value.users]
    const amounts: readonly (number | null)[] = [...value.orders]
    const ofNames = names.length === 0 && keep.right ? [null] : names
    const ofAmounts = amounts.length === 0 && keep.left ? [null] : amounts
    return ofNames.flatMap((name) => ofAmounts.map((amount) => [key, name, amount]))
  })
}

const both = [
  [1, 'ann', 10],
  [1, 'ann', 11],
  [3, 'cal', 30],
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'CGB-01',
    name: 'each key has the values of every input, and none where an input has none',
    build(p) {
      assertThat('joined', plain(coGroupByKey('join', { l: lefts(p), r: rights(p) }))).containsInAnyOrder(
        kv('a', { l: [1, 3], r: ['x'] }),
        kv('b', { l: [2], r: [] }),
        kv('c', { l: [], r: ['y'] }),
      )
    },
  }),
  pipelineCase({
    id: 'CGB-02',
    name: 'three inputs with values of different types give one record for each key',
    build(p) {
      const flags = p.create('f', [kv('a', true), kv('d', false)])
      const all = coGroupByKey('join', { l: lefts(p), r: rights(p), flags }).map('plain', ({ key, value }) => [
        key,
        [...value.l].sort(),
        [...value.r],
        [...value.flags],
      ])
      assertThat('joined', all).containsInAnyOrder(
        ['a', [1, 3], ['x'], [true]],
        ['b', [2], [], []],
        ['c', [], ['y'], []],
        ['d', [], [], [false]],
      )
    },
  }),
  pipelineCase({
    id: 'CGB-03',
    name: 'what has the same key and lies in the same window is joined',
    build(p) {
      const l = p
        .create('l', [kv('a', 1), kv('a', 11)], { timestamp: ({ value }) => value })
        .windowInto('tens of l', fixedWindows(10))
      const r = p
        .create('r', [kv('a', 'x'), kv('b', 'y')], { timestamp: ({ key }) => (key === 'a' ? 12 : 3) })
        .windowInto('tens of r', fixedWindows(10))
      const all = plain(coGroupByKey('join', { l, r }))
      assertThat('first', all)
        .inWindow({ start: 0, end: 10 })
        .containsInAnyOrder(kv('a', { l: [1], r: [] }), kv('b', { l: [], r: ['y'] }))
      assertThat('second', all)
        .inWindow({ start: 10, end: 20 })
        .containsInAnyOrder(kv('a', { l: [11], r: ['x'] }))
    },
  }),
  constructionCase({
    id: 'CGB-04',
    name: 'inputs in different windows are refused, naming both',
    check(claims) {
      const p = pipeline()
      const l = lefts(p).windowInto('tens', fixedWindows(10))
      const r = rights(p).windowInto('sessions', sessionWindows(10))
      claims.refuses(() => coGroupByKey('join', { l, r }), { message: /"join".*"tens".*"sessions"/, step: 'join' })
    },
  }),
  constructionCase({
    id: 'CGB-07',
    name: 'inputs in equal windows with different triggers are refused, saying that these differ',
    check(claims) {
      const p = pipeline()
      const l = lefts(p).windowInto('early', globalWindows(), {
        trigger: repeatedly(afterCount(1)),
        accumulation: 'discarding',
      })
      const r = rights(p)
      claims.refuses(() => coGroupByKey('join', { l, r }), { message: /"join".*triggers.*"early".*"r"/, step: 'join' })
    },
  }),
  pipelineCase({
    id: 'CGB-05',
    name: 'one empty input is no failure',
    build(p) {
      const nothing: readonly KV<string, string>[] = []
      const all = plain(coGroupByKey('join', { l: lefts(p), r: p.create('r', nothing) }))
      assertThat('joined', all).containsInAnyOrder(kv('a', { l: [1, 3], r: [] }), kv('b', { l: [2], r: [] }))
    },
  }),
  pipelineCase({
    id: 'CGB-05/both',
    name: 'only empty inputs give nothing',
    build(p) {
      const nothing: readonly KV<string, never>[] = []
      assertThat('joined', coGroupByKey('join', { l: p.create('l', nothing), r: p.create('r', nothing) })).isEmpty()
    },
  }),
  pipelineCase({
    id: 'CGB-06',
    name: 'a long side can be read again for each element of the other',
    build(p) {
      const long = Array.from({ length: 5000 }, (_, n) => kv('k', n))
      const all = coGroupByKey('join', { long: p.create('long', long), few: p.create('few', [kv('k', 1), kv('k', 2)]) })
      const sums = all.flatMap('sums', ({ value }) =>
        [...value.few].map((factor) => {
          let total = 0
          for (const n of value.long) total += n * factor
          return total
        }),
      )
      assertThat('sums', sums).containsInAnyOrder(12_497_500, 24_995_000)
    },
  }),
  ...(
    [
      ['inner', innerJoin, []],
      ['left', leftJoin, [[2, 'bob', '-']]],
      ['right', rightJoin, [[4, '-', 40]]],
      [
        'full',
        fullJoin,
        [
          [2, 'bob', '-'],
          [4, '-', 40],
        ],
      ],
    ] as const
  ).map(([kind, join, alone]) =>
    pipelineCase({
      id: `CGB-08/${kind}-join`,
      name: `${kind}Join has the rows of its kind`,
      build(p) {
        const left = p.create('users', [kv(1, 'ann'), kv(2, 'bob'), kv(3, 'cal')])
        const right = p.create('orders', [kv(1, 10), kv(1, 11), kv(3, 30), kv(4, 40)])
        const all: PCollection<
          KV<number, { readonly left?: string | undefined; readonly right?: number | undefined }>
        > = join('join', { left, right })
        const rows = all.map('rows', ({ key, value }) => [key, value.left ?? '-', value.right ?? '-'])
        assertThat('rows', rows).containsInAnyOrder(...both, ...alone.map((row) => [...row]))
      },
    }),
  ),
  pipelineCase({
    id: 'CGB-08/inner',
    name: 'an inner join has the rows of keys that both sides have',
    build: (p) => assertThat('rows', joined(p, { left: false, right: false })).containsInAnyOrder(...both),
  }),
  pipelineCase({
    id: 'CGB-08/left',
    name: 'a left join has rows of the left side without a partner too',
    build: (p) =>
      assertThat('rows', joined(p, { left: true, right: false })).containsInAnyOrder(...both, [2, 'bob', null]),
  }),
  pipelineCase({
    id: 'CGB-08/right',
    name: 'a right join has rows of the right side without a partner too',
    build: (p) =>
      assertThat('rows', joined(p, { left: false, right: true })).containsInAnyOrder(...both, [4, null, 40]),
  }),
  pipelineCase({
    id: 'CGB-08/full',
    name: 'a full outer join has both',
    build: (p) =>
      assertThat('rows', joined(p, { left: true, right: true })).containsInAnyOrder(
        ...both,
        [2, 'bob', null],
        [4, null, 40],
      ),
  }),
]
