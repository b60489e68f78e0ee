import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import {
  coGroupByKey,
  count,
  definePipeline,
  empty,
  fixedWindows,
  flatten,
  kv,
  type PCollection,
  pipeline,
  PipelineError,
  secret,
  sessionWindows,
  slidingWindows,
  source,
  sum,
  typed,
  watermarks,
  OffsetRangeTracker,
} from 'millrace'
import { leafTransforms } from './model.js'
import { validateGraph } from './validate.js'

const unbounded = source({
  output: typed<{ key: string; value: number }>(),
  bounded: false,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to: 1 }),
  restrictionCodec: typed<{ from: number; to: number }>(),
  tracker: (range) => new OffsetRangeTracker(range),
  process: () => undefined,
})

/** The message of a construction error, which must name this file. */
function messageOf(build: () => unknown): string {
  try {
    build()
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError)
    const { source: where, message } = error as PipelineError
    if (where !== undefined) expect(where.text).toMatch(/builder\.test\.ts:\d+:\d+$/)
    return message
  }
  throw new Error('nothing was refused')
}

describe('names', () => {
  it('a name given twice in one scope is refused at the second line, naming the first', () => {
    const p = pipeline()
    p.create('numbers', [1]).map('double', (n) => n * 2)
    const message = messageOf(() => p.create('more', [1]).map('double', (n) => n * 2))
    expect(message).toMatch(
      /there are two steps named "double" \(first at .*builder\.test\.ts:\d+:\d+\)[^]*at .*builder\.test\.ts:\d+:\d+/,
    )
  })

  it('what is collected or printed may be named after the step that makes it', () => {
    const p = pipeline()
    p.create('numbers', [1])
      .map('double', (n) => n * 2)
      .collect('double')
      .print('double')
    expect([...p.build().graph.components.transforms.keys()]).toEqual(
      expect.arrayContaining(['double', 'collect double', 'print double']),
    )
    const message = messageOf(() => p.create('more', [1]).collect('double'))
    expect(message).toMatch(/there are two steps named "collect double"/)
  })

  it('scopes keep equal names apart', () => {
    const p = pipeline()
    const twice = (input: PCollection<number>) => input.map('double', (n) => n * 2)
    const numbers = p.create('numbers', [1])
    numbers.apply('first', twice)
    numbers.apply('second', (input) => input.apply('inner', twice))
    expect([...p.build().graph.components.transforms.keys()]).toEqual([
      'numbers',
      'numbers/$impulse',
      'numbers/$read',
      'first',
      'first/double',
      'second',
      'second/inner',
      'second/inner/double',
    ])
  })

  it('names must be text without slash, not empty, not reserved', () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1])
    expect(messageOf(() => numbers.map('', (n) => n))).toMatch(/must not be empty/)
    expect(messageOf(() => numbers.map('a/b', (n) => n))).toMatch(/contains "\/", which joins scopes to names/)
    expect(messageOf(() => numbers.map('$group', (n) => n))).toMatch(/begins with "\$", which is reserved/)
    expect(messageOf(() => numbers.map(((n: number) => n) as never, undefined as never))).toMatch(/name/)
    expect(messageOf(() => numbers.map('no function', 5 as never))).toMatch(
      /map of step "no function" must be a function, but is number/,
    )
    expect(messageOf(() => numbers.apply('no transform', 5 as never))).toMatch(/apply "no transform" needs a function/)
  })
})

describe('construction', () => {
  it('groupings that could never answer are refused, with the fix named', () => {
    const p = pipeline()
    const events = p.apply('events', unbounded)
    for (const build of [
      () => events.groupByKey('a'),
      () => events.combinePerKey('b', sum()),
      () => events.combineGlobally('c', count()),
      () => coGroupByKey('d', { events }),
    ]) {
      expect(messageOf(build)).toMatch(
        /groups an unbounded collection in the global window.*Put windowInto\(name, fixedWindows/,
      )
    }
    expect(() => events.windowInto('w', fixedWindows(5)).groupByKey('fine')).not.toThrow()
    expect(() => p.create('bounded', [kv('a', 1)]).groupByKey('fine too')).not.toThrow()
    const mixed = flatten('mixed', [events, p.create('more', [kv('a', 1)])])
    expect(messageOf(() => mixed.groupByKey('unbounded too'))).toMatch(/unbounded/)
  })

  it('dead letters of an unbounded step are unbounded, also where they were declared before', () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('text', String))
    p.apply('events', unbounded).map('step', (e) => e, { onError: bad })
    expect(p.build().graph.components.collections.get('bad/text.out')?.isBounded).toBe(false)
  })

  it('collections with different windows are not joined or united', () => {
    const p = pipeline()
    const fixed = p.create('a', [kv('x', 1)]).windowInto('tens', fixedWindows(10))
    const sliding = p.create('b', [kv('x', 1)]).windowInto('sliding', slidingWindows(10, { every: 5 }))
    expect(messageOf(() => flatten('both', [fixed, sliding]))).toMatch(
      /different windows: fixed windows of 10 ms in "tens", sliding windows of 10 ms every 5 ms in "sliding"/,
    )
    expect(messageOf(() => coGroupByKey('join', { fixed, sliding }))).toMatch(
      /step "join" takes collections with different windows/,
    )
  })

  it('collections that are not joined are named by the author’s steps that make them', () => {
    const p = pipeline()
    const counted = p.create('a', [1]).countPerElement('count')
    const read = p.create('b', [kv(1, 2)]).windowInto('tens', fixedWindows(10))
    expect(messageOf(() => coGroupByKey('join', { counted, read }))).toMatch(
      /in the global window|global windows? in "count", fixed windows of 10 ms in "tens"/,
    )
    expect(messageOf(() => flatten('both', [p.create('c', [kv(1, 2)]), read]))).toMatch(/ in "c", .* in "tens"\./)
  })

  it('a union of no collections is refused', () => {
    const none: readonly PCollection<number>[] = []
    expect(messageOf(() => flatten('all', none))).toMatch(
      /^flatten "all" needs at least one collection; use empty\(codec\) for none\.\n {2}at /,
    )
  })

  it('collections of two pipelines do not mix', () => {
    const numbers = pipeline().create('numbers', [1])
    const other = pipeline().create('numbers', [1])
    expect(messageOf(() => flatten('both', [numbers, other]))).toMatch(/different pipelines/)
  })

  it('bad parameters are refused by name', () => {
    const p = pipeline()
    const numbers = p.create('numbers', [1])
    expect(messageOf(() => fixedWindows(0))).toMatch(/size of fixed windows must be at least 1 millisecond/)
    expect(messageOf(() => fixedWindows('1 fortnight' as never))).toMatch(
      /size of fixed windows "1 fortnight" is not a duration/,
    )
    expect(messageOf(() => fixedWindows(-5))).toMatch(/must be a finite, non-negative duration/)
    expect(messageOf(() => sessionWindows(0))).toMatch(/gap of session windows/)
    expect(messageOf(() => slidingWindows(5, { every: 0 }))).toMatch(/period of sliding windows/)
    expect(messageOf(() => numbers.partition('parts', 0, () => 0))).toMatch(
      /partition count of step "parts" must be a whole number from 1/,
    )
    expect(messageOf(() => numbers.windowInto('w', undefined as never))).toMatch(/needs a WindowFn/)
    expect(messageOf(() => numbers.windowInto('w2', fixedWindows(5), { accumulation: 'repeating' as never }))).toMatch(
      /option accumulation of windowInto "w2" is "repeating"; it must be one of discarding, accumulating/,
    )
    expect(messageOf(() => numbers.combineGlobally('c', {} as never))).toMatch(
      /combines with something that is no combiner/,
    )
    expect(messageOf(() => p.create('x', 5 as never))).toMatch(/create "x" needs an array/)
    expect(messageOf(() => numbers.print('p', { limit: -1 }))).toMatch(/print "p" has limit -1/)
    const windowed = numbers.windowInto('tens', fixedWindows(10))
    expect(messageOf(() => windowed.combineGlobally('d', sum(), { whenEmpty: { emit: 0 } }))).toMatch(
      /have no list of windows to be empty/,
    )
  })

  it('create refuses timestamps that are none', () => {
    expect(() => pipeline().create('x', [1], { timestamp: () => Number.NaN })).toThrow(/NaN is not a timestamp/)
    expect(() => pipeline().create('x', [1], { timestamp: () => 2 ** 53 })).toThrow(/outside/)
  })
})

describe('the graph', () => {
  it('mirrors the pipeline: leaves in topological order, handlers after the steps that feed them', () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.print('show'))
    p.create('lines', ['1'])
      .map('parse', Number, { onError: bad })
      .keyBy('key', (n) => n)
      .combinePerKey('sum', sum())
      .print('out')
    p.apply('nothing', empty(t.string)).asList('view')
    const { graph } = p.build()
    expect(() => validateGraph(graph)).not.toThrow()
    const order = leafTransforms(graph).map(([id]) => id)
    expect(order.indexOf('bad/$letters')).toBeGreaterThan(order.indexOf('parse'))
    expect(order.indexOf('bad/print show')).toBeGreaterThan(order.indexOf('bad/$letters'))
    expect(graph.components.transforms.get('parse')?.source?.file).toMatch(/builder\.test\.ts$/)
  })

  it('is the same for the same program', () => {
    const build = () => {
      const p = pipeline()
      p.create('a', [1])
        .windowInto('w', fixedWindows(5))
        .keyBy('k', (n) => n)
        .combinePerKey('sum', sum())
        .map('x', (e) => e, { codec: t.unknown })
      return JSON.stringify([
        ...p.build().graph.components.transforms.keys(),
        ...p.build().graph.components.coders.keys(),
      ])
    }
    expect(build()).toBe(build())
  })

  it('equal windowing strategies are one', () => {
    const p = pipeline()
    const a = p.create('a', [1]).windowInto('w', fixedWindows('10 seconds'))
    const b = p.create('b', [1]).windowInto('v', fixedWindows(10_000))
    const { collections } = p.build().graph.components
    expect(collections.get(a.id)?.windowingStrategyId).toBe(collections.get(b.id)?.windowingStrategyId)
  })

  it('damage is found and named', () => {
    const p = pipeline()
    p.create('a', [1]).map('x', (n) => n)
    const { graph } = p.build()
    const broken = (
      change: (components: {
        collections: Map<string, never>
        coders: Map<string, never>
        transforms: Map<string, never>
      }) => void,
    ) => {
      const components = {
        ...graph.components,
        collections: new Map(graph.components.collections),
        coders: new Map(graph.components.coders),
        transforms: new Map(graph.components.transforms),
      }
      change(components as never)
      return messageOf(() => validateGraph({ ...graph, components }))
    }
    expect(broken(({ collections }) => collections.delete('x.out'))).toMatch(
      /"out" of step "x" is collection "x\.out", which does not exist/,
    )
    expect(broken(({ coders }) => coders.clear())).toMatch(
      /has coder "dynamic", which does not exist|which does not exist/,
    )
    expect(messageOf(() => validateGraph({ ...graph, rootTransformIds: ['x', 'a'] }))).toMatch(
      /reads "a\/\$read\.out" before any step makes it/,
    )
  })
})

describe('options', () => {
  const pipelineWith = definePipeline({
    name: 'demo',
    options: t.intersection([t.type({ input: t.string, limit: t.number }), t.partial({ token: secret })]),
    build: (p, { input }) => void p.create('in', [input]),
  })

  it('are checked, frozen, and named when wrong', () => {
    const built = pipelineWith.build({ input: 'x', limit: 3, token: 'hush' })
    expect(Object.isFrozen(built.options)).toBe(true)
    expect(JSON.stringify(built.options)).toBe('{"input":"x","limit":3,"token":"***"}')
    expect(messageOf(() => pipelineWith.build({ input: 'x' }))).toMatch(/needs option "limit" \(number\)/)
    expect(messageOf(() => pipelineWith.build({ input: 'x', limt: 3, limit: 3 }))).toMatch(
      /has no option "limt"\. Did you mean "limit"\?/,
    )
    expect(messageOf(() => pipelineWith.build({ input: 5, limit: 3 }))).toMatch(/at .*input expected string, got 5/)
  })

  it('never show a secret, also not in the message that refuses it', () => {
    expect(messageOf(() => pipelineWith.build({ input: 'x', limit: 3, token: 12345 }))).not.toMatch(/12345/)
    const built = pipelineWith.build({ input: 'x', limit: 3, token: 'hush' })
    expect(`${String(built.options['token'])}`).toBe('***')
  })

  it('may not take names of the runner', () => {
    expect(
      messageOf(() => definePipeline({ name: 'x', options: t.type({ runner: t.string }), build: () => undefined })),
    ).toMatch(/an option "runner", a name that belongs to the runner/)
  })
})
