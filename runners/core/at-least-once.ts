/**
 * At least once by acknowledgement, as Storm does it: what a source delivers is acknowledged when everything that became of
 * it has left the pipeline, and delivered again when that does not happen. It needs no checkpoint, and so allows nothing that
 * would have to be in one.
 *
 * Law: in a pipeline that passes, whatever leaves at its ends comes from sources that acknowledge, and no step keeps anything
 * of it beyond the round.
 */
import { type BuiltPipeline, leafTransforms, type ParDoPayload, type TransformNode } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { authorPath } from '../../sdk/graph/names.js'
import type { AnySplittable } from '../../sdk/source/splittable.js'
import type { StepFunction } from '../../sdk/transforms/do-fn.js'
import { UnsupportedFeature } from '../runner.js'

/** Where the elements of a collection come from. */
interface Origin {
  /** A source that acknowledges, if there is one. */
  readonly acknowledging: string | undefined
  /** A source that does not. */
  readonly other: string | undefined
}

/** @throws {UnsupportedFeature} naming the step because of which acknowledgement is not enough. */
export function checkAcknowledged(built: BuiltPipeline, runner: string): void {
  new OriginCheck(built, runner).run()
}

class OriginCheck {
  readonly #built: BuiltPipeline
  readonly #runner: string
  readonly #origins = new Map<string, Origin>()

  constructor(built: BuiltPipeline, runner: string) {
    this.#built = built
    this.#runner = runner
  }

  run(): void {
    const leaves = leafTransforms(this.#built.graph)
    const read = new Set(leaves.flatMap(([, node]) => [...node.inputs.values()]))
    for (const [, node] of leaves) {
      const origin = this.#originOf(node)
      for (const output of node.outputs.values()) this.#origins.set(output, origin)
      // A view only gives its collection a name; whoever reads it names the collection too.
      const isEnd = node.spec !== undefined && ![...node.outputs.values()].some((output) => read.has(output))
      if (isEnd && origin.other !== undefined) {
        this.#refuse(
          origin.other,
          `cannot acknowledge what it reads, and so cannot be asked for it again. It may only be read as a side input, or name what an acknowledging source reads`,
        )
      }
    }
  }

  #originOf(node: TransformNode): Origin {
    const { spec, uniqueName: step } = node
    const mainInputs = [...node.inputs].filter(([tag]) => !this.#isSide(node, tag)).map(([, id]) => id)
    const origin = unite(mainInputs.map((id) => this.#origins.get(id)))
    switch (spec?.urn) {
      case urns.IMPULSE:
      case urns.TEST_STREAM:
        return { acknowledging: undefined, other: step }
      case urns.GROUP_BY_KEY:
      case urns.COMBINE_PRE:
        return this.#refuse(step, 'groups elements, which keeps them until their window closes')
      case urns.PAR_DO:
        return this.#parDo(node, spec.payload, origin)
      default:
        return origin
    }
  }

  #parDo(node: TransformNode, payload: ParDoPayload, origin: Origin): Origin {
    const { uniqueName: step } = node
    if (payload.stateSpecs.size > 0 || payload.timerSpecs.size > 0) this.#refuse(step, 'has state or timers')
    for (const tag of payload.sideInputs.keys()) {
      const kept = this.#origins.get(node.inputs.get(tag) ?? '')?.acknowledging
      if (kept !== undefined) this.#refuse(step, `keeps elements of the acknowledging source "${kept}" as a side input`)
    }
    const fn = this.#built.functions.resolve(payload.doFn.payload) as StepFunction | AnySplittable
    if (fn.kind !== 'splittable') return origin
    const { acknowledges, bounded } = fn.doFn
    if (acknowledges === true) {
      if (origin.acknowledging !== undefined)
        this.#refuse(step, `acknowledges what it reads, but what it reads is named by "${origin.acknowledging}"`)
      return { acknowledging: step, other: undefined }
    }
    if (origin.acknowledging === undefined) return { acknowledging: undefined, other: step }
    if (!bounded) this.#refuse(step, `never ends its work on an element of "${origin.acknowledging}"`)
    return origin
  }

  #isSide({ spec }: TransformNode, tag: string): boolean {
    return spec?.urn === urns.PAR_DO && spec.payload.sideInputs.has(tag)
  }

  #refuse(step: string, why: string): never {
    throw new UnsupportedFeature(
      'MR-6005',
      'guarantee.atLeastOnce',
      `the ${this.#runner} runner cannot promise at-least-once for pipeline "${this.#built.name}": step "${authorPath(step)}" ${why}. Use runner: 'micro-batch' with a checkpoint, which keeps what the step keeps.`,
      authorPath(step),
    )
  }
}

function unite(origins: readonly (Origin | undefined)[]): Origin {
  return {
    acknowledging: origins.find((origin) => origin?.acknowledging !== undefined)?.acknowledging,
    other: origins.find((origin) => origin?.other !== undefined)?.other,
  }
}
