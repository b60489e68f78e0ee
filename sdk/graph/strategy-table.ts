/**
 * Ids of windowing strategies in a graph under construction: strategies that say the same share one.
 */
import { strategyText, type WindowingStrategy } from '../windowing/windowing-strategy.js'

/** Strategies by id, and ids by strategy. */
export class StrategyTable {
  readonly #byId = new Map<string, WindowingStrategy>()
  readonly #idByText = new Map<string, string>()
  /** Most steps pass on the very strategy of their input: known without writing it out. */
  readonly #idByStrategy = new Map<WindowingStrategy, string>()

  get byId(): ReadonlyMap<string, WindowingStrategy> {
    return this.#byId
  }

  /** The id of a strategy, new or known. */
  idOf(strategy: WindowingStrategy): string {
    const known = this.#idByStrategy.get(strategy)
    if (known !== undefined) return known
    const text = strategyText(strategy)
    const id = this.#idByText.get(text) ?? `windowing${this.#byId.size}`
    if (!this.#byId.has(id)) this.#byId.set(id, strategy)
    this.#idByText.set(text, id)
    this.#idByStrategy.set(strategy, id)
    return id
  }
}
