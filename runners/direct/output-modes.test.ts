/**
 * Output modes in the direct runner, where each round of reading is a batch: what comes, and when.
 */
import {
  afterAll,
  afterBatch,
  afterCount,
  fixedWindows,
  globalWindows,
  type KV,
  kv,
  outputMode,
  type PCollection,
  pipeline,
  type Pipeline,
  repeatedly,
  type ResultTable,
  run,
  sessionWindows,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import * as t from 'io-ts'
import { expect, it } from 'vitest'

type Score = KV<string, number>

const scores = (p: Pipeline, windowFn: WindowFn, options: WindowingOptions = {}): PCollection<Score> =>
  p
    .apply(
      'scores',
      testStream<Score>()
        .add(at(1, kv('a', 1)), at(2, kv('b', 2)))
        .add(at(3, kv('a', 3)))
        .advanceWatermarkTo(12)
        .add(at(4, kv('a', 10)), at(13, kv('a', 7)))
        .advanceWatermarkTo(31)
        .add(at(31, kv('c', 5)))
        .end(),
    )
    .windowInto('windows', windowFn, options)

const late: WindowingOptions = { allowedLateness: 10 }

const tableText = (table: ResultTable<unknown, unknown>): string =>
  table.map(({ key, value, window }) => `${String(key)} ${String(value)} ${window.start}-${window.end}`).join(', ')

async function collected<T>(out: (p: Pipeline) => PCollection<T>): Promise<readonly T[]> {
  const p = pipeline()
  out(p).collect('out')
  return (await run(p)).collect<T>('out')
}

it('updates come with every round that has changed something, and nothing comes twice', async () => {
  const updates = await collected((p) => scores(p, fixedWindows(10), late).apply('sum', outputMode('update').combinePerKey(sum()))) // prettier-ignore
  expect(updates.map(({ key, value }) => `${key} ${value}`)).toEqual(['a 1', 'b 2', 'a 4', 'a 14', 'a 7', 'c 5'])
})

it('tables come with every round that has changed something; what has expired goes', async () => {
  const tables = await collected((p) => scores(p, fixedWindows(10), late).apply('sum', outputMode('complete').combinePerKey(sum()))) // prettier-ignore
  expect(tables.map(tableText)).toEqual([
    'a 1 0-10, b 2 0-10',
    'a 4 0-10, b 2 0-10',
    'a 14 0-10, b 2 0-10, a 7 10-20',
    '',
    'c 5 30-40',
  ])
})

it('a table takes out sessions that were united', async () => {
  const tables = await collected((p) => {
    const script = testStream<Score>().add(at(1, kv('a', 1))).add(at(9, kv('a', 4))).add(at(5, kv('a', 8))) // prettier-ignore
    return p
      .apply('scores', script.end())
      .windowInto('sessions', sessionWindows(6))
      .apply('sum', outputMode('complete').combinePerKey(sum()))
  })
  expect(tables.map(tableText)).toEqual(['a 1 1-7', 'a 1 1-7, a 4 9-15', 'a 13 1-15'])
})

it('keys of a table may be of any codec', async () => {
  class Team {
    readonly name: string

    constructor(name: string) {
      this.name = name
    }
  }
  const team = new t.Type<Team, string>(
    'Team',
    (u): u is Team => u instanceof Team,
    (u, context) => (typeof u === 'string' ? t.success(new Team(u)) : t.failure(u, context)),
    ({ name }) => name,
  )
  const tables = await collected((p) =>
    p
      .create('names', ['red', 'blue', 'red'])
      .map('team', (name) => new Team(name), { codec: team })
      .apply('count', outputMode('complete').countPerElement())
      .map('rows', (table) => table.map(({ key, value }) => [key.name, value])),
  )
  expect(
    tables
      .at(-1)
      ?.map((row) => row.join(' '))
      .sort(),
  ).toEqual(['blue 1', 'red 2'])
})

it('the end of a batch is a trigger as any other', async () => {
  const counts = await collected((p) =>
    scores(p, globalWindows(), { trigger: repeatedly(afterAll(afterCount(3), afterBatch())), accumulation: 'accumulating', onTime: 'ifNonEmpty' }) // prettier-ignore
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .values('counts'),
  )
  expect(counts).toEqual([3, 6])
})

it('a combine over everything has no key of its own', async () => {
  const total = (p: Pipeline): PCollection<number> => scores(p, globalWindows()).values('values')
  expect(await collected((p) => total(p).apply('sum', outputMode('update').combineGlobally(sum())))).toEqual([
    3, 6, 23, 28,
  ])
  const tables = await collected((p) => total(p).apply('sum', outputMode('complete').combineGlobally(sum())))
  expect(tables.at(-1)?.map(({ key, value }) => [key, value])).toEqual([[null, 28]])
})

it('a trigger that a mode does not use is spoken of', () => {
  const warningsOf = (trigger: WindowingOptions['trigger']): readonly string[] => {
    const p = pipeline()
    const windowed = scores(p, fixedWindows(10), trigger === undefined ? {} : { trigger })
    windowed.apply('sum', outputMode('update').combinePerKey(sum())).collect('out')
    return p.build().warnings.map((warning) => warning.split('\n')[0] ?? '')
  }
  expect(warningsOf(repeatedly(afterCount(2)))).toEqual([
    'step "sum" puts out its results at the end of each batch that has changed them, as its output mode says; the trigger repeatedly(afterCount(2)) is not used.',
  ])
  expect(warningsOf(undefined)).toEqual([])
  expect(warningsOf(repeatedly(afterBatch()))).toEqual([])
})
