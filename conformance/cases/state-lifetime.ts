/**
 * How long state lasts and who may use it: windows that expire, calls that fail, calls that are over.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  type KV,
  kv,
  mean,
  pipeline,
  sessionWindows,
  state,
  type StateSpec,
  timer,
  typed,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { keysOfAllKinds } from './keys.js'
import { oneByOne } from './one-by-one.js'

type Pair = KV<string, number>

const anything = typed<unknown>()

/** A cell of each kind: how it is changed, and how it shows what it holds. The last change is not the first again. */
const kinds: readonly (readonly [string, StateSpec, (cell: never, n: number) => void, (cell: never) => unknown])[] = [
  ['value', state.value(t.number, { initial: 0 }), (c: { write(n: number): void; read(): number }, n) => c.write(c.read() * 10 + n), (c: { read(): number }) => c.read()], // prettier-ignore
  ['bag', state.bag(t.number), (c: { add(n: number): void }, n) => c.add(n), (c: { read(): Iterable<number> }) => [...c.read()]], // prettier-ignore
  ['set', state.set(t.number), (c: { add(n: number): void; remove(n: number): void }, n) => (c.remove(n - 1), c.add(n)), (c: { read(): Iterable<number> }) => [...c.read()]], // prettier-ignore
  ['map', state.map(t.string, t.number), (c: { put(k: string, n: number): void }, n) => (c.put('last', n), c.put(`of ${n}`, n)), (c: { entries(): Iterable<unknown> }) => [...c.entries()].sort()], // prettier-ignore
  ['multimap', state.multimap(t.string, t.number), (c: { put(k: string, n: number): void }, n) => (c.put('all', n), c.put(`of ${n}`, n)), (c: { entries(): Iterable<unknown> }) => [...c.entries()].sort()], // prettier-ignore
  ['orderedList', state.orderedList(t.number), (c: { add(at: number, n: number): void; clearRange(from: number, to: number): void }, n) => (c.clearRange(-n + 1, 0), c.add(-n, n)), (c: { read(): Iterable<{ value: number }> }) => [...c.read()].map(({ value }) => value)], // prettier-ignore
  ['combining', state.combining(mean()), (c: { add(n: number): void }, n) => c.add(n * n), (c: { read(): number }) => c.read()], // prettier-ignore
]

/** What cells of each kind hold after 1, after 1 and 2, and after all of 1, 2 and 3. */
const held: Readonly<Record<string, readonly (readonly [number, unknown])[]>> = {
  value: [[1, 1], [2, 12], [3, 123]], // prettier-ignore
  bag: [[1, [1]], [2, [1, 2]], [3, [1, 2, 3]]], // prettier-ignore
  set: [[1, [1]], [2, [2]], [3, [3]]], // prettier-ignore
  map: [[1, [['last', 1], ['of 1', 1]]], [2, [['last', 2], ['of 1', 1], ['of 2', 2]]], [3, [['last', 3], ['of 1', 1], ['of 2', 2], ['of 3', 3]]]], // prettier-ignore
  multimap: [[1, [['all', 1], ['of 1', 1]]], [2, [['all', 1], ['all', 2], ['of 1', 1], ['of 2', 2]]], [3, [['all', 1], ['all', 2], ['all', 3], ['of 1', 1], ['of 2', 2], ['of 3', 3]]]], // prettier-ignore
  orderedList: [[1, [1]], [2, [2]], [3, [3]]], // prettier-ignore
  combining: [[1, 1], [2, 2.5], [3, 14 / 3]], // prettier-ignore
}

const three = [at(1, kv('k', 1)), at(2, kv('k', 2)), at(3, kv('k', 3))]

/** Counts per key and window in a script that outlasts the window. */
const counting = {
  output: anything,
  state: { n: state.value(t.number, { initial: 0 }) },
  process(
    { key, value }: Pair,
    {
      state,
      emit,
    }: {
      readonly state: { readonly n: { read(): number; write(n: number): void } }
      readonly emit: (value: unknown) => void
    },
  ): void {
    // prettier-ignore
    state.n.write(state.n.read() + 1)
    emit([key, value, state.n.read()])
  },
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'STA-25',
    name: 'a late element sees the state of its window while that is kept; one that comes later is dropped and counted',
    needs: ['lateness', 'state.value', 'testStream'],
    build(p) {
      const script = testStream<Pair>()
        .add(at(1, kv('k', 1)))
        .advanceWatermarkTo(15)
        .add(at(2, kv('k', 2)))
        .advanceWatermarkTo(31)
        .add(at(3, kv('k', 3)), at(32, kv('k', 32)))
      const out = p
        .apply('script', script.end())
        .windowInto('tens', fixedWindows(10), { allowedLateness: 20 })
        .parDo('count', counting)
      assertThat('counts', out).containsInAnyOrder(['k', 1, 1], ['k', 2, 2], ['k', 32, 1])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness', 'count'), 1, 'dropped')
    },
  }),
  pipelineCase({
    id: 'STA-26',
    name: 'state of the global window lasts until the end, however far the watermark moves',
    needs: ['state.value', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = testStream<Pair>()
        .add(at(1, kv('k', 1)))
        .advanceWatermarkTo('2050-01-01T00:00:00Z')
        .add(at(2, kv('k', 2)))
        .advanceWatermarkTo('9999-01-01T00:00:00Z')
        .add(at(3, kv('k', 3)))
      const out = p.apply('script', script.end()).parDo('count', {
        ...counting,
        timers: { end: timer.eventTime() },
        process(pair, context) {
          counting.process(pair, context)
          context.timers.end.set(context.window.maxTimestamp)
        },
        onTimer: { end: ({ state, emit }) => emit(['end', state.n.read()]) },
      })
      assertThat('counts', out).containsInAnyOrder(['k', 1, 1], ['k', 2, 2], ['k', 3, 3], ['end', 3])
    },
  }),
  pipelineCase({
    id: 'STA-27',
    name: 'a step with state reads its side input, of the window of its element',
    needs: ['state.bag', 'sideInputs'],
    build(p) {
      const factors = p
        .create('factors', [kv(1, 10), kv(11, 100)], { timestamp: ({ key }) => key })
        .windowInto('tens of factors', fixedWindows(10))
        .map('factor', ({ value }) => value)
        .asSingleton('factor view')
      const out = p
        .create('pairs', [kv('k', 2), kv('k', 3), kv('k', 12)], { timestamp: ({ value }) => value })
        .windowInto('tens', fixedWindows(10))
        .parDo('scale', {
          output: anything,
          sides: { factor: factors },
          state: { all: state.bag(t.number) },
          process({ value }, { state: { all }, sides: { factor }, emit }) {
            all.add(value * factor)
            emit([value, factor, [...all.read()].length])
          },
        })
      assertThat('scaled', out).satisfies((values) => {
        const [a, b, ...others] = (values as readonly (readonly [number, number, number])[]).toSorted((x, y) => x[0] - y[0]) // prettier-ignore
        // Which of the two comes first is nobody's business.
        const counts = [a?.[2], b?.[2]].sort()
        if (JSON.stringify([a?.[1], b?.[1], counts, others]) !== '[10,10,[1,2],[[12,100,1]]]')
          throw new Error(`got ${JSON.stringify(values)}`)
      })
    },
  }),
  pipelineCase({
    id: 'STA-28',
    name: 'a key of any kind finds its own cell each time',
    needs: ['state.value', 'timers.eventTime'],
    build(p) {
      const twice = [
        ...keysOfAllKinds,
        ...keysOfAllKinds,
        -0,
        ...[
          { x: 1, y: 2 },
          { y: 2, x: 1 },
        ],
      ]
      const out = p
        .create('keys', twice)
        .keyBy('itself', (key) => key)
        .parDo('count', {
          output: anything,
          state: { n: state.value(t.number, { initial: 0 }) },
          timers: { end: timer.eventTime() },
          process(_, { state: { n }, timers }) {
            n.write(n.read() + 1)
            timers.end.set(100)
          },
          onTimer: { end: ({ key, state: { n }, emit }) => emit([key, n.read()]) },
        })
      assertThat('counts', out).containsInAnyOrder(...keysOfAllKinds.map((key) => [key, Object.is(key, 0) ? 3 : 2]), [{ x: 1, y: 2 }, 2]) // prettier-ignore
    },
  }),
  ...kinds.map(([kind, spec, change, show]) =>
    pipelineCase({
      id: `STA-29/${kind.toLowerCase().replace('list', '-list')}`,
      name: `a call that fails leaves no trace in a cell of kind ${kind}: its second attempt sees what was there before`,
      needs: [kind === 'value' ? 'state.value' : (`state.${kind}` as never), 'testStream'],
      build(p) {
        const failed = new Set<number>()
        const out = oneByOne(p, ...three).parDo('flaky', {
          output: anything,
          retry: { attempts: 6 },
          state: { cell: spec as never },
          process({ value }, { state, emit }) {
            const { cell } = state as { readonly cell: never }
            change(cell, value)
            if (!failed.has(value)) {
              change(cell, 9)
              if (failed.add(value).size === 2) (cell as { clear(): void }).clear()
              throw new Error('not yet')
            }
            emit([value, show(cell)])
          },
        })
        assertThat('held', out, { tolerance: 1e-12 }).containsInAnyOrder(...(held[kind] ?? []))
      },
    }),
  ),
  pipelineCase({
    id: 'STA-30',
    name: 'what an element writes, the next of its key in the same bundle reads',
    needs: ['state.bag', 'testStream'],
    notIn: { strict: 'elements of a bundle come in an order of the seed' },
    build(p) {
      const out = p
        .apply(
          'script',
          testStream<Pair>()
            .add(...three)
            .end(),
        )
        .parDo('sums', {
          output: anything,
          state: { all: state.bag(t.number) },
          process({ value }, { state: { all }, emit }) {
            emit([value, [...all.read()]])
            all.add(value)
          },
        })
      assertThat('seen', out).containsInAnyOrder([1, []], [2, [1]], [3, [1, 2]])
    },
  }),
  pipelineCase({
    id: 'STA-32',
    name: 'cells that a call has written stay together, or are taken back together',
    needs: ['state.value', 'state.bag', 'state.map', 'deadLetters', 'testStream'],
    build(p) {
      const bad = p.errors('bad', (letters) =>
        assertThat(
          'dead letters',
          letters.map('number', ({ element }) => (element as Pair).value),
        ).containsInAnyOrder(2),
      )
      const out = oneByOne(p, ...three).parDo('cells', {
        output: anything,
        onError: bad,
        state: { last: state.value(t.number), all: state.bag(t.number), byName: state.map(t.string, t.number) },
        process({ value }, { state: { last, all, byName }, emit }) {
          last.write(value)
          all.add(value)
          if (value === 2) throw new Error('no')
          byName.put(`of ${value}`, value)
          emit([last.read(), [...all.read()], [...byName.keys()].sort()])
        },
      })
      assertThat('cells', out).containsInAnyOrder([1, [1], ['of 1']], [3, [1, 3], ['of 1', 'of 3']])
    },
  }),
  ...(['read', 'write', 'iterate'] as const).map((use) =>
    pipelineCase({
      id: `STA-33/${use}`,
      name: `a cell that was kept refuses to ${use} when the call has ended`,
      needs: ['state.bag'],
      build(p) {
        let late = (): unknown => undefined
        p.create('pairs', [kv('k', 1)]).parDo('keep', {
          state: { all: state.bag(t.number) },
          process(_, { state: { all } }) {
            all.add(1)
            const items = all.read()
            late = { read: () => all.read(), write: () => all.add(2), iterate: () => [...items] }[use]
          },
          finishBundle: () => void late(),
        })
      },
      fails: { message: /after its call had ended/, step: 'keep' },
    }),
  ),
  pipelineCase({
    id: 'STA-34',
    name: 'state is there in process, in timers’ handlers and when the window expires',
    needs: ['state.bag', 'timers.eventTime', 'onWindowExpiration'],
    build(p) {
      const out = p.create('pairs', [kv('k', 1)]).parDo('everywhere', {
        output: anything,
        state: { log: state.bag(t.string) },
        timers: { soon: timer.eventTime() },
        process(_, { state: { log }, timers }) {
          log.add('process')
          timers.soon.set(5)
        },
        onTimer: { soon: ({ state: { log } }) => log.add('timer') },
        onWindowExpiration: ({ state: { log }, emit }) => emit([...log.read(), 'expiration']),
      })
      assertThat('log', out).containsInAnyOrder(['process', 'timer', 'expiration'])
    },
  }),
  ...(['startBundle', 'finishBundle'] as const).map((call) =>
    pipelineCase({
      id: `STA-34/${call === 'startBundle' ? 'start' : 'finish'}`,
      name: `state is not there in ${call}, which has no key`,
      needs: ['state.bag'],
      build(p) {
        // The types offer no state; what reaches the runner is a program without them.
        const use = (context: object): void =>
          (context as { readonly state: { readonly log: { add(text: string): void } } }).state.log.add(call)
        p.create('pairs', [kv('k', 1)]).parDo('nowhere', {
          state: { log: state.bag(t.string) },
          process: () => undefined,
          [call]: use,
        })
      },
      fails: { message: new RegExp(`failed in ${call}`), step: 'nowhere' },
    }),
  ),
  pipelineCase({
    id: 'STA-36',
    name: '10 000 keys with three cells each never see one another',
    needs: ['combine', 'state.value', 'state.bag', 'state.combining', 'onWindowExpiration'],
    isLong: true,
    notIn: {
      smallBatches: 'thousands of batches take half a minute and show nothing new',
      bundles: 'so many keys in each of all modes take long',
    },
    build(p) {
      const pairs = Array.from({ length: 30_000 }, (_, n) => kv(n % 10_000, n))
      const out = p.create('pairs', pairs).parDo('cells', {
        output: t.string,
        state: { n: state.value(t.number, { initial: 0 }), all: state.bag(t.number), mean: state.combining(mean()) },
        process({ value }, { state: { n, all, mean } }) {
          n.write(n.read() + 1)
          all.add(value)
          mean.add(value)
        },
        onWindowExpiration({ key, state: { n, all, mean }, emit }) {
          const values = [...all.read()].sort((a, b) => a - b)
          const isOwn = n.read() === 3 && values.join() === [key, key + 10_000, key + 20_000].join()
          emit(isOwn && mean.read() === key + 10_000 ? 'own' : `of ${key}: ${values.join()}`)
        },
      })
      const counts = out.keyBy('verdict', (verdict) => verdict).countPerKey('count')
      assertThat('verdicts', counts).containsInAnyOrder(kv('own', 10_000))
    },
  }),
  constructionCase({
    id: 'STA-24/merging',
    name: 'state in windows that merge is refused, naming the step',
    check(claims) {
      const pairs = pipeline()
        .create('pairs', [kv('k', 1)])
        .windowInto('sessions', sessionWindows(10))
      claims.refuses(() => pairs.parDo('count', counting), { message: /"count".*merg/s, step: 'count' })
    },
  }),
]
