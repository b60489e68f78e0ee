/**
 * State that has a structure of its own: sets, maps, multimaps, lists in the order of time. What a read gives is what was
 * there when it was made.
 */
import * as t from 'io-ts'
import { kv, type PCollection, type Pipeline, state, type StateCells, timer, TIMESTAMP_MIN, typed } from 'millrace'
import { assertThat, at } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { oneByOne } from './one-by-one.js'

const anything = typed<unknown>()
const pair = (p: Pipeline): PCollection<{ readonly key: string; readonly value: number }> =>
  p.create('pairs', [kv('k', 1)])

const times = (items: Iterable<{ readonly timestamp: number }>): readonly number[] =>
  [...items].map(({ timestamp }) => timestamp)

const lists = { list: state.orderedList(t.string) }

/** Four items, out of order. */
function fill({ list }: StateCells<typeof lists>): void {
  for (const time of [52, 97, 12, 42]) list.add(time, `item ${time}`)
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'STA-14',
    name: 'a set has each value once; what was read before it changed stays as it was',
    needs: ['state.set'],
    build(p) {
      const out = pair(p).parDo('sets', {
        output: anything,
        state: { set: state.set(t.number) },
        process(_, { state: { set }, emit }) {
          const isNew = [set.addIfAbsent(1), set.addIfAbsent(2), set.addIfAbsent(1)]
          set.add(2)
          const before = set.read()
          set.remove(1)
          set.remove(7)
          set.add(3)
          emit([isNew, [...before].sort(), [...set.read()].sort(), set.size(), set.has(1), set.has(3), set.isEmpty()])
          set.clear()
          emit([set.isEmpty(), set.size(), [...set.read()]])
        },
      })
      assertThat('reads', out).containsInAnyOrder([[true, true, false], [1, 2], [2, 3], 2, false, true, false], [true, 0, []]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'STA-14/values',
    name: 'values of a set are equal as keys are',
    needs: ['state.set'],
    build(p) {
      const out = pair(p).parDo('sets', {
        output: anything,
        state: { set: state.set(anything) },
        process(_, { state: { set }, emit }) {
          const values = [{ x: 1, y: 2 }, { y: 2, x: 1 }, 0, -0, '0', 0n, Number.NaN, Number.NaN, [1], '__proto__']
          emit(values.map((value) => set.addIfAbsent(value)))
          emit([set.size(), set.has({ y: 2, x: 1 }), set.has([1]), set.has([2])])
        },
      })
      assertThat('new', out).containsInAnyOrder([true, false, true, false, true, true, true, false, true, true], [7, true, true, false]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'STA-14/later',
    name: 'a set that a later call reads has what earlier ones have left in it',
    needs: ['state.set', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('k', 1)), at(2, kv('k', 2)), at(3, kv('k', 1)), at(4, kv('k', -2))).parDo(
        'sets',
        {
          // prettier-ignore
          output: anything,
          state: { set: state.set(t.number) },
          process({ value }, { state: { set }, emit }) {
            if (value > 0) set.add(value)
            else set.remove(-value)
            emit([...set.read()].sort())
          },
        },
      )
      assertThat('reads', out).containsInAnyOrder([1], [1, 2], [1, 2], [1])
    },
  }),
  pipelineCase({
    id: 'STA-15',
    name: 'a map has one value for each key, the last; keys, values and entries stay as they were when they were asked for',
    needs: ['state.map'],
    build(p) {
      const out = pair(p).parDo('maps', {
        output: anything,
        state: { map: state.map(t.string, t.number) },
        process(_, { state: { map }, emit }) {
          emit(['empty', map.isEmpty(), map.size(), map.get('x') === undefined, [...map.keys()]])
          map.put('x', 1)
          map.put('y', 2)
          const [keys, values, entries] = [map.keys(), map.values(), map.entries()]
          map.put('x', 10)
          map.put('__proto__', 3)
          map.remove('y')
          map.remove('z')
          emit(['before', [...keys].sort(), [...values].sort(), [...entries].sort()])
          emit(['after', [...map.entries()].sort(), map.size(), map.has('x'), map.has('y'), map.get('x')])
          map.clear()
          emit(['cleared', map.isEmpty(), map.has('x'), [...map.entries()]])
        },
      })
      assertThat('reads', out).containsInAnyOrder(
        ['empty', true, 0, true, []],
        ['before', ['x', 'y'], [1, 2], [['x', 1], ['y', 2]]], // prettier-ignore
        ['after', [['__proto__', 3], ['x', 10]], 2, true, false, 10], // prettier-ignore
        ['cleared', true, false, []],
      )
    },
  }),
  pipelineCase({
    id: 'STA-16',
    name: 'putIfAbsent gives what was there before, computeIfAbsent what is there afterwards; neither replaces',
    needs: ['state.map'],
    build(p) {
      const out = pair(p).parDo('maps', {
        output: anything,
        state: { map: state.map(t.string, t.union([t.number, t.null])) },
        process(_, { state: { map }, emit }) {
          emit(['put', map.putIfAbsent('x', 1) === undefined, map.putIfAbsent('x', 2), map.get('x')])
          let asked = 0
          const make = (key: string): number => {
            asked++
            return key.length
          }
          emit(['computed', map.computeIfAbsent('four', make), map.computeIfAbsent('x', make), asked, map.get('four')])
          map.put('null', null)
          emit(['null', map.putIfAbsent('null', 5), map.computeIfAbsent('null', make), map.has('null'), map.get('null')]) // prettier-ignore
        },
      })
      assertThat('answers', out).containsInAnyOrder(['put', true, 1, 1], ['computed', 4, 1, 1, 4], ['null', null, null, true, null]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'STA-17',
    name: 'a multimap has all values of a key, in the order in which they were put, and loses them together',
    needs: ['state.multimap'],
    build(p) {
      const out = pair(p).parDo('multimaps', {
        output: anything,
        state: { orders: state.multimap(t.string, anything) },
        process(_, { state: { orders }, emit }) {
          orders.put('x', 1)
          orders.put('y', { a: 1, b: 2 })
          orders.put('x', 2)
          orders.put('x', 1)
          const before = orders.get('x')
          orders.put('x', 3)
          emit(['get', [...before], [...orders.get('x')], [...orders.get('z')]])
          emit(['entries', [...orders.keys()].sort(), [...orders.entries()].length])
          emit(['has', orders.hasEntry('y', { b: 2, a: 1 }), orders.hasEntry('x', 7), orders.has('x'), orders.has('z')])
          orders.remove('x')
          orders.remove('z')
          emit(['removed', [...orders.get('x')], orders.has('x'), [...orders.entries()], orders.isEmpty()])
        },
      })
      assertThat('reads', out).containsInAnyOrder(
        ['get', [1, 2, 1], [1, 2, 1, 3], []],
        ['entries', ['x', 'y'], 5],
        ['has', true, false, true, false],
        ['removed', [], false, [['y', { a: 1, b: 2 }]], false],
      )
    },
  }),
  pipelineCase({
    id: 'STA-18',
    name: 'a list in the order of time gives back what was added out of order by time, and of one time as it was added',
    needs: ['state.orderedList', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('k', 42)), at(2, kv('k', 12)), at(3, kv('k', 42)), at(4, kv('k', -5))).parDo(
        'lists',
        {
          // prettier-ignore
          output: anything,
          state: lists,
          process({ value }, { state: { list }, timestamp, emit }) {
            list.add(value, `from ${timestamp}`)
            if (timestamp < 4) return
            const before = list.read()
            list.add(0, 'later')
            emit([...before].map((item) => [item.timestamp, item.value]))
            emit(times(list.read()))
          },
        },
      )
      assertThat('reads', out).containsInAnyOrder(
        [[-5, 'from 4'], [12, 'from 2'], [42, 'from 1'], [42, 'from 3']], // prettier-ignore
        [-5, 0, 12, 42, 42],
      )
    },
  }),
  pipelineCase({
    id: 'STA-19',
    name: 'a range of a list has its begin and not its end',
    needs: ['state.orderedList'],
    build(p) {
      const out = pair(p).parDo('lists', {
        output: anything,
        state: lists,
        process(_, { state, emit }) {
          fill(state)
          const { list } = state
          emit(([[0, 12], [0, 13], [13, 53], [52, 98]] as const).map(([from, to]) => times(list.range(from, to)))) // prettier-ignore
        },
      })
      assertThat('ranges', out).containsInAnyOrder([[], [12], [42, 52], [52, 97]])
    },
  }),
  pipelineCase({
    id: 'STA-20',
    name: 'a timer empties a list up to its time',
    needs: ['state.orderedList', 'timers.eventTime'],
    build(p) {
      const out = pair(p).parDo('lists', {
        output: anything,
        state: lists,
        timers: { early: timer.eventTime(), late: timer.eventTime() },
        process(_, { state, timers }) {
          fill(state)
          timers.early.set(52)
          timers.late.set(97)
        },
        onTimer: {
          early: ({ state: { list }, fireTimestamp, emit }) => {
            const before = list.read()
            list.clearRange(TIMESTAMP_MIN, fireTimestamp + 1)
            emit(['early', times(before), times(list.read())])
          },
          late: ({ state: { list }, fireTimestamp, emit }) => {
            list.clearRange(TIMESTAMP_MIN, fireTimestamp)
            emit(['begin only', times(list.read())])
            list.clearRange(TIMESTAMP_MIN, fireTimestamp + 1)
            emit(['late', times(list.read()), list.isEmpty()])
          },
        },
      })
      assertThat('reads', out).containsInAnyOrder(
        ['early', [12, 42, 52, 97], [97]],
        ['begin only', [97]],
        ['late', [], true],
      )
    },
  }),
]
