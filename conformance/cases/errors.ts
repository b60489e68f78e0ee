/**
 * Errors and dead letters: what a failure says, and where an element goes that cannot be processed.
 */
import * as t from 'io-ts'
import { type DeadLetter, fixedWindows, type PCollection, type Pipeline, type UserCodeError } from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'

const numbersOf = (p: Pipeline): PCollection<number> => p.create('numbers', [1, 2, 3])

/** Throws for what is not odd. */
function onlyOdd(n: number): number {
  if (n % 2 === 0) throw new RangeError(`${n} is even`)
  return n
}

/** A timer of the platform: cases about waiting must wait. */
const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const thrown: readonly (readonly [id: string, value: unknown, message: RegExp])[] = [
  ['text', 'no such user', /no such user/],
  ['undefined', undefined, /undefined/],
  ['record', { code: 5 }, /code/],
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'ERR-01',
    name: 'a failure names the step that failed, and no other',
    build(p) {
      numbersOf(p)
        .map('b', (n) => n)
        .map('c', onlyOdd)
        .map('d', (n) => n)
      return ({ error }, claims) =>
        claims.holds(!/step "(b|d)"/.test(error?.message ?? ''), 'no other step to be named')
    },
    fails: { message: /step "c" failed.*2 is even/, step: 'c' },
  }),
  pipelineCase({
    id: 'ERR-02',
    name: 'a failure keeps the stack of what was thrown, with the names of its functions, and says where the step was written',
    inProcess: true,
    build(p) {
      numbersOf(p).map('odd', (n) => onlyOdd(n))
      return ({ error }, claims) => {
        const { cause } = error as UserCodeError
        claims.holds(cause instanceof Error && /onlyOdd/.test(cause.stack ?? ''), 'a stack with onlyOdd')
        claims.holds(/errors\.(ts|js):\d+/.test(error?.message ?? ''), 'the place of the step')
      }
    },
    fails: { message: /2 is even/, step: 'odd' },
  }),
  pipelineCase({
    id: 'ERR-03',
    name: 'the class and the cause of an error are kept',
    inProcess: true,
    build(p) {
      numbersOf(p).map('wrap', (n): number => {
        throw new TypeError(`not ${n}`, { cause: new RangeError('the cause') })
      })
      return ({ error }, claims) => {
        const { cause } = error as UserCodeError
        claims.holds(cause instanceof TypeError, 'a TypeError')
        claims.holds(cause instanceof TypeError && cause.cause instanceof RangeError, 'its cause')
      }
    },
    fails: { message: /not [123]/, step: 'wrap' },
  }),
  ...thrown.map(([id, value, message]) =>
    pipelineCase({
      id: `ERR-04/${id}`,
      name: `what is thrown need not be an Error (${id})`,
      build: (p) =>
        void numbersOf(p).map('throws', (): number => {
          throw value
        }),
      fails: { message, step: 'throws' },
    }),
  ),
  pipelineCase({
    id: 'ERR-06',
    name: 'elements that fail become dead letters with element, error and step, and the others go on',
    needs: ['deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) =>
        assertThat('letters', facts(letters)).containsInAnyOrder([2, 'odd', '2 is even', 'RangeError']),
      )
      assertThat('good', numbersOf(p).map('odd', onlyOdd, { onError: bad })).containsInAnyOrder(1, 3)
      return ({ result }, claims) => claims.same(result.metrics.counter('deadLetters', 'odd'), 1, 'dead letters')
    },
  }),
  pipelineCase({
    id: 'ERR-08',
    name: 'a dead letter has the window and the timestamp of its element',
    needs: ['deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) => {
        const seen = letters.map('facts', ({ timestamp, window }) => [timestamp, /0.*10/.test(window)])
        assertThat('letters', seen).containsInAnyOrder([2, true])
      })
      p.create('timed', [1, 2, 13], { timestamp: (n) => n })
        .windowInto('tens', fixedWindows(10))
        .map('odd', onlyOdd, { onError: bad })
    },
  }),
  pipelineCase({
    id: 'ERR-09',
    name: 'one handler takes the dead letters of many steps',
    needs: ['deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) =>
        assertThat(
          'steps',
          letters.map('step', ({ step }) => step),
        ).containsInAnyOrder('first', 'second', 'second'),
      )
      const numbers = numbersOf(p)
      numbers.map('first', onlyOdd, { onError: bad })
      numbers.map('next', (n) => n + 1).map('second', onlyOdd, { onError: bad })
    },
  }),
  pipelineCase({
    id: 'ERR-10',
    name: 'more dead letters than allowed fail the run',
    needs: ['deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) => letters.map('step', ({ step }) => step), { maxDeadLetters: 1 })
      p.create('even', [2, 4, 6]).map('odd', onlyOdd, { onError: bad })
    },
    fails: { message: /dead letter/ },
  }),
  pipelineCase({
    id: 'ERR-12',
    name: 'a call that fails is made again, and what it gives then counts',
    inProcess: true,
    build(p) {
      const calls = new Map<number, number>()
      const out = numbersOf(p).map(
        'fetch',
        async (n) => {
          await pause(1)
          const call = (calls.get(n) ?? 0) + 1
          calls.set(n, call)
          if (call < 3) throw new Error('try again')
          return n * 10
        },
        { retry: { attempts: 3, backoff: 1 } },
      )
      assertThat('out', out).containsInAnyOrder(10, 20, 30)
      return (_, claims) => claims.same([...calls.values()], [3, 3, 3], 'calls')
    },
  }),
  pipelineCase({
    id: 'ERR-12/letter',
    name: 'a call that fails to the last becomes a dead letter',
    needs: ['deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) =>
        assertThat(
          'letters',
          letters.map('element', ({ element }) => element),
        ).containsInAnyOrder(2),
      )
      const out = numbersOf(p).map('odd', onlyOdd, { onError: bad, retry: { attempts: 2 } })
      assertThat('out', out).containsInAnyOrder(1, 3)
    },
  }),
  pipelineCase({
    id: 'ERR-15',
    name: 'a value that its codec does not describe is refused, naming step and codec',
    build: (p) => void numbersOf(p).map('text', (n) => n as unknown as string, { codec: t.string }),
    fails: { message: /string/, step: 'text' },
  }),
]

function facts(letters: PCollection<DeadLetter>): PCollection<readonly unknown[]> {
  return letters.map('facts', ({ element, step, error }) => [element, step, error.message, error.name])
}
