/**
 * The part of a pipeline that an engine lets a worker execute, as a graph of its own: what comes in has a root, what the engine has
 * made of a step (halves of a combine, parts of a splittable step) is a step again. So the worker runs the same stages as every
 * other runner.
 *
 * Law: functions are found by reference in the worker's own build of the pipeline. Coders of what comes in and goes out are the
 * engine's: it may have put length prefixes around ours.
 */
import { fromBinary } from '@bufbuild/protobuf'
import type { Coder } from '../../../sdk/coders/index.js'
import { PipelineError } from '../../../sdk/errors.js'
import type { BuiltPipeline, CoderNode, CollectionNode, Reference, TransformNode } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { kv, type KV } from '../../../sdk/kv.js'
import type { AnySplittable } from '../../../sdk/source/splittable.js'
import type { WindowingStrategy as IrStrategy } from '../../../sdk/windowing/windowing-strategy.js'
import type { AnyCombine } from '../../../sdk/transforms/combine.js'
import type { StepFunction } from '../../../sdk/transforms/do-fn.js'
import { reduceFnOf } from '../../core/reduce-fn.js'
import { COMBINE_STEP, isOurs } from '../for-engine.js'
import { type ProcessBundleDescriptor, RemoteGrpcPortSchema } from '../proto/generated/beam/fn_execution_pb.js'
import {
  CombinePayloadSchema,
  IsBounded_Enum as IsBounded,
  type ParDoPayload,
  ParDoPayloadSchema,
  type PTransform,
} from '../proto/generated/beam/pipeline_pb.js'
import { coderFromWire, WireCoderTable } from '../translation/coders.js'
import { specFromWire } from '../translation/graph-from-wire.js'
import { sinkOf } from '../translation/par-do.js'
import { referenceOf } from '../translation/references.js'
import { irFunction } from '../translation/state.js'
import { strategyFromWire } from '../translation/windowing.js'
import type { SentWork } from '../translation/work-coder.js'
import {
  addedFunction,
  pairing,
  plainParDo,
  splitting,
  WorkerFunctions,
  type WorkerServices,
} from './worker-functions.js'
import { SINK_URN, SOURCE_URN } from '../wire/port-urns.js'
import { inOrder } from './in-order.js'
import { transformsByStep } from './step-ids.js'

const PAIR = 'beam:transform:sdf_pair_with_restriction:v1'
const SPLIT = 'beam:transform:sdf_split_and_size_restrictions:v1'
const PROCESS = 'beam:transform:sdf_process_sized_element_and_restrictions:v1'
const CONVERT = 'beam:transform:combine_per_key_convert_to_accumulators:v1'
const LENGTH_PREFIX = 'beam:coder:length_prefix:v1'

/** Where elements come in or go out. */
export interface DataPort {
  readonly transformId: string
  readonly coderId: string
  readonly collectionId: string
  /** What its readers call the collection, where they are the author's steps. */
  readonly localId?: string
}

/** A step that the engine keeps state or timers for, or that reads side inputs. */
export interface KeptStep {
  readonly transformId: string
  readonly payload: ParDoPayload
  /** Coder of its main input. */
  readonly inputCoderId: string
  /** The engine's coders of what it views, by tag. */
  readonly sideCoderIds: ReadonlyMap<string, string>
}

/** A splittable step of which the fragment has what names and cuts its work. */
export interface NamedWork {
  readonly step: string
  readonly fn: AnySplittable
}

/** The part of a pipeline. */
export interface Fragment {
  readonly built: BuiltPipeline
  readonly coders: WireCoderTable
  readonly sources: readonly DataPort[]
  readonly sinks: readonly DataPort[]
  readonly work: readonly NamedWork[]
  /** By name of the step in the graph. */
  readonly kept: ReadonlyMap<string, KeptStep>
  /** Of splittable steps and others that the engine keeps something for: tags of the main input, and of the outputs. */
  readonly mainTagOf: ReadonlyMap<string, string>
  readonly outputTagsOf: ReadonlyMap<string, readonly string[]>
  /** Address of the State service; empty where there is none. */
  readonly stateUrl: string
  readonly hasTimers: boolean
  /** Collections that steps of the fragment make. */
  readonly collectionIds: readonly string[]
  /** The engine's id of an author's step. */
  transformOf(step: string): string
}

/** Value of an element on the way to a reader of restrictions. */
export type SizedWork = KV<KV<unknown, SentWork>, number>

/** The fragment that a descriptor describes. @throws {PipelineError} when it is of another pipeline, or of an unknown kind. */
export function fragmentOf(
  descriptor: ProcessBundleDescriptor,
  local: BuiltPipeline,
  services: WorkerServices,
): Fragment {
  return new FragmentBuilder(descriptor, local, services).build()
}

class FragmentBuilder {
  readonly #descriptor: ProcessBundleDescriptor
  readonly #local: BuiltPipeline
  readonly #services: WorkerServices
  readonly #functions: WorkerFunctions
  readonly #coders: WireCoderTable
  readonly #transforms = new Map<string, TransformNode>()
  readonly #collections = new Map<string, CollectionNode>()
  readonly #sources: DataPort[] = []
  readonly #sinks: DataPort[] = []
  readonly #kept = new Map<string, KeptStep>()
  readonly #mainTagOf = new Map<string, string>()
  readonly #outputTagsOf = new Map<string, readonly string[]>()
  readonly #work: NamedWork[] = []

  constructor(descriptor: ProcessBundleDescriptor, local: BuiltPipeline, services: WorkerServices) {
    this.#descriptor = descriptor
    this.#local = local
    this.#services = services
    this.#functions = new WorkerFunctions(local.functions)
    this.#coders = new WireCoderTable(descriptor.coders, this.#functions)
  }

  build(): Fragment {
    const { transforms, pcollections, windowingStrategies, coders } = this.#descriptor
    for (const [id, { uniqueName, coderId, isBounded, windowingStrategyId }] of Object.entries(pcollections)) {
      const bounded = isBounded === IsBounded.BOUNDED
      this.#collections.set(id, { uniqueName, coderId, isBounded: bounded, windowingStrategyId })
    }
    for (const [id, transform] of Object.entries(transforms)) {
      if (transform.subtransforms.length === 0) this.#place(id, transform)
    }
    const components = {
      transforms: this.#transforms,
      collections: this.#collections,
      windowingStrategies: new Map([
        ...this.#local.graph.components.windowingStrategies,
        ...Object.entries(windowingStrategies).flatMap(([id, strategy]): readonly [string, IrStrategy][] => {
          const local = this.#local.graph.components.windowingStrategies.get(id)
          // The engine knows windows of our kinds only by their ends.
          return local !== undefined && isOurs(local) ? [] : [[id, strategyFromWire(strategy, this.#functions)]]
        }),
      ]),
      coders: new Map([
        ...this.#local.graph.components.coders,
        ...Object.keys(coders).map((id) => [id, this.#coderNode(id)] as const),
      ]),
    }
    const rootTransformIds = inOrder(this.#transforms)
    return {
      built: { ...this.#local, functions: this.#functions, graph: { components, rootTransformIds } },
      coders: this.#coders,
      sources: this.#sources.map((source) => this.#named(source)),
      sinks: this.#sinks,
      work: this.#work,
      kept: this.#kept,
      mainTagOf: this.#mainTagOf,
      outputTagsOf: this.#outputTagsOf,
      stateUrl: this.#descriptor.stateApiServiceDescriptor?.url ?? '',
      hasTimers: (this.#descriptor.timerApiServiceDescriptor?.url ?? '') !== '',
      collectionIds: Object.keys(pcollections).filter((id) => this.#isMadeHere(id)),
      transformOf: transformsByStep(transforms, this.#kept),
    }
  }

  #isMadeHere(collectionId: string): boolean {
    if (this.#sources.some((source) => source.collectionId === collectionId)) return false
    return [...this.#transforms.values()].some(({ outputs }) => [...outputs.values()].includes(collectionId))
  }

  #named(source: DataPort): DataPort {
    for (const step of this.#kept.keys()) {
      const node = [...this.#transforms.values()].find(({ uniqueName }) => uniqueName === step)
      const localId = this.#local.graph.components.transforms.get(step)?.inputs.get('in')
      if (node?.inputs.get('in') === source.collectionId && localId !== undefined) return { ...source, localId }
    }
    return source
  }

  /** A coder as the stages know it: length prefixes matter only where bytes come in and go out. */
  #coderNode(id: string): CoderNode {
    const node = this.#descriptor.coders[id]
    if (node === undefined) throw new PipelineError('MR-6202', `the engine does not send coder "${id}"`)
    return node.spec?.urn === LENGTH_PREFIX ? this.#coderNode(node.componentCoderIds[0] as string) : coderFromWire(node)
  }

  #place(id: string, transform: PTransform): void {
    const { spec } = transform
    const payload = spec?.payload ?? new Uint8Array(0)
    switch (spec?.urn) {
      case SOURCE_URN: {
        const { coderId } = fromBinary(RemoteGrpcPortSchema, payload)
        const collectionId = only(transform.outputs)
        this.#sources.push({ transformId: id, coderId, collectionId })
        this.#root(id, collectionId)
        return
      }
      case SINK_URN: {
        const { coderId } = fromBinary(RemoteGrpcPortSchema, payload)
        this.#sinks.push({ transformId: id, coderId, collectionId: only(transform.inputs) })
        return
      }
      case urns.PAR_DO:
      case PAIR:
      case SPLIT:
      case PROCESS:
        this.#parDo(id, transform)
        return
      case urns.COMBINE_GROUPED:
      case urns.COMBINE_MERGE:
      case CONVERT:
        this.#reduce(id, transform, irFunction(fromBinary(CombinePayloadSchema, payload).combineFn).payload)
        return
      case urns.COMBINE_PRE:
      case urns.COMBINE_EXTRACT: {
        const { combineFn } = fromBinary(CombinePayloadSchema, payload)
        const own = specFromWire(transform, this.#functions, this.#coders)
        this.#add(id, calledAs(irFunction(combineFn).payload, transform), { spec: own })
        return
      }
      case urns.FLATTEN:
      case urns.WINDOW_INTO:
        this.#add(id, transform, {
          spec: specFromWire(transform, this.#functions, this.#coders),
          ...(spec.urn === urns.FLATTEN ? { inputs: new Map(Object.entries(transform.inputs)) } : {}),
        })
        return
      default:
        throw new PipelineError(
          'MR-6202',
          `the engine asks for a step of kind ${spec?.urn ?? '(none)'}, which this worker does not have`,
        )
    }
  }

  /** What comes in begins like a union of nothing: elements are put where those of its inputs would be. */
  #root(id: string, collectionId: string): void {
    this.#transforms.set(id, {
      uniqueName: id,
      spec: { urn: urns.FLATTEN },
      subtransforms: [],
      inputs: new Map(),
      outputs: new Map([['out', collectionId]]),
      source: undefined,
    })
  }

  #add(id: string, { uniqueName, inputs, outputs }: PTransform, node: Partial<TransformNode>): void {
    const own: TransformNode = {
      uniqueName,
      spec: undefined,
      subtransforms: [],
      inputs: new Map([['in', only(inputs)]]),
      outputs: new Map([['out', Object.values(outputs)[0] as string]]),
      source: this.#local.graph.components.transforms.get(uniqueName)?.source,
      ...node,
    }
    this.#transforms.set(id, own)
  }

  #parDo(id: string, transform: PTransform): void {
    const sink = sinkOf(transform)
    if (sink !== undefined) {
      this.#add(id, transform, {
        spec: specFromWire(transform, this.#functions, this.#coders),
        outputs: new Map(),
      })
      return
    }
    const wire = fromBinary(ParDoPayloadSchema, transform.spec?.payload ?? new Uint8Array(0))
    const { moduleHash, step, index } = referenceOf(wire.doFn)
    if (step === COMBINE_STEP) {
      const { spec } = [...this.#local.graph.components.transforms.values()][index] ?? {}
      if (spec?.urn === urns.COMBINE_GROUPED) this.#reduce(id, transform, spec.payload.combineFn.payload)
      return
    }
    const added = addedFunction(step, index, this.#local)
    if (added !== undefined) {
      this.#add(id, transform, { spec: plainParDo(this.#functions.add(added)) })
      return
    }
    const local = this.#local.graph.components.transforms.get(step)
    if (moduleHash !== this.#services.moduleHash || local?.spec?.urn !== urns.PAR_DO)
      throw new PipelineError(
        'MR-6202',
        `step "${step}" is not of the pipeline that this worker has built. Build job and worker from the same module.`,
        step,
      )
    const { payload } = local.spec
    const mainTag = Object.keys(transform.inputs).find((tag) => wire.sideInputs[tag] === undefined) ?? 'in'
    const main = transform.inputs[mainTag] ?? ''
    const fn = this.#local.functions.resolve(payload.doFn.payload) as StepFunction | AnySplittable
    const urn = transform.spec?.urn
    if (fn.kind === 'splittable' && urn !== PROCESS) {
      this.#work.push({ step, fn })
      const rewritten = this.#functions.add(urn === PAIR ? pairing(fn, this.#services) : splitting(fn, this.#services))
      const spec = plainParDo(rewritten)
      this.#add(id, transform, { uniqueName: `${step}/$${urn === PAIR ? 'pair' : 'split'}`, spec })
      return
    }
    this.#mainTagOf.set(id, mainTag)
    this.#outputTagsOf.set(id, Object.keys(transform.outputs))
    const inputs = new Map([['in', main]])
    for (const tag of payload.sideInputs.keys()) inputs.set(tag, this.#viewed(local, tag))
    this.#add(id, transform, {
      uniqueName: step,
      spec: { urn: urns.PAR_DO, payload },
      inputs,
      outputs: new Map(
        [...local.outputs].map(([tag]) => [tag, transform.outputs[tag] ?? this.#unread(local, tag)] as const),
      ),
      source: local.source,
    })
    const inputCoderId = this.#collections.get(main)?.coderId ?? ''
    const sideCoderIds = new Map(
      [...payload.sideInputs.keys()].map((tag): [string, string] => {
        const sent = this.#descriptor.pcollections[transform.inputs[tag] ?? '']
        return [tag, sent?.coderId ?? this.#collections.get(inputs.get(tag) ?? '')?.coderId ?? '']
      }),
    )
    this.#kept.set(step, { transformId: id, payload: wire, inputCoderId, sideCoderIds })
  }

  /** A collection that is viewed is made elsewhere; here it needs a maker all the same. */
  #viewed(local: TransformNode, tag: string): string {
    const collectionId = local.inputs.get(tag) as string
    const id = `$view ${collectionId}`
    const collection = this.#local.graph.components.collections.get(collectionId)
    if (collection !== undefined && !this.#collections.has(id)) {
      this.#collections.set(id, collection)
      this.#root(id, id)
    }
    return id
  }

  /** An output that the engine has dropped because nobody reads it. */
  #unread(local: TransformNode, tag: string): string {
    const collectionId = local.outputs.get(tag) as string
    const collection = this.#local.graph.components.collections.get(collectionId)
    if (collection !== undefined && !this.#collections.has(collectionId))
      this.#collections.set(collectionId, collection)
    return collectionId
  }

  /** A half of a combine, after the engine has grouped. */
  #reduce(id: string, transform: PTransform, reference: Reference): void {
    const combine = this.#functions.resolve(reference) as AnyCombine
    const value = this.#valueCoder(only(transform.outputs))
    const reduce = reduceFnOf(combine, transform.spec?.urn === urns.COMBINE_MERGE, value)
    const isConversion = transform.spec?.urn === CONVERT
    const fn = ({ key, value: given }: KV<unknown, unknown>): KV<unknown, unknown> => {
      const values = isConversion ? [given] : (given as Iterable<unknown>)
      let accumulator = reduce.create()
      for (const each of values) accumulator = reduce.add(accumulator, each)
      return kv(key, isConversion ? accumulator : reduce.output(accumulator, false))
    }
    const spec = plainParDo(this.#functions.add({ kind: 'map', fn, options: {} }))
    this.#add(id, calledAs(reference, transform), { spec })
  }

  #valueCoder(collectionId: string): Coder<unknown> {
    const id = this.#collections.get(collectionId)?.coderId ?? ''
    return this.#coders.of(this.#coders.partsOf(id)[1] ?? id)
  }
}

/** A part of an author's step, by the name of that: engines have names of their own for parts, which would stand in errors. */
function calledAs({ step }: Reference, transform: PTransform): PTransform {
  return { ...transform, uniqueName: step }
}

function only(tags: Readonly<Record<string, string>>): string {
  const [first] = Object.values(tags)
  if (first === undefined) throw new PipelineError('MR-6202', 'the engine sends a step without input or output')
  return first
}
