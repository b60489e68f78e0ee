/**
 * Shedding: what is worth least is dropped where there is more to do than can be done in time.
 *
 * Law: what goes in comes out, or is dropped; each dropped element is counted, and in the collection of the dropped. A batch that is done
 * again drops the same.
 */
import type { LoadGate, LoadMeasure } from '../env.js'
import { coded } from '../error-codes.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import { refuseUnknownOptions, refuseUnknownValue } from '../known-options.js'
import { metric, type Counter } from '../metrics.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { AnyDoFn } from './do-fn.js'
import { refuseChanges } from './groupable.js'
import type { SetupContext } from './do-fn.js'
import { addStep } from './step.js'

/** Options of {@link shed}. */
export interface ShedOptions<T> {
  /** What an element is worth: those worth least are dropped first. A number; of equal ones chance decides, by the seed of the batch. */
  readonly utility: (element: T) => number
  /** Takes what was dropped. Default: it is only counted. */
  readonly to?: (dropped: PCollection<T>) => unknown
  /**
   * Which latency is held against the objective: from the arrival of elements (`'arrival'`), or from their timestamps (`'event'`). A source
   * that can wait has its elements arrive when they are read, so `'event'` says how far behind it is. Default `'arrival'`.
   */
  readonly measure?: LoadMeasure
}

const OPTIONS = { utility: true, to: true, measure: true } satisfies Record<keyof ShedOptions<never>, true>

/**
 * Drops elements under load, those with the lowest utility first. Put it right after the source. The micro-batch runner with a
 * `latencyObjective` drops as much as latency exceeds the objective, and nothing below it; without one, and on other runners, nothing is
 * ever dropped. What was dropped counts in the metric `shed` of the step.
 *
 * `utility` must give the same for the same element: a batch that is done again after a crash asks again.
 *
 * @throws {PipelineError} when an option is wrong, or the input has changes: a retraction without its insertion is no result.
 * @example
 * ```ts
 * import { pipeline, run, shed } from 'millrace'
 * const p = pipeline()
 * p.create('orders', [{ id: 1, cents: 500 }, { id: 2, cents: 20 }])
 *   .apply('under load', shed({ utility: (order) => order.cents, to: (dropped) => dropped.collect('dropped') }))
 *   .collect('kept')
 * const result = await run(p, { runner: 'micro-batch', latencyObjective: '2 seconds' })
 * result.collect('kept').length // => 2
 * ```
 */
export function shed<T>(options: ShedOptions<T>): (input: PCollection<T>) => PCollection<T> {
  refuseUnknownOptions('shed', options, OPTIONS)
  const { utility, to, measure = 'arrival' } = options
  if (typeof utility !== 'function') refuse('MR-1003', 'shed needs a function `utility` that gives a number.')
  if (to !== undefined && typeof to !== 'function')
    refuse('MR-1004', `option to of shed is a function that takes the dropped elements, but is ${preview(to)}.`)
  refuseUnknownValue('option measure of shed', measure, ['arrival', 'event'])
  return (input) => {
    const path = authorPath(input.builder.pathOf(reservedName('shed')))
    refuseChanges(input, path, 'drops')
    const { coderId } = input.builder.collection(input.id)
    const [kept, dropped] = addStep(input, {
      name: reservedName('shed'),
      fn: {
        kind: 'doFn',
        doFn: shedding(utility as (element: unknown) => number, measure),
        tags: ['kept', 'dropped'],
        allowedSkewMillis: 0,
        options: {},
      },
      outputs: () => [
        { tag: 'kept', coderId },
        { tag: 'dropped', coderId },
      ],
    })
    if (to !== undefined) to(input.derive(dropped as CollectionRef))
    return input.derive(kept as CollectionRef)
  }
}

interface Call {
  readonly resource: LoadGate | undefined
  readonly metrics: { readonly shed: Counter }
  readonly emit: { readonly kept: (value: unknown) => void; readonly dropped: (value: unknown) => void }
}

function shedding(utility: (element: unknown) => number, measure: LoadMeasure): AnyDoFn {
  return {
    outputs: {},
    metrics: { shed: metric.counter() },
    setup: ({ env, step }: SetupContext) => env.load?.gate(step, measure),
    process(element: unknown, { resource: gate, metrics, emit }: Call) {
      const worth = utility(element)
      if (typeof worth !== 'number' || Number.isNaN(worth))
        throw coded('MR-3004', new TypeError(`utility of shed must give a number, but gave ${preview(worth)}`))
      if (gate?.drops(worth) !== true) emit.kept(element)
      else {
        metrics.shed.inc()
        emit.dropped(element)
      }
    },
  }
}
