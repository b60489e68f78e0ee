/**
 * Retracting accumulation: the third way in which the panes of a window can relate. A pane that corrects the ones before it
 * first takes back what they said, then says what holds now; so steps behind it may group by anything, the results included,
 * and still count every element once. The Dataflow Model describes it; Beam has it on no runner. Here it is an expansion,
 * made of an accumulating grouping and a stateful step, and works on every runner that has these.
 *
 * Law: after any number of panes, the values inserted and not retracted are the values of the last pane of each window. A window
 * that has become part of another has none.
 */
import type { CollectionRef } from '../graph/builder.js'
import { reservedName } from '../graph/builder.js'
import { canonicalKey, dynamicCoder } from '../coders/index.js'
import { DecodeError } from '../errors.js'
import { authorPath } from '../graph/names.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { refuse } from '../refuse.js'
import { isSafeTrigger, triggerText } from '../windowing/trigger-rules.js'
import type { Change } from './change.js'
import { addCombinePerKey, type Combiner } from './combine.js'
import { addConstantKey, addOwnKey, addValues } from './element-wise.js'
import { addGroupByKey } from './group-by-key.js'
import { checkGroupable, warnOfCountingTwice } from './groupable.js'
import { addPaneMemory, type Memory } from './pane-memory.js'
import { count } from './statistics.js'
import { addWindowInto } from './window-into.js'

/**
 * Groupings whose results are changes. They accumulate whatever `accumulation` says, and so does what follows them: the last
 * pane of a grouping of changes is its result.
 */
export interface RetractingGroupings {
  /** The values of each key and window reduced to one, as `combinePerKey`. */
  combinePerKey<V, Acc, Out>(
    combiner: Combiner<V, Acc, Out>,
  ): <K>(input: PCollection<KV<K, V>>) => PCollection<KV<K, Change<Out>>>
  /** All values of a window reduced to one, as `combineGlobally`; a window without elements gives nothing. */
  combineGlobally<T, Acc, Out>(combiner: Combiner<T, Acc, Out>): (input: PCollection<T>) => PCollection<Change<Out>>
  /** The values of each key and window, as `groupByKey`. */
  groupByKey(): <K, V>(input: PCollection<KV<K, V>>) => PCollection<KV<K, Change<readonly V[]>>>
  /** How many elements each key has, per window, as `countPerKey`. */
  countPerKey(): <K>(input: PCollection<KV<K, unknown>>) => PCollection<KV<K, Change<number>>>
  /** How often each distinct element occurs, per window, as `countPerElement`. */
  countPerElement(): <T>(input: PCollection<T>) => PCollection<KV<T, Change<number>>>
}

/** Adds an accumulating grouping of a keyed collection. */
type Grouping = (keyed: CollectionRef) => CollectionRef

/** A value that is the same as before says nothing new. */
const ofValues: Omit<Memory, 'strategy'> = {
  valueOf: (value) => value,
  isRepeated: (before, now) =>
    typeof now === 'object' && now !== null ? sameData(before, now) : Object.is(before, now),
}

/** Whether two values are the same plain data. What only a codec can describe is never taken for the same. */
function sameData(before: unknown, now: unknown): boolean {
  try {
    return canonicalKey(before, dynamicCoder) === canonicalKey(now, dynamicCoder)
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

/** Under accumulation a list only grows. */
const ofLists: Omit<Memory, 'strategy'> = {
  valueOf: (values) => [...(values as Iterable<unknown>)],
  isRepeated: (before, now) => (before as readonly unknown[]).length === (now as readonly unknown[]).length,
}

function addRetracting(
  keyed: CollectionRef,
  grouping: Grouping,
  kind: Omit<Memory, 'strategy'>,
  combiner?: unknown,
): CollectionRef {
  const { builder } = keyed
  const path = authorPath(builder.pathOf(reservedName('group')))
  checkGroupable(keyed, path)
  if (combiner !== undefined) warnOfCountingTwice(keyed, path, combiner)
  const strategy = builder.strategyOf(keyed)
  const isMerging = strategy.mergeStatus === 'needsMerge'
  if (isMerging && !isSafeTrigger(strategy.trigger, strategy.allowedLatenessMillis))
    refuse(
      'MR-2019',
      `step "${path}" retracts what merging windows said, and the trigger ${triggerText(strategy.trigger)} may close one before it expires: what comes later is in a window of its own, of which nobody could tell whether it is part of the closed one. Let the trigger begin anew, repeatedly(${triggerText(strategy.trigger)}), or give it late firings.`,
      path,
    )
  const accumulating = addWindowInto(keyed, reservedName('accumulate'), {
    accumulation: 'accumulating',
    // A last pane tells a window that has expired from one that has become part of another.
    ...(isMerging ? { closing: 'always' } : {}),
  })
  return addPaneMemory(grouping(accumulating), { ...kind, strategy: builder.strategyOf(accumulating) })
}

function addRetractingCombine(keyed: CollectionRef, combiner: unknown): CollectionRef {
  const grouping: Grouping = (input) => addCombinePerKey(input, reservedName('group'), combiner)
  return addRetracting(keyed, grouping, ofValues, combiner)
}

/**
 * Groupings whose results are changes: each pane takes back what the panes before it said, also of sessions that have been
 * united since. Changes have the timestamp and window of their pane; an absorbed session's retraction is in that session.
 * Consume them with {@link combineChanges} and {@link groupChanges}; other groupings refuse changes.
 *
 * A pane that comes twice, or after a later one, is ignored; one that says the same plain data again changes nothing. Needs map state and event-time timers of the runner.
 *
 * @throws {PipelineError} as the grouping of the same name does.
 * @example
 * ```ts
 * import { pipeline, retracting, run, sum } from 'millrace'
 * const p = pipeline()
 * p.create('scores', [3, 4])
 *   .keyBy('team', () => 'red')
 *   .apply('totals', retracting.combinePerKey(sum()))
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [{ key: 'red', value: { kind: 'insert', value: 7 } }]
 * ```
 */
export const retracting: RetractingGroupings = {
  combinePerKey: (combiner) => (input) => input.derive(addRetractingCombine(input, combiner)),
  combineGlobally: (combiner) => (input) => {
    const changes = addRetractingCombine(addConstantKey(input), combiner)
    return input.derive(addValues(changes, reservedName('value')))
  },
  groupByKey: () => (input) =>
    input.derive(addRetracting(input, (keyed) => addGroupByKey(keyed, reservedName('group')), ofLists)),
  countPerKey: () => (input) => input.derive(addRetractingCombine(input, count())),
  countPerElement: () => (input) => input.derive(addRetractingCombine(addOwnKey(input), count())),
}
