/**
 * Flatten and partition: many collections into one, one into many.
 */
import * as t from 'io-ts'
import {
  empty,
  fixedWindows,
  flatten,
  kv,
  type PCollection,
  type Pipeline,
  pipeline,
  sessionWindows,
  slidingWindows,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'

const tens = fixedWindows(10)
const upTo10 = (p: Pipeline): PCollection<number> => p.create('numbers', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

const upTo10More = (p: Pipeline): PCollection<number> => p.create('more numbers', [10, 11])

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'FLT-01',
    name: 'the union of three collections has everything as often as all of them together',
    build(p) {
      const all = flatten('all', [p.create('a', [1, 2]), p.create('b', [2, 3]), p.create('c', [3, 3])])
      assertThat('all', all).containsInAnyOrder(1, 2, 2, 3, 3, 3)
    },
  }),
  pipelineCase({
    id: 'FLT-02',
    name: 'a collection that is taken three times comes three times',
    build(p) {
      const one = p.create('a', [1, 2])
      assertThat('all', flatten('all', [one, one, one])).containsInAnyOrder(1, 1, 1, 2, 2, 2)
    },
  }),
  pipelineCase({
    id: 'FLT-03',
    name: 'the union of one collection is that collection',
    build: (p) => assertThat('all', flatten('all', [p.create('a', [1, 2])])).containsInAnyOrder(1, 2),
  }),
  pipelineCase({
    id: 'FLT-04',
    name: 'the union of no collection is empty, and what follows it works',
    build(p) {
      const none = p.apply('none', empty(t.number))
      assertThat(
        'next',
        none.map('next', (n) => n + 1),
      ).isEmpty()
    },
  }),
  constructionCase({
    id: 'FLT-04/which-pipeline',
    name: 'flatten of no collection is refused, since it is of no pipeline',
    check: (claims) => void claims.refuses(() => flatten('none', []), { message: /none/ }),
  }),
  pipelineCase({
    id: 'FLT-05',
    name: 'collections that are empty add nothing',
    build(p) {
      const nothing: readonly number[] = []
      const all = flatten('all', [p.create('a', nothing), p.create('b', [1]), p.create('c', nothing)])
      assertThat('all', all).containsInAnyOrder(1)
    },
  }),
  pipelineCase({
    id: 'FLT-06',
    name: 'inputs that are described differently are read as the union is described',
    build(p) {
      const described = p.create('described', [1], { codec: t.number })
      const plain = p.create('plain', [2])
      const all = flatten('all', [described, plain]).reshuffle('apart')
      assertThat('all', all).containsInAnyOrder(1, 2)
    },
    needs: ['reshuffle'],
  }),
  pipelineCase({
    id: 'FLT-07',
    name: 'a union that is described by itself is read so, however its inputs are described',
    build(p) {
      const rows = p.create('rows', [{ n: 1 }], { codec: t.type({ n: t.number }) })
      const plain = p.create('plain', [{ n: 2, more: 'kept' }])
      const Either = t.union([t.type({ n: t.number, more: t.string }), t.type({ n: t.number })])
      assertThat('all', flatten('all', [rows, plain], { codec: Either }).reshuffle('apart')).containsInAnyOrder(
        { n: 1 },
        { n: 2, more: 'kept' },
      )
    },
    needs: ['reshuffle'],
  }),
  pipelineCase({
    id: 'FLT-07/refused',
    name: 'an element that does not fit the description of the union is refused where it is written',
    build(p) {
      const plain = p.create<string | number>('plain', ['text'])
      flatten('all', [plain as never], { codec: t.number }).reshuffle('apart')
    },
    needs: ['reshuffle'],
    notIn: { fast: 'without strict mode nothing is written between steps of one process' },
    fails: { message: /number/, step: 'all' },
  }),
  constructionCase({
    id: 'FLT-09',
    name: 'inputs with the same windows are accepted, with others refused, naming both',
    check(claims) {
      const p = pipeline()
      const [a, b, c] = [p.create('a', [1]), p.create('b', [1]), p.create('c', [1])]
      const first = a.windowInto('tens of a', fixedWindows(10))
      const second = b.windowInto('tens of b', fixedWindows(10))
      claims.same(flatten('both', [first, second]).id, 'both.out', 'union')
      const third = c.windowInto('minutes', fixedWindows('1 minute'))
      claims.refuses(() => flatten('all', [first, third]), {
        message: /"all".*"tens of a".*"minutes"/,
        step: 'all',
      })
    },
  }),
  constructionCase({
    id: 'FLT-10',
    name: 'a union is bounded when all of its inputs are',
    check(claims) {
      const p = pipeline()
      const bounded = p.create('bounded', [1])
      const unbounded = p.apply('script', testStream<number>().end())
      const boundedOf = (id: string): unknown => p.build().graph.components.collections.get(id)?.isBounded
      claims.same(boundedOf(flatten('two', [bounded, bounded]).id), true, 'of two that are')
      claims.same(boundedOf(flatten('mixed', [bounded, unbounded]).id), false, 'of one that is and one that is not')
    },
  }),
  pipelineCase({
    id: 'FLT-11',
    name: 'the watermark of a union is that of the input furthest behind',
    needs: ['testStream'],
    build(p) {
      // The second input's grouping in a window that ends at 100 holds the union back: until then 20 is not late.
      const script = p.apply(
        'script',
        testStream<number>()
          .add(at(20, 20), at(95, 95))
          .advanceWatermarkTo(99)
          .add(at(99, 99))
          .advanceWatermarkTo(150)
          .end(),
      )
      const held = script
        .filter('twenty', (n) => n === 20)
        .windowInto('hundreds', fixedWindows(100), { timestampCombiner: 'earliest' })
        .keyBy('one', () => 'k')
        .groupByKey('hold')
        .map('value', ({ value }) => [...value].length)
      const others = script.filter('others', (n) => n !== 20).windowInto('hundreds too', fixedWindows(100))
      const grouped = flatten('union', [held, others])
        .windowInto('tens', tens)
        .keyBy('all', () => 'k')
        .groupByKey('group')
        .map('list', ({ value }) => [...value].sort((a, b) => a - b))
      assertThat('grouped', grouped).containsInAnyOrder([1], [95, 99])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'FLT-12',
    name: 'lists inside elements become their elements, in any order',
    build(p) {
      const lists = p.create('lists', [[1, 2], [], [3]])
      assertThat(
        'flat',
        lists.flatMap('flat', (list) => list),
      ).containsInAnyOrder(1, 2, 3)
    },
  }),
  pipelineCase({
    id: 'FLT-13',
    name: 'a union keeps timestamps and windows of each input, also for a grouping behind it',
    build(p) {
      const timed = (name: string, ...values: readonly number[]): PCollection<number> =>
        p.create(name, values, { timestamp: (n) => n }).windowInto(`tens of ${name}`, tens)
      const all = flatten('all', [timed('a', 1, 11), timed('b', 2, 25)])
      assertThat('timestamps', all).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, timestamp, window }) => [value, timestamp, window.start]),
          [
            [1, 1, 0],
            [11, 11, 10],
            [2, 2, 0],
            [25, 25, 20],
          ],
        ),
      )
      const grouped = all
        .keyBy('one', () => 'k')
        .groupByKey('group')
        .map('list', ({ value }) => [...value].sort((a, b) => a - b))
      assertThat('first', grouped).inWindow({ start: 0, end: 10 }).containsInAnyOrder([1, 2])
      assertThat('groups', grouped).containsInAnyOrder([1, 2], [11], [25])
    },
  }),
  pipelineCase({
    id: 'FLT-08',
    name: 'a union may be read as a side input only, or as side and main input at once',
    needs: ['sideInputs'],
    build(p) {
      const onlySide = flatten('only a side', [p.create('a', [1]), p.create('b', [2])]).asIterable('of a and b')
      const both = flatten('both', [p.create('c', [3]), p.create('d', [4])])
      const all = both.asIterable('of c and d')
      const seen = both.parDo('see', {
        output: t.array(t.number),
        sides: { onlySide, all },
        process: (n, { sides, emit }) => emit([n, ...[...sides.onlySide].sort(), ...[...sides.all].sort()]),
      })
      assertThat('seen', seen).containsInAnyOrder([3, 1, 2, 3, 4], [4, 1, 2, 3, 4])
    },
  }),
  pipelineCase({
    id: 'FLT-14',
    name: 'the union of the outputs of one step has everything once',
    build(p) {
      const { small, large } = upTo10(p).parDo('split', {
        outputs: { small: t.number, large: t.number },
        process: (n, { emit }) => (n < 5 ? emit.small(n) : emit.large(n)),
      })
      assertThat('all', flatten('all', [small, large])).containsInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    },
  }),
  pipelineCase({
    id: 'FLT-15',
    name: 'unions within unions that share inputs have everything as often as it was put in',
    build(p) {
      const [a, b] = [p.create('a', [1]), p.create('b', [2])]
      const inner = flatten('inner', [a, b, a])
      const outer = flatten('outer', [inner, b, inner])
      assertThat('outer', outer).containsInAnyOrder(1, 1, 1, 1, 2, 2, 2)
      assertThat(
        'inner',
        inner.map('ten', (n) => n * 10),
      ).containsInAnyOrder(10, 10, 20)
    },
  }),
  pipelineCase({
    id: 'PRT-01',
    name: 'the parts of a partition have everything once',
    build(p) {
      const parts = upTo10(p).partition('by three', 3, (n) => n % 3)
      assertThat('first', parts[0]).containsInAnyOrder(0, 3, 6, 9)
      assertThat('second', parts[1]).containsInAnyOrder(1, 4, 7)
      assertThat('third', parts[2]).containsInAnyOrder(2, 5, 8)
    },
  }),
  pipelineCase({
    id: 'PRT-02',
    name: 'one part is everything, and a part without elements is empty',
    build(p) {
      const [all] = upTo10(p).partition('one', 1, () => 0)
      assertThat('all', all).containsInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
      const [none, some] = upTo10More(p).partition('two', 2, () => 1)
      assertThat('none', none).isEmpty()
      assertThat('some', some).containsInAnyOrder(10, 11)
    },
  }),
  ...([-1, 3, 0.5, Number.NaN] as const).map((part, n) =>
    pipelineCase({
      id: `PRT-03/${['negative', 'too-large', 'fraction', 'not-a-number'][n] ?? n}`,
      name: `a part ${part} of three is refused, naming it and the range`,
      build: (p) => void upTo10(p).partition('by three', 3, () => part),
      fails: { message: new RegExp(`returned ${part}; it must return a whole number from 0 to 2`), step: 'by three' },
    }),
  ),
  constructionCase({
    id: 'PRT-04',
    name: 'a partition into no parts is refused',
    check(claims) {
      for (const count of [0, -1, 1.5])
        claims.refuses(() => upTo10(pipeline()).partition('none', count, () => 0), {
          message: /partition/,
          step: 'none',
        })
    },
  }),
  pipelineCase({
    id: 'PRT-05',
    name: 'a partition by what another collection says',
    needs: ['sideInputs'],
    build(p) {
      const limit = p.create('limit', [5]).asSingleton('limit of parts')
      const { below, above } = upTo10(p).parDo('by limit', {
        outputs: { below: t.number, above: t.number },
        sides: { limit },
        process: (n, { sides, emit }) => (n < sides.limit ? emit.below(n) : emit.above(n)),
      })
      assertThat('below', below).containsInAnyOrder(0, 1, 2, 3, 4)
      assertThat('above', above).containsInAnyOrder(5, 6, 7, 8, 9)
    },
  }),
  pipelineCase({
    id: 'PRT-06',
    name: 'elements keep timestamps, windows and panes in every part',
    build(p) {
      const [odd, even] = p
        .create('timed', [kv('k', 3), kv('k', 4), kv('k', 14)], { timestamp: ({ value }) => value })
        .windowInto('sliding', slidingWindows(10, { every: 10 }))
        .groupByKey('group')
        .partition('by size', 2, ({ value }) => [...value].length - 1)
      assertThat('one', odd).satisfies((_, elements) =>
        expectSame(
          elements.map(({ timestamp, window, timing, isLast }) => [timestamp, window, timing, isLast]),
          [[19, { start: 10, end: 20 }, 'onTime', true]],
        ),
      )
      assertThat('two', even).satisfies((_, elements) =>
        expectSame(
          elements.map(({ timestamp, window, timing, isLast }) => [timestamp, window, timing, isLast]),
          [[9, { start: 0, end: 10 }, 'onTime', true]],
        ),
      )
    },
  }),
  constructionCase({
    id: 'FLT-09/sessions',
    name: 'sessions and fixed windows are not united',
    check(claims) {
      const p = pipeline()
      const sessions = p.create('a', [1]).windowInto('sessions', sessionWindows(10))
      const fixed = p.create('b', [1]).windowInto('fixed', tens)
      claims.refuses(() => flatten('all', [sessions, fixed]), { message: /windows/, step: 'all' })
    },
  }),
]
