/**
 * Hot keys: a key with most of the values would have them all reduced in one place. Its values are first spread over
 * several parts and reduced there; the parts' accumulators are then merged under the key itself.
 *
 * Law: the results are those of the combiner alone, whatever the fanout. The first grouping discards what it has fired,
 * as in Beam, so that with accumulating panes no value is counted twice: only the second grouping accumulates.
 */
import * as t from 'io-ts'
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import { refuseMoreArguments } from '../known-options.js'
import type { KV } from '../kv.js'
import { refuse } from '../refuse.js'
import type { AnyCombiner } from './any-combiner.js'
import {
  addCombinePerKey,
  type AnyCombine,
  codersOf,
  type CombineFn,
  partCoders,
  type CombineExpansion,
  expansion,
} from './combine.js'
import { type CombineOperations, operationsOf } from './combine-operations.js'
import { takesChanges } from './groupable.js'
import { addOwnStep } from './own-step.js'

/** Number of parts of every key, or of each. */
export type Fanout = number | ((key: unknown) => number)

/**
 * The same combiner, whose keys are reduced in several parts first.
 *
 * @param fanout number of parts, or a function from a key to it. 0 and 1 leave a key whole.
 * @throws {PipelineError} when a number of parts is no whole number from 0.
 * @example
 * ```ts
 * import { kv, pipeline, sum, withHotKeyFanout } from 'millrace'
 * pipeline()
 *   .create('clicks', [kv('home', 1), kv('home', 2)])
 *   .combinePerKey('total', withHotKeyFanout(sum(), (page) => (page === 'home' ? 16 : 1)))
 * ```
 */
export function withHotKeyFanout<C extends AnyCombiner>(combiner: C, fanout: Fanout): C
export function withHotKeyFanout<C extends AnyCombiner>(combiner: C, fanout: Fanout, ...more: readonly unknown[]): C {
  refuseMoreArguments('withHotKeyFanout', more)
  if (typeof fanout !== 'function') partsOf(fanout)
  const expand: CombineExpansion = (input, name, combine) => addHotKeyCombine(input, name, combiner, combine, fanout)
  return { ...combiner, [expansion]: expand }
}

function partsOf(fanout: unknown): number {
  if (Number.isSafeInteger(fanout) && (fanout as number) >= 0) return Math.max(1, fanout as number)
  return refuse('MR-1002', `a fanout is the number of parts of a key, a whole number from 0, but is ${String(fanout)}.`)
}

/** Expands a combine that has a fanout. */
function addHotKeyCombine(
  input: CollectionRef,
  name: StepName,
  combiner: object,
  combine: AnyCombine,
  fanout: Fanout,
): CollectionRef {
  const { builder } = input
  const { coders } = builder
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  const strategy = builder.strategyOf(input)
  return builder.scoped(
    name,
    [input],
    () => {
      const parts = codersOf(builder, builder.pathOf(reservedName('part')), combiner, valueCoder)
      const wrapped = { accumulator: coders.iterable(parts.accumulator), output: parts.output }
      const partCoder = coders.codec(builder.pathOf(reservedName('spread')), 0, t.number)
      const spread = addOwnStep(input, reservedName('spread'), {
        coderId: coders.kv(coders.kv(keyCoder, partCoder), valueCoder),
        strategy: { ...strategy, accumulationMode: 'discarding' },
        process: ({ key, value }: KV<unknown, unknown>, { random, emit }) => {
          const count = typeof fanout === 'number' ? partsOf(fanout) : partsOf(fanout(key))
          emit({ key: { key, value: count === 1 ? 0 : Math.floor(random() * count) }, value })
        },
      })
      const { first, second } = halves(combine)
      const own = {
        takesChanges: takesChanges(combiner),
        [partCoders]: () => ({ ...wrapped, output: wrapped.accumulator }),
      }
      const reduced = addCombinePerKey(spread, reservedName('part'), { ...first, ...own })
      const whole = addOwnStep(reduced, reservedName('gather'), {
        coderId: coders.kv(keyCoder, wrapped.accumulator),
        strategy,
        process: ({ key, value }: KV<KV<unknown, unknown>, Held>, { emit }) => {
          // A pane without new values has nothing to add.
          if (value.length > 0) emit({ key: key.key, value })
        },
      })
      return addCombinePerKey(whole, reservedName('whole'), { ...second, [partCoders]: () => wrapped })
    },
    (out) => [out],
  )
}

/** An accumulator, or none where there was no value. */
type Held = readonly unknown[]

/** The combiner before the values of a key come together, and after: between them travel accumulators. */
function halves(combine: AnyCombine): {
  readonly first: CombineFn<unknown, Held, Held>
  readonly second: CombineFn<Held, Held, unknown>
} {
  const { start, add, merge, extract } = stepsOf(combine)
  const join = (a: Held, b: Held): Held => (a.length === 0 ? b : b.length === 0 ? a : [merge(a[0], b[0])])
  const life = combine.kind === 'full' ? lifeOf(combine.fn) : {}
  const base = { ...life, createAccumulator: (): Held => [], mergeAccumulators: join }
  return {
    first: {
      ...base,
      addInput: (held, value) => [held.length === 0 ? start(value) : add(held[0], value)],
      extractOutput: (held) => held,
    },
    second: { ...base, addInput: join, extractOutput: extract },
  }
}

/** One life for both halves. */
function lifeOf(fn: Pick<CombineFn<never, never, unknown>, 'setup' | 'teardown'>): typeof fn {
  return fn.setup === undefined && fn.teardown === undefined
    ? {}
    : { setup: () => fn.setup?.(), teardown: () => fn.teardown?.() }
}

/** A combiner's operations; `start` makes the accumulator of a first value. */
function stepsOf(combine: AnyCombine): Omit<CombineOperations, 'create' | 'extract'> & {
  readonly start: (value: unknown) => unknown
  readonly extract: (held: Held) => unknown
} {
  if (combine.kind !== 'semigroup') {
    const { create, add, merge, extract } = operationsOf(combine)
    return {
      add,
      merge,
      start: (value) => add(create(), value),
      extract: (held) => extract(held.length === 0 ? create() : held[0]),
    }
  }
  const take = combine.of as (value: unknown) => unknown
  const concat = combine.concat as (a: unknown, b: unknown) => unknown
  return { start: take, add: (a, value) => concat(a, take(value)), merge: concat, extract: (held) => held[0] }
}
