/**
 * Elements that fail for ever, and runs that end by it.
 */
import * as t from 'io-ts'
import { kv, type KV, type PCollection, type Pipeline, state } from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'

/** An endless source as far as the runner knows, with one element that nobody can process. */
function endless(p: Pipeline): PCollection<KV<string, number>> {
  const script = testStream<KV<string, number>>()
    .add(at(1, kv('ann', 1)))
    .advanceWatermarkTo(10)
    .add(at(11, kv('bob', 13)), at(12, kv('ann', 2)))
  return p.apply('script', script.end())
}

/** Fails for 13, whenever it is called. */
function notThirteen(n: number): void {
  if (n === 13) throw new RangeError('13 brings bad luck')
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'ERR-13',
    name: 'an element of a stream that fails for ever ends the run, with step, key and element; it is not tried for ever',
    needs: ['testStream', 'state.value'],
    build: (p) =>
      void endless(p).parDo('count', {
        state: { seen: state.value(t.number, { initial: 0 }) },
        retry: { attempts: 3 },
        process({ value }, { state }) {
          state.seen.write(state.seen.read() + 1)
          notThirteen(value)
        },
      }),
    fails: { message: /step "count" failed in process: 13 brings bad luck[^]*bob/, step: 'count' },
  }),
  pipelineCase({
    id: 'ERR-13/letter',
    name: 'an element of a stream that fails for ever goes to the handler, and its key goes on',
    needs: ['testStream', 'state.value', 'deadLetters'],
    build(p) {
      const bad = p.errors('bad', (letters) =>
        assertThat(
          'letters',
          letters.map('element', ({ element }) => element),
        ).containsInAnyOrder(kv('bob', 13)),
      )
      const counted = endless(p).parDo('count', {
        output: t.number,
        state: { seen: state.value(t.number, { initial: 0 }) },
        onError: bad,
        retry: { attempts: 3 },
        process({ value }, { state, emit }) {
          state.seen.write(state.seen.read() + 1)
          notThirteen(value)
          emit(state.seen.read())
        },
      })
      assertThat('counted', counted).containsInAnyOrder(1, 2)
    },
  }),
  pipelineCase({
    id: 'ERR-16',
    name: 'a run that fails rejects, and everything that was set up has been torn down by then',
    inProcess: true,
    build(p) {
      let alive = 0
      const lives = {
        output: t.number,
        setup: () => void alive++,
        teardown: () => void alive--,
      }
      p.create('numbers', [13])
        .parDo('before', { ...lives, process: (n: number, { emit }) => emit(n) })
        .parDo('fails', { ...lives, process: (n: number) => notThirteen(n) })
      return ({ error }, claims) => {
        claims.same(error?.name, 'UserCodeError', 'kind of error')
        claims.same(alive, 0, 'steps that were not torn down')
      }
    },
    fails: { message: /bad luck/, step: 'fails' },
  }),
]
