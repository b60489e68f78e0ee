/**
 * An inbox holds the bundles that wait for a stage. What a bundle of the stage before emits becomes visible here only
 * when that bundle has succeeded.
 *
 * In strict mode bundles are cut and shuffled by the run's seed: no pipeline may rely on either.
 */
import { ElementBuffer, type Receiver } from '../core/element-buffer.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { Windows } from '../../sdk/windowing/window.js'

/** How strict mode treats bundles; `undefined` leaves them as they come. */
export interface BundleDisorder {
  /** Uniform in [0, 1), seeded. */
  readonly random: () => number
  readonly bundleSizeMax: number
}

/** Bundles waiting for a stage. */
export class Inbox implements Receiver {
  #open = new ElementBuffer()
  #committed: ElementBuffer[] = []
  readonly #disorder: BundleDisorder | undefined

  constructor(disorder: BundleDisorder | undefined) {
    this.#disorder = disorder
  }

  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    this.#open.add(value, timestamp, windows, pane)
  }

  /** The bundle that filled the inbox has succeeded. */
  commit(): void {
    if (this.#open.length > 0) this.#committed.push(this.#open.take())
  }

  get isEmpty(): boolean {
    return this.#committed.length === 0
  }

  /** Takes out the waiting bundles. */
  take(): readonly ElementBuffer[] {
    const bundles = this.#committed
    this.#committed = []
    return this.#disorder === undefined
      ? bundles
      : bundles.flatMap((bundle) => disordered(bundle, this.#disorder as BundleDisorder))
  }
}

function disordered(bundle: ElementBuffer, { random, bundleSizeMax }: BundleDisorder): readonly ElementBuffer[] {
  const order = Array.from({ length: bundle.length }, (_, i) => i)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  const shuffled = bundle.reordered(order)
  const parts: ElementBuffer[] = []
  for (let from = 0; from < shuffled.length;) {
    const to = Math.min(shuffled.length, from + 1 + Math.floor(random() * bundleSizeMax))
    parts.push(shuffled.slice(from, to))
    from = to
  }
  return parts
}
