/**
 * Fusion cuts the graph into stages: steps that only look at one element at a time run in the stage that makes their
 * input; a step that needs all elements of a key, a side input, or a restriction of its own begins a new one.
 *
 * Law: a step is never fused with anything its own side input depends on, because a step with side inputs begins its
 * stage and the stages are topologically ordered.
 */
import { PipelineError } from '../../sdk/errors.js'
import {
  type BuiltPipeline,
  type CollectionNode,
  leafTransforms,
  type ParDoPayload,
  type TransformNode,
} from '../../sdk/graph/model.js'
import { authorPath } from '../../sdk/graph/names.js'
import * as urns from '../../sdk/graph/urns.js'
import { invariant } from '../../sdk/invariant.js'
import type { AnySplittable } from '../../sdk/source/splittable.js'
import type { AnyCombine } from '../../sdk/transforms/combine.js'
import type { StepFunction } from '../../sdk/transforms/do-fn.js'
import { LATE_TAG } from '../../sdk/transforms/late-data.js'
import { ERRORS_TAG } from '../../sdk/transforms/step.js'
import type { ViewFn } from '../../sdk/transforms/views.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { afterDelivery } from './after-delivery.js'
import type { Operator, Output, ParDoOperator, SideInput, Stage, StagedPipeline, StageRoot, StepInfo } from './stage.js'

interface OpenStage {
  readonly id: number
  readonly name: string
  root: StageRoot
  readonly operators: Operator[]
  readonly made: Output[]
}

/** Cuts a pipeline into stages. */
export function fuse(built: BuiltPipeline): StagedPipeline {
  let staged = STAGED.get(built)
  if (staged === undefined) STAGED.set(built, (staged = new Fusion(afterDelivery(built)).run()))
  return staged
}

/** Neither changes once it is made, and a driver, its store and workers in its own process all ask. */
const STAGED = new WeakMap<BuiltPipeline, StagedPipeline>()

class Fusion {
  readonly #built: BuiltPipeline
  readonly #stages: OpenStage[] = []
  readonly #producer = new Map<string, OpenStage>()
  readonly #outputs = new Map<string, Output>()
  readonly #steps: StepInfo[] = []
  readonly #consumersOf = new Map<string, string[]>()

  constructor(built: BuiltPipeline) {
    this.#built = built
  }

  run(): StagedPipeline {
    const leaves = leafTransforms(this.#built.graph)
    for (const [id, node] of leaves) {
      for (const input of node.inputs.values()) {
        const consumers = this.#consumersOf.get(input)
        if (consumers === undefined) this.#consumersOf.set(input, [id])
        else consumers.push(id)
      }
    }
    for (const [, node] of leaves) this.#place(node)
    return {
      built: this.#built,
      stages: this.#stages.map((stage): Stage => ({
        id: stage.id,
        name: stage.name,
        root: stage.root,
        operators: stage.operators,
        crossing: stage.made.filter((output) => output.crossesStages),
      })),
      producer: new Map([...this.#producer].map(([id, stage]) => [id, stage.id])),
      outputs: this.#outputs,
      steps: this.#steps,
      collectionCount: this.#outputs.size,
    }
  }

  #place(node: TransformNode): void {
    const { spec } = node
    if (spec === undefined) return
    const info: StepInfo = {
      index: this.#steps.length,
      id: node.uniqueName,
      path: authorPath(node.uniqueName),
      source: node.source,
    }
    this.#steps.push(info)
    switch (spec.urn) {
      case urns.IMPULSE:
        this.#open(info, (stage) => ({ kind: 'impulse', info, output: this.#output(stage, node, 'out') }))
        return
      case urns.TEST_STREAM:
        this.#open(info, (stage) => ({
          kind: 'testStream',
          info,
          payload: spec.payload,
          output: this.#output(stage, node, 'out'),
        }))
        return
      case urns.GROUP_BY_KEY:
        this.#placeGrouping(node, info)
        return
      case urns.PAR_DO:
        this.#placeParDo(node, info)
        return
      case urns.WINDOW_INTO:
        this.#fuseInto(node, (stage) => ({
          kind: 'window',
          info,
          windowFn: spec.payload.windowFn,
          severalBefore: !this.#strategy(this.#input(node)).windowFn.assignsToOneWindow,
          outputs: [this.#output(stage, node, 'out', info)],
        }))
        return
      case urns.FLATTEN:
        this.#placeFlatten(node, info)
        return
      case urns.RESHUFFLE:
      case urns.EXTERNAL:
        this.#open(info, (stage) => {
          const inputs = this.#cross(node)
          return { kind: 'edge', info, inputs, output: this.#output(stage, node, 'out') }
        })
        return
      case urns.COMBINE_PRE:
        this.#fuseInto(node, (stage) => ({
          kind: 'precombine',
          info,
          combine: this.#resolve<AnyCombine>(spec.payload.combineFn.payload),
          strategy: this.#strategy(this.#input(node)),
          keyCoderId: this.#keyedCoders(this.#input(node))[0],
          outputs: [this.#output(stage, node, 'out')],
        }))
        return
      case urns.COMBINE_EXTRACT:
        this.#fuseInto(node, (stage) => ({
          kind: 'extract',
          info,
          combine: this.#resolve<AnyCombine>(spec.payload.combineFn.payload),
          outputs: [this.#output(stage, node, 'out', info)],
        }))
        return
      case urns.COMBINE_GROUPED:
      case urns.COMBINE_MERGE:
        // Part of the grouping before it, which has reduced the values already.
        invariant(this.#outputs.has(node.outputs.get('out') ?? ''), 'a combine follows its grouping', {
          step: info.path,
        })
        return
      case urns.COLLECT:
        this.#fuseInto(node, () => ({ kind: 'collect', info, name: spec.payload.name }))
        return
      case urns.PRINT:
        this.#fuseInto(node, () => ({ kind: 'print', info, name: spec.payload.name, limit: spec.payload.limit }))
        return
      default:
        throw new PipelineError(
          'MR-1017',
          `step "${info.path}" has the unknown transform ${String(spec.urn)}`,
          info.path,
        )
    }
  }

  #placeGrouping(node: TransformNode, info: StepInfo): void {
    const input = this.#input(node)
    const grouped = node.outputs.get('out') as string
    const combineStep = this.#onlyCombineOf(grouped)
    this.#open(info, (stage) => {
      const [keyCoderId, valueCoderId] = this.#keyedCoders(input)
      const payload =
        combineStep?.spec !== undefined && 'payload' in combineStep.spec ? combineStep.spec.payload : undefined
      return {
        kind: 'grouping',
        info,
        inputs: this.#cross(node),
        strategy: this.#strategy(input),
        keyCoderId,
        valueCoderId,
        combine:
          payload !== undefined && 'combineFn' in payload
            ? this.#resolve<AnyCombine>(payload.combineFn.payload)
            : undefined,
        accumulatorCoderId: payload !== undefined && 'combineFn' in payload ? payload.accumulatorCoderId : undefined,
        mergesAccumulators: combineStep?.spec?.urn === urns.COMBINE_MERGE,
        output: this.#output(stage, combineStep ?? node, 'out'),
        late: this.#late(stage, node),
      }
    })
  }

  /** The combine that alone reads a grouping: the grouping then reduces as it collects. */
  #onlyCombineOf(collectionId: string): TransformNode | undefined {
    const consumers = this.#consumersOf.get(collectionId) ?? []
    const node =
      consumers.length === 1 ? this.#built.graph.components.transforms.get(consumers[0] as string) : undefined
    const urn = node?.spec?.urn
    return urn === urns.COMBINE_GROUPED || urn === urns.COMBINE_MERGE ? node : undefined
  }

  #placeParDo(node: TransformNode, info: StepInfo): void {
    invariant(node.spec?.urn === urns.PAR_DO, 'a ParDo has a ParDo payload')
    const { payload } = node.spec
    const fn = this.#resolve<StepFunction | AnySplittable>(payload.doFn.payload)
    const input = node.inputs.get('in') as string
    const sides = this.#sides(node, payload)
    if (fn.kind === 'splittable') {
      this.#open(info, (stage) => {
        const outputs = fn.tags.map((tag) => this.#output(stage, node, tag))
        this.#crossing(sides.map((side) => side.collectionId))
        return {
          kind: 'splittable',
          info,
          fn,
          inputs: this.#crossing([input]),
          restrictionCoderId: payload.restrictionCoderId,
          strategy: this.#strategy(input),
          sides,
          output: outputs.length === 1 ? (outputs[0] as Output) : routed(stage, info, input, outputs),
          outputs,
        }
      })
      return
    }
    const isStateful = payload.stateSpecs.size > 0 || payload.timerSpecs.size > 0
    const operator = (stage: OpenStage): ParDoOperator => {
      const tags = [...node.outputs.keys()].filter((tag) => tag !== ERRORS_TAG && tag !== LATE_TAG)
      const { onError } = fn.options
      const oneToOne = fn.kind === 'map' || fn.kind === 'keyBy' || fn.kind === 'timestamps' ? info : undefined
      return {
        kind: 'parDo',
        info,
        fn,
        payload,
        strategy: this.#strategy(input),
        inputCoderId: this.#collection(input).coderId,
        sides,
        outputs: tags.map((tag) => this.#output(stage, node, tag, oneToOne)),
        errors: onError === undefined ? undefined : this.#output(stage, node, ERRORS_TAG),
        maxDeadLetters: onError?.maxDeadLetters ?? 0,
        late: this.#late(stage, node),
        isStateful,
      }
    }
    if (!isStateful && sides.length === 0 && !payload.requiresStableInput) {
      this.#fuseInto(node, operator)
      return
    }
    this.#open(info, (stage) => {
      const root = operator(stage)
      stage.operators.push(root)
      this.#crossing(sides.map((side) => side.collectionId))
      return { kind: 'parDo', info, inputs: this.#crossing([input]), operator: root }
    })
  }

  #sides(node: TransformNode, { sideInputs }: ParDoPayload): readonly SideInput[] {
    return [...sideInputs].map(([name, side]): SideInput => {
      const collectionId = node.inputs.get(name) as string
      return {
        name,
        node: side,
        collectionId,
        viewFn: this.#resolve<ViewFn>(side.viewFn.payload),
        strategy: this.#strategy(collectionId),
      }
    })
  }

  #placeFlatten(node: TransformNode, info: StepInfo): void {
    const inputs = [...node.inputs.values()]
    const stages = new Set(inputs.map((input) => this.#producer.get(input)))
    const [only] = stages
    if (stages.size === 1 && only !== undefined) {
      const operator: Operator = { kind: 'flatten', info, outputs: [this.#output(only, node, 'out')] }
      only.operators.push(operator)
      // A collection flattened with itself counts twice.
      for (const input of inputs) this.#outputs.get(input)?.consumers.push(operator)
      return
    }
    this.#open(info, (stage) => ({
      kind: 'edge',
      info,
      inputs: this.#crossing(inputs),
      output: this.#output(stage, node, 'out'),
    }))
  }

  #fuseInto(node: TransformNode, operator: (stage: OpenStage) => Operator): void {
    const input = node.inputs.get('in') as string
    const stage = this.#producer.get(input)
    invariant(stage !== undefined, 'steps stand after the steps they read', { step: node.uniqueName })
    const made = operator(stage)
    stage.operators.push(made)
    this.#outputs.get(input)?.consumers.push(made)
  }

  #open(info: StepInfo, root: (stage: OpenStage) => StageRoot): void {
    const stage: OpenStage = {
      id: this.#stages.length,
      name: info.path,
      root: undefined as never,
      operators: [],
      made: [],
    }
    stage.root = root(stage)
    this.#stages.push(stage)
  }

  #output(stage: OpenStage, node: TransformNode, tag: string, oneToOne?: StepInfo): Output {
    const collectionId = node.outputs.get(tag)
    invariant(collectionId !== undefined, 'a step has the outputs it declares', { step: node.uniqueName, tag })
    const output: Output = {
      collectionId,
      producer: { index: 0, id: node.uniqueName, path: authorPath(node.uniqueName), source: node.source },
      counter: this.#outputs.size,
      severalWindows: !this.#strategy(collectionId).windowFn.assignsToOneWindow,
      coderId: this.#collection(collectionId).coderId,
      derivedFrom: oneToOne === undefined ? undefined : { input: node.inputs.get('in') as string, step: oneToOne },
      consumers: [],
      crossesStages: false,
    }
    this.#outputs.set(collectionId, output)
    this.#producer.set(collectionId, stage)
    stage.made.push(output)
    return output
  }

  #late(stage: OpenStage, node: TransformNode): Output | undefined {
    return node.outputs.has(LATE_TAG) ? this.#output(stage, node, LATE_TAG) : undefined
  }

  #cross(node: TransformNode): readonly string[] {
    return this.#crossing([...node.inputs.values()])
  }

  #crossing(collectionIds: readonly string[]): readonly string[] {
    for (const id of collectionIds) {
      const output = this.#outputs.get(id)
      invariant(output !== undefined, 'steps stand after the steps they read', { collection: id })
      output.crossesStages = true
    }
    return collectionIds
  }

  #input(node: TransformNode): string {
    return node.inputs.get('in') as string
  }

  #collection(id: string): CollectionNode {
    return this.#built.graph.components.collections.get(id) as CollectionNode
  }

  #strategy(collectionId: string): WindowingStrategy {
    const id = this.#collection(collectionId).windowingStrategyId
    return this.#built.graph.components.windowingStrategies.get(id) as WindowingStrategy
  }

  #keyedCoders(collectionId: string): readonly [string, string] {
    const coder = this.#built.graph.components.coders.get(this.#collection(collectionId).coderId)
    invariant(coder?.urn === urns.KV_CODER, 'what is used as a keyed collection has a keyed coder', { collectionId })
    return coder.componentCoderIds as unknown as readonly [string, string]
  }

  #resolve<F>(reference: Parameters<BuiltPipeline['functions']['resolve']>[0]): F {
    return this.#built.functions.resolve(reference) as F
  }
}

/** What a splittable step with several outputs emits to: nobody's collection, read by a step that hands each element on. */
function routed(stage: OpenStage, info: StepInfo, input: string, outputs: readonly Output[]): Output {
  const operator: Operator = { kind: 'route', info, outputs }
  stage.operators.push(operator)
  const [first] = outputs as readonly [Output]
  return {
    ...first,
    collectionId: `${info.id}.$all`,
    // Not counted: elements are, where they arrive.
    derivedFrom: { input, step: info },
    consumers: [operator],
    crossesStages: false,
  }
}
