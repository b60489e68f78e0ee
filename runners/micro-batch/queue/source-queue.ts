/**
 * What a source has given and no batch has taken yet: in memory, and on the disk where it is too much for that.
 *
 * Law: bundles come out as they went in, in their order; there are never more elements than the bound, nor more bytes than theirs and
 * one bundle; in memory there are never more than its own bound and one bundle.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import type { AheadBundle, AheadQueue } from '../../core/execution/read-ahead.js'
import type { SourceCodec } from '../../core/execution/source-codec.js'
import type { QueueStatus } from '../../run-status.js'
import type { SpilledParts } from './spilled-parts.js'

/** Bounds of a queue. */
export interface QueueBounds {
  readonly elements: number
  readonly bytes: number
  /** Bytes beyond which it is written to the disk. */
  readonly memoryBytes: number
}

/** What a queue belongs to. */
export interface QueueParts {
  readonly step: string
  readonly codec: SourceCodec
  readonly bounds: QueueBounds
  /** `undefined`: there is no disk, and all stays in memory. */
  readonly spilled: SpilledParts | undefined
  /** Tells people what went wrong without harm. */
  readonly warn: (message: string) => void
  /** Elements of a bundle, at most. */
  readonly bundleMax: () => number
}

/** Bytes that a bundle costs besides its elements, about. */
const BUNDLE_BYTES = 100

interface Part {
  readonly path: string
  /** Callbacks cannot be written to a disk. */
  readonly acknowledgements: readonly AheadBundle['acknowledgements'][]
  readonly bytes: number
}

/** The queue of one source. */
export class SourceQueue implements AheadQueue {
  readonly #parts: QueueParts
  /** The oldest, from `#at` on. */
  #head: AheadBundle[] = []
  #at = 0
  #headBytes = 0
  /** Older than the tail, younger than the head. */
  readonly #spilled: Part[] = []
  #spilledBytes = 0
  #tail: AheadBundle[] = []
  #tailBytes = 0
  /** Files of which everything was taken. */
  #taken: string[] = []
  #length = 0
  #lengthMax = 0
  #isDiskFull = false
  #isBegun = false

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  /** The run has the lease: from now on the disk is its own. */
  begin(epoch: number): void {
    this.#isBegun = true
    this.#parts.spilled?.begin(epoch)
  }

  /** Whether it has begun. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** Whether files wait for the commit. */
  get hasTaken(): boolean {
    return this.#taken.length > 0
  }

  get length(): number {
    return this.#length
  }

  get isEmpty(): boolean {
    return this.#at >= this.#head.length && this.#spilled.length === 0 && this.#tail.length === 0
  }

  get bundleMax(): number {
    return this.#parts.bundleMax()
  }

  get room(): number {
    const { bounds, spilled } = this.#parts
    const memory = this.#headBytes + this.#tailBytes
    const canSpill = spilled?.isBegun === true && !this.#isDiskFull
    if (memory + this.#spilledBytes >= (canSpill ? bounds.bytes : Math.min(bounds.bytes, bounds.memoryBytes))) return 0
    return bounds.elements - this.#length
  }

  push(bundle: AheadBundle): void {
    const { count } = bundle.record
    this.#tail.push(bundle)
    this.#tailBytes += bytesOf(bundle)
    this.#length += count
    this.#lengthMax = Math.max(this.#lengthMax, this.#length)
    // What was read back is half of the memory at most, so that both together are within it.
    if (this.#tailBytes * 2 > this.#parts.bounds.memoryBytes && this.#hasOlder) this.#spill()
  }

  get #hasOlder(): boolean {
    return this.#at < this.#head.length || this.#spilled.length > 0 || this.#tail.length > 1
  }

  amend(bundle: AheadBundle): boolean {
    const last = this.#tail.at(-1)
    if (last === undefined || last.record.work !== bundle.record.work) return false
    const record = { ...last.record, left: bundle.record.left }
    this.#tail[this.#tail.length - 1] = { ...last, record }
    return true
  }

  shift(): AheadBundle | undefined {
    if (this.#at >= this.#head.length) this.#turnHead()
    const bundle = this.#head[this.#at]
    if (bundle === undefined) return undefined
    this.#head[this.#at++] = undefined as unknown as AheadBundle
    this.#headBytes -= bytesOf(bundle)
    this.#length -= bundle.record.count
    return bundle
  }

  /** What comes after the head. */
  #turnHead(): void {
    const part = this.#spilled.shift()
    this.#at = 0
    if (part === undefined) {
      this.#head = this.#tail
      this.#headBytes = this.#tailBytes
      this.#tail = []
      this.#tailBytes = 0
      return
    }
    const { spilled, codec } = this.#parts
    this.#head = (spilled as SpilledParts).read(part.path).map((bytes, i) => {
      const [arrivedAt, turn] = decodeFromBytes(dynamicCoder, bytes) as [number, unknown]
      const [record] = codec.turnFrom(0, turn).reads
      return { record: record as AheadBundle['record'], arrivedAt, acknowledgements: part.acknowledgements[i] ?? [] }
    })
    this.#headBytes = part.bytes
    this.#spilledBytes -= part.bytes
    this.#taken.push(part.path)
    this.#isDiskFull = false
  }

  #spill(): void {
    const { spilled, codec, warn, step } = this.#parts
    if (spilled?.isBegun !== true || this.#isDiskFull) return
    const frames = this.#tail.map(({ record, arrivedAt }) => {
      const turn = codec.turn({ stage: 0, drains: false, reads: [record], idle: [] })
      return encodeToBytes(dynamicCoder, [arrivedAt, turn])
    })
    try {
      const path = spilled.write(frames)
      const acknowledgements = this.#tail.map((bundle) => bundle.acknowledgements)
      this.#spilled.push({ path, acknowledgements, bytes: this.#tailBytes })
    } catch (error) {
      this.#isDiskFull = true
      warn(`the queue of step "${step}" cannot be written to the disk and stays in memory: ${String(error)}`)
      return
    }
    this.#spilledBytes += this.#tailBytes
    this.#tail = []
    this.#tailBytes = 0
  }

  /** What was taken is planned and committed: its files may go. */
  committed(): void {
    for (const path of this.#taken.splice(0)) this.#parts.spilled?.remove(path)
  }

  /** The run is over. */
  close(): void {
    const { spilled } = this.#parts
    this.committed()
    for (const { path } of this.#spilled.splice(0)) spilled?.remove(path)
    spilled?.close()
  }

  status(): QueueStatus {
    return {
      step: this.#parts.step,
      elements: this.#length,
      elementsMax: this.#lengthMax,
      bytes: this.#headBytes + this.#tailBytes + this.#spilledBytes,
      spilledBytes: this.#spilledBytes,
    }
  }
}

function bytesOf({ record }: AheadBundle): number {
  return (record.elements?.length ?? 0) + BUNDLE_BYTES
}
