/**
 * Create and Impulse: where bounded pipelines begin.
 */
import * as t from 'io-ts'
import { GlobalWindow, pipeline, sum, TIMESTAMP_MAX, TIMESTAMP_MIN, typed } from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'

/** An element with all that the model knows of it. */
interface Described {
  readonly value: unknown
  readonly timestamp: number
  readonly isGlobal: boolean
  readonly timing: string
  readonly isFirst: boolean
  readonly isLast: boolean
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'CRE-01',
    name: 'an impulse is one empty element at the beginning of time, in the global window, of no firing',
    build(p) {
      const described = p.impulse('impulse').parDo('describe', {
        output: typed<Described>(),
        process(value, { timestamp, window, pane, emit }) {
          const { timing, isFirst, isLast } = pane
          emit({ value, timestamp, isGlobal: window instanceof GlobalWindow, timing, isFirst, isLast })
        },
      })
      assertThat('impulse', described).satisfies((elements) =>
        expectSame(elements, [
          {
            value: new Uint8Array(0),
            timestamp: TIMESTAMP_MIN,
            isGlobal: true,
            timing: 'unknown',
            isFirst: true,
            isLast: true,
          },
        ]),
      )
    },
  }),
  pipelineCase({
    id: 'CRE-02',
    name: 'two impulses are two independent elements',
    build(p) {
      assertThat(
        'first',
        p.impulse('first').map('one', () => 1),
      ).containsInAnyOrder(1)
      assertThat(
        'second',
        p.impulse('second').map('two', () => 2),
      ).containsInAnyOrder(2)
    },
  }),
  pipelineCase({
    id: 'CRE-03',
    name: 'created values come once each, at the beginning of time',
    build(p) {
      assertThat('numbers', p.create('numbers', [4, -7, 900])).satisfies((values, elements) => {
        expectSameInAnyOrder(values, [4, -7, 900])
        expectSame(new Set(elements.map(({ timestamp }) => timestamp)), new Set([TIMESTAMP_MIN]), 'timestamps')
      })
    },
  }),
  pipelineCase({
    id: 'CRE-04',
    name: 'nothing created is an empty collection: no call of process, and the assertion is still judged',
    build(p) {
      const seen = p.create('nothing', [], { codec: t.number }).map('never', (): number => {
        throw new Error('process was called')
      })
      assertThat('nothing', seen).isEmpty()
    },
  }),
  pipelineCase({
    id: 'CRE-05',
    name: 'nothing created without a codec is an empty collection too: values without one travel by the dynamic coder',
    build(p) {
      const numbers: readonly number[] = []
      assertThat(
        'nothing',
        p.create('nothing', numbers).map('next', (n) => n + 1),
      ).isEmpty()
    },
  }),
  pipelineCase({
    id: 'CRE-06',
    name: 'null arrives as null, and undefined as undefined',
    build(p) {
      assertThat('values', p.create('values', [null, 1, undefined])).containsInAnyOrder(1, undefined, null)
      const codec = t.union([t.number, t.null])
      assertThat('described', p.create('described', [null, 2], { codec })).containsInAnyOrder(2, null)
    },
  }),
  pipelineCase({
    id: 'CRE-07',
    name: 'created values keep the timestamps they are given',
    build(p) {
      const last = TIMESTAMP_MAX - 86_400_000 - 1
      const times = new Map([
        ['a', 5],
        ['b', -3],
        ['c', last],
      ])
      const created = p.create('timed', [...times.keys()], { timestamp: (value) => times.get(value) ?? 0 })
      assertThat('timed', created).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, timestamp }) => [value, timestamp]),
          [...times],
        ),
      )
    },
  }),
  constructionCase({
    id: 'CRE-08',
    name: 'a timestamp outside of time is refused where the values are created',
    check(claims) {
      for (const timestamp of [TIMESTAMP_MAX + 1, TIMESTAMP_MIN - 1, Number.NaN]) {
        claims.refuses(() => pipeline().create('timed', ['a'], { timestamp: () => timestamp }), {
          message: /timed/,
          step: 'timed',
        })
      }
    },
  }),
  pipelineCase({
    id: 'CRE-09',
    name: 'values of mixed types come back with their types',
    build(p) {
      const values: readonly unknown[] = [
        1,
        'one',
        true,
        10n,
        null,
        [1, [2]],
        { a: { b: 1 } },
        new Uint8Array([1, 2]),
        new Map([['k', 1]]),
        new Set(['s']),
        new Date(5),
      ]
      assertThat('mixed', p.create('mixed', values)).satisfies((got) => expectSameInAnyOrder(got, values))
    },
  }),
  pipelineCase({
    id: 'CRE-10',
    name: 'ten thousand values come once each, however they are split',
    needs: ['combine', 'sideInputs'],
    notIn: { smallBatches: 'thousands of batches take half a minute and show nothing new' },
    build(p) {
      const numbers = p.create(
        'numbers',
        Array.from({ length: 10_000 }, (_, n) => n),
      )
      assertThat('sum', numbers.combineGlobally('sum', sum())).containsInAnyOrder(49_995_000)
      assertThat(
        'distinct',
        numbers
          .distinct('distinct')
          .map('one', () => 1)
          .combineGlobally('count', sum()),
      ).containsInAnyOrder(10_000)
    },
  }),
  pipelineCase({
    id: 'CRE-11',
    name: 'a name stands for one step; under two names there are two collections',
    build(p) {
      assertThat('first', p.create('first', [1])).containsInAnyOrder(1)
      assertThat('second', p.create('second', [1, 2])).containsInAnyOrder(1, 2)
    },
  }),
  pipelineCase({
    id: 'CRE-12',
    name: 'an element that one branch changes is refused, naming the step, before another sees it',
    notIn: { fast: 'only strict mode looks at what user code does to its inputs; elsewhere the change may show' },
    build(p) {
      const records = p.create('records', [{ n: 1 }], { codec: t.type({ n: t.number }) })
      records.map('change', (record) => {
        record.n = 2
        return record.n
      })
      assertThat('sibling', records).containsInAnyOrder({ n: 1 })
    },
    fails: { message: /change/, step: 'change' },
  }),
  constructionCase({
    id: 'CRE-11/same-name',
    name: 'a second step of the same name is refused where it is written',
    check(claims) {
      const p = pipeline()
      p.create('numbers', [1])
      claims.refuses(() => p.create('numbers', [2]), { message: /numbers/, step: 'numbers' })
    },
  }),
]
