/**
 * What the steps of one stage deliver: collected bundle by bundle, and handed out when the bundle is committed.
 *
 * Law: what a bundle has delivered is handed out once, in the order of its calls, when the bundle is committed; nothing of a
 * bundle that was given up.
 */
import { type Coder, decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import { coded } from '../../sdk/error-codes.js'
import { invariant } from '../../sdk/invariant.js'
import type {
  Delivery,
  DeliveryContext,
  DeliveryId,
  DeliveryRepeats,
  Query,
  SinkContext,
} from '../../sdk/transforms/delivery.js'
import type { Codec } from '../../sdk/codec.js'
import { checkedEmit } from './checked-emit.js'
import { isThenable } from './prepare-step.js'
import type { ParDoOperator, StepInfo } from './stage.js'
import type { StageRuntime } from './stage-runtime.js'

/** Items of one step that are to be brought to its sink. */
export interface Delivered {
  /** Unique name of the step, as the graph has it. */
  readonly step: string
  readonly items: readonly unknown[]
}

/** A step of the stage that delivers. */
export class DeliveringStep {
  readonly info: StepInfo
  readonly repeats: DeliveryRepeats
  /** How items are stored before they are delivered. */
  readonly coder: Coder<unknown>
  readonly #delivery: Delivery<Codec, unknown>
  readonly #runtime: StageRuntime
  readonly #resource: () => unknown
  readonly #isStrict: boolean
  #open: unknown[] = []
  #committed: unknown[] = []

  /** @param isStrict whether items go through their coder at once, as they would on their way to a store. */
  constructor(
    operator: ParDoOperator,
    coder: Coder<unknown>,
    isStrict: boolean,
    runtime: StageRuntime,
    resource: () => unknown,
  ) {
    const { fn, info } = operator
    const delivery = fn.kind === 'doFn' ? fn.doFn.delivery : undefined
    invariant(delivery !== undefined, 'a step that delivers has a delivery', { step: info.path })
    this.info = info
    this.#delivery = delivery as unknown as Delivery<Codec, unknown>
    this.repeats = delivery.repeats
    this.coder = coder
    this.#runtime = runtime
    this.#resource = resource
    this.#isStrict = isStrict
  }

  /** The item as it is delivered, handed on to `keep`: checked where it is handed over, in the call that can say why. */
  entry(keep: (item: unknown) => void): (item: unknown) => void {
    const { coder } = this
    const entered = this.#isStrict
      ? (item: unknown): void => keep(decodeFromBytes(coder, encodeToBytes(coder, item)))
      : keep
    return checkedEmit(entered, this.#delivery.codec, this.info.path)
  }

  /** Takes an item of the bundle at hand. */
  add(item: unknown): void {
    this.#open.push(item)
  }

  /** Whether items of committed bundles wait. */
  get isAwaited(): boolean {
    return this.#committed.length > 0
  }

  commit(): void {
    if (this.#open.length === 0) return
    this.#committed = this.#committed.length === 0 ? this.#open : this.#committed.concat(this.#open)
    this.#open = []
  }

  /** The bundle is given up, or was only an attempt. */
  discard(): void {
    this.#open = []
  }

  /** Items of committed bundles that nobody has taken yet. */
  take(): readonly unknown[] {
    const items = this.#committed
    this.#committed = []
    return items
  }

  /**
   * Brings items to the sink.
   *
   * @returns whether the sink says that it has had them, or later ones.
   * @throws {UserCodeError} when the sink fails, and the stage with it.
   */
  async deliver(items: readonly unknown[], id: DeliveryId): Promise<boolean> {
    const runtime = this.#runtime
    let isKnown = false
    const context: DeliveryContext<unknown> = { ...this.#context(id), recognised: () => void (isKnown = true) }
    const { env } = context
    env.crashpoint('delivery.begin')
    try {
      const result: unknown = this.#delivery.deliver(items, context)
      if (isThenable(result)) await runtime.interruptible(runtime.watched(this.info, 'deliver', result))
    } catch (error) {
      runtime.failedOutside(this.info, 'deliver', error)
    }
    env.crashpoint('delivery.done')
    return isKnown
  }

  /**
   * The newest batch that the sink has, as far as it can say.
   *
   * @throws {UserCodeError} when the sink fails, and the stage with it.
   */
  async newest(id: DeliveryId): Promise<number | undefined> {
    const { newest } = this.#delivery
    if (newest === undefined) return undefined
    try {
      return await newest.call(this.#delivery, this.#context(id))
    } catch (error) {
      return this.#runtime.failedOutside(this.info, 'newest', error)
    }
  }

  #context(id: DeliveryId): SinkContext<unknown> {
    const { outside: env, log } = this.#runtime
    const { path } = this.info
    return { id, resource: this.#resource(), env, log: log.step(path), step: path }
  }
}

/** Makes what delivers for a step, if it declares that it does, and adds it to those of its stage. */
export function deliveringStep(
  operator: ParDoOperator,
  parts: {
    readonly isStrict: boolean
    readonly runtime: StageRuntime
    coder(coderId: string): Coder<unknown>
  },
  resource: () => unknown,
): DeliveringStep | undefined {
  const { delivery } = operator.payload
  if (delivery === undefined) return undefined
  const step = new DeliveringStep(operator, parts.coder(delivery.coderId), parts.isStrict, parts.runtime, resource)
  parts.runtime.deliveries.add(step)
  return step
}

/** Who delivers in one stage. */
export class Deliveries {
  readonly #steps = new Map<string, DeliveringStep>()

  /** Adds a step, in the order in which elements reach them. */
  add(step: DeliveringStep): void {
    this.#steps.set(step.info.id, step)
  }

  /** The steps of the stage that deliver. */
  get steps(): readonly DeliveringStep[] {
    return [...this.#steps.values()]
  }

  /** Whether committed items wait. */
  get isAwaited(): boolean {
    for (const { isAwaited } of this.#steps.values()) if (isAwaited) return true
    return false
  }

  commit(): void {
    for (const step of this.#steps.values()) step.commit()
  }

  /** The bundle was only an attempt. */
  discard(): void {
    for (const step of this.#steps.values()) step.discard()
  }

  /** The run, or the batch, is given up. */
  abandon(): void {
    this.discard()
    this.take()
  }

  /** Items of committed bundles that have not been taken yet, by step; those that have none are left out. */
  take(): readonly Delivered[] {
    return this.steps.flatMap((step) => {
      const items = step.take()
      return items.length === 0 ? [] : [{ step: step.info.id, items }]
    })
  }

  /** The step with a unique name. */
  step(id: string): DeliveringStep {
    const step = this.#steps.get(id)
    invariant(step !== undefined, 'items come from a step that delivers', { step: id })
    return step
  }
}

/** Hands over at once what has been committed: where nothing is kept, and so nothing can be delivered again. */
export class ImmediateDelivery {
  readonly #query: Query
  #batch = 0

  constructor(query: Query) {
    this.#query = query
  }

  /** @throws {UserCodeError} when a sink fails. */
  async committed(deliveries: Deliveries): Promise<void> {
    if (!deliveries.isAwaited) return
    const batch = this.#batch++
    for (const { step, items } of deliveries.take())
      await deliveries.step(step).deliver(items, { query: this.#query.id, step, batch, shard: 0 })
  }
}

/** `deliver` of a step that has not declared any. */
export function undeclaredDelivery(): never {
  throw coded('MR-3014', new Error('deliver needs delivery: { codec, repeats, deliver } in the declaration'))
}
