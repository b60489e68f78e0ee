/**
 * TriggerStateMachine decides when a window of a key answers. The syntax is in `sdk/windowing/trigger.ts`; here is what
 * it means, by the rules of Beam Java's classes of the same names. A machine is shared by all keys and windows of a
 * grouping; what it remembers of one of them is its state.
 *
 * Law: a machine is asked once per bundle, key and window whether to fire; after it has finished it is not asked again.
 */
import type { Trigger } from '../../sdk/windowing/trigger.js'
import {
  AfterAllNode,
  AfterEachNode,
  AfterEarlyAndLateNode,
  AfterFirstNode,
  OrFinallyNode,
  RepeatedlyNode,
} from './trigger-composites.js'
import {
  AfterBatchNode,
  AfterDelayNode,
  AfterEndOfWindowNode,
  DefaultNode,
  ElementCountNode,
  NeverNode,
} from './trigger-leaves.js'
import type { TriggerContext, TriggerNode, TriggerState } from './trigger-node.js'

/** Decides when a window answers. */
export class TriggerStateMachine {
  /**
   * Whether it fires at the end of the window and never before, whatever comes, so that earlier elements need no question
   * and leave nothing to remember.
   */
  readonly firesAtEndOfWindow: boolean
  /** Whether a clock may make it fire. */
  readonly waitsForClock: boolean
  readonly #root: TriggerNode
  readonly #size: number
  readonly #remembers: boolean

  /** @param merges whether windows may become one. */
  constructor(trigger: Trigger, merges: boolean) {
    let size = 0
    this.#root = nodeOf(trigger, merges, () => size++)
    this.#size = size
    this.#remembers = trigger.kind !== 'default'
    this.firesAtEndOfWindow = firesAtEndOfWindow(trigger)
    this.waitsForClock = waitsForClock(this.#root)
  }

  newState(): TriggerState {
    if (!this.#remembers) return NOTHING_REMEMBERED
    return {
      isFinished: new Array<boolean>(this.#size).fill(false),
      memory: new Array<number | undefined>(this.#size).fill(undefined),
    }
  }

  onElement(state: TriggerState, context: TriggerContext): void {
    this.#root.onElement(state, context)
  }

  /**
   * The state of windows that have become one. `existing` is what was remembered of a window of the union's very extent: of
   * one of the parts, or of one that had finished.
   */
  onMerge(existing: TriggerState | undefined, parts: readonly TriggerState[], context: TriggerContext): TriggerState {
    if (!this.#remembers) return NOTHING_REMEMBERED
    const fresh = this.newState()
    const into = existing === undefined ? fresh : { isFinished: [...existing.isFinished], memory: [...existing.memory] }
    this.#root.onMerge({ into, parts }, context)
    return into
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    return this.#root.shouldFire(state, context)
  }

  /** It has fired; afterwards it may have finished. */
  onFire(state: TriggerState, context: TriggerContext): void {
    this.#root.onFire(state, context)
    if (this.isFinished(state)) this.#root.clear(state)
  }

  /** Asked at the end of a batch it may have to wait for another part of it: then it waits for the end of the next. */
  afterBatch(state: TriggerState, context: TriggerContext): void {
    if (awaitsBatch(this.#root, state)) context.wakeAt('batch', 0)
  }

  /** Whether it will never fire again; the window then takes no more elements. */
  isFinished(state: TriggerState): boolean {
    return state.isFinished[this.#root.index] === true
  }
}

/** What the default trigger remembers. */
const NOTHING_REMEMBERED: TriggerState = Object.freeze({ isFinished: [], memory: [] })

function firesAtEndOfWindow(trigger: Trigger): boolean {
  switch (trigger.kind) {
    case 'default':
      return true
    case 'afterEndOfWindow':
      return trigger.earlyFirings === undefined || trigger.earlyFirings.kind === 'never'
    case 'repeat':
      return firesAtEndOfWindow(trigger.subtrigger)
    default:
      return false
  }
}

function waitsForClock(node: TriggerNode): boolean {
  return node instanceof AfterDelayNode || node.children.some(waitsForClock)
}

function awaitsBatch(node: TriggerNode, state: TriggerState): boolean {
  if (node instanceof AfterBatchNode) return state.memory[node.index] !== undefined
  return node.children.some((child) => awaitsBatch(child, state))
}

function nodeOf(trigger: Trigger, merges: boolean, nextIndex: () => number): TriggerNode {
  const index = nextIndex()
  const child = (of: Trigger): TriggerNode => nodeOf(of, merges, nextIndex)
  switch (trigger.kind) {
    case 'default':
      return new DefaultNode(index)
    case 'never':
      return new NeverNode(index)
    case 'elementCount':
      return new ElementCountNode(index, trigger.elementCount)
    case 'afterProcessingTime':
      return new AfterDelayNode(index, 'processing', trigger.timestampTransforms)
    case 'afterSynchronizedProcessingTime':
      return new AfterDelayNode(index, 'synchronized', [])
    case 'afterBatch':
      return new AfterBatchNode(index)
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      if (early === undefined && late === undefined) return new AfterEndOfWindowNode(index)
      const first = early === undefined ? new NeverNode(nextIndex()) : child(early)
      return new AfterEarlyAndLateNode(index, first, late === undefined ? undefined : child(late), merges)
    }
    case 'repeat':
      return new RepeatedlyNode(index, child(trigger.subtrigger))
    case 'afterAny':
      return new AfterFirstNode(index, trigger.subtriggers.map(child))
    case 'afterAll':
      return new AfterAllNode(index, trigger.subtriggers.map(child))
    case 'afterEach':
      return new AfterEachNode(index, trigger.subtriggers.map(child), merges)
    case 'orFinally':
      return new OrFinallyNode(index, child(trigger.main), child(trigger.finally))
  }
}
