/**
 * The life of sources: how they are drained, what they call back, what they are told, and sources that come ready made.
 */
import {
  fixedWindows,
  type OffsetRange,
  type PCollection,
  type Pipeline,
  readFrom,
  resume,
  typed,
  watermarks,
} from 'millrace'
import { generateSequence, periodic } from 'millrace/io/generate'
import { assertThat, checkSource } from 'millrace/testing'
import { type ConformanceCase, pipelineCase, type RunControl, unitCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import { bounds, inParts, numbersOf, reader, type Reader, upTo } from './readers.js'

/** A source that is drained in its fourth call; stands on 4 then. */
const drained = (p: Pipeline, control: RunControl, rest: Partial<Reader<Uint8Array>> = {}): PCollection<number> => {
  const process: Reader<Uint8Array>['process'] = (_, tracker, { emit }) => {
    const { from } = tracker.currentRestriction()
    if (from === 3) control.drain()
    if (!tracker.tryClaim(from)) return
    emit(from)
    return resume()
  }
  return numbersOf(p, 'numbers', reader(20, { process, ...rest }))
}

/** Half of what is left. */
const half = (_: unknown, { from, to }: OffsetRange): OffsetRange => ({ from, to: from + Math.floor((to - from) / 2) })
const PARTS = { strict: 'parts that nobody has begun are truncated, too' } as const

const draining: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SDF-28',
    name: 'when the run is drained, bounded work is done to its end',
    needs: ['splittable.bounded'],
    inProcess: true,
    ends: 'DRAINED',
    build: (p, control) => assertThat('numbers', drained(p, control)).containsInAnyOrder(...upTo(20)),
  }),
  pipelineCase({
    id: 'SDF-29',
    name: 'when the run is drained, nothing more is done of unbounded work',
    needs: ['splittable.unbounded'],
    inProcess: true,
    ends: 'DRAINED',
    build: (p, control) =>
      assertThat('numbers', drained(p, control, { bounded: false })).containsInAnyOrder(...upTo(4)),
  }),
  ...bounds.map(({ id, bounded, needs }) =>
    pipelineCase({
      id: `SDF-30/${id}`,
      name: `when the run is drained, of each work that is done which truncate leaves, once (${id})`,
      needs,
      inProcess: true,
      ends: 'DRAINED',
      notIn: PARTS,
      build: (p, control) =>
        // 4 are done, and 8 of the 16 that are left.
        assertThat('numbers', drained(p, control, { bounded, truncate: half })).containsInAnyOrder(...upTo(12)),
    }),
  ),
  pipelineCase({
    id: 'SDF-30/nothing',
    name: 'truncate may leave nothing, of bounded work too',
    needs: ['splittable.bounded'],
    inProcess: true,
    ends: 'DRAINED',
    notIn: PARTS,
    build: (p, control) =>
      assertThat('numbers', drained(p, control, { truncate: () => undefined })).containsInAnyOrder(...upTo(4)),
  }),
  pipelineCase({
    id: 'SDF-31',
    name: 'work that truncate leaves goes on from checkpoint to checkpoint, and everything claimed comes out',
    needs: ['splittable.unbounded'],
    inProcess: true,
    ends: 'DRAINED',
    notIn: PARTS,
    build(p, control) {
      const out = drained(p, control, { bounded: false, truncate: (_, range) => range })
      assertThat('numbers', out).containsInAnyOrder(...upTo(20))
    },
  }),
]

const callbacks: readonly ConformanceCase[] = [
  ...bounds.map(({ id, bounded, needs }) =>
    pipelineCase({
      id: `SDF-32/${id}`,
      name: `what process registers is called when the bundle is committed, before it is called again (${id})`,
      needs: [...needs, 'bundleFinalizer'],
      inProcess: true,
      notIn: { strict: 'parts are read in any order', batches: 'many bundles are committed at once' },
      build(p) {
        const seen: number[] = []
        const committed: number[] = []
        const out = numbersOf(
          p,
          'numbers',
          reader(5, {
            bounded,
            bundleFinalizer: true,
            process(_, tracker, { emit, afterCommit }) {
              const { from } = tracker.currentRestriction()
              if (!tracker.tryClaim(from)) return
              seen.push(committed.at(-1) ?? -1)
              emit(from)
              afterCommit(() => void committed.push(from))
              return resume()
            },
          }),
        )
        assertThat('numbers', out).containsInAnyOrder(...upTo(5))
        return (_, claims) => {
          claims.same(seen, [-1, 0, 1, 2, 3], 'commits that each call has seen')
          claims.same(committed, [0, 1, 2, 3, 4], 'callbacks, once each')
        }
      },
    }),
  ),
  pipelineCase({
    id: 'SDF-33',
    name: 'a callback that throws fails nothing; it is counted',
    needs: ['splittable.bounded', 'bundleFinalizer'],
    notIn: { restarts: 'callbacks of a bundle end with the process' },
    build(p) {
      const out = numbersOf(
        p,
        'numbers',
        reader(1, {
          bundleFinalizer: true,
          process(_, tracker, { emit, afterCommit }) {
            if (!tracker.tryClaim(0)) return
            emit(0)
            afterCommit(() => {
              throw new Error('gone')
            })
          },
        }),
      )
      assertThat('numbers', out).isSingleton(0)
      return ({ result }, claims) => claims.same(result.metrics.counter('finalizerFailures', 'numbers'), 1, 'failures')
    },
  }),
  pipelineCase({
    id: 'SDF-34',
    name: 'nothing is called back when its bundle fails',
    needs: ['splittable.bounded', 'bundleFinalizer'],
    inProcess: true,
    build(p) {
      let called = 0
      numbersOf(
        p,
        'numbers',
        reader(1, {
          bundleFinalizer: true,
          process(_, tracker, { emit, afterCommit }) {
            afterCommit(() => void called++)
            if (tracker.tryClaim(0)) emit(0)
          },
        }),
      ).map('breaks', (): number => {
        throw new Error('broken behind')
      })
      return (_, claims) => claims.same(called, 0, 'callbacks')
    },
    fails: { message: /broken behind/, step: 'breaks' },
  }),
  unitCase({
    id: 'SDF-35/laws',
    name: 'a source that is read in parts, cut anywhere or read again gives the same',
    async check(claims) {
      const split = (_: unknown, range: OffsetRange, parts: number): readonly OffsetRange[] => inParts(range, parts)
      const { checked } = await checkSource(reader<number>(50, { split }), 0)
      claims.same([...checked.values()], [1, 1, 20, 20], 'trials')
    },
  }),
  pipelineCase({
    id: 'SDF-35',
    name: 'a bounded source read record by record gives all its records, whether it can be split or not',
    needs: ['splittable.bounded'],
    build(p) {
      const log = upTo(50)
      const open = (mark: readonly [next: number, end: number] | undefined) => {
        const [from, end] = mark ?? [0, log.length]
        let next = from
        return {
          read: () => (next < end ? { value: log[next++] as number } : ('end' as const)),
          mark: (): readonly [number, number] => [next, end],
        }
      }
      const common = { output: typed<number>(), bounded: true, replayable: true, watermark: watermarks.none(), open }
      assertThat('whole', p.apply('whole', readFrom(common))).containsInAnyOrder(...log)
      const split = (parts: number): readonly (readonly [number, number])[] =>
        inParts({ from: 0, to: log.length }, parts).map(({ from, to }) => [from, to])
      assertThat('split', p.apply('split', readFrom({ ...common, split }))).containsInAnyOrder(...log)
    },
  }),
  pipelineCase({
    id: 'SDF-36/acknowledge',
    name: 'an unbounded source is told how far its records are committed, in order, and never further',
    needs: ['splittable.unbounded', 'bundleFinalizer'],
    inProcess: true,
    build(p) {
      const marks: number[] = []
      let read = 0
      const out = p.apply(
        'queue',
        readFrom({
          output: typed<number>(),
          bounded: false,
          replayable: false,
          watermark: watermarks.none(),
          open: () => ({
            read: () => (read < 20 ? { value: read++ } : ('end' as const)),
            mark: () => read,
          }),
          acknowledge: (mark: number) => {
            // Nothing that has not been read.
            marks.push(mark <= read ? mark : Number.NaN)
          },
        }),
      )
      assertThat('queue', out).containsInAnyOrder(...upTo(20))
      return (_, claims) => {
        claims.same(marks.at(-1), 20, 'last mark')
        claims.holds(
          marks.every((mark, i) => i === 0 || mark > (marks[i - 1] as number)),
          `marks that grow, and not ${marks.join(', ')}`,
        )
      }
    },
  }),
  pipelineCase({
    id: 'SDF-36/duplicates',
    name: 'records whose id was read before are dropped where that was asked for, and else not',
    needs: ['splittable.unbounded'],
    notIn: { restarts: 'ids are remembered by one process' },
    build(p) {
      const ids = ['a', 'b', 'a', 'c', 'b']
      const common = {
        output: typed<string>(),
        bounded: false,
        replayable: false,
        watermark: watermarks.none(),
        open: (mark: number | undefined) => {
          let next = mark ?? 0
          return {
            read: () => {
              const id = ids[next]
              if (id === undefined) return 'end' as const
              next++
              return { value: id, id }
            },
            mark: () => next,
          }
        },
      }
      assertThat('all', p.apply('all', readFrom(common))).containsInAnyOrder(...ids)
      const once = p.apply('once', readFrom({ ...common, deduplicate: '1 hour' }))
      assertThat('once', once).containsInAnyOrder('a', 'b', 'c')
    },
  }),
]

const YEAR_2001 = Date.parse('2001-01-01T00:00:00Z')

const generators: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'CRE-13',
    name: 'a sequence at a rate comes once each, stamped with when each was due, and its watermark follows',
    needs: ['splittable.unbounded'],
    build(p) {
      const rate = { elements: 2, per: '1 second' } as const
      const numbers = p.apply('numbers', generateSequence({ from: 10, to: 40, rate, start: YEAR_2001 }))
      assertThat('numbers', numbers).satisfies((_, all) =>
        expectSameInAnyOrder(
          all.map(({ value, timestamp }) => [value, timestamp]),
          upTo(30).map((i) => [i + 10, YEAR_2001 + i * 500]),
        ),
      )
      const counts = numbers
        .windowInto('per 5 s', fixedWindows('5 seconds'))
        .keyBy('k', () => 'k')
        .groupByKey('group')
        .map('size', ({ value }) => [...value].length)
      assertThat('counts', counts).inOnTimePane().containsInAnyOrder(10, 10, 10)
    },
  }),
  pipelineCase({
    id: 'CRE-13/read-time',
    name: 'a source that is read for a while only ends then, and its watermark with it',
    needs: ['splittable.unbounded'],
    build(p) {
      const numbers = p.apply(
        'ticks',
        readFrom({
          output: typed<number>(),
          bounded: false,
          replayable: false,
          watermark: watermarks.none(),
          maxReadTime: 300,
          pollEvery: 1,
          open: (mark: number | undefined) => {
            let next = mark ?? 0
            return { read: () => (next < 5 ? { value: next++ } : ('idle' as const)), mark: () => next }
          },
        }),
      )
      const groups = numbers
        .windowInto('hours', fixedWindows('1 hour'))
        .keyBy('k', () => 'k')
        .groupByKey('group')
      assertThat(
        'grouped',
        groups.map('size', ({ value }) => [...value].length),
      ).isSingleton(5)
    },
  }),
  pipelineCase({
    id: 'CRE-14',
    name: 'one element a tick, stamped with the tick, each in the window of its tick',
    needs: ['splittable.unbounded'],
    build(p) {
      const ticks = p.apply('beat', periodic({ every: '10 seconds', start: YEAR_2001, stop: YEAR_2001 + 40_000 }))
      const expected = upTo(4).map((i) => YEAR_2001 + i * 10_000)
      assertThat('ticks', ticks).satisfies((_, all) =>
        expectSameInAnyOrder(
          all.map(({ value, timestamp }) => [value, timestamp]),
          expected.map((tick) => [tick, tick]),
        ),
      )
      const windowed = ticks
        .windowInto('per tick', fixedWindows('10 seconds'))
        .keyBy('k', () => 'k')
        .groupByKey('group')
      assertThat('windows', windowed).satisfies((values, all) => {
        expectSameInAnyOrder(
          all.map(({ window }) => window.start),
          expected,
        )
        expectSame(
          values.map(({ value }) => [...value].length),
          [1, 1, 1, 1],
          'elements of each',
        )
      })
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [...draining, ...callbacks, ...generators]
