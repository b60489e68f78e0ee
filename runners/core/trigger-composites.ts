/**
 * Triggers made of others. Which of them are finished is remembered apart from what they wait for: a firing clears what
 * was waited for, and windows that become one may bring a finished trigger back to life.
 *
 * Law: the rules are those of Beam Java, case by case, because engines that run our pipelines execute that code.
 */
import { invariant } from '../../sdk/invariant.js'
import { isComplete } from './trigger-leaves.js'
import type { TriggerContext, TriggerMerge, TriggerNode, TriggerState } from './trigger-node.js'

/** What composites share. */
abstract class Composite implements TriggerNode {
  readonly index: number
  readonly children: readonly TriggerNode[]

  constructor(index: number, children: readonly TriggerNode[]) {
    this.index = index
    this.children = children
  }

  abstract onElement(state: TriggerState, context: TriggerContext): void
  abstract onMerge(merge: TriggerMerge, context: TriggerContext): void
  abstract shouldFire(state: TriggerState, context: TriggerContext): boolean
  abstract onFire(state: TriggerState, context: TriggerContext): void

  clear(state: TriggerState): void {
    for (const child of this.children) child.clear(state)
  }

  protected isFinished(state: TriggerState, node: TriggerNode = this): boolean {
    return state.isFinished[node.index] === true
  }

  protected setFinished(state: TriggerState, isFinished: boolean, node: TriggerNode = this): void {
    state.isFinished[node.index] = isFinished
  }

  protected firstUnfinished(state: TriggerState): TriggerNode | undefined {
    return this.children.find((child) => !this.isFinished(state, child))
  }

  /** The part whose turn it is; a trigger whose parts have all finished has finished, and is asked no more. */
  protected current(state: TriggerState): TriggerNode {
    const child = this.firstUnfinished(state)
    invariant(child !== undefined, 'a trigger that goes on has a part that goes on')
    return child
  }
}

/** Fires with the first of its parts, and is finished. */
export class AfterFirstNode extends Composite {
  onElement(state: TriggerState, context: TriggerContext): void {
    for (const child of this.children) child.onElement(state, context)
  }

  onMerge(merge: TriggerMerge, context: TriggerContext): void {
    for (const child of this.children) child.onMerge(merge, context)
    this.setFinished(
      merge.into,
      this.children.some((child) => this.isFinished(merge.into, child)),
    )
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    return this.children.some((child) => this.isFinished(state, child) || child.shouldFire(state, context))
  }

  onFire(state: TriggerState, context: TriggerContext): void {
    for (const child of this.children) {
      if (child.shouldFire(state, context)) child.onFire(state, context)
      // The pane that it was watching has gone all the same.
      else child.clear(state)
    }
    this.setFinished(state, true)
  }
}

/** Fires when all of its parts would, and is finished. */
export class AfterAllNode extends Composite {
  onElement(state: TriggerState, context: TriggerContext): void {
    for (const child of this.children) if (!this.isFinished(state, child)) child.onElement(state, context)
  }

  onMerge(merge: TriggerMerge, context: TriggerContext): void {
    for (const child of this.children) child.onMerge(merge, context)
    this.setFinished(
      merge.into,
      this.children.every((child) => this.isFinished(merge.into, child)),
    )
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    return this.children.every((child) => this.isFinished(state, child) || child.shouldFire(state, context))
  }

  onFire(state: TriggerState, context: TriggerContext): void {
    for (const child of this.children) child.onFire(state, context)
    this.setFinished(state, true)
  }
}

/** Fires as its parts do, one after another. */
export class AfterEachNode extends Composite {
  readonly #merges: boolean

  constructor(index: number, children: readonly TriggerNode[], merges: boolean) {
    super(index, children)
    this.#merges = merges
  }

  onElement(state: TriggerState, context: TriggerContext): void {
    if (!this.#merges) this.current(state).onElement(state, context)
    // A part that has finished may come back to life when windows merge, and must then know what there is.
    else for (const child of this.children) child.onElement(state, context)
  }

  onMerge(merge: TriggerMerge, context: TriggerContext): void {
    let isTurnOfNext = true
    for (const child of this.children) {
      if (isTurnOfNext) {
        child.onMerge(merge, context)
        isTurnOfNext = this.isFinished(merge.into, child)
      } else {
        child.clear(merge.into)
      }
    }
    this.#update(merge.into)
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    return this.current(state).shouldFire(state, context)
  }

  onFire(state: TriggerState, context: TriggerContext): void {
    this.current(state).onFire(state, context)
    if (this.#merges) this.clear(state)
    this.#update(state)
  }

  #update(state: TriggerState): void {
    this.setFinished(state, this.firstUnfinished(state) === undefined)
  }
}

/** Fires as its part does, for ever. */
export class RepeatedlyNode extends Composite {
  readonly #repeated: TriggerNode

  constructor(index: number, repeated: TriggerNode) {
    super(index, [repeated])
    this.#repeated = repeated
  }

  onElement(state: TriggerState, context: TriggerContext): void {
    this.#repeated.onElement(state, context)
  }

  onMerge(merge: TriggerMerge, context: TriggerContext): void {
    this.#repeated.onMerge(merge, context)
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    return this.#repeated.shouldFire(state, context)
  }

  onFire(state: TriggerState, context: TriggerContext): void {
    this.#repeated.onFire(state, context)
    if (!this.isFinished(state, this.#repeated)) return
    unfinish(this.#repeated, state)
    this.#repeated.clear(state)
  }
}

function unfinish(node: TriggerNode, state: TriggerState): void {
  state.isFinished[node.index] = false
  for (const child of node.children) unfinish(child, state)
}

/** Fires as the first does, until the second fires. */
export class OrFinallyNode extends Composite {
  readonly #main: TriggerNode
  readonly #until: TriggerNode

  constructor(index: number, main: TriggerNode, until: TriggerNode) {
    super(index, [main, until])
    this.#main = main
    this.#until = until
  }

  onElement(state: TriggerState, context: TriggerContext): void {
    this.#main.onElement(state, context)
    this.#until.onElement(state, context)
  }

  onMerge(merge: TriggerMerge, context: TriggerContext): void {
    this.#main.onMerge(merge, context)
    this.#until.onMerge(merge, context)
    this.#update(merge.into)
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    return this.#main.shouldFire(state, context) || this.#until.shouldFire(state, context)
  }

  onFire(state: TriggerState, context: TriggerContext): void {
    if (this.#until.shouldFire(state, context)) {
      this.#until.onFire(state, context)
      this.#main.clear(state)
    } else {
      // What the other counts goes on from pane to pane.
      this.#main.onFire(state, context)
    }
    this.#update(state)
  }

  #update(state: TriggerState): void {
    this.setFinished(state, this.isFinished(state, this.#main) || this.isFinished(state, this.#until))
  }
}

/**
 * Fires at the end of the window, and before and after it as its parts do, again and again. That the first part is
 * finished says that the end has been.
 */
export class AfterEarlyAndLateNode extends Composite {
  readonly #early: TriggerNode
  readonly #late: TriggerNode | undefined
  readonly #merges: boolean

  constructor(index: number, early: TriggerNode, late: TriggerNode | undefined, merges: boolean) {
    super(index, late === undefined ? [early] : [early, late])
    this.#early = early
    this.#late = late
    this.#merges = merges
  }

  onElement(state: TriggerState, context: TriggerContext): void {
    if (!isComplete(context)) context.askAtEnd()
    if (!this.#merges) this.current(state).onElement(state, context)
    // A union of windows may have its end still before it: both parts must know what there is.
    else for (const child of this.children) child.onElement(state, context)
  }

  onMerge(merge: TriggerMerge, context: TriggerContext): void {
    const { into, parts } = merge
    const hasEnded = parts.every((part) => this.isFinished(part, this.#early)) && isComplete(context)
    if (hasEnded) {
      this.setFinished(into, true, this.#early)
      this.#late?.onMerge(merge, context)
      return
    }
    this.#early.onMerge(merge, context)
    this.setFinished(into, false, this.#early)
    if (this.#late === undefined) return
    this.setFinished(into, false, this.#late)
    this.#late.clear(into)
  }

  shouldFire(state: TriggerState, context: TriggerContext): boolean {
    if (this.isFinished(state, this.#early)) return this.#late?.shouldFire(state, context) ?? false
    return this.#early.shouldFire(state, context) || isComplete(context)
  }

  onFire(state: TriggerState, context: TriggerContext): void {
    const early = this.#early
    const late = this.#late
    if (this.isFinished(state, early)) {
      if (late === undefined) this.setFinished(state, true)
      else this.#again(late, state, context)
      return
    }
    if (!isComplete(context)) {
      this.#again(early, state, context)
      return
    }
    if (early.shouldFire(state, context)) early.onFire(state, context)
    this.setFinished(state, true, early)
    early.clear(state)
    // Both have run side by side; what the second has counted belongs to the pane that is going now.
    if (late === undefined) this.setFinished(state, true)
    else late.clear(state)
  }

  #again(child: TriggerNode, state: TriggerState, context: TriggerContext): void {
    child.onFire(state, context)
    child.clear(state)
    this.setFinished(state, false, child)
  }
}
