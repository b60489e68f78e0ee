/**
 * Combiners that hold something from outside, such as a dictionary: set up before anything runs, torn down after everything.
 * One combiner stands in several stages (before the grouping, in it, after it), and lives once for all of them.
 *
 * Law: what was set up, or has failed to be, is torn down, the last one first.
 */
import { UserCodeError } from '../../sdk/errors.js'
import type { BuiltPipeline, FunctionSpec } from '../../sdk/graph/model.js'
import type { AnyCombine, CombineFn } from '../../sdk/transforms/combine.js'

interface Life {
  readonly step: string
  readonly fn: Pick<CombineFn<never, never, unknown>, 'setup' | 'teardown'>
}

/** The lives of a pipeline's combiners, in this process. */
export class CombinerLives {
  readonly #lives: readonly Life[]
  readonly #begun: Life[] = []

  constructor(built: BuiltPipeline) {
    this.#lives = livesOf(built)
  }

  /** Begins them, in the order of their steps. */
  async setup(): Promise<void> {
    for (const life of this.#lives) {
      this.#begun.push(life)
      try {
        await life.fn.setup?.()
      } catch (cause) {
        throw new UserCodeError({ step: life.step, call: 'setup', cause })
      }
    }
  }

  /** Ends those that have begun. @throws the first failure, after all have been told. */
  async teardown(): Promise<void> {
    let failure: unknown
    for (let life = this.#begun.pop(); life !== undefined; life = this.#begun.pop()) {
      try {
        await life.fn.teardown?.()
      } catch (cause) {
        failure ??= new UserCodeError({ step: life.step, call: 'teardown', cause })
      }
    }
    if (failure !== undefined) throw failure
  }
}

/** Those that want to be told, each once: copies of a combiner have the functions of the original. */
function livesOf({ graph, functions }: BuiltPipeline): readonly Life[] {
  const seen = new Set<unknown>()
  return combineFnsOf(graph).flatMap(({ payload }): readonly Life[] => {
    const combine = functions.resolve(payload) as AnyCombine
    if (combine.kind !== 'full') return []
    const { setup, teardown } = combine.fn
    const identity = setup ?? teardown
    if (identity === undefined || seen.has(identity)) return []
    seen.add(identity)
    return [{ step: payload.step, fn: combine.fn }]
  })
}

function combineFnsOf({ components }: BuiltPipeline['graph']): readonly FunctionSpec[] {
  return [...components.transforms.values()].flatMap(({ spec }): readonly FunctionSpec[] => {
    if (spec === undefined || !('payload' in spec)) return []
    if ('combineFn' in spec.payload) return [spec.payload.combineFn]
    if (!('stateSpecs' in spec.payload)) return []
    return [...spec.payload.stateSpecs.values()].flatMap((state) =>
      state.kind === 'combining' ? [state.combineFn] : [],
    )
  })
}
