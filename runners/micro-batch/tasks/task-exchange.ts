/**
 * The exchange of a partition: what its stages emit for stages of other partitions, gathered in blocks, one for each partition, until
 * the task is done.
 *
 * Law: a block holds what committed bundles have emitted, in their order; which partition an element goes to depends on the element, the
 * partition that emits it, and its place in the task, and on nothing else.
 */
import { ByteWriter } from '../../../sdk/coders/index.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { Windows } from '../../../sdk/windowing/window.js'
import type { ElementCoding } from '../../core/element-coding.js'
import type { Exchange, ExchangeReceiver, WorkShare } from '../../core/execution/exchange.js'
import type { Output, SideInput, Stage } from '../../core/stage.js'
import { type BlockCodings, MAIN, type Route, sideInputName, WORK } from './block-codings.js'
import type { Block } from './task.js'

/** What one partition is to get. */
class Lane {
  readonly #out = new ByteWriter()
  #count = 0
  #ends: number[] = []
  /** As far as bundles have been committed. */
  #committed = { bytes: 0, count: 0, ends: 0 }

  add(coding: ElementCoding, value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    const { length } = this.#out
    try {
      coding.write(this.#out, value, timestamp, windows, pane)
      this.#count++
    } catch (error) {
      this.#out.truncate(length)
      throw error
    }
  }

  mark(): void {
    if (this.#count > (this.#ends.at(-1) ?? 0)) this.#ends.push(this.#count)
  }

  commit(): void {
    this.mark()
    this.#committed = { bytes: this.#out.length, count: this.#count, ends: this.#ends.length }
  }

  discard(): void {
    const { bytes, count, ends } = this.#committed
    this.#out.truncate(bytes)
    this.#count = count
    this.#ends.length = ends
  }

  take(): Pick<Block, 'bytes' | 'count' | 'ends'> | undefined {
    if (this.#count === 0) return undefined
    const taken = { bytes: this.#out.take(), count: this.#count, ends: this.#ends }
    this.#count = 0
    this.#ends = []
    this.#committed = { bytes: 0, count: 0, ends: 0 }
    return taken
  }
}

/** What takes the elements of one output for one input. */
class BlockWriter implements ExchangeReceiver {
  readonly #stage: number
  readonly #input: string
  readonly #coding: ElementCoding
  readonly #lanes: readonly Lane[]
  readonly #laneOf: (value: unknown) => number
  readonly #partitions: number
  readonly #own: number
  /** Elements since the task began. */
  #written = 0

  constructor(stage: number, input: string, coding: ElementCoding, route: Route, own: number, partitions: number) {
    this.#stage = stage
    this.#input = input
    this.#coding = coding
    this.#own = own
    this.#partitions = partitions
    this.#lanes = Array.from({ length: route === 'all' ? 1 : partitions }, () => new Lane())
    this.#laneOf =
      route === 'all' || route === 'own'
        ? () => 0
        : route === 'any'
          ? () => (this.#own + this.#written++) % partitions
          : route.partitionOf
  }

  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    this.#lanes[this.#laneOf(value)]?.add(this.#coding, value, timestamp, windows, pane)
  }

  mark(): void {
    for (const lane of this.#lanes) lane.mark()
  }

  commit(): void {
    for (const lane of this.#lanes) lane.commit()
  }

  discard(): void {
    for (const lane of this.#lanes) lane.discard()
  }

  *take(): Generator<Block, void, undefined> {
    this.#written = 0
    const { length } = this.#lanes
    for (const [lane, of] of this.#lanes.entries()) {
      const taken = of.take()
      if (taken === undefined) continue
      const to = length === this.#partitions ? [lane] : Array.from({ length: this.#partitions }, (_, i) => i)
      for (const partition of to) yield { stage: this.#stage, input: this.#input, partition, ...taken }
    }
  }
}

/** See the head of this file. */
export class TaskExchange implements Exchange {
  readonly #codings: BlockCodings
  readonly #own: number
  readonly #partitions: number
  readonly #writers: BlockWriter[] = []
  #work: Block[] = []

  constructor(codings: BlockCodings, own: number, partitions: number) {
    this.#codings = codings
    this.#own = own
    this.#partitions = partitions
  }

  main(reader: Stage, _output: Output): ExchangeReceiver | undefined {
    const route = this.#codings.route(reader, this.#partitions)
    return route === 'own' ? undefined : this.#writer(reader, MAIN, route)
  }

  side(reader: Stage, side: SideInput, _output: Output): ExchangeReceiver {
    return this.#writer(reader, sideInputName(side), 'all')
  }

  #writer(reader: Stage, input: string, route: Route): BlockWriter {
    const coding = this.#codings.of(reader, input)
    const writer = new BlockWriter(reader.id, input, coding, route, this.#own, this.#partitions)
    this.#writers.push(writer)
    return writer
  }

  work({ id: stage }: Stage): WorkShare {
    return {
      partitions: this.#partitions,
      own: this.#own,
      ship: (partition, bytes) => void this.#work.push({ stage, input: WORK, partition, bytes, count: 1, ends: [1] }),
    }
  }

  /** All that goes on to others. */
  take(): readonly Block[] {
    const work = this.#work
    this.#work = []
    return [...work, ...this.#writers.flatMap((writer) => [...writer.take()])]
  }
}
