/**
 * The life of a DoFn: what is called when, what may be emitted there, and what a failure leaves.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  globalWindow,
  IntervalWindow,
  kv,
  type PCollection,
  type Pipeline,
  state,
  sum,
  timer,
  typed,
  toList,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import type { Claims } from './claims.js'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSame } from './claims.js'
import { oneByOne } from './one-by-one.js'

const numbersOf = (p: Pipeline): PCollection<number> => p.create('numbers', [1, 2, 3, 4, 5])

/** A timer of the platform: cases about waiting must wait. */
const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Calls of each instance of a step. Where several partitions share the work, each has its own. */
class Lives {
  readonly all: string[][] = []
  /** Teardowns of instances whose setup has failed. */
  unborn = 0

  begin(): string[] {
    const calls = ['setup']
    this.all.push(calls)
    return calls
  }

  end(calls: string[] | undefined): void {
    if (calls === undefined) this.unborn++
    else calls.push('teardown')
  }

  /** Those with more than a setup and a teardown. */
  get busy(): readonly (readonly string[])[] {
    return this.all.filter((calls) => calls.length > 2)
  }
}

/** Claims that calls of each instance come as setup, (start, process*, finish)*, teardown. */
function claimBrackets({ all }: Lives, claims: Claims): void {
  claims.holds(all.length > 0, 'an instance')
  for (const calls of all)
    claims.holds(
      /^setup( start( process)*( finish))* teardown$/.test(calls.join(' ')),
      `a life, and not ${calls.join(' ')}`,
    )
}

/** Claims that each instance was torn down last, that some have failed after the calls before, and that all others are whole. */
function claimFailed({ all, unborn }: Lives, before: readonly string[], claims: Claims): void {
  claims.holds(all.length > 0, 'an instance')
  if (before.length === 1) {
    claims.same(all, Array.from(all, () => ['setup']), 'calls') // prettier-ignore
    claims.same(unborn, all.length, 'teardowns')
    return
  }
  const failed = `${before.join(' ')} teardown`
  const texts = all.map((calls) => calls.filter((each, n) => each !== 'process' || calls[n - 1] !== each).join(' '))
  claims.holds(texts.includes(failed), `an instance with ${failed}, in ${texts.join('; ')}`)
  for (const text of texts)
    claims.holds(text === failed || /^setup( start( process)? finish)* teardown$/.test(text), `a life, and not ${text}`)
}

/** A step that fails in one of its calls; gives the calls that were made, and what was seen behind the step. */
function failing(p: Pipeline, where: string): { readonly lives: Lives; readonly seen: readonly number[] } {
  const lives = new Lives()
  const seen: number[] = []
  const note = (calls: string[], call: string): void => {
    if (call !== 'setup') calls.push(call)
    if (call === where) throw new Error(`${call} breaks`)
  }
  numbersOf(p)
    .parDo('fragile', {
      output: t.number,
      setup() {
        const calls = lives.begin()
        note(calls, 'setup')
        return calls
      },
      startBundle: ({ resource }) => note(resource, 'start'),
      process(n, { emit, resource }) {
        emit(n)
        note(resource, 'process')
      },
      finishBundle: ({ resource }) => note(resource, 'finish'),
      teardown: ({ resource }) => lives.end(resource),
    })
    .reshuffle('break')
    .map('see', (n) => seen.push(n))
  return { lives, seen }
}

/** A step that keeps state and fails in one of its calls. */
function failingWithState(p: Pipeline, where: string): Lives {
  const lives = new Lives()
  const note = (calls: string[], call: string): void => {
    if (call !== 'setup') calls.push(call)
    if (call === where) throw new Error(`${call} breaks`)
  }
  p.create('pairs', [kv('k', 1)]).parDo('fragile', {
    state: { last: state.value(t.number) },
    setup() {
      const calls = lives.begin()
      note(calls, 'setup')
      return calls
    },
    startBundle: ({ resource }) => note(resource, 'start'),
    process({ value }, { state: { last }, resource }) {
      last.write(value)
      note(resource, 'process')
    },
    finishBundle: ({ resource }) => note(resource, 'finish'),
    teardown: ({ resource }) => lives.end(resource),
  })
  return lives
}

/** A call that fails, and the calls that come before the teardown. */
const failures = [
  { id: 'LIF-07', call: 'setup', before: ['setup'] },
  { id: 'LIF-08', call: 'start', before: ['setup', 'start'] },
  { id: 'LIF-09', call: 'process', before: ['setup', 'start', 'process'] },
] as const
const FINISHED = ['setup', 'start', 'process', 'finish'] as const

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'LIF-01',
    name: 'an instance is set up, handles bundles, each started and finished, and is torn down',
    inProcess: true,
    notIn: { restarts: 'each process has its own instances' },
    build(p) {
      const lives = new Lives()
      const out = numbersOf(p).parDo('life', {
        output: t.number,
        setup: () => lives.begin(),
        startBundle: ({ resource }) => void resource.push('start'),
        process(n, { emit, resource }) {
          resource.push('process')
          emit(n)
        },
        finishBundle: ({ resource }) => void resource.push('finish'),
        teardown: ({ resource }) => lives.end(resource),
      })
      assertThat('out', out).containsInAnyOrder(1, 2, 3, 4, 5)
      return (_, claims) => {
        claimBrackets(lives, claims)
        claims.same(lives.all.flat().filter((call) => call === 'process').length, 5, 'calls of process')
      }
    },
  }),
  pipelineCase({
    id: 'LIF-02',
    name: 'setup runs once for an instance, and what it made is seen in every bundle',
    needs: ['combine', 'sideInputs'],
    inProcess: true,
    notIn: { restarts: 'each process has its own instances' },
    build(p) {
      let setups = 0
      const ends: { readonly instance: number; readonly seen: number }[] = []
      const out = numbersOf(p)
        // Of one element: one instance has them all.
        .combineGlobally('all', toList())
        .flatMap('each', (list) => list)
        .parDo('life', {
          output: t.number,
          setup: () => ({ instance: ++setups, seen: 0 }),
          process: (n, { resource, emit }) => {
            resource.seen++
            emit(n)
          },
          teardown: ({ resource }) => void ends.push({ ...resource }),
        })
      assertThat('out', out).containsInAnyOrder(1, 2, 3, 4, 5)
      return (_, claims) => {
        const instances = ends.map(({ instance }) => instance).sort((a, b) => a - b)
        claims.same(instances, Array.from({ length: setups }, (_each, n) => n + 1), 'instances') // prettier-ignore
        claims.same(ends.flatMap(({ seen }) => (seen === 0 ? [] : [seen])), [5], 'elements that instances have seen') // prettier-ignore
      }
    },
  }),
  pipelineCase({
    id: 'LIF-03',
    name: 'what is changed in a declaration after the step was added has no effect',
    build(p) {
      const doFn = {
        output: t.number,
        process: (n: number, { emit }: { readonly emit: (n: number) => void }): void => emit(n),
      }
      const out = numbersOf(p).parDo('step', doFn)
      doFn.process = (): void => {
        throw new Error('the changed function was called')
      }
      assertThat('out', out).containsInAnyOrder(1, 2, 3, 4, 5)
    },
  }),
  pipelineCase({
    id: 'LIF-04',
    name: 'finishBundle emits with the timestamp and into the window that it names',
    build(p) {
      const out = numbersOf(p)
        .windowInto('tens', fixedWindows(10))
        .parDo('end', {
          output: typed<string>(),
          process: () => undefined,
          finishBundle: ({ emit }) => emit('end', 5, new IntervalWindow(0, 10)),
        })
      assertThat('end', out).satisfies((values, elements) => {
        if (values.length === 0) throw new Error('no bundle was finished')
        for (const { value, timestamp, window } of elements)
          expectSame([value, timestamp, window], ['end', 5, { start: 0, end: 10 }])
      })
    },
  }),
  pipelineCase({
    id: 'LIF-04/combined',
    name: 'what finishBundle emits is combined like everything else',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const buffers = numbersOf(p).parDo('buffer', {
        output: typed<number>(),
        setup: () => [] as number[],
        startBundle({ resource }) {
          resource.length = 0
        },
        process(n, { resource }) {
          resource.push(n)
        },
        finishBundle({ resource, emit }) {
          for (const n of resource) emit(n, 0, globalWindow)
        },
      })
      assertThat('all', buffers.combineGlobally('sum', sum())).containsInAnyOrder(15)
      assertThat('values', buffers.distinct('distinct')).containsInAnyOrder(1, 2, 3, 4, 5)
    },
  }),
  pipelineCase({
    id: 'LIF-04/windows',
    name: 'a window that the elements of the step cannot be in is refused',
    build(p) {
      numbersOf(p)
        .windowInto('tens', fixedWindows(10))
        .parDo('end', {
          output: typed<string>(),
          process: () => undefined,
          finishBundle: ({ emit }) => emit('end', 5, new IntervalWindow(3, 13)),
        })
    },
    fails: { message: /failed in finishBundle: .*fixed windows/, step: 'end' },
  }),
  pipelineCase({
    id: 'LIF-05',
    name: 'finishBundle cannot emit without a window',
    build(p) {
      numbersOf(p)
        .windowInto('tens', fixedWindows(10))
        .parDo('end', {
          output: typed<string>(),
          process: () => undefined,
          // @ts-expect-error It needs a timestamp and a window.
          finishBundle: ({ emit }) => emit('end'),
        })
    },
    fails: { message: /failed in finishBundle: .*window/, step: 'end' },
  }),
  pipelineCase({
    id: 'LIF-06',
    name: 'startBundle cannot emit',
    build(p) {
      numbersOf(p).parDo('start', {
        output: typed<string>(),
        // The types offer no emit; what reaches the runner is a program without them.
        startBundle: (context) => (context as unknown as { readonly emit: (text: string) => void }).emit('start'),
        process: () => undefined,
      })
    },
    fails: { message: /failed in startBundle/, step: 'start' },
  }),
  ...failures.flatMap(({ id, call, before }) => [
    pipelineCase({
      id,
      name: `a failure in ${call} fails the run with its message, after which the instance is torn down and has not finished its bundle`,
      needs: ['reshuffle'],
      inProcess: true,
      build(p) {
        const { lives, seen } = failing(p, call)
        return (_, claims) => {
          claimFailed(lives, before, claims)
          claims.holds(seen.length < 5, 'no output of the failed bundle behind the step')
        }
      },
      fails: { message: new RegExp(`${call} breaks`), step: 'fragile' },
    }),
    pipelineCase({
      id: `LIF-11/${call}`,
      name: `a failure in ${call} of a step with state leaves the same`,
      needs: ['state.value'],
      inProcess: true,
      build(p) {
        const lives = failingWithState(p, call)
        return (_, claims) => claimFailed(lives, before, claims)
      },
      fails: { message: new RegExp(`${call} breaks`), step: 'fragile' },
    }),
  ]),
  pipelineCase({
    id: 'LIF-10',
    name: 'a failure in finishBundle fails the run with its message, after which the instance is torn down',
    needs: ['reshuffle'],
    inProcess: true,
    build(p) {
      const { lives, seen } = failing(p, 'finish')
      return (_, claims) => {
        claimFailed(lives, FINISHED, claims)
        claims.same(seen, [], 'outputs of the failed bundle behind the step')
      }
    },
    fails: { message: /finish breaks/, step: 'fragile' },
  }),
  pipelineCase({
    id: 'LIF-11/finish',
    name: 'a failure in finishBundle of a step with state leaves the same',
    needs: ['state.value'],
    inProcess: true,
    build(p) {
      const lives = failingWithState(p, 'finish')
      return (_, claims) => claimFailed(lives, FINISHED, claims)
    },
    fails: { message: /finish breaks/, step: 'fragile' },
  }),
  pipelineCase({
    id: 'LIF-11/state',
    name: 'what a call that fails has written to state and timers is gone for the calls that follow',
    needs: ['state.value', 'state.bag', 'timers.eventTime', 'deadLetters', 'testStream', 'onWindowExpiration'],
    build(p) {
      const bad = p.errors('bad', (letters) => assertThat('letters', letters).hasSize(2))
      const out = oneByOne(p, at(1, kv('k', 1)), at(2, kv('k', 2)), at(3, kv('k', 3)), at(4, kv('new', 2))).parDo(
        'fragile',
        {
          // prettier-ignore
          output: t.array(t.number),
          onError: bad,
          state: { last: state.value(t.number, { initial: 0 }), all: state.bag(t.number) },
          timers: { end: timer.eventTime() },
          async process({ value }, { state: { last, all }, timers: { end }, emit }) {
            emit([last.read(), ...all.read()])
            last.write(value)
            await Promise.resolve()
            all.add(value)
            if (value === 2) {
              end.set(50)
              throw new Error('no')
            }
          },
          onTimer: { end: ({ emit }) => emit([-1]) },
          // The key that has only failed has no state, and no last words.
          onWindowExpiration: ({ key, state: { all }, emit }) => emit([key === 'k' ? 100 : -100, ...all.read()]),
        },
      )
      assertThat('seen', out).containsInAnyOrder([0], [1, 1], [100, 1, 3])
    },
  }),
  pipelineCase({
    id: 'LIF-12',
    name: 'an instance whose bundle has failed is called no more, but for its teardown',
    inProcess: true,
    build(p) {
      const calls: (readonly [number, string])[] = []
      let made = 0
      let failed: number | undefined
      numbersOf(p).parDo('fragile', {
        setup: () => ++made,
        startBundle: ({ resource }) => void calls.push([resource, 'start']),
        process(_, { resource }) {
          calls.push([resource, 'process'])
          if (failed === undefined && calls.length > 2) {
            failed = calls.push([resource, 'failure'])
            throw new Error('process breaks')
          }
        },
        finishBundle: ({ resource }) => void calls.push([resource, 'finish']),
        teardown: ({ resource }) => void calls.push([resource, 'teardown']),
      })
      return (_, claims) => {
        const [instance] = calls[(failed ?? 0) - 1] ?? []
        claims.holds(instance !== undefined, 'a call that failed')
        claims.same(
          calls.slice(failed).filter(([each]) => each === instance),
          [[instance, 'teardown']],
          'calls of the instance afterwards',
        )
      }
    },
    fails: { message: /process breaks/, step: 'fragile' },
  }),
  pipelineCase({
    id: 'LIF-13',
    name: 'when a pipeline ends, every instance has been torn down',
    inProcess: true,
    build(p) {
      const alive = new Set<number>()
      let made = 0
      const counted = {
        output: t.number,
        setup: (): number => {
          alive.add(++made)
          return made
        },
        process: (n: number, { emit }: { readonly emit: (n: number) => void }): void => emit(n),
        teardown: ({ resource }: { readonly resource: number }): void => void alive.delete(resource),
      }
      const out = numbersOf(p).parDo('first', counted).reshuffle('break').parDo('second', counted)
      assertThat('out', out).containsInAnyOrder(1, 2, 3, 4, 5)
      return (_, claims) => {
        claims.holds(made >= 2, 'an instance of each step')
        claims.same([...alive], [], 'instances left')
      }
    },
    needs: ['reshuffle'],
  }),
  pipelineCase({
    id: 'LIF-14',
    name: 'promises of all calls of a life are awaited',
    inProcess: true,
    notIn: { restarts: 'each process has its own instances' },
    build(p) {
      const lives = new Lives()
      const later = async (calls: string[], call: string): Promise<void> => {
        await pause(1)
        calls.push(call)
      }
      p.create('one', [1]).parDo('life', {
        setup: async () => {
          await pause(1)
          return lives.begin()
        },
        startBundle: ({ resource }) => later(resource, 'start'),
        process: (_, { resource }) => later(resource, 'process'),
        finishBundle: ({ resource }) => later(resource, 'finish'),
        teardown: ({ resource }) => later(resource, 'teardown'),
      })
      return (_, claims) => {
        claims.same(lives.busy, [['setup', 'start', 'process', 'finish', 'teardown']], 'calls of the instance at work')
        claimBrackets(lives, claims)
      }
    },
  }),
  pipelineCase({
    id: 'BUN-01',
    name: 'a timer set to a time that the watermark has passed fires after the bundle, not inside it',
    needs: ['testStream', 'state.value', 'timers.eventTime'],
    notIn: { strict: 'bundles of the script are cut' },
    build(p) {
      const script = testStream<number>().advanceWatermarkTo(20).add(at(21, 1), at(22, 2), at(23, 3))
      const out = p
        .apply('script', script.end())
        .keyBy('one', () => 'k')
        .parDo('timers', {
          output: typed<string>(),
          state: { seen: state.value(t.number) },
          timers: { past: timer.eventTime() },
          process(_, { state: { seen }, timers }) {
            seen.write((seen.read() ?? 0) + 1)
            timers.past.set(21)
          },
          onTimer: { past: ({ state: { seen }, emit }) => emit(`fired after ${seen.read() ?? 0}`) },
        })
      assertThat('fired', out).containsInAnyOrder('fired after 3')
    },
  }),
  pipelineCase({
    id: 'BUN-02',
    name: 'what an element writes to state, the next of its key reads, in one bundle or in two',
    needs: ['state.value'],
    build(p) {
      const pairs = p.create('pairs', [kv('a', 1), kv('b', 1), kv('a', 1), kv('a', 1)])
      const out = pairs.parDo('count', {
        output: typed<string>(),
        state: { seen: state.value(t.number) },
        process({ key }, { state: { seen }, emit }) {
          const count = (seen.read() ?? 0) + 1
          seen.write(count)
          emit(`${key}${count}`)
        },
      })
      assertThat('counts', out).containsInAnyOrder('a1', 'a2', 'a3', 'b1')
    },
  }),
  pipelineCase({
    id: 'BUN-02/time',
    name: 'time passes between elements of a bundle: the later one reads what the earlier has written, and what both emit is seen when both are done',
    needs: ['state.value', 'testStream', 'reshuffle'],
    notIn: { strict: 'bundles of the script are cut' },
    inProcess: true,
    build(p) {
      const calls: string[] = []
      const nows: number[] = []
      const out = p
        .apply('script', testStream<number>().add(at(1, 1), at(2, 2)).end())
        .keyBy('one', () => 'k')
        .parDo('count', {
          output: t.number,
          state: { seen: state.value(t.number, { initial: 0 }) },
          async process(_, { state: { seen }, emit }) {
            nows.push(performance.now())
            const count = seen.read() + 1
            seen.write(count)
            await pause(5)
            emit(count)
            calls.push(`count ${count}`)
          },
        })
        .reshuffle('break')
        .map('see', (n) => {
          calls.push(`see ${n}`)
          return n
        })
      assertThat('counts', out).containsInAnyOrder(1, 2)
      return (_, claims) => {
        claims.same(calls, ['count 1', 'count 2', 'see 1', 'see 2'], 'calls')
        claims.holds((nows[1] ?? 0) - (nows[0] ?? 0) >= 4, 'time to pass between the elements')
      }
    },
  }),
  pipelineCase({
    id: 'BUN-03',
    name: 'calls of one key do not interleave, though they wait',
    needs: ['state.value'],
    build(p) {
      const pairs = p.create(
        'pairs',
        Array.from({ length: 12 }, (_, n) => kv(n % 2, n)),
      )
      const out = pairs.parDo('count', {
        output: typed<string>(),
        state: { seen: state.value(t.number) },
        async process({ key }, { state: { seen }, emit }) {
          const before = seen.read() ?? 0
          await pause(1)
          seen.write(before + 1)
          emit(`${key}: ${before + 1}`)
        },
      })
      assertThat('counts', out).containsInAnyOrder(
        ...[0, 1].flatMap((key) => [1, 2, 3, 4, 5, 6].map((count) => `${key}: ${count}`)),
      )
    },
  }),
]
