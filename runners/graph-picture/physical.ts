/**
 * The picture of the stages that a runner makes of a pipeline: which steps are fused, where elements are grouped, what
 * state, timers and side inputs a step has, and what is kept between two stages.
 *
 * Law: it shows the very stages that local runners run (`runners/core/fusion.ts`); a step stands in one stage.
 */
import { coderText } from '../../sdk/graph/fingerprint.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { producerPath } from '../../sdk/graph/names.js'
import type { Arrow, Box, BoxKind, Frame, Picture } from '../../sdk/graph/picture.js'
import { formatMillis } from '../../sdk/timestamp.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { fuse } from '../core/fusion.js'
import {
  type Operator,
  type Output,
  sideInputs,
  type Stage,
  type StagedPipeline,
  type StepInfo,
} from '../core/stage.js'

/** The picture of a pipeline's stages. @throws {PipelineError} when a step is of a kind that no stage has. */
export function physicalPicture(built: BuiltPipeline): Picture {
  return new PhysicalPicture(fuse(built)).picture()
}

class PhysicalPicture {
  readonly #staged: StagedPipeline
  readonly #components: BuiltPipeline['graph']['components']
  readonly #boxes = new Map<string, string>()
  /** The box that makes a collection. */
  readonly #makers = new Map<string, string>()

  constructor(staged: StagedPipeline) {
    this.#staged = staged
    this.#components = staged.built.graph.components
  }

  picture(): Picture {
    const items = this.#staged.stages.map((stage) => this.#frame(stage))
    return { items, arrows: this.#staged.stages.flatMap((stage) => this.#arrows(stage)) }
  }

  #frame(stage: Stage): Frame {
    const items = this.#boxesOf(stage)
    const steps = items.length === 1 ? 'one step' : `${items.length} steps fused`
    return { kind: 'frame', id: `s${stage.id}`, label: `stage ${stage.id + 1}`, notes: [steps], items }
  }

  #boxesOf({ root, operators }: Stage): readonly Box[] {
    const boxes: Box[] = []
    const made = (outputs: readonly (Output | undefined)[], id: string): void => {
      for (const output of outputs) if (output !== undefined) this.#makers.set(output.collectionId, id)
    }
    const add = (
      info: StepInfo,
      shape: BoxKind,
      notes: readonly string[],
      outputs: readonly (Output | undefined)[],
    ) => {
      const id = `n${this.#boxes.size}`
      this.#boxes.set(info.id, id)
      made(outputs, id)
      // What the SDK added inside of an author's step says which part of it it is.
      const part = info.id.slice(info.path.length + 1).replaceAll('$', '')
      boxes.push({
        kind: 'box',
        shape,
        id,
        label: info.path,
        notes: part === '' ? notes : [part, ...notes],
        steps: [info.id],
      })
    }
    switch (root.kind) {
      case 'impulse':
        add(root.info, 'source', ['begins'], [root.output])
        break
      case 'testStream':
        add(root.info, 'source', ['script'], [root.output])
        break
      case 'splittable':
        add(root.info, 'source', this.#splittableNotes(root), [root.output, ...root.outputs])
        break
      case 'grouping':
        add(root.info, 'grouping', groupingNotes(root), [root.output, root.late])
        break
      case 'edge':
        add(root.info, root.inputs.length > 1 ? 'union' : 'grouping', ['keeps its input'], [root.output])
        break
      case 'parDo':
        // Its operator is the first of the stage.
        break
    }
    for (const operator of operators) add(operator.info, shapeOf(operator), this.#notes(operator), outputsOf(operator))
    return boxes
  }

  /** Arrows within a stage, and those that end in it. */
  #arrows(stage: Stage): readonly Arrow[] {
    const { root, operators } = stage
    const first = this.#boxes.get(root.info.id)
    const arrows: Arrow[] = []
    const add = (
      collectionId: string,
      to: string | undefined,
      kind: 'fused' | 'kept' | 'side',
      label?: string,
    ): void => {
      const from = this.#makers.get(collectionId)
      if (from === undefined || to === undefined || from === to) return
      const collection = this.#components.collections.get(collectionId)
      arrows.push({
        from,
        to,
        label,
        isEndless: collection?.isBounded === false,
        isSide: kind === 'side',
        isKept: kind !== 'fused',
      })
    }
    if ('inputs' in root) {
      for (const input of new Set(root.inputs)) add(input, first, 'kept', `kept: ${this.#coder(input)}`)
    }
    for (const side of sideInputs(stage)) add(side.collectionId, first, 'side', `${side.name}: kept by window`)
    const fused = new Set<string>()
    const outputs = [...('output' in root ? [root.output] : []), ...operators.flatMap(outputsOf)]
    for (const output of outputs) {
      for (const consumer of output?.consumers ?? []) {
        const to = this.#boxes.get(consumer.info.id)
        const key = `${output?.collectionId ?? ''} ${to ?? ''}`
        if (output === undefined || fused.has(key)) continue
        fused.add(key)
        add(output.collectionId, to, 'fused')
      }
    }
    return arrows
  }

  #notes(operator: Operator): readonly string[] {
    switch (operator.kind) {
      case 'parDo': {
        const { payload, sides } = operator
        return [
          ...[...payload.stateSpecs].map(([name, { kind }]) => `state ${name}: ${kind}`),
          ...[...payload.timerSpecs].map(
            ([name, { timeDomain }]) =>
              `timer ${name}: ${timeDomain === 'eventTime' ? 'event time' : 'processing time'}`,
          ),
          ...(payload.requiresTimeSortedInput ? ['input sorted by time'] : []),
          ...(payload.delivery === undefined ? [] : ['delivers']),
          ...(payload.requiresStableInput ? ['stable input'] : []),
          ...sides.map(({ name, collectionId }) => `side input ${name}: ${producerPath(collectionId)}`),
          ...(operator.errors === undefined ? [] : ['dead letters']),
        ]
      }
      case 'window':
        return [operator.windowFn.description]
      case 'precombine':
        return ['combines before the grouping']
      case 'extract':
        return ['takes results out of accumulators']
      case 'flatten':
        return ['union']
      case 'route':
        return ['to its outputs']
      case 'collect':
      case 'print':
        return []
    }
  }

  #splittableNotes({ outputs, sides }: Extract<Stage['root'], { kind: 'splittable' }>): readonly string[] {
    const isBounded = outputs.every(
      ({ collectionId }) => this.#components.collections.get(collectionId)?.isBounded !== false,
    )
    return [
      isBounded ? 'reads restrictions' : 'reads restrictions without end',
      ...sides.map(({ name, collectionId }) => `side input ${name}: ${producerPath(collectionId)}`),
    ]
  }

  #coder(collectionId: string): string {
    const collection = this.#components.collections.get(collectionId)
    return collection === undefined ? '' : coderText(collection.coderId, this.#components)
  }
}

function groupingNotes(root: Extract<Stage['root'], { kind: 'grouping' }>): readonly string[] {
  const { strategy, combine } = root
  return [
    combine === undefined ? 'groups by key: keeps all values' : 'combines by key: keeps accumulators',
    ...windowNotes(strategy),
    ...(root.late === undefined ? [] : ['late data']),
  ]
}

function windowNotes({
  windowFn,
  trigger,
  allowedLatenessMillis,
  accumulationMode,
}: WindowingStrategy): readonly string[] {
  return [
    ...(windowFn.payload.kind === 'global' ? [] : [windowFn.description]),
    ...(trigger.kind === 'default' ? [] : [`trigger: ${spaced(trigger.kind)}`]),
    ...(accumulationMode === 'discarding' ? [] : [`${accumulationMode} panes`]),
    ...(allowedLatenessMillis === 0 ? [] : [`allowed lateness ${formatMillis(allowedLatenessMillis)}`]),
  ]
}

/** `afterWatermark` as words. */
function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function shapeOf(operator: Operator): BoxKind {
  if (operator.kind === 'collect' || operator.kind === 'print') return 'output'
  return operator.kind === 'flatten' ? 'union' : 'step'
}

function outputsOf(operator: Operator): readonly (Output | undefined)[] {
  const outputs: readonly (Output | undefined)[] = 'outputs' in operator ? operator.outputs : []
  return operator.kind === 'parDo' ? [...outputs, operator.errors, operator.late] : outputs
}
