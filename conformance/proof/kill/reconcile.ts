/**
 * Holds what came out against what went in, record by record: no id twice, every id there or counted as dropped, in order where
 * order is promised; and the numbers in the rows are those of a run that nobody killed.
 */
import { BEGINNING, GAP_MILLIS, type InputRecord, type KillCase, WINDOW_MILLIS } from './kill-case.js'
import { nameOf } from './pipelines.js'
import type { Row } from './places.js'

/** What is wrong. */
export interface Verdict {
  /** Ids that are missing at the end. */
  readonly lost: number
  /** Rows too many. */
  readonly repeated: number
  readonly faults: readonly string[]
}

/** Looks at what can be seen after a kill: rows of records that there are, each once. */
export function judgeMeanwhile(of: KillCase, rows: readonly Row[]): Verdict {
  const known = new Map(of.records.map((record) => [record.id, record]))
  const faults: string[] = []
  const seen = new Set<number>()
  const again: number[] = []
  for (const row of rows) {
    if (seen.has(row.id)) again.push(row.id)
    seen.add(row.id)
    const record = known.get(row.id)
    if (record === undefined) faults.push(`there is no record ${row.id}`)
    else {
      const fault = faultOfRow(of, record, row)
      if (fault !== undefined) faults.push(`record ${row.id}: ${fault}, in ${JSON.stringify(row)}`)
    }
  }
  if (again.length > 0) faults.push(`repeated: ${some(again)}`)
  return { lost: 0, repeated: again.length, faults }
}

/** Looks at the whole result. @param dropped how many records were dropped as late, as the run counts them. */
export function judgeAtEnd(of: KillCase, rows: readonly Row[], dropped: number): Verdict {
  const { repeated, faults } = judgeMeanwhile(of, rows)
  const more = [...faults]
  const seen = new Set(rows.map(({ id }) => id))
  const missing = of.records.filter(({ id }) => !seen.has(id)).map(({ id }) => id)
  const lost = Math.abs(missing.length - dropped)
  if (lost > 0)
    more.push(`missing ${missing.length} of ${of.records.length}, ${dropped} dropped as late: ${some(missing)}`)
  if (dropped > 0 && !isOutOfOrder(of)) more.push(`${dropped} dropped, and nothing was late`)
  more.push(...faultsTogether(of, rows))
  return { lost, repeated, faults: more }
}

/** Whether elements come late in this case. */
function isOutOfOrder({ source, pipeline }: KillCase): boolean {
  return (source === 'stream' || source === 'replay') && (pipeline === 'windows' || pipeline === 'sessions')
}

/** What a row must have, whatever others there are. */
function faultOfRow({ pipeline }: KillCase, { at, key }: InputRecord, row: Row): string | undefined {
  const expect = (what: string, is: unknown, should: unknown): string | undefined =>
    is === should ? undefined : `${what} is ${String(is)}, not ${String(should)}`
  switch (pipeline) {
    case 'map':
      return expect('n', row.n, at) ?? expect('key', row.key, key)
    case 'sideInput':
    case 'asOf':
      return expect('n', row.n, at) ?? expect('note', row.note, nameOf(key))
    case 'windows': {
      const start = BEGINNING + Math.floor((at - BEGINNING) / WINDOW_MILLIS) * WINDOW_MILLIS
      return expect('window', row.note.split(' ', 2).join(' '), `${start} ${start + WINDOW_MILLIS}`)
    }
    case 'sessions': {
      const [start = NaN, end = NaN] = row.note.split(' ').map(Number)
      return start <= at && at + GAP_MILLIS <= end ? undefined : `it lies in session ${row.note}`
    }
    case 'transfers':
      return expect('total', row.n === 0, true)
    case 'batches':
      return row.n >= 1 && row.n <= 7 ? undefined : `its batch has ${row.n}`
    case 'counters':
    case 'buffers':
      return expect('key', row.key, key)
  }
}

/** What rows must be together. */
function faultsTogether(of: KillCase, rows: readonly Row[]): readonly string[] {
  switch (of.pipeline) {
    case 'map':
      return orderFaults(of, rows)
    case 'counters':
      return [...runningNumbers(rows), ...orderFaults(of, rows)]
    case 'windows':
    case 'sessions':
      return [...paneSizes(rows), ...(isOutOfOrder(of) || of.pipeline === 'windows' ? [] : wholeSessions(of, rows))]
    case 'buffers':
    case 'batches':
    case 'sideInput':
    case 'asOf':
    case 'transfers':
      return []
  }
}

/** The numbers of a key are 1, 2, … to their count: state has neither forgotten nor counted twice. */
function runningNumbers(rows: readonly Row[]): readonly string[] {
  return [...byKey(rows)].flatMap(([key, ofKey]) => {
    const numbers = ofKey.map(({ n }) => n).sort((a, b) => a - b)
    const wrong = numbers.findIndex((n, at) => n !== at + 1)
    return wrong < 0 ? [] : [`${key} has ${numbers[wrong]} where ${wrong + 1} should be`]
  })
}

/** A log keeps the order of the records of a key, from the source's partition to the sink's. */
function orderFaults({ source, sink, parts }: KillCase, rows: readonly Row[]): readonly string[] {
  const isOrdered = sink === 'log' && (source !== 'lines' || parts === 1)
  if (!isOrdered) return []
  return [...byKey(rows)].flatMap(([key, ofKey]) => {
    const at = ofKey.findIndex(({ id }, place) => place > 0 && id < (ofKey[place - 1] as Row).id)
    return at < 0 ? [] : [`out of order in ${key}: ${ofKey[at]?.id} after ${ofKey[at - 1]?.id}`]
  })
}

/** A pane has as many rows as it says. */
function paneSizes(rows: readonly Row[]): readonly string[] {
  const counts = new Map<string, { readonly said: number; there: number }>()
  for (const { key, n, note } of rows) {
    const pane = counts.get(`${key} ${note}`)
    if (pane === undefined) counts.set(`${key} ${note}`, { said: n, there: 1 })
    else pane.there++
  }
  return [...counts]
    .filter(([, { said, there }]) => said !== there)
    .map(([pane, { said, there }]) => `pane ${pane} has ${there} rows, and said ${said}`)
}

/** Where nothing is late, sessions are those of the sorted input. */
function wholeSessions({ records }: KillCase, rows: readonly Row[]): readonly string[] {
  const expected = new Map<number, string>()
  for (const ofKey of byKey(records).values()) {
    const sorted = [...ofKey].sort((a, b) => a.at - b.at)
    let first = 0
    sorted.forEach(({ at }, place) => {
      const next = sorted[place + 1]
      if (next !== undefined && next.at < at + GAP_MILLIS) return
      const note = `${(sorted[first] as InputRecord).at} ${at + GAP_MILLIS}`
      for (const { id } of sorted.slice(first, place + 1)) expected.set(id, note)
      first = place + 1
    })
  }
  return rows
    .filter(({ id, note }) => note.split(' ', 2).join(' ') !== expected.get(id))
    .slice(0, 3)
    .map(({ id, note }) => `record ${id} lies in session ${note}, not ${expected.get(id) ?? 'any'}`)
}

function byKey<T extends { readonly key: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const there = groups.get(item.key)
    if (there === undefined) groups.set(item.key, [item])
    else there.push(item)
  }
  return groups
}

function some(ids: readonly number[]): string {
  return `${ids.slice(0, 8).join(', ')}${ids.length > 8 ? ', …' : ''}`
}
