/**
 * A run of the direct runner as those who look at it see it: stages and their executors become the author's steps.
 *
 * Law: looking changes nothing. The steps of a stage share its watermark: what goes in at its root has left, or been kept at
 * the root, before the watermark moves. A step of the author that is several in the graph is one here: what comes from
 * outside of it goes in, what somebody outside reads goes out.
 */
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { Metrics } from '../metrics.js'
import { mainInputs, type Operator, type Output, type StagedPipeline } from '../stage.js'
import { shortText } from '../status-texts.js'
import type { Hold, StepStatus } from '../../run-status.js'
import type { StepProgress } from '../../runner.js'
import { elementCount } from './result.js'
import type { StageExecutor } from './stage-executor.js'
import type { StageStatus } from './stage-status.js'

/** A call that has been under way for so long is a reason for a watermark to stand. */
const CALL_MILLIS = 1000

/** A step of the graph, or the root of a stage. */
interface Piece {
  readonly path: string
  readonly stage: number
  readonly isRoot: boolean
  /** Collections. */
  readonly inputs: readonly string[]
  readonly outputs: readonly Output[]
}

/** A step of the author may be several stages (an impulse and a reader): what went into the first and came out of the last. */
export function authorSteps(stages: readonly StepProgress[]): readonly StepProgress[] {
  const byName = new Map<string, StepProgress>()
  for (const stage of stages) {
    const first = byName.get(stage.step)
    byName.set(stage.step, first === undefined ? stage : { ...stage, elementsIn: first.elementsIn })
  }
  return [...byName.values()]
}

/** Looks at a run. */
export class ExecutionStatus {
  readonly #staged: StagedPipeline
  readonly #metrics: Metrics
  readonly #executors: readonly StageExecutor[]
  /** Made at the first look. */
  #pieces: ReadonlyMap<string, readonly Piece[]> | undefined
  readonly #readers = new Map<string, Set<string>>()

  constructor(staged: StagedPipeline, metrics: Metrics, executors: readonly StageExecutor[]) {
    this.#staged = staged
    this.#metrics = metrics
    this.#executors = executors
  }

  /** The author's steps. `now` is the time of the world, `monotonic` that of calls. */
  steps(now: number, monotonic: number): readonly StepStatus[] {
    this.#pieces ??= this.#layout()
    const stages = this.#executors.map((executor) => executor.status())
    return [...this.#pieces].map(([path, pieces]) => this.#step(path, pieces, stages, now, monotonic))
  }

  #step(
    path: string,
    pieces: readonly Piece[],
    stages: readonly StageStatus[],
    now: number,
    monotonic: number,
  ): StepStatus {
    const inputs = pieces.flatMap((piece) => piece.inputs).filter((id) => this.#producerOf(id) !== path)
    const outputs = pieces.flatMap((piece) => piece.outputs).filter((output) => this.#leaves(path, output))
    const roots = pieces.filter(({ isRoot }) => isRoot).map(({ stage }) => stages[stage] as StageStatus)
    const outputWatermark = Math.min(...pieces.map(({ stage }) => this.#watermarkOf(stage)))
    // Beyond the end of the global window no clock will ever be.
    const isEnd = outputWatermark === TIMESTAMP_MIN || outputWatermark >= END_OF_GLOBAL_WINDOW
    const sum = (of: (status: StageStatus) => number): number => roots.reduce((all, root) => all + of(root), 0)
    const counter = (name: Parameters<Metrics['system']>[0]): number => this.#metrics.system(name, path)
    return {
      step: path,
      inputs: [...new Set(inputs.map((id) => this.#producerOf(id)))],
      elementsIn: [...new Set(inputs)].reduce((all, id) => all + elementCount(this.#staged, this.#metrics, id), 0),
      elementsOut: outputs.reduce((all, { collectionId }) => all + elementCount(this.#staged, this.#metrics, collectionId), 0), // prettier-ignore
      inputWatermark: Math.min(TIMESTAMP_MAX, ...pieces.flatMap((piece) => this.#inputWatermarks(path, piece))),
      outputWatermark,
      lagMillis: isEnd ? undefined : Math.round(now - outputWatermark),
      stateKeys: sum(({ stateKeys }) => stateKeys),
      windows: sum(({ windows }) => windows),
      timers: sum(({ timers }) => timers),
      pushedBack: sum(({ pushedBack }) => pushedBack),
      buffered: sum(({ buffered }) => buffered),
      droppedLate:
        counter('droppedDueToLateness') + counter('droppedDueToClosedWindow') + counter('droppedWithoutWindow'),
      deadLetters: counter('deadLetters'),
      retries: counter('retries'),
      partitions: roots.flatMap(({ partitions }) => partitions),
      partitionCount: sum(({ partitionCount }) => partitionCount),
      hold: this.#holdOf(path, pieces, stages, outputWatermark, monotonic),
      awaits: roots.find(({ awaits }) => awaits !== undefined)?.awaits,
    }
  }

  /** Why the output watermark stands there: what the step itself holds, else the step it reads. */
  #holdOf(path: string, pieces: readonly Piece[], stages: readonly StageStatus[], at: number, monotonic: number): Hold {
    if (at === TIMESTAMP_MAX) return { kind: 'none' }
    // Of several pieces the one that is furthest upstream and stands there holds those after it.
    const piece = pieces.find(({ stage }) => this.#watermarkOf(stage) === at)
    if (piece === undefined) return { kind: 'elements', at, elements: 0 }
    const executor = this.#executors[piece.stage] as StageExecutor
    const call = executor.stuck()
    const millis = call === undefined ? 0 : Math.round(monotonic - call.startedAt)
    const isOwn = piece.isRoot || call?.step.path === path
    if (isOwn && call !== undefined && millis >= CALL_MILLIS && at < executor.inputWatermark) {
      return { kind: 'call', at, step: call.step.path, call: call.call, element: shortText(call.element), millis }
    }
    if (!piece.isRoot) return this.#upstream(path, piece, at)
    const { holds, buffered } = stages[piece.stage] as StageStatus
    const least = holds.reduce<Hold | undefined>(
      (first, hold) => (first === undefined || atOf(hold) < atOf(first) ? hold : first),
      undefined,
    )
    if (least !== undefined && atOf(least) < executor.inputWatermark) return least
    if (at < executor.inputWatermark) return { kind: 'elements', at, elements: buffered }
    return this.#upstream(path, piece, at)
  }

  #upstream(path: string, { inputs, stage }: Piece, at: number): Hold {
    const others = inputs.filter((id) => this.#producerOf(id) !== path)
    const standing = others.find((id) => this.#collectionWatermark(id) <= at) ?? others[0]
    // What feeds a step of the SDK's own within this one is part of it, and has been looked at first.
    if (standing === undefined)
      return { kind: 'elements', at, elements: this.#executors[stage]?.status().buffered ?? 0 }
    return { kind: 'upstream', at, step: this.#producerOf(standing) }
  }

  #inputWatermarks(path: string, { isRoot, stage, inputs }: Piece): readonly number[] {
    const others = inputs.filter((id) => this.#producerOf(id) !== path)
    if (others.length === 0) return []
    return isRoot ? others.map((id) => this.#collectionWatermark(id)) : [this.#watermarkOf(stage)]
  }

  #collectionWatermark(collectionId: string): number {
    return this.#watermarkOf(this.#staged.producer.get(collectionId) ?? -1)
  }

  #watermarkOf(stage: number): number {
    return this.#executors[stage]?.outputWatermark ?? TIMESTAMP_MAX
  }

  #producerOf(collectionId: string): string {
    return this.#staged.outputs.get(collectionId)?.producer.path ?? ''
  }

  /** Whether somebody outside of the step may read it: not when only the step itself does. */
  #leaves(path: string, { collectionId }: Output): boolean {
    const readers = this.#readers.get(collectionId)
    return readers === undefined || readers.size > 1 || !readers.has(path)
  }

  #layout(): ReadonlyMap<string, readonly Piece[]> {
    const inputsOf = new Map<Operator, string[]>()
    for (const [id, { consumers }] of this.#staged.outputs) {
      for (const consumer of consumers) {
        const inputs = inputsOf.get(consumer)
        if (inputs === undefined) inputsOf.set(consumer, [id])
        else inputs.push(id)
      }
    }
    const pieces = new Map<string, Piece[]>()
    const add = (piece: Piece): void => {
      const same = pieces.get(piece.path)
      if (same === undefined) pieces.set(piece.path, [piece])
      else same.push(piece)
      for (const id of piece.inputs) {
        const readers = this.#readers.get(id) ?? new Set<string>()
        this.#readers.set(id, readers.add(piece.path))
      }
    }
    for (const { id: stage, root, ...rest } of this.#staged.stages) {
      const own = root.kind === 'parDo' ? root.operator : undefined
      const outputs =
        root.kind === 'splittable'
          ? root.outputs
          : root.kind === 'grouping'
            ? [root.output, ...(root.late === undefined ? [] : [root.late])]
            : 'output' in root
              ? [root.output]
              : outputsOf(root.operator)
      add({ path: root.info.path, stage, isRoot: true, inputs: mainInputs({ id: stage, root, ...rest }), outputs })
      for (const operator of rest.operators) {
        // Of several outputs, a route is how they leave; they are the root's.
        if (operator === own || operator.kind === 'route') continue
        const inputs = inputsOf.get(operator) ?? []
        add({ path: operator.info.path, stage, isRoot: false, inputs, outputs: outputsOf(operator) })
      }
    }
    return pieces
  }
}

function atOf(hold: Hold): number {
  return hold.kind === 'none' ? TIMESTAMP_MAX : hold.at
}

function outputsOf(operator: Operator): readonly Output[] {
  switch (operator.kind) {
    case 'parDo':
      return [operator.errors, operator.late].reduce<readonly Output[]>(
        (all, output) => (output === undefined || all.includes(output) ? all : [...all, output]),
        operator.outputs,
      )
    case 'collect':
    case 'print':
      return []
    default:
      return operator.outputs
  }
}
