/**
 * Accumulation: how the panes of a window relate to each other.
 */
import {
  afterCount,
  afterWatermark,
  type CombineFn,
  fixedWindows,
  type KV,
  kv,
  max,
  type PCollection,
  Pipeline,
  sum,
  type Trigger,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from './case.js'
import { dropped, end, expectPanes, input, pane, watermark } from './transcript.js'

const tens = fixedWindows(10)
const first = [0, 10] as const
const always: Trigger = afterWatermark({ early: afterCount(2), late: afterCount(1) })
const panesNeed = ['triggers.early', 'triggers.late', 'lateness'] as const

/** 1 and 2, then 3 and 4, each two a bundle, then the end of their window. */
const fourNumbers = (p: Pipeline): PCollection<KV<string, number>> =>
  p
    .apply('script', testStream<number>().add(at(1, 1), at(2, 2)).add(at(3, 3), at(4, 4)).advanceWatermarkTo(12).end())
    .keyBy('one key', () => 'k')

/** Sums of panes, summed over all panes of their window. */
function sumsOfSums(p: Pipeline, accumulation: 'accumulating' | 'discarding'): PCollection<number> {
  return fourNumbers(p)
    .windowInto('tens', tens, { trigger: afterWatermark({ early: afterCount(2) }), accumulation })
    .combinePerKey('sum', sum())
    .windowInto('once', { trigger: afterWatermark(), accumulation: 'discarding' })
    .combinePerKey('sum again', sum())
    .map('total', ({ value }) => value)
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  transcript({
    id: 'ACC-01',
    name: 'discarding, the panes of a window have each of its elements once',
    needs: panesNeed,
    windowFn: tens,
    options: { trigger: always, allowedLateness: 50, accumulation: 'discarding' },
    events: [
      input(1, 2),
      expectPanes(pane(first, [1, 2], 'early', 0)),
      input(3, 4),
      expectPanes(pane(first, [3, 4], 'early', 1)),
      input(5),
      watermark(12),
      expectPanes(pane(first, [5], 'onTime', 2, { ns: 0 })),
      input(6, 7),
      expectPanes(pane(first, [6, 7], 'late', 3, { ns: 1 })),
      end(),
    ],
  }),
  transcript({
    id: 'ACC-02',
    name: 'accumulating, each pane of a window has what those before it had, and the last has everything',
    needs: [...panesNeed, 'accumulating'],
    windowFn: tens,
    options: { trigger: always, allowedLateness: 50, accumulation: 'accumulating' },
    events: [
      input(1, 2),
      expectPanes(pane(first, [1, 2], 'early', 0)),
      input(3, 4),
      expectPanes(pane(first, [1, 2, 3, 4], 'early', 1)),
      input(5),
      watermark(12),
      expectPanes(pane(first, [1, 2, 3, 4, 5], 'onTime', 2, { ns: 0 })),
      input(6, 7),
      expectPanes(pane(first, [1, 2, 3, 4, 5, 6, 7], 'late', 3, { ns: 1 })),
      end(),
    ],
  }),
  transcript({
    id: 'ACC-03',
    name: 'what has accumulated is gone with its window: neither a late element nor the next window finds it',
    needs: [...panesNeed, 'accumulating'],
    windowFn: tens,
    options: { trigger: always, allowedLateness: 20, accumulation: 'accumulating' },
    events: [
      input(1, 2),
      expectPanes(pane(first, [1, 2], 'early', 0)),
      watermark(12),
      expectPanes(pane(first, [1, 2], 'onTime', 1, { ns: 0 })),
      watermark(40),
      input(3),
      dropped(1),
      input(41, 42),
      expectPanes(pane([40, 50], [41, 42], 'early', 0)),
      end(),
      expectPanes(pane([40, 50], [41, 42], 'onTime', 1, { ns: 0, last: true })),
    ],
  }),
  pipelineCase({
    id: 'ACC-03/combine',
    name: 'an accumulating combine keeps its accumulator: no element is added twice',
    needs: ['testStream', 'combine', 'accumulating', 'triggers.early'],
    inProcess: true,
    build(p) {
      const added: number[] = []
      const noting: CombineFn<number, number, number> = {
        createAccumulator: () => 0,
        addInput(total, value) {
          added.push(value)
          return total + value
        },
        mergeAccumulators: (a, b) => a + b,
        extractOutput: (total) => total,
      }
      const sums = fourNumbers(p)
        .windowInto('tens', tens, {
          trigger: afterWatermark({ early: afterCount(2) }),
          accumulation: 'accumulating',
        })
        .combinePerKey('sum', noting)
      assertThat('sums', sums).inOnTimePane().containsInAnyOrder(kv('k', 10))
      return (_, claims) => claims.sameInAnyOrder(added, [1, 2, 3, 4], 'values added')
    },
  }),
  pipelineCase({
    id: 'ACC-04',
    name: 'a sum of accumulating panes counts an element as often as its window has answered',
    needs: ['testStream', 'combine', 'accumulating', 'triggers.early'],
    notIn: { strict: 'how many panes there are is a matter of bundles' },
    // Panes of 3, 10 and, on time, 10 again.
    build: (p) => assertThat('total', sumsOfSums(p, 'accumulating')).containsInAnyOrder(23),
  }),
  pipelineCase({
    id: 'ACC-04/discarding',
    name: 'a sum of discarding panes counts it once',
    needs: ['testStream', 'combine', 'triggers.early'],
    build: (p) => assertThat('total', sumsOfSums(p, 'discarding')).containsInAnyOrder(10),
  }),
  constructionCase({
    id: 'ACC-04/warning',
    name: 'the author is warned of that, and not where nothing is counted twice',
    check(claims) {
      const warnings = (build: (p: Pipeline) => unknown): readonly string[] => {
        const p = new Pipeline()
        build(p)
        return p.build().warnings
      }
      const twice = warnings((p) =>
        fourNumbers(p)
          .windowInto('tens', tens, { trigger: always, allowedLateness: 5, accumulation: 'accumulating' })
          .combinePerKey('sum', sum())
          .combinePerKey('sum again', sum()),
      )
      claims.same(twice.length, 1, 'warnings')
      claims.holds(
        /step "sum again" combines the panes of "sum".*counted as often as their window answers/.test(twice[0] ?? ''),
        `a warning that names both steps, got ${twice[0]}`,
      )
      claims.same(
        warnings((p) => sumsOfSums(p, 'discarding')),
        [],
        'warnings of discarding panes',
      )
      claims.same(
        warnings((p) =>
          fourNumbers(p)
            .windowInto('tens', tens, { trigger: always, allowedLateness: 5, accumulation: 'accumulating' })
            .combinePerKey('largest', max())
            .combinePerKey('largest of all', max()),
        ),
        [],
        'warnings of what is no worse for being repeated',
      )
      claims.same(
        warnings((p) =>
          fourNumbers(p)
            .windowInto('tens', tens, { trigger: afterWatermark(), accumulation: 'accumulating' })
            .combinePerKey('sum', sum())
            .combinePerKey('sum again', sum()),
        ),
        [],
        'warnings of windows that answer once',
      )
    },
  }),
]
