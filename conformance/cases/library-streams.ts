/**
 * Transforms of the SDK that keep state: repetitions left out, values in batches. What each gives, and when.
 */
import * as t from 'io-ts'
import {
  deduplicate,
  type Duration,
  fixedWindows,
  groupIntoBatches,
  type GroupIntoBatchesOptions,
  type KV,
  kv,
  pipeline,
  type PCollection,
  type Pipeline,
  sessionWindows,
  type TimeDomain,
} from 'millrace'
import { assertThat, at, type TestStream, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import { upTo } from './readers.js'

/** Each element with its timestamp, as text. */
function stamped(input: PCollection<unknown>): PCollection<string> {
  return input.parDo('stamped', {
    output: t.string,
    process: (value, { timestamp, emit }) => emit(`${JSON.stringify(value)} at ${timestamp}`),
  })
}

function once(p: Pipeline, script: TestStream<string>, within: Duration, timeDomain: TimeDomain): PCollection<string> {
  return stamped(p.apply('events', script.end()).apply('once', deduplicate({ within, timeDomain })))
}

/** Values under one key in batches. */
function batched(input: PCollection<number>, options: GroupIntoBatchesOptions): PCollection<readonly number[]> {
  return input
    .keyBy('all', () => 'all')
    .apply('batches', groupIntoBatches(options))
    .values('values')
}

const BATCHES = ['state.bag', 'state.value', 'onWindowExpiration'] as const

const repetitions: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'LIB-07/event-time',
    name: 'what has the id of something that came out less than so far away in event time is left out, before and after it',
    needs: ['state.value', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = testStream<string>().add(at(20, 'x')).add(at(29, 'x')).add(at(11, 'x')).add(at(30, 'x'))
      const more = script.add(at(10, 'x')).add(at(25, 'y'))
      assertThat('out', once(p, more, 10, 'eventTime')).containsInAnyOrder(
        '"x" at 20',
        '"x" at 30',
        '"x" at 10',
        '"y" at 25',
      )
    },
  }),
  pipelineCase({
    id: 'LIB-07/forgotten',
    name: 'what the watermark has left behind is forgotten, and what has passed holds no watermark back',
    needs: ['state.value', 'timers.eventTime', 'testStream'],
    build(p) {
      const script = testStream<string>().add(at(1, 'x')).advanceWatermarkTo(12).add(at(5, 'x')).add(at(12, 'x'))
      assertThat('out', once(p, script, 10, 'eventTime')).containsInAnyOrder('"x" at 1', '"x" at 5')
    },
  }),
  pipelineCase({
    id: 'LIB-07/processing-time',
    name: 'an id passes again when the clock has gone on so far since it last did',
    needs: ['state.value', 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = testStream<string>()
        .add(at(1, 'x'))
        .advanceProcessingTime(9)
        .add(at(2, 'x'))
        .advanceProcessingTime(1)
        .add(at(3, 'x'))
        .advanceProcessingTime(9)
        .add(at(4, 'x'))
      assertThat('out', once(p, script, 10, 'processingTime')).containsInAnyOrder('"x" at 1', '"x" at 3')
    },
  }),
  pipelineCase({
    id: 'LIB-07/by',
    name: 'ids are given by a function, and each window has its own',
    needs: ['state.value', 'timers.eventTime'],
    build(p) {
      const out = p
        .create('times', [1, 2, 3, 11], { codec: t.number, timestamp: (n) => n })
        .windowInto('tens', fixedWindows(10))
        .apply('once', deduplicate({ by: (n) => n % 2, within: 100, timeDomain: 'eventTime' }))
      assertThat(
        'parities',
        out.map('parity', (n) => n % 2),
      ).containsInAnyOrder(1, 0, 1)
    },
  }),
  constructionCase({
    id: 'LIB-07/refused',
    name: 'no time, no time domain, an unknown option, and windows that merge are refused',
    check(claims) {
      claims.refuses(() => deduplicate({ within: 0, timeDomain: 'eventTime' }), { message: /within to be above 0/ })
      claims.refuses(() => deduplicate({ within: 1 } as never), { message: /timeDomain to be 'eventTime' or/ })
      claims.refuses(() => deduplicate({ within: 1, timeDomain: 'eventTime', id: 1 } as never), {
        message: /no option "id" of deduplicate/,
      })
      const sessions = pipeline().create('few', [1]).windowInto('sessions', sessionWindows(1))
      claims.refuses(() => sessions.apply('step', deduplicate({ within: 1, timeDomain: 'eventTime' })), {
        message: /windows merge/,
        step: 'step',
      })
    },
  }),
]

const batches: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'LIB-10/size',
    name: 'each value is in one batch, all batches of a key but its last are full, and keys share none',
    needs: BATCHES,
    build(p) {
      const pairs = upTo(50).map((n): KV<string, number> => kv(n % 3 === 0 ? 'fizz' : 'other', n))
      assertThat('out', p.create('pairs', pairs).apply('batches', groupIntoBatches({ size: 4 }))).satisfies((all) => {
        const sizes = all.map(({ key, value }) => `${key} ${value.length}`)
        const full = [...new Array<string>(4).fill('fizz 4'), 'fizz 1', ...new Array<string>(8).fill('other 4')]
        expectSameInAnyOrder(sizes, [...full, 'other 1'])
        const values = all.flatMap(({ key, value }) => value.map((n) => kv(key, n)))
        expectSameInAnyOrder(values, pairs)
      })
    },
  }),
  pipelineCase({
    id: 'LIB-10/bytes',
    name: 'no batch of several values has more bytes than it may, and a value that alone has more is a batch',
    needs: BATCHES,
    build(p) {
      const words = p.create('words', ['a'.repeat(50), 'b'.repeat(40), 'c'.repeat(500), 'd'.repeat(30)], {
        codec: t.string,
      })
      const keyed = words.keyBy('all', () => 'all')
      assertThat('out', keyed.apply('batches', groupIntoBatches({ bytes: 200 }))).satisfies((all) => {
        const lists = all.map(({ value }) =>
          value
            .map((word) => word.charAt(0))
            .sort()
            .join(''),
        )
        expectSame(lists.includes('c'), true, 'the long one alone')
        expectSame([...lists.join('')].sort().join(''), 'abcd', 'every value once')
      })
    },
  }),
  pipelineCase({
    id: 'LIB-10/buffering',
    name: 'the first value of a batch waits no longer than it may, and not for the time of a batch before',
    needs: [...BATCHES, 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = testStream<number>()
        .add(at(1, 1))
        .add(at(2, 2))
        .advanceProcessingTime(8)
        .add(at(3, 3))
        .advanceProcessingTime(4)
        .add(at(4, 4))
        .advanceProcessingTime(6)
        .add(at(5, 5))
        .advanceProcessingTime(9)
        .add(at(6, 6))
      const out = batched(p.apply('events', script.end()), { size: 2, maxBuffering: 10 })
      assertThat('out', stamped(out)).containsInAnyOrder('[1,2] at 2', '[3,4] at 4', '[5,6] at 6')
    },
  }),
  pipelineCase({
    id: 'LIB-10/waited',
    name: 'what has waited long enough goes on before its batch is full, with the timestamp of its first value',
    needs: [...BATCHES, 'timers.processingTime', 'testStream', 'testStream.processingTime'],
    build(p) {
      const script = testStream<number>()
        .add(at(7, 7))
        .advanceProcessingTime(4)
        .add(at(3, 3))
        .advanceProcessingTime(6)
        .add(at(8, 8))
        .advanceWatermarkTo(100)
      const tens = p.apply('events', script.end()).windowInto('tens', fixedWindows(10))
      const out = stamped(batched(tens, { size: 5, maxBuffering: 10 }))
      assertThat('out', out).containsInAnyOrder('[7,3] at 7', '[8] at 9')
    },
  }),
  pipelineCase({
    id: 'LIB-10/window-end',
    name: 'what is left when a window expires is its last batch, late values included',
    needs: [...BATCHES, 'lateness', 'testStream'],
    build(p) {
      const script = testStream<number>()
        .add(at(1, 1))
        .advanceWatermarkTo(15)
        .add(at(2, 2))
        .advanceWatermarkTo(20)
        .add(at(3, 3), at(21, 21))
      const tens = p
        .apply('events', script.end())
        .windowInto('tens', fixedWindows(10), { allowedLateness: 10 })
        .apply('batches', (n: PCollection<number>) => batched(n, { size: 9 }))
      assertThat('out', stamped(tens)).containsInAnyOrder('[1,2] at 9', '[21] at 29')
    },
  }),
  constructionCase({
    id: 'LIB-10/refused',
    name: 'no limit, half a value, no time, an unknown option, and windows that merge are refused',
    check(claims) {
      claims.refuses(() => groupIntoBatches({}), { message: /needs size, bytes or maxBuffering/ })
      claims.refuses(() => groupIntoBatches({ size: 0.5 }), { message: /size to be a whole number from 1/ })
      claims.refuses(() => groupIntoBatches({ maxBuffering: 0 }), { message: /maxBuffering to be above 0/ })
      claims.refuses(() => groupIntoBatches({ count: 3 } as never), { message: /no option "count" of groupInto/ })
      const sessions = pipeline()
        .create('few', [kv('a', 1)])
        .windowInto('sessions', sessionWindows(1))
      claims.refuses(() => sessions.apply('step', groupIntoBatches({ size: 3 })), {
        message: /windows merge/,
        step: 'step',
      })
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [...repetitions, ...batches]
