/**
 * A ReduceFn is how a grouping reduces the values of a key and window: into a list (GroupByKey), or by a combiner.
 * One form serves every kind, so the grouping does not care; the stage compiler writes the common ones out.
 *
 * Law: `add` may change and return its accumulator; an accumulator that has been given out by `output` is not changed
 * afterwards.
 */
import { type Coder, decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import type { AnyCombine, CombineFn } from '../../sdk/transforms/combine.js'

/** Accumulator of a semigroup that has seen nothing. */
export const NOTHING: unique symbol = Symbol('nothing')

/** Reduces values to an output. */
export interface ReduceFn {
  readonly kind: 'list' | 'monoid' | 'semigroup' | 'full' | 'accumulators'
  /** Whether an accumulator is never changed, only replaced by another. */
  readonly isImmutable: boolean
  create(): unknown
  add(accumulator: unknown, value: unknown): unknown
  merge(a: unknown, b: unknown): unknown
  /** The same, where others hold `b` too: it stays as it is, and nothing of it becomes part of the result. */
  mergeShared(a: unknown, b: unknown): unknown
  /** An accumulator that others hold too, for one who may change it. */
  own(accumulator: unknown): unknown
  /** Output of an accumulator; `keeps` says that the accumulator lives on and must not be shared. */
  output(accumulator: unknown, keeps: boolean): unknown
  /** Parts of `add`, for the stage compiler. */
  readonly of: ((value: unknown) => unknown) | undefined
  readonly concat: ((a: unknown, b: unknown) => unknown) | undefined
  readonly addInput: ((accumulator: unknown, value: unknown) => unknown) | undefined
  /** Makes an accumulator smaller before it is stored, where its author says how. */
  readonly compact: ((accumulator: unknown) => unknown) | undefined
  /** An accumulator to try a coder on before anything runs, where one can be made then. */
  readonly sample: (() => unknown) | undefined
}

function joinLists(a: unknown, b: unknown): unknown {
  const all = a as unknown[]
  for (const value of b as unknown[]) all.push(value)
  return all
}

/** Accumulators that nobody changes may be shared. */
const same = (accumulator: unknown): unknown => accumulator

/** Collects values in a list. */
const listReduce: ReduceFn = {
  kind: 'list',
  isImmutable: false,
  create: () => [],
  add: (accumulator, value) => {
    ;(accumulator as unknown[]).push(value)
    return accumulator
  },
  merge: joinLists,
  mergeShared: joinLists,
  own: (accumulator) => (accumulator as unknown[]).slice(),
  output: (accumulator, keeps) => (keeps ? (accumulator as unknown[]).slice() : accumulator),
  of: undefined,
  concat: undefined,
  addInput: undefined,
  compact: undefined,
  sample: undefined,
}

/**
 * The ReduceFn of a grouping. `outputCoder` copies outputs that are the accumulator itself, `accumulatorCoder` accumulators
 * that several windows share.
 */
export function reduceFnOf(
  combine: AnyCombine | undefined,
  mergesAccumulators: boolean,
  outputCoder: Coder<unknown>,
  accumulatorCoder: Coder<unknown> = outputCoder,
): ReduceFn {
  if (combine === undefined) return listReduce
  if (mergesAccumulators) return accumulatorReduce(combine, outputCoder)
  switch (combine.kind) {
    case 'monoid':
      return monoidReduce(combine)
    case 'semigroup':
      return semigroupReduce(combine)
    case 'full':
      return fullReduce(combine.fn as unknown as CombineFn<unknown, unknown, unknown>, outputCoder, accumulatorCoder)
  }
}

function monoidReduce({ of, empty, concat }: Extract<AnyCombine, { kind: 'monoid' }>): ReduceFn {
  const take = of as (value: unknown) => unknown
  const join = concat as (a: unknown, b: unknown) => unknown
  return {
    kind: 'monoid',
    isImmutable: true,
    create: () => empty,
    add: (accumulator, value) => join(accumulator, take(value)),
    merge: join,
    mergeShared: join,
    own: same,
    output: same,
    of: take,
    concat: join,
    addInput: undefined,
    compact: undefined,
    sample: undefined,
  }
}

function semigroupReduce({ of, concat }: Extract<AnyCombine, { kind: 'semigroup' }>): ReduceFn {
  const take = of as (value: unknown) => unknown
  const join = (a: unknown, b: unknown): unknown =>
    a === NOTHING ? b : b === NOTHING ? a : (concat as (a: unknown, b: unknown) => unknown)(a, b)
  return {
    kind: 'semigroup',
    isImmutable: true,
    create: () => NOTHING,
    add: (accumulator, value) => join(accumulator, take(value)),
    merge: join,
    mergeShared: join,
    own: same,
    output: same,
    of: take,
    concat: join,
    addInput: undefined,
    compact: undefined,
    sample: undefined,
  }
}

function fullReduce(
  fn: CombineFn<unknown, unknown, unknown>,
  outputCoder: Coder<unknown>,
  accumulatorCoder: Coder<unknown>,
): ReduceFn {
  return {
    kind: 'full',
    isImmutable: false,
    create: () => fn.createAccumulator(),
    add: (accumulator, value) => fn.addInput(accumulator, value),
    merge: (a, b) => fn.mergeAccumulators(a, b),
    // It may change both, and keep parts of both.
    mergeShared: (a, b) => fn.mergeAccumulators(a, copyOf(b, accumulatorCoder)),
    own: (accumulator) => copyOf(accumulator, accumulatorCoder),
    output: (accumulator, keeps) => {
      const output = fn.extractOutput(accumulator)
      return keeps && output === accumulator ? copyOf(output, outputCoder) : output
    },
    of: undefined,
    concat: undefined,
    addInput: (accumulator, value) => fn.addInput(accumulator, value),
    sample: fn.setup === undefined ? () => fn.createAccumulator() : undefined,
    compact: fn.compact === undefined ? undefined : (accumulator) => fn.compact?.(accumulator),
  }
}

/** A value that shares nothing with its original. */
function copyOf(value: unknown, coder: Coder<unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  return decodeFromBytes(coder, encodeToBytes(coder, value))
}

/** After a lifted combine the values are accumulators; they are merged, and extracted by the step that follows. */
function accumulatorReduce(combine: AnyCombine, accumulatorCoder: Coder<unknown>): ReduceFn {
  const parts =
    combine.kind === 'full'
      ? fullReduce(combine.fn as unknown as CombineFn<unknown, unknown, unknown>, null as never, accumulatorCoder)
      : undefined
  const base =
    combine.kind === 'monoid'
      ? monoidReduce(combine)
      : combine.kind === 'semigroup'
        ? semigroupReduce(combine)
        : (parts as ReduceFn)
  return {
    ...base,
    kind: 'accumulators',
    add: (accumulator, value) => base.merge(accumulator, value),
    // Only a full CombineFn may change its accumulators.
    output: (accumulator, keeps) =>
      keeps && combine.kind === 'full' ? copyOf(accumulator, accumulatorCoder) : accumulator,
    of: undefined,
    concat: undefined,
    addInput: (accumulator, value) => base.merge(accumulator, value),
  }
}
