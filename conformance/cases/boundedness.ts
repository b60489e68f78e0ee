/**
 * Bounded and unbounded input: what a collection is, and that a pipeline gives the same whichever it reads.
 */
import {
  afterCount,
  afterWatermark,
  fixedWindows,
  flatten,
  globalWindows,
  type KV,
  kv,
  type PCollection,
  pipeline,
  type Pipeline,
  repeatedly,
  seededRandom,
  sessionWindows,
  slidingWindows,
  type Trigger,
  typed,
  type WindowFn,
} from 'millrace'
import { assertThat, at, type ObservedElement, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSameInAnyOrder } from './claims.js'
import { numbersFrom } from './sources.js'

type Pair = KV<string, number>

/** Window functions, with what they make of sorted times: windows as `[start, end]`, with their times. */
const windowings: readonly {
  readonly of: string
  readonly windowFn: WindowFn
  readonly windowsOf: (times: readonly number[]) => readonly (readonly [number, readonly number[]])[]
}[] = [
  { of: 'fixed', windowFn: fixedWindows(7), windowsOf: (times) => byStart(times, (n) => [n - (n % 7)]) },
  {
    of: 'sliding',
    windowFn: slidingWindows(10, { every: 4 }),
    windowsOf: (times) =>
      byStart(times, (n) => [0, 4, 8].map((back) => n - (n % 4) - back).filter((start) => start + 10 > n)),
  },
  { of: 'sessions', windowFn: sessionWindows(3), windowsOf: sessions },
  { of: 'global', windowFn: globalWindows(), windowsOf: (times) => byStart(times, () => [Number.NEGATIVE_INFINITY]) },
]

const triggers: readonly { readonly of: string; readonly trigger?: Trigger }[] = [
  { of: 'default' },
  { of: 'early-and-late', trigger: afterWatermark({ early: afterCount(2), late: afterCount(1) }) },
  { of: 'counting', trigger: repeatedly(afterCount(3)) },
]

function byStart(
  times: readonly number[],
  startsOf: (time: number) => readonly number[],
): readonly (readonly [number, readonly number[]])[] {
  const windows = new Map<number, number[]>()
  for (const time of times)
    for (const start of startsOf(time)) windows.set(start, [...(windows.get(start) ?? []), time])
  return [...windows]
}

/** Runs of times that lie less than 3 apart. */
function sessions(times: readonly number[]): readonly (readonly [number, readonly number[]])[] {
  const runs: number[][] = []
  for (const time of times) {
    const last = runs.at(-1)
    if (last !== undefined && time - (last.at(-1) ?? 0) < 3) last.push(time)
    else runs.push([time])
  }
  return runs.map((run) => [run[0] ?? 0, run] as const)
}

/** Sixty elements of three keys at times below 60. */
function sample(seed: number): readonly Pair[] {
  const random = seededRandom(seed)
  return Array.from({ length: 60 }, () => kv(`k${Math.floor(random() * 3)}`, Math.floor(random() * 60)))
}

/** A script that plays the pairs in their order, in bundles of any size, with the watermark moved anywhere. */
function scriptOf(p: Pipeline, pairs: readonly Pair[], seed: number): PCollection<Pair> {
  const random = seededRandom(seed + 1000)
  let script = testStream<Pair>()
  let watermark = 0
  for (let from = 0; from < pairs.length;) {
    const size = 1 + Math.floor(random() * 6)
    script = script.add(...pairs.slice(from, from + size).map((pair) => at(pair.value, pair)))
    from += size
    if (random() < 0.5) script = script.advanceWatermarkTo((watermark += Math.floor(random() * 10)))
  }
  return p.apply('script', script.end())
}

/** Of each key and window the pane that has most: accumulating panes only grow. What lies in a larger window was merged. */
function finalContents(
  elements: readonly ObservedElement<KV<string, readonly number[]>>[],
  of: string,
): readonly unknown[] {
  // prettier-ignore
  const contents = new Map<string, readonly [string, number, readonly number[]]>()
  const isPart = (key: string, { start, end }: { readonly start: number; readonly end: number }): boolean =>
    elements.some((other) => other.value.key === key && other.window.start <= start && end <= other.window.end && other.window.end - other.window.start > end - start) // prettier-ignore
  for (const { value, window } of elements) {
    const start = of === 'global' ? Number.NEGATIVE_INFINITY : window.start
    if (of === 'sessions' && isPart(value.key, window)) continue
    const id = JSON.stringify([value.key, window.start, window.end])
    if ((contents.get(id)?.[2].length ?? -1) >= value.value.length) continue
    contents.set(id, [value.key, start, value.value.toSorted((a, b) => a - b)])
  }
  return [...contents.values()]
}

/** The sum of numbers, whatever the input. */
const plus = { of: (n: number): number => n, monoid: { empty: 0, concat: (a: number, b: number): number => a + b } }

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  constructionCase({
    id: 'BND-01',
    name: 'a collection is unbounded when an input of its step is, through steps, groupings, flattening and views',
    check(claims) {
      const p = pipeline()
      const bounded = p.create('bounded', [1])
      const unbounded = numbersFrom(p, 'unbounded', 5)
      const through = (input: PCollection<number>, name: string): PCollection<KV<string, Iterable<number>>> =>
        input
          .map(`${name} map`, (n) => n + 1)
          .windowInto(`${name} tens`, fixedWindows(10))
          .keyBy(`${name} key`, () => 'k')
          .groupByKey(`${name} group`)
      const total = bounded.combineGlobally('total', plus).asSingleton('total view', { default: 0 })
      const all = {
        bounded: through(bounded, 'b'),
        unbounded: through(unbounded, 'u'),
        both: flatten('both', [bounded, unbounded]),
        twice: flatten('twice', [bounded, p.create('more', [2])]),
        'unbounded main': unbounded.parDo('side', { output: typed<number>(), sides: { total }, process: (n, { sides, emit }) => emit(n + sides.total) }), // prettier-ignore
      }
      const { collections } = p.build().graph.components
      const isBounded = (input: PCollection<unknown>): boolean | undefined => collections.get(input.id)?.isBounded
      claims.same(
        Object.entries(all).map(([name, input]) => [name, isBounded(input)]),
        [['bounded', true], ['unbounded', false], ['both', false], ['twice', true], ['unbounded main', false]], // prettier-ignore
        'boundedness',
      )
    },
  }),
  ...windowings.flatMap(({ of, windowFn, windowsOf }) =>
    triggers.flatMap(({ of: by, trigger }) =>
      // A stream has no answer for all of time at its end alone, and is refused.
      (of === 'global' && trigger === undefined ? (['list'] as const) : (['list', 'stream'] as const)).map((way) =>
        pipelineCase({
          id: `${way === 'list' ? 'BND-05' : 'BND-02'}/${of}-${by}`,
          name: `${of} windows with the trigger “${by}” come to the same in the end from a ${way}`,
          needs: [
            'accumulating',
            'lateness',
            ...(of === 'sessions' ? (['windows.merging'] as const) : []),
            ...(way === 'stream' ? (['testStream'] as const) : []),
            ...(trigger === undefined ? [] : (['triggers.early'] as const)),
            ...(by === 'early-and-late' ? (['triggers.late'] as const) : []),
          ],
          build(p) {
            for (const seed of [1, 2, 3]) {
              p.apply(`seed ${seed}`, (p) => {
                const pairs = sample(seed)
                const input =
                  way === 'stream'
                    ? scriptOf(p, pairs, seed)
                    : p.create('pairs', pairs, { timestamp: ({ value }) => value })
                const panes = input
                  .windowInto('windows', windowFn, {
                    ...(trigger === undefined ? {} : { trigger }),
                    accumulation: 'accumulating',
                    allowedLateness: 1000,
                  }) // prettier-ignore
                  .groupByKey('group')
                  .map('list', ({ key, value }) => kv(key, [...value] as readonly number[]))
                const keys = [...new Set(pairs.map(({ key }) => key))]
                const expected = keys.flatMap((key) => {
                  const times = pairs.filter((pair) => pair.key === key).map(({ value }) => value)
                  return windowsOf(times.sort((a, b) => a - b)).map(([start, content]) => [key, start, content])
                })
                assertThat(`seed ${seed}`, panes).satisfies((_, elements) =>
                  expectSameInAnyOrder(finalContents(elements, of), expected, 'final contents'),
                )
              })
            }
          },
        }),
      ),
    ),
  ),
  pipelineCase({
    id: 'BND-03',
    name: 'an unbounded source that is limited ends: all its windows close',
    needs: ['splittable.unbounded', 'combine'],
    build(p) {
      const numbers = numbersFrom(p, 'numbers', 25).keyBy('one', () => 'k')
      const day = numbers.windowInto('a day', fixedWindows('1 day')).countPerKey('count all')
      assertThat('all', day).containsInAnyOrder(kv('k', 25))
      const tens = numbers.windowInto('tens', fixedWindows(10)).countPerKey('count')
      assertThat('tens', tens).containsInAnyOrder(kv('k', 10), kv('k', 10), kv('k', 5))
    },
  }),
  pipelineCase({
    id: 'BND-04',
    name: 'a source gives the same elements whether it is read as bounded or as unbounded',
    needs: ['splittable.unbounded'],
    build(p) {
      for (const bounded of [true, false]) {
        const name = bounded ? 'bounded' : 'unbounded'
        const numbers = numbersFrom(p, name, 40, { bounded }).windowInto(`${name} tens`, fixedWindows(10))
        assertThat(`${name} elements`, numbers).containsInAnyOrder(...Array.from({ length: 40 }, (_, n) => n))
        assertThat(`${name} in their windows`, numbers).inWindow({ start: 30, end: 40 }).hasSize(10)
      }
    },
  }),
  pipelineCase({
    id: 'BND-06',
    name: 'an unbounded input reads a bounded side input',
    needs: ['splittable.unbounded', 'sideInputs'],
    build(p) {
      const factors = p.create('factors', [kv('even', 10), kv('odd', 100)]).asMap('factor view')
      const out = numbersFrom(p, 'numbers', 4).parDo('scale', {
        output: typed<number>(),
        sides: { factors },
        process: (n, { sides, emit }) => emit(n * (sides.factors.get(n % 2 === 0 ? 'even' : 'odd') ?? 0)),
      })
      assertThat('scaled', out).containsInAnyOrder(0, 100, 20, 300)
    },
  }),
  pipelineCase({
    id: 'BND-07',
    name: 'a bounded and an unbounded input are flattened, and grouped together',
    needs: ['splittable.unbounded', 'combine'],
    build(p) {
      const list = p.create('list', [3, 5, 13], { timestamp: (n) => n })
      const both = flatten('both', [list, numbersFrom(p, 'numbers', 12)])
      assertThat('elements', both).containsInAnyOrder(3, 5, 13, ...Array.from({ length: 12 }, (_, n) => n))
      const counts = both
        .windowInto('tens', fixedWindows(10))
        .keyBy('one', () => 'k')
        .countPerKey('count')
      assertThat('counts', counts).containsInAnyOrder(kv('k', 12), kv('k', 3))
    },
  }),
]
