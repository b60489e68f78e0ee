/**
 * Combining: reducing many values to one by an associative and commutative operation, so that a runner may reduce parts
 * first and merge the results (*lifting*).
 *
 * Law (checked by nobody at run time, relied on everywhere): with `a` any accumulator, merging in any order and any
 * bracketing gives the same output, and merging a fresh accumulator changes nothing.
 */
import type { Monoid } from 'fp-ts/lib/Monoid.js'
import type { Semigroup } from 'fp-ts/lib/Semigroup.js'
import type { Codec } from '../codec.js'
import { type CollectionRef, type GraphBuilder, reservedName, type StepName, userFunction } from '../graph/builder.js'
import { authorPath, COMBINE_OF_ALL } from '../graph/names.js'
import type { CoderTable } from '../graph/coder-table.js'
import * as urns from '../graph/urns.js'
import { refuseUnknownOptions } from '../known-options.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { BoundedWindow } from '../windowing/window.js'
import { addImpulse } from './impulse.js'
import { addConstantKey, addValues } from './element-wise.js'
import { addFlatten } from './flatten.js'
import { addGroupByKey } from './group-by-key.js'
import { checkGroupable, takesChanges, warnOfCountingTwice } from './groupable.js'
import { addStep } from './step.js'

/** Reduces inputs `In` through accumulators `Acc` to an output `Out`. Accumulators may be changed in place. */
export interface CombineFn<In, Acc, Out> {
  /** The accumulator of no input. */
  readonly createAccumulator: () => Acc
  /** Takes one input into account. */
  readonly addInput: (accumulator: Acc, input: In) => Acc
  /** The accumulator of both inputs together. */
  readonly mergeAccumulators: (a: Acc, b: Acc) => Acc
  /** What an accumulator amounts to. */
  readonly extractOutput: (accumulator: Acc) => Out
  /** Makes an accumulator smaller before it is stored or sent. Default: leaves it. */
  readonly compact?: (accumulator: Acc) => Acc
  /** Called once in each process before the first of the functions above, such as to load a dictionary. */
  readonly setup?: () => void | Promise<void>
  /** Called once in each process after the last of them, also when the run fails. */
  readonly teardown?: () => void | Promise<void>
  /** Describes accumulators. Default: the dynamic coder. */
  readonly accumulator?: Codec
  /** Describes outputs. Default: the dynamic coder. */
  readonly output?: Codec
}

/** Combining by an fp-ts monoid: `of` takes the part of each value that is combined. */
export interface MonoidCombine<In, A> {
  /** The part that is combined. */
  readonly of: (input: In) => A
  /** How two parts make one, and the part that changes nothing. */
  readonly monoid: Monoid<A>
  /** Describes the parts. Default: the dynamic coder. */
  readonly codec?: Codec
}

/** Combining by an fp-ts semigroup; a key always has a first value, so no empty one is needed. */
export interface SemigroupCombine<In, A> {
  /** The part that is combined. */
  readonly of: (input: In) => A
  /** How two parts make one. */
  readonly semigroup: Semigroup<A>
  /** Describes the parts. Default: the dynamic coder. */
  readonly codec?: Codec
  /** Whether the result is always one of the values themselves, such as the smallest: then it is described as they are. */
  readonly selects?: boolean
}

/** What `combinePerKey` takes. */
export type Combiner<In, Acc, Out> = CombineFn<In, Acc, Out> | MonoidCombine<In, Out> | SemigroupCombine<In, Out>

/** A combiner as the engine sees it. `kind` lets the stage compiler write the operation out. */
export type AnyCombine =
  | {
      readonly kind: 'monoid'
      readonly of: (input: never) => unknown
      readonly empty: unknown
      readonly concat: (a: never, b: never) => unknown
    }
  | {
      readonly kind: 'semigroup'
      readonly of: (input: never) => unknown
      readonly concat: (a: never, b: never) => unknown
    }
  | { readonly kind: 'full'; readonly fn: CombineFn<never, never, unknown> }

/** Normal form of whatever an author gave as a combiner. */
export function toCombine(combiner: unknown, step: string): AnyCombine {
  if (typeof combiner === 'object' && combiner !== null) {
    if ('sides' in combiner)
      refuse(
        'MR-1014',
        `step "${step}" combines with side inputs, which a combiner cannot read: parts are reduced where the window's view may not be there yet. Read the view in a step before it and put what it says into the values.`,
        step,
      )
    const c = combiner as Partial<
      MonoidCombine<never, unknown> & SemigroupCombine<never, unknown> & CombineFn<never, never, unknown>
    >
    if (typeof c.of === 'function' && typeof c.monoid?.concat === 'function') {
      return {
        kind: 'monoid',
        of: c.of,
        empty: c.monoid.empty,
        concat: c.monoid.concat,
      }
    }
    if (typeof c.of === 'function' && typeof c.semigroup?.concat === 'function') {
      return { kind: 'semigroup', of: c.of, concat: c.semigroup.concat }
    }
    if (
      typeof c.createAccumulator === 'function' &&
      typeof c.addInput === 'function' &&
      typeof c.mergeAccumulators === 'function' &&
      typeof c.extractOutput === 'function'
    ) {
      return { kind: 'full', fn: combiner as CombineFn<never, never, unknown> }
    }
  }
  return refuse(
    'MR-1013',
    `step "${step}" combines with something that is no combiner. Give { of, monoid }, { of, semigroup }, or a CombineFn with createAccumulator, addInput, mergeAccumulators and extractOutput.`,
    step,
  )
}

/** Options of a combine over everything. */
export interface CombineGloballyOptions<Out> {
  /**
   * What an input without elements gives. Default: the combiner's own result for no input in the global window, and
   * nothing in other windows, where nobody could say which empty windows exist.
   */
  readonly whenEmpty?: { readonly emit: Out } | 'nothing'
}

/** Adds the combine; a step of the SDK that is made of one has checked, under the author's name, that there may be one. */
export function addCombinePerKey(input: CollectionRef, name: StepName, combiner: unknown): CollectionRef {
  const { builder } = input
  const path = builder.pathOf(name)
  if (typeof name === 'string') {
    checkGroupable(input, path)
    warnOfCountingTwice(input, path, combiner)
  }
  const combine = toCombine(combiner, path)
  const { [expansion]: expand } = combiner as { readonly [expansion]?: CombineExpansion }
  if (expand !== undefined) return expand(input, name, combine)
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  const combineFn = userFunction(path, 'combine')
  return builder.scoped(
    name,
    [input],
    () => {
      builder.register(combineFn.payload, combine)
      const coders = codersOf(builder, path, combiner, valueCoder)
      const payload = { combineFn, accumulatorCoderId: coders.accumulator }
      builder.specify(path, { urn: urns.COMBINE_PER_KEY, payload })
      const grouped = addGroupByKey(input, reservedName('group'), takesChanges(combiner))
      return builder.leaf({
        name: reservedName('combine'),
        inputs: new Map([['in', grouped.id]]),
        outputs: [
          {
            tag: 'out',
            coderId: builder.coders.kv(keyCoder, coders.output),
            strategy: builder.strategyOf(grouped),
            isBounded: builder.collection(grouped.id).isBounded,
          },
        ],
        spec: { urn: urns.COMBINE_GROUPED, payload },
      })[0] as CollectionRef
    },
    (out) => [out],
  )
}

/** Under this name a combiner says that its combine is several steps. */
export const expansion: unique symbol = Symbol('how a combine is put together')

/** Adds the steps of such a combine. */
export type CombineExpansion = (input: CollectionRef, name: StepName, combine: AnyCombine) => CollectionRef

/** Under this name a combiner of the SDK's own says how its accumulators and outputs are encoded, given the values' coder. */
export const partCoders: unique symbol = Symbol('how a combiner encodes its parts')

/** Ids of the coders of accumulators and outputs. */
export interface PartCoders {
  readonly accumulator: string
  readonly output: string
}

/** How accumulators and outputs are encoded. */
export function codersOf({ coders }: GraphBuilder, path: string, combiner: unknown, valueCoder: string): PartCoders {
  const { [partCoders]: own } = combiner as {
    readonly [partCoders]?: (coders: CoderTable, valueCoder: string) => PartCoders
  }
  if (own !== undefined) return own(coders, valueCoder)
  const { codec, selects, accumulator, output } = combiner as {
    readonly [N in 'codec' | 'accumulator' | 'output']?: Codec
  } & { readonly selects?: boolean }
  if (codec === undefined && selects === true) return { accumulator: valueCoder, output: valueCoder }
  return { accumulator: coders.codec(path, 0, codec ?? accumulator), output: coders.codec(path, 1, codec ?? output) }
}

export function addCombineGlobally(
  input: CollectionRef,
  name: StepName,
  combiner: unknown,
  options: CombineGloballyOptions<unknown> = {},
): CollectionRef {
  const { builder } = input
  const path = authorPath(builder.pathOf(name))
  checkGroupable(input, path)
  refuseUnknownOptions(`combineGlobally "${path}"`, options, { whenEmpty: true }, path)
  warnOfCountingTwice(input, path, combiner)
  const combine = toCombine(combiner, path)
  const strategy = builder.strategyOf(input)
  const isGlobal = strategy.windowFn.payload.kind === 'global'
  const { whenEmpty } = options
  const isKnown = whenEmpty === undefined || whenEmpty === 'nothing'
  if (!isKnown && (typeof whenEmpty !== 'object' || whenEmpty === null || !('emit' in whenEmpty)))
    refuse(
      'MR-1002',
      `whenEmpty of combineGlobally "${path}" must be 'nothing' or { emit: value }, but is ${preview(whenEmpty)}.`,
      path,
    )
  if (typeof whenEmpty === 'object' && !isGlobal) {
    refuse(
      'MR-2018',
      `combineGlobally "${path}" is to emit a value for empty windows, but ${strategy.windowFn.description} have no list of windows to be empty. Leave whenEmpty out, or read the result as a view with a default.`,
      path,
    )
  }
  return builder.scoped(
    name,
    [input],
    () => {
      const keyed = addConstantKey(input)
      const combined = addCombinePerKey(keyed, reservedName(COMBINE_OF_ALL), combiner)
      const values = addValues(combined, reservedName('value'))
      const empty = emptyResult(combine, whenEmpty, isGlobal)
      return empty === undefined ? values : withDefault(values, empty)
    },
    (out) => [out],
  )
}

function emptyResult(
  combine: AnyCombine,
  whenEmpty: CombineGloballyOptions<unknown>['whenEmpty'],
  isGlobal: boolean,
): (() => unknown) | undefined {
  if (whenEmpty === 'nothing' || !isGlobal) return undefined
  if (whenEmpty !== undefined) return () => whenEmpty.emit
  if (combine.kind === 'monoid') return () => combine.empty
  if (combine.kind === 'semigroup') return undefined
  // When it runs: before that, the combiner is not set up.
  return () => combine.fn.extractOutput(combine.fn.createAccumulator())
}

/** What the default's step sees; written out because the engine's types are not inferred here. */
interface DefaultContext {
  readonly sides: { readonly combined: Iterable<unknown> }
  readonly emit: (value: unknown, timestamp: number) => void
  readonly window: BoundedWindow
}

/** Adds the default of an empty input: a step that reads the combined values as a side input and speaks if there are none. */
function withDefault(values: CollectionRef, value: () => unknown): CollectionRef {
  const { builder } = values
  const viewFn = { kind: 'iterable', name: '$combined', hasDefault: false, defaultValue: undefined } as const
  const sides = { combined: { name: '$combined', collectionId: values.id, builder, viewFn } }
  const process = (_element: unknown, { sides: { combined }, emit, window }: DefaultContext): void => {
    const isEmpty = combined[Symbol.iterator]().next().done === true
    if (isEmpty) emit(value(), window.maxTimestamp)
  }
  const [fallback] = addStep(addImpulse(builder, reservedName('impulse')), {
    name: reservedName('default'),
    sides,
    fn: {
      kind: 'doFn',
      tags: ['out'],
      allowedSkewMillis: 0,
      options: {},
      doFn: { sides, process: process },
    },
    outputs: () => [
      { tag: 'out', coderId: builder.collection(values.id).coderId, strategy: builder.strategyOf(values) },
    ],
  })
  return addFlatten(builder, reservedName('withDefault'), [values, fallback as CollectionRef])
}
