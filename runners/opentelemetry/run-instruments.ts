/**
 * A run as observable instruments: nothing is counted here; when the SDK collects, the run is looked at once.
 *
 * Law: one look per collection. After the run has ended its last numbers are observed once more, and then never again, so a
 * process that runs many pipelines keeps none of them.
 */
import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import type { DistributionResult } from '../../sdk/metrics.js'
import type { MetricReading, RunningPipeline } from '../runner.js'
import type { RunStatus, StepStatus } from '../run-status.js'

type Run = Pick<RunningPipeline, 'status' | 'metrics'>
type Kind = 'counter' | 'gauge' | 'upDownCounter'
type Look = { readonly status: RunStatus; readonly user: readonly MetricReading[] }

/** An instrument, and what to read of each step. */
interface StepInstrument {
  readonly name: string
  readonly kind: Kind
  readonly unit: string
  readonly description: string
  readonly value: (step: StepStatus) => number | undefined
}

const STEP_INSTRUMENTS: readonly StepInstrument[] = [
  of('elements.in', 'counter', '{element}', 'Elements that have come in.', (step) => step.elementsIn),
  of('elements.out', 'counter', '{element}', 'Elements that have gone out.', (step) => step.elementsOut),
  of('watermark', 'gauge', 's', 'Output watermark, in seconds since 1970.', (step) => watermark(step.outputWatermark)),
  of('lag', 'gauge', 's', 'Time of the run less the output watermark.', (step) => seconds(step.lagMillis)),
  of('state.keys', 'gauge', '{key}', 'Pairs of key and window with state.', (step) => step.stateKeys),
  of('windows', 'gauge', '{window}', 'Windows with state.', (step) => step.windows),
  of('timers', 'gauge', '{timer}', 'Timers that are set.', (step) => step.timers),
  of('buffered', 'gauge', '{element}', "Elements that wait for the step's turn.", (step) => step.buffered),
  of('pushed_back', 'gauge', '{element}', 'Elements that wait for a side input.', (step) => step.pushedBack),
  of('dropped_late', 'counter', '{element}', 'Elements that came too late.', (step) => step.droppedLate),
  of('dead_letters', 'counter', '{element}', 'Elements whose call failed for good.', (step) => step.deadLetters),
  of('retries', 'counter', '{call}', 'Calls that were tried again.', (step) => step.retries),
]

/** The instruments of one run. */
export class RunInstruments {
  readonly #meter: Meter
  readonly #attributes: Attributes
  readonly #steps: readonly { readonly row: StepInstrument; readonly instrument: Observable }[]
  readonly #elements: Observable
  readonly #duration: Observable
  readonly #backlog: Observable
  readonly #skew: Observable
  /** Of user code, by kind and name. */
  readonly #user = new Map<string, readonly Observable[]>()
  #run: Run | undefined
  /** The last numbers of a run that is over. */
  #last: Look | undefined
  #observed: Observable[] = []
  readonly #observe = (result: BatchObservableResult): void => this.#onCollect(result)

  constructor(meter: Meter, attributes: Attributes) {
    this.#meter = meter
    this.#attributes = attributes
    this.#steps = STEP_INSTRUMENTS.map((row) => ({ row, instrument: this.#make(row) }))
    this.#elements = this.#make(
      of('', 'counter', '{element}', 'Elements over all collections.'),
      'millrace.run.elements',
    )
    this.#duration = this.#make(of('', 'gauge', 's', 'How long the run has lasted.'), 'millrace.run.duration')
    this.#backlog = this.#make(of('', 'gauge', '1', 'Work left, in units of the source.'), 'millrace.source.backlog')
    this.#skew = this.#make(of('', 'gauge', 's', 'Arrival less event time.'), 'millrace.source.skew')
  }

  /** From now on the run is looked at whenever the SDK collects. */
  observe(run: Run): void {
    this.#run = run
    for (const reading of run.metrics().user) this.#instrumentsOf(reading)
    this.#register()
  }

  /** The run is over. */
  end(): void {
    this.#last = this.#look()
    this.#run = undefined
  }

  #look(): Look | undefined {
    return this.#run === undefined ? undefined : { status: this.#run.status(), user: this.#run.metrics().user }
  }

  #onCollect(result: BatchObservableResult): void {
    const look = this.#last ?? this.#look()
    if (this.#last !== undefined) {
      this.#last = undefined
      this.#meter.removeBatchObservableCallback(this.#observe, this.#observed)
    }
    if (look === undefined) return
    const { status, user } = look
    result.observe(this.#elements, status.elements, this.#attributes)
    result.observe(this.#duration, status.wallMillis / 1000, this.#attributes)
    for (const step of status.steps) {
      const attributes = this.#of(step.step)
      for (const { row, instrument } of this.#steps) {
        const value = row.value(step)
        if (value !== undefined) result.observe(instrument, value, attributes)
      }
    }
    for (const { step, backlog, skewMillis } of status.sources) {
      if (backlog !== undefined) result.observe(this.#backlog, backlog, this.#of(step))
      if (skewMillis !== undefined) result.observe(this.#skew, skewMillis / 1000, this.#of(step))
    }
    let isNew = false
    for (const reading of user) {
      isNew ||= !this.#user.has(keyOf(reading))
      const instruments = this.#instrumentsOf(reading)
      numbersOf(reading).forEach((value, i) => {
        if (value !== undefined) result.observe(instruments[i] as Observable, value, this.#of(reading.step))
      })
    }
    // Those of a step that was not there yet are observed from the next collection on.
    if (isNew && this.#run !== undefined) this.#register()
  }

  #register(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, this.#observed)
    this.#observed = [
      ...[this.#elements, this.#duration, this.#backlog, this.#skew],
      ...this.#steps.map(({ instrument }) => instrument),
      ...[...this.#user.values()].flat(),
    ]
    this.#meter.addBatchObservableCallback(this.#observe, this.#observed)
  }

  #of(step: string): Attributes {
    return { ...this.#attributes, 'millrace.step': step }
  }

  #instrumentsOf(reading: MetricReading): readonly Observable[] {
    const key = keyOf(reading)
    const existing = this.#user.get(key)
    if (existing !== undefined) return existing
    const { kind, name } = reading
    const base = `millrace.user.${name.replaceAll(/[^\w./-]+/g, '_')}`
    const make = (suffix: string, as: Kind, description: string): Observable =>
      this.#make(of('', as, '1', `${description} ${JSON.stringify(name)} of user code.`), `${base}${suffix}`)
    const made =
      kind === 'counter'
        ? [make('', 'counter', 'Counter')]
        : kind === 'gauge'
          ? [make('', 'gauge', 'Gauge')]
          : kind === 'stringSet'
            ? [make('.strings', 'gauge', 'How many strings there are in set')]
            : [
                make('.count', 'counter', 'Number of values of distribution'),
                make('.sum', 'upDownCounter', 'Sum of distribution'),
                make('.min', 'gauge', 'Smallest value of distribution'),
                make('.max', 'gauge', 'Largest value of distribution'),
              ]
    this.#user.set(key, made)
    return made
  }

  #make({ name, kind, unit, description }: StepInstrument, fullName = `millrace.step.${name}`): Observable {
    const options = { unit, description }
    if (kind === 'counter') return this.#meter.createObservableCounter(fullName, options)
    return kind === 'gauge'
      ? this.#meter.createObservableGauge(fullName, options)
      : this.#meter.createObservableUpDownCounter(fullName, options)
  }
}

function of(
  name: string,
  kind: Kind,
  unit: string,
  description: string,
  value: StepInstrument['value'] = () => undefined,
): StepInstrument {
  return { name, kind, unit, description, value }
}

function keyOf({ kind, name }: MetricReading): string {
  return `${kind} ${name}`
}

/** What is observed of a reading, in the order of its instruments. */
function numbersOf({ kind, value }: MetricReading): readonly (number | undefined)[] {
  if (kind === 'stringSet') return [(value as readonly string[]).length]
  if (kind !== 'distribution') return [value === undefined ? undefined : Number(value)]
  const { count, sum, min, max } = value as DistributionResult
  return [count, sum, min, max]
}

function seconds(millis: number | undefined): number | undefined {
  return millis === undefined ? undefined : millis / 1000
}

/** OpenTelemetry has no infinity: the ends of time are not observed. */
function watermark(at: number): number | undefined {
  return at <= TIMESTAMP_MIN || at >= TIMESTAMP_MAX ? undefined : at / 1000
}
