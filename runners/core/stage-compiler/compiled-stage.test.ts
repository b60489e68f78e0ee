import { expect, it } from 'vitest'
import { kv, OffsetRangeTracker, type Pipeline, pipeline, source, sum, typed, watermarks } from 'millrace'
import { testStream } from 'millrace/testing'
import { fuse } from '../fusion.js'
import { entriesOf } from './compiled-stage.js'

const reader = source({
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to: 1 }),
  restrictionCodec: typed<{ readonly from: number; readonly to: number }>(),
  tracker: (range) => new OffsetRangeTracker(range),
  process: () => undefined,
})

/** The ways into each stage of a pipeline, by the kind of its root. */
function entries(build: (p: Pipeline) => unknown): readonly string[] {
  const p = pipeline()
  build(p)
  return fuse(p.build()).stages.map(({ root }) => `${root.kind}: ${entriesOf(root).join(', ')}`)
}

it.each<[string, (p: Pipeline) => unknown, readonly string[]]>([
  ['an array is read by position', (p) => p.create('n', [1]), ['impulse: push', 'splittable: runIndexed']],
  [
    'a source that emits is run in batches of one window',
    (p) => p.apply('n', reader),
    ['impulse: push', 'splittable: runStamped, runUniform'],
  ],
  ['scripted elements come one by one', (p) => p.apply('s', testStream<number>().end()), ['testStream: push']],
  [
    'panes come one by one',
    (p) => p.create('n', [kv('a', 1)]).combinePerKey('sum', sum()),
    ['impulse: push', 'splittable: runIndexed', 'grouping: push'],
  ],
  [
    'stored elements are run in batches with all their columns',
    (p) => p.create('n', [1]).reshuffle('shuffle'),
    ['impulse: push', 'splittable: runIndexed', 'edge: run'],
  ],
  [
    'so are those of a step that must begin a stage',
    (p) =>
      p
        .create('n', [1])
        .parDo('reads', { sides: { view: p.create('m', [1]).asList('view') }, process: () => undefined }),
    ['impulse: push', 'splittable: runIndexed', 'impulse: push', 'splittable: runIndexed', 'parDo: run'],
  ],
])('%s', (_, build, expected) => {
  expect(entries(build)).toEqual(expected)
})
