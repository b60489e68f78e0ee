/**
 * Everything of a run that is kept from batch to batch, as the store knows it: keepers of stages by the step that the stage begins
 * with, and what the run itself keeps.
 *
 * Law: a part has the same name in every run of the same graph.
 */
import { invariant } from '../../sdk/invariant.js'
import type { StageExecutor } from '../core/execution/stage-executor.js'
import type { ChangeSink, Keeper, KeptEntry } from '../core/kept-state.js'
import type { Change, StoredEntry } from './store/checkpoint-store.js'

/** The keepers of a run, by part. */
export class KeptParts {
  readonly #keepers = new Map<string, Keeper>()

  /** @param of follows the names of the stages' parts: which of several hosts they are of. */
  constructor(executors: readonly StageExecutor[], own: ReadonlyMap<string, Keeper>, of = '') {
    for (const { stage, keepers } of executors.map((executor) => ({
      stage: executor.stage,
      keepers: executor.keepers(),
    })))
      for (const [name, keeper] of keepers) this.#add(`${stage.root.info.id} ${name}${of}`, keeper)
    for (const [name, keeper] of own) this.#add(name, keeper)
  }

  #add(part: string, keeper: Keeper): void {
    invariant(!this.#keepers.has(part), 'parts that are kept have names of their own', { part })
    keeper.track()
    this.#keepers.set(part, keeper)
  }

  /** Puts back what a store has. @returns the parts that nobody here keeps. */
  async restore(entries: AsyncIterable<StoredEntry> | Iterable<StoredEntry>): Promise<readonly string[]> {
    const byPart = new Map<string, KeptEntry[]>()
    for await (const entry of entries) {
      const there = byPart.get(entry.part)
      if (there === undefined) byPart.set(entry.part, [entry])
      else there.push(entry)
    }
    for (const [part, keeper] of this.#keepers) {
      const kept = byPart.get(part)
      if (kept !== undefined) keeper.restore(kept)
    }
    return [...byPart.keys()].filter((part) => !this.#keepers.has(part))
  }

  /** What has changed since the last time. */
  changes(): readonly Change[] {
    const changes: Change[] = []
    for (const [part, keeper] of this.#keepers) {
      const sink: ChangeSink = {
        put: (slot, id, content) => void changes.push({ part, slot, id, content }),
        remove: (slot, id) => void changes.push({ part, slot, id, content: undefined }),
      }
      keeper.changes(sink)
    }
    return changes
  }
}
