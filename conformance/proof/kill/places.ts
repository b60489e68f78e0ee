/**
 * Sources and sinks of the kill lane: the input is put there before the first driver, and the output is read from where anybody
 * else would read it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import * as t from 'io-ts'
import { fixedWindows, type PCollection, type Pipeline, watermarks } from 'millrace'
import { replay } from 'millrace/io/generate'
import { openLog, readLog, writeLog } from 'millrace/io/log'
import { readChanges, readTable, writeTable } from 'millrace/io/sqlite'
import { readLines, tailLines, writeLines } from 'millrace/io/text'
import { type InputRecord, type KillCase, WINDOW_MILLIS } from './kill-case.js'

/** What comes out for a record. */
export interface Row {
  /** Of the record. */
  readonly id: number
  readonly key: string
  readonly n: number
  readonly note: string
}

/** Describes rows. */
export const rowCodec: t.Type<Row> = t.type({ id: t.number, key: t.string, n: t.number, note: t.string })
const recordCodec: t.Type<InputRecord> = t.type({ id: t.number, key: t.string, at: t.number })
const tableCodec = t.type({ id: t.number, key: t.string, n: t.number, note: t.string })

const IN = 'in'
const OUT = 'out'
/** Rows of any time are written: what the pipeline has put out is not late for its sink. */
const FOR_EVER = 1000 * 86_400_000

/** Puts the input into a folder. */
export async function makeInput(folder: string, { source, sink, records, parts }: KillCase): Promise<void> {
  mkdirSync(folder, { recursive: true })
  if (source === 'lines') {
    mkdirSync(join(folder, IN))
    for (let part = 0; part < parts; part++) {
      const lines = records.filter((_, at) => at % parts === part).map((record) => `${JSON.stringify(record)}\n`)
      writeFileSync(join(folder, IN, `${part}.jsonl`), lines.join(''))
    }
  } else if (source === 'tail') {
    mkdirSync(join(folder, IN))
    writeFileSync(join(folder, IN, '0.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  } else if (source === 'table' || source === 'changes') {
    const database = new Database(join(folder, 'in.db'))
    database.exec('CREATE TABLE records (id INTEGER PRIMARY KEY, key TEXT NOT NULL, at INTEGER NOT NULL)')
    const insert = database.prepare('INSERT INTO records VALUES (?, ?, ?)')
    database.transaction(() => {
      for (const { id, key, at } of records) insert.run(id, key, at)
    })()
    database.close()
  } else if (source === 'log' || source === 'stream') {
    const log = await openLog(join(folder, IN), { sync: 'normal' })
    log.createTopic('records', { partitions: parts })
    const all = records.map((value) => ({ key: value.key, value }))
    log.append('records', all)
    log.close()
  }
  if (sink === 'append' || sink === 'upsert') {
    mkdirSync(join(folder, OUT), { recursive: true })
    const database = new Database(join(folder, OUT, 'out.db'))
    const key = sink === 'upsert' ? ', PRIMARY KEY (id)' : ''
    database.exec(
      `CREATE TABLE results (id INTEGER NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL, note TEXT NOT NULL${key})`,
    )
    database.close()
  }
}

/** The records, with their event times. */
export function readInput(p: Pipeline, folder: string, of: KillCase): PCollection<InputRecord> {
  const { source, records, outOfOrderMillis } = of
  const timestamp = ({ at }: InputRecord): number => at
  /** Of sources that go on: nobody waits for the clock. */
  const watermark = watermarks.outOfOrder(outOfOrderMillis, { idleAfter: '1 hour' })
  switch (source) {
    case 'lines':
      return p
        .apply('lines', readLines(join(folder, IN, '*.jsonl')))
        .map('parse', (line) => JSON.parse(line) as InputRecord, { codec: recordCodec })
        .withTimestamps('at', timestamp)
    case 'table':
      return p
        .apply('table', readTable({ file: join(folder, 'in.db'), table: 'records', codec: recordCodec }))
        .withTimestamps('at', timestamp)
    case 'log':
    case 'stream':
      return p.apply(
        'log',
        readLog({
          folder: join(folder, IN),
          topic: 'records',
          codec: recordCodec,
          timestamp: ({ value }) => value.at,
          pollEvery: '5 millis',
          ...(source === 'log' ? { until: 'end' as const } : { watermark }),
        }),
      )
    case 'tail': {
      const recordOf = (line: string): InputRecord => JSON.parse(line) as InputRecord
      const options = { pollEvery: '5 millis', timestamp: (line: string) => timestamp(recordOf(line)), watermark } as const // prettier-ignore
      return p
        .apply('tail', tailLines(join(folder, IN, '0.jsonl'), options))
        .map('parse', recordOf, { codec: recordCodec })
    }
    case 'changes':
      return p
        .apply(
          'changes',
          readChanges({
            file: join(folder, 'in.db'),
            table: 'records',
            codec: recordCodec,
            startAt: 'snapshot',
            pollEvery: '5 millis',
            timestamp,
            watermark,
          }),
        )
        .map('inserted', ({ value }) => value, { codec: recordCodec })
    case 'replay':
      return p.apply(
        'replay',
        replay(records, { timestamp, watermark: watermarks.outOfOrder(outOfOrderMillis), codec: recordCodec }),
      )
  }
}

/** Writes the rows. */
export function writeOutput(rows: PCollection<Row>, folder: string, { sink }: KillCase): void {
  switch (sink) {
    case 'lines':
    case 'manifest':
      rows
        .windowInto('files', fixedWindows(WINDOW_MILLIS), { allowedLateness: FOR_EVER, accumulation: 'discarding' })
        .apply(
          'write',
          writeLines(join(folder, OUT, 'rows.jsonl'), {
            shards: 2,
            ...(sink === 'manifest' ? { manifest: join(folder, OUT, 'manifests') } : {}),
          }),
        )
      return
    case 'append':
      rows.apply('write', writeTable({ file: join(folder, OUT, 'out.db'), table: 'results', codec: tableCodec }))
      return
    case 'upsert':
      rows.apply(
        'write',
        writeTable({
          file: join(folder, OUT, 'out.db'),
          table: 'results',
          mode: 'upsert',
          key: 'id',
          codec: tableCodec,
        }),
      )
      return
    case 'log':
      rows.apply(
        'write',
        writeLog({ folder: join(folder, OUT), topic: 'rows', create: { partitions: 3 }, key: ({ key }) => key }),
      )
  }
}

/** What anybody can see of the output now; of a log partition by partition, in its order. */
export async function readOutput(folder: string, { sink }: KillCase): Promise<readonly Row[]> {
  switch (sink) {
    case 'lines':
      return filesIn(join(folder, OUT)).flatMap(rowsOfFile)
    case 'manifest':
      return filesIn(join(folder, OUT, 'manifests')).flatMap((manifest) => {
        const { files } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly files: readonly { path: string }[] }
        return files.flatMap(({ path }) => rowsOfFile(path))
      })
    case 'append':
    case 'upsert': {
      const database = new Database(join(folder, OUT, 'out.db'))
      try {
        return database.prepare('SELECT id, key, n, note FROM results ORDER BY rowid').all() as readonly Row[]
      } finally {
        database.close()
      }
    }
    case 'log': {
      if (!existsSync(join(folder, OUT, 'log.sqlite'))) return []
      const log = await openLog(join(folder, OUT), { sync: 'normal' })
      try {
        const topic = log.topics().find(({ name }) => name === 'rows')
        return Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => {
          const rows: Row[] = []
          for (;;) {
            const more = log.read('rows', partition, rows.length)
            if (more.length === 0) return rows
            rows.push(...more.map(({ value }) => value as Row))
          }
        }).flat()
      } finally {
        log.close()
      }
    }
  }
}

/** Files that are there for readers: names that begin with a dot are not. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map(({ name }) => join(folder, name))
}

function rowsOfFile(path: string): readonly Row[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  if (lines.pop() !== '') throw new Error(`file ${path} ends in the middle of a line`)
  return lines.map((line) => JSON.parse(line) as Row)
}
