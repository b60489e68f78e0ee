/**
 * Several combiners over the same values, in one pass.
 */
import * as t from 'io-ts'
import { type Codec, isIoTs } from '../codec.js'
import { refuseMoreArguments } from '../known-options.js'
import { refuse } from '../refuse.js'
import type { AnyCombiner, CombinerInput, CombinerOutput } from './any-combiner.js'
import { type CombineFn, toCombine } from './combine.js'
import { operationsOf } from './combine-operations.js'

/** Combiners by the name of their result. */
export type CombinerFields = Readonly<Record<string, AnyCombiner>>

/** What all the combiners take. */
export type FieldsInput<P extends CombinerFields> = {
  // One like `count()`, which does not look, takes anything.
  readonly [N in keyof P]: (input: [CombinerInput<P[N]>] extends [never] ? unknown : CombinerInput<P[N]>) => void
}[keyof P] extends (input: infer In) => void
  ? In
  : never

/** The results by name. */
export type FieldsOutput<P extends CombinerFields> = { readonly [N in keyof P]: CombinerOutput<P[N]> }

/**
 * A combiner whose result has the result of each of several in a field. With a codec in each of them, the result is
 * described too.
 *
 * @throws {PipelineError} when one of the fields is no combiner.
 * @example
 * ```ts
 * import { combineFields, count, pipeline, sum } from 'millrace'
 * pipeline()
 *   .create('numbers', [4, 5])
 *   .combineGlobally('both', combineFields({ total: sum(), count: count() })) // one element: { total: 9, count: 2 }
 * ```
 */
export function combineFields<P extends CombinerFields>(
  fields: P,
): CombineFn<FieldsInput<P>, readonly unknown[], FieldsOutput<P>>
export function combineFields<P extends CombinerFields>(
  fields: P,
  ...more: readonly unknown[]
): CombineFn<FieldsInput<P>, readonly unknown[], FieldsOutput<P>> {
  refuseMoreArguments('combineFields', more)
  const names = Object.keys(fields)
  if (names.length === 0) refuse('MR-1003', 'combineFields needs at least one combiner.')
  const parts = names.map((name) => operationsOf(toCombine(fields[name], `combineFields: ${name}`)))
  const codec = outputCodec(fields)
  return {
    createAccumulator: () => parts.map(({ create }) => create()),
    addInput: (accumulators, input) => parts.map(({ add }, i) => add(accumulators[i], input)),
    mergeAccumulators: (a, b) => parts.map(({ merge }, i) => merge(a[i], b[i])),
    extractOutput: (accumulators) =>
      Object.fromEntries(names.map((name, i) => [name, parts[i]?.extract(accumulators[i])])) as FieldsOutput<P>,
    compact: (accumulators) =>
      names.map((name, i) => {
        const { compact } = fields[name] as { readonly compact?: (accumulator: unknown) => unknown }
        return compact === undefined ? accumulators[i] : compact(accumulators[i])
      }),
    ...livesOf(fields),
    accumulator: accumulatorCodec(fields),
    ...(codec === undefined ? {} : { output: codec }),
  }
}

type Life = Pick<CombineFn<never, never, unknown>, 'setup' | 'teardown'>

/** Sets up and tears down the parts that want it, the last one first. */
function livesOf(fields: CombinerFields): Life {
  const parts = Object.values(fields) as readonly Life[]
  if (!parts.some(({ setup, teardown }) => setup !== undefined || teardown !== undefined)) return {}
  return {
    setup: async () => {
      for (const part of parts) await part.setup?.()
    },
    teardown: async () => {
      for (const part of [...parts].reverse()) await part.teardown?.()
    },
  }
}

/** A codec for the accumulators: those of the parts, as far as these are described. */
function accumulatorCodec(fields: CombinerFields): t.Mixed {
  const parts = Object.values(fields).map((combiner): t.Mixed => {
    const { codec, accumulator } = combiner as { readonly codec?: Codec; readonly accumulator?: Codec }
    const described = codec ?? accumulator
    if (described === undefined || !isIoTs(described)) return t.unknown
    // A semigroup has no value to begin with.
    return 'semigroup' in combiner ? t.array(described as unknown as t.Mixed) : (described as unknown as t.Mixed)
  })
  // Its type has a fixed number of parts; this number is the author's.
  return t.tuple(parts as unknown as [t.Mixed])
}

/** A codec for the results, if there is an io-ts codec for each of them. */
function outputCodec(fields: CombinerFields): t.Mixed | undefined {
  const props: Record<string, t.Mixed> = {}
  for (const [name, combiner] of Object.entries(fields)) {
    const { codec, output } = combiner as { readonly codec?: Codec; readonly output?: Codec }
    const described = codec ?? output
    if (described === undefined || !isIoTs(described)) return undefined
    props[name] = described as unknown as t.Mixed
  }
  return t.type(props)
}
