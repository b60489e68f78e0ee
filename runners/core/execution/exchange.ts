/**
 * What carries elements to stages of other partitions, where several share the work of a run.
 *
 * Law: what a bundle has given it can be taken back until the bundle is committed; each element goes to every partition that is to
 * have it, once.
 */
import type { Receiver } from '../element-buffer.js'
import type { Output, SideInput, Stage } from '../stage.js'
import type { Committable } from './stage-executor.js'

/** Wants to know where the panes of a key end. */
export interface Marked {
  mark(): void
}

/** Takes elements that are on their way. */
export type ExchangeReceiver = Receiver & Committable & Marked

/** How the work of a source is shared. */
export interface WorkShare {
  /** How many share it. */
  readonly partitions: number
  /** Which of them this is, from 0. */
  readonly own: number
  /** Hands a restriction to another, as bytes of the source's codec. */
  ship(partition: number, work: Uint8Array): void
}

/** See the head of this file. */
export interface Exchange {
  /** What takes elements for the main input of a stage; `undefined` where they stay in their partition. */
  main(reader: Stage, output: Output): ExchangeReceiver | undefined
  /** What takes elements for a side input of a stage. */
  side(reader: Stage, side: SideInput, output: Output): ExchangeReceiver
  /** How the work of a source is shared. */
  work(source: Stage): WorkShare
}
