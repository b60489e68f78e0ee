/**
 * Output modes of a grouping: results once and for all, results that have changed, and the whole table of results.
 *
 * What comes in between depends on batches, so cases speak of what comes last. Numbers only grow, so the last is the greatest.
 */
import * as t from 'io-ts'
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
  type Pipeline,
  pipeline,
  repeatedly,
  type ResultRow,
  type ResultTable,
  sessionWindows,
  slidingWindows,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'

type Score = KV<string, number>

/** `a` has 1 + 3 in the first ten, 10 more when it has ended, and then 7 in the second; `c` 5 when both have expired. */
const scores = (p: Pipeline, windowFn: WindowFn, options?: WindowingOptions): PCollection<Score> =>
  p
    .apply(
      'scores',
      testStream<Score>()
        .add(at(1, kv('a', 1)), at(2, kv('b', 2)))
        .add(at(3, kv('a', 3)))
        .advanceWatermarkTo(12)
        .add(at(4, kv('a', 10)), at(13, kv('a', 7)))
        .advanceWatermarkTo(31)
        .add(at(5, kv('a', 1000)), at(31, kv('c', 5)))
        .end(),
    )
    .windowInto('windows', windowFn, options)

const late: WindowingOptions = { allowedLateness: 10 }

/** Results as text, with the window of each. */
const inWindows = (results: PCollection<KV<unknown, unknown>>): PCollection<string> =>
  results.parDo('text', {
    output: t.string,
    process({ key, value }, { window, emit }) {
      emit(`${String(key)} ${JSON.stringify(value)} ${window.start}-${window.end}`)
    },
  })

/** The greatest value of each key and window. */
function lastOf(texts: readonly string[]): readonly string[] {
  const last = new Map<string, number>()
  for (const text of texts) {
    const [key, value, window] = text.split(' ') as [string, string, string]
    const place = `${key} ${window}`
    last.set(place, Math.max(Number(value), last.get(place) ?? 0))
  }
  return [...last].map(([place, value]) => `${place.split(' ').join(` ${value} `)}`)
}

const rowText = ({ window: { start, end }, key, value }: ResultRow<unknown, unknown>): string =>
  `${String(key)} ${JSON.stringify(value)} ${start}-${end}`

/** How far a table is: by its newest window, then by what it adds up to. */
const rank = (table: ResultTable<unknown, number>): number =>
  Math.max(0, ...table.map(({ window }) => window.start)) * 10_000 + table.reduce((all, { value }) => all + value, 0)

/** The last of tables whose newest window and sum only grow. */
function lastTable(tables: readonly ResultTable<unknown, number>[]): readonly string[] {
  const [first, ...others] = tables
  if (first === undefined) throw new Error('expected tables, got none')
  return others.reduce((last, table) => (rank(table) > rank(last) ? table : last), first).map(rowText)
}

const once = ['testStream', 'combine'] as const
const batches = ['accumulating', 'triggers.batch', 'triggers.early'] as const
const updates = ['testStream', 'combine', ...batches] as const
const tables = [...updates, 'state.map'] as const
const expiring = [...tables, 'timers.eventTime', 'timers.family'] as const

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'MOD-01',
    name: 'append gives each result once, with what came late, when its window has expired',
    needs: [...once, 'lateness'],
    build: (p) =>
      assertThat(
        'results',
        inWindows(scores(p, fixedWindows(10), late).apply('sum', outputMode('append').combinePerKey(sum()))),
      ).containsInAnyOrder('a 14 0-10', 'b 2 0-10', 'a 7 10-20', 'c 5 30-40'),
  }),
  pipelineCase({
    id: 'MOD-01/early',
    name: 'append takes no word of a trigger that would answer before',
    needs: [...once, 'lateness'],
    build: (p) =>
      assertThat(
        'results',
        inWindows(
          scores(p, fixedWindows(10), {
            ...late,
            trigger: repeatedly(afterCount(1)),
            accumulation: 'accumulating',
          }).apply('count', outputMode('append').countPerKey()),
        ),
      ).containsInAnyOrder('a 3 0-10', 'b 1 0-10', 'a 1 10-20', 'c 1 30-40'),
  }),
  pipelineCase({
    id: 'MOD-02',
    name: 'append gives a session once, when nothing can be united with it any more',
    needs: [...once, 'windows.merging', 'lateness'],
    build: (p) =>
      assertThat(
        'sessions',
        inWindows(scores(p, sessionWindows(4), late).apply('sum', outputMode('append').combinePerKey(sum()))),
      ).containsInAnyOrder('a 14 1-8', 'b 2 2-6', 'a 7 13-17', 'c 5 31-35'),
  }),
  pipelineCase({
    id: 'MOD-03',
    name: 'append gives the last word of a trigger that finishes, in a window without end',
    needs: [...once, 'accumulating', 'triggers.early'],
    build(p) {
      const firstThree = scores(p, globalWindows(), { trigger: afterCount(3), allowUnsafeTrigger: true })
        .keyBy('all', () => 'all')
        .apply('count', outputMode('append').countPerKey())
      assertThat('counts', firstThree).satisfies((all) => {
        expectSame(all.length, 1, 'how many there are')
        expectSame((all[0]?.value ?? 0) >= 3, true, 'whether the count is three at least')
      })
    },
  }),
  constructionCase({
    id: 'MOD-04',
    name: 'append is refused where it could never answer, and says what would',
    check(claims) {
      const endless = (options?: WindowingOptions): PCollection<Score> => scores(pipeline(), globalWindows(), options)
      for (const options of [undefined, { trigger: repeatedly(afterCount(1)) }])
        claims.refuses(() => endless(options).apply('sum', outputMode('append').combinePerKey(sum())), {
          message:
            /unbounded collection in the global window.*fixedWindows.*allowUnsafeTrigger.*outputMode\('update'\)/,
          step: 'sum',
        })
      claims.refuses(() => outputMode('all' as 'append'), { message: /must be 'append', 'update' or 'complete'/ })
      claims.refuses(() => outputMode('complete', { expired: 'stay' as 'keep' }), { message: /'drop' or 'keep'/ })
      claims.refuses(() => (outputMode as (mode: string, options: object) => unknown)('update', { expired: 'keep' }), {
        message: /no option "expired"/,
      })
    },
  }),
  pipelineCase({
    id: 'MOD-05',
    name: 'the last update of each key and window is its result, and updates have all so far',
    needs: [...updates, 'lateness'],
    build: (p) =>
      assertThat(
        'updates',
        inWindows(scores(p, fixedWindows(10), late).apply('sum', outputMode('update').combinePerKey(sum()))),
      ).satisfies((texts) => {
        expectSameInAnyOrder(lastOf(texts), ['a 14 0-10', 'b 2 0-10', 'a 7 10-20', 'c 5 30-40'])
        // Nothing comes twice: what has not changed is not put out.
        expectSame(new Set(texts).size, texts.length, 'how many updates are different')
      }),
  }),
  pipelineCase({
    id: 'MOD-05/sliding',
    name: 'windows that overlap have updates of their own',
    needs: [...updates, 'lateness'],
    build: (p) =>
      assertThat(
        'updates',
        inWindows(
          scores(p, slidingWindows(20, { every: 10 }), late).apply('sum', outputMode('update').combinePerKey(sum())),
        ),
      ).satisfies(
        (texts) =>
        expectSameInAnyOrder(lastOf(texts), ['a 14 -10-10', 'b 2 -10-10', 'a 21 0-20', 'b 2 0-20', 'a 7 10-30', 'c 5 20-40', 'c 5 30-50']), // prettier-ignore
      ),
  }),
  pipelineCase({
    id: 'MOD-05/global',
    name: 'updates need no window and no end',
    needs: updates,
    build: (p) =>
      assertThat(
        'updates',
        scores(p, globalWindows()).apply('sum', outputMode('update').combinePerKey(sum())),
      ).satisfies((all) =>
        expectSameInAnyOrder(lastOf(all.map(({ key, value }) => `${key} ${value} ever`)), [
          'a 1021 ever',
          'b 2 ever',
          'c 5 ever',
        ]),
      ),
  }),
  pipelineCase({
    id: 'MOD-06',
    name: 'updates of a grouping have every value so far',
    needs: ['testStream', ...batches, 'lateness'],
    build(p) {
      const lists = scores(p, fixedWindows(10), late).apply('lists', outputMode('update').groupByKey())
      assertThat('lists', inWindows(lists)).satisfies((texts) => {
        const longest = new Map<string, readonly number[]>()
        for (const text of texts) {
          const [key, value, window] = text.split(' ') as [string, string, string]
          const values = JSON.parse(value) as number[]
          const before = longest.get(`${key} ${window}`) ?? []
          if (values.length > before.length) longest.set(`${key} ${window}`, values)
        }
        expectSameInAnyOrder(
          [...longest].map(([place, values]) => `${place} ${[...values].sort((a, b) => a - b).join('+')}`),
          ['a 0-10 1+3+10', 'b 0-10 2', 'a 10-20 7', 'c 30-40 5'],
        )
      })
    },
  }),
  pipelineCase({
    id: 'MOD-07',
    name: 'a batch answers once for each key and window, however its bundles are cut',
    needs: ['combine', ...batches],
    build(p) {
      const numbers = p.create(
        'numbers',
        Array.from({ length: 50 }, (_, n) => n),
      )
      const counts = numbers.keyBy('parity', (n) => n % 2).apply('count', outputMode('update').countPerKey())
      assertThat('counts', counts).satisfies((all) => {
        expectSame(new Set(all.map(({ key, value }) => `${key} ${value}`)).size, all.length, 'different updates')
        expectSameInAnyOrder(lastOf(all.map(({ key, value }) => `${key} ${value} ever`)), ['0 25 ever', '1 25 ever'])
      })
    },
  }),
  pipelineCase({
    id: 'MOD-08',
    name: 'a part of a trigger that waits for the end of a batch goes on waiting when another part is not ready',
    needs: [...updates, 'triggers.composite'],
    build(p) {
      const each = scores(p, globalWindows(), { trigger: repeatedly(afterAll(afterCount(4), afterBatch())), accumulation: 'accumulating' }) // prettier-ignore
      assertThat('counts', each.keyBy('all', () => 'all').countPerKey('count')).satisfies((all) => {
        const counts = all.map(({ value }) => value).sort((a, b) => a - b)
        expectSame(counts.at(-1), 7, 'the last count')
        expectSame((counts[0] ?? 0) >= 4, true, 'whether none came before four')
      })
    },
  }),
  pipelineCase({
    id: 'MOD-09',
    name: 'the last table has every result whose window has not expired, and no other',
    needs: [...expiring, 'lateness'],
    build: (p) =>
      assertThat(
        'tables',
        scores(p, fixedWindows(10), late).apply('sum', outputMode('complete').combinePerKey(sum())),
      ).satisfies((all) => expectSame(lastTable(all), ['c 5 30-40'])),
  }),
  pipelineCase({
    id: 'MOD-09/ends',
    name: 'the end of the input takes nothing out of the table',
    needs: expiring,
    build(p) {
      const entries = [at(1, kv('b', 1)), at(2, kv('a', 2)), at(11, kv('a', 3)), at(3, kv('b', 4))]
      const table = p
        .apply(
          'scores',
          testStream<Score>()
            .add(...entries)
            .end(),
        )
        .windowInto('windows', fixedWindows(10))
        .apply('sum', outputMode('complete').combinePerKey(sum()))
      assertThat('tables', table).satisfies((all) => {
        expectSame(lastTable(all), ['a 2 0-10', 'b 5 0-10', 'a 3 10-20'])
        expectSame(all.filter(({ length }) => length === 0).length, 0, 'tables without a row')
      })
    },
  }),
  pipelineCase({
    id: 'MOD-09/late',
    name: 'a table has what came late within the allowed lateness',
    needs: [...expiring, 'lateness'],
    build(p) {
      const script = testStream<Score>()
        .add(at(1, kv('a', 1)))
        .advanceWatermarkTo(15)
        .add(at(2, kv('a', 2)))
      const table = p
        .apply('scores', script.end())
        .windowInto('windows', fixedWindows(10), late)
        .apply('sum', outputMode('complete').combinePerKey(sum()))
      assertThat('tables', table).satisfies((all) => expectSame(lastTable(all), ['a 3 0-10']))
    },
  }),
  pipelineCase({
    id: 'MOD-10',
    name: 'the last table that keeps what has expired is what a batch run would give',
    needs: [...tables, 'lateness'],
    build: (p) =>
      assertThat(
        'tables',
        scores(p, fixedWindows(10), late).apply(
          'sum',
          outputMode('complete', { expired: 'keep' }).combinePerKey(sum()),
        ),
      ).satisfies((all) => expectSame(lastTable(all), ['a 14 0-10', 'b 2 0-10', 'a 7 10-20', 'c 5 30-40'])),
  }),
  pipelineCase({
    id: 'MOD-10/global',
    name: 'a table without windows has every key, in order',
    needs: tables,
    build: (p) =>
      assertThat(
        'tables',
        scores(p, globalWindows()).apply('sum', outputMode('complete').combinePerKey(sum())),
      ).satisfies((all) =>
        expectSame(
          lastTable(all).map((text) => text.split(' ').slice(0, 2).join(' ')),
          ['a 1021', 'b 2', 'c 5'],
        ),
      ),
  }),
  pipelineCase({
    id: 'MOD-10/order',
    name: 'keys of a table are ordered, numbers by their size',
    needs: ['combine', ...batches, 'state.map'],
    build(p) {
      const numbers = p.create('numbers', [10, 9, 100, -1, 9.5])
      assertThat('tables', numbers.apply('count', outputMode('complete').countPerElement())).satisfies((all) => {
        for (const table of all) {
          const keys = table.map(({ key }) => key)
          expectSame(
            keys,
            [...keys].sort((a, b) => a - b),
          )
        }
        expectSame(Math.max(...all.map(({ length }) => length)), 5, 'rows of the last table')
      })
    },
  }),
  pipelineCase({
    id: 'MOD-11',
    name: 'a session that has become part of another is in no table any more',
    needs: [...tables, 'windows.merging', 'lateness'],
    build(p) {
      const script = testStream<Score>()
        .add(at(1, kv('a', 1)), at(2, kv('b', 2)))
        .add(at(9, kv('a', 4)))
        .add(at(5, kv('a', 8)))
        .end()
      const table = p
        .apply('scores', script)
        .windowInto('sessions', sessionWindows(6), late)
        .apply('sum', outputMode('complete', { expired: 'keep' }).combinePerKey(sum()))
      assertThat('tables', table).satisfies((all) => {
        expectSame(
          all.flatMap((rows) => rows.filter(({ window }) => window.end === 15)).every(({ value }) => value === 13 || value === 4), // prettier-ignore
          true,
          'whether no sum is made of parts',
        )
        const whole = all.find((rows) => rows.some(({ value }) => value === 13))
        expectSame(whole?.map(rowText), ['a 13 1-15', 'b 2 2-8'])
      })
    },
  }),
  pipelineCase({
    id: 'MOD-12',
    name: 'a table is one snapshot: what a batch has moved from one result to another is in both or in none',
    needs: tables,
    build(p) {
      let script = testStream<number>()
      for (let n = 0; n < 40; n++) script = script.add(at(n, n))
      const balances = p
        .apply('transfers', script.end())
        .flatMap('entries', (n) => [kv(n % 5, -1 - n), kv((3 * n + 1) % 5, 1 + n)])
        .apply('balance', outputMode('complete').combinePerKey(sum()))
      assertThat('tables', balances).satisfies((all) => {
        const totals = all.map((rows) => rows.reduce((total, { value }) => total + value, 0))
        expectSame(
          totals.filter((total) => total !== 0),
          [],
        )
        expectSame(all.length > 0, true, 'whether there are tables')
        for (const rows of all) expectSame(new Set(rows.map(({ key }) => key)).size, rows.length, 'rows of a table')
      })
    },
  }),
]
