/**
 * What a graph keeps, part by part, as plain data: stored with the checkpoint, so that a later version of the pipeline can say what has
 * become of each part, and read it.
 *
 * Law: two graphs whose shapes are equal keep the same bytes for the same contents.
 */
import type { AnyCombine } from '../../../sdk/transforms/combine.js'
import { toCombine } from '../../../sdk/transforms/combine.js'
import { codecShape, type CoderShape, type ShapedCoder, shapedCoder } from '../../../sdk/graph/coder-shape.js'
import type { BuiltPipeline, StateSpecNode } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import type { Trigger } from '../../../sdk/windowing/trigger.js'
import type { WindowFn } from '../../../sdk/windowing/window-fn.js'
import type { WindowingStrategy } from '../../../sdk/windowing/windowing-strategy.js'
import { sideCoderId } from '../../core/execution/side-sources.js'
import { StageCoders } from '../../core/execution/stage-coders.js'
import { mainInputs, type ParDoOperator, sideInputs, type Stage, type StagedPipeline } from '../../core/stage.js'

/** How windows are written, and what decides about them. */
export interface WindowsShape {
  /** How a window is written: nothing, two ends, or two ends and data. */
  readonly coder: 'global' | 'interval' | CoderShape
  /** The WindowFn, as data. */
  readonly fn: Readonly<Record<string, unknown>>
  readonly isMerging: boolean
  /** Kinds of the trigger's tree: what is remembered of it has this form. */
  readonly trigger: string
  readonly timestamps: string
}

/** A state cell. */
export interface CellShape {
  readonly name: string
  readonly kind: 'value' | 'bag' | 'set' | 'map' | 'multimap' | 'orderedList' | 'combining'
  readonly inPieces: boolean
  readonly value: CoderShape
  readonly key: CoderShape | undefined
}

/** A timer. */
export interface TimerShape {
  readonly name: string
  readonly domain: string
  readonly isFamily: boolean
}

/** What one part keeps; see `kept-parts.ts` for parts. */
export interface PartShape {
  readonly part: string
  /** Unique name of the step, and the author's. */
  readonly step: string
  readonly path: string
  readonly keeps: 'elements' | 'state' | 'grouping' | 'side' | 'work' | 'collected' | 'script'
  /** Of elements, of what a grouping accumulates in or lists, of values of a side input. */
  readonly value: CoderShape | undefined
  readonly key: CoderShape | undefined
  readonly windows: WindowsShape | undefined
  /** Of sources. */
  readonly restriction: CoderShape | undefined
  /** Whether a grouping lists its values. */
  readonly isList: boolean
  readonly cells: readonly CellShape[]
  readonly timers: readonly TimerShape[]
}

/** All of it. */
export interface KeptShape {
  readonly parts: readonly PartShape[]
  /** Unique names of steps by their indices, and collections by those of their counters. */
  readonly steps: readonly string[]
  readonly collections: readonly string[]
}

/** Coders behind a part, as they are now. */
export interface PartCoders {
  readonly value: ShapedCoder | undefined
  readonly restriction: ShapedCoder | undefined
  readonly windowFn: WindowFn | undefined
  readonly valueId: string | undefined
  readonly keyId: string | undefined
  readonly restrictionId: string | undefined
  /** In the order of the cells. */
  readonly cells: readonly CellCoderIds[]
}

/** Coders of a state cell. */
export interface CellCoderIds {
  readonly value: string
  readonly key: string | undefined
}

/** A part, with the coders behind it. */
export interface LivePart {
  readonly shape: PartShape
  readonly coders: PartCoders
}

const EMPTY = {
  value: undefined,
  key: undefined,
  windows: undefined,
  restriction: undefined,
  isList: false,
  cells: [],
  timers: [],
} as const

/** The parts of a pipeline. */
export class PipelineParts {
  readonly #staged: StagedPipeline
  readonly #built: BuiltPipeline
  readonly #coders: StageCoders

  constructor(staged: StagedPipeline) {
    this.#staged = staged
    this.#built = staged.built
    this.#coders = new StageCoders(staged.built)
  }

  shape(): KeptShape {
    const collections = [...this.#staged.outputs.values()].sort((a, b) => a.counter - b.counter)
    return {
      parts: this.all().map(({ shape }) => shape),
      steps: this.#staged.steps.map(({ id }) => id),
      collections: collections.map(({ collectionId }) => collectionId),
    }
  }

  all(): readonly LivePart[] {
    return [...this.#staged.stages.flatMap((stage) => this.#ofStage(stage)), ...this.#collected()]
  }

  #ofStage(stage: Stage): readonly LivePart[] {
    const { root } = stage
    const { id: step, path } = root.info
    const named = (name: string): Pick<PartShape, 'part' | 'step' | 'path'> => ({ part: `${step} ${name}`, step, path })
    if (root.kind === 'impulse') return []
    if (root.kind === 'testStream')
      return [this.#part({ ...EMPTY, ...named('script'), keeps: 'script' }, undefined, undefined)]
    const input = mainInputs(stage)[0] ?? ''
    const likeInput = input === '' && root.kind === 'edge' ? root.output.collectionId : input
    const inputId =
      root.kind === 'parDo'
        ? root.operator.inputCoderId
        : root.kind === 'edge'
          ? root.output.coderId
          : this.#coderOf(input)
    const strategy = this.#coders.strategyOf(likeInput)
    const elements = (name: string): LivePart =>
      this.#part({ ...EMPTY, ...named(name), keeps: 'elements' }, inputId, strategy)
    const parts: LivePart[] = [elements('inbox')]
    if (root.kind === 'splittable')
      parts.push(
        this.#part({ ...EMPTY, ...named('work'), keeps: 'work' }, inputId, root.strategy, {
          restrictionId: root.restrictionCoderId,
        }),
      )
    if (root.kind === 'grouping')
      parts.push(
        this.#part(
          { ...EMPTY, ...named('cells'), keeps: 'grouping', isList: root.combine === undefined },
          root.accumulatorCoderId ?? root.valueCoderId,
          root.strategy,
          { keyId: root.keyCoderId },
        ),
      )
    if (root.kind === 'parDo' && root.operator.isStateful) parts.push(this.#state(named('state'), root.operator))
    const sides = sideInputs(stage)
    if (sides.length > 0) parts.push(elements('gate'))
    for (const side of sides) {
      const shape = { ...EMPTY, ...named(`side/${side.name}`), keeps: 'side' } as const
      parts.push(this.#part(shape, sideCoderId(this.#built, side), side.strategy))
      const waiting = { ...EMPTY, ...named(`inbox/${side.name}`), keeps: 'elements' } as const
      parts.push(this.#part(waiting, this.#coderOf(side.collectionId), side.strategy))
    }
    return parts
  }

  #state(names: Pick<PartShape, 'part' | 'step' | 'path'>, operator: ParDoOperator): LivePart {
    const { fn, payload, strategy, inputCoderId, info } = operator
    const specs = (fn.kind === 'doFn' ? fn.doFn.state : undefined) ?? {}
    const ids: CellCoderIds[] = []
    const cells = [...payload.stateSpecs].map(([name, node]): CellShape => {
      const coders = cellCoderIds(node)
      ids.push(coders)
      const spec = specs[name]
      const combine: AnyCombine | undefined =
        spec?.kind === 'combining' ? toCombine(spec.combiner, info.path) : undefined
      return {
        name,
        kind: node.kind === 'readModifyWrite' ? 'value' : node.kind,
        inPieces: combine?.kind === 'full',
        value: this.#shape(coders.value),
        key: coders.key === undefined ? undefined : this.#shape(coders.key),
      }
    })
    const timers = [...payload.timerSpecs].map(([name, { timeDomain, isFamily }]) => ({
      name,
      domain: timeDomain,
      isFamily,
    }))
    const keyId = this.#keyOf(inputCoderId)
    const live = this.#part({ ...EMPTY, ...names, keeps: 'state', cells, timers }, inputCoderId, strategy, { keyId })
    return { ...live, coders: { ...live.coders, cells: ids } }
  }

  #keyOf(coderId: string): string {
    const node = this.#built.graph.components.coders.get(coderId)
    return node?.urn === urns.KV_CODER ? (node.componentCoderIds[0] as string) : coderId
  }

  #collected(): readonly LivePart[] {
    const parts: LivePart[] = []
    for (const { consumers, collectionId, coderId } of this.#staged.outputs.values()) {
      for (const operator of consumers) {
        if (operator.kind !== 'collect') continue
        const { id: step, path } = operator.info
        const shape = { ...EMPTY, part: `${step} collected`, step, path, keeps: 'collected' } as const
        parts.push(this.#part(shape, coderId, this.#coders.strategyOf(collectionId)))
      }
    }
    return parts
  }

  #part(
    shape: PartShape,
    valueId: string | undefined,
    strategy: WindowingStrategy | undefined,
    { keyId, restrictionId }: { readonly keyId?: string; readonly restrictionId?: string } = {},
  ): LivePart {
    const shaped = (id: string | undefined): ShapedCoder | undefined =>
      id === undefined ? undefined : shapedCoder(this.#built, id)
    const value = shaped(valueId)
    const restriction = shaped(restrictionId)
    const windows = strategy === undefined ? undefined : windowsShape(strategy)
    return {
      shape: { ...shape, value: value?.shape, key: shaped(keyId)?.shape, restriction: restriction?.shape, windows },
      coders: { value, restriction, windowFn: strategy?.windowFn, valueId, keyId, restrictionId, cells: [] },
    }
  }

  #coderOf(collectionId: string): string {
    return this.#built.graph.components.collections.get(collectionId)?.coderId ?? ''
  }

  #shape(coderId: string): CoderShape {
    return shapedCoder(this.#built, coderId).shape
  }
}

function cellCoderIds(node: StateSpecNode): CellCoderIds {
  switch (node.kind) {
    case 'readModifyWrite':
      return { value: node.coderId, key: undefined }
    case 'bag':
    case 'orderedList':
      return { value: node.elementCoderId, key: undefined }
    case 'set':
      return { value: node.elementCoderId, key: node.elementCoderId }
    case 'map':
    case 'multimap':
      return { value: node.valueCoderId, key: node.keyCoderId }
    case 'combining':
      return { value: node.accumulatorCoderId, key: undefined }
  }
}

function windowsShape({ windowFn, mergeStatus, trigger, timestampCombiner }: WindowingStrategy): WindowsShape {
  const { payload, data } = windowFn
  return {
    coder: payload.kind === 'global' ? 'global' : data === undefined ? 'interval' : codecShape(data, 'data of windows'),
    fn: plain(payload),
    isMerging: mergeStatus === 'needsMerge',
    trigger: triggerKinds(trigger),
    timestamps: timestampCombiner,
  }
}

function plain(payload: object): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(payload)) as Readonly<Record<string, unknown>>
}

function triggerKinds(trigger: Trigger): string {
  const parts = Object.entries(trigger as unknown as Readonly<Record<string, unknown>>).flatMap(([name, part]) =>
    [part]
      .flat()
      .filter((each): each is Trigger => typeof each === 'object' && each !== null && isTriggerKind(each))
      .map((each) => `${name} ${triggerKinds(each)}`),
  )
  return parts.length === 0 ? trigger.kind : `${trigger.kind}(${parts.join(', ')})`
}

/** Transforms of timestamps inside of a trigger have kinds, too, and no state. */
function isTriggerKind(part: object): boolean {
  return 'kind' in part && part.kind !== 'delay' && part.kind !== 'alignTo'
}
