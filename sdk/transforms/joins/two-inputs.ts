/**
 * A step with state that reads two keyed collections: their union, with each element told by which it came. What every join
 * that cannot wait for a whole window is made of.
 */
import type { Tagged } from '../../coders/index.js'
import { type CollectionRef, reservedName } from '../../graph/builder.js'
import type { StateSpecNode } from '../../graph/model.js'
import { authorPath } from '../../graph/names.js'
import { refuse } from '../../refuse.js'
import { TIMESTAMP_MAX } from '../../time.js'
import type { KV } from '../../kv.js'
import type { AnyDoFn } from '../do-fn.js'
import { addCodedMap } from '../element-wise.js'
import { addFlatten, commonStrategy } from '../flatten.js'
import { addStep } from '../step.js'

/** An element of the union; `input` is 0 or 1. */
export type FromInput = KV<unknown, Tagged>

/** Ids of the coders of a join's parts. */
export interface JoinCoders {
  readonly key: string
  readonly values: readonly [string, string]
  /** Of what the engine has no codec for: the author's default. */
  readonly dynamic: string
  /** Of a value with a number. */
  readonly numbered: (valueCoder: string) => string
}

/** What a join's step is made of. */
export interface JoinStep {
  readonly doFn: AnyDoFn
  readonly states: ReadonlyMap<string, StateSpecNode>
  readonly hasTimer: boolean
}

/** Adds the join. `what` is the function that the author called. */
export function addTwoInputs(
  name: string,
  what: string,
  inputs: readonly [CollectionRef, CollectionRef],
  build: (coders: JoinCoders, allowedLatenessMillis: number) => JoinStep,
): CollectionRef {
  const [first] = inputs
  const { builder } = first
  const path = builder.pathOf(name)
  const strategy = commonStrategy(inputs, path)
  if (strategy.mergeStatus === 'needsMerge')
    refuse(
      'MR-2016',
      `${what} "${path}" joins in windows that merge (sessions); a state cannot follow windows that unite. Put windowInto(name, …) with other windows before it.`,
      path,
    )
  return builder.scoped(
    name,
    inputs,
    () => {
      const { coders } = builder
      const [[key], values] = [builder.keyedCoders(first), inputs.map((input) => builder.keyedCoders(input)[1])]
      const pairCoder = coders.kv(key, coders.tagged(values))
      const tagged = inputs.map((ref, input) =>
        addCodedMap(
          ref,
          reservedName(`tag ${input}`),
          ({ key: of, value }: KV<unknown, unknown>) => ({ key: of, value: { input, value } }),
          pairCoder,
        ),
      )
      const dynamic = coders.dynamic()
      const { doFn, states, hasTimer } = build(
        {
          key,
          values: values as [string, string],
          dynamic,
          numbered: (valueCoder) => coders.kv(dynamic, valueCoder),
        },
        strategy.allowedLatenessMillis,
      )
      return addStep(addFlatten(builder, reservedName('flatten'), tagged), {
        name: reservedName('join'),
        // Results are as old as what waits, and the timer holds the watermark for that.
        fn: { kind: 'doFn', doFn, tags: ['out'], allowedSkewMillis: Number.MAX_SAFE_INTEGER, options: {} },
        outputs: () => [{ tag: 'out', coderId: coders.kv(key, dynamic) }],
        states: () => states,
        timers: hasTimer ? new Map([['due', { timeDomain: 'eventTime', isFamily: false }]]) : new Map(),
      })[0] as CollectionRef
    },
    (out) => [out],
  )
}

/** The end of a range that has a timestamp as its last. */
export function justAfter(timestamp: number): number {
  return Math.min(timestamp + 1, TIMESTAMP_MAX)
}

/** The first of something, if there is one. */
export function firstOf<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value
  return undefined
}

/** The author's name of a step, for messages before it exists. */
export function stepPath(input: CollectionRef | undefined, name: string): string {
  return input === undefined ? name : authorPath(input.builder.pathOf(name))
}
