/**
 * A pipeline as engines can run it. Every kind of state lies in a bag of bytes, which all engines have; every view is read whole.
 * Scripts are of bytes, which a step behind them reads; what is united has one encoding, which steps before the union see to.
 *
 * Law: the worker makes of it what the author has declared; both sides name the steps that are added alike.
 */
import { encodeToBytes } from '../../sdk/coders/index.js'
import { coderOf } from '../../sdk/graph/coders.js'
import {
  type BuiltPipeline,
  type CoderNode,
  type CollectionNode,
  leafTransforms,
  type ParDoPayload,
  type SideInputNode,
  type StateSpecNode,
  type TransformNode,
} from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { fixedWindows } from '../../sdk/windowing/window-fn.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { isUnseen, liftCombines } from '../core/lift-combines.js'
import { UnsupportedFeature } from '../runner.js'
import type { EngineName } from './engine-features.js'

/** Steps by which the worker knows functions of its own: hands on what it gets; reads bytes by the coder of a number. */
export const SAME_STEP = '$same'
export const DECODE_STEP = '$decode'
/** Combines what was grouped, as the combine of a number does. */
export const COMBINE_STEP = '$combine'

const BYTES = urns.BYTES_CODER

/** The pipeline to submit. @param isInParts whether the engine must be given the parts of combines. */
export function forEngine(built: BuiltPipeline, isInParts = false): BuiltPipeline {
  return (isInParts ? new Rewriting(liftCombines(built, isUnseen), built) : new Rewriting(built, undefined)).run()
}

/**
 * Prism closes windows that still grow where their input has no end: of a stream of 20,000 flights it made 8,589 sessions where there
 * are 8,469. Where input ends it merges them rightly.
 *
 * @throws {UnsupportedFeature} when it would be given such a stream.
 */
export function refuseMergingStreams(built: BuiltPipeline, name: EngineName): void {
  if (name !== 'prism') return
  const { collections, windowingStrategies } = built.graph.components
  for (const [, { spec, inputs, uniqueName: step }] of leafTransforms(built.graph)) {
    if (spec?.urn !== urns.GROUP_BY_KEY) continue
    const input = collections.get(inputs.get('in') ?? '')
    if (input === undefined || input.isBounded) continue
    if (windowingStrategies.get(input.windowingStrategyId)?.mergeStatus !== 'needsMerge') continue
    throw new UnsupportedFeature(
      'MR-6001',
      'windows.merging',
      `the prism runner cannot run pipeline "${built.name}": it does not support windows.merging in a stream (step "${step}"), since it closes sessions that go on. Give the step a source that ends, or run the pipeline on flink.`,
      step,
    )
  }
}

/** Number of a transform, by which both sides name it. */
export function transformNumber(built: BuiltPipeline, id: string): number {
  return [...built.graph.components.transforms.keys()].indexOf(id)
}

/** Number of a coder, by which both sides name it. */
export function coderNumber(built: BuiltPipeline, coderId: string): number {
  return [...built.graph.components.coders.keys()].indexOf(coderId)
}

class Rewriting {
  readonly #built: BuiltPipeline
  /** As the worker knows the pipeline, where combines go in parts. */
  readonly #whole: BuiltPipeline | undefined
  readonly #transforms = new Map<string, TransformNode>()
  readonly #collections: Map<string, CollectionNode>
  readonly #coders: Map<string, CoderNode>
  /** Collections that a splittable step reads. */
  readonly #cut = new Set<string>()
  /** What stands for a transform now, where it is several. */
  readonly #insteadOf = new Map<string, readonly string[]>()

  constructor(built: BuiltPipeline, whole: BuiltPipeline | undefined) {
    this.#built = built
    this.#whole = whole
    const { collections, coders } = built.graph.components
    this.#collections = new Map(collections)
    this.#coders = new Map(coders)
    if (!this.#coders.has(BYTES))
      this.#coders.set(BYTES, { urn: BYTES, componentCoderIds: [], reference: undefined, codecName: undefined })
  }

  run(): BuiltPipeline {
    const { components, rootTransformIds } = this.#built.graph
    for (const [id, node] of components.transforms) {
      switch (node.spec?.urn) {
        case urns.PAR_DO:
          this.#transforms.set(id, plainParDo(this.#alone(id, node, node.spec.payload), node.spec.payload))
          break
        case urns.TEST_STREAM:
          this.#script(id, node)
          break
        case urns.FLATTEN:
          this.#union(id, node)
          break
        case urns.COMBINE_GROUPED:
          this.#transforms.set(id, this.#combined(id, node))
          break
        default:
          this.#transforms.set(id, node)
      }
    }
    const expanded = (ids: readonly string[]): readonly string[] => ids.flatMap((id) => this.#insteadOf.get(id) ?? [id])
    for (const [id, node] of this.#transforms)
      if (node.subtransforms.length > 0)
        this.#transforms.set(id, { ...node, subtransforms: expanded(node.subtransforms) })
    const windowingStrategies = new Map(
      [...components.windowingStrategies].map(([id, strategy]) => [id, asIntervals(strategy)] as const),
    )
    const own = {
      windowingStrategies,
      transforms: this.#transforms,
      collections: this.#collections,
      coders: this.#coders,
    }
    return {
      ...this.#built,
      graph: { components: { ...components, ...own }, rootTransformIds: expanded(rootTransformIds) },
    }
  }

  /** A script of bytes, and a step that reads them. */
  #script(id: string, node: TransformNode): void {
    if (node.spec?.urn !== urns.TEST_STREAM) return
    const { coderId, events } = node.spec.payload
    const outputId = node.outputs.get('out') as string
    const bytesId = `${id}/$bytes.out`
    const coder = coderOf(this.#built, coderId)
    const encoded = events.map(
      (event) =>
      event.kind !== 'elements'
        ? event
        : { ...event, elements: event.elements.map((each) => ({ ...each, value: encodeToBytes(coder, each.value, true) })) }, // prettier-ignore
    )
    this.#like(outputId, bytesId, BYTES)
    this.#transforms.set(id, {
      ...node,
      spec: { urn: urns.TEST_STREAM, payload: { coderId: BYTES, events: encoded } },
      outputs: new Map([['out', bytesId]]),
    })
    const reader = `${id}/$decode`
    this.#step(reader, { step: DECODE_STEP, index: coderNumber(this.#built, coderId) }, bytesId, outputId, node)
    this.#insteadOf.set(id, [id, reader])
  }

  /** A union of collections that are encoded as the union is. */
  #union(id: string, node: TransformNode): void {
    const outputId = node.outputs.get('out') as string
    const coderId = this.#collections.get(outputId)?.coderId ?? ''
    const before: string[] = []
    const inputs = [...node.inputs].map(([tag, inputId]): [string, string] => {
      if (this.#collections.get(inputId)?.coderId === coderId) return [tag, inputId]
      const step = `${id}/$encode ${tag}`
      this.#like(inputId, `${step}.out`, coderId)
      this.#step(step, { step: SAME_STEP, index: 0 }, inputId, `${step}.out`, node)
      before.push(step)
      return [tag, `${step}.out`]
    })
    this.#transforms.set(id, { ...node, inputs: new Map(inputs) })
    if (before.length > 0) this.#insteadOf.set(id, [...before, id])
  }

  /**
   * Flink names what it makes of a splittable step by its input, and by the coder of that, and forgets of two that have one name. So each
   * has an input of its own, with a coder of its own.
   */
  #alone(id: string, node: TransformNode, { restrictionCoderId }: ParDoPayload): TransformNode {
    const inputId = node.inputs.get('in') as string
    const input = this.#collections.get(inputId)
    if (restrictionCoderId === '' || input === undefined) return node
    const coderId = `${input.coderId} of ${id}`
    this.#coders.set(coderId, this.#coders.get(input.coderId) as CoderNode)
    if (!this.#cut.has(inputId)) {
      this.#cut.add(inputId)
      this.#like(inputId, inputId, coderId)
      return node
    }
    const step = `${id}/$alone`
    this.#like(inputId, `${step}.out`, coderId)
    this.#step(step, { step: SAME_STEP, index: 0 }, inputId, `${step}.out`, node)
    this.#insteadOf.set(id, [step, id])
    return { ...node, inputs: new Map([...node.inputs, ['in', `${step}.out`]]) }
  }

  /** Values of a group, combined by a step: engines that take combines in parts know no such part. */
  #combined(id: string, node: TransformNode): TransformNode {
    if (this.#whole === undefined) return node
    const payload = workerStep(COMBINE_STEP, transformNumber(this.#whole, id))
    return { ...node, spec: { urn: urns.PAR_DO, payload } }
  }

  #like(collectionId: string, id: string, coderId: string): void {
    const collection = this.#collections.get(collectionId)
    if (collection !== undefined) this.#collections.set(id, { ...collection, uniqueName: id === collectionId ? collection.uniqueName : id, coderId }) // prettier-ignore
  }

  #step(
    id: string,
    { step, index }: { readonly step: string; readonly index: number },
    inputId: string,
    outputId: string,
    { source }: TransformNode,
  ): void {
    this.#transforms.set(id, {
      uniqueName: id,
      spec: { urn: urns.PAR_DO, payload: workerStep(step, index) },
      subtransforms: [],
      inputs: new Map([['in', inputId]]),
      outputs: new Map([['out', outputId]]),
      source,
    })
  }
}

/**
 * Engines merge sessions that were merged already, and do not know windows of the calendar and of authors, which the worker assigns.
 * Windows of two ends that nobody may merge they leave alone, whatever their ends are.
 */
function asIntervals(strategy: WindowingStrategy): WindowingStrategy {
  if (strategy.mergeStatus !== 'alreadyMerged' && !isOurs(strategy)) return strategy
  return { ...strategy, windowFn: fixedWindows(1), mergeStatus: 'nonMerging' }
}

/** Whether windows are of a kind that engines do not know. */
export function isOurs({ windowFn }: WindowingStrategy): boolean {
  return windowFn.payload.kind === 'calendar' || windowFn.payload.kind === 'custom'
}

/** The payload of a step whose function is the worker's own. */
export function workerStep(step: string, index: number): ParDoPayload {
  return {
    doFn: { urn: urns.USER_FUNCTION, payload: { step, role: 'process', index } },
    sideInputs: new Map(),
    stateSpecs: new Map(),
    timerSpecs: new Map(),
    restrictionCoderId: '',
    onWindowExpiration: false,
    requestsFinalization: false,
    requiresTimeSortedInput: false,
    requiresStableInput: false,
    delivery: undefined,
  }
}

function plainParDo(node: TransformNode, declared: ParDoPayload): TransformNode {
  const payload: ParDoPayload = {
    ...declared,
    stateSpecs: new Map(
      [...declared.stateSpecs.keys()].map((name): [string, StateSpecNode] => [
        name,
        { kind: 'bag', elementCoderId: BYTES },
      ]),
    ),
    sideInputs: new Map(
      [...declared.sideInputs].map(([tag, side]): [string, SideInputNode] => [
        tag,
        { ...side, accessPattern: urns.SIDE_ITERABLE },
      ]),
    ),
  }
  return { ...node, spec: { urn: urns.PAR_DO, payload } }
}
