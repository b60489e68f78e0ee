/**
 * What authors allow each source: elements a second, elements of a batch.
 *
 * Law: a step reads no more than its limits say, however batches are cut; steps that do not read are refused with the nearest name.
 */
import { PipelineError } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { suggestion } from '../../sdk/suggestion.js'
import type { StagedPipeline } from '../core/stage.js'
import type { SourceLimit, SourceQueueBounds } from '../runner.js'

/** A step that reads. */
export interface ReadingStep {
  /** Number of its stage. */
  readonly stage: number
  /** Its path. */
  readonly step: string
}

/** The steps of a pipeline that read. */
export function readingSteps({ stages }: StagedPipeline): readonly ReadingStep[] {
  return stages.flatMap(({ id, root }) => (root.kind === 'splittable' ? { stage: id, step: root.info.path } : []))
}

const names: OptionNames<SourceLimit> = { perSecond: true, perBatch: true, queue: true }
const boundNames: OptionNames<SourceQueueBounds> = { elements: true, bytes: true, memoryBytes: true }

/** The limits of each stage that reads. @throws {PipelineError} naming what is wrong. */
export function limitsByStage(
  given: Readonly<Record<string, SourceLimit>>,
  steps: readonly ReadingStep[],
): ReadonlyMap<number, SourceLimit> {
  const limits = new Map<number, SourceLimit>()
  for (const [path, limit] of Object.entries(given)) {
    refuseUnknownOptions(`sourceLimits of "${path}"`, limit, names)
    checkLimit(path, limit)
    const own = steps.filter(({ step }) => step === path || step.startsWith(`${path}/`))
    if (own.length === 0) refuseStep(path, steps)
    for (const { stage } of own) limits.set(stage, limit)
  }
  return limits
}

function refuseStep(path: string, steps: readonly ReadingStep[]): never {
  const known = [...new Set(steps.map(({ step }) => step))]
  const hint = known.length === 0 ? ' No step of this pipeline reads.' : suggestion(path, known)
  throw new PipelineError('MR-6060', `sourceLimits names "${path}", and no step of that path reads.${hint}`)
}

function checkLimit(path: string, { perSecond, perBatch, queue }: SourceLimit): void {
  if (perSecond !== undefined && !(typeof perSecond === 'number' && perSecond > 0 && perSecond < Infinity))
    refuse(path, 'perSecond', 'a number of elements above 0', perSecond)
  if (perBatch !== undefined && !(Number.isSafeInteger(perBatch) && perBatch >= 1))
    refuse(path, 'perBatch', 'a whole number of elements from 1', perBatch)
  if (queue !== undefined) checkQueue(path, queue)
}

function checkQueue(path: string, queue: boolean | SourceQueueBounds): void {
  if (typeof queue === 'boolean') return
  refuseUnknownOptions(`queue in sourceLimits of "${path}"`, queue, boundNames)
  for (const [bound, value] of Object.entries(queue))
    if (!Number.isSafeInteger(value) || value < 1) refuse(path, `queue.${bound}`, 'a whole number from 1', value)
}

function refuse(path: string, option: string, allowed: string, given: unknown): never {
  throw new PipelineError(
    'MR-1002',
    `${option} in sourceLimits of "${path}" must be ${allowed}, but is ${preview(given)}.`,
  )
}

/** What one stage may still read. */
interface Allowance {
  readonly limit: SourceLimit
  /** Elements that the rate allows now. */
  tokens: number
  /** Elements read in the batch at hand. */
  taken: number
}

/** What is left of the limits, while batches are read. A rate that was not used is made up for within a second, or an interval. */
export class SourceAllowances {
  readonly #stages: ReadonlyMap<number, Allowance>
  readonly #monotonic: () => number
  readonly #burstMillis: number
  #filledAt: number | undefined

  constructor(limits: ReadonlyMap<number, SourceLimit>, monotonic: () => number, intervalMillis: number) {
    this.#monotonic = monotonic
    this.#burstMillis = Math.max(1000, intervalMillis)
    this.#stages = new Map(
      [...limits].map(([stage, limit]) => [
        stage,
        // One batch may begin at once.
        { limit, tokens: ((limit.perSecond ?? 0) * intervalMillis) / 1000, taken: 0 },
      ]),
    )
  }

  /** A batch begins. */
  begin(): void {
    for (const stage of this.#stages.values()) stage.taken = 0
    this.#fill()
  }

  /** Elements that a stage may read now. */
  room(stage: number): number {
    const allowance = this.#stages.get(stage)
    if (allowance === undefined) return Infinity
    const { limit, tokens, taken } = allowance
    const ofBatch = limit.perBatch === undefined ? Infinity : limit.perBatch - taken
    return limit.perSecond === undefined ? ofBatch : Math.min(ofBatch, tokens)
  }

  /** A stage has read so many. */
  take(stage: number, count: number): void {
    const allowance = this.#stages.get(stage)
    if (allowance === undefined) return
    allowance.taken += count
    allowance.tokens -= count
  }

  #fill(): void {
    const now = this.#monotonic()
    const millis = now - (this.#filledAt ?? now)
    this.#filledAt = now
    for (const stage of this.#stages.values()) {
      const { perSecond } = stage.limit
      if (perSecond === undefined) continue
      // Less than one element can never be read.
      const most = Math.max(1, (perSecond * this.#burstMillis) / 1000)
      stage.tokens = Math.min(most, stage.tokens + (perSecond * millis) / 1000)
    }
  }
}
