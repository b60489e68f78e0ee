/**
 * A source that delivers again what was not acknowledged: a message broker, as far as a pipeline can tell. It outlives runs, so
 * that a test can end one in the middle and see what the next one makes of it.
 *
 * Law: a record is delivered until it is acknowledged, and not after that. A reader that connects gets everything that was
 * delivered to an earlier one and not acknowledged.
 */
import { coded } from '../error-codes.js'
import { typed, type TypeOnly } from '../codec.js'
import { PipelineError } from '../errors.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import { watermarks } from '../source/watermark-policy.js'
import { type Duration, durationMillis } from '../time.js'
import { readFrom, type ReadResult, type SourceReader } from '../transforms/read-from.js'

/** Options of {@link redeliveringSource}. */
export interface RedeliveringOptions {
  /** Delivers again what has not been acknowledged for so long, also to the same reader. Default: to the next reader only. */
  readonly redeliverAfter?: Duration
}

/** What has happened to a record. */
export interface DeliveryEvent {
  readonly kind: 'delivered' | 'acknowledged'
  /** Number of the record, from 0. */
  readonly record: number
}

/** Records that are delivered until they are acknowledged. Made by {@link redeliveringSource}. */
export class RedeliveringSource<T> {
  readonly #records: readonly T[]
  readonly #redeliverMillis: number | undefined
  /** What is to be delivered, the next one last; among it what was acknowledged before it was delivered again. */
  readonly #queue: number[]
  /** How many of the queue are acknowledged: they are passed over when their turn comes. */
  #passedOver = 0
  /** When each record that is under way was delivered, oldest first. */
  readonly #underWay = new Map<number, number>()
  readonly #history: DeliveryEvent[] = []
  readonly #acknowledged = new Set<number>()
  #untilFailure = Infinity
  #untilAcknowledgementFails = Infinity

  /** @internal */
  constructor(records: Iterable<T>, { redeliverAfter }: RedeliveringOptions) {
    this.#records = [...records]
    this.#queue = this.#records.map((_, record) => record).reverse()
    this.#redeliverMillis =
      redeliverAfter === undefined ? undefined : durationMillis(redeliverAfter, 'redeliverAfter of redeliveringSource')
  }

  /** Everything that has happened, in order, over all runs. */
  get history(): readonly DeliveryEvent[] {
    return this.#history
  }

  /** Records that are acknowledged. */
  get acknowledged(): readonly T[] {
    return [...this.#acknowledged].map((record) => this.#records[record] as T)
  }

  /** Records that still wait to be acknowledged, delivered or not. */
  get unacknowledged(): readonly T[] {
    return this.#records.filter((_, record) => !this.#acknowledged.has(record))
  }

  /** The connection breaks after so many more deliveries: reading throws, once. */
  failAfter(deliveries: number): void {
    this.#untilFailure = checkedCount(deliveries)
  }

  /** Acknowledging throws after so many more calls, once. */
  failAcknowledgementAfter(calls: number): void {
    this.#untilAcknowledgementFails = checkedCount(calls)
  }

  /** Root transform that reads from here, in as many pipelines and runs as there are, one at a time. */
  read(): (pipeline: Pipeline) => PCollection<T> {
    return readFrom<TypeOnly<T>, readonly number[]>({
      output: typed<T>(),
      bounded: false,
      replayable: false,
      watermark: watermarks.none(),
      pollEvery: 1,
      open: (_, { now }) => this.#connect(now),
      acknowledge: (records) => this.#acknowledge(records),
    })
  }

  #connect(now: () => number): SourceReader<T, readonly number[]> {
    this.#requeue(() => true)
    let sinceMark: number[] = []
    return {
      read: () => {
        const record = this.#next(now())
        if (typeof record === 'string') return record
        sinceMark.push(record)
        return { value: this.#records[record] as T, id: String(record) }
      },
      mark: () => {
        const records = sinceMark
        sinceMark = []
        return records
      },
      backlog: () => this.#backlog,
    }
  }

  #next(now: number): number | Exclude<ReadResult<T>, object> {
    if (this.#backlog > 0 && this.#untilFailure-- <= 0) {
      this.#untilFailure = Infinity
      throw coded('MR-8013', new Error('the connection to the redelivering source broke'))
    }
    const millis = this.#redeliverMillis
    if (millis !== undefined) this.#requeue((deliveredAt) => now >= deliveredAt + millis)
    const record = this.#take()
    if (record === undefined) return millis !== undefined && this.#underWay.size > 0 ? 'idle' : 'end'
    this.#underWay.set(record, now)
    this.#history.push({ kind: 'delivered', record })
    return record
  }

  get #backlog(): number {
    return this.#queue.length - this.#passedOver
  }

  #take(): number | undefined {
    for (;;) {
      const record = this.#queue.pop()
      if (record === undefined || !this.#acknowledged.has(record)) return record
      this.#passedOver--
    }
  }

  #acknowledge(records: readonly number[]): void {
    if (this.#untilAcknowledgementFails-- <= 0) {
      this.#untilAcknowledgementFails = Infinity
      throw coded('MR-8013', new Error('the connection to the redelivering source broke'))
    }
    for (const record of records) {
      // A record is under way, or acknowledged, or in the queue.
      if (!this.#underWay.delete(record) && !this.#acknowledged.has(record)) this.#passedOver++
      this.#acknowledged.add(record)
      this.#history.push({ kind: 'acknowledged', record })
    }
  }

  #requeue(isDue: (deliveredAt: number) => boolean): void {
    const due: number[] = []
    for (const [record, deliveredAt] of this.#underWay) {
      if (!isDue(deliveredAt)) break
      due.push(record)
    }
    for (const record of due.reverse()) {
      this.#underWay.delete(record)
      this.#queue.push(record)
    }
  }
}

/**
 * A source that delivers its records again until they are acknowledged, for tests of what a failure loses: nothing, with
 * `guarantee: 'at-least-once'`. It ends when it has nothing to deliver.
 *
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * import { redeliveringSource } from 'millrace/testing'
 * const broker = redeliveringSource(['a', 'b', 'c'])
 * broker.failAfter(2)
 * const p = pipeline()
 * p.apply('read', broker.read()).collect('seen')
 * const once = run(p, { guarantee: 'at-least-once', bundleSize: 1 })
 * await once.catch((error) => error.name) // => 'UserCodeError'
 * broker.unacknowledged // => ['c']
 * await run(p, { guarantee: 'at-least-once' })
 * broker.unacknowledged // => []
 * ```
 */
export function redeliveringSource<T>(records: Iterable<T>, options: RedeliveringOptions = {}): RedeliveringSource<T> {
  refuseUnknownOptions('redeliveringSource', options, {
    redeliverAfter: true,
  } satisfies OptionNames<RedeliveringOptions>)
  return new RedeliveringSource(records, options)
}

function checkedCount(count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count
  throw new PipelineError(
    'MR-1002',
    `failures of a redelivering source come after a whole number from 0, not ${String(count)}.`,
  )
}
