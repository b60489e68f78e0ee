/** The table of sources and sinks in docs/guarantees.md says what the code says; what cannot be kept is refused before it runs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as t from 'io-ts'
import { pipeline, type PCollection, type Pipeline, readFrom, run, splittableParDo, typed, watermarks } from 'millrace'
import { readAvro, writeAvro } from 'millrace/io/avro'
import { readCsv, writeCsv } from 'millrace/io/csv'
import { generateSequence, periodic, replay } from 'millrace/io/generate'
import { poll } from 'millrace/io/http'
import { readNdjson, writeJsonArray, writeNdjson } from 'millrace/io/json'
import { readLog, writeLog } from 'millrace/io/log'
import { sinkPromises, sourceAbilities } from 'millrace/micro-batch'
import { readParquet, writeParquet } from 'millrace/io/parquet'
import { readChanges, readTable, writeTable } from 'millrace/io/sqlite'
import { readLines, readStdin, spool, tailLines, watchFiles, writeLines, writeStdout } from 'millrace/io/text'
import { afterAll, describe, expect, it } from 'vitest'
import type { Guarantee } from '../runner.js'
import { seededRandom } from '../../sdk/env.js'
import { restartingRunner } from '../testing/restarting-runner.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-promises-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const page = readFileSync(fileURLToPath(new URL('../../docs/guarantees.md', import.meta.url)), 'utf8')

/** Rows of the table under a header, without its first two lines. */
function table(header: string, column = ''): readonly (readonly string[])[] {
  const lines = page.split('\n')
  const from = lines.findIndex((line) => line.startsWith(`| ${header} `) && line.includes(column)) + 2
  expect(from).toBeGreaterThan(2)
  const length = lines.slice(from).findIndex((line) => !line.startsWith('|'))
  return lines.slice(from, from + length).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const own = (declared: object): ((p: Pipeline) => PCollection<unknown>) =>
  readFrom({
    output: typed<unknown>(),
    bounded: true,
    replayable: false,
    watermark: watermarks.none(),
    open: () => ({ read: () => 'end', mark: () => 0 }),
    ...declared,
  })

type Read = (p: Pipeline) => PCollection<unknown>
const file = join(folder, 'in')
const User = t.type({ id: t.number })
/** What the table calls them. */
const sources: readonly (readonly [name: string, read: Read])[] = [
  ['`create`', (p) => p.create('read', [1])],
  ['`readLines`', (p) => p.apply('read', readLines(file))],
  ['`readNdjson`', (p) => p.apply('read', readNdjson(file))],
  ['`readCsv`', (p) => p.apply('read', readCsv(file))],
  ['`readAvro`', (p) => p.apply('read', readAvro(file))],
  ['`readParquet`', (p) => p.apply('read', readParquet(file))],
  ['`readTable`', (p) => p.apply('read', readTable({ file, table: 'users', codec: User }))],
  ['`tailLines`', (p) => p.apply('read', tailLines(file))],
  ['`spool`', (p) => p.apply('read', readLines(spool(folder)))],
  ['`watchFiles`', (p) => p.apply('read', watchFiles(`${folder}/*`))],
  ['`readLog` without a group', (p) => p.apply('read', readLog({ folder, topic: 'a' }))],
  ['`readChanges`', (p) => p.apply('read', readChanges({ file, table: 'users', codec: User }))],
  ['`readLog` with a group', (p) => p.apply('read', readLog({ folder, topic: 'a', group: 'g' }))],
  ['`poll` without `id`', (p) => p.apply('read', poll('http://127.0.0.1/'))],
  ['`poll` with `id`', (p) => p.apply('read', poll('http://127.0.0.1/', { id: (value) => String(value) }))],
  ['`readStdin`', (p) => p.apply('read', readStdin())],
  ['`generateSequence`', (p) => p.apply('read', generateSequence({ to: 3 }))],
  ['`periodic`', (p) => p.apply('read', periodic({ every: '1 second' }))],
  ['`replay`', (p) => p.apply('read', replay([1], { timestamp: () => 0 }))],
  ['your own, `replayable: true`', (p) => p.apply('read', own({ replayable: true }))],
  [
    'your own, `replayable: false` with `acknowledge`',
    (p) => p.apply('read', own({ acknowledge: () => undefined, bounded: false })),
  ],
  ['your own, `replayable: false`', (p) => p.apply('read', own({}))],
  ['your own with `deduplicate`', (p) => p.apply('read', own({ replayable: true, deduplicate: '1 minute' }))],
]

type Write = (input: PCollection<{ readonly id: number }>) => unknown
const sinks: readonly (readonly [name: string, write: Write])[] = [
  ['`writeLines`', (c) => c.map('text', String).apply('write', writeLines(join(folder, 'o.txt')))],
  ['`writeAvro`', (c) => c.apply('write', writeAvro(join(folder, 'o.avro'), { codec: User }))],
  ['`writeParquet`', (c) => c.apply('write', writeParquet(join(folder, 'o.parquet'), { codec: User }))],
  ['`writeCsv`', (c) => c.apply('write', writeCsv(join(folder, 'o.csv'), { columns: { id: t.number } }))],
  ['`writeNdjson`', (c) => c.apply('write', writeNdjson(join(folder, 'o.ndjson')))],
  ['`writeJsonArray`', (c) => c.apply('write', writeJsonArray(join(folder, 'o.json')))],
  ['`writeTable`', (c) => c.apply('write', writeTable({ file, table: 'users', codec: User }))],
  ['`writeLog`', (c) => c.apply('write', writeLog({ folder, topic: 'a' }))],
  ['`writeStdout`', (c) => c.map('text', String).apply('write', writeStdout())],
  ['`.collect`', (c) => c.collect('write')],
  ['`.print`', (c) => c.print('write')],
  ['a `map` or `parDo` that sends by itself', (c) => c.map('write', () => 0)],
]

describe('the tables of docs/guarantees.md', () => {
  const ofSources = table('source')
  const ofSinks = table('sink')

  it('name every source here, and say what each does after a crash', () => {
    for (const [name, read] of sources) {
      const rows = ofSources.filter(([cell = '']) =>
        name.startsWith('your own') || name.includes(' with')
          ? cell.split(/, (?=`read)/).includes(name)
          : cell.includes(name),
      )
      expect([name, rows.length]).toEqual([name, 1])
      const p = pipeline()
      read(p).collect('out')
      const abilities = sourceAbilities(p.build())
      const worst = (['loses', 'repeats', 'exact'] as const).find((each) =>
        abilities.some(({ afterCrash }) => afterCrash === each),
      )
      expect([name, `'${worst}'`]).toEqual([name, (rows[0]?.[1] ?? '').replaceAll('`', '')])
    }
    const told = ofSources.flatMap(([cell = '']) => [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1]))
    const known = new Set(sources.flatMap(([name]) => [...name.matchAll(/`(\w+)`/g)].map((match) => match[1])))
    expect(told.filter((name) => !known.has(name) && name !== 'testStream')).toEqual([])
  })

  it('name every sink here, and say what its repetition means and what is promised', () => {
    for (const [name, write] of sinks) {
      const row = ofSinks.find(([cell = '']) => cell.includes(name))
      const p = pipeline()
      write(p.create('read', [{ id: 1 }]))
      const end = sinkPromises(p.build(), undefined, true).at(-1)
      expect([name, row?.[2]?.startsWith(`\`${end?.promise}\``)]).toEqual([name, true])
      const declared = /^`'(\w+)'`/.exec(row?.[1] ?? '')?.[1]
      if (declared !== undefined) expect([name, end?.sink]).toEqual([name, declared])
    }
  })

  it('say together what a sink sees from a source', () => {
    const rows = table('from ↓ to →', "`'recognised'`")
    const kinds = [['recognised', 'harmless', 'collected'], ['visible'], ['printed'], ['unseen']] as const
    let compared = 0
    for (const [source = '', ...cells] of rows) {
      for (const [at, cell] of cells.entries()) {
        for (const sink of kinds[at] ?? []) {
          const p = pipeline()
          const read = p.apply('read', own({ afterCrash: source.replaceAll(/[`']/g, '') }))
          if (sink === 'collected') read.collect('end')
          else if (sink === 'printed') read.print('end')
          else if (sink === 'unseen') read.map('end', () => 0)
          else
            read.parDo('end', {
              delivery: { codec: t.unknown, repeats: sink, deliver: () => undefined },
              process: (value, { deliver }) => deliver(value),
            })
          const promises = sinkPromises(p.build(), undefined, true)
          expect([source, sink, promises.map(({ promise }) => promise)]).toEqual([
            source,
            sink,
            [cell.replaceAll('`', '')],
          ])
          compared++
        }
      }
    }
    expect(compared).toBe(18)
  })
})

describe('a guarantee', () => {
  const refusal = (guarantee: Guarantee, build: (p: Pipeline) => unknown): Promise<unknown> => {
    const p = pipeline()
    build(p)
    return run(p, { runner: 'micro-batch', guarantee, checkpoint: join(folder, 'never') }).catch(
      (error: unknown) => error,
    )
  }

  it('is refused before anything runs where a source cannot keep it, with the step and what to do', async () => {
    const stdin = (p: Pipeline): unknown => p.apply('lines', readStdin()).collect('out')
    for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
      const error = await refusal(guarantee, stdin)
      expect(error).toMatchObject({ code: 'MR-6070', name: 'UnsupportedFeature', step: 'lines' })
      expect(String(error)).toMatch(
        /guarantee: '.*' cannot be kept by pipeline "[^"]*": step "lines" .* gone .*tailLines/,
      )
    }
    const group = (p: Pipeline): unknown =>
      p.apply('orders', readLog({ folder, topic: 'a', group: 'g' })).collect('out')
    for (const guarantee of ['exactly-once', 'at-most-once'] as const)
      expect(await refusal(guarantee, group)).toMatchObject({ code: 'MR-6070', step: 'orders/read' })
  })

  it('is refused where a repetition shows in a sink', async () => {
    const error = await refusal('exactly-once', (p) => p.create('names', ['ann']).apply('out', writeStdout()))
    expect(error).toMatchObject({ code: 'MR-6071', step: expect.stringMatching(/^out/) as string })
    expect(String(error)).toContain("repeats: 'visible'")
  })

  it('is looked for behind side inputs, and in steps that read what others name', () => {
    const p = pipeline()
    const names = p.apply('typed', own({})).asList('names')
    p.create('numbers', [1])
      .parDo('join', { output: t.number, sides: { names }, process: (n, { emit }) => emit(n) })
      .apply(
        'read',
        splittableParDo({
          output: typed<number>(),
          bounded: true,
          replayable: false,
          afterCrash: 'repeats',
          watermark: watermarks.none(),
          restriction: () => 0,
          restrictionCodec: t.number,
          tracker: () => {
            throw new Error('is not run')
          },
          process: () => undefined,
        }),
      )
      .collect('out')
    expect(sinkPromises(p.build(), undefined, true)).toEqual([
      {
        step: 'collect out',
        sink: 'collected',
        promise: 'gap',
        because: 'what source "typed" had read and not yet logged is gone; source "read" is given some records again',
      },
    ])
  })

  it('of exactly once is kept through crashes, and of at most once delivers nothing again', async () => {
    for (const guarantee of ['exactly-once', 'at-most-once', 'gap'] as const) {
      for (let seed = 1; seed <= 12; seed++) {
        const random = seededRandom(seed)
        const seen: number[] = []
        const p = pipeline()
        p.create(
          'numbers',
          Array.from({ length: 40 }, (_, i) => i),
        )
          .keyBy('by', (n) => n % 3)
          .parDo('deliver', {
            delivery: { codec: t.number, repeats: 'harmless', deliver: (items) => void seen.push(...items) },
            process: ({ value }, { deliver }) => deliver(value),
          })
        const points = ['batch.commit', 'batch.committed', 'delivery.begin', 'delivery.done', 'store.delivered.after']
        const planOf = () => ({
          crashAt: (point: string) => (points.includes(point) && random() < 0.25 ? ('process' as const) : undefined),
        })
        const runner = restartingRunner({ batchSize: 4, batchInterval: '1 ms' }, { random, planOf })
        await run(p, { runner, guarantee, bundleSize: 4 })
        const times = new Map<number, number>()
        for (const n of seen) times.set(n, (times.get(n) ?? 0) + 1)
        if (guarantee === 'exactly-once') expect([seed, times.size]).toEqual([seed, 40])
        else expect([seed, Math.max(0, ...times.values())]).toEqual([seed, 1])
      }
    }
  })

  it('of at most once loses what a crash comes before, and nothing else', async () => {
    const seen: number[] = []
    let crashes = 0
    const planOf = () => ({
      crashAt: (point: string) => (point === 'delivery.begin' && crashes++ === 2 ? ('process' as const) : undefined),
    })
    const p = pipeline()
    p.create(
      'numbers',
      Array.from({ length: 40 }, (_, i) => i),
    ).parDo('deliver', {
      delivery: { codec: t.number, repeats: 'visible', deliver: (items) => void seen.push(...items) },
      process: (value, { deliver }) => deliver(value),
    })
    const runner = restartingRunner({ batchSize: 4, batchInterval: '1 ms' }, { random: () => 0.5, planOf })
    await run(p, { runner, guarantee: 'at-most-once', bundleSize: 4 })
    expect(seen.length).toBe(new Set(seen).size)
    expect([seen.length < 40, seen.length >= 36]).toEqual([true, true])
  })
})

it('a file of a checkpoint without guarantee is written whatever the source', async () => {
  writeFileSync(join(folder, 'any.txt'), 'a\n')
  const p = pipeline()
  p.apply('lines', readLines(join(folder, 'any.txt'))).apply('out', writeStdout())
  await expect(run(p, { runner: 'micro-batch', checkpoint: join(folder, 'permissive') })).resolves.toMatchObject({
    state: 'DONE',
  })
})
