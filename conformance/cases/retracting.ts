/**
 * Retracting accumulation: results that take back what they said before.
 */
import * as t from 'io-ts'
import {
  afterCount,
  afterWatermark,
  type Change,
  combineChanges,
  count,
  countWindows,
  deduplicate,
  fixedWindows,
  globalWindows,
  groupChanges,
  insert,
  type KV,
  kv,
  latestPerKey,
  min,
  type PCollection,
  type Pipeline,
  pipeline,
  repeatedly,
  retract,
  retracting,
  sessionWindows,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'

const addition = { empty: 0, concat: (a: number, b: number) => a + b, inverse: (a: number) => -a }

/** Panes at the watermark, and for each late element. */
const corrected: WindowingOptions = { trigger: afterWatermark({ late: afterCount(1) }), allowedLateness: 100 }

/** 3 at time 1, and 4 at time 5 when the watermark has passed 20. */
const lateFour = (p: Pipeline, windowFn: WindowFn, options = corrected): PCollection<KV<string, number>> =>
  p
    .apply('scores', testStream<number>().add(at(1, 3)).advanceWatermarkTo(20).add(at(5, 4)).end())
    .windowInto('windows', windowFn, options)
    .keyBy('team', () => 'red')

const needs = [
  'accumulating',
  'combine',
  'lateness',
  'state.map',
  'testStream',
  'timers.eventTime',
  'timers.family',
  'triggers.late',
  'windows.custom',
] as const

const change = (of: Change<number>): KV<string, Change<number>> => kv('red', of)

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'ACC-05',
    name: 'a second pane takes back the first value and says the new one',
    needs,
    build: (p) =>
      assertThat(
        'changes',
        lateFour(p, fixedWindows(10)).apply('sum', retracting.combinePerKey(sum())),
      ).containsInAnyOrder(change(insert(3)), change(retract(3)), change(insert(7))),
  }),
  pipelineCase({
    id: 'ACC-05/merging',
    name: 'a pane of a session takes back what the sessions said that it has united, in their windows',
    needs: [...needs, 'windows.merging'],
    build(p) {
      const changes = lateFour(p, sessionWindows(6)).apply('sum', retracting.combinePerKey(sum()))
      const ends = changes.parDo('ends', {
        output: t.string,
        process({ value: { kind, value } }, { window, emit }) {
          emit(`${kind} ${value} in ${window.start}-${window.end}`)
        },
      })
      assertThat('ends', ends).containsInAnyOrder('insert 3 in 1-7', 'retract 3 in 1-7', 'insert 7 in 1-11')
    },
  }),
  pipelineCase({
    id: 'ACC-05/same',
    name: 'a pane that says the same as the one before changes nothing',
    needs,
    build: (p) =>
      assertThat(
        'changes',
        lateFour(p, fixedWindows(10)).apply('least', retracting.combinePerKey(min())),
      ).containsInAnyOrder(change(insert(3))),
  }),
  pipelineCase({
    id: 'ACC-05/sum',
    name: 'a sum of changes over everything is that of the last values',
    needs: [...needs, 'triggers.early'],
    build(p) {
      const changes = lateFour(p, fixedWindows(10)).apply('sum', retracting.combinePerKey(sum()))
      const total = changes
        .values('values')
        .windowInto('everything', globalWindows(), { trigger: repeatedly(afterCount(1)) })
        .apply('again', retracting.combineGlobally(combineChanges({ of: (n: number) => n, group: addition })))
      assertThat('totals', total).satisfies((all) => {
        const held = [...all].reduce((sofar, { kind, value }) => sofar + (kind === 'insert' ? value : -value), 0)
        if (held !== 7) throw new Error(`expected 7, got ${held}`)
      })
    },
  }),
  pipelineCase({
    id: 'ACC-05/inverse',
    name: 'changes are combined by the inverse of the group, in any order',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const changes = p.create('changes', [retract(3), insert(4), insert(3)])
      assertThat(
        'total',
        changes.combineGlobally('total', combineChanges({ of: (n: number) => n, group: addition })),
      ).containsInAnyOrder(4)
    },
  }),
  pipelineCase({
    id: 'ACC-05/group',
    name: 'a group of changes has what was inserted and not retracted, each as often as that',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const changes = p.create('changes', [retract('a'), insert('b'), insert('a'), insert('b'), insert('a')])
      assertThat('now', changes.combineGlobally('now', groupChanges<string>())).satisfies((all) => {
        const text = [...all].map((values) => [...values].sort().join(' ')).join()
        if (text !== 'a b b') throw new Error(`expected a b b, got ${text}`)
      })
    },
  }),
  constructionCase({
    id: 'ACC-05/refused',
    name: 'a grouping that would take a retraction for one more value is refused, naming the step',
    check(claims) {
      const changes = (): PCollection<KV<string, unknown>> =>
        pipeline()
          .create('scores', [kv('a', 1)])
          .apply('sums', retracting.combinePerKey(sum()))
      for (const [step, group] of [
        ['list', () => changes().groupByKey('list')],
        ['count', () => changes().combinePerKey('count', count())],
        ['per key', () => changes().countPerKey('per key')],
        ['each', () => changes().countPerElement('each')],
        ['once', () => changes().distinct('once')],
        ['lists', () => changes().apply('lists', retracting.groupByKey())],
        ['latest', () => changes().apply('latest', latestPerKey)],
        ['windows', () => changes().apply('windows', countWindows({ size: 2 }))],
        ['near', () => changes().apply('near', deduplicate({ within: 1, timeDomain: 'eventTime' }))],
        ['singleton', () => changes().asSingleton('singleton')],
        ['iterable', () => changes().asIterable('iterable')],
        ['list view', () => changes().asList('list view')],
        ['map', () => changes().asMap('map')],
        ['multimap', () => changes().asMultimap('multimap')],
      ] as const)
        claims.refuses(group, { message: /(?:groups|counts|deduplicates|shows) changes.*combineChanges/, step })
    },
  }),
]
