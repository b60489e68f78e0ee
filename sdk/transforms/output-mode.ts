/**
 * Output modes: what a grouping puts out of its results, as a table that grows, a table of what has changed, or the whole table. The
 * names are those of Spark's Structured Streaming; what they mean here is made of windows, triggers and watermarks, so it is the same on
 * every runner that knows batches.
 *
 * Law: `append` gives each result once, and it never changes. After any number of batches, the last `update` of each key and window,
 * and the last table of `complete`, are what a batch run over the same input would give.
 */
import type { CollectionRef } from '../graph/builder.js'
import { reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import { refuseUnknownOptions, refuseUnknownValue } from '../known-options.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { refuse } from '../refuse.js'
import { afterBatch, never, repeatedly } from '../windowing/trigger.js'
import { isSafeTrigger, triggerText } from '../windowing/trigger-rules.js'
import type { WindowingOptions, WindowingStrategy } from '../windowing/windowing-strategy.js'
import { addCombinePerKey, type Combiner } from './combine.js'
import { addCodedMap, addConstantKey, addOwnKey, addValues } from './element-wise.js'
import { addGroupByKey } from './group-by-key.js'
import { checkGroupable, warnOfCountingTwice } from './groupable.js'
import { addOwnStep } from './own-step.js'
import { addResultTable, type ResultTable } from './result-table.js'
import { count } from './statistics.js'
import { addWindowInto } from './window-into.js'

/** What a grouping puts out: each result once, those that have changed, or all. */
export type OutputMode = 'append' | 'update' | 'complete'

/** Options of the mode `complete`. */
export interface CompleteOptions {
  /**
   * What becomes of results whose window has expired (its end and the allowed lateness are behind the watermark): `'drop'` takes them
   * out, so that the table is as large as what may still change; `'keep'` leaves them, and the table grows with the windows. Default
   * `'drop'`.
   */
  readonly expired?: 'drop' | 'keep'
}

/** Groupings that put out results one by one. */
export interface ResultGroupings {
  /** The values of each key and window reduced to one, as `combinePerKey`. */
  combinePerKey<V, Acc, Out>(
    combiner: Combiner<V, Acc, Out>,
  ): <K>(input: PCollection<KV<K, V>>) => PCollection<KV<K, Out>>
  /** All values of a window reduced to one, as `combineGlobally`; a window without elements gives nothing. */
  combineGlobally<T, Acc, Out>(combiner: Combiner<T, Acc, Out>): (input: PCollection<T>) => PCollection<Out>
  /** The values of each key and window, as `groupByKey`. */
  groupByKey(): <K, V>(input: PCollection<KV<K, V>>) => PCollection<KV<K, readonly V[]>>
  /** How many elements each key has, per window, as `countPerKey`. */
  countPerKey(): <K>(input: PCollection<KV<K, unknown>>) => PCollection<KV<K, number>>
  /** How often each distinct element occurs, per window, as `countPerElement`. */
  countPerElement(): <T>(input: PCollection<T>) => PCollection<KV<T, number>>
}

/** Groupings that put out the whole table of their results. */
export interface TableGroupings {
  /** The values of each key and window reduced to one, as `combinePerKey`. */
  combinePerKey<V, Acc, Out>(
    combiner: Combiner<V, Acc, Out>,
  ): <K>(input: PCollection<KV<K, V>>) => PCollection<ResultTable<K, Out>>
  /** All values of a window reduced to one, as `combineGlobally`; a window without elements has no row. The key is `null`. */
  combineGlobally<T, Acc, Out>(
    combiner: Combiner<T, Acc, Out>,
  ): (input: PCollection<T>) => PCollection<ResultTable<null, Out>>
  /** The values of each key and window, as `groupByKey`. */
  groupByKey(): <K, V>(input: PCollection<KV<K, V>>) => PCollection<ResultTable<K, readonly V[]>>
  /** How many elements each key has, per window, as `countPerKey`. */
  countPerKey(): <K>(input: PCollection<KV<K, unknown>>) => PCollection<ResultTable<K, number>>
  /** How often each distinct element occurs, per window, as `countPerElement`. */
  countPerElement(): <T>(input: PCollection<T>) => PCollection<ResultTable<T, number>>
}

/** Adds the grouping itself, of keyed elements. */
type Grouping = (keyed: CollectionRef) => CollectionRef

/** Adds a grouping in one mode. */
type InMode = (keyed: CollectionRef, grouping: Grouping) => CollectionRef

/** Results that may change come with all so far, at the end of each batch that has changed them, and not without news. */
const AT_EACH_BATCH: WindowingOptions = {
  trigger: repeatedly(afterBatch()),
  accumulation: 'accumulating',
  closing: 'ifNonEmpty',
  onTime: 'ifNonEmpty',
}

/** Results that change no more come alone. */
const WHEN_EXPIRED: WindowingOptions = { trigger: never(), accumulation: 'discarding', onTime: 'ifNonEmpty' }

const append: InMode = (keyed, grouping) => {
  const { builder } = keyed
  const before = builder.strategyOf(keyed)
  const path = modePath(keyed)
  // Then a window answers once in any case, and on every runner.
  const isOnce = before.trigger.kind === 'default' && before.allowedLatenessMillis === 0
  if (isSafeTrigger(before.trigger, before.allowedLatenessMillis)) {
    checkComesToAnEnd(keyed, path)
    return grouping(isOnce ? keyed : addWindowInto(keyed, reservedName('mode'), WHEN_EXPIRED))
  }
  // A trigger that finishes closes its windows: what it says then is the last word.
  checkGroupable(keyed, path)
  const panes = grouping(
    addWindowInto(keyed, reservedName('mode'), { accumulation: 'accumulating', closing: 'always' }),
  )
  const { accumulationMode, closingBehavior } = before
  return addOwnStep(panes, reservedName('last'), {
    coderId: builder.collection(panes.id).coderId,
    strategy: { ...builder.strategyOf(panes), accumulationMode, closingBehavior },
    process: (result, { pane, emit }) => {
      if (pane.isLast) emit(result)
    },
  })
}

const update: InMode = (keyed, grouping) => {
  warnOfTrigger(keyed)
  return grouping(addWindowInto(keyed, reservedName('mode'), AT_EACH_BATCH))
}

function completeOf(keepsExpired: boolean): InMode {
  return (keyed, grouping) => {
    const strategy: WindowingStrategy = keyed.builder.strategyOf(keyed)
    return addResultTable(update(keyed, grouping), strategy, keepsExpired)
  }
}

function modePath({ builder }: CollectionRef): string {
  return authorPath(builder.pathOf(reservedName('group')))
}

function checkComesToAnEnd(keyed: CollectionRef, path: string): void {
  const { builder } = keyed
  const { windowFn } = builder.strategyOf(keyed)
  if (windowFn.payload.kind !== 'global' || builder.collection(keyed.id).isBounded) return
  refuse(
    'MR-2004',
    `step "${path}" is to append each result of an unbounded collection in the global window when it can change no more, which is at the end of time, so it would never answer. Put windowInto(name, fixedWindows(…)) or another window before it, give the global window a trigger that finishes, windowInto(name, { trigger: afterCount(100), allowUnsafeTrigger: true }), or say outputMode('update'), which puts out results as they change.`,
    path,
  )
}

/** Says that a trigger is not used. That of a grouping before it nobody has written here. */
function warnOfTrigger(keyed: CollectionRef): void {
  const { builder } = keyed
  const { trigger } = builder.strategyOf(keyed)
  const said = triggerText(trigger)
  if (['default', 'never'].includes(trigger.kind) || said === triggerText(repeatedly(afterBatch()))) return
  builder.warn(
    `step "${modePath(keyed)}" puts out its results at the end of each batch that has changed them, as its output mode says; the trigger ${said} is not used.`,
  )
}

function combining(combiner: unknown, inMode: InMode): (keyed: CollectionRef) => CollectionRef {
  return (keyed) => {
    warnOfCountingTwice(keyed, modePath(keyed), combiner)
    return inMode(keyed, (input) => addCombinePerKey(input, reservedName('group'), combiner))
  }
}

/** Lists are made for good: what is grouped grows on. */
function addLists(input: CollectionRef): CollectionRef {
  const grouped = addGroupByKey(input, reservedName('group'))
  const { coderId } = grouped.builder.collection(grouped.id)
  const list = ({ key, value }: KV<unknown, Iterable<unknown>>): KV<unknown, unknown> => ({ key, value: [...value] })
  return addCodedMap(grouped, reservedName('list'), list, coderId)
}

function groupings(inMode: InMode): ResultGroupings & TableGroupings {
  const perKey =
    (combiner: unknown) =>
    (input: PCollection<never>): unknown =>
      input.derive(combining(combiner, inMode)(input))
  const made = {
    combinePerKey: perKey,
    combineGlobally: (combiner: unknown) => (input: PCollection<never>) => {
      const results = combining(combiner, inMode)(addConstantKey(input))
      const isTable = input.builder.coders.keyed(input.builder.collection(results.id).coderId) === undefined
      return input.derive(isTable ? results : addValues(results, reservedName('value')))
    },
    groupByKey: () => (input: PCollection<never>) => input.derive(inMode(input, addLists)),
    countPerKey: () => perKey(count()),
    countPerElement: () => (input: PCollection<never>) => input.derive(combining(count(), inMode)(addOwnKey(input))),
  }
  return made as unknown as ResultGroupings & TableGroupings
}

/**
 * Groupings in an output mode, for `apply`. The mode says when results come, in the place of a trigger:
 *
 * - `'append'`: each result once, when it can change no more: its window has expired, or its trigger has finished.
 * - `'update'`: the results that a batch has changed, each with all so far, at most once a batch. Write them over what was there, by
 *   key and window. Where windows merge, what a window that was united with others said is not taken back; `retracting` does that.
 * - `'complete'`: after each batch that has changed something, the whole table of results, ordered by window and key. One worker has
 *   the whole table in its memory and makes it anew for each batch: it is for thousands of results, not for millions.
 *
 * A batch is one of the micro-batch runner; in the direct runner, what a round of reading brings. Which values come in between depends on
 * how batches are cut; the results of `append`, the last update of each key and window, and the last table do not. Other runners refuse
 * `update` and `complete`; `append` runs everywhere.
 *
 * @throws {PipelineError} where `append` would never answer, and as the grouping of the same name does.
 * @example
 * ```ts
 * import { outputMode, pipeline, run, sum } from 'millrace'
 * const p = pipeline()
 * p.create('scores', [3, 4])
 *   .keyBy('team', () => 'red')
 *   .apply('totals', outputMode('append').combinePerKey(sum()))
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [{ key: 'red', value: 7 }]
 * ```
 */
export function outputMode(mode: 'append' | 'update'): ResultGroupings
export function outputMode(mode: 'complete', options?: CompleteOptions): TableGroupings
export function outputMode(mode: OutputMode, options: CompleteOptions = {}): ResultGroupings | TableGroupings {
  refuseUnknownValue('the mode of outputMode', mode, ['append', 'update', 'complete'])
  refuseUnknownOptions(`outputMode('${mode}')`, options, mode === 'complete' ? { expired: true } : {})
  const { expired = 'drop' } = options
  refuseUnknownValue("expired of outputMode('complete')", expired, ['drop', 'keep'])
  if (mode === 'complete') return groupings(completeOf(expired === 'keep'))
  return groupings(mode === 'append' ? append : update)
}
