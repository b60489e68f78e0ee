/**
 * Reads the records of a source or sink for `millrace verify`, one after another: their ids, and where each lies.
 *
 * Law: a record without an id, or one that cannot be read, is an error that names its place, or is told where somebody counts them;
 * nothing is passed over.
 */
import { createReadStream, statSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { resolve } from 'node:path'
import { decodeFromBytes, dynamicCoder } from '../../sdk/coders/index.js'
import { preview } from '../../sdk/preview.js'
import { nodeFiles } from '../direct/node.js'
import { loadSqlite } from '../micro-batch/store/sqlite-database.js'
import { UsageError } from './command-line.js'
import { type BatchesOf, NO_BATCHES } from './verify-batches.js'

/** A record. */
export interface Found {
  readonly id: string
  /** A file, table or partition; records of one have an order. */
  readonly part: string
  /** From 1: line, row or offset. */
  readonly at: number
  /** The batch that brought it, where that is known. */
  readonly batch?: number | undefined
}

/** Told of each record that has no id, with what is said of it. */
export type WithoutId = (message: string) => void

/** Which records are read. */
interface Reading {
  readonly idField: string
  readonly batches: BatchesOf
  readonly withoutId: WithoutId | undefined
}

/**
 * The records of a place.
 *
 * @throws {UsageError} when it cannot be read so; where nobody is told, also when a record has no id.
 */
export async function* recordsOf(
  place: string,
  idField: string,
  { batches = NO_BATCHES, withoutId }: { readonly batches?: BatchesOf; readonly withoutId?: WithoutId } = {},
): AsyncGenerator<Found, void, undefined> {
  const reading: Reading = { idField, batches, withoutId }
  const [kind, file, name] = partsOf(place)
  if (kind === 'sqlite') yield* tableRecords(file, name, reading)
  else if (kind === 'log') yield* logRecords(file, name, reading)
  else if (/^(sqlite|log):/.test(place)) throw unreadable(place, 'write sqlite:FILE#TABLE, or log:FOLDER#TOPIC')
  else for await (const record of fileRecords(place, reading)) yield { ...record, batch: batches.ofFile(record.part) }
}

/** Kind, file or folder, and table or topic of a place; no kind: files. */
function partsOf(place: string): readonly [kind: string | undefined, file: string, name: string] {
  const [, kind, file = '', name = ''] = /^(sqlite|log):(.+)#([^#]+)$/s.exec(place) ?? []
  return [kind, file, name]
}

/** Whether a place can have an id only once: as the key of a table, or of a topic that keeps the last record of each. */
export async function holdsOnce(place: string, idField: string): Promise<boolean> {
  const [kind, file, name] = partsOf(place)
  if (kind === 'sqlite')
    return inDatabase(file, (db) => {
      const key = db.prepare<[string], { name: string; pk: number }>('SELECT name, pk FROM pragma_table_info(?)').all(name) // prettier-ignore
      const primary = key.filter(({ pk }) => pk > 0).map((column) => column.name)
      const unique = db
        .prepare<[string], { columns: string }>(
          `SELECT (SELECT group_concat(name, char(0)) FROM pragma_index_info(i.name)) AS columns
           FROM pragma_index_list(?) AS i WHERE i."unique" = 1 AND i.partial = 0`,
        )
        .all(name)
      return [primary.join('\0'), ...unique.map(({ columns }) => columns)].includes(idField)
    })
  if (kind !== 'log' || idField !== 'key') return false
  return inDatabase(`${file}/log.sqlite`, (db) => {
    const topic = db.prepare<[string], { compact: number }>('SELECT compact FROM topics WHERE name = ?').get(name)
    return topic?.compact === 1
  })
}

/** The id of a record; `undefined` where it has none, and that is told. */
function idOr({ withoutId: tell }: Reading, id: () => string): string | undefined {
  try {
    return id()
  } catch (error) {
    if (tell === undefined || !(error instanceof UsageError) || error.code !== 'MR-7028') throw error
    tell(error.message)
    return undefined
  }
}

// ---- files ---------------------------------------------------------------------------------------------------------

async function* fileRecords(place: string, reading: Reading): AsyncGenerator<Found, void, undefined> {
  const isFile = statSync(place, { throwIfNoEntry: false })?.isFile() === true
  const files = isFile ? [place] : nodeFiles.glob(place)
  if (files.length === 0)
    throw unreadable(place, 'no file is there. Give a file, a glob in quotes, sqlite:FILE#TABLE or log:FOLDER#TOPIC')
  for (const file of files) {
    const form = /\.(ndjson|jsonl|csv|txt|log|lines)(?:\.gz)?$/i.exec(file)?.[1]?.toLowerCase()
    if (form === 'csv') yield* csvRecords(file, reading)
    else if (form === 'ndjson' || form === 'jsonl') yield* jsonRecords(file, reading)
    else if (form !== undefined) yield* lineRecords(file, reading)
    else throw unreadable(file, 'its name ends in none of .ndjson, .jsonl, .csv, .txt, .lines, .log (and .gz)')
  }
}

/** Text, piece by piece. */
async function* textOf(file: string): AsyncGenerator<string, void, undefined> {
  const raw = createReadStream(file)
  const stream = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  raw.on('error', (error) => stream.destroy(error))
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const piece of stream) yield decoder.decode(piece as Uint8Array, { stream: true })
    yield decoder.decode()
  } catch (error) {
    throw unreadable(file, error instanceof Error ? error.message : String(error))
  }
}

async function* linesOf(file: string): AsyncGenerator<string, void, undefined> {
  let rest = ''
  for await (const piece of textOf(file)) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() as string
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  if (rest !== '') yield rest
}

async function* lineRecords(file: string, { idField }: Reading): AsyncGenerator<Found, void, undefined> {
  if (idField !== 'line')
    throw unreadable(file, 'lines of text have no fields: their id is the whole line. Say --id line')
  let at = 0
  for await (const line of linesOf(file)) yield { id: line, part: file, at: ++at }
}

async function* jsonRecords(file: string, reading: Reading): AsyncGenerator<Found, void, undefined> {
  let at = 0
  for await (const line of linesOf(file)) {
    at++
    if (line.trim() === '') continue
    const where = `${file}:${at}`
    const id = idOr(reading, () => jsonId(line, reading.idField, where))
    if (id !== undefined) yield { id, part: file, at }
  }
}

function jsonId(text: string, idField: string, where: string): string {
  try {
    return fieldId(JSON.parse(text), idField, where)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw unreadable(where, `it is no JSON: ${error.message}`)
  }
}

function logId(value: unknown, idField: string, where: string): string {
  if (idField === 'key') return idText(value, idField, where)
  if (value instanceof Uint8Array) return jsonId(new TextDecoder().decode(value), idField, where)
  return typeof value === 'string' ? jsonId(value, idField, where) : fieldId(value, idField, where)
}

function fieldId(of: unknown, idField: string, where: string): string {
  let value = of
  for (const name of idField.split('.')) {
    const holds = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    value = holds ? (value as Readonly<Record<string, unknown>>)[name] : undefined
  }
  return idText(value, idField, where)
}

async function* csvRecords(file: string, reading: Reading): AsyncGenerator<Found, void, undefined> {
  const { idField } = reading
  let column: number | undefined
  let at = 0
  for await (const row of csvRows(file)) {
    at++
    if (column === undefined) {
      column = row.indexOf(idField)
      if (column < 0) throw withoutId(`${file}:1`, idField, `its columns are ${row.join(', ')}`)
      continue
    }
    if (row.length === 1 && row[0] === '') continue
    const field = row[column] ?? ''
    const id = idOr(reading, () => {
      if (field === '') throw withoutId(`row ${at} of ${file}`, idField, 'it is empty there')
      return field
    })
    if (id !== undefined) yield { id, part: file, at }
  }
}

/** Rows as RFC 4180 has them: fields in quotes may hold commas, quotes in pairs, and ends of lines. */
async function* csvRows(file: string): AsyncGenerator<readonly string[], void, undefined> {
  let row: string[] = []
  let field = ''
  let quotes: 'none' | 'open' | 'closed' = 'none'
  let isFirst = true
  for await (const piece of textOf(file)) {
    for (const char of isFirst && piece.startsWith('\ufeff') ? piece.slice(1) : piece) {
      if (quotes === 'open') {
        if (char === '"') quotes = 'closed'
        else field += char
      } else if (char === '"') {
        if (quotes === 'closed') field += '"'
        quotes = 'open'
      } else if (char === ',') {
        row.push(field)
        field = ''
        quotes = 'none'
      } else if (char === '\n') {
        row.push(quotes === 'none' ? field.replace(/\r$/, '') : field)
        yield row
        row = []
        field = ''
        quotes = 'none'
      } else if (!(quotes === 'closed' && char === '\r')) field += char
    }
    if (piece !== '') isFirst = false
  }
  if (quotes === 'open') throw unreadable(file, 'a quote is opened and never closed')
  if (field !== '' || row.length > 0) yield [...row, field]
}

// ---- databases -----------------------------------------------------------------------------------------------------

async function* tableRecords(file: string, table: string, reading: Reading): AsyncGenerator<Found, void, undefined> {
  const { idField } = reading
  const db = await opened(file)
  try {
    const names = db.prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?)').all(table)
    if (names.length === 0) throw unreadable(file, `it has no table "${table}"`)
    const columns = names.map(({ name }) => name)
    if (!columns.includes(idField))
      throw withoutId(`table ${table} of ${file}`, idField, `its columns are ${columns.join(', ')}`)
    let at = 0
    const rows = db
      .prepare<[], [unknown]>(`SELECT ${quoted(idField)} FROM ${quoted(table)}`)
      .raw()
      .safeIntegers()
      .iterate()
    for (const [value] of rows as unknown as Iterable<[unknown]>) {
      const where = `row ${++at} of table ${table} of ${file}`
      const id = idOr(reading, () => idText(value, idField, where))
      if (id !== undefined) yield { id, part: `${file}#${table}`, at }
    }
  } catch (error) {
    throw told(error, file)
  } finally {
    db.close()
  }
}

/** Records of a topic: values as the log has them, texts and bytes as JSON; `key` is the key. */
async function* logRecords(folder: string, topic: string, reading: Reading): AsyncGenerator<Found, void, undefined> {
  const { idField, batches } = reading
  const db = await opened(`${folder}/log.sqlite`)
  try {
    const partitions = db
      .prepare<[string], { id: number; partition: number }>(
        'SELECT p.id AS id, p.partition AS partition FROM partitions p JOIN topics t ON t.id = p.topic WHERE t.name = ? ORDER BY p.partition',
      )
      .all(topic)
    if (partitions.length === 0) throw unreadable(folder, `the log has no topic "${topic}"`)
    const writers = db.prepare<[], { query: string }>('SELECT DISTINCT query FROM deliveries').all()
    const isKnown = batches.wrote(writers.map(({ query }) => query))
    for (const { id: table, partition } of partitions) {
      const rows = db
        .prepare<[], { at: number; appended: number; key: Uint8Array | null; value: Uint8Array | null }>(
          `SELECT offset AS at, appended, key, value FROM p${table} ORDER BY offset`,
        )
        .iterate()
      for (const { at, appended, key, value: stored } of rows) {
        const where = `${topic}/${partition}@${at}`
        const bytes = idField === 'key' ? key : stored
        const id = idOr(reading, () => {
          if (bytes === null) throw withoutId(where, idField, 'it is null')
          return logId(decodeFromBytes(dynamicCoder, bytes), idField, where)
        })
        if (id === undefined) continue
        yield { id, part: `${topic}/${partition}`, at, batch: isKnown ? batches.at(appended) : undefined }
      }
    }
  } catch (error) {
    throw told(error, `${folder}/log.sqlite`)
  } finally {
    db.close()
  }
}

async function inDatabase<T>(file: string, work: (db: import('better-sqlite3').Database) => T): Promise<T> {
  const db = await opened(file)
  try {
    return work(db)
  } catch (error) {
    throw told(error, file)
  } finally {
    db.close()
  }
}

/** What SQLite says of a file that is none of its own, is damaged, or is not what it was taken for. */
function told(error: unknown, file: string): unknown {
  const isOfSqlite = error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_')
  return isOfSqlite ? unreadable(file, error.message) : error
}

async function opened(file: string): Promise<import('better-sqlite3').Database> {
  const Sqlite = await loadSqlite()
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) throw unreadable(file, 'there is no such file')
  try {
    const db = new Sqlite(resolve(file), { fileMustExist: true })
    db.pragma('query_only = ON')
    return db
  } catch (error) {
    throw unreadable(file, error instanceof Error ? error.message : String(error))
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

// ---- ids -----------------------------------------------------------------------------------------------------------

/** Texts are themselves, numbers as JavaScript writes them: 7 and "7" are one id, as a CSV file knows no other. */
function idText(value: unknown, idField: string, where: string): string {
  if (typeof value === 'string' && value !== '') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  throw withoutId(where, idField, `it is ${value === undefined ? 'not there' : preview(value)}`)
}

function unreadable(place: string, why: string): UsageError {
  return new UsageError('MR-7027', `verify cannot read ${place}: ${why}.`, '')
}

function withoutId(where: string, idField: string, why: string): UsageError {
  return new UsageError('MR-7028', `${where} has no id "${idField}": ${why}.`, '')
}
