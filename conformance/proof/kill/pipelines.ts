/**
 * The pipelines of the kill lane. Each makes a row of every record; what is in it beside the id shows what the state was.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  groupIntoBatches,
  type IntervalWindow,
  joinAsOf,
  type KV,
  kv,
  metric,
  type PCollection,
  type Pipeline,
  sessionWindows,
  state,
  timer,
  typed,
} from 'millrace'
import { totals } from '../consistency.js'
import { GAP_MILLIS, type InputRecord, type KillCase, WINDOW_MILLIS } from './kill-case.js'
import { readInput, type Row, rowCodec, writeOutput } from './places.js'

/** The step that counts what has been read. */
export const SEEN = 'seen'
/** Name of a key in the table that streams are joined with. */
export const nameOf = (key: string): string => `name of ${key}`

/** Builds the pipeline of a case. @param userCode is given the id of every record. */
export function build(p: Pipeline, folder: string, of: KillCase, userCode: (id: number) => void): void {
  const records = readInput(p, folder, of).parDo(SEEN, {
    output: typed<InputRecord>(),
    metrics: { seen: metric.counter() },
    process(record, { emit, metrics }) {
      userCode(record.id)
      metrics.seen.inc()
      emit(record)
    },
  })
  writeOutput(rowsOf(p, records, of), folder, of)
}

function rowsOf(p: Pipeline, records: PCollection<InputRecord>, of: KillCase): PCollection<Row> {
  const { latenessMillis: allowedLateness, records: input } = of
  const byKey = (): PCollection<KV<string, InputRecord>> => records.keyBy('by key', ({ key }) => key)
  const names = [...new Set(input.map(({ key }) => key))].map((key) => kv(key, nameOf(key)))
  switch (of.pipeline) {
    case 'map':
      return records.map('row', ({ id, key, at }) => ({ id, key, n: at, note: '' }), { codec: rowCodec })
    case 'counters':
      return byKey().parDo('number', {
        output: rowCodec,
        state: { count: state.value(t.number, { initial: 0 }) },
        process({ key, value: { id } }, { state: { count }, emit }) {
          const n = count.read() + 1
          count.write(n)
          emit({ id, key, n, note: '' })
        },
      })
    case 'windows':
      return panes(
        records
          .windowInto('windows', fixedWindows(WINDOW_MILLIS), { allowedLateness, accumulation: 'discarding' })
          .keyBy('by key', ({ key }) => key),
      )
    case 'sessions':
      return panes(
        records
          .windowInto('windows', sessionWindows(GAP_MILLIS), { allowedLateness, accumulation: 'discarding' })
          .keyBy('by key', ({ key }) => key),
      )
    case 'buffers':
      return buffered(byKey())
    case 'batches':
      return byKey()
        .apply('batches', groupIntoBatches({ size: 7 }))
        .flatMap(
          'rows',
          ({ key, value }) => [...value].map(({ id }): Row => ({ id, key, n: value.length, note: '' })),
          {
            codec: rowCodec,
          },
        )
    case 'sideInput':
      return records.parDo('look up', {
        output: rowCodec,
        sides: { names: p.create('names', names).asMap('names by key') },
        process: ({ id, key, at }, { sides, emit }) => emit({ id, key, n: at, note: sides.names.get(key) ?? 'none' }),
      })
    case 'asOf':
      return joinAsOf('join', { stream: byKey(), table: p.create('names', names, { timestamp: () => 0 }) }).map(
        'rows',
        ({ key, value: { stream, table } }) => ({ id: stream.id, key, n: stream.at, note: table }),
        { codec: rowCodec },
      )
    case 'transfers':
      return transfers(records, of)
  }
}

/** A row for each record of a pane, with the number of records in it. */
function panes(keyed: PCollection<KV<string, InputRecord>>): PCollection<Row> {
  return keyed.groupByKey('group').parDo('rows', {
    output: rowCodec,
    process({ key, value }, { window, pane, emit }) {
      const { start, end } = window as IntervalWindow
      const all = [...value]
      for (const { id } of all) emit({ id, key, n: all.length, note: `${start} ${end} ${pane.index}` })
    },
  })
}

/** Records wait in a bag until event time has come to the end of their ten seconds; the timer says how many there were. */
function buffered(keyed: PCollection<KV<string, InputRecord>>): PCollection<Row> {
  return keyed.parDo('buffer', {
    output: rowCodec,
    state: { waiting: state.bag(typed<InputRecord>()) },
    timers: { flush: timer.eventTime() },
    process({ value }, { state: { waiting }, timers }) {
      waiting.add(value)
      timers.flush.set(value.at - (value.at % WINDOW_MILLIS) + WINDOW_MILLIS)
    },
    onTimer: {
      flush({ key, state: { waiting }, emit }) {
        const all = [...waiting.read()]
        waiting.clear()
        for (const { id } of all) emit({ id, key, n: all.length, note: '' })
      },
    },
  })
}

/**
 * Every record is a transfer of 1 between two accounts: the balances of a window always make 0 together, in every pane of the
 * total that is put out (internal consistency). Its rows say so, one for each transfer.
 */
function transfers(records: PCollection<InputRecord>, { consistency, latenessMillis }: KillCase): PCollection<Row> {
  const given = records.map('transfer', ({ id, key }) => ({ id, from: key, to: `account ${id % 5}` }))
  return totals(consistency, given, { windowMillis: WINDOW_MILLIS, latenessMillis }).flatMap(
    'rows',
    ({ amount, ids }) => ids.map((id): Row => ({ id, key: 'all', n: amount, note: '' })),
    { codec: rowCodec },
  )
}
