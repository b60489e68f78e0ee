/**
 * Triggers that have no others inside: the watermark, counts, clocks.
 *
 * Law: what one of them remembers is about the elements since the last pane, and `clear` forgets it.
 */
import { invariant } from '../../sdk/invariant.js'
import { addMillis } from '../../sdk/time.js'
import type { TimestampTransform } from '../../sdk/windowing/trigger.js'
import type { TriggerClock, TriggerContext, TriggerMerge, TriggerNode, TriggerState } from './trigger-node.js'

const NO_CHILDREN: readonly TriggerNode[] = []

/** Whether the watermark says that the window is complete. */
export function isComplete({ window, inputWatermark }: TriggerContext): boolean {
  return inputWatermark > window.maxTimestamp
}

/** Fires when the watermark passes the window's end, and again whenever something comes later. Remembers nothing. */
export class DefaultNode implements TriggerNode {
  readonly children: readonly TriggerNode[] = NO_CHILDREN
  readonly index: number

  constructor(index: number) {
    this.index = index
  }

  onElement(_state: TriggerState, context: TriggerContext): void {
    if (!isComplete(context)) context.askAtEnd()
  }

  onMerge(): void {}

  shouldFire(_state: TriggerState, context: TriggerContext): boolean {
    return isComplete(context)
  }

  onFire(): void {}

  clear(): void {}
}

/** Does not fire: the window's expiry does. */
export class NeverNode implements TriggerNode {
  readonly children: readonly TriggerNode[] = NO_CHILDREN
  readonly index: number

  constructor(index: number) {
    this.index = index
  }

  onElement(): void {}

  onMerge(): void {}

  shouldFire(): boolean {
    return false
  }

  onFire(): void {
    invariant(false, 'a trigger that never fires does not fire')
  }

  clear(): void {}
}

/** Fires once, when the watermark passes the window's end. */
export class AfterEndOfWindowNode implements TriggerNode {
  readonly children: readonly TriggerNode[] = NO_CHILDREN
  readonly index: number

  constructor(index: number) {
    this.index = index
  }

  onElement(_state: TriggerState, context: TriggerContext): void {
    if (!isComplete(context)) context.askAtEnd()
  }

  /** As long as one of the parts has not fired, what it has collected has had no chance; nor has a union that has not ended. */
  onMerge({ into, parts }: TriggerMerge, context: TriggerContext): void {
    into.isFinished[this.index] = parts.every(({ isFinished }) => isFinished[this.index]) && isComplete(context)
  }

  shouldFire(_state: TriggerState, context: TriggerContext): boolean {
    return isComplete(context)
  }

  onFire(state: TriggerState): void {
    state.isFinished[this.index] = true
  }

  clear(): void {}
}

/** Fires once, when a pane has at least so many elements. */
export class ElementCountNode implements TriggerNode {
  readonly children: readonly TriggerNode[] = NO_CHILDREN
  readonly index: number
  readonly #elementCount: number

  constructor(index: number, elementCount: number) {
    this.index = index
    this.#elementCount = elementCount
  }

  onElement({ memory }: TriggerState): void {
    memory[this.index] = (memory[this.index] ?? 0) + 1
  }

  onMerge({ into, parts }: TriggerMerge): void {
    const { index } = this
    into.memory[index] = undefined
    if (parts.some(({ isFinished }) => isFinished[index])) into.isFinished[index] = true
    else into.memory[index] = parts.reduce((sum, { memory }) => sum + (memory[index] ?? 0), 0)
  }

  shouldFire({ memory }: TriggerState): boolean {
    return (memory[this.index] ?? 0) >= this.#elementCount
  }

  onFire(state: TriggerState): void {
    this.clear(state)
    state.isFinished[this.index] = true
  }

  clear({ memory }: TriggerState): void {
    memory[this.index] = undefined
  }
}

/** Fires once, when a clock has passed a time that is counted from the first element of a pane. */
export class AfterDelayNode implements TriggerNode {
  readonly children: readonly TriggerNode[] = NO_CHILDREN
  readonly index: number
  readonly #clock: TriggerClock
  readonly #transforms: readonly TimestampTransform[]

  constructor(index: number, clock: TriggerClock, transforms: readonly TimestampTransform[]) {
    this.index = index
    this.#clock = clock
    this.#transforms = transforms
  }

  onElement({ memory }: TriggerState, context: TriggerContext): void {
    if (memory[this.index] !== undefined) return
    const target = this.#transforms.reduce(transformed, context.processingTime)
    memory[this.index] = target
    context.wakeAt(this.#clock, target)
  }

  onMerge({ into, parts }: TriggerMerge, context: TriggerContext): void {
    const { index } = this
    into.memory[index] = undefined
    if (into.isFinished[index] === true) return
    const targets = parts.map(({ memory }) => memory[index]).filter((target) => target !== undefined)
    if (targets.length === 0) return
    const target = Math.min(...targets)
    into.memory[index] = target
    context.wakeAt(this.#clock, target)
  }

  shouldFire({ memory }: TriggerState, { processingTime, synchronizedTime }: TriggerContext): boolean {
    const target = memory[this.index]
    return target !== undefined && (this.#clock === 'processing' ? processingTime : synchronizedTime) > target
  }

  onFire(state: TriggerState): void {
    this.clear(state)
    state.isFinished[this.index] = true
  }

  clear({ memory }: TriggerState): void {
    memory[this.index] = undefined
  }
}

/** Fires once, at the end of a batch in which something has come. */
export class AfterBatchNode implements TriggerNode {
  readonly children: readonly TriggerNode[] = NO_CHILDREN
  readonly index: number

  constructor(index: number) {
    this.index = index
  }

  onElement({ memory }: TriggerState, context: TriggerContext): void {
    const { index } = this
    if (memory[index] !== undefined) return
    memory[index] = 1
    context.wakeAt('batch', 0)
  }

  onMerge({ into, parts }: TriggerMerge, context: TriggerContext): void {
    const { index } = this
    into.memory[index] = undefined
    if (into.isFinished[index] === true || parts.every(({ memory }) => memory[index] === undefined)) return
    into.memory[index] = 1
    context.wakeAt('batch', 0)
  }

  shouldFire({ memory }: TriggerState, { isBatchOver }: TriggerContext): boolean {
    return isBatchOver && memory[this.index] !== undefined
  }

  onFire(state: TriggerState): void {
    this.clear(state)
    state.isFinished[this.index] = true
  }

  clear({ memory }: TriggerState): void {
    memory[this.index] = undefined
  }
}

function transformed(time: number, transform: TimestampTransform): number {
  if (transform.kind === 'delay') return addMillis(time, transform.delayMillis)
  const { periodMillis, offsetMillis } = transform
  const into = (((time - offsetMillis) % periodMillis) + periodMillis) % periodMillis
  return into === 0 ? time : addMillis(time, periodMillis - into)
}
