/**
 * Several scripted collections on one timeline: a script whose events name the output they are for.
 *
 * Law: events happen one after the other, in the order written, whichever output they are for.
 */
import type { Codec, TypeOf } from '../codec.js'
import type { TestStreamEvent } from '../graph/model.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { type Duration, durationMillis, type Instant, TIMESTAMP_MIN } from '../time.js'
import { addScript, checkElement, checkWatermark, instantOf, type TimestampedValue } from './test-stream.js'

type Outputs = Readonly<Record<string, Codec>>

/** The collections of a script, by output. */
export type ScriptedCollections<O> = { readonly [K in keyof O]: PCollection<TypeOf<O[K]>> }

interface TaggedEvent {
  /** The output; `undefined` for all of them. */
  readonly tag: string | undefined
  readonly event: TestStreamEvent
}

/** A script with several outputs under construction; every method gives a new one. */
export class TestStreams<O extends Outputs> {
  readonly #outputs: O
  readonly #events: readonly TaggedEvent[]
  readonly #watermarks: ReadonlyMap<string, number>

  /** @internal */
  constructor(
    outputs: O,
    events: readonly TaggedEvent[] = [],
    watermarks: ReadonlyMap<string, number> = new Map(Object.keys(outputs).map((tag) => [tag, TIMESTAMP_MIN])),
  ) {
    this.#outputs = outputs
    this.#events = events
    this.#watermarks = watermarks
  }

  /** Elements of one output that arrive together: one bundle. */
  add<K extends keyof O & string>(output: K, ...elements: readonly TimestampedValue<TypeOf<O[K]>>[]): TestStreams<O> {
    this.#known(output)
    for (const element of elements) checkElement(element)
    return this.#with({ tag: output, event: { kind: 'elements', elements: [...elements] } })
  }

  /** The watermark of one output, or of all, moves to an instant: no element before it is expected there any more. */
  advanceWatermarkTo(instant: Instant, output?: keyof O & string): TestStreams<O> {
    if (output !== undefined) this.#known(output)
    const timestamp = instantOf('advanceWatermarkTo', instant)
    const watermarks = new Map(this.#watermarks)
    for (const tag of output === undefined ? watermarks.keys() : [output]) {
      checkWatermark(this.#watermarks.get(tag) ?? TIMESTAMP_MIN, timestamp)
      watermarks.set(tag, timestamp)
    }
    return this.#with({ tag: output, event: { kind: 'watermark', timestamp } }, watermarks)
  }

  /** The runner's clock moves forward. */
  advanceProcessingTime(by: Duration): TestStreams<O> {
    const advanceMillis = durationMillis(by, 'advance of processing time')
    // One clock for all: one output moves it.
    return this.#with({ tag: Object.keys(this.#outputs)[0], event: { kind: 'processingTime', advanceMillis } })
  }

  /** The root transform that plays the script, to be given to `pipeline.apply(name, …)`; all outputs end with it. */
  end(): (pipeline: Pipeline) => ScriptedCollections<O> {
    return (pipeline) =>
      Object.fromEntries(
        Object.entries(this.#outputs).map(([tag, codec]) => [
          tag,
          addScript(pipeline, `stream.${tag}`, codec, this.#eventsFor(tag)),
        ]),
      ) as ScriptedCollections<O>
  }

  /** The events for an output, with a pause where others have theirs: scripts of one pipeline take turns. */
  #eventsFor(tag: string): readonly TestStreamEvent[] {
    const pause: TestStreamEvent = { kind: 'processingTime', advanceMillis: 0 }
    return this.#events.map((each) => (each.tag === undefined || each.tag === tag ? each.event : pause))
  }

  #known(output: string): void {
    if (Object.hasOwn(this.#outputs, output)) return
    refuse(
      'MR-8006',
      `the script has no output ${preview(output)}; testStreams declared ${Object.keys(this.#outputs).join(', ')}.`,
    )
  }

  #with(event: TaggedEvent, watermarks = this.#watermarks): TestStreams<O> {
    return new TestStreams<O>(this.#outputs, [...this.#events, event], watermarks)
  }
}

/**
 * An empty script with several outputs, each described by a codec (or named by `typed<T>()`).
 *
 * @example
 * ```ts
 * import { pipeline, run, typed } from 'millrace'
 * import { at, testStreams } from 'millrace/testing'
 * const p = pipeline()
 * const { clicks, views } = p.apply(
 *   'events',
 *   testStreams({ clicks: typed<string>(), views: typed<number>() })
 *     .add('clicks', at(1, 'a'))
 *     .advanceWatermarkTo(10)
 *     .add('views', at(11, 5))
 *     .end(),
 * )
 * clicks.collect('clicks')
 * views.collect('views')
 * const result = await run(p)
 * result.collect('views') // => [5]
 * ```
 */
export function testStreams<O extends Outputs>(outputs: O): TestStreams<O> {
  if (typeof outputs !== 'object' || outputs === null || Object.keys(outputs).length === 0)
    refuse('MR-1003', 'testStreams needs the codec of at least one output, such as { clicks: typed<Click>() }.')
  return new TestStreams(outputs)
}
