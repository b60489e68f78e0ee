/**
 * What engines are told of a pipeline, where it is not what the author said.
 */
import {
  afterCount,
  calendarWindows,
  fixedWindows,
  offsetRangeCodec,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  pipeline,
  repeatedly,
  sessionWindows,
  splittableParDo,
  typed,
  watermarks,
} from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { readLines } from 'millrace/io/text'
import { describe, expect, it } from 'vitest'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { ENGINE_NEEDS } from './engine-features.js'
import { forEngine, refuseMergingStreams } from './for-engine.js'
import { isStream, jobOptionsOf } from './job-options.js'

const letters = splittableParDo({
  output: typed<string>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: (word: string) => ({ from: 0, to: word.length }),
  restrictionCodec: offsetRangeCodec,
  tracker: (range) => new OffsetRangeTracker(range),
  process(word: string, tracker: OffsetRangeTracker, { emit }) {
    for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(word[i] ?? '')
  },
})

function builtOf(build: (p: Pipeline) => void): BuiltPipeline {
  const p = pipeline()
  build(p)
  return p.build()
}

function thrownBy(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}

describe('splittable steps', () => {
  it('have inputs and coders of their own, since Flink confuses two that share them', () => {
    const built = builtOf((p) => {
      const words = p.create('words', ['to', 'be'])
      words.apply('letters', letters)
      words.apply('letters again', letters)
      p.apply('lines', readLines('*.txt'))
      p.apply('numbers', generateSequence({ to: 3 }))
    })
    const { transforms, collections, coders } = forEngine(built).graph.components
    const inputs = [...transforms.values()].flatMap(({ spec, inputs: of }) =>
      spec?.urn === urns.PAR_DO && spec.payload.restrictionCoderId !== '' ? [of.get('in') as string] : [],
    )
    expect(inputs.length).toBeGreaterThan(3)
    expect(new Set(inputs).size).toBe(inputs.length)
    const coderIds = inputs.map((id) => collections.get(id)?.coderId ?? '')
    expect(new Set(coderIds).size).toBe(inputs.length)
    expect(coderIds.filter((id) => coders.get(id) === undefined)).toEqual([])
  })
})

describe('windows that merge', () => {
  const inSessions = (numbers: PCollection<number>): void =>
    void numbers
      .windowInto('sessions', sessionWindows(10))
      .keyBy('all', () => 'all')
      .groupByKey('group')
  const ofStream = builtOf((p) =>
    inSessions(p.apply('numbers', generateSequence({ rate: { elements: 1, per: '1 second' } }))),
  )

  it('are refused by name in a stream on Prism, which closes sessions that go on', () => {
    const refused = { name: 'UnsupportedFeature', code: 'MR-6001', feature: 'windows.merging' }
    expect(thrownBy(() => refuseMergingStreams(ofStream, 'prism'))).toMatchObject(refused)
    expect(() => refuseMergingStreams(ofStream, 'prism')).toThrow(
      /does not support windows\.merging in a stream \(step "group"\)/,
    )
  })

  it('go on where input ends, where nothing merges, and on Flink', () => {
    const fixed = builtOf(
      (p) =>
        void p
          .apply('numbers', generateSequence({ rate: { elements: 1, per: '1 second' } }))
          .windowInto('tens', fixedWindows(10))
          .keyBy('all', () => 'all')
          .groupByKey('group'),
    )
    const bounded = builtOf((p) => inSessions(p.create('numbers', [1, 2])))
    for (const built of [fixed, bounded]) expect(() => refuseMergingStreams(built, 'prism')).not.toThrow()
    expect(() => refuseMergingStreams(ofStream, 'flink')).not.toThrow()
  })
})

describe('options of a job', () => {
  const numbers = (p: Pipeline) => p.create('numbers', [1, 2])
  const bounded = builtOf((p) => void numbers(p).windowInto('days', calendarWindows({ unit: 'day' })))
  const unbounded = builtOf(
    (p) => void p.apply('numbers', generateSequence({ rate: { elements: 1, per: '1 second' } })),
  )
  const flink = ENGINE_NEEDS.flink

  it('are those of streams where a source has no end, or what is asked for only streams have', () => {
    const early = builtOf(
      (p) =>
        void numbers(p)
          .windowInto('tens', fixedWindows(10), { trigger: repeatedly(afterCount(1)) })
          .keyBy('all', () => 'all')
          .groupByKey('group'),
    )
    expect([bounded, unbounded, early].map(isStream)).toEqual([false, true, true])
    expect(jobOptionsOf(bounded, flink, { checkpointUrl: undefined })).toEqual({ parallelism: '1' })
    // A batch that is to be a stream gets what streams need.
    for (const streaming of [true, 'true'])
      expect(jobOptionsOf(bounded, flink, { engineOptions: { streaming }, checkpointUrl: undefined })).toMatchObject({
        streaming,
        max_bundle_time_mills: '20',
      })
    expect(jobOptionsOf(bounded, flink, { engineOptions: { streaming: false }, checkpointUrl: undefined })).toEqual({
      parallelism: '1',
      streaming: false,
    })
    expect(jobOptionsOf(unbounded, flink, { checkpointUrl: undefined })).toMatchObject({
      streaming: true,
      max_bundle_time_mills: '20',
      finish_bundle_before_checkpointing: true,
    })
  })

  it('cut the keys of a stream whose sources are read on and on into as few parts as there may be', () => {
    const given = { checkpointUrl: undefined }
    expect(jobOptionsOf(unbounded, flink, given)).toMatchObject({ max_parallelism: '1' })
    expect(jobOptionsOf(unbounded, flink, { ...given, engineOptions: { parallelism: 4 } })).toMatchObject({ max_parallelism: '4' }) // prettier-ignore
    expect(jobOptionsOf(unbounded, flink, { ...given, engineOptions: { max_parallelism: 64 } })).toMatchObject({ max_parallelism: '64' }) // prettier-ignore
    expect(jobOptionsOf(bounded, flink, given)).not.toHaveProperty('max_parallelism')
    expect(jobOptionsOf(unbounded, ENGINE_NEEDS.prism, given)).not.toHaveProperty('max_parallelism')
  })

  it('say where checkpoints are kept, and that a job whose sources end does not wait for more', () => {
    const checkpointUrl = 'file:///kept'
    const options = jobOptionsOf(bounded, flink, { checkpointUrl })
    expect(options).toMatchObject({ state_backend_storage_path: checkpointUrl, shutdown_sources_after_idle_ms: '0' })
    expect(jobOptionsOf(unbounded, flink, { checkpointUrl })).not.toHaveProperty('shutdown_sources_after_idle_ms')
  })

  it('are the author’s, where the author gives them; numbers travel as text', () => {
    const engineOptions = { parallelism: 2, streaming: false, experiments: ['a', 'b'] }
    expect(jobOptionsOf(unbounded, flink, { engineOptions, checkpointUrl: undefined })).toMatchObject({
      parallelism: '2',
      streaming: false,
      experiments: ['a', 'b'],
    })
  })
})
