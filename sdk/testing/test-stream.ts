/**
 * TestStream: a source that plays a script. Elements, watermark and processing time move exactly when the test says,
 * and each event is processed completely, through every step, before the next.
 *
 * Law: each `elements` event is one bundle; timestamps lie inside the model's range; the watermark only moves forward;
 * the script ends with the watermark at the end of time, whether it says so or not. Scripts of one pipeline take turns:
 * the first event of each, in the order in which they were applied, then the second of each, and each event alone.
 */
import { type Codec, type TypeOf } from '../codec.js'
import { messageOf } from '../errors.js'
import { reservedName } from '../graph/builder.js'
import type { TestStreamEvent } from '../graph/model.js'
import * as urns from '../graph/urns.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
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
import { eventsOf, scriptJson, type ScriptJson } from './script-json.js'

/** A value with its event timestamp. */
export interface TimestampedValue<T> {
  readonly value: T
  readonly timestamp: number
}

/** An instant of a script in milliseconds. @throws {PipelineError} when it is none. */
export function instantOf(call: string, instant: Instant): number {
  try {
    return toTimestamp(instant)
  } catch (error) {
    return refuse('MR-2002', `${call} takes an instant: ${messageOf(error)}.`)
  }
}

/**
 * A value at a timestamp.
 *
 * @throws {PipelineError} when the timestamp is no instant.
 * @example
 * ```ts
 * import { at } from 'millrace/testing'
 * at(5, 'five') // => { timestamp: 5, value: 'five' }
 * ```
 */
export function at<T>(timestamp: Instant, value: T): TimestampedValue<T> {
  return { timestamp: instantOf('at(timestamp, value)', timestamp), value }
}

/** @throws {PipelineError} for what is no element with a timestamp inside the global window. */
export function checkElement(element: TimestampedValue<unknown>): void {
  if (typeof element !== 'object' || element === null || typeof element.timestamp !== 'number')
    refuse('MR-8006', `a script takes elements made by at(timestamp, value), but got ${preview(element)}.`)
  if (element.timestamp > END_OF_GLOBAL_WINDOW)
    refuse(
      'MR-8006',
      `a script has an element at ${formatTimestamp(element.timestamp)}, after the end of the global window, where no element can be.`,
    )
}

/** @throws {PipelineError} when a script cannot move its watermark so. */
export function checkWatermark(before: number, timestamp: number): void {
  if (timestamp < before)
    refuse(
      'MR-8005',
      `a script cannot move its watermark back from ${formatTimestamp(before)} to ${formatTimestamp(timestamp)}.`,
    )
  if (timestamp >= TIMESTAMP_MAX)
    refuse('MR-8005', 'a script moves its watermark to the end of time by end() or advanceWatermarkToInfinity().')
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
    for (const element of elements) checkElement(element)
    return this.#with({ kind: 'elements', elements: [...elements] })
  }

  /** The watermark moves to an instant: no element before it is expected any more. */
  advanceWatermarkTo(instant: Instant): TestStream<T> {
    const timestamp = instantOf('advanceWatermarkTo', instant)
    checkWatermark(this.#watermark, timestamp)
    return this.#with({ kind: 'watermark', timestamp }, timestamp)
  }

  /** The runner's clock moves forward. */
  advanceProcessingTime(by: Duration): TestStream<T> {
    return this.#with({ kind: 'processingTime', advanceMillis: durationMillis(by, 'advance of processing time') })
  }

  /** What the script says so far, in order. */
  get events(): readonly TestStreamEvent[] {
    return this.#events
  }

  /** The script as JSON, to be kept in a file; {@link testStreamFrom} reads it. Elements are the bytes of their coder, in hex. */
  toJSON(): ScriptJson {
    return scriptJson(this.#events, this.#codec)
  }

  /** The stream ends: the watermark moves to the end of time. */
  advanceWatermarkToInfinity(): (pipeline: Pipeline) => PCollection<T> {
    return this.end()
  }

  /** The root transform that plays the script, to be given to `pipeline.apply(name, …)`. */
  end(): (pipeline: Pipeline) => PCollection<T> {
    return (pipeline) => {
      return addScript<T>(pipeline, 'stream', this.#codec, this.#events)
    }
  }

  #with(event: TestStreamEvent, watermark = this.#watermark): TestStream<T> {
    return new TestStream<T>(this.#codec, [...this.#events, event], watermark)
  }
}

/** Adds the root that plays events, under a reserved name. */
export function addScript<T>(
  pipeline: Pipeline,
  name: string,
  codec: Codec | undefined,
  events: readonly TestStreamEvent[],
): PCollection<T> {
  const { builder } = pipeline
  const reserved = reservedName(name)
  const coderId = builder.coders.codec(builder.pathOf(reserved), 0, codec)
  const [output] = builder.leaf({
    name: reserved,
    spec: { urn: urns.TEST_STREAM, payload: { coderId, events } },
    inputs: new Map(),
    outputs: [{ tag: 'out', coderId, strategy: globalStrategy, isBounded: false }],
  })
  return pipeline.collection<T>(output as NonNullable<typeof output>)
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

/**
 * The script that {@link TestStream.toJSON} wrote, read with the codec it was written with.
 *
 * @throws {PipelineError} when it is not such a script, or breaks the rules that the methods of a script hold to.
 * @example
 * ```ts
 * import { at, testStream, testStreamFrom } from 'millrace/testing'
 * const script = testStream<string>().add(at(1, 'a')).advanceWatermarkTo(10)
 * const text = JSON.stringify(script)
 * testStreamFrom<string>(JSON.parse(text)).events // => script.events
 * ```
 */
export function testStreamFrom<T>(json: unknown): TestStream<T>
export function testStreamFrom<C extends Codec>(json: unknown, codec: C): TestStream<TypeOf<C>>
export function testStreamFrom(json: unknown, codec?: Codec): TestStream<unknown> {
  let script = new TestStream<unknown>(codec)
  for (const event of eventsOf(json, codec)) {
    if (event.kind === 'elements') script = script.add(...event.elements)
    else if (event.kind === 'watermark') script = script.advanceWatermarkTo(event.timestamp)
    else script = script.advanceProcessingTime(event.advanceMillis)
  }
  return script
}
