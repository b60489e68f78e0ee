/**
 * Work and turns of a source as bytes: the first for the state that a store keeps, the second for the plan of a batch.
 *
 * Law: what is decoded is what was encoded; restrictions, elements and outputs go through the coders that the graph names.
 */
import {
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
import type { ReadElements, ReadRecord, TurnRecord, WorkLeft } from './source-journal.js'
import { Work } from './source-work.js'

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
  readonly left: readonly PlainLeft[]
  readonly elements: { readonly values: readonly Uint8Array[]; readonly timestamps: readonly number[] | null } | null
}

/** Codes work and turns of one source. */
export class SourceCodec {
  readonly #element: Coder<WindowedValue<unknown, BoundedWindow>>
  readonly #restriction: Coder<unknown>
  readonly #outputs: readonly Coder<unknown>[]
  readonly #isRouted: boolean

  constructor(built: BuiltPipeline, root: Extract<StageRoot, { kind: 'splittable' }>) {
    const { collections } = built.graph.components
    const input = collections.get(root.inputs[0] ?? '')?.coderId ?? ''
    this.#element = windowedValueCoder(coderOf(built, input), windowCoderOf(root.strategy.windowFn))
    this.#restriction = coderOf(built, root.restrictionCoderId)
    this.#outputs = root.outputs.map((output: Output) => coderOf(built, output.coderId))
    this.#isRouted = root.outputs.length > 1
  }

  /** Work, and what its delay is at `at` of the delay clock. */
  work(work: Work, at: number): Uint8Array {
    const { element, timestamp, windows, pane, number } = work.of
    const plain: PlainWork = {
      of: encodeToBytes(this.#element, { value: element, timestamp, windows: listOf(windows), pane }),
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
    const { value, timestamp, windows, pane } = decodeFromBytes(this.#element, plain.of)
    const of = {
      element: value,
      timestamp,
      windows: windows.length === 1 ? (windows[0] as BoundedWindow) : windows,
      pane: pane,
      since: 0,
      number: plain.number,
    }
    const work = new Work(of, decodeFromBytes(this.#restriction, plain.restriction), at)
    work.id = id
    work.notBefore = plain.delay === 0 ? 0 : at + plain.delay
    work.isTruncated = plain.isTruncated
    work.watermark = plain.watermark
    work.maxTimestamp = plain.maxTimestamp
    return work
  }

  /** A turn, as the default coder takes it. */
  turn({ drains, reads, idle }: TurnRecord): unknown {
    const plainReads = reads.map(({ work, count, left, elements }): PlainRead => ({
      work,
      count,
      left: left.map((each) => ({ ...each, restriction: encodeToBytes(this.#restriction, each.restriction) })),
      elements:
        elements === undefined
          ? null
          : { values: elements.values.map((value) => this.#output(value)), timestamps: elements.timestamps ?? null },
    }))
    return { drains, reads: plainReads, idle }
  }

  turnFrom(stage: number, turn: unknown): TurnRecord {
    const { drains, reads, idle } = turn as Pick<TurnRecord, 'drains' | 'idle'> & {
      readonly reads: readonly PlainRead[]
    }
    const readsFrom = reads.map(({ work, count, left, elements }): ReadRecord => ({
      work,
      count,
      left: left.map((each) => ({ ...each, restriction: decodeFromBytes(this.#restriction, each.restriction) })),
      elements: elements === null ? undefined : this.#elements(elements),
    }))
    return { stage, drains, reads: readsFrom, idle }
  }

  #output(value: unknown): Uint8Array {
    const { output, value: own } = this.#isRouted ? (value as Routed) : { output: 0, value }
    const bytes = encodeToBytes(this.#outputs[output] as Coder<unknown>, own)
    return this.#isRouted ? encodeToBytes(dynamicCoder, [output, bytes]) : bytes
  }

  #elements({ values, timestamps }: NonNullable<PlainRead['elements']>): ReadElements {
    const valueFrom = (bytes: Uint8Array): unknown => {
      if (!this.#isRouted) return decodeFromBytes(this.#outputs[0] as Coder<unknown>, bytes)
      const [output, own] = decodeFromBytes(dynamicCoder, bytes) as [number, Uint8Array]
      return { output, value: decodeFromBytes(this.#outputs[output] as Coder<unknown>, own) } satisfies Routed
    }
    return { values: values.map(valueFrom), timestamps: timestamps ?? undefined }
  }
}
