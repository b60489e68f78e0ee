/**
 * PaneRecorder: the panes that groupings put out last, while somebody looks at the run.
 *
 * Law: nothing is kept while nobody looks, and never more than the observer who wants most has asked for. A pane is put
 * into words when it is looked at, so that recording one costs a few stores.
 */
import type { Env } from '../../sdk/env.js'
import { invariant } from '../../sdk/invariant.js'
import type { KV } from '../../sdk/kv.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { PaneStatus } from '../run-status.js'
import { shortText, windowStatus } from './status-texts.js'

/** A pane that another recorder has put into words. */
interface Relayed {
  readonly status: PaneStatus
  readonly sequence: number
}

interface Recorded {
  readonly step: string
  readonly value: unknown
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
  readonly firedAt: number
  readonly sequence: number
}

/** The last panes of a run. */
export class PaneRecorder {
  /** Whether somebody looks. */
  isOn = false
  readonly #env: Env
  readonly #wanted = new Map<symbol, number>()
  #limit = 0
  #sequence = 0
  /** A ring: the pane with number `n` stands at `n % limit`. */
  #panes: (Recorded | Relayed)[] = []

  constructor(env: Env) {
    this.#env = env
  }

  /** Somebody wants the last `count` panes. @returns ends that. */
  record(count: number): () => void {
    invariant(Number.isSafeInteger(count) && count >= 1, 'a number of panes is a whole number from 1', { count })
    const observer = Symbol('observer')
    this.#wanted.set(observer, count)
    this.#resize()
    return () => {
      if (this.#wanted.delete(observer)) this.#resize()
    }
  }

  /** A pane has been put out; called only while {@link isOn}. */
  add(step: string, value: unknown, timestamp: number, window: BoundedWindow, pane: PaneInfo): void {
    const sequence = this.#sequence++
    this.#panes[sequence % this.#limit] = { step, value, timestamp, window, pane, firedAt: this.#env.now(), sequence }
  }

  /** The last panes, oldest first. */
  panes(): readonly PaneStatus[] {
    return this.#inOrder().map((recorded) => {
      if ('status' in recorded) return { ...recorded.status, sequence: recorded.sequence }
      const { step, value, timestamp, window, pane, firedAt, sequence } = recorded
      const { key, value: of } = value as KV<unknown, unknown>
      return {
        step,
        key: shortText(key),
        value: shortText(of),
        window: windowStatus(window),
        timing: pane.timing,
        index: pane.index,
        isLast: pane.isLast,
        timestamp,
        firedAt,
        sequence,
      }
    })
  }

  /** How many are wanted, at most. */
  get limit(): number {
    return this.#limit
  }

  /** For another recorder, which wants so many: nobody looks here. */
  recordFor(limit: number): void {
    if (limit === this.#limit) return
    this.#wanted.clear()
    if (limit > 0) this.#wanted.set(Symbol('another recorder'), limit)
    this.#resize()
  }

  /** The panes since this was last called, as far as they are kept. */
  take(): readonly PaneStatus[] {
    if (this.#panes.length === 0) return []
    const panes = this.panes()
    this.#panes = []
    this.#sequence = 0
    return panes
  }

  /** A pane that another recorder has taken. */
  relay(status: PaneStatus): void {
    if (!this.isOn) return
    const sequence = this.#sequence++
    this.#panes[sequence % this.#limit] = { status, sequence }
  }

  #inOrder(): readonly (Recorded | Relayed)[] {
    return [...this.#panes].sort((a, b) => a.sequence - b.sequence)
  }

  #resize(): void {
    const limit = Math.max(0, ...this.#wanted.values())
    const kept = limit === 0 ? [] : this.#inOrder().slice(-limit)
    this.#limit = limit
    this.isOn = limit > 0
    this.#panes = []
    for (const pane of kept) this.#panes[pane.sequence % limit] = pane
  }
}
