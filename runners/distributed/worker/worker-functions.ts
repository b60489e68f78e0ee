/**
 * Functions of the worker's own: steps that were added before the pipeline was submitted, and what an engine makes of a splittable
 * step besides its reading.
 *
 * Law: they are found by reference, as the author's are; no author's step has their names.
 */
import { decodeFromBytes } from '../../../sdk/coders/index.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline, FunctionTable, Reference, TransformNode } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { kv, type KV } from '../../../sdk/kv.js'
import type { RestrictionProgress } from '../../../sdk/source/restriction-tracker.js'
import type { AnySplittable } from '../../../sdk/source/splittable.js'
import type { StepFunction } from '../../../sdk/transforms/do-fn.js'
import { called } from '../../core/call-failure.js'
import { checkAmount, checkProgress } from '../../core/execution/source-reading.js'
import { DECODE_STEP, SAME_STEP, workerStep } from '../for-engine.js'
import { newWork } from '../translation/work-coder.js'

/** Parts into which a bounded restriction is cut before it is read. */
const INITIAL_PARTS = 4

/** What steps of the worker's own need of it. */
export interface WorkerServices {
  readonly moduleHash: string
  now(): number
  /** What a splittable step's `setup` has made. */
  resourceOf(fn: AnySplittable): unknown
}

/** Steps that the worker adds are found here; all others in the author's build. */
export class WorkerFunctions implements FunctionTable {
  readonly #local: FunctionTable
  readonly #added: StepFunction[] = []

  constructor(local: FunctionTable) {
    this.#local = local
  }

  add(fn: StepFunction): Reference {
    return { step: WORKER_STEP, role: 'process', index: this.#added.push(fn) - 1 }
  }

  resolve(reference: Reference): unknown {
    return reference.step === WORKER_STEP ? this.#added[reference.index] : this.#local.resolve(reference)
  }

  all(): Iterable<readonly [string, unknown]> {
    return this.#local.all()
  }
}

/** No author's step has this name. */
const WORKER_STEP = '$worker'

/** A ParDo that keeps nothing. */
export function plainParDo({ step, index }: Reference): NonNullable<TransformNode['spec']> {
  return { urn: urns.PAR_DO, payload: workerStep(step, index) }
}

/** Functions of the worker's own, which steps name that were added before the pipeline was submitted. */
export function addedFunction(step: string, index: number, local: BuiltPipeline): StepFunction | undefined {
  if (step === SAME_STEP) return { kind: 'map', fn: (value: unknown) => value, options: {} }
  if (step !== DECODE_STEP) return undefined
  const coderId = [...local.graph.components.coders.keys()][index] ?? ''
  const coder = coderOf(local, coderId)
  return { kind: 'map', fn: (bytes: Uint8Array) => decodeFromBytes(coder, bytes, true), options: {} }
}

/** An element, with all the work that it names. */
export function pairing(splittable: AnySplittable, services: WorkerServices): StepFunction {
  const { restriction } = splittable.doFn
  const fn = (element: never): unknown =>
    kv(element, newWork(called('restriction', () => restriction(element, contextOf(splittable, services) as never))))
  return { kind: 'map', fn, options: {} }
}

function contextOf(splittable: AnySplittable, services: WorkerServices): object {
  return { resource: services.resourceOf(splittable), now: () => services.now() }
}

/** The work in parts, each with its size. */
export function splitting(splittable: AnySplittable, services: WorkerServices): StepFunction {
  const { split, size, tracker, bounded } = splittable.doFn as AnySplittable['doFn'] & {
    readonly split?: (element: unknown, restriction: unknown, parts: number) => readonly unknown[]
    readonly size?: (element: unknown, restriction: unknown, context: unknown) => number
    readonly tracker: (restriction: unknown) => { progress(): RestrictionProgress }
  }
  const sizeOf = (element: unknown, restriction: unknown): number => {
    const amount =
      size === undefined
        ? called('tracker.progress', () => checkProgress(tracker(restriction).progress()).remaining)
        : called('size', () => checkAmount('the size', size(element, restriction, contextOf(splittable, services))))
    // Without end: engines compare sizes, and take no other number for it.
    return Number.isFinite(amount) ? amount : 0
  }
  const partsOf = (element: unknown, restriction: unknown): readonly unknown[] =>
    split === undefined || !bounded ? [restriction] : called('split', () => split(element, restriction, INITIAL_PARTS))
  const fn = ({ key: element, value: work }: KV<unknown, ReturnType<typeof newWork>>): readonly unknown[] =>
    partsOf(element, work.restriction).map((part) =>
      kv(kv(element, { ...work, restriction: part }), sizeOf(element, part)),
    )
  return { kind: 'flatMap', fn, options: {} }
}
