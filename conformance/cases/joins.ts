/**
 * Joins of streams and tables by event time. Ids are ours: Beam has no such transforms in its model.
 */
import {
  type Change,
  fixedWindows,
  globalWindows,
  insert,
  joinAsOf,
  joinTables,
  joinWithin,
  type KV,
  kv,
  type PCollection,
  type Pipeline,
  pipeline,
  retract,
  sessionWindows,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSameInAnyOrder } from './claims.js'

type Keyed = PCollection<KV<string, number>>
type Row = readonly [left: number | string, right: number | string]

const within = ['state.orderedList', 'state.value', 'timers.eventTime'] as const
const asOf = ['state.orderedList', 'timers.eventTime'] as const

/** Values of one key that are their own timestamps. */
const stamped = (p: Pipeline, name: string, values: readonly number[]): Keyed =>
  p.create(
    name,
    values.map((n) => kv('k', n)),
    { timestamp: ({ value }) => value },
  )

/** A script of values of one key at their own times. */
const script = () => testStream<KV<string, number>>()
const item = (n: number) => at(n, kv('k', n))

function rows(
  joined: PCollection<KV<string, { readonly left?: unknown; readonly right?: unknown }>>,
): PCollection<Row> {
  return joined.map('rows', ({ value }): Row => [(value.left ?? '-') as number, (value.right ?? '-') as number])
}

/** Left elements at 10, 20 and 40; right ones at 5, 15, 22, 30 and 60. */
const sides = (p: Pipeline) => ({
  left: stamped(p, 'left', [10, 20, 40]),
  right: stamped(p, 'right', [5, 15, 22, 30, 60]),
})

/** Pairs with right − left from −5 to 2. */
const pairs: readonly Row[] = [
  [10, 5],
  [20, 15],
  [20, 22],
]
const lonelyLeft: Row = [40, '-']
const lonelyRight: readonly Row[] = [
  ['-', 30],
  ['-', 60],
]
const reach = { before: 5, after: 2 }

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  ...(
    [
      ['inner', pairs],
      ['left', [...pairs, lonelyLeft]],
      ['right', [...pairs, ...lonelyRight]],
      ['full', [...pairs, lonelyLeft, ...lonelyRight]],
    ] as const
  ).map(([kind, expected]) =>
    pipelineCase({
      id: `JOIN-01/${kind}`,
      name: `a join within an interval has its pairs, both ends included, and of others what is ${kind}`,
      needs: within,
      build: (p) =>
        assertThat('rows', rows(joinWithin('join', sides(p), { within: reach, kind }))).containsInAnyOrder(...expected),
    }),
  ),
  pipelineCase({
    id: 'JOIN-02',
    name: 'a pair has the later timestamp, and what has no partner its own',
    needs: within,
    build(p) {
      assertThat('rows', rows(joinWithin('join', sides(p), { within: reach, kind: 'left' }))).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, timestamp }) => [...value, timestamp]),
          [
            [10, 5, 10],
            [20, 15, 20],
            [20, 22, 22],
            [40, '-', 40],
          ],
        ),
      )
    },
  }),
  pipelineCase({
    id: 'JOIN-03',
    name: 'only elements of one key are pairs, each with each',
    needs: within,
    build(p) {
      const of = (name: string, key: string, value: string): PCollection<KV<string, string>> =>
        p.create(name, [kv(key, value), kv('both', `${value}1`), kv('both', `${value}2`)], { timestamp: () => 5 })
      const joined = joinWithin('join', { left: of('l', 'a', 'x'), right: of('r', 'b', 'y') }, { within: 0 })
      assertThat('rows', rows(joined)).containsInAnyOrder(
        ...(['x1', 'x2'] as const).flatMap((l) => (['y1', 'y2'] as const).map((r): Row => [l, r])),
      )
    },
  }),
  pipelineCase({
    id: 'JOIN-04',
    name: 'an element within the lateness still finds its partner, and then is not without one',
    needs: [...within, 'testStream', 'lateness'],
    build(p) {
      const kept = (name: string, input: Keyed): Keyed =>
        input.windowInto(name, globalWindows(), { allowedLateness: 50 })
      const left = kept(
        'l',
        p.apply('left', script().add(item(10)).advanceWatermarkTo(40).advanceWatermarkTo(50).end()),
      )
      const right = kept(
        'r',
        p.apply('right', script().advanceWatermarkTo(40).add(item(11)).advanceWatermarkTo(50).end()),
      )
      const joined = joinWithin('join', { left, right }, { within: 5, kind: 'full' })
      assertThat('rows', rows(joined)).containsInAnyOrder([10, 11])
    },
  }),
  pipelineCase({
    id: 'JOIN-04/too-late',
    name: 'an element behind the watermark by more than the lateness is dropped, even where a partner waits, and is counted',
    needs: [...within, 'testStream'],
    notIn: { reexecuted: 'a counter counts every attempt of a call with state' },
    build(p) {
      const left = p.apply('left', script().add(item(38)).advanceWatermarkTo(40).add(item(39)).end())
      const right = p.apply('right', script().advanceWatermarkTo(40).end())
      const joined = joinWithin('join', { left, right }, { within: 50, kind: 'left' })
      assertThat('rows', rows(joined)).containsInAnyOrder([38, '-'])
      return ({ result }, claims) => claims.same(result.metrics.get('join', 'tooLate'), 1, 'dropped')
    },
  }),
  pipelineCase({
    id: 'JOIN-05',
    name: 'what has no partner holds the watermark, and so is not late for what follows',
    needs: [...within, 'testStream'],
    build(p) {
      const left = p.apply('left', script().add(item(5)).advanceWatermarkTo(14).advanceWatermarkTo(200).end())
      const right = p.apply('right', script().advanceWatermarkTo(14).advanceWatermarkTo(200).end())
      const joined = rows(joinWithin('join', { left, right }, { within: 50, kind: 'left' }))
        .windowInto('tens', fixedWindows(10))
        .keyBy('key', () => 'all')
        .groupByKey('group')
        .map('values', ({ value }) => [...value])
      assertThat('rows', joined)
        .inOnTimePane({ start: 0, end: 10 })
        .containsInAnyOrder([[5, '-']])
    },
  }),
  pipelineCase({
    id: 'JOIN-06',
    name: 'in windows, pairs lie in one window, and who has none there has none',
    needs: within,
    build(p) {
      const left = stamped(p, 'left', [8]).windowInto('l', fixedWindows(10))
      const right = stamped(p, 'right', [9, 11]).windowInto('r', fixedWindows(10))
      const joined = joinWithin('join', { left, right }, { within: 5, kind: 'full' })
      assertThat('rows', rows(joined)).containsInAnyOrder([8, 9], ['-', 11])
    },
  }),
  pipelineCase({
    id: 'JOIN-07',
    name: 'an element sees the version of a table as of its own time, whatever came first',
    needs: [...asOf, 'testStream'],
    build(p) {
      const stream = p.apply('stream', script().add(item(9), item(10), item(25), item(26)).advanceWatermarkTo(30).end())
      const table = p.apply('table', script().add(item(20)).add(item(10)).advanceWatermarkTo(30).end())
      const joined = joinAsOf('join', { stream, table }, { kind: 'left' })
      assertThat(
        'rows',
        joined.map('rows', ({ value }) => [value.stream, value.table ?? '-']),
      ).containsInAnyOrder([9, '-'], [10, 10], [25, 20], [26, 20])
      const inner = joinAsOf('inner', { stream, table })
      assertThat(
        'inner rows',
        inner.map('inner rows', ({ value }) => value.table),
      ).containsInAnyOrder(10, 20, 20)
    },
  }),
  pipelineCase({
    id: 'JOIN-08',
    name: 'a row that was deleted, or not renewed for so long, is seen by nobody',
    needs: asOf,
    build(p) {
      const stream = stamped(p, 'stream', [10, 20, 30, 31])
      const versions: readonly KV<string, number | undefined>[] = [kv('k', 5), kv('k', undefined), kv('k', 25)]
      const table = p.create('table', versions, { timestamp: ({ value }) => value ?? 15 })
      const joined = joinAsOf('join', { stream, table }, { kind: 'left', keep: 5 })
      assertThat(
        'rows',
        joined.map('rows', ({ value }) => [value.stream, value.table ?? '-']),
      ).containsInAnyOrder([10, 5], [20, '-'], [30, 25], [31, '-'])
    },
  }),
  pipelineCase({
    id: 'JOIN-09',
    name: 'tables joined say what changes: a row is retracted as it was before it comes as it is',
    needs: ['state.value', 'testStream'],
    inProcess: true,
    build(p) {
      const order: string[] = []
      const left = testStream<KV<string, string | undefined>>()
        .add(at(1, kv('k', 'a')))
        .add(at(3, kv('k', 'b')))
        .add(at(2, kv('k', 'too old')))
        .add(at(5, kv('k', undefined)))
      const right = testStream<KV<string, number>>()
        .add(at(1, kv('k', 1)))
        .end()
      const changes = joinTables('join', { left: p.apply('left', left.end()), right: p.apply('right', right) })
      const row = (l: string): KV<string, { readonly left: string; readonly right: number }> =>
        kv('k', { left: l, right: 1 })
      assertThat(
        'changes',
        changes.map('note', (change) => {
          order.push(`${change.kind} ${change.value.value.left}`)
          return change
        }),
      ).containsInAnyOrder(insert(row('a')), retract(row('a')), insert(row('b')), retract(row('b')))
      return (_, claims) => claims.same(order, ['insert a', 'retract a', 'insert b', 'retract b'], 'order of changes')
    },
  }),
  pipelineCase({
    id: 'JOIN-10',
    name: 'tables that come as changes are joined as what stands, in either order of a change',
    needs: ['state.value', 'testStream'],
    build(p) {
      const script = testStream<Change<KV<string, number>>>()
        .add(at(1, insert(kv('k', 1))))
        .add(at(2, insert(kv('k', 2))), at(2, retract(kv('k', 1))))
      const right = p.create('right', [kv('k', 'x')], { timestamp: () => 0 })
      const changes = joinTables('join', { left: p.apply('left', script.end()), right })
      // How many of the versions are seen depends on when the other side comes; what stands does not.
      assertThat('changes', changes).satisfies((all) => {
        const standing = new Map<number, number>()
        for (const { kind, value } of all)
          standing.set(value.value.left, (standing.get(value.value.left) ?? 0) + (kind === 'insert' ? 1 : -1))
        expectSameInAnyOrder(
          [...standing].filter(([, count]) => count !== 0),
          [[2, 1]],
        )
      })
    },
  }),
  constructionCase({
    id: 'JOIN-11',
    name: 'sessions, differing windows and unknown kinds are refused by the name of the join',
    check(claims) {
      const p = pipeline()
      const [left, right] = [stamped(p, 'left', [1]), stamped(p, 'right', [1])]
      const inSessions = (input: Keyed, name: string): Keyed => input.windowInto(name, sessionWindows(5))
      const merging = { left: inSessions(left, 'l'), right: inSessions(right, 'r') }
      claims.refuses(() => joinWithin('join', merging, { within: 5 }), { message: /windows that merge/, step: 'join' })
      claims.refuses(() => joinAsOf('as of', { stream: merging.left, table: right }), {
        message: /different windows/,
        step: 'as of',
      })
      claims.refuses(() => joinTables('tables', { left, right }, { kind: 'outer' as never }), {
        message: /needs kind to be/,
        step: 'tables',
      })
    },
  }),
]
