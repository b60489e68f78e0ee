/**
 * State: one cell for each key and window; what a call reads, what a call that fails leaves behind, and when it is gone.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  type KV,
  kv,
  mean,
  type PCollection,
  type Pipeline,
  seededRandom,
  state,
  timer,
  typed,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { oneByOne } from './one-by-one.js'

type Pair = KV<string, number>

const anything = typed<unknown>()
const counter = { n: state.value(t.number, { initial: 0 }) }

/** A step that numbers the elements of each key and window, from 0. */
function numbered(input: PCollection<Pair>, name: string): PCollection<Pair> {
  return input.parDo(name, {
    output: typed<Pair>(),
    state: counter,
    process({ key }, { state: { n }, emit }) {
      emit(kv(key, n.read()))
      n.write(n.read() + 1)
    },
  })
}

const timestamped = (p: Pipeline, ...pairs: readonly Pair[]): PCollection<Pair> =>
  p.create('pairs', pairs, { timestamp: ({ value }) => value })

/** A type of the author's, with a codec of its own. */
class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}
const money = new t.Type<Money, number>(
  'Money',
  (value): value is Money => value instanceof Money,
  (value, context) => (typeof value === 'number' ? t.success(new Money(value)) : t.failure(value, context)),
  ({ cents }) => cents,
)

/** The least that a Standard Schema is: a number, and not below zero. */
const natural = {
  '~standard': {
    version: 1 as const,
    vendor: 'ours',
    validate: (value: unknown) =>
      typeof value === 'number' && value >= 0 ? { value } : { issues: [{ message: 'is below zero' }] },
    types: undefined as { readonly input: number; readonly output: number } | undefined,
  },
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'STA-01',
    name: 'a call reads what earlier calls of its key have written',
    needs: ['state.value'],
    build(p) {
      const pairs = p.create('pairs', [kv('a', 7), kv('a', 8), kv('a', 9)])
      assertThat('numbers', numbered(pairs, 'number')).containsInAnyOrder(kv('a', 0), kv('a', 1), kv('a', 2))
    },
  }),
  pipelineCase({
    id: 'STA-02',
    name: 'a step that remembers what it has seen lets each of 50 keys through once, of 15 copies',
    needs: ['state.value'],
    build(p) {
      const random = seededRandom(17)
      const pairs = Array.from({ length: 50 * 15 }, (_, n) => ({ pair: kv(`key ${n % 50}`, n), place: random() }))
        .sort((a, b) => a.place - b.place)
        .map(({ pair }) => pair)
      const first = p.create('pairs', pairs).parDo('first only', {
        output: t.string,
        state: { seen: state.value(t.boolean) },
        process({ key }, { state: { seen }, emit }) {
          if (seen.read() === undefined) emit(key)
          seen.write(true)
        },
      })
      assertThat('keys', first).containsInAnyOrder(...Array.from({ length: 50 }, (_, n) => `key ${n}`))
    },
  }),
  pipelineCase({
    id: 'STA-03',
    name: 'a counter begins anew in every window',
    needs: ['state.value'],
    build(p) {
      const pairs = timestamped(p, kv('a', 1), kv('a', 2), kv('a', 11), kv('a', 12), kv('a', 13))
      const out = numbered(pairs.windowInto('tens', fixedWindows(10)), 'number')
      assertThat('first window', out).inWindow({ start: 0, end: 10 }).containsInAnyOrder(kv('a', 0), kv('a', 1))
      assertThat('second', out).inWindow({ start: 10, end: 20 }).containsInAnyOrder(kv('a', 0), kv('a', 1), kv('a', 2))
      assertThat('all', out).hasSize(5)
    },
  }),
  pipelineCase({
    id: 'STA-04',
    name: 'two steps whose cells have one name are independent, also when one follows the other',
    needs: ['state.value'],
    build(p) {
      const pairs = p.create('pairs', [kv('a', 1), kv('a', 1), kv('b', 1)])
      const expected = [kv('a', 0), kv('a', 1), kv('b', 0)]
      const first = numbered(pairs, 'first')
      assertThat('first', first).containsInAnyOrder(...expected)
      assertThat('second', numbered(first, 'second')).containsInAnyOrder(...expected)
      assertThat('beside', numbered(pairs, 'beside')).containsInAnyOrder(...expected)
    },
  }),
  pipelineCase({
    id: 'STA-05',
    name: 'a step with state has several outputs, split by what its state says',
    needs: ['state.value'],
    build(p) {
      const pairs = p.create(
        'pairs',
        ['a', 'a', 'a', 'b', 'b'].map((key) => kv(key, 0)),
      )
      const { even, odd } = pairs.parDo('split', {
        outputs: { even: typed<Pair>(), odd: typed<Pair>() },
        state: counter,
        process({ key }, { state: { n }, emit }) {
          const count = n.read()
          n.write(count + 1)
          if (count % 2 === 0) emit.even(kv(key, count))
          else emit.odd(kv(key, count))
        },
      })
      assertThat('even', even).containsInAnyOrder(kv('a', 0), kv('a', 2), kv('b', 0))
      assertThat('odd', odd).containsInAnyOrder(kv('a', 1), kv('b', 1))
    },
  }),
  pipelineCase({
    id: 'STA-06',
    name: 'a cell that was never written reads as its default; null that was written is not a cell that was cleared',
    needs: ['state.value', 'testStream'],
    build(p) {
      const out =
        oneByOne(p, at(1, kv('k', 'read')), at(2, kv('k', 'null')), at(3, kv('k', 'read')), at(4, kv('k', 'clear')), at(5, kv('k', 'read'))) // prettier-ignore
          .parDo('cells', {
            output: anything,
            state: { plain: state.value(t.union([t.number, t.null])), other: state.value(t.union([t.number, t.null]), { initial: 7 }) }, // prettier-ignore
            process({ value }, { state: { plain, other }, timestamp, emit }) {
              if (value === 'read') emit([timestamp, plain.read() === undefined, plain.read() ?? null, other.read()])
              for (const cell of [plain, other]) {
                if (value === 'null') cell.write(null)
                if (value === 'clear') cell.clear()
              }
            },
          })
      assertThat('reads', out).containsInAnyOrder([1, true, null, 7], [3, false, null, null], [5, true, null, 7])
    },
  }),
  pipelineCase({
    id: 'STA-07',
    name: 'a cleared cell is empty, in its call and in the next, and can be written again',
    needs: ['state.value', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('k', 1)), at(2, kv('k', 2)), at(3, kv('k', 3))).parDo('cells', {
        output: anything,
        state: { cell: state.value(t.number) },
        process({ value }, { state: { cell }, emit }) {
          const before = cell.read() ?? 'empty'
          cell.write(value)
          if (value < 3) cell.clear()
          const cleared = cell.read() ?? 'empty'
          if (value === 2) cell.write(20)
          emit([before, cleared, cell.read() ?? 'empty'])
        },
      })
      assertThat('reads', out).containsInAnyOrder(['empty', 'empty', 'empty'], ['empty', 'empty', 20], [20, 3, 3])
    },
  }),
  pipelineCase({
    id: 'STA-08',
    name: 'a bag gives back all that was added; what was read before does not grow, a new read does',
    needs: ['state.bag'],
    build(p) {
      const out = p.create('pairs', [kv('k', 4)]).parDo('bags', {
        output: anything,
        state: { bag: state.bag(t.number) },
        process(_, { state: { bag }, emit }) {
          bag.add(1)
          bag.add(1)
          bag.add(2)
          const before = bag.read()
          bag.add(3)
          emit([[...before], [...before], [...bag.read()]])
        },
      })
      assertThat('reads', out).containsInAnyOrder([[1, 1, 2], [1, 1, 2], [1, 1, 2, 3]]) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'STA-09',
    name: 'whether a bag is empty is known with what was added before the question',
    needs: ['state.bag'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('bags', {
        output: anything,
        state: { bag: state.bag(t.number) },
        process(_, { state: { bag }, emit }) {
          const before = bag.isEmpty()
          bag.add(1)
          emit([before, bag.isEmpty()])
        },
      })
      assertThat('answers', out).containsInAnyOrder([true, false])
    },
  }),
  pipelineCase({
    id: 'STA-10',
    name: 'a bag that is cleared has only what is added afterwards, in its call and in the next',
    needs: ['state.bag', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('k', 1)), at(2, kv('k', 2)), at(3, kv('k', 3))).parDo('bags', {
        output: anything,
        state: { bag: state.bag(t.number) },
        process({ value }, { state: { bag }, emit }) {
          bag.add(value)
          if (value === 2) bag.clear()
          bag.add(value * 10)
          emit([...bag.read()])
        },
      })
      assertThat('reads', out).containsInAnyOrder([1, 10], [20], [20, 3, 30])
    },
  }),
  pipelineCase({
    id: 'STA-12',
    name: 'a combining cell reads as the mean of what was added, with input, accumulator and output of three types',
    needs: ['state.combining', 'testStream'],
    build(p) {
      const pairs = oneByOne(p, at(1, kv('k', 0.3)), at(2, kv('k', 0.6)), at(3, kv('k', 0.6)))
      const means = pairs.parDo('mean', {
        output: t.number,
        state: { mean: state.combining(mean()) },
        process({ value }, { state: { mean }, emit }) {
          mean.add(value)
          emit(mean.read())
        },
      })
      assertThat('means', means, { tolerance: 1e-12 }).containsInAnyOrder(0.3, 0.45, 0.5)
      const texts = pairs.parDo('text', {
        output: t.string,
        state: {
          text: state.combining({
            accumulator: t.array(t.number),
            createAccumulator: (): readonly number[] => [],
            addInput: (all: readonly number[], input: string) => [...all, input.length],
            mergeAccumulators: (a: readonly number[], b: readonly number[]) => [...a, ...b],
            extractOutput: (all: readonly number[]) => all.join('+'),
          }),
        },
        process({ value }, { state: { text }, emit }) {
          text.add(String(value))
          emit(text.read())
        },
      })
      assertThat('texts', texts).containsInAnyOrder('3', '3+3', '3+3+3')
    },
  }),
  pipelineCase({
    id: 'STA-13',
    name: 'a combining cell keeps accumulators, never inputs, and merges the pieces when it is read',
    needs: ['state.combining', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('k', 1)), at(2, kv('k', 2)), at(3, kv('k', 3))).parDo('sum', {
        output: t.number,
        state: {
          sum: state.combining({
            accumulator: t.number,
            createAccumulator: () => 0,
            // A function as an input: nothing could keep it.
            addInput: (sum: number, input: () => number) => sum + input(),
            mergeAccumulators: (a: number, b: number) => a + b,
            extractOutput: (sum: number) => sum,
          }),
        },
        process({ value }, { state: { sum }, emit }) {
          sum.add(() => value)
          sum.add(() => 10 * value)
          if (value === 3) emit(sum.read())
        },
      })
      assertThat('sum', out).containsInAnyOrder(66)
    },
  }),
  pipelineCase({
    id: 'STA-21',
    name: 'the watermark is held at the least time of several, and let go when all are taken back',
    needs: ['state.value', 'timers.eventTime', 'testStream'],
    build(p) {
      const look = at(3000, kv('k', 'look'))
      const script = testStream<KV<string, string>>()
        .add(at(1, kv('k', 'hold')))
        .advanceWatermarkTo(20)
        .add(look)
        .add(at(3000, kv('k', 'first')))
        .advanceWatermarkTo(21)
        .add(look)
        .add(at(3000, kv('k', 'second')))
        .advanceWatermarkTo(22)
        .add(look)
      const seen = p
        .apply('script', script.end())
        .parDo('hold', {
          output: typed<KV<string, string>>(),
          timers: { first: timer.eventTime(), second: timer.eventTime() },
          process(pair, { timers: { first, second }, emit }) {
            if (pair.value === 'hold') {
              first.set(1000, { outputTimestamp: 3 })
              second.set(1000, { outputTimestamp: 7 })
            }
            if (pair.value === 'first') first.clear()
            if (pair.value === 'second') second.clear()
            if (pair.value === 'look') emit(pair)
          },
          onTimer: { first: () => undefined, second: () => undefined },
        })
        .parDo('see', {
          output: t.number,
          state: counter,
          timers: { clock: timer.eventTime() },
          process: (_, { timers: { clock }, emit }) => emit(clock.currentRelativeTime),
          onTimer: { clock: () => undefined },
        })
      assertThat('watermarks', seen).containsInAnyOrder(3, 7, 22)
    },
  }),
  pipelineCase({
    id: 'STA-22',
    name: 'a cell holds a type of the author’s, as its codec describes it',
    needs: ['state.value', 'state.bag', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('k', 5)), at(2, kv('k', 7))).parDo('purse', {
        output: anything,
        state: { last: state.value(money), all: state.bag(money) },
        process({ value }, { state: { last, all }, emit }) {
          const before = last.read()
          last.write(new Money(value))
          all.add(new Money(value))
          emit([before?.cents ?? 'none', before === undefined || before instanceof Money, [...all.read()].map(({ cents }) => cents)]) // prettier-ignore
        },
      })
      assertThat('reads', out).containsInAnyOrder(['none', true, [5]], [5, true, [5, 7]])
    },
  }),
  constructionCase({
    id: 'STA-22/no-codec',
    name: 'a cell without a codec is refused where it is declared, with an example',
    check(claims) {
      claims.refuses(() => state.value(undefined as never), { message: /state\.value needs a codec.*state\.value\(t\.number\)/ }) // prettier-ignore
      claims.refuses(() => state.combining({ createAccumulator: () => 0, addInput: (a: number) => a, mergeAccumulators: () => 0, extractOutput: (a: number) => a }), { message: /state\.combining needs a codec for what it keeps/ }) // prettier-ignore
    },
  }),
  pipelineCase({
    id: 'STA-22/unfit',
    name: 'what does not fit the codec of a cell fails in the call that writes it',
    needs: ['state.value'],
    build(p) {
      p.create('pairs', [kv('k', 1)]).parDo('wrong', {
        state: { n: state.value(t.number) },
        process: (_, { state: { n } }) => n.write('text' as never),
      })
    },
    fails: { message: /process.*"text"/, step: 'wrong' },
  }),
  pipelineCase({
    id: 'STA-22/standard-schema',
    name: 'what does not fit the Standard Schema of a cell fails in the call that writes it',
    needs: ['state.bag'],
    build(p) {
      p.create('pairs', [kv('k', -1)]).parDo('wrong', {
        state: { all: state.bag(natural) },
        process: ({ value }, { state: { all } }) => all.add(value),
      })
    },
    fails: { message: /process.*is below zero/, step: 'wrong' },
  }),
  pipelineCase({
    id: 'STA-23',
    name: 'collections within collections come back as they were written',
    needs: ['state.value', 'state.map', 'testStream'],
    build(p) {
      const Line = t.type({ names: t.array(t.string), prices: t.record(t.string, t.array(t.number)) })
      const out = oneByOne(p, at(1, kv('k', 1)), at(2, kv('k', 2))).parDo('nested', {
        output: anything,
        state: { lines: state.value(t.array(Line)), byName: state.map(t.string, t.array(t.array(Line))) },
        process({ value }, { state: { lines, byName }, emit }) {
          emit([lines.read() ?? 'none', byName.get('x') ?? 'none'])
          const line = { names: ['a', 'b'], prices: { a: [value], b: [] } }
          lines.write([line])
          byName.put('x', [[line, line], []])
        },
      })
      const line = { names: ['a', 'b'], prices: { a: [1], b: [] } }
      assertThat('reads', out).containsInAnyOrder(['none', 'none'], [[line], [[line, line], []]])
    },
  }),
  pipelineCase({
    id: 'STA-24',
    name: 'what a key has written in one window it does not see in another, nor does another key in the same',
    needs: ['state.value', 'testStream'],
    build(p) {
      const out = oneByOne(p, at(1, kv('a', 1)), at(11, kv('a', 11)), at(2, kv('b', 2)), at(3, kv('a', 3)))
        .windowInto('tens', fixedWindows(10))
        .parDo('last', {
          output: anything,
          state: { last: state.value(t.number) },
          process({ value }, { state: { last }, emit }) {
            emit([value, last.read() ?? 'nothing'])
            last.write(value)
          },
        })
      assertThat('seen', out).containsInAnyOrder([1, 'nothing'], [11, 'nothing'], [2, 'nothing'], [3, 1])
    },
  }),
]
