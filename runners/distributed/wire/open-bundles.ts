/**
 * The bundles that a worker has open, for an engine that asks how far they are, or wants a part of one back. Progress is read from
 * shared counters; a split is for user code to do, at its next element or claim.
 *
 * Law: an engine is never kept waiting for user code. A split that nobody has begun in time is answered with none, and then none is made.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ProcessBundleProgressResponseSchema,
  type ProcessBundleProgressResponse,
  type ProcessBundleSplitRequest,
  type ProcessBundleSplitResponse,
  ProcessBundleSplitRequestSchema,
  ProcessBundleSplitResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import { readIndexInfo } from '../translation/monitoring.js'
import type { BundleName, ToUser } from './messages.js'
import type { MonitoringTable } from './monitoring-table.js'
import { type SharedCounters, SLOTS_MAX } from './shared-counters.js'
import type { ShortIds } from './short-ids.js'

/** How long an engine waits for a split. */
const SPLIT_MILLIS = 1000

/** Hands out slots of the shared counters. */
export class Slots {
  readonly #free: number[] = Array.from({ length: SLOTS_MAX }, (_, at) => SLOTS_MAX - 1 - at)

  /** A slot, or -1 where all are in use. */
  take(): number {
    return this.#free.pop() ?? -1
  }

  give(slot: number): void {
    if (slot >= 0) this.#free.push(slot)
  }
}

/** What is shared by the workers of a process. */
export interface BundleWorld {
  readonly shared: SharedCounters
  readonly slots: Slots
  readonly ids: ShortIds
  readonly monitoring: MonitoringTable
  tell(message: ToUser): void
  later(millis: number, run: () => void): void
}

interface OpenBundle {
  readonly slot: number
  /** The engine's id of what it reads, once it is described. */
  source: string | undefined
  answerSplit: ((response: ProcessBundleSplitResponse) => void) | undefined
}

/** The open bundles of one worker. */
export class OpenBundles {
  readonly #world: BundleWorld
  readonly #bundles = new Map<string, OpenBundle>()

  constructor(world: BundleWorld) {
    this.#world = world
  }

  get names(): readonly string[] {
    return [...this.#bundles.keys()]
  }

  /** @returns its slot. */
  open(instruction: string): number {
    const slot = this.#world.slots.take()
    if (slot >= 0) this.#world.shared.open(slot)
    this.#bundles.set(instruction, { slot, source: undefined, answerSplit: undefined })
    return slot
  }

  has(instruction: string): boolean {
    return this.#bundles.has(instruction)
  }

  slotOf(instruction: string): number {
    return this.#bundles.get(instruction)?.slot ?? -1
  }

  /** It is known what it reads. */
  described(instruction: string, source: string | undefined): void {
    const bundle = this.#bundles.get(instruction)
    if (bundle !== undefined) bundle.source = source
  }

  close(instruction: string): void {
    const bundle = this.#bundles.get(instruction)
    if (bundle === undefined) return
    this.#bundles.delete(instruction)
    bundle.answerSplit?.(create(ProcessBundleSplitResponseSchema))
    this.#world.slots.give(bundle.slot)
  }

  /** How far a bundle is; nothing is said of one that is not open, or not known any more. */
  progress(instruction: string): ProcessBundleProgressResponse {
    const { source, slot = -1 } = this.#bundles.get(instruction) ?? {}
    if (source === undefined || slot < 0) return create(ProcessBundleProgressResponseSchema)
    const { shared, ids, monitoring } = this.#world
    const monitoringData = ids.valuesOf([readIndexInfo(source, shared.index(slot))])
    return create(ProcessBundleProgressResponseSchema, {
      monitoringData,
      monitoringInfos: monitoring.infos(monitoringData),
    })
  }

  /** Asks user code for a split. */
  split(
    name: BundleName,
    request: ProcessBundleSplitRequest,
    answer: (response: ProcessBundleSplitResponse) => void,
  ): void {
    const bundle = this.#bundles.get(request.instructionId)
    const { shared, tell, later } = this.#world
    if (bundle === undefined || bundle.slot < 0 || bundle.answerSplit !== undefined || !shared.askSplit(bundle.slot)) {
      answer(create(ProcessBundleSplitResponseSchema))
      return
    }
    const { slot } = bundle
    const once = (response: ProcessBundleSplitResponse): void => {
      if (bundle.answerSplit !== once) return
      bundle.answerSplit = undefined
      shared.splitDone(slot)
      answer(response)
    }
    bundle.answerSplit = once
    tell({ kind: 'split', bundle: name, slot, request: toBinary(ProcessBundleSplitRequestSchema, request) })
    later(SPLIT_MILLIS, () => {
      if (bundle.answerSplit === once && shared.giveUpSplit(slot)) once(create(ProcessBundleSplitResponseSchema))
    })
  }

  /** User code has split. */
  hasSplit(instruction: string, response: Uint8Array): void {
    this.#bundles.get(instruction)?.answerSplit?.(fromBinary(ProcessBundleSplitResponseSchema, response))
  }
}
