/**
 * A stage is a tree of steps with one parallel input that runs without storing anything between its steps. Stages are
 * what runners schedule: elements go in at the root, leave at collections that other stages read.
 *
 * Law: every leaf transform of the graph is in exactly one stage; a stage reads only from stages before it.
 */
import type { BuiltPipeline, ParDoPayload, SideInputNode, TestStreamPayload } from '../../sdk/graph/model.js'
import type { SourcePosition } from '../../sdk/source-position.js'
import type { AnyCombine } from '../../sdk/transforms/combine.js'
import type { StepFunction } from '../../sdk/transforms/do-fn.js'
import type { AnySplittable } from '../../sdk/source/splittable.js'
import type { ViewFn } from '../../sdk/transforms/views.js'
import type { WindowFn } from '../../sdk/windowing/window-fn.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'

/** What every step knows of itself. */
export interface StepInfo {
  /** Number of the step within the pipeline; index of its counters. */
  readonly index: number
  /** Unique name in the graph. */
  readonly id: string
  /** Path of the author's step: the same, without the steps the SDK added inside it. */
  readonly path: string
  readonly source: SourcePosition | undefined
}

/** A collection on its way through a stage, with what reads it there. */
export interface Output {
  readonly collectionId: string
  /** The step that makes it. */
  readonly producer: StepInfo
  /** Index of the collection's element counter. */
  readonly counter: number
  /** Whether an element may be in several windows at once. */
  readonly severalWindows: boolean
  readonly coderId: string
  /**
   * Set when a step gives exactly one output for each input it does not lose: the number of elements is then known from
   * the input, and nothing is counted per element.
   */
  readonly derivedFrom: { readonly input: string; readonly step: StepInfo } | undefined
  /** Fused steps that read it; filled while fusing. */
  readonly consumers: Operator[]
  /** Whether a later stage reads it too. */
  crossesStages: boolean
}

/** A side input of a step. */
export interface SideInput {
  readonly name: string
  readonly node: SideInputNode
  readonly collectionId: string
  readonly viewFn: ViewFn
  /** Windows of the viewed collection. */
  readonly strategy: WindowingStrategy
}

/** A step inside a stage. */
export type Operator =
  | {
      readonly kind: 'parDo'
      readonly info: StepInfo
      readonly fn: StepFunction
      readonly payload: ParDoPayload
      readonly strategy: WindowingStrategy
      readonly inputCoderId: string
      readonly sides: readonly SideInput[]
      /** By tag, in the order the DoFn declares them. */
      readonly outputs: readonly Output[]
      /** Where dead letters go. */
      readonly errors: Output | undefined
      readonly maxDeadLetters: number
      readonly isStateful: boolean
    }
  | {
      readonly kind: 'window'
      readonly info: StepInfo
      readonly windowFn: WindowFn
      /** Whether inputs may be in several windows. */
      readonly severalBefore: boolean
      readonly outputs: readonly [Output]
    }
  /** Union inside a stage: hands on what it gets. */
  | { readonly kind: 'flatten'; readonly info: StepInfo; readonly outputs: readonly [Output] }
  | {
      readonly kind: 'precombine'
      readonly info: StepInfo
      readonly combine: AnyCombine
      readonly strategy: WindowingStrategy
      readonly keyCoderId: string
      readonly outputs: readonly [Output]
    }
  | {
      readonly kind: 'extract'
      readonly info: StepInfo
      readonly combine: AnyCombine
      readonly outputs: readonly [Output]
    }
  | { readonly kind: 'collect'; readonly info: StepInfo; readonly name: string }
  | { readonly kind: 'print'; readonly info: StepInfo; readonly name: string; readonly limit: number }

/** The parDo kind of operator. */
export type ParDoOperator = Extract<Operator, { kind: 'parDo' }>

/** How a stage begins. */
export type StageRoot =
  | { readonly kind: 'impulse'; readonly info: StepInfo; readonly output: Output }
  | {
      readonly kind: 'testStream'
      readonly info: StepInfo
      readonly payload: TestStreamPayload
      readonly output: Output
    }
  | {
      readonly kind: 'splittable'
      readonly info: StepInfo
      readonly fn: AnySplittable
      readonly inputs: readonly string[]
      readonly restrictionCoderId: string
      readonly output: Output
    }
  | {
      readonly kind: 'grouping'
      readonly info: StepInfo
      readonly inputs: readonly string[]
      readonly strategy: WindowingStrategy
      readonly keyCoderId: string
      readonly valueCoderId: string
      /** How values are reduced; `undefined` collects them in a list. */
      readonly combine: AnyCombine | undefined
      /** Coder of what `combine` accumulates in. */
      readonly accumulatorCoderId: string | undefined
      /** Whether the values are accumulators that a lifted step made. */
      readonly mergesAccumulators: boolean
      readonly output: Output
    }
  /** A step that needs something of its stage's start: state, timers, side inputs, or an input that is stored. */
  | {
      readonly kind: 'parDo'
      readonly info: StepInfo
      readonly inputs: readonly string[]
      readonly operator: ParDoOperator
    }
  /** Begins with a stored collection: after a reshuffle, or a union of several stages. */
  | { readonly kind: 'edge'; readonly info: StepInfo; readonly inputs: readonly string[]; readonly output: Output }

/** A stage. */
export interface Stage {
  readonly id: number
  /** Path of the root step. */
  readonly name: string
  readonly root: StageRoot
  /** Collections of the stage that later stages read. */
  readonly crossing: readonly Output[]
  /** All operators of the stage, the root's own among them, in topological order. */
  readonly operators: readonly Operator[]
}

/** A pipeline cut into stages. */
export interface StagedPipeline {
  readonly built: BuiltPipeline
  /** In topological order. */
  readonly stages: readonly Stage[]
  /** Stage that makes a collection. */
  readonly producer: ReadonlyMap<string, number>
  readonly outputs: ReadonlyMap<string, Output>
  /** Every step, by its index. */
  readonly steps: readonly StepInfo[]
  readonly collectionCount: number
}

/** Collections a stage reads as its main input. */
export function mainInputs(stage: Stage): readonly string[] {
  return 'inputs' in stage.root ? stage.root.inputs : []
}

/** Side inputs a stage reads. */
export function sideInputs(stage: Stage): readonly SideInput[] {
  return stage.root.kind === 'parDo' ? stage.root.operator.sides : []
}
