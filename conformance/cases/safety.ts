/**
 * Safety: what construction refuses because it could never answer, would lose data, or has no meaning. Each refusal names the
 * step that the author wrote.
 *
 * Not here: SAF-16. That a runner refuses what it lacks is asked of every case that declares needs, by the harness.
 */
import * as t from 'io-ts'
import {
  afterAll,
  afterCount,
  afterEach,
  afterFirst,
  afterProcessingTime,
  afterWatermark,
  coGroupByKey,
  count,
  distinctBy,
  exceptFor,
  fixedWindows,
  flatten,
  groupByFields,
  innerJoin,
  intersectWith,
  joinByFields,
  type KV,
  kv,
  latest,
  latestPerKey,
  never,
  OffsetRangeTracker,
  offsetRangeCodec,
  orFinally,
  type PCollection,
  type Pipeline,
  pipeline,
  repeatedly,
  retracting,
  samplePerKey,
  sessionWindows,
  splittableParDo,
  state,
  sum,
  timer,
  type Trigger,
  unionWith,
  watermarks,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import type { Claims } from './claims.js'

type Pairs = PCollection<KV<string, number>>

const tens = fixedWindows(10)

/** Pairs of an unbounded input that nobody has windowed. */
const unbounded = (p: Pipeline = pipeline()): Pairs =>
  p.apply(
    'script',
    testStream<KV<string, number>>()
      .add(at(1, kv('k', 1)))
      .end(),
  )

const bounded = (p: Pipeline = pipeline()): Pairs => p.create('pairs', [kv('k', 1)])

/** Everything with a grouping inside, under the name `step`. */
const groupings: ReadonlyMap<string, (input: Pairs) => unknown> = new Map<string, (input: Pairs) => unknown>([
  ['groupByKey', (input) => input.groupByKey('step')],
  ['combinePerKey', (input) => input.combinePerKey('step', sum())],
  ['countPerKey', (input) => input.countPerKey('step')],
  ['combineGlobally', (input) => input.values('values').combineGlobally('step', sum(), { whenEmpty: 'nothing' })],
  ['countPerElement', (input) => input.countPerElement('step')],
  ['distinct', (input) => input.distinct('step')],
  ['coGroupByKey', (input) => coGroupByKey('step', { input })],
  ['latestPerKey', (input) => input.apply('step', latestPerKey)],
  ['latest', (input) => input.apply('step', latest)],
  ['samplePerKey', (input) => input.apply('step', samplePerKey(2))],
  [
    'distinctBy',
    (input) =>
      input.apply(
        'step',
        distinctBy(({ key }) => key),
      ),
  ],
  ['unionWith', (input) => input.apply('step', unionWith(input))],
  ['intersectWith', (input) => input.apply('step', intersectWith(input))],
  ['exceptFor', (input) => input.apply('step', exceptFor(input))],
  ['innerJoin', (input) => innerJoin('step', { left: input, right: input })],
  ['groupByFields', (input) => input.apply('step', groupByFields(['key'], { n: { combiner: count() } }))],
  ['joinByFields', (input) => input.apply('step', joinByFields(input, { on: ['key'] }))],
  ['retracting', (input) => input.apply('step', retracting.combinePerKey(sum()))],
])

/** Everything that needs no grouping, under the name `step`. */
const passing: ReadonlyMap<string, (input: Pairs) => unknown> = new Map<string, (input: Pairs) => unknown>([
  ['map', (input) => input.map('step', ({ value }) => value)],
  ['reshuffle', (input) => input.reshuffle('step')],
  ['flatten', (input) => flatten('step', [input, input.filter('some', () => true)])],
  [
    'a stateful step',
    (input) => input.parDo('step', { state: { seen: state.value(t.number) }, process: () => undefined }),
  ],
])

/** Every kind of view, under the name `step`. */
const views: ReadonlyMap<string, (input: Pairs) => unknown> = new Map<string, (input: Pairs) => unknown>([
  ['asSingleton', (input) => input.asSingleton('step')],
  ['asSingleton with a default', (input) => input.asSingleton('step', { default: 0 })],
  ['asIterable', (input) => input.asIterable('step')],
  ['asList', (input) => input.asList('step')],
  ['asMap', (input) => input.asMap('step')],
  ['asMultimap', (input) => input.asMultimap('step')],
])

/** Triggers that may finish before their window expires, with the words by which they are named. */
const finishing: readonly (readonly [trigger: Trigger, text: RegExp])[] = [
  [afterCount(2), /afterCount\(2\)/],
  [afterProcessingTime('1 second'), /afterProcessingTime\(1000\)/],
  [afterFirst(afterCount(2), afterProcessingTime(5)), /afterFirst\(afterCount\(2\), afterProcessingTime\(5\)\)/],
  [afterAll(afterCount(2), afterProcessingTime(5)), /afterAll\(/],
  [afterEach(afterCount(2), afterCount(3)), /afterEach\(/],
  [orFinally(repeatedly(afterCount(2)), afterCount(9)), /orFinally\(repeatedly\(afterCount\(2\)\), afterCount\(9\)\)/],
]

/** Triggers that never finish while elements may come. */
const lasting: readonly Trigger[] = [
  repeatedly(afterCount(2)),
  repeatedly(afterFirst(afterCount(2), afterProcessingTime(5))),
  afterEach(afterCount(2), repeatedly(afterCount(3))),
  never(),
  afterWatermark({ early: afterCount(2), late: afterCount(1) }),
]

function claimRefused(claims: Claims, options: WindowingOptions, message: RegExp, windowFn: WindowFn = tens): void {
  for (const group of groupings.values())
    claims.refuses(() => group(unbounded().windowInto('windows', windowFn, options)), { message, step: 'step' })
}

function claimAccepted(claims: Claims, options: WindowingOptions, windowFn: WindowFn = tens): void {
  for (const [name, group] of groupings) {
    const p = pipeline()
    group(unbounded(p).windowInto('windows', windowFn, options))
    claims.same(p.build().warnings, [], `warnings of ${name}`)
  }
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  constructionCase({
    id: 'SAF-01',
    name: 'grouping an unbounded collection in the global window is refused: it would never answer',
    check: (claims) =>
      void claims.refuses(() => unbounded().groupByKey('step'), {
        message: /"step" groups an unbounded collection in the global window.*windowInto.*or give.*a trigger/,
        step: 'step',
      }),
  }),
  constructionCase({
    id: 'SAF-02',
    name: 'with any other trigger it is accepted',
    check(claims) {
      for (const trigger of lasting)
        for (const group of groupings.values())
          claims.holds(group(unbounded().windowInto('trigger', { trigger })) !== undefined, 'a collection')
    },
  }),
  constructionCase({
    id: 'SAF-03',
    name: 'of a bounded collection it is accepted, since its end comes',
    check(claims) {
      for (const [name, group] of groupings) {
        const p = pipeline()
        group(bounded(p))
        claims.same(p.build().warnings, [], `warnings of ${name}`)
      }
    },
  }),
  constructionCase({
    id: 'SAF-04',
    name: 'so is every step with a grouping inside, by the name that its author gave it',
    check(claims) {
      for (const group of groupings.values())
        claims.refuses(() => group(unbounded()), { message: /^step "step" groups an unbounded/, step: 'step' })
    },
  }),
  constructionCase({
    id: 'SAF-04/composite',
    name: 'a grouping within a composite is named by its path',
    check: (claims) =>
      void claims.refuses(() => unbounded().apply('mine', (input: Pairs) => input.countPerKey('step')), {
        message: /step "mine\/step" groups/,
        step: 'mine/step',
      }),
  }),
  constructionCase({
    id: 'SAF-04/one-of-several',
    name: 'one unbounded input of several is enough',
    check(claims) {
      const p = pipeline()
      const inputs = { few: bounded(p), many: unbounded(p) }
      claims.refuses(() => coGroupByKey('step', inputs), { message: /"step" groups an unbounded/, step: 'step' })
    },
  }),
  constructionCase({
    id: 'SAF-04/views',
    name: 'a view that would never be complete is refused, as is one of windows that belong to no element',
    check(claims) {
      for (const view of views.values()) {
        claims.refuses(() => view(unbounded()), {
          message: /view "step" shows an unbounded.*fixedWindows/,
          step: 'step',
        })
        claims.refuses(() => view(unbounded().windowInto('sessions', sessionWindows(10))), {
          message: /view "step" has session windows/,
          step: 'step',
        })
        claims.holds(view(bounded()) !== undefined, 'a view of a bounded collection')
        claims.holds(view(unbounded().windowInto('tens', tens)) !== undefined, 'a view of windows that end')
        const trigger = repeatedly(afterCount(1))
        claims.holds(view(unbounded().windowInto('trigger', { trigger })) !== undefined, 'a view with a trigger')
      }
    },
  }),
  constructionCase({
    id: 'SAF-04/no-grouping',
    name: 'steps without a grouping are accepted, whatever the windowing',
    check(claims) {
      for (const [name, step] of passing) {
        const p = pipeline()
        step(unbounded(p))
        claims.same(p.build().warnings, [], `warnings of ${name}`)
        claims.holds(
          step(unbounded().windowInto('once', { trigger: afterCount(1) })) !== null,
          `${name} to be accepted`,
        )
      }
    },
  }),
  constructionCase({
    id: 'SAF-05',
    name: 'a trigger that may finish is refused, naming it and the fix',
    check(claims) {
      for (const [trigger, text] of finishing) {
        claimRefused(claims, { trigger }, text)
        claimRefused(claims, { trigger }, /may finish before a window expires.*lost.*repeatedly\(/)
        claimRefused(claims, { trigger }, /"step"/, sessionWindows(10))
      }
    },
  }),
  constructionCase({
    id: 'SAF-05/lasting',
    name: 'one that never finishes is accepted, whatever the lateness',
    check(claims) {
      for (const trigger of lasting)
        for (const allowedLateness of [0, 20]) claimAccepted(claims, { trigger, allowedLateness })
    },
  }),
  constructionCase({
    id: 'SAF-06',
    name: 'afterWatermark without late firings is accepted where nothing may be late, with early firings too',
    check(claims) {
      claimAccepted(claims, { trigger: afterWatermark() })
      claimAccepted(claims, { trigger: afterWatermark({ early: afterCount(2) }) })
      claimAccepted(claims, { trigger: afterWatermark({ early: repeatedly(afterCount(2)) }) }, sessionWindows(10))
    },
  }),
  constructionCase({
    id: 'SAF-07',
    name: 'it is refused where late elements are allowed, which would be lost',
    check(claims) {
      const allowedLateness = 1
      claimRefused(
        claims,
        { trigger: afterWatermark(), allowedLateness },
        /late: afterCount\(1\).*or no allowed lateness/,
      )
      const early = afterWatermark({ early: afterCount(2) })
      claimRefused(claims, { trigger: early, allowedLateness }, /early: afterCount\(2\), late: afterCount\(1\)/)
    },
  }),
  constructionCase({
    id: 'SAF-07/later',
    name: 'it is refused where the lateness is that of an earlier windowing',
    check: (claims) =>
      void claims.refuses(
        () =>
          unbounded()
            .windowInto('first', tens, { allowedLateness: 20 })
            .windowInto('second', { trigger: afterWatermark() })
            .groupByKey('step'),
        { message: /afterWatermark\(\) may finish/, step: 'step' },
      ),
  }),
  constructionCase({
    id: 'SAF-08',
    name: 'with late firings it is accepted, whatever the lateness',
    check(claims) {
      for (const allowedLateness of [0, 1, '100 days'] as const) {
        claimAccepted(claims, { trigger: afterWatermark({ late: afterCount(1) }), allowedLateness })
        const both = afterWatermark({ early: afterCount(2), late: afterProcessingTime(5) })
        claimAccepted(claims, { trigger: both, allowedLateness })
      }
    },
  }),
  constructionCase({
    id: 'SAF-09',
    name: 'an author who insists is obeyed, and warned with the name of the step and of the trigger',
    check(claims) {
      for (const [trigger, text] of finishing) {
        const p = pipeline()
        unbounded(p).windowInto('windows', tens, { trigger, allowUnsafeTrigger: true }).groupByKey('step')
        const [warning, ...more] = p.build().warnings
        claims.same(more, [], 'further warnings')
        claims.holds(/step "step"/.test(warning ?? '') && text.test(warning ?? ''), `a warning of it, got ${warning}`)
      }
    },
  }),
  pipelineCase({
    id: 'SAF-09/runs',
    name: 'what comes after such a trigger has finished is dropped, and counted',
    needs: ['testStream', 'triggers.early'],
    build(p) {
      const grouped = p
        .apply('script', testStream<number>().add(at(1, 1)).add(at(2, 2)).end())
        .windowInto('tens', tens, { trigger: afterCount(1), allowUnsafeTrigger: true })
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat(
        'groups',
        grouped.map('list', ({ value }) => [...value]),
      ).containsInAnyOrder([1])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToClosedWindow'), 1, 'dropped')
    },
  }),
  constructionCase({
    id: 'SAF-10',
    // Beam Java demands both; the defaults are those that its users asked for.
    name: 'accumulation and lateness need not be said: panes are discarded, and nothing may be late',
    check(claims) {
      const p = pipeline()
      unbounded(p).windowInto('windows', tens, { trigger: repeatedly(afterCount(1)) })
      const strategies = [...p.build().graph.components.windowingStrategies.values()]
      const [strategy, ...more] = strategies.filter(({ windowFn }) => windowFn.payload.kind === 'fixed')
      claims.same(more.length, 0, 'further strategies')
      claims.same(strategy?.accumulationMode, 'discarding')
      claims.same(strategy?.allowedLatenessMillis, 0)
    },
  }),
  constructionCase({
    id: 'SAF-11',
    name: 'state or timers on elements without a key are refused',
    check(claims) {
      const plain = pipeline().create('numbers', [1], { codec: t.number })
      const message = /step "step" .*kept per key, but its input is not keyed.*keyBy/
      claims.refuses(
        // @ts-expect-error State asks for keyed elements.
        () => plain.parDo('step', { state: { seen: state.value(t.number) }, process: () => undefined }),
        { message, step: 'step' },
      )
      claims.refuses(
        () =>
          // @ts-expect-error So do timers.
          plain.parDo('step', {
            timers: { later: timer.eventTime() },
            process: () => undefined,
            onTimer: { later: () => undefined },
          }),
        { message, step: 'step' },
      )
    },
  }),
  pipelineCase({
    id: 'SAF-11/unknown',
    name: 'elements of which nothing was declared, and that turn out to have no key, fail the run',
    needs: ['state.value'],
    build(p) {
      const numbers = p.create('numbers', [1]) as unknown as Pairs
      numbers.parDo('step', { state: { seen: state.value(t.number) }, process: () => undefined })
    },
    // Strict mode notices where the element is emitted, and names that step.
    fails: { message: /\{ key, value \}/ },
  }),
  pipelineCase({
    id: 'SAF-12',
    // Every coder of millrace is canonical, so there is none to refuse at construction. What remains is a key that no coder knows.
    name: 'a key that has no canonical bytes is refused, naming the step',
    needs: ['state.value'],
    build(p) {
      p.create('numbers', [1])
        .keyBy('by function', () => () => 1)
        .parDo('step', { state: { seen: state.value(t.number) }, process: () => undefined })
    },
    fails: { message: /a function is not data/ },
  }),
  pipelineCase({
    id: 'SAF-12/canonical',
    name: 'keys with the same fields in another order are one key of a stateful step',
    needs: ['state.combining'],
    build(p) {
      const keys = [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ]
      const counted = p
        .create('keys', keys)
        .keyBy('itself', (key) => key)
        .parDo('count', {
          output: t.number,
          state: { seen: state.combining(count()) },
          process(_, { state: { seen }, emit }) {
            seen.add(1)
            emit(seen.read())
          },
        })
      assertThat('counts', counted).containsInAnyOrder(1, 2)
    },
  }),
  constructionCase({
    id: 'SAF-13',
    name: 'state and timers on windows that merge are refused; after a grouping they are accepted',
    check(claims) {
      const sessions = unbounded().windowInto('sessions', sessionWindows(10))
      const stateful = (input: PCollection<KV<string, unknown>>): unknown =>
        input.parDo('step', { state: { seen: state.value(t.number) }, process: () => undefined })
      claims.refuses(() => stateful(sessions), { message: /"step" .*merging windows.*Group first/, step: 'step' })
      claims.refuses(
        () =>
          sessions.parDo('timers', {
            timers: { later: timer.eventTime() },
            process: () => undefined,
            onTimer: { later: () => undefined },
          }),
        { message: /merging windows/, step: 'timers' },
      )
      claims.holds(stateful(sessions.groupByKey('group')) !== null, 'state on merged sessions')
    },
  }),
  constructionCase({
    id: 'SAF-14/cycle',
    name: 'a handler that would feed itself is refused',
    check(claims) {
      const p = pipeline()
      claims.refuses(
        () => {
          const bad = p.errors('bad', (letters) => letters.map('step', ({ error }) => error))
          bad.connect(p.create('numbers', [1]).id, 'bad/step')
        },
        { message: /"bad\/step" belongs to the handler "bad"/, step: 'bad/step' },
      )
    },
  }),
  constructionCase({
    id: 'SAF-14/other-pipeline',
    name: 'collections, views and handlers of another pipeline are refused, naming the step',
    check(claims) {
      const [p, other] = [pipeline(), pipeline()]
      const own = bounded(p)
      const foreign = bounded(other)
      const ofAnother = { message: /pipeline/, step: 'step' }
      claims.refuses(() => flatten('step', [own, foreign]), ofAnother)
      claims.refuses(() => coGroupByKey('step', { own, foreign }), ofAnother)
      claims.refuses(
        () => own.parDo('step', { sides: { view: foreign.asList('view') }, process: () => undefined }),
        ofAnother,
      )
      const lateData = other.lateData('late', () => undefined)
      claims.refuses(() => own.windowInto('step', tens, { lateData }), ofAnother)
    },
  }),
  pipelineCase({
    id: 'SAF-14/unused',
    // The row asks for an error. Beam has none: a step is there for what it does, and need not be read.
    name: 'a step whose outputs nobody reads runs all the same',
    inProcess: true,
    build(p) {
      let calls = 0
      p.create('numbers', [1, 2, 3]).map('unread', (n) => {
        calls++
        return n
      })
      return (_, claims) => claims.same(calls, 3, 'calls')
    },
  }),
  constructionCase({
    id: 'SAF-15',
    name: 'a second step of one name is refused, with the place of the first; in another scope it is another name',
    check(claims) {
      const numbers = pipeline().create('numbers', [1])
      numbers.map('step', (n) => n)
      claims.refuses(() => numbers.filter('step', () => true), {
        message: /two steps named "step".*safety\.(ts|js):\d+/s,
        step: 'step',
      })
      const inScope = numbers.apply('scope', (input: PCollection<number>) => input.map('step', (n) => n))
      claims.holds(inScope !== undefined, 'the name to be free in another scope')
    },
  }),
  constructionCase({
    id: 'SAF-17',
    name: 'a timer without a handler, and a handler without a timer, are refused',
    check(claims) {
      const pairs = bounded()
      claims.refuses(
        // @ts-expect-error A declared timer needs its handler.
        () => pairs.parDo('step', { timers: { later: timer.eventTime() }, process: () => undefined }),
        { message: /declares timer "later" without a handler onTimer\.later/, step: 'step' },
      )
      claims.refuses(
        () =>
          pairs.parDo('step', {
            timers: { later: timer.eventTime() },
            process: () => undefined,
            // @ts-expect-error There is no timer of this name.
            onTimer: { later: () => undefined, sooner: () => undefined },
          }),
        { message: /handles timer "sooner", which it does not declare/, step: 'step' },
      )
      claims.refuses(() => pairs.parDo('step', { process: () => undefined, onWindowExpiration: () => undefined }), {
        message: /onWindowExpiration but declares no state/,
        step: 'step',
      })
    },
  }),
  pipelineCase({
    id: 'SAF-17/undeclared',
    name: 'state that is used and not declared fails in the step, where the compiler was not asked',
    needs: ['state.value'],
    build(p) {
      bounded(p).parDo('step', {
        state: { seen: state.value(t.number) },
        process: (_, { state: cells }) =>
          void (cells as unknown as { readonly other: { readonly read: () => unknown } }).other.read(),
      })
    },
    fails: { message: /undefined/, step: 'step' },
  }),
  constructionCase({
    id: 'SAF-18',
    name: 'a splittable step with state or timers is refused',
    check(claims) {
      const splittable = {
        output: t.number,
        bounded: true,
        replayable: true,
        watermark: watermarks.none(),
        restriction: () => ({ from: 0, to: 3 }),
        restrictionCodec: offsetRangeCodec,
        tracker: (range: { readonly from: number; readonly to: number }) => new OffsetRangeTracker(range),
        process: () => undefined,
      } as const
      const parts: Readonly<Record<string, unknown>> = {
        state: { seen: state.value(t.number) },
        timers: { later: timer.eventTime() },
        onTimer: { later: () => undefined },
        onWindowExpiration: () => undefined,
      }
      for (const [part, value] of Object.entries(parts))
        claims.refuses(() => bounded().apply('step', splittableParDo({ ...splittable, [part]: value })), {
          message: new RegExp(`"step.*" is splittable and declares ${part}`),
        })
    },
  }),
]
