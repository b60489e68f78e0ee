/**
 * How many dead letters the handlers of a run may still get. Steps that share a handler share its budget.
 */
import type { Keeper } from './kept-state.js'
import { SnapshotKeeper } from './snapshot-keeper.js'
import type { DeadLetterBudget } from './stage-runtime.js'

/** The budgets of a run, by handler. */
export class DeadLetterBudgets {
  readonly #budgets = new Map<string, DeadLetterBudget>()

  /** The budget of a handler. */
  of(name: string, max: number): DeadLetterBudget {
    let budget = this.#budgets.get(name)
    if (budget === undefined) this.#budgets.set(name, (budget = { max, used: 0 }))
    return budget
  }

  /** What is used, by handler. */
  used(): readonly (readonly [handler: string, used: number])[] {
    return [...this.#budgets].map(([name, { used }]) => [name, used] as const)
  }

  /** So much is used, by all that share the budget. */
  set(used: ReturnType<DeadLetterBudgets['used']>): void {
    for (const [name, count] of used) {
      const budget = this.#budgets.get(name)
      if (budget !== undefined) budget.used = count
    }
  }

  /** Others have used so much more. @returns a budget that is exceeded by it, if one is. */
  add(used: ReturnType<DeadLetterBudgets['used']>): DeadLetterBudget | undefined {
    let exceeded: DeadLetterBudget | undefined
    for (const [name, count] of used) {
      const budget = this.#budgets.get(name)
      if (budget === undefined) continue
      budget.used += count
      if (count > 0 && budget.used > budget.max) exceeded ??= budget
    }
    return exceeded
  }

  /** Remembers what is used; the result brings it back. */
  save(): () => void {
    const used = [...this.#budgets.values()].map((budget) => [budget, budget.used] as const)
    return () => {
      for (const [budget, before] of used) budget.used = before
    }
  }

  /** Keeps what is used from batch to batch. */
  keeper(): Keeper {
    return new SnapshotKeeper(
      () => [['used', [...this.#budgets].map(([name, { used }]) => [name, used] as const)]],
      (things) => {
        for (const [name, used] of (things.get('used') ?? []) as readonly (readonly [string, number])[]) {
          const budget = this.#budgets.get(name)
          if (budget !== undefined) budget.used = used
        }
      },
    )
  }
}
