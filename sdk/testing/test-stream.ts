/**
 * TestStream: a source that plays a script. Elements, watermark and processing time move exactly when the test says,
 * and each event is processed completely, through every step, before the next.
 *
 * Law: each `elements` event is one bundle; timestamps lie inside the model's range; the watermark only moves forward;
 * the script ends with the watermark at the end of time, whether it says so or not.
 */
import { type Codec, type TypeOf } from '../codec.js'
import { PipelineError } from '../errors.js'
import { reservedName } from '../graph/builder.js'
import type { TestStreamEvent } from '../graph/model.js'
import * as urns from '../graph/urns.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import {
  type Duration,
  durationMillis,
  END_OF_GLOBAL_WINDOW,
  formatTimestamp,
  type Instant,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  toTimestamp,
} from '../time.js'
import { globalStrategy } from '../windowing/windowing-strategy.js'

/** A value with its event timestamp. */
export interface TimestampedValue<T> {
  readonly value: T
  readonly timestamp: number
}

/**
 * A value at a timestamp.
 *
 * @example
 * ```ts
 * import { at } from 'millrace/testing'
 * at(5, 'five') // => { timestamp: 5, value: 'five' }
 * ```
 */
export function at<T>(timestamp: Instant, value: T): TimestampedValue<T> {
  return { timestamp: toTimestamp(timestamp), value }
}

/** A script under construction; every method gives a new one. */
export class TestStream<T> {
  readonly #events: readonly TestStreamEvent[]
  readonly #codec: Codec | undefined
  readonly #watermark: number

  /** @internal */
  constructor(codec: Codec | undefined, events: readonly TestStreamEvent[] = [], watermark: number = TIMESTAMP_MIN) {
    this.#codec = codec
    this.#events = events
    this.#watermark = watermark
  }

  /** Elements that arrive together: one bundle. */
  add(...elements: readonly TimestampedValue<T>[]): TestStream<T> {
    for (const { timestamp } of elements) {
      if (timestamp > END_OF_GLOBAL_WINDOW) {
        throw new PipelineError(
          `TestStream element at ${formatTimestamp(timestamp)} lies after the end of the global window`,
        )
      }
    }
    return this.#with({ kind: 'elements', elements })
  }

  /** The watermark moves to an instant: no element before it is expected any more. */
  advanceWatermarkTo(instant: Instant): TestStream<T> {
    const timestamp = toTimestamp(instant)
    if (timestamp < this.#watermark) {
      throw new PipelineError(
        `TestStream watermark cannot move back from ${formatTimestamp(this.#watermark)} to ${formatTimestamp(timestamp)}`,
      )
    }
    if (timestamp >= TIMESTAMP_MAX) {
      throw new PipelineError('TestStream watermark reaches the end of time by advanceWatermarkToInfinity()')
    }
    return this.#with({ kind: 'watermark', timestamp }, timestamp)
  }

  /** The runner's clock moves forward. */
  advanceProcessingTime(by: Duration): TestStream<T> {
    return this.#with({ kind: 'processingTime', advanceMillis: durationMillis(by, 'advance of processing time') })
  }

  /** The stream ends: the watermark moves to the end of time. */
  advanceWatermarkToInfinity(): (pipeline: Pipeline) => PCollection<T> {
    return this.end()
  }

  /** The root transform that plays the script, to be given to `pipeline.apply(name, …)`. */
  end(): (pipeline: Pipeline) => PCollection<T> {
    return (pipeline) => {
      const { builder } = pipeline
      const name = reservedName('stream')
      const coderId = builder.coders.codec(builder.pathOf(name), 0, this.#codec)
      const [output] = builder.leaf({
        name,
        spec: { urn: urns.TEST_STREAM, payload: { coderId, events: this.#events } },
        inputs: new Map(),
        outputs: [{ tag: 'out', coderId, strategy: globalStrategy, isBounded: false }],
      })
      return pipeline.collection<T>(output as NonNullable<typeof output>)
    }
  }

  #with(event: TestStreamEvent, watermark = this.#watermark): TestStream<T> {
    return new TestStream<T>(this.#codec, [...this.#events, event], watermark)
  }
}

/**
 * An empty script. A codec describes its elements; without one they travel by the dynamic coder.
 *
 * @example
 * ```ts
 * import { fixedWindows, pipeline, run } from 'millrace'
 * import { at, testStream } from 'millrace/testing'
 * const p = pipeline()
 * p.apply('events', testStream<number>().add(at(1, 10), at(2, 20)).advanceWatermarkTo(10).add(at(3, 30)).end())
 *   .windowInto('tens', fixedWindows(10), { allowedLateness: 100 })
 *   .keyBy('one', () => 'all')
 *   .countPerKey('count')
 *   .collect('panes')
 * const result = await run(p)
 * result.collectWindowed('panes').map(({ pane }) => pane.timing) // => ['onTime', 'late']
 * ```
 */
export function testStream<T>(): TestStream<T>
export function testStream<C extends Codec>(codec: C): TestStream<TypeOf<C>>
export function testStream(codec?: Codec): TestStream<unknown> {
  return new TestStream(codec)
}
