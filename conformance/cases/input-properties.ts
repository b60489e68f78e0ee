/**
 * What a step may require of its input: that it is the same in every attempt, that it comes in the order of time.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  type KV,
  kv,
  type PCollection,
  pipeline,
  type Pipeline,
  seededRandom,
  state,
  typed,
} from 'millrace'
import { assertThat, at, testStream, type TestStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import type { Claims } from './claims.js'

type Pair = KV<string, number>

const KEYS = ['a', 'b', 'c']
const THOUSAND = 1000

/** An element of each millisecond from 1 to 1000, the last first, in turns for each key. */
const reversed: readonly Pair[] = Array.from({ length: THOUSAND }, (_, n) => kv(KEYS[n % 3] ?? '', THOUSAND - n))

/** A step that wants its input sorted, and says how many of each key it has had when each came. */
const inOrder = {
  output: typed<KV<string, readonly [number, number]>>(),
  requiresTimeSortedInput: true,
  state: { n: state.value(t.number, { initial: 0 }) },
  process(
    { key }: KV<string, unknown>,
    {
      state,
      timestamp,
      emit,
    }: {
      readonly state: { readonly n: { read(): number; write(n: number): void } }
      readonly timestamp: number
      readonly emit: (value: KV<string, readonly [number, number]>) => void
    },
  ): void {
    // prettier-ignore
    emit(kv(key, [state.n.read(), timestamp]))
    state.n.write(state.n.read() + 1)
  },
}

/** The times that each key has seen, in the order in which it saw them. */
function timesByKey(seen: readonly KV<string, readonly [number, number]>[]): ReadonlyMap<string, readonly number[]> {
  const keys = [...new Set(seen.map(({ key }) => key))].sort()
  return new Map(
    keys.map((key) => {
      const own = seen.filter((each) => each.key === key).sort((a, b) => a.value[0] - b.value[0])
      return [key, own.map(({ value }) => value[1])] as const
    }),
  )
}

/** Asserts that each key has seen its elements in the order of time; gives `judge` all their times. */
function assertSorted(
  name: string,
  seen: PCollection<KV<string, readonly [number, number]>>,
  judge: (times: readonly number[]) => void,
): void {
  assertThat(name, seen).satisfies((values) => {
    const byKey = timesByKey(values)
    for (const [key, times] of byKey) {
      const at = times.findIndex((time, n) => n > 0 && (times[n - 1] ?? 0) > time)
      if (at > 0) throw new Error(`key ${key} saw ${times[at - 1]} before ${times[at]}`)
    }
    judge([...byKey.values()].flat())
  })
}

function all(times: readonly number[]): void {
  if (new Set(times).size !== THOUSAND || times.length !== THOUSAND)
    throw new Error(`expected each of ${THOUSAND} elements once, got ${times.length}`)
}

/** The thousand in bundles of 50, without moving the watermark or with a move after half of them. */
function scripted(half?: number): TestStream<Pair> {
  let script = testStream<Pair>()
  for (let from = 0; from < THOUSAND; from += 50) {
    if (half !== undefined && from === THOUSAND / 2) script = script.advanceWatermarkTo(half)
    script = script.add(...reversed.slice(from, from + 50).map((pair) => at(pair.value, pair)))
  }
  return script
}

/** What a step with stable input is given in each of its attempts, by name; the first of each fails. */
class Attempts {
  readonly seen = new Map<string, number[]>()

  note(name: string, drawn: number): void {
    const before = this.seen.get(name) ?? []
    this.seen.set(name, [...before, drawn])
    if (before.length === 0) throw new Error('not yet')
  }

  claim(names: readonly string[], claims: Claims): void {
    claims.same([...this.seen.keys()].sort(), names, 'names')
    for (const [name, drawn] of this.seen) {
      claims.same(drawn.length, 2, `attempts of ${name}`)
      claims.same(drawn[1], drawn[0], `second attempt of ${name}`)
    }
  }
}

const NAMES = ['ann', 'ben', 'cho']

/** Names with numbers drawn at random by the step before. */
function drawn(p: Pipeline): PCollection<Pair> {
  return p.create('names', NAMES).parDo('draw', {
    output: typed<Pair>(),
    process: (name, { random, emit }) => emit(kv(name, random())),
  })
}

const stable = { requiresStableInput: true, retry: { attempts: 2 } }

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'RSI-01',
    name: 'where input is required to be stable, a second attempt sees the element of the first, though it was drawn at random',
    needs: ['stableInput'],
    inProcess: true,
    build(p) {
      const attempts = new Attempts()
      let draws = 0
      const out = p
        .create('names', NAMES)
        .parDo('draw', {
          output: typed<Pair>(),
          process(name, { random, emit }) {
            draws++
            emit(kv(name, random()))
          },
        })
        .parDo('pay', {
          ...stable,
          output: t.string,
          process({ key, value }, { emit }) {
            attempts.note(key, value)
            emit(key)
          },
        })
      assertThat('paid', out).containsInAnyOrder(...NAMES)
      return (_, claims) => {
        attempts.claim(NAMES, claims)
        claims.same(draws, NAMES.length, 'calls of the step before')
      }
    },
  }),
  pipelineCase({
    id: 'RSI-02/outputs',
    name: 'stable input of a step with several outputs',
    needs: ['stableInput', 'combine', 'sideInputs'],
    inProcess: true,
    build(p) {
      const attempts = new Attempts()
      const { low, high } = drawn(p).parDo('pay', {
        ...stable,
        outputs: { low: t.number, high: t.number },
        process({ key, value }, { emit }) {
          attempts.note(key, value)
          emit.low(value)
          emit.high(value + 1)
        },
      })
      const sums = low.combineGlobally('low sum', { of: (n: number) => n, monoid: { empty: 0, concat: (a: number, b: number) => a + b } }) // prettier-ignore
      const total = sums.asSingleton('low total', { default: 0 })
      const gap = high
        .combineGlobally('high sum', {
          of: (n: number) => n,
          monoid: { empty: 0, concat: (a: number, b: number) => a + b },
        }) // prettier-ignore
        .parDo('gap', {
          output: t.number,
          sides: { total },
          process: (sum, { sides, emit }) => emit(Math.round((sum - sides.total) * 1e9) / 1e9),
        })
      assertThat('gap', gap).containsInAnyOrder(3)
      return (_, claims) => attempts.claim(NAMES, claims)
    },
  }),
  pipelineCase({
    id: 'RSI-02/state',
    name: 'stable input of a step with state',
    needs: ['stableInput', 'state.value'],
    inProcess: true,
    build(p) {
      const attempts = new Attempts()
      const out = drawn(p).parDo('pay', {
        ...stable,
        output: t.number,
        state: { n: state.value(t.number, { initial: 0 }) },
        process({ key, value }, { state: { n }, emit }) {
          n.write(n.read() + 1)
          attempts.note(key, value)
          emit(n.read())
        },
      })
      assertThat('paid', out).containsInAnyOrder(1, 1, 1)
      return (_, claims) => attempts.claim(NAMES, claims)
    },
  }),
  pipelineCase({
    id: 'RSI-03',
    name: 'a runner that has stable and sorted input runs a step that requires both; any other refuses it before it runs',
    needs: ['stableInput', 'timeSortedInput', 'state.value'],
    build(p) {
      const pairs = p.create('pairs', reversed.slice(0, 30), { timestamp: ({ value }) => value })
      assertSorted('sorted', pairs.parDo('sort', { ...inOrder, requiresStableInput: true }), (times) => {
        if (times.length !== 30) throw new Error(`expected 30 elements, got ${times.length}`)
      })
    },
  }),
  constructionCase({
    id: 'RSI-03/graph',
    name: 'the graph says what a step requires of its input, so that a runner knows before it starts',
    check(claims) {
      const p = pipeline()
      const pairs = p.create('pairs', [kv('k', 1)])
      const step = { state: inOrder.state, process: (): void => undefined }
      pairs.parDo('stable', { ...step, requiresStableInput: true })
      pairs.parDo('sorted', { ...step, requiresTimeSortedInput: true })
      pairs.parDo('neither', step)
      const { transforms } = p.build().graph.components
      const required = [...transforms.values()].flatMap(({ uniqueName, spec }) =>
        spec !== undefined && 'payload' in spec && 'requiresStableInput' in spec.payload
          ? [[uniqueName, spec.payload.requiresStableInput, spec.payload.requiresTimeSortedInput]]
          : [],
      )
      for (const [name, isStable, isSorted] of [
        ['stable', true, false],
        ['sorted', false, true],
        ['neither', false, false],
      ])
        // prettier-ignore
        claims.same(
          required.find(([each]) => each === name),
          [name, isStable, isSorted],
          'requirements',
        )
    },
  }),
  pipelineCase({
    id: 'RSI-04',
    name: 'each key of a step with sorted input sees a thousand elements, that come the last first, in the order of time',
    needs: ['timeSortedInput', 'state.value'],
    build(p) {
      const pairs = p.create('pairs', reversed, { timestamp: ({ value }) => value })
      assertSorted('sorted', pairs.parDo('sort', inOrder), all)
      const inWindows = pairs.windowInto('hundreds', fixedWindows(100)).parDo('sort in windows', inOrder)
      assertThat('in windows', inWindows).hasSize(THOUSAND)
    },
  }),
  pipelineCase({
    id: 'RSI-05',
    name: 'the same of a script',
    needs: ['timeSortedInput', 'state.value', 'testStream'],
    build: (p) => assertSorted('sorted', p.apply('script', scripted().end()).parDo('sort', inOrder), all),
  }),
  pipelineCase({
    id: 'RSI-06',
    name: 'with a lateness of 5000, and the watermark moved in the middle, all are seen, in the order of time',
    needs: ['timeSortedInput', 'state.value', 'testStream', 'lateness'],
    build(p) {
      const late = p
        .apply('script', scripted(THOUSAND / 2).end())
        .windowInto('all', fixedWindows(10_000), { allowedLateness: 5000 })
      assertSorted('sorted', late.parDo('sort', inOrder), all)
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'RSI-07',
    name: 'without lateness late elements are dropped and counted, and the rest is sorted',
    needs: ['timeSortedInput', 'state.value', 'testStream'],
    build(p) {
      const script = p.apply('script', scripted(THOUSAND / 2).end()).windowInto('all', fixedWindows(10_000))
      assertSorted('sorted', script.parDo('sort', inOrder), (times) => {
        // Those of the first half were there in time; which of the late ones are seen is the runner's choice.
        const inTime = times.filter((time) => time > THOUSAND / 2)
        if (inTime.length !== THOUSAND / 2 || new Set(times).size !== times.length)
          throw new Error(`expected all that were in time, once, got ${inTime.length}`)
      })
      return ({ result }, claims) => {
        const seen = result.metrics.elements.get('sort.out') ?? 0
        claims.same(result.metrics.counter('droppedDueToLateness', 'sort'), THOUSAND - seen, 'dropped')
        claims.holds(seen < THOUSAND, 'late elements to be dropped')
      }
    },
  }),
  pipelineCase({
    id: 'RSI-08',
    name: 'of two steps with sorted input one after the other, the second loses nothing more',
    needs: ['timeSortedInput', 'state.value', 'testStream'],
    build(p) {
      const first = p
        .apply('script', scripted(THOUSAND / 2).end())
        .windowInto('all', fixedWindows(10_000))
        .parDo('first', inOrder)
      assertSorted('second', first.parDo('second', inOrder), (times) => {
        if (times.filter((time) => time > THOUSAND / 2).length !== THOUSAND / 2)
          throw new Error(`expected all that were in time, got ${times.length} in all`)
      })
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.counter('droppedDueToLateness', 'second'), 0, 'dropped by the second')
        claims.same(metrics.elements.get('second.out'), metrics.elements.get('first.out'), 'elements')
      }
    },
  }),
  pipelineCase({
    id: 'RSI-08/random',
    name: 'the same of elements in any order, with the watermark moved anywhere',
    needs: ['timeSortedInput', 'state.value', 'testStream'],
    build(p) {
      const random = seededRandom(8)
      let script = testStream<Pair>()
      for (let n = 0, from = 0; n < 200; n++) {
        const time = from + Math.floor(random() * 100)
        script = script.add(at(time, kv(KEYS[n % 3] ?? '', time)))
        if (n % 10 === 9) script = script.advanceWatermarkTo((from += 40))
      }
      const first = p.apply('script', script.end()).parDo('first', inOrder)
      const allOf = (times: readonly number[]): void => {
        if (times.length !== 200) throw new Error(`expected 200 elements, got ${times.length}`)
      }
      assertSorted('first sorted', first, allOf)
      assertSorted('second sorted', first.parDo('second', inOrder), allOf)
    },
  }),
]
