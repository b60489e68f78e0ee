/**
 * What the compiler must accept, infer and refuse. The refused lines carry `@ts-expect-error`: if one of them compiles,
 * checking the tests fails.
 */
import * as t from 'io-ts'
import { number as N, string as S } from 'fp-ts'
import { describe, expectTypeOf, it } from 'vitest'
import {
  coGroupByKey,
  type Codec,
  definePipeline,
  type DeadLetter,
  fixedWindows,
  flatten,
  type KV,
  kv,
  max,
  mean,
  metric,
  type Parts,
  type PCollection,
  type PCollectionView,
  pipeline,
  secret,
  state,
  sum,
  timer,
  typed,
  type TypeOf,
} from 'millrace'

const Order = t.type({ user: t.string, cents: t.number, at: t.string })

describe('inference', () => {
  it('follows the chain of a whole program without a written type', () => {
    definePipeline({
      name: 'spend',
      options: t.type({ input: t.string, minCents: t.number, token: secret }),
      build(p, o) {
        expectTypeOf(o.minCents).toEqualTypeOf<number>()
        expectTypeOf(o.token.reveal()).toEqualTypeOf<string>()
        const bad = p.errors('bad rows', (letters) => {
          expectTypeOf(letters).toEqualTypeOf<PCollection<DeadLetter>>()
          letters.print('show bad')
        })
        const limit = p
          .create('limits', ['ann 3'])
          .map('split', (line) => kv(line.slice(0, 3), Number(line.slice(4))))
          .asMap('by user')
        expectTypeOf(limit).toEqualTypeOf<PCollectionView<ReadonlyMap<string, number>>>()
        const over = p
          .create('read', [o.input])
          .map('parse', (line) => JSON.parse(line), { codec: Order, onError: bad })
          .filter('big enough', (order) => order.cents >= o.minCents)
          .withTimestamps('when ordered', (order) => Date.parse(order.at))
          .windowInto('per hour', fixedWindows('1 hour'), { allowedLateness: '1 day', accumulation: 'accumulating' })
          .keyBy('by user', (order) => order.user)
          .combinePerKey('sum', { of: (order) => order.cents, monoid: N.MonoidSum })
          .parDo('over limit', {
            output: t.type({ user: t.string, cents: t.number }),
            sides: { limit },
            state: { reported: state.value(t.boolean) },
            timers: { windowEnd: timer.eventTime() },
            metrics: { checked: metric.counter(), sizes: metric.distribution() },
            setup: ({ step }) => ({ name: step }),
            process({ key: user, value: cents }, { sides, state, timers, window, emit, resource, metrics }) {
              expectTypeOf(resource).toEqualTypeOf<{ name: string }>()
              expectTypeOf(state.reported.read()).toEqualTypeOf<boolean | undefined>()
              metrics.checked.inc()
              metrics.sizes.update(cents)
              timers.windowEnd.set(window.maxTimestamp)
              if (cents <= (sides.limit.get(user) ?? Infinity) || state.reported.read()) return
              state.reported.write(true)
              emit({ user, cents })
            },
            onTimer: {
              windowEnd: ({ key, state }) => {
                expectTypeOf(key).toEqualTypeOf<string>()
                state.reported.clear()
              },
            },
          })
        expectTypeOf(over).toEqualTypeOf<PCollection<{ user: string; cents: number }>>()
      },
    })
  })

  it('knows what maps, groupings and combiners give', () => {
    const p = pipeline()
    const words = p.create('words', ['a', 'b'])
    expectTypeOf(words.map('length', (w) => w.length)).toEqualTypeOf<PCollection<number>>()
    expectTypeOf(words.map('later', (w) => Promise.resolve(w.length))).toEqualTypeOf<PCollection<number>>()
    expectTypeOf(words.flatMap('chars', (w) => [...w])).toEqualTypeOf<PCollection<string>>()
    const keyed = words.keyBy('by length', (w) => w.length)
    expectTypeOf(keyed).toEqualTypeOf<PCollection<KV<number, string>>>()
    expectTypeOf(keyed.groupByKey('group')).toEqualTypeOf<PCollection<KV<number, Iterable<string>>>>()
    expectTypeOf(keyed.combinePerKey('longest', max(S.Ord))).toEqualTypeOf<PCollection<KV<number, string>>>()
    expectTypeOf(
      keyed.combinePerKey(
        'mean',
        mean((w: string) => w.length),
      ),
    ).toEqualTypeOf<PCollection<KV<number, number>>>()
    expectTypeOf(words.countPerElement('count')).toEqualTypeOf<PCollection<KV<string, number>>>()
    expectTypeOf(words.map('n', (w) => w.length).combineGlobally('sum', sum())).toEqualTypeOf<PCollection<number>>()
    expectTypeOf(keyed.keys('keys')).toEqualTypeOf<PCollection<number>>()
    expectTypeOf(keyed.values('values')).toEqualTypeOf<PCollection<string>>()
    expectTypeOf(words.asSingleton('one', { default: null })).toEqualTypeOf<PCollectionView<string | null>>()
    expectTypeOf(keyed.asMultimap('all')).toEqualTypeOf<PCollectionView<ReadonlyMap<number, readonly string[]>>>()
  })

  it('narrows by a type guard', () => {
    const mixed = pipeline().create('mixed', [1, 'a'] as (number | string)[])
    expectTypeOf(mixed.filter('numbers', (x): x is number => typeof x === 'number')).toEqualTypeOf<
      PCollection<number>
    >()
  })

  it('gives one collection per declared output', () => {
    const outputs = pipeline()
      .create('n', [1])
      .parDo('split', {
        outputs: { even: t.number, words: t.string },
        process(n, { emit }) {
          emit.even(n)
          emit.words('x')
        },
      })
    expectTypeOf(outputs.even).toEqualTypeOf<PCollection<number>>()
    expectTypeOf(outputs.words).toEqualTypeOf<PCollection<string>>()
  })

  it('types what a step delivers by the codec of its delivery, and the resource by its setup', () => {
    const Row = t.type({ id: t.number })
    const written = pipeline()
      .create('n', [kv('a', 1)])
      .parDo('write', {
        output: t.string,
        state: { seen: state.value(t.number) },
        timers: { end: timer.eventTime() },
        setup: ({ query }) => {
          expectTypeOf(query.id).toEqualTypeOf<string>()
          expectTypeOf(query.restarts).toEqualTypeOf<boolean>()
          return { open: true }
        },
        delivery: {
          codec: Row,
          repeats: 'recognised',
          deliver(rows, { id, resource }) {
            expectTypeOf(rows).toEqualTypeOf<readonly { id: number }[]>()
            expectTypeOf(resource).toEqualTypeOf<{ open: boolean }>()
            expectTypeOf(id.batch).toEqualTypeOf<number>()
          },
        },
        process({ value }, { deliver, emit, resource }) {
          expectTypeOf(resource.open).toEqualTypeOf<boolean>()
          deliver({ id: value })
          // @ts-expect-error not a row
          deliver({ id: 'a' })
          emit('ok')
        },
        finishBundle: ({ deliver }) => deliver({ id: 0 }),
        onTimer: { end: ({ deliver }) => deliver({ id: 1 }) },
        onWindowExpiration: ({ deliver }) => deliver({ id: 2 }),
      })
    expectTypeOf(written).toEqualTypeOf<PCollection<string>>()
    pipeline()
      .create('n', [1])
      .parDo('nothing', {
        process(n, { deliver }) {
          expectTypeOf(deliver).toEqualTypeOf<never>()
          expectTypeOf(n).toEqualTypeOf<number>()
        },
      })
  })

  it('unites any list of collections', () => {
    const p = pipeline()
    const parts: readonly PCollection<string>[] = ['a', 'b'].map((name) => p.create(name, [name]))
    expectTypeOf(flatten('all', parts)).toEqualTypeOf<PCollection<string>>()
    expectTypeOf(flatten('again', [...parts])).toEqualTypeOf<PCollection<string>>()
  })

  it('gives as many parts as a literal says, and a list where only the run knows', () => {
    const words = pipeline().create('words', ['a', 'b'])
    type Words = PCollection<string>
    expectTypeOf(words.partition('three', 3, (w) => w.length)).toEqualTypeOf<readonly [Words, Words, Words]>()
    const [first] = words.partition('one', 1, () => 0)
    expectTypeOf(first).toEqualTypeOf<Words>()
    const some: number = ['x', 'y'].length
    expectTypeOf(words.partition('some', some, () => 0)).toEqualTypeOf<readonly Words[]>()
    expectTypeOf<Parts<string, 100>>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<Parts<string, -1>>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<Parts<string, 1.5>>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<Parts<1, 1 | 2>>().toEqualTypeOf<readonly [1] | readonly [1, 1]>()
    expectTypeOf<Parts<string, 12>['length']>().toEqualTypeOf<12>()
    expectTypeOf(first).toExtend<PCollection<unknown>>()
  })

  it('gives state its default', () => {
    pipeline()
      .create('n', [kv('a', 1)])
      .parDo('total', {
        output: t.number,
        state: { total: state.value(t.number, { initial: 0 }) },
        process({ value }, { state, emit }) {
          expectTypeOf(state.total.read()).toEqualTypeOf<number>()
          emit(state.total.read() + value)
        },
      })
  })

  it('lets the handlers of timers and windows be asynchronous, as process may be', () => {
    pipeline()
      .create('n', [kv('a', 1)])
      .parDo('later', {
        output: t.number,
        state: { total: state.value(t.number, { initial: 0 }) },
        timers: { end: timer.eventTime() },
        process: async ({ value }, { state, timers, window }) => {
          state.total.write(value)
          timers.end.set(window.maxTimestamp)
        },
        onTimer: {
          end: async ({ state, emit }) => {
            expectTypeOf(state.total.read()).toEqualTypeOf<number>()
            emit(await Promise.resolve(state.total.read()))
          },
        },
        onWindowExpiration: async ({ state, emit }) => emit(state.total.read()),
      })
  })

  it('joins by name', () => {
    const p = pipeline()
    const joined = coGroupByKey('join', {
      orders: p.create('o', [kv('ann', 5)]),
      names: p.create('n', [kv('ann', 'Ann')]),
    })
    expectTypeOf(joined).toEqualTypeOf<
      PCollection<KV<string, { readonly orders: Iterable<number>; readonly names: Iterable<string> }>>
    >()
  })

  it('takes the type of any codec', () => {
    expectTypeOf<TypeOf<typeof Order>>().toEqualTypeOf<{ user: string; cents: number; at: string }>()
    const marker = typed<{ a: 1 }>()
    expectTypeOf<TypeOf<typeof marker>>().toEqualTypeOf<{ a: 1 }>()
    const codec: Codec = marker
    void codec
  })
})

describe('compile errors', () => {
  const p = pipeline()
  const words = p.create('words', ['a'])
  const pairs = p.create('pairs', [kv('a', 1)])
  /** Never called: only the compiler looks inside. */
  const refused = (_lines: () => void): void => undefined

  it('refuses groupings of what is not keyed', () => {
    refused(() => {
      // @ts-expect-error words are not keyed
      words.groupByKey('group')
      // @ts-expect-error words are not keyed
      words.combinePerKey('sum', sum())
      // @ts-expect-error words are not keyed
      words.asMap('map')
    })
  })

  it('refuses state and timers on what is not keyed', () => {
    refused(() => {
      words.parDo('total', {
        output: t.number,
        // @ts-expect-error state needs keyed input
        state: { total: state.value(t.number) },
        process: (_word, { state }) => state.total.write(1),
      })
    })
  })

  it('refuses a timer without a handler, and a handler without a timer', () => {
    refused(() => {
      // @ts-expect-error no handler for windowEnd
      pairs.parDo('timed', { output: t.number, timers: { windowEnd: timer.eventTime() }, process: () => undefined })
      pairs.parDo('timed', {
        output: t.number,
        process: () => undefined,
        // @ts-expect-error no timer named other
        onTimer: { other: () => undefined },
      })
    })
  })

  it('refuses emitting, storing and setting what was not declared', () => {
    refused(() => {
      // @ts-expect-error output is text
      words.parDo('wrong', { output: t.string, process: (_word, { emit }) => emit(1) })
      // @ts-expect-error there is no output named late
      words.parDo('wrong', { outputs: { main: t.string }, process: (word, { emit }) => emit.late(word) })
      // @ts-expect-error a step without outputs emits nothing
      words.parDo('wrong', { process: (word, { emit }) => emit(word) })
      pairs.parDo('wrong', {
        output: t.string,
        state: { n: state.value(t.number) },
        // @ts-expect-error state holds numbers
        process: (_pair, { state }) => state.n.write('x'),
      })
      pairs.parDo('wrong', {
        output: t.string,
        timers: { end: timer.eventTime() },
        // @ts-expect-error there is no timer named later
        process: (_pair, { timers }) => timers.later.set(1),
        onTimer: { end: () => undefined },
      })
    })
  })

  it('refuses joins of unequal keys', () => {
    refused(() => {
      const byNumber = p.create('numbers', [kv(1, 'x')])
      // @ts-expect-error keys are text here and numbers there
      coGroupByKey('join', { pairs, byNumber })
    })
  })

  it('refuses codecs that do not fit, and durations that are none', () => {
    refused(() => {
      // @ts-expect-error the function gives numbers, the codec describes text
      words.map('length', (w) => w.length, { codec: t.string })
      // @ts-expect-error a fortnight is no unit
      words.windowInto('w', fixedWindows('1 fortnight'))
      // @ts-expect-error a number alone, as text, could mean anything
      words.windowInto('w', fixedWindows('5'))
      words.windowInto('w', fixedWindows('5m'), { allowedLateness: '1.5 h' })
      // @ts-expect-error unknown option
      words.windowInto('w', fixedWindows('1 hour'), { lateness: 1 })
    })
  })

  it('refuses a missing name, unions of different types, and parts that there are not', () => {
    refused(() => {
      // @ts-expect-error the name comes first
      words.map((w: string) => w)
      // @ts-expect-error numbers are no words
      flatten<string>('all', [words, p.create('n', [1])])
      // @ts-expect-error there is no third part of two
      void words.partition('by length', 2, (w) => w.length)[2]
    })
  })
})
