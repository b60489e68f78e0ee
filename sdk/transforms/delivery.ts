/**
 * A delivery is how a step writes to the world outside: its calls hand over items, and once the runner has made sure that
 * their bundle or batch will not be taken back, the sink gets them, under a name by which it can tell them from others.
 *
 * Law: nothing of a call that failed, and nothing of a bundle that is thrown away, is delivered. What is delivered again
 * after a crash has the same id and the same items in the same order.
 */
import type { Codec, TypeOf } from '../codec.js'
import type { Env } from '../env.js'
import type { StepLog } from '../logger.js'

/** What a run is known by to the world outside. What is asked of it is as it stands then. */
export interface Query {
  /**
   * Its name: where the runner restarts, the same for as long as the query goes on from what it has kept; every other run has
   * one of its own.
   */
  readonly id: string
  /**
   * The batch that is being processed, counted upwards; one that is done again, after a crash or because it was given up, has
   * the same number. 0 where there are no batches.
   */
  readonly batch: number
  /**
   * Whether the query goes on, after a crash or a stop, from what it has kept: that may name things outside (a temporary file)
   * which must still be there. `false` from the start where the runner keeps nothing, and at `teardown` of a query that is over.
   */
  readonly restarts: boolean
  /**
   * Which part of the step this is, from 0, where workers do it in parts at the same time; a part that is done again, or twice at once,
   * has the same number and gives the same. `undefined` where one does it all.
   */
  readonly part?: number | undefined
  /**
   * Grows with each driver of a query that goes on: what one is still doing that was taken over from, and stood still meanwhile, can be
   * told from what the newest has done. `undefined` where nobody can take over.
   */
  readonly epoch?: number | undefined
}

/** Tells the items of one delivery from all others: the same id is the same items. */
export interface DeliveryId {
  /** See {@link Query.id}. */
  readonly query: string
  /** Name of the step, unique in the pipeline. */
  readonly step: string
  /** Which batch, or bundle where there are no batches: a count that only grows, not always by one. */
  readonly batch: number
  /** Which part of the batch, from 0, where several workers deliver. */
  readonly shard: number
}

/**
 * What it means when items are delivered a second time, after a crash between the sink's work and the runner's note of it:
 *
 * - `'recognised'`: the sink keeps the id together with the items, in one transaction, and does nothing the second time.
 * - `'harmless'`: the same items twice have the effect of once, such as upserts by key or renaming files.
 * - `'visible'`: a reader can see that they came twice, such as lines on a terminal.
 */
export type DeliveryRepeats = 'recognised' | 'harmless' | 'visible'

/** What a sink may use of the run. */
export interface SinkContext<R> {
  readonly id: DeliveryId
  /** What `setup` returned. */
  readonly resource: R
  /** The world of the run, in which time passes also within a batch. Connectors use nothing else. */
  readonly env: Env
  /** Writes log lines that say which pipeline and step they are from. */
  readonly log: StepLog
  /** Path of the step. */
  readonly step: string
}

/** What `deliver` of a sink may use besides the items. */
export interface DeliveryContext<R> extends SinkContext<R> {
  /**
   * Tells the runner that the sink has a delivery with this id, or a later one, so that nothing was done. After a crash that is as it
   * should be; else something else was delivered under this id, and the run fails: its checkpoint is older than what the sink has, such
   * as a copy that was put back.
   */
  readonly recognised: () => void
}

/** Declares that a step delivers items: of which kind, and how they reach their sink. */
export interface Delivery<C extends Codec, R> {
  /** What items are. It keeps them, where they are stored before they are delivered. */
  readonly codec: C
  /** What it means when the same items are delivered twice. */
  readonly repeats: DeliveryRepeats
  /**
   * Brings items to the sink, in the order in which they were handed over. It is called when they will not be taken back, and
   * again, after a crash, until it has once returned; never for no items, and never twice at a time for one step. When it
   * throws, the run fails. Nothing that it leaves undone is done by anyone else, so it ends when the sink is sure of the items.
   */
  readonly deliver: (items: readonly TypeOf<C>[], context: DeliveryContext<R>) => void | Promise<void>
  /**
   * The newest batch that the sink has of this query, step and shard; `undefined` where it knows of none. It is asked before anything
   * runs, with the newest batch that was committed as `id.batch`: a sink that has a later one shows that the checkpoint is older than
   * what was delivered. Such a run fails before it commits anything that the sink would take for a repetition.
   */
  readonly newest?: (context: SinkContext<R>) => number | undefined | Promise<number | undefined>
}

/** Hands over an item, to be delivered when what the call did is sure to stay. */
export type Deliver<C> = [C] extends [never] ? never : (item: TypeOf<C>) => void

/** A delivery as the engine sees it. @internal */
export interface AnyDelivery {
  readonly codec: Codec
  readonly repeats: DeliveryRepeats
  readonly deliver: (items: readonly never[], context: DeliveryContext<never>) => unknown
  readonly newest?: (context: SinkContext<never>) => unknown
}
