/**
 * A pipeline with each kind of state, for what must be read again: by other codecs, by later versions.
 */
import * as t from 'io-ts'
import { fixedWindows, type Pipeline, state, typed } from 'millrace'
import type { Feed } from './feeds.js'

/** A value that is kept, and its codec. */
export type Row = Readonly<Record<string, unknown>>
export type RowCodec = t.Type<Row>

/** Steps with a state cell, by its kind. */
export const STATEFUL: readonly string[] = [
  'value',
  'bag',
  'set',
  'map',
  'multimap',
  'orderedList',
  'combining',
  'combineFn',
]
/** Steps that group by the hour. */
export const GROUPED: readonly string[] = ['list', 'accumulated']

/** Each step shows all that it keeps, when an element comes. */
export function everyKind(codec: RowCodec, feed: Feed<Row>): (p: Pipeline) => void {
  return (p) => {
    const keyed = p.apply('feed', feed.read()).keyBy('by', () => 'k')
    const shown = typed<string>()
    const show = (value: unknown): string =>
      JSON.stringify(value, (_, held: unknown) => (held === undefined ? null : held))
    keyed
      .parDo('value', {
        output: shown,
        state: { cell: state.value(codec) },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show(cell.read() ?? 'none'))
          cell.write(row)
        },
      })
      .collect('value of value')
    keyed
      .parDo('bag', {
        output: shown,
        state: { cell: state.bag(codec) },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show([...cell.read()]))
          cell.add(row)
        },
      })
      .collect('value of bag')
    keyed
      .parDo('set', {
        output: shown,
        state: { cell: state.set(codec) },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show([...cell.read()]))
          cell.add(row)
        },
      })
      .collect('value of set')
    keyed
      .parDo('map', {
        output: shown,
        state: { cell: state.map(t.string, codec) },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show([...cell.values()]))
          cell.put(`at ${String(row['n'])}`, row)
        },
      })
      .collect('value of map')
    keyed
      .parDo('multimap', {
        output: shown,
        state: { cell: state.multimap(t.string, codec) },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show([...cell.get('all')]))
          cell.put('all', row)
        },
      })
      .collect('value of multimap')
    keyed
      .parDo('orderedList', {
        output: shown,
        state: { cell: state.orderedList(codec) },
        process({ value: row }, { state: { cell }, timestamp, emit }) {
          emit(show([...cell.read()].map((item) => item.value)))
          cell.add(timestamp, row)
        },
      })
      .collect('value of orderedList')
    keyed
      .parDo('combining', {
        output: shown,
        state: {
          cell: state.combining(
            { of: (row: Row) => row, semigroup: { concat: (a: Row, b: Row) => (b['user'] === '' ? a : b) } },
            { codec },
          ),
        },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show(cell.read() ?? 'none'))
          cell.add(row)
        },
      })
      .collect('value of combining')
    keyed
      .parDo('combineFn', {
        output: shown,
        state: {
          cell: state.combining({
            createAccumulator: (): Row[] => [],
            addInput: (all: Row[], row: Row) => [...all, row],
            mergeAccumulators: (a: Row[], b: Row[]) => [...a, ...b],
            extractOutput: (all: Row[]) => all,
            accumulator: t.array(codec),
          }),
        },
        process({ value: row }, { state: { cell }, emit }) {
          emit(show(cell.read()))
          cell.add(row)
        },
      })
      .collect('value of combineFn')
    const hours = p
      .apply('of hours', feed.read())
      .map('described', (row) => row, { codec })
      .windowInto('by the hour', fixedWindows('1 hour'))
      .keyBy('by hour', () => 'k')
    hours
      .groupByKey('list')
      .map('shown', ({ value: rows }) => show([...rows]))
      .collect('value of list')
    hours
      .combinePerKey('accumulated', {
        createAccumulator: (): Row[] => [],
        addInput: (all: Row[], row: Row) => [...all, row],
        mergeAccumulators: (a: Row[], b: Row[]) => [...a, ...b],
        extractOutput: (all: Row[]) => show(all),
        accumulator: t.array(codec),
      })
      .map('of key', ({ value: text }) => text)
      .collect('value of accumulated')
  }
}
