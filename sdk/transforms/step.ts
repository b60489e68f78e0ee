/**
 * Adds a ParDo node: the one way in which user code enters the graph. Every element-wise transform of the SDK ends here,
 * so options (`onError`, `retry`, `concurrency`) mean the same everywhere.
 */
import { refuse } from '../refuse.js'
import { PipelineError } from '../errors.js'
import { type CollectionRef, type StepName, userFunction } from '../graph/builder.js'
import type { DeliveryNode, FunctionRole, SideInputNode, StateSpecNode, TimerSpecNode } from '../graph/model.js'
import { authorPath } from '../graph/names.js'
import * as urns from '../graph/urns.js'
import type { AnySplittable } from '../source/splittable.js'
import { durationMillis } from '../time.js'
import { globalStrategy, type WindowingStrategy } from '../windowing/windowing-strategy.js'
import type { SideInputs, StepFunction, StepOptions } from './do-fn.js'
import { connectLateData, lateOutputs } from './late-data.js'
import type { PCollectionView } from './views.js'

/** Tag of the output that carries dead letters. */
export const ERRORS_TAG = '$errors'

/** What distinguishes one ParDo from another. */
export interface StepSpec {
  readonly name: StepName
  readonly fn: StepFunction | AnySplittable
  readonly options?: StepOptions
  /** Tags and coders of the outputs, given the path of the step. */
  readonly outputs: (
    path: string,
  ) => readonly { readonly tag: string; readonly coderId: string; readonly strategy?: WindowingStrategy }[]
  readonly sides?: SideInputs
  readonly states?: (path: string) => ReadonlyMap<string, StateSpecNode>
  readonly timers?: ReadonlyMap<string, TimerSpecNode>
  readonly onWindowExpiration?: boolean
  readonly bundleFinalizer?: boolean
  readonly requiresTimeSortedInput?: boolean
  readonly requiresStableInput?: boolean
  readonly delivery?: (path: string) => DeliveryNode
  readonly restrictionCoder?: (path: string) => string
  /** `false` when the step itself makes the output unbounded. */
  readonly isBounded?: boolean
}

/** Adds the step and returns its outputs in order. */
export function addStep(input: CollectionRef, step: StepSpec): readonly CollectionRef[] {
  const { builder } = input
  const path = builder.pathOf(step.name)
  const options = step.options ?? {}
  checkOptions(path, options)
  const inputNode = builder.collection(input.id)
  const isBounded = inputNode.isBounded && (step.isBounded ?? true)
  const strategy = builder.strategyOf(input)
  const sides = Object.entries(step.sides ?? {})
  checkViews(input, authorPath(path), sides)
  const outputs = step
    .outputs(path)
    .map(({ tag, coderId, strategy: own }) => ({ tag, coderId, strategy: own ?? strategy, isBounded }))
  const errors = { tag: ERRORS_TAG, coderId: builder.coders.dynamic(), strategy: globalStrategy, isBounded }
  const stateSpecs = step.states?.(path) ?? new Map<string, StateSpecNode>()
  const timerSpecs = step.timers ?? new Map<string, TimerSpecNode>()
  const late = stateSpecs.size + timerSpecs.size > 0 ? lateOutputs(input) : []
  const made = builder.leaf({
    name: step.name,
    inputs: new Map([['in', input.id], ...sides.map(([name, view]): [string, string] => [name, view.collectionId])]),
    outputs: [...outputs, ...late, ...(options.onError === undefined ? [] : [errors])],
    functions: [['process', 0, step.fn], ...sides.flatMap(([, view], i) => viewFunctions(view, i))],
    spec: {
      urn: urns.PAR_DO,
      payload: {
        doFn: userFunction(path, 'process'),
        sideInputs: new Map(
          sides.map(([name, view], i): [string, SideInputNode] => [
            name,
            {
              accessPattern:
                view.viewFn.kind === 'map' || view.viewFn.kind === 'multimap' ? urns.SIDE_MULTIMAP : urns.SIDE_ITERABLE,
              viewFn: userFunction(path, 'view', i),
              viewName: view.name,
              ...(view.viewFn.windowMapping === undefined
                ? {}
                : { windowMappingFn: userFunction(path, 'windowMapping', i) }),
            },
          ]),
        ),
        stateSpecs,
        timerSpecs,
        restrictionCoderId: step.restrictionCoder?.(path) ?? '',
        onWindowExpiration: step.onWindowExpiration ?? false,
        requestsFinalization: step.bundleFinalizer ?? false,
        requiresTimeSortedInput: step.requiresTimeSortedInput ?? false,
        requiresStableInput: step.requiresStableInput ?? false,
        delivery: step.delivery?.(path),
      },
    },
  })
  connectLateData(input, made, path)
  options.onError?.connect((made.at(-1) as CollectionRef).id, path)
  return made.slice(0, outputs.length)
}

function viewFunctions(
  { viewFn }: PCollectionView<unknown>,
  i: number,
): readonly (readonly [FunctionRole, number, unknown])[] {
  const { windowMapping } = viewFn
  return [['view', i, viewFn], ...(windowMapping === undefined ? [] : [['windowMapping', i, windowMapping] as const])]
}

function checkViews(
  { builder, id }: CollectionRef,
  path: string,
  views: readonly (readonly [string, PCollectionView<unknown>])[],
): void {
  const isGlobal = (collectionId: string): boolean =>
    builder.strategyOf({ builder, id: collectionId }).windowFn.payload.kind === 'global'
  for (const [name, view] of views) {
    // A collection of this pipeline is none either: nothing says in which form its elements would be read.
    if (view?.builder !== builder || (view.viewFn as unknown) === undefined)
      refuse(
        'MR-1010',
        `side input "${name}" of step "${path}" is not a view of this pipeline. Make one with asSingleton, asIterable, asList, asMap or asMultimap.`,
        path,
      )
    if (isGlobal(id) && !isGlobal(view.collectionId) && view.viewFn.windowMapping === undefined)
      refuse(
        'MR-2015',
        `step "${path}" is in the global window and reads side input "${name}", which is in ${builder.strategyOf({ builder, id: view.collectionId }).windowFn.description}: nothing says which of them. Put windowInto(name, …) before the step, view the collection in the global window, or give the view a windowMapping.`,
        path,
      )
  }
}

function checkOptions(path: string, options: StepOptions): void {
  const { retry, concurrency, onError } = options
  if (retry !== undefined) {
    if (!Number.isInteger(retry.attempts) || retry.attempts < 1) {
      throw new PipelineError(
        'MR-1002',
        `retry.attempts of step "${path}" must be a whole number from 1 (the first call included), but is ${String(retry.attempts)}.`,
        path,
      )
    }
    durationMillis(retry.backoff ?? 0, 'retry.backoff', path)
    durationMillis(retry.maxBackoff ?? 0, 'retry.maxBackoff', path)
  }
  if (concurrency !== undefined && (!Number.isInteger(concurrency) || concurrency < 1)) {
    throw new PipelineError(
      'MR-1002',
      `concurrency of step "${path}" must be a whole number from 1, but is ${String(concurrency)}.`,
      path,
    )
  }
  if (onError !== undefined && onError.kind !== 'errorHandler') {
    throw new PipelineError(
      'MR-1008',
      `onError of step "${path}" is not a handler. Make one with pipeline.errors(name, build).`,
      path,
    )
  }
}
