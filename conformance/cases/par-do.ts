/**
 * ParDo: a function over elements, with any number of outputs.
 */
import * as t from 'io-ts'
import {
  definePipeline,
  flatten,
  type GlobalWindow,
  globalWindow,
  kv,
  type PCollection,
  type Pipeline,
  slidingWindows,
  type StepContext,
  typed,
} from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'

const numbersOf = (p: Pipeline): PCollection<number> => p.create('numbers', [1, 2, 3])
const inOrderOfSeed = 'elements come in an order of the seed'
const sliding = slidingWindows(15, { every: 5 })
/** The windows of 12. */
const windowsOf12 = [
  [0, 15],
  [5, 20],
  [10, 25],
]

/** A timer of the platform: cases about waiting must wait. */
const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'PDO-01',
    name: 'map gives one output for each element',
    build: (p) =>
      assertThat(
        'thrice',
        numbersOf(p).map('thrice', (n) => n * 3),
      ).containsInAnyOrder(3, 6, 9),
  }),
  pipelineCase({
    id: 'PDO-02',
    name: 'flatMap gives none, one or many outputs for an element, and none is lost',
    build(p) {
      const repeated = p.create('numbers', [0, 1, 4]).flatMap('repeat', (n) => Array.from({ length: n }, () => n))
      assertThat('repeated', repeated).containsInAnyOrder(4, 1, 4, 4, 4)
    },
  }),
  pipelineCase({
    id: 'PDO-03',
    name: 'an empty input gives an empty output, and what is set up is torn down',
    inProcess: true,
    build(p) {
      let alive = 0
      const nothing: readonly number[] = []
      const out = p.create('nothing', nothing).parDo('step', {
        output: t.number,
        setup: () => void alive++,
        teardown: () => void alive--,
        process: (n, { emit }) => emit(n),
      })
      assertThat('out', out).isEmpty()
      return (_, claims) => claims.same(alive, 0, 'instances left')
    },
  }),
  pipelineCase({
    id: 'PDO-04',
    name: 'a DoFn that emits nothing has an empty output',
    build: (p) =>
      assertThat('out', numbersOf(p).parDo('silent', { output: t.number, process: () => undefined })).isEmpty(),
  }),
  pipelineCase({
    id: 'PDO-05',
    name: 'process sees the element with its timestamp, window and pane',
    build(p) {
      const seen = p
        .create('pairs', [kv('k', 12)], { timestamp: ({ value }) => value })
        .windowInto('sliding', slidingWindows(10, { every: 10 }))
        .parDo('see', {
          output: typed<readonly unknown[]>(),
          process: ({ key, value }, { timestamp, window, pane, emit }) =>
            emit([key, value, timestamp, window.start, window.end, pane.timing, pane.index]),
        })
      assertThat('seen', seen).containsInAnyOrder(['k', 12, 12, 10, 20, 'unknown', 0])
    },
  }),
  pipelineCase({
    id: 'PDO-05/options',
    name: 'process sees the options of its pipeline, as what encloses it',
    build(p) {
      const resolved: { readonly least: number }[] = []
      definePipeline({
        name: 'above',
        options: t.type({ least: t.number }),
        build: (_, options) => void resolved.push(options),
      }).build({ least: 2 })
      const [options = { least: 0 }] = resolved
      const above = numbersOf(p).parDo('above', {
        output: t.number,
        process: (n, { emit }) => void (n >= options.least && emit(n)),
      })
      assertThat('above', above).containsInAnyOrder(2, 3)
    },
  }),
  pipelineCase({
    id: 'PDO-06',
    name: 'each of several outputs has what was written to it, and one that was not written is empty',
    build(p) {
      const { main, odd, even, never } = numbersOf(p).parDo('split', {
        outputs: { main: t.number, odd: t.number, even: t.number, never: t.number },
        process(n, { emit }) {
          emit.main(n)
          if (n % 2 === 0) emit.even(n)
          else emit.odd(n)
        },
      })
      assertThat('main', main).containsInAnyOrder(1, 2, 3)
      assertThat('odd', odd).containsInAnyOrder(1, 3)
      assertThat('even', even).containsInAnyOrder(2)
      assertThat('never', never).isEmpty()
    },
  }),
  pipelineCase({
    id: 'PDO-07',
    name: 'where only the second output is written, the first is empty',
    build(p) {
      const { main, more } = numbersOf(p).parDo('more', {
        outputs: { main: t.number, more: t.number },
        process: (n, { emit }) => emit.more(n),
      })
      assertThat('main', main).isEmpty()
      assertThat('more', more).containsInAnyOrder(1, 2, 3)
    },
  }),
  pipelineCase({
    id: 'PDO-08',
    name: 'an output that is not declared cannot be written',
    build(p) {
      numbersOf(p).parDo('split', {
        outputs: { main: t.number },
        // The types refuse it, so what reaches the runner is a program without them.
        process: (n, { emit }) => (emit as unknown as Record<'other', (n: number) => void>).other(n),
      })
    },
    fails: { message: /other/, step: 'split' },
  }),
  pipelineCase({
    id: 'PDO-09',
    name: 'outputs of different types are each described by their own codec',
    build(p) {
      const { text, size } = p.create('words', ['a', 'bc']).parDo('split', {
        outputs: { text: t.string, size: t.type({ length: t.number }) },
        process(word, { emit }) {
          emit.text(word)
          emit.size({ length: word.length })
        },
      })
      assertThat('text', text).containsInAnyOrder('bc', 'a')
      assertThat('size', size).containsInAnyOrder({ length: 1 }, { length: 2 })
    },
  }),
  pipelineCase({
    id: 'PDO-10',
    name: 'an output is read by two steps, another by none',
    build(p) {
      const { read } = numbersOf(p).parDo('split', {
        outputs: { read: t.number, unread: t.number },
        process(n, { emit }) {
          emit.read(n)
          emit.unread(n)
        },
      })
      assertThat(
        'first',
        read.map('next', (n) => n + 1),
      ).containsInAnyOrder(2, 3, 4)
      assertThat(
        'second',
        read.map('ten', (n) => n * 10),
      ).containsInAnyOrder(10, 20, 30)
    },
  }),
  pipelineCase({
    id: 'PDO-11',
    name: 'a timestamp given to one output is that of no other',
    build(p) {
      const { main, moved } = p.create('one', [5], { timestamp: (n) => n }).parDo('split', {
        outputs: { main: t.number, moved: t.number },
        process(n, { emit }) {
          emit.moved(n, 100)
          emit.main(n)
        },
      })
      const timestampsAre = (expected: number) => (_: unknown, elements: readonly { readonly timestamp: number }[]) =>
        expectSame(
          elements.map(({ timestamp }) => timestamp),
          [expected],
        )
      assertThat('main', main).satisfies(timestampsAre(5))
      assertThat('moved', moved).satisfies(timestampsAre(100))
    },
  }),
  pipelineCase({
    id: 'PDO-12',
    name: 'an element in three windows is in all three after a step that does not look at them',
    build(p) {
      const out = twelve(p).map('same', (n) => n)
      assertThat('out', out).satisfies((_, elements) => expectSameInAnyOrder(elements.map(boundsOf), windowsOf12))
    },
  }),
  pipelineCase({
    id: 'PDO-13',
    name: 'a step that asks for the window is called once for each, and its outputs stay there',
    build(p) {
      const out = twelve(p).parDo('see', {
        output: typed<readonly number[]>(),
        process: (_, { window, emit }) => emit([window.start, window.end]),
      })
      assertThat('out', out).satisfies((values, elements) => {
        expectSameInAnyOrder(values, windowsOf12)
        expectSame(values, elements.map(boundsOf), 'windows of the outputs')
      })
    },
  }),
  pipelineCase({
    id: 'PDO-14',
    name: 'ten steps in a row give the same and are counted alike, fused or not',
    build(p) {
      const steps = Array.from({ length: 10 }, (_, at) => `step ${at}`)
      const fused = steps.reduce((input, name) => input.map(name, (n) => n + 1), numbersOf(p))
      const apart = steps.reduce(
        (input, name) => input.map(`${name} apart`, (n) => n + 1).reshuffle(`${name} break`),
        p.create('numbers apart', [1, 2, 3]),
      )
      assertThat('fused', fused).containsInAnyOrder(11, 12, 13)
      assertThat('apart', apart).containsInAnyOrder(11, 12, 13)
      return ({ result }, claims) => {
        for (const name of steps.flatMap((step) => [step, `${step} apart`]))
          claims.same(result.metrics.elements.get(`${name}.out`), 3, `elements of ${name}`)
      }
    },
    needs: ['reshuffle'],
  }),
  pipelineCase({
    id: 'PDO-15',
    name: 'what goes through both branches of a diamond comes twice',
    build(p) {
      const numbers = numbersOf(p)
      const both = flatten('both', [numbers.map('left', (n) => n), numbers.map('right', (n) => n)])
      assertThat('both', both).containsInAnyOrder(1, 1, 2, 2, 3, 3)
    },
  }),
  pipelineCase({
    id: 'PDO-16',
    name: 'a composite that hands back its input is the identity',
    build(p) {
      const same = numbersOf(p).apply('nothing', (input) => input)
      assertThat(
        'same',
        same.map('next', (n) => n + 1),
      ).containsInAnyOrder(2, 3, 4)
    },
  }),
  pipelineCase({
    id: 'PDO-17',
    name: 'a composite may give several collections, in a record or a list',
    build(p) {
      const numbers = numbersOf(p)
      const { small, large } = numbers.apply('by size', (input) => ({
        small: input.filter('small', (n) => n < 3),
        large: input.filter('large', (n) => n >= 3),
      }))
      const [first] = numbers.apply('list', (input) => [input.map('next', (n) => n + 1)] as const)
      assertThat('small', small).containsInAnyOrder(1, 2)
      assertThat('large', large).containsInAnyOrder(3)
      assertThat('first', first).containsInAnyOrder(2, 3, 4)
    },
  }),
  pipelineCase({
    id: 'PDO-18',
    name: 'a promise is awaited, and outputs leave in the order of their inputs',
    notIn: {
      strict: inOrderOfSeed,
      restarts: 'an instance gathers what came before it',
    },
    build(p) {
      // Of one element: where several partitions share the work, one has them all.
      const waits = p.create('one', [[6, 1, 3]]).flatMap('waits', (all) => all)
      const out = waits.map('wait', async (millis) => {
        await pause(millis)
        return millis
      })
      assertThat('order', out.parDo('arrivals', arrivals())).containsInAnyOrder([6, 1, 3])
    },
  }),
  pipelineCase({
    id: 'PDO-18/unordered',
    name: 'with ordered: false no output is lost',
    build(p) {
      const waits = p.create('waits', [6, 1, 3])
      const out = waits.map(
        'wait',
        async (millis) => {
          await pause(millis)
          return millis
        },
        { ordered: false },
      )
      assertThat('all', out).containsInAnyOrder(1, 3, 6)
    },
  }),
  pipelineCase({
    id: 'PDO-18/failure',
    name: 'a promise that is rejected fails the step, with its message',
    build(p) {
      numbersOf(p).map('wait', async (n) => {
        await pause(1)
        throw new Error(`no answer for ${n}`)
      })
    },
    fails: { message: /no answer for [123]/, step: 'wait' },
  }),
  pipelineCase({
    id: 'PDO-19',
    name: 'no more calls are under way than concurrency allows, and a bundle waits for all',
    inProcess: true,
    build(p) {
      const instances: { running: number; most: number; unfinished: number }[] = []
      const numbers = p.create(
        'numbers',
        Array.from({ length: 12 }, (_, n) => n),
      )
      const out = numbers.parDo('wait', {
        output: t.number,
        concurrency: 3,
        setup() {
          const instance = { running: 0, most: 0, unfinished: 0 }
          instances.push(instance)
          return instance
        },
        async process(n, { emit, resource }) {
          resource.most = Math.max(resource.most, ++resource.running)
          await pause(1)
          resource.running--
          emit(n)
        },
        finishBundle: ({ resource }) => {
          resource.unfinished += resource.running
        },
      })
      assertThat('all', out).containsInAnyOrder(...Array.from({ length: 12 }, (_, n) => n))
      return (_, claims) => {
        const most = Math.max(...instances.map((each) => each.most))
        claims.holds(most >= 1 && most <= 3, `at most 3 calls at once, and not ${most}`)
        claims.same(instances.filter(({ unfinished }) => unfinished > 0), [], 'calls under way when a bundle finished') // prettier-ignore
      }
    },
  }),
  pipelineCase({
    id: 'PDO-19/overlap',
    name: 'as many calls are under way at once as concurrency allows',
    inProcess: true,
    notIn: { bundles: 'a bundle may have fewer elements than may be under way' },
    build(p) {
      let running = 0
      let most = 0
      // All of one element, so that one bundle has them all.
      const numbers = p.create('one', [12]).flatMap('numbers', (n) => Array.from({ length: n }, (_, at) => at))
      const out = numbers.parDo('wait', {
        output: t.number,
        concurrency: 3,
        async process(n, { emit }) {
          most = Math.max(most, ++running)
          await pause(1)
          running--
          emit(n)
        },
      })
      assertThat('all', out).containsInAnyOrder(...Array.from({ length: 12 }, (_, n) => n))
      return (_, claims) => claims.same(most, 3, 'calls at once')
    },
  }),
  pipelineCase({
    id: 'PDO-20',
    name: 'what process yields is emitted, all of it',
    build(p) {
      const numbers = numbersOf(p)
      const now = numbers.parDo('yields', {
        output: t.number,
        *process(n) {
          yield n
          yield n * 10
        },
      })
      const later = numbers.parDo('yields later', {
        output: t.number,
        async *process(n) {
          yield n
          await pause(1)
          yield n * 10
        },
      })
      assertThat('now', now).containsInAnyOrder(1, 10, 2, 20, 3, 30)
      assertThat('later', later).containsInAnyOrder(1, 10, 2, 20, 3, 30)
    },
  }),
  pipelineCase({
    id: 'PDO-20/return',
    name: 'a generator that is broken off is told',
    inProcess: true,
    build(p) {
      let open = 0
      p.create('one', [1]).parDo('yields', {
        output: t.number,
        *process() {
          open++
          try {
            yield 1
            yield 'two' as never
          } finally {
            open--
          }
        },
      })
      return (_, claims) => claims.same(open, 0, 'generators left open')
    },
    fails: { message: /yields/, step: 'yields' },
  }),
]

/** 12, in three windows. */
function twelve(p: Pipeline): PCollection<number> {
  return p.create('twelve', [12], { timestamp: (n) => n }).windowInto('sliding', sliding)
}

function boundsOf({
  window: { start, end },
}: {
  readonly window: { readonly start: number; readonly end: number }
}): readonly number[] {
  return [start, end]
}

/** One list of what came, when everything has come. */
function arrivals() {
  return {
    output: typed<readonly number[]>(),
    setup: (): number[] => [],
    process: (n: number, { resource }: StepContext<number[], unknown>): void => void resource.push(n),
    finishBundle({
      resource,
      emit,
    }: StepContext<number[], unknown> & {
      readonly emit: (value: readonly number[], at: number, window: GlobalWindow) => void
    }): void {
      if (resource.length === 3) emit([...resource], 0, globalWindow)
    },
  }
}
