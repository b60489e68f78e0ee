/**
 * Side inputs: what views of each kind show, and what a step may do with them.
 */
import * as t from 'io-ts'
import {
  flatten,
  type KV,
  kv,
  type PCollection,
  type PCollectionView,
  type Pipeline,
  pipeline,
  sum,
  typed,
} from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'

const output = typed<unknown>()
const needs = ['sideInputs'] as const

const one = (p: Pipeline): PCollection<number> => p.create('main', [0])
const ascending = (values: Iterable<number>): readonly number[] => [...values].sort((a, b) => a - b)
const noPairs: readonly KV<string, number>[] = []

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SID-01',
    name: 'a singleton is read for every element',
    needs,
    build(p) {
      const seven = p.create('seven', [7]).asSingleton('view')
      const read = p.create('main', [1, 2, 3]).parDo('read', {
        output: t.tuple([t.number, t.number]),
        sides: { seven },
        process: (n, { sides, emit }) => emit([n, sides.seven]),
      })
      assertThat('read', read).containsInAnyOrder([1, 7], [2, 7], [3, 7])
    },
  }),
  pipelineCase({
    id: 'SID-02',
    name: 'an empty singleton without default fails who reads it, and says which view and window',
    needs,
    build(p) {
      const empty = p.create<number>('none', []).asSingleton('nobody')
      one(p).parDo('read', { output, sides: { empty }, process: (_, { sides, emit }) => emit(sides.empty) })
    },
    fails: { message: /"nobody" is empty in the global window/, step: 'read' },
  }),
  pipelineCase({
    id: 'SID-03',
    name: 'an empty singleton has its default',
    needs,
    build(p) {
      const empty = p.create<number>('none', []).asSingleton('view', { default: 5 })
      const read = one(p).parDo('read', {
        output: t.number,
        sides: { empty },
        process: (_, { sides, emit }) => emit(sides.empty),
      })
      assertThat('read', read).containsInAnyOrder(5)
    },
  }),
  ...([undefined, null, 0, '', false] as const).map((value) =>
    pipelineCase({
      id: `SID-04/${value === '' ? 'empty-text' : String(value)}`,
      name: `a default may be ${value === '' ? 'an empty text' : String(value)}`,
      needs,
      build(p) {
        const empty = p.create<number>('none', []).asSingleton('view', { default: value })
        const read = one(p).parDo('read', {
          output,
          sides: { empty },
          process: (_, { sides, emit }) => emit(['default', sides.empty]),
        })
        assertThat('read', read).containsInAnyOrder(['default', value])
      },
    }),
  ),
  pipelineCase({
    id: 'SID-05',
    name: 'a singleton of two elements fails who reads it, and says how many there are',
    needs,
    build(p) {
      const pair = p.create('two', [1, 2]).asSingleton('pair')
      one(p).parDo('read', { output, sides: { pair }, process: (_, { sides, emit }) => emit(sides.pair) })
    },
    fails: { message: /"pair" has 2 elements in the global window/, step: 'read' },
  }),
  pipelineCase({
    id: 'SID-07',
    name: 'an iterable has all elements and can be read again',
    needs,
    build(p) {
      const many = p.create('many', [3, 1, 2]).asIterable('view')
      const read = one(p).parDo('read', {
        output,
        sides: { many },
        process: (_, { sides, emit }) => emit([ascending(sides.many), ascending(sides.many)]),
      })
      assertThat('read', read).containsInAnyOrder([
        [1, 2, 3],
        [1, 2, 3],
      ])
    },
  }),
  pipelineCase({
    id: 'SID-09',
    name: 'a list has a size and an order that stays',
    needs,
    build(p) {
      const list = p.create('many', [3, 1, 2]).asList('view')
      const read = one(p).parDo('read', {
        output,
        sides: { list },
        process(_, { sides, emit }) {
          const at = [0, 1, 2, 3].map((i) => sides.list[i])
          emit([sides.list.length, at.join() === [0, 1, 2, 3].map((i) => sides.list[i]).join(), at[3]])
        },
      })
      assertThat('read', read).containsInAnyOrder([3, true, undefined])
    },
  }),
  pipelineCase({
    id: 'SID-10',
    name: 'views of many are empty when nothing has come',
    needs,
    build(p) {
      const none = p.create<number>('none', [])
      const pairs = p.create('no pairs', noPairs)
      const sides = {
        list: none.asList('list'),
        iterable: none.asIterable('iterable'),
        map: pairs.asMap('map'),
        multimap: pairs.asMultimap('multimap'),
      }
      const read = one(p).parDo('read', {
        output,
        sides,
        process: (_, { sides: { list, iterable, map, multimap }, emit }) =>
          emit([list.length, [...iterable], map.size, multimap.size]),
      })
      assertThat('read', read).containsInAnyOrder([0, [], 0, 0])
    },
  }),
  pipelineCase({
    id: 'SID-11',
    name: 'a map has the value of each key',
    needs,
    build(p) {
      const map = p.create('pairs', [kv('a', 1), kv('b', 2)]).asMap('view')
      const read = one(p).parDo('read', {
        output,
        sides: { map },
        process: (_, { sides: { map: m }, emit }) =>
          emit([m.get('a'), m.get('c'), m.has('b'), m.has('c'), m.size, [...m].sort()]),
      })
      const all = [
        ['a', 1],
        ['b', 2],
      ]
      assertThat('read', read).containsInAnyOrder([1, undefined, true, false, 2, all])
    },
  }),
  ...([1, null] as const).map((value) =>
    pipelineCase({
      id: `SID-12/${String(value)}`,
      name: `a map with a key twice fails who reads it, also with ${String(value)} both times`,
      needs,
      build(p) {
        const map = p.create('pairs', [kv('a', value), kv('a', value)]).asMap('twice')
        one(p).parDo('read', { output, sides: { map }, process: (_, { sides, emit }) => emit(sides.map.size) })
      },
      fails: { message: /"twice" has key "a" twice/, step: 'read' },
    }),
  ),
  pipelineCase({
    id: 'SID-13',
    name: 'a multimap has all values of each key',
    needs,
    build(p) {
      const map = p.create('pairs', [kv('a', 1), kv('a', 2), kv('b', 3)]).asMultimap('view')
      const read = one(p).parDo('read', {
        output,
        sides: { map },
        process: (_, { sides: { map: m }, emit }) =>
          emit([ascending(m.get('a') ?? []), m.get('b'), [...(m.get('c') ?? [])]]),
      })
      assertThat('read', read).containsInAnyOrder([[1, 2], [3], []])
    },
  }),
  pipelineCase({
    id: 'SID-14',
    name: 'keys of a map are equal when they are as keys, whatever the order of their fields',
    needs,
    build(p) {
      const pairs = p.create<KV<unknown, string>>('pairs', [kv({ x: 1, y: 0 }, 'object'), kv(0, 'zero')])
      const [map, multimap] = [pairs.asMap('map'), pairs.asMultimap('multimap')]
      const read = one(p).parDo('read', {
        output,
        sides: { map, multimap },
        process: (_, { sides: { map: m, multimap: mm }, emit }) =>
          emit([m.get({ y: -0, x: 1 }), m.get(-0), m.get('0'), mm.get({ y: 0, x: 1 })]),
      })
      assertThat('read', read).containsInAnyOrder(['object', 'zero', undefined, ['object']])
    },
  }),
  pipelineCase({
    id: 'SID-16',
    name: 'views cannot be changed',
    needs,
    build(p) {
      const numbers = p.create('numbers', [1])
      const pairs = p.create('pairs', [kv('a', 1)])
      const sides = { list: numbers.asList('list'), map: pairs.asMap('map'), multimap: pairs.asMultimap('multimap') }
      const fails = (write: () => unknown): boolean => {
        try {
          write()
          return false
        } catch {
          return true
        }
      }
      const read = one(p).parDo('read', {
        output,
        sides,
        process(_, { sides: { list, map, multimap }, emit }) {
          const failed = [
            fails(() => (list as number[]).push(2)),
            fails(() => ((list as number[])[0] = 2)),
            fails(() => (map as Map<string, number>).set('b', 2)),
            fails(() => (multimap.get('a') as number[]).push(2)),
          ]
          emit([failed, [...list], [...map], multimap.get('a')])
        },
      })
      assertThat('read', read).containsInAnyOrder([[true, true, true, true], [1], [['a', 1]], [1]])
    },
  }),
  pipelineCase({
    id: 'SID-17',
    name: 'one collection is read by two views in two steps',
    needs,
    build(p) {
      const pairs = p.create('pairs', [kv('a', 1), kv('a', 2)])
      const read = one(p)
        .parDo('first', {
          output: t.number,
          sides: { all: pairs.asMultimap('multimap') },
          process: (n, { sides, emit }) => emit(n + (sides.all.get('a')?.length ?? 0)),
        })
        .parDo('second', {
          output: t.number,
          sides: { all: pairs.asList('list') },
          process: (n, { sides, emit }) => emit(n * 10 + sides.all.length),
        })
      assertThat('read', read).containsInAnyOrder(22)
    },
  }),
  pipelineCase({
    id: 'SID-18',
    name: 'a collection may be its own side input',
    needs,
    build(p) {
      const numbers = p.create('numbers', [1, 2, 3])
      const read = numbers.parDo('cross', {
        output: t.number,
        sides: { all: numbers.asList('all') },
        process: (n, { sides, emit }) => sides.all.forEach((m) => emit(n * 10 + m)),
      })
      assertThat('read', read).containsInAnyOrder(11, 12, 13, 21, 22, 23, 31, 32, 33)
    },
  }),
  pipelineCase({
    id: 'SID-19',
    name: 'what a grouping makes of the main input is there before the main input is read',
    needs: ['sideInputs', 'combine'],
    build(p) {
      const numbers = p.create('numbers', [1, 2, 3, 4])
      const total = numbers.combineGlobally('total', sum()).asSingleton('view')
      const both = flatten('both', [numbers, numbers.map('negative', (n) => -n)])
      const read = both.parDo('share', {
        output: t.number,
        sides: { total },
        process: (n, { sides, emit }) => emit(n / sides.total),
      })
      assertThat('read', read).containsInAnyOrder(0.1, 0.2, 0.3, 0.4, -0.1, -0.2, -0.3, -0.4)
    },
  }),
  pipelineCase({
    id: 'SID-20',
    name: 'ten steps in a row may each read what all before them gave',
    needs: ['sideInputs', 'combine'],
    build(p) {
      const first = p.create('numbers', [1, 2])
      let last = first
      const views = new Map<string, PCollectionView<number>>()
      for (let i = 0; i < 10; i++) {
        views.set(`s${i}`, last.combineGlobally(`sum ${i}`, sum()).asSingleton(`view ${i}`))
        last = last.parDo(`step ${i}`, {
          output: t.number,
          sides: Object.fromEntries(views),
          process: (n, { sides, emit }) => emit(n + Object.values(sides).filter((total) => total >= 3).length),
        })
      }
      assertThat('last', last).containsInAnyOrder(56, 57)
    },
  }),
  pipelineCase({
    id: 'SID-34',
    name: 'a side input that was not declared fails who reads it, by its name',
    needs,
    build(p) {
      const list = p.create('numbers', [1]).asList('view')
      one(p).parDo('read', {
        output,
        sides: { list },
        process: (_, { sides, emit }) => emit((sides as unknown as { readonly lost: unknown }).lost),
      })
    },
    fails: { message: /side input "lost" is not declared/, step: 'read' },
  }),
  constructionCase({
    id: 'SID-35',
    name: 'elements that are known to have no key have no map',
    check(claims) {
      const numbers = pipeline().create('numbers', [1], { codec: t.number })
      const keyed = numbers as unknown as PCollection<KV<string, number>>
      claims.refuses(() => keyed.asMap('map'), { message: /"numbers" is used as a keyed collection/ })
      claims.refuses(() => keyed.asMultimap('multimap'), { message: /"numbers" is used as a keyed collection/ })
    },
  }),
  pipelineCase({
    id: 'SID-36',
    name: 'a step may read five views of five kinds, each of its own coder',
    needs,
    build(p) {
      const texts = p.create('texts', ['b', 'a'], { codec: t.string })
      const pairs = p.create('pairs', [kv('a', 1n), kv('b', 2n)])
      const sides = {
        one: p.create('one', [new Date(7)]).asSingleton('singleton'),
        list: texts.asList('list'),
        iterable: p.create('flags', [true]).asIterable('iterable'),
        map: pairs.asMap('map'),
        multimap: p.create('bytes', [kv(1, Uint8Array.of(9))]).asMultimap('multimap'),
      }
      const read = one(p).parDo('read', {
        output,
        sides,
        process: (_, { sides: s, emit }) =>
          emit([
            s.one.getTime(),
            [...s.list].sort(),
            [...s.iterable],
            s.map.get('b'),
            [...(s.multimap.get(1)?.[0] ?? [])],
          ]),
      })
      assertThat('read', read).containsInAnyOrder([7, ['a', 'b'], [true], 2n, [9]])
    },
  }),
  pipelineCase({
    id: 'SID-37',
    name: 'a side input that is not read fails nobody',
    needs,
    build(p) {
      const sides = {
        pair: p.create('two', [1, 2]).asSingleton('pair'),
        empty: p.create('none', []).asSingleton('empty'),
        twice: p.create('twice', [kv('a', 1), kv('a', 2)]).asMap('map'),
      }
      const read = one(p).parDo('read', { output, sides, process: (n, { emit }) => emit(n) })
      assertThat('read', read).containsInAnyOrder(0)
    },
  }),
  pipelineCase({
    id: 'SID-38',
    name: 'values that a grouping has made are read whole',
    needs,
    build(p) {
      const groups = p.create('pairs', [kv('a', 1), kv('a', 2), kv('b', 3)]).groupByKey('group')
      const sides = { list: groups.asList('list'), map: groups.asMap('map') }
      const read = one(p).parDo('read', {
        output,
        sides,
        process: (_, { sides: { list, map }, emit }) =>
          emit([list.map(({ key, value }) => [key, ascending(value)]).sort(), ascending(map.get('a') ?? [])]),
      })
      const all = [
        ['a', [1, 2]],
        ['b', [3]],
      ]
      assertThat('read', read).containsInAnyOrder([all, [1, 2]])
    },
  }),
]
