/**
 * Why results have not come: which step holds the watermark and because of what, followed upstream to where it begins.
 *
 * Law: an explanation says nothing but what the status says; it ends at a cause that is not a step's waiting for another, or
 * where it would go in a circle.
 */
import { TIMESTAMP_MAX } from '../sdk/time.js'
import { suggestion } from '../sdk/suggestion.js'
import { PipelineError } from '../sdk/errors.js'
import type {
  Awaited,
  AwaitedPane,
  AwaitedTimer,
  Hold,
  PartitionStatus,
  RunStatus,
  SourceHold,
  StepStatus,
  WindowStatus,
} from './run-status.js'
import { manyText, spanText, timeText, windowText } from './run-status-text.js'

/** Why a step has not answered. */
export interface Explanation {
  /** Path of the step. */
  readonly step: string
  /** Its output watermark. */
  readonly watermark: number
  /** One sentence for people, from the step to its root cause; times are UTC. */
  readonly text: string
  /** Steps that it goes through, the root cause last, each with why its output watermark stands where it is. */
  readonly chain: readonly { readonly step: string; readonly hold: Hold }[]
  /** Path of the step where the cause lies. */
  readonly cause: string
  /** What may be done about it, where something may. */
  readonly hint: string | undefined
}

/**
 * Explains why steps have not answered: those that keep something or hold the watermark themselves; where there are none, the
 * one whose watermark is furthest behind. Empty when the run is over.
 *
 * @param step path of one step; only it is explained then.
 * @throws {PipelineError} when there is no such step.
 * @example
 * ```ts
 * import { start, pipeline, why } from 'millrace'
 * const p = pipeline()
 * p.create('numbers', [1, 2, 3]).print('show')
 * const running = start(p)
 * for (const { text } of why(running.status())) console.error(text)
 * await running.result
 * why(running.status()) // => []
 * ```
 */
export function why(status: RunStatus, step?: string): readonly Explanation[] {
  const { steps } = status
  if (step !== undefined) {
    const one = steps.find((each) => each.step === step)
    if (one !== undefined) return one.hold.kind === 'none' ? [] : [explain(one, status)]
    const known = steps.map((each) => each.step)
    throw new PipelineError(
      'MR-1002',
      `there is no step "${step}" in pipeline "${status.pipeline}".${suggestion(step, known)}`,
    )
  }
  const open = steps.filter(({ hold }) => hold.kind !== 'none')
  const waiting = open.filter((each) => each.awaits !== undefined || holdsItself(each))
  if (waiting.length > 0) return waiting.map((each) => explain(each, status))
  // Nothing is kept anywhere: the step that is furthest behind, at its source.
  const behind = open.reduce<StepStatus | undefined>(
    (least, each) => (least === undefined || each.outputWatermark < least.outputWatermark ? each : least),
    undefined,
  )
  return behind === undefined ? [] : [explain(behind, status)]
}

function holdsItself({ hold }: StepStatus): boolean {
  return hold.kind !== 'none' && hold.kind !== 'upstream' && hold.kind !== 'source' && hold.kind !== 'elements'
}

function explain(of: StepStatus, status: RunStatus): Explanation {
  const path = new Path(status)
  const { hold, awaits } = of
  const text =
    hold.kind === 'upstream' && awaits !== undefined
      ? `${quoted(of.step)} is waiting: ${path.awaited(of, awaits)}`
      : hold.kind === 'source'
        ? `${quoted(of.step)} is at ${path.time(hold.at)}: ${path.source(of, hold)}`
        : hold.kind === 'upstream'
          ? `${quoted(of.step)} waits for nothing of its own: ${path.inputs(of)}`
          : `${quoted(of.step)} holds the watermark at ${path.time(of.outputWatermark)}: ${path.own(of, hold)}`
  return {
    step: of.step,
    watermark: of.outputWatermark,
    text: `${text}.`,
    chain: path.chain,
    cause: path.chain.at(-1)?.step ?? of.step,
    hint: path.hint,
  }
}

/** The way from a step to the cause. */
class Path {
  readonly chain: { readonly step: string; readonly hold: Hold }[] = []
  hint: string | undefined
  readonly #status: RunStatus
  readonly #steps: ReadonlyMap<string, StepStatus>

  constructor(status: RunStatus) {
    this.#status = status
    this.#steps = new Map(status.steps.map((step) => [step.step, step]))
  }

  readonly time = (timestamp: number): string => timeText(timestamp, this.#status.takenAt)

  /** What a step keeps, and what it needs to answer. */
  awaited(of: StepStatus, awaits: Awaited): string {
    this.chain.push({ step: of.step, hold: of.hold })
    switch (awaits.kind) {
      case 'pane':
        return `${this.#pane(awaits)}; ${this.inputs(of, false)}`
      case 'timer':
        return awaits.clock === 'processingTime'
          ? this.#timer(awaits)
          : `${this.#timer(awaits)}; ${this.inputs(of, false)}`
      case 'expiry':
        return `${this.#expiry(awaits)}; ${this.inputs(of, false)}`
    }
  }

  /** Why a step's own hold holds. */
  own(of: StepStatus, hold: Hold): string {
    this.chain.push({ step: of.step, hold })
    switch (hold.kind) {
      case 'none':
      case 'upstream':
        return this.inputs(of, false)
      case 'source':
        return this.#source(of, hold)
      case 'sideInput': {
        const { elements, view, window, step } = hold
        const waits = `${manyText(elements, 'element')} ${elements === 1 ? 'waits' : 'wait'} for side input ${quoted(view)} of ${this.#window(window)}`
        return `${waits}, which is complete when ${quoted(step)} passes ${this.time(window.end - 1)}; ${this.#step(step)}`
      }
      case 'elements':
        return hold.elements === 0
          ? 'its turn has not come'
          : `${manyText(hold.elements, 'element')} waiting for its turn`
      case 'sorting':
        return `${manyText(hold.elements, 'element')} ${hold.elements === 1 ? 'waits' : 'wait'} to be sorted by time, until the watermark has passed them; ${this.inputs(of, false)}`
      case 'call':
        return `${hold.step === of.step ? 'it' : quoted(hold.step)} has waited ${spanText(hold.millis)} for its ${hold.call === 'process' ? `call on ${hold.element}` : hold.call}`
      case 'timer':
        return hold.clock === 'processingTime' ? this.#timer(hold) : `${this.#timer(hold)}; ${this.inputs(of, false)}`
      case 'expiry':
        return `${this.#expiry(hold)}; ${this.inputs(of, false)}`
      case 'pane':
        return `${this.#pane(hold)}; ${this.inputs(of, false)}`
    }
  }

  source(of: StepStatus, hold: SourceHold): string {
    this.chain.push({ step: of.step, hold })
    return this.#source(of, hold)
  }

  /** Why the input of a step is where it is: the input that is furthest behind, up to a step that does more than hand on. */
  inputs(of: StepStatus, notes = true): string {
    if (notes) this.chain.push({ step: of.step, hold: of.hold })
    const behind = of.inputs
      .map((name) => this.#steps.get(name))
      .filter((step) => step !== undefined)
      .reduce<StepStatus | undefined>(
        (least, step) => (least === undefined || step.outputWatermark < least.outputWatermark ? step : least),
        undefined,
      )
    if (behind === undefined) return 'it has no input'
    return `its input ${this.#step(behind.step)}`
  }

  /** `"read" is at 12:00:05 because …`. */
  #step(name: string): string {
    const step = this.#handsOn(name)
    if (step === undefined) return quoted(name)
    if (step.outputWatermark === TIMESTAMP_MAX) return `${quoted(step.step)} has ended`
    const at = `${quoted(step.step)} is at ${this.time(step.outputWatermark)}`
    if (this.chain.some((link) => link.step === step.step)) return at
    return `${at} because ${this.own(step, step.hold)}`
  }

  /** The step that explains why a step stands there: past those that only hand on. */
  #handsOn(name: string): StepStatus | undefined {
    const seen = new Set<string>()
    let step = this.#steps.get(name)
    while (step?.hold.kind === 'upstream' && !seen.has(step.step)) {
      seen.add(step.step)
      step = this.#steps.get(step.hold.step)
    }
    return step
  }

  #source({ partitionCount }: StepStatus, { because, partition, script }: SourceHold): string {
    const which = partition === undefined || partitionCount < 2 ? 'it' : this.#partition(partition)
    switch (because) {
      case 'paused':
        return 'the run is paused'
      case 'script':
        return `its script has played ${script?.played ?? 0} of ${manyText(script?.events ?? 0, 'event')}`
      case 'unknown':
        return 'it is still reading, and says nothing of its progress before its end'
      case 'idle':
        return `${which} has been idle for ${spanText(partition?.quietMillis ?? 0)} and follows the clock`
      case 'quiet':
        this.hint ??=
          'A source whose partitions may be quiet needs not hold up the others: give its watermark { idleAfter }, such as watermarks.outOfOrder(…, { idleAfter: "1 minute" }).'
        return `${which} has given nothing for ${spanText(partition?.quietMillis ?? 0)}`
      case 'reading':
        return `${which} has given nothing later yet`
    }
  }

  #partition({ partition, element, restriction }: PartitionStatus): string {
    const name = element.startsWith('[Uint8Array') ? restriction : element
    return `partition ${partition} (${name})`
  }

  #pane({ window, keys, key, trigger, passes, isExpiry }: AwaitedPane): string {
    const whose = key === undefined ? manyText(keys, 'key') : `key ${key}`
    const answers = isExpiry
      ? `has not fired (its trigger waits for ${trigger}) and expires when the watermark passes ${this.time(passes)}`
      : `closes when its watermark passes ${this.time(passes)}`
    return `${this.#window(window)} with ${whose} ${answers}`
  }

  #timer({ timer, tag, clock, key, window, fires }: AwaitedTimer): string {
    const name = `timer ${quoted(tag === undefined ? timer : `${timer}/${tag}`)} of key ${key} in ${this.#window(window)}`
    if (clock === 'eventTime') return `${name} fires when the watermark passes ${this.time(fires)}`
    const left = fires - this.#status.takenAt
    return `${name} fires when the clock comes to ${this.time(fires)}${left > 0 ? `, in ${spanText(left)}` : ''}`
  }

  #expiry({ window, keys, passes }: Pick<AwaitedPane, 'window' | 'keys' | 'passes'>): string {
    return `${this.#window(window)} with state of ${manyText(keys, 'key')} ends when the watermark passes ${this.time(passes)}`
  }

  #window(window: WindowStatus): string {
    const text = windowText(window, this.#status.takenAt)
    return text.startsWith('[') ? `window ${text}` : text
  }
}

function quoted(step: string): string {
  return `"${step}"`
}
