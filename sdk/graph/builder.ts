/**
 * Builds the graph while the author's program runs: scopes, names, collections, coders, and the table of user
 * functions. Everything that can be wrong about a pipeline before it runs is found here, at the author's line.
 *
 * Law: building twice from the same program gives the same graph; that is how workers find functions by reference.
 */
import { refuse } from '../refuse.js'
import { PipelineError } from '../errors.js'
import { preview } from '../preview.js'
import { callSite, type SourcePosition, withSource } from '../source-position.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'
import { CoderTable, type KeyedCoders } from './coder-table.js'
import type {
  BuiltPipeline,
  CollectionNode,
  FunctionRole,
  FunctionSpec,
  FunctionTable,
  PipelineGraph,
  Reference,
  TransformNode,
  TransformSpec,
} from './model.js'
import { producerPath } from './names.js'
import { StrategyTable } from './strategy-table.js'
import * as urns from './urns.js'
import { WindowFnTable } from './window-fn-table.js'

export { withSource }

/** A collection under construction. */
export interface CollectionRef {
  readonly builder: GraphBuilder
  readonly id: string
}

/** What a leaf transform puts out. */
export interface OutputSpec {
  readonly tag: string
  readonly coderId: string
  readonly strategy: WindowingStrategy
  readonly isBounded: boolean
}

/** Name of a step that the SDK adds inside an author's step. Authors cannot write one, so the two never collide. */
export interface ReservedName {
  readonly reserved: string
}

/** The name of an author's step, or of one the SDK adds. */
export type StepName = string | ReservedName

/** Name of a step that the SDK adds, such as `$group` inside a combine. */
export function reservedName(name: string): ReservedName {
  return { reserved: `${reservedPrefix}${name}` }
}

const reservedPrefix = '$'

/** The text of a name, for messages. */
export function nameText(name: unknown): string {
  if (typeof name === 'object' && name !== null && 'reserved' in name) return String(name.reserved)
  return typeof name === 'string' ? name : preview(name)
}

/** What a leaf transform is made of. */
export interface LeafSpec {
  readonly name: StepName
  readonly spec: TransformSpec | ((path: string) => TransformSpec) | undefined
  readonly inputs: ReadonlyMap<string, string>
  readonly outputs: readonly OutputSpec[]
  readonly functions?: readonly (readonly [FunctionRole, number, unknown])[]
}

interface MutableTransform {
  readonly uniqueName: string
  spec: TransformSpec | undefined
  readonly subtransforms: string[]
  readonly inputs: Map<string, string>
  readonly outputs: Map<string, string>
  readonly source: SourcePosition | undefined
}

const functionKey = (reference: Reference): string => JSON.stringify([reference.step, reference.role, reference.index])

/** The function spec of a user function. */
export function userFunction(step: string, role: FunctionRole, index = 0): FunctionSpec {
  return { urn: urns.USER_FUNCTION, payload: { step, role, index } }
}

/** Collects nodes while a pipeline is written; `build()` takes a snapshot. */
export class GraphBuilder {
  readonly #transforms = new Map<string, MutableTransform>()
  readonly #roots: string[] = []
  readonly #collections = new Map<string, CollectionNode>()
  readonly #strategies = new StrategyTable()
  readonly #functions = new Map<string, unknown>()
  /** The leaf that makes each collection. */
  readonly #producers = new Map<string, MutableTransform>()
  readonly #warnings: string[] = []
  /** The coders of the graph. */
  readonly coders: CoderTable = new CoderTable((reference, codec) => this.register(reference, codec))
  /** The custom WindowFns of the graph. */
  readonly windowFns: WindowFnTable = new WindowFnTable((reference, windowFn) => this.register(reference, windowFn))
  /** What has been begun and must be finished before the pipeline is built; each throws. */
  readonly #begun = new Set<() => never>()
  #scopes: readonly MutableTransform[] = []

  /** Path of a name in the current scope. */
  pathOf(name: StepName): string {
    const scope = this.#scopes.at(-1)
    const text = typeof name === 'string' ? name : name.reserved
    return scope === undefined ? text : `${scope.uniqueName}/${text}`
  }

  /** Runs `body` inside a composite step; steps it adds are named within. */
  scoped<Out>(
    name: StepName,
    inputs: readonly CollectionRef[],
    body: () => Out,
    outputsOf: (out: Out) => readonly CollectionRef[],
  ): Out {
    const composite = this.#open(name, new Map(inputs.map((input, i) => [`in${i}`, this.#own(input, name)])), undefined)
    const outer = this.#scopes
    this.#scopes = [...outer, composite]
    try {
      const out = body()
      outputsOf(out).forEach((output, i) => composite.outputs.set(`out${i}`, this.#own(output, name)))
      return out
    } finally {
      this.#scopes = outer
    }
  }

  /** Runs `body` in a composite at the top of the graph, whatever scope is open; see dead letters in `pipeline.ts`. */
  scopedAtRoot(name: string, body: (path: string) => void): void {
    const path = this.pathOf(name)
    const outer = this.#scopes
    const composite = this.#open(name, new Map(), undefined, true)
    this.#scopes = [composite]
    try {
      body(path)
    } finally {
      this.#scopes = outer
    }
  }

  /** Adds a step without inner steps; returns its outputs in the order given. */
  leaf(leaf: LeafSpec): readonly CollectionRef[] {
    const node = this.#open(leaf.name, new Map(leaf.inputs), undefined)
    const path = node.uniqueName
    for (const id of leaf.inputs.values()) this.#known(id, path)
    for (const [role, index, fn] of leaf.functions ?? []) {
      this.#functions.set(functionKey({ step: path, role, index }), fn)
    }
    node.spec = typeof leaf.spec === 'function' ? leaf.spec(path) : leaf.spec
    return leaf.outputs.map((output) => {
      const id = `${path}.${output.tag}`
      this.#collections.set(id, {
        uniqueName: id,
        coderId: output.coderId,
        isBounded: output.isBounded,
        windowingStrategyId: this.strategy(output.strategy),
      })
      node.outputs.set(output.tag, id)
      this.#producers.set(id, node)
      return { builder: this, id }
    })
  }

  /** Says what a composite does, for runners that have an own way of doing it. */
  specify(step: string, spec: TransformSpec): void {
    const node = this.#transforms.get(step)
    if (node !== undefined) node.spec = spec
  }

  /** Adds an input to a step that was opened without it (the union of dead letters). */
  connect(step: string, collectionId: string): void {
    const node = this.#transforms.get(step)
    if (node === undefined) throw new PipelineError('MR-1017', `there is no step "${step}" to connect to`)
    node.inputs.set(`in${node.inputs.size}`, collectionId)
    if (!this.collection(collectionId).isBounded)
      for (const output of node.outputs.values()) this.#markUnbounded(output)
  }

  /** The node of a collection. */
  collection(id: string): CollectionNode {
    return this.#known(id, id)
  }

  /** The leaf that makes a collection. */
  producer(id: string): TransformNode | undefined {
    return this.#producers.get(id)
  }

  /** Notes something that an author should know, though the pipeline can run; runners print it before they start. */
  warn(message: string): void {
    this.#warnings.push(withSource(message, callSite()))
  }

  /** The windowing strategy of a collection. */
  strategyOf(ref: CollectionRef): WindowingStrategy {
    return this.#strategies.byId.get(this.collection(ref.id).windowingStrategyId) as WindowingStrategy
  }

  /** Registers a function of a step that exists already. */
  register(reference: Reference, fn: unknown): void {
    this.#functions.set(functionKey(reference), fn)
  }

  /** Id of a strategy; equal strategies share one. */
  strategy(strategy: WindowingStrategy): string {
    return this.#strategies.idOf(strategy)
  }

  /**
   * Coders of key and value of a collection that is used as a keyed one; one that says nothing of its parts becomes keyed
   * by being used so.
   *
   * @throws {PipelineError} when its codec says that elements have no key.
   */
  keyedCoders(ref: CollectionRef): KeyedCoders {
    const node = this.collection(ref.id)
    const keyed = this.coders.keyed(node.coderId)
    if (keyed === undefined) {
      const source = callSite()
      const { codecName: described = 'its codec' } = this.coders.byId.get(node.coderId) ?? {}
      throw new PipelineError(
        'MR-1009',
        withSource(
          `"${producerPath(ref.id)}" is used as a keyed collection, but its elements are ${described}, without { key, value }. Put keyBy(name, fn) before it.`,
          source,
        ),
        ref.id,
        source,
      )
    }
    const coderId = this.coders.kv(...keyed)
    if (coderId !== node.coderId) this.#collections.set(ref.id, { ...node, coderId })
    return keyed
  }

  /** Something that is no step yet is begun; unless it is finished (by what is given back), `build` throws what this throws. */
  begin(unfinished: () => never): () => void {
    this.#begun.add(unfinished)
    return () => void this.#begun.delete(unfinished)
  }

  /** A snapshot of the graph and its functions. @throws {PipelineError} when something was begun and not finished. */
  build(name: string, options: Readonly<Record<string, unknown>> = Object.freeze({})): BuiltPipeline {
    for (const unfinished of this.#begun) unfinished()
    const graph: PipelineGraph = {
      components: {
        transforms: new Map([...this.#transforms].map(([id, node]): [string, TransformNode] => [id, freeze(node)])),
        collections: new Map(this.#collections),
        windowingStrategies: new Map(this.#strategies.byId),
        coders: new Map(this.coders.byId),
      },
      rootTransformIds: this.#sortedRoots(),
    }
    const functions = new Map(this.#functions)
    return { name, graph, options, functions: functionTable(functions), warnings: [...this.#warnings] }
  }

  #open(
    name: StepName,
    inputs: Map<string, string>,
    spec: TransformSpec | undefined,
    atRoot = false,
  ): MutableTransform {
    // What the SDK adds inside an author's step was written where that step was.
    const source = (typeof name === 'string' ? undefined : this.#scopes.at(-1)?.source) ?? callSite()
    const path = this.pathOf(checkedName(name, source))
    const existing = this.#transforms.get(path)
    if (existing !== undefined) {
      const first = existing.source === undefined ? '' : ` (first at ${existing.source.text})`
      throw new PipelineError(
        'MR-1005',
        withSource(
          `there are two steps named "${path}"${first}. Names identify state and metrics; give this one another name.`,
          source,
        ),
        path,
        source,
      )
    }
    const node: MutableTransform = { uniqueName: path, spec, subtransforms: [], inputs, outputs: new Map(), source }
    this.#transforms.set(path, node)
    const parent = atRoot ? undefined : this.#scopes.at(-1)
    if (parent === undefined) this.#roots.push(path)
    else parent.subtransforms.push(path)
    return node
  }

  /** What flows from an unbounded collection is unbounded too, also where it was connected afterwards. */
  #markUnbounded(collectionId: string): void {
    const collection = this.collection(collectionId)
    if (!collection.isBounded) return
    this.#collections.set(collectionId, { ...collection, isBounded: false })
    for (const node of this.#transforms.values()) {
      if (![...node.inputs.values()].includes(collectionId)) continue
      for (const output of node.outputs.values()) this.#markUnbounded(output)
    }
  }

  #own(ref: CollectionRef, step: StepName): string {
    if (ref.builder === this) return ref.id
    refuse(
      'MR-1007',
      `step "${this.pathOf(step)}" uses collection "${ref.id}" of another pipeline. Build both in one pipeline.`,
      this.pathOf(step),
    )
  }

  #known(id: string, step: string): CollectionNode {
    const node = this.#collections.get(id)
    if (node !== undefined) return node
    refuse('MR-1007', `step "${step}" uses collection "${id}", which this pipeline does not have`, step)
  }

  /**
   * Steps stand after the steps they read from. Only the union of dead letters is written before its inputs exist, so
   * the order of writing is nearly right and a stable depth-first walk mends the rest.
   */
  #sortedRoots(): readonly string[] {
    const producer = new Map<string, string>()
    const reads = new Map<string, Set<string>>()
    for (const root of this.#roots) {
      const inputs = new Set<string>()
      const visit = (id: string): void => {
        const node = this.#transforms.get(id) as MutableTransform
        for (const output of node.outputs.values()) if (!producer.has(output)) producer.set(output, root)
        for (const input of node.inputs.values()) inputs.add(input)
        node.subtransforms.forEach(visit)
      }
      visit(root)
      reads.set(root, inputs)
    }
    const sorted = new Set<string>()
    const open = new Set<string>()
    const place = (root: string): void => {
      if (sorted.has(root) || open.has(root)) return
      open.add(root)
      for (const input of reads.get(root) ?? []) {
        const from = producer.get(input)
        if (from !== undefined && from !== root) place(from)
      }
      sorted.add(root)
    }
    this.#roots.forEach(place)
    return [...sorted]
  }
}

function functionTable(functions: ReadonlyMap<string, unknown>): FunctionTable {
  return {
    resolve(reference) {
      const fn = functions.get(functionKey(reference))
      if (fn !== undefined) return fn
      throw new PipelineError(
        'MR-1017',
        `the graph refers to function ${reference.role} ${reference.index} of step "${reference.step}", which this build of the pipeline does not have. Build graph and worker from the same module.`,
        reference.step,
      )
    },
    *all() {
      for (const [key, fn] of functions) yield [(JSON.parse(key) as readonly [string])[0], fn]
    },
  }
}

function freeze(node: MutableTransform): TransformNode {
  return {
    ...node,
    subtransforms: [...node.subtransforms],
    inputs: new Map(node.inputs),
    outputs: new Map(node.outputs),
  }
}

/** The text of a legal name; throws at the author's line for any other. */
function checkedName(name: StepName, source: SourcePosition | undefined): string {
  if (typeof name === 'object' && name !== null && typeof name.reserved === 'string') return name.reserved
  const fault =
    typeof name !== 'string'
      ? `a step's name must be text, but is ${typeof name}. Every step takes its name first.`
      : name === ''
        ? "a step's name must not be empty"
        : name.includes('/')
          ? `step name "${name}" contains "/", which joins scopes to names. Use another character.`
          : name.startsWith(reservedPrefix)
            ? `step name "${name}" begins with "${reservedPrefix}", which is reserved for steps the SDK adds`
            : undefined
  if (fault !== undefined) throw new PipelineError('MR-1006', withSource(fault, source), nameText(name), source)
  return name as string
}
