/**
 * checkCombineFn: the laws that a runner relies on when it combines, tried on an author's combiner. A runner may combine
 * parts first, in any order and bracketing, send accumulators through their coder, compact them, and merge in ones that
 * have seen nothing; none of that may change what comes out.
 */
import type { Codec } from '../codec.js'
import { coderOfCodec } from '../graph/coders.js'
import { seededRandom } from '../env.js'
import { dynamicCoder } from '../coders/index.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { type AnyCombine, type Combiner, type CombineFn, toCombine } from '../transforms/combine.js'
import { below, type LawOptions, type LawReport, Laws, roundTrip, shuffled, trialsOf } from './laws.js'
import { identityOf, sameValue } from './same-value.js'

/** Options of {@link checkCombineFn}. */
export interface CombineCheckOptions<In> extends LawOptions {
  /** What is combined: values to choose from, or a function that makes one from a random number generator (in [0, 1)). */
  readonly inputs: readonly In[] | ((random: () => number) => In)
  /** Most inputs of a trial. Default 8. */
  readonly maxInputs?: number
  /** How far numbers of outputs may lie apart: additions of fractions depend on their order. Default 0. */
  readonly tolerance?: number
}

/** A combiner in one form. */
interface Steps {
  readonly create: (() => unknown) | undefined
  readonly first: (input: unknown) => unknown
  readonly add: (accumulator: unknown, input: unknown) => unknown
  readonly merge: (a: unknown, b: unknown) => unknown
  readonly extract: (accumulator: unknown) => unknown
  readonly compact: ((accumulator: unknown) => unknown) | undefined
  /** Whether the combiner may change accumulators in place. */
  readonly changes: boolean
}

/**
 * Checks a combiner on random inputs: that it does not matter how parts are bracketed, in which order inputs come, whether
 * accumulators go through their coder, are compacted or merged with fresh ones, and that nothing is shared that is
 * changed.
 *
 * @throws {LawBroken} naming the first law that does not hold, with the inputs that show it.
 * @example
 * ```ts
 * import { mean } from 'millrace'
 * import { checkCombineFn } from 'millrace/testing'
 * checkCombineFn(mean(), { inputs: [1, 2, 4] }).checked.get('the order of inputs does not matter') // => 100
 * ```
 */
export function checkCombineFn<In, Acc, Out>(
  combiner: Combiner<In, Acc, Out>,
  options: CombineCheckOptions<In>,
): LawReport {
  const { inputs, maxInputs = 8, tolerance = 0 } = options
  const { trials, seed } = trialsOf(options)
  const steps = stepsOf(toCombine(combiner, 'checkCombineFn'))
  const { accumulator, codec } = combiner as { readonly accumulator?: Codec; readonly codec?: Codec }
  const described = accumulator ?? codec
  const coder = described === undefined ? dynamicCoder : coderOfCodec(described)
  const random = seededRandom(seed)
  const draw = typeof inputs === 'function' ? () => inputs(random) : () => inputs[below(random, inputs.length)] as In
  if (typeof inputs !== 'function' && inputs.length === 0) refuse('MR-8008', 'checkCombineFn needs inputs to combine.')
  const laws = new Laws()
  for (let trial = 0; trial < trials; trial++) {
    const least = steps.create === undefined ? 1 : 0
    const values = Array.from({ length: least + below(random, maxInputs + 1 - least) }, draw)
    const about = (): string => `inputs ${preview(values, 400)}`
    const expected = steps.extract(gather(steps, values))
    const same = (accumulator: unknown): string | undefined => {
      const output = steps.extract(accumulator)
      return sameValue(expected, output, tolerance)
        ? undefined
        : `${preview(expected)} when added one by one, ${preview(output)} this way`
    }
    laws.hold('the same inputs give the same output', about, () => same(gather(steps, values)))
    laws.hold('the order of inputs does not matter', about, () => same(gather(steps, shuffled(values, random))))
    laws.hold('parts may be combined first and merged, however they are bracketed', about, () =>
      same(bracketed(steps, values, random, (part) => part)),
    )
    laws.hold('parts may be merged in any order', about, () => same(bracketed(steps, shuffled(values, random), random, (part) => part))) // prettier-ignore
    laws.hold('accumulators may go through their coder', about, () =>
      same(bracketed(steps, values, random, (part) => roundTrip(coder, part))),
    )
    const { create, compact } = steps
    if (create !== undefined)
      laws.hold('merging with an accumulator of no input changes nothing', about, () =>
        same(
          bracketed(steps, values, random, (part) =>
            random() < 0.5 ? steps.merge(part, create()) : steps.merge(create(), part),
          ),
        ),
      )
    if (compact !== undefined)
      laws.hold('accumulators may be compacted at any time', about, () =>
        same(bracketed(steps, values, random, (part) => (random() < 0.5 ? compact(part) : compact(compact(part))))),
      )
    checkSharing(laws, steps, values, draw, about)
  }
  return laws.report()
}

/** What is changed in place must belong to one accumulator alone. */
function checkSharing(
  laws: Laws,
  steps: Steps,
  values: readonly unknown[],
  draw: () => unknown,
  about: () => string,
): void {
  const { create, changes } = steps
  if (create !== undefined)
    laws.hold('a new accumulator has seen nothing, whatever others have seen', about, () => {
      const before = identityOf(steps.extract(create()))
      gather(steps, [...values, draw()])
      return identityOf(steps.extract(create())) === before ? undefined : 'a new one knows inputs of an earlier one'
    })
  if (changes) {
    laws.hold('an output stays as it is when its accumulator goes on', about, () => {
      const accumulator = gather(steps, values)
      const output = steps.extract(accumulator)
      // An output that is the accumulator itself is copied by the runner.
      if (output === accumulator) return undefined
      const before = identityOf(output)
      steps.add(accumulator, draw())
      return identityOf(output) === before ? undefined : 'a further input changed an output that was given out'
    })
    return
  }
  laws.hold('concat changes neither of its arguments', about, () => {
    const a = gather(steps, values)
    const b = steps.first(draw())
    const before = [identityOf(a), identityOf(b)]
    steps.merge(a, b)
    return identityOf(a) === before[0] && identityOf(b) === before[1] ? undefined : 'an argument was changed'
  })
}

/** Adds inputs to one accumulator. */
function gather(steps: Steps, values: readonly unknown[]): unknown {
  if (steps.create !== undefined) return values.reduce(steps.add, steps.create())
  const [first, ...rest] = values
  return rest.reduce(steps.add, steps.first(first))
}

/** Cuts inputs into parts, combines each, and merges neighbours until one is left, with `between` done to each on the way. */
function bracketed(
  steps: Steps,
  values: readonly unknown[],
  random: () => number,
  between: (accumulator: unknown) => unknown,
): unknown {
  const parts: unknown[] = []
  for (let from = 0; from < values.length;) {
    const to = from + 1 + below(random, values.length - from)
    parts.push(between(gather(steps, values.slice(from, to))))
    from = to
  }
  if (steps.create !== undefined && (parts.length === 0 || random() < 0.3)) parts.push(between(steps.create()))
  while (parts.length > 1) {
    const at = below(random, parts.length - 1)
    parts.splice(at, 2, between(steps.merge(parts[at], parts[at + 1])))
  }
  return parts[0]
}

function stepsOf(combine: AnyCombine): Steps {
  if (combine.kind === 'full') {
    const fn = combine.fn as unknown as CombineFn<unknown, unknown, unknown>
    return {
      create: () => fn.createAccumulator(),
      first: (input) => fn.addInput(fn.createAccumulator(), input),
      add: (accumulator, input) => fn.addInput(accumulator, input),
      merge: (a, b) => fn.mergeAccumulators(a, b),
      extract: (accumulator) => fn.extractOutput(accumulator),
      compact: fn.compact === undefined ? undefined : (accumulator) => fn.compact?.(accumulator),
      changes: true,
    }
  }
  const of = combine.of as (input: unknown) => unknown
  const concat = combine.concat as (a: unknown, b: unknown) => unknown
  return {
    create: combine.kind === 'monoid' ? () => combine.empty : undefined,
    first: of,
    add: (accumulator, input) => concat(accumulator, of(input)),
    merge: concat,
    extract: (accumulator) => accumulator,
    compact: undefined,
    changes: false,
  }
}
