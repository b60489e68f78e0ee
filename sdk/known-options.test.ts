import { expect, it } from 'vitest'
import {
  approximateDistinct,
  combineFields,
  count,
  fixedWindows,
  groupByFields,
  joinAsOf,
  joinByFields,
  joinTables,
  joinWithin,
  kv,
  OffsetRangeTracker,
  pipeline,
  quantiles,
  readFrom,
  sample,
  samplePerKey,
  slidingWindows,
  source,
  splittableParDo,
  sum,
  toMap,
  top,
  typed,
  unionWith,
  waitOn,
  watermarks,
  withHotKeyFanout,
} from 'millrace'
import { generateSequence, periodic, replay } from 'millrace/io/generate'
import { readLines, writeLines } from 'millrace/io/text'
import { assertThat, doFnTester, redeliveringSource, simulate } from 'millrace/testing'

const numbers = () => pipeline().create('numbers', [1])
const pairs = () => pipeline().create('pairs', [kv('a', 1)])
const sides = () => {
  const left = pairs()
  return { left, right: left }
}
const reader = {
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  open: () => ({ read: () => 'end' as const, mark: () => 0 }),
}
const splittable = {
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to: 1 }),
  restrictionCodec: typed<{ from: number; to: number }>(),
  tracker: (range: { from: number; to: number }) => new OffsetRangeTracker(range),
  process: () => undefined,
}
const same = { process: () => undefined }

it.each<[string, () => unknown, string]>([
  ['map', () => numbers().map('m', (n) => n, { onerror: 1 } as never), 'step "m". Did you mean "onError"?'],
  ['flatMap', () => numbers().flatMap('m', (n) => [n], { codecs: 1 } as never), 'step "m". Did you mean "codec"?'],
  ['filter', () => numbers().filter('f', () => true, { retries: 1 } as never), 'step "f". It has: onError, retry'],
  ['keyBy', () => numbers().keyBy('k', (n) => n, { ordred: true } as never), 'step "k". Did you mean "ordered"?'],
  ['partition', () => numbers().partition('p', 2, () => 0, { codec: 1 } as never), 'step "p". It has:'],
  ['withTimestamps', () => numbers().withTimestamps('t', (n) => n, { skew: 1 } as never), 'step "t". It has:'],
  [
    'parDo',
    () => numbers().parDo('d', { output: typed<number>(), process: () => undefined, ontimer: {} } as never),
    'the DoFn of step "d". Did you mean "onTimer"?',
  ],
  [
    'windowInto',
    () => numbers().windowInto('w', fixedWindows(1), { lateness: 1 } as never),
    'windowInto "w". It has: trigger,',
  ],
  ['fixedWindows', () => fixedWindows(1, { ofset: 1 } as never), 'fixedWindows. Did you mean "offset"?'],
  ['slidingWindows', () => slidingWindows(2, { period: 1 } as never), 'slidingWindows. It has: every, offset.'],
  [
    'generateSequence',
    () => generateSequence({ to: 1, every: 1 } as never),
    'generateSequence. It has: from, to, rate',
  ],
  ['periodic', () => periodic({ every: 1, end: 5 } as never), 'periodic. It has: every, start, stop.'],
  ['replay', () => replay([1], { timestamps: () => 1 } as never), 'replay. Did you mean "timestamp"?'],
  ['readLines', () => pipeline().apply('r', readLines('x', { gzip: true } as never)), 'readLines. It has: emptyMatch'],
  [
    'writeLines',
    () => numbers().apply('w', writeLines('x', { shard: 2 } as never)),
    'writeLines. Did you mean "shards"?',
  ],
  ['top', () => top(2, { kepe: 'smallest' } as never), 'top. Did you mean "keep"?'],
  ['quantiles', () => quantiles(3, { eror: 0.1 } as never), 'quantiles. Did you mean "error"?'],
  [
    'approximateDistinct',
    () => approximateDistinct({ eror: 0.1 } as never),
    'approximateDistinct. Did you mean "error"?',
  ],
  ['toMap', () => toMap({ merg: 1 } as never), 'toMap. Did you mean "merge"?'],
  ['unionWith', () => numbers().apply('u', unionWith(numbers(), { kepe: 'all' } as never)), 'Did you mean "keep"?'],
  [
    'groupByFields',
    () => groupByFields(['user'], { total: { feild: 'cents', combiner: sum() } } as never),
    'aggregate "total" of groupByFields. Did you mean "field"?',
  ],
  ['joinByFields', () => joinByFields(numbers() as never, { on: ['a'], knd: 'left' } as never), 'Did you mean "kind"?'],
  ['joinTables', () => joinTables('j', sides(), { knd: 'left' } as never), 'joinTables "j". Did you mean "kind"?'],
  [
    'joinAsOf',
    () => {
      const { left } = sides()
      return joinAsOf('j', { stream: left, table: left }, { kepe: 1 } as never)
    },
    'joinAsOf "j". Did you mean "keep"?',
  ],
  [
    'joinWithin',
    () => joinWithin('j', sides(), { within: 1, knd: 'left' } as never),
    'joinWithin "j". Did you mean "kind"?',
  ],
  [
    'within of joinWithin',
    () => joinWithin('j', sides(), { within: { before: 1, aftr: 2 } } as never),
    'within of joinWithin "j". Did you mean "after"?',
  ],
  ['readFrom', () => readFrom({ ...reader, maxRecord: 1 } as never), 'readFrom. Did you mean "maxRecords"?'],
  [
    'source',
    () => pipeline().apply('s', source({ ...splittable, spilt: 1 } as never)),
    'the splittable DoFn of step "s/$read". Did you mean "split"?',
  ],
  [
    'splittableParDo',
    () => numbers().apply('s', splittableParDo({ ...splittable, sizes: 1 } as never)),
    'the splittable DoFn of step "s/$read". Did you mean "sides"?',
  ],
  ['create', () => pipeline().create('c', [1], { timestmp: 1 } as never), 'create "c". Did you mean "timestamp"?'],
  ['errors', () => pipeline().errors('e', () => 1, { maxDeadLetter: 1 } as never), 'Did you mean "maxDeadLetters"?'],
  ['print', () => numbers().print('p', { limt: 1 } as never), 'print "p". Did you mean "limit"?'],
  [
    'combineGlobally',
    () => numbers().combineGlobally('c', sum(), { whenEmty: 'nothing' } as never),
    'combineGlobally "c". Did you mean "whenEmpty"?',
  ],
  [
    'asSingleton',
    () => numbers().asSingleton('v', { defalt: 1 } as never),
    'the singleton view "v". Did you mean "default"?',
  ],
  [
    'asIterable',
    () => numbers().asIterable('v', { default: 1 } as never),
    'the iterable view "v". It has: windowMapping',
  ],
  ['asMap', () => pairs().asMap('v', { windowMaping: 1 } as never), 'the map view "v". Did you mean "windowMapping"?'],
  ['doFnTester', () => doFnTester(same, { sed: 1 } as never), 'doFnTester. Did you mean "seed"?'],
  ['redeliveringSource', () => redeliveringSource([], { redeliver: 1 } as never), 'It has: redeliverAfter'],
  ['assertThat', () => assertThat('a', numbers(), { tolerence: 1 } as never), 'Did you mean "tolerance"?'],
])('an option that %s does not have is refused with the nearest name, at the author’s line', (_, build, message) => {
  expect(build).toThrow(`there is no option`)
  expect(build).toThrow(message)
  expect(build).toThrow('known-options.test.ts')
})

it('a DoFn that is an instance of a class may have fields of its own', () => {
  class Doubler {
    readonly factor = 2
    readonly output = typed<number>()
    process(n: number, { emit }: { readonly emit: (n: number) => void }): void {
      emit(n * this.factor)
    }
  }
  expect(() => numbers().parDo('double', new Doubler())).not.toThrow()
})

it('simulate and an element of doFnTester refuse an option that they do not have', async () => {
  await expect(simulate(pipeline(), { sed: 1 } as never)).rejects.toThrow('of simulate. Did you mean "seeds"?')
  await expect(doFnTester(same).process(1, { timestmp: 1 } as never)).rejects.toThrow(
    'an element of doFnTester. Did you mean "timestamp"?',
  )
})

it.each<[string, () => unknown, string]>([
  ['sample', () => (sample as (...all: unknown[]) => unknown)(2, { seed: 1 }), 'sample has no options'],
  [
    'samplePerKey',
    () => (samplePerKey as (...all: unknown[]) => unknown)(2, { seed: 1 }),
    'samplePerKey has no options',
  ],
  [
    'withHotKeyFanout',
    () => (withHotKeyFanout as (...all: unknown[]) => unknown)(sum(), 2, { parts: 1 }),
    'withHotKeyFanout has no options',
  ],
  [
    'combineFields',
    () => (combineFields as (...all: unknown[]) => unknown)({ n: count() }, { codec: 1 }),
    'combineFields has no options',
  ],
  ['waitOn', () => numbers().apply('w', waitOn({ until: 1 } as never)), 'is not a collection of this pipeline'],
  ['print', () => numbers().print('p', 5 as never), 'the options of print "p" are an object, but it got 5.'],
])('%s does not pass over what it has no use for', (_, build, message) => {
  expect(build).toThrow(message)
  expect(build).toThrow('known-options.test.ts')
})

it.each<[string, () => unknown, string]>([
  ['top', () => top(2, { keep: 'biggest' } as never), `keep of top must be 'largest' or 'smallest', but is "biggest".`],
  [
    'combineGlobally',
    () => numbers().combineGlobally('c', sum(), { whenEmpty: 'nothng' } as never),
    `whenEmpty of combineGlobally "c" must be 'nothing' or { emit: value }, but is "nothng".`,
  ],
])('%s refuses a value that its option does not have', (_, build, message) => {
  expect(build).toThrow(message)
  expect(build).toThrow('known-options.test.ts')
})
