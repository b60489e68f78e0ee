/**
 * What a run leaves behind: collected elements and metrics.
 */
import { PipelineError } from '../../../sdk/errors.js'
import type { Metrics } from '../metrics.js'
import { ElementBuffer, type Receiver } from '../element-buffer.js'
import type { StagedPipeline } from '../stage.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import type { Env } from '../../../sdk/env.js'
import { textOf } from '../../../sdk/transforms/keyed.js'
import type { EndState, MetricsResult, PipelineResult, SourceReading, WindowedElement } from '../../runner.js'
import type { Committable } from './stage-executor.js'
import { listOf } from '../side-inputs.js'

/** Elements of a `collect`; those of a bundle appear together. */
export class Collected implements Receiver, Committable {
  readonly elements: WindowedElement[] = []
  readonly #open = new ElementBuffer()

  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    this.#open.add(value, timestamp, windows, pane)
  }

  commit(): void {
    if (this.#open.length === 0) return
    this.#open.take().forEach((value, timestamp, windows, pane) => {
      for (const window of listOf(windows)) this.elements.push({ value, timestamp, window, pane })
    })
  }

  discard(): void {
    this.#open.take()
  }
}

/** Prints elements up to a limit, and how many there were beyond it. */
export class Printed implements Receiver, Committable {
  readonly #env: Env
  readonly #name: string
  readonly #limit: number
  #lines: string[] = []
  #printed = 0
  #hidden = 0
  /** Those of the open bundle. */
  #hiding = 0
  /** Committed lines that somebody else prints. */
  #kept: string[] | undefined

  /** @param isPrintedElsewhere whether lines are kept until they are taken. */
  constructor(env: Env, name: string, limit: number, isPrintedElsewhere = false) {
    this.#env = env
    this.#name = name
    this.#limit = limit
    if (isPrintedElsewhere) this.#kept = []
  }

  /** Takes the lines, up to the limit in each taking, and how many elements have none. */
  take(): { readonly lines: readonly string[]; readonly hidden: number } {
    const taken = { lines: this.#kept ?? [], hidden: this.#hidden }
    this.#kept = []
    this.#printed = this.#hidden = 0
    return taken
  }

  /** Prints what was taken elsewhere, as far as the limit allows. */
  print({ lines, hidden }: ReturnType<Printed['take']>): void {
    for (const line of lines) this.#addLine(line)
    this.#hiding += hidden
    this.commit()
  }

  add(value: unknown, _timestamp: number, _windows: Windows, _pane: PaneInfo): void {
    if (this.#printed + this.#lines.length < this.#limit) this.#lines.push(textOf(value))
    else this.#hiding++
  }

  #addLine(line: string): void {
    if (this.#printed + this.#lines.length < this.#limit) this.#lines.push(line)
    else this.#hiding++
  }

  commit(): void {
    if (this.#kept !== undefined) this.#kept.push(...this.#lines)
    else for (const line of this.#lines) this.#env.print(`${this.#name}: ${line}`, 'out')
    this.#printed += this.#lines.length
    this.#lines = []
    this.#hidden += this.#hiding
    this.#hiding = 0
  }

  discard(): void {
    this.#lines = []
    this.#hiding = 0
  }

  /** The last line, when the run is over. */
  finish(): void {
    if (this.#hidden > 0) this.#env.print(`${this.#name}: … and ${this.#hidden} more`, 'out')
  }
}

/** The result of a run. */
export class RunResult implements PipelineResult {
  readonly state: EndState
  readonly metrics: MetricsResult
  readonly #collected: ReadonlyMap<string, Collected>

  constructor(state: EndState, metrics: MetricsResult, collected: ReadonlyMap<string, Collected>) {
    this.state = state
    this.metrics = metrics
    this.#collected = collected
  }

  collect<T = unknown>(name: string): readonly T[] {
    return this.collectWindowed<T>(name).map(({ value }) => value)
  }

  collectWindowed<T = unknown>(name: string): readonly WindowedElement<T>[] {
    const collected = this.#collected.get(name)
    if (collected !== undefined) return collected.elements as readonly WindowedElement<T>[]
    const known = [...this.#collected.keys()]
    throw new PipelineError(
      'MR-6010',
      known.length === 0
        ? `nothing was collected under "${name}": the pipeline has no collect step. Add .collect('${name}') to a collection.`
        : `nothing was collected under "${name}". Collected were: ${known.map((each) => `"${each}"`).join(', ')}.`,
    )
  }
}

/** Number of elements that have passed an output. */
export function elementCount(staged: StagedPipeline, metrics: Metrics, collectionId: string): number {
  const output = staged.outputs.get(collectionId)
  if (output === undefined) return 0
  if (output.derivedFrom === undefined) return metrics.elements[output.counter] ?? 0
  const { input, step } = output.derivedFrom
  return elementCount(staged, metrics, input) - (metrics.lost[step.index] ?? 0)
}

/** Readings of metrics, and how one is found among them. */
export abstract class Readings implements MetricsResult {
  abstract readonly user: MetricsResult['user']
  abstract readonly system: MetricsResult['system']
  abstract readonly elements: MetricsResult['elements']
  abstract readonly deadLetters: MetricsResult['deadLetters']
  abstract readonly sources: MetricsResult['sources']

  get(step: string, name: string): ReturnType<MetricsResult['get']> {
    return this.user.find((metric) => metric.step === step && metric.name === name)?.value
  }

  counter(name: string, step?: string): number {
    return this.system
      .filter((counter) => counter.name === name && (step === undefined || counter.step === step))
      .reduce((sum, { value }) => sum + value, 0)
  }
}

/** Metrics as users see them: what they were at the end of the run. */
export class RunMetrics extends Readings {
  readonly user: MetricsResult['user']
  readonly system: MetricsResult['system']
  readonly elements: ReadonlyMap<string, number>
  readonly deadLetters: MetricsResult['deadLetters']
  readonly sources: readonly SourceReading[]

  constructor(staged: StagedPipeline, metrics: Metrics, sources: readonly SourceReading[]) {
    super()
    this.sources = sources
    this.user = metrics.results()
    this.system = metrics.systemCounters()
    this.deadLetters = metrics.deadLetters.list()
    this.elements = new Map([...staged.outputs.keys()].map((id) => [id, elementCount(staged, metrics, id)]))
  }
}

/** A window, for those who only need its text. */
export type { BoundedWindow }
