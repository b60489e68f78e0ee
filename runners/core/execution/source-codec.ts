/**
 * Work and turns of a source as bytes: the first for the state that a store keeps, the second for the plan of a batch.
 *
 * Law: what is decoded is what was encoded; restrictions, elements and outputs go through the coders that the graph names.
 */
import {
  ByteReader,
  ByteWriter,
  type Coder,
  decodeFromBytes,
  dynamicCoder,
  encodeToBytes,
  type WindowedValue,
  windowedValueCoder,
} from '../../../sdk/coders/index.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { listOf } from '../side-inputs.js'
import type { Output, Routed, StageRoot } from '../stage.js'
import { whole } from '../cell-format.js'
import type { ReadRecord, TurnRecord, WorkLeft } from './source-journal.js'
import { Work, type WorkElement } from './source-work.js'

/** Work in a form that the default coder takes. */
interface PlainWork {
  readonly of: Uint8Array
  readonly number: number
  readonly restriction: Uint8Array
  readonly delay: number
  readonly isTruncated: boolean
  readonly watermark: number
  readonly maxTimestamp: number
}

interface PlainLeft extends Omit<WorkLeft, 'restriction'> {
  readonly restriction: Uint8Array
}

interface PlainRead extends Omit<ReadRecord, 'left' | 'elements'> {
  readonly left: readonly PlainLeft[] | null
  readonly elements: Uint8Array | null
}

/** Number of the element, the restriction that it names, and the element. */
type PlainBegun = readonly [number: number, restriction: Uint8Array, of: Uint8Array]

/** An element that names work, without what is counted of it. */
type Named = Omit<WorkElement, 'since' | 'number'>

/** Elements as they are read again. */
export interface ReadElements {
  readonly values: readonly unknown[]
  /** `undefined`: all have the timestamp of the element that names the work. */
  readonly timestamps: ArrayLike<number> | undefined
}

/** Codes work and turns of one source. */
export class SourceCodec {
  /** Unique name of the source's step. */
  readonly step: string
  readonly #element: Coder<WindowedValue<unknown, BoundedWindow>>
  readonly #restriction: Coder<unknown>
  readonly #outputs: readonly Coder<unknown>[]
  readonly #isRouted: boolean

  constructor(built: BuiltPipeline, root: Extract<StageRoot, { kind: 'splittable' }>) {
    this.step = root.info.id
    const { collections } = built.graph.components
    const input = collections.get(root.inputs[0] ?? '')?.coderId ?? ''
    this.#element = windowedValueCoder(coderOf(built, input), windowCoderOf(root.strategy.windowFn))
    this.#restriction = coderOf(built, root.restrictionCoderId)
    this.#outputs = root.outputs.map((output: Output) => coderOf(built, output.coderId))
    this.#isRouted = root.outputs.length > 1
  }

  #named({ element, timestamp, windows, pane }: Named): Uint8Array {
    return encodeToBytes(this.#element, { value: element, timestamp, windows: listOf(windows), pane })
  }

  #namedFrom(bytes: Uint8Array): Named {
    const { value, timestamp, windows, pane } = decodeFromBytes(this.#element, bytes)
    return { element: value, timestamp, windows: windows.length === 1 ? (windows[0] as BoundedWindow) : windows, pane }
  }

  /** Work, and what its delay is at `at` of the delay clock. */
  work(work: Work, at: number): Uint8Array {
    const { number } = work.of
    const plain: PlainWork = {
      of: this.#named(work.of),
      number,
      restriction: encodeToBytes(this.#restriction, work.restriction),
      delay: Math.max(0, work.notBefore - at),
      isTruncated: work.isTruncated,
      watermark: work.watermark,
      maxTimestamp: work.maxTimestamp,
    }
    return encodeToBytes(dynamicCoder, plain)
  }

  workFrom(id: number, bytes: Uint8Array, at: number): Work {
    const plain = decodeFromBytes(dynamicCoder, bytes) as PlainWork
    const of = { ...this.#namedFrom(plain.of), since: 0, number: plain.number }
    const work = new Work(of, decodeFromBytes(this.#restriction, plain.restriction), at)
    work.id = id
    work.notBefore = plain.delay === 0 ? 0 : at + plain.delay
    work.isTruncated = plain.isTruncated
    work.watermark = plain.watermark
    work.maxTimestamp = plain.maxTimestamp
    return work
  }

  /** A turn, as the default coder takes it. */
  turn({ drains, reads, idle, begun }: TurnRecord): unknown {
    const plainReads = reads.map(({ work, count, isFull, left, elements = null }): PlainRead => ({
      work,
      count,
      isFull,
      left: left?.map((each) => ({ ...each, restriction: encodeToBytes(this.#restriction, each.restriction) })) ?? null,
      elements,
    }))
    const plain = { drains, reads: plainReads, idle }
    if (begun === undefined) return plain
    return {
      ...plain,
      begun: begun.map((each): PlainBegun => [
        each.number,
        encodeToBytes(this.#restriction, each.restriction),
        this.#named(each),
      ]),
    }
  }

  turnFrom(stage: number, turn: unknown): TurnRecord {
    const { drains, reads, idle, begun } = turn as Pick<TurnRecord, 'drains' | 'idle'> & {
      readonly reads: readonly PlainRead[]
      readonly begun?: readonly PlainBegun[]
    }
    const readsFrom = reads.map(({ work, count, isFull, left, elements }): ReadRecord => ({
      work,
      count,
      isFull,
      left: left?.map((each) => ({ ...each, restriction: decodeFromBytes(this.#restriction, each.restriction) })),
      elements: elements ?? undefined,
    }))
    const own = { stage, drains, reads: readsFrom, idle }
    if (begun === undefined) return own
    return {
      ...own,
      begun: begun.map(([number, bytes, of]) => ({
        ...this.#namedFrom(of),
        number,
        restriction: decodeFromBytes(this.#restriction, bytes),
      })),
    }
  }

  /** The first `count` elements of a bundle; `stamps` where some have a timestamp of their own. */
  elements(values: readonly unknown[], stamps: ArrayLike<number> | undefined, count: number): Uint8Array {
    const out = new ByteWriter()
    out.varint(count)
    out.byte(stamps === undefined ? 0 : 1)
    for (let i = 0; i < count; i++) {
      if (stamps !== undefined) out.double(stamps[i] as number)
      this.#writeOutput(out, values[i])
    }
    return out.take()
  }

  /** The same back. */
  elementsFrom(bytes: Uint8Array): ReadElements {
    const input = new ByteReader(bytes)
    const count = whole(input)
    const timestamps = input.byte() === 0 ? undefined : new Float64Array(count)
    const values: unknown[] = []
    for (let i = 0; i < count; i++) {
      if (timestamps !== undefined) timestamps[i] = input.double()
      values.push(this.#readOutput(input))
    }
    return { values, timestamps }
  }

  #writeOutput(out: ByteWriter, value: unknown): void {
    if (!this.#isRouted) (this.#outputs[0] as Coder<unknown>).encode(value, out, true)
    else {
      const { output, value: own } = value as Routed
      out.varint(output)
      ;(this.#outputs[output] as Coder<unknown>).encode(own, out, true)
    }
  }

  #readOutput(input: ByteReader): unknown {
    if (!this.#isRouted) return (this.#outputs[0] as Coder<unknown>).decode(input, true)
    const output = whole(input)
    return { output, value: (this.#outputs[output] as Coder<unknown>).decode(input, true) } satisfies Routed
  }
}
