/**
 * What was collected, kept from batch to batch: the result of a run that was interrupted has what was collected before.
 */
import {
  type Coder,
  decodeFromBytes,
  dynamicCoder,
  encodeToBytes,
  type WindowedValue,
  windowedValueCoder,
} from '../../sdk/coders/index.js'
import { coderOf } from '../../sdk/graph/coders.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { windowCoderOf } from '../../sdk/windowing/window-coder.js'
import type { Collected } from '../core/execution/result.js'
import type { ChangeSink, Keeper, KeptEntry } from '../core/kept-state.js'
import type { StagedPipeline, StepInfo } from '../core/stage.js'

/** Keeps what one `collect` has. Elements are only ever added; those of a batch are one entry. */
export class CollectedKeeper implements Keeper {
  readonly #collected: Collected
  readonly #coder: Coder<WindowedValue<unknown, BoundedWindow>>
  #stored = 0

  constructor(collected: Collected, coder: Coder<WindowedValue<unknown, BoundedWindow>>) {
    this.#collected = collected
    this.#coder = coder
  }

  track(): void {
    // What was added is seen by its place.
  }

  changes(sink: ChangeSink): void {
    const { elements } = this.#collected
    if (elements.length === this.#stored) return
    const added = elements
      .slice(this.#stored)
      .map(({ value, timestamp, window, pane }) =>
        encodeToBytes(this.#coder, { value, timestamp, windows: [window], pane }),
      )
    sink.put(0, encodeToBytes(dynamicCoder, this.#stored), encodeToBytes(dynamicCoder, added))
    this.#stored = elements.length
  }

  restore(entries: Iterable<KeptEntry>): void {
    const parts = [...entries].map(({ id, content }) => ({
      at: decodeFromBytes(dynamicCoder, id) as number,
      elements: decodeFromBytes(dynamicCoder, content) as readonly Uint8Array[],
    }))
    for (const { elements } of parts.sort((a, b) => a.at - b.at)) {
      for (const bytes of elements) {
        const { value, timestamp, windows, pane } = decodeFromBytes(this.#coder, bytes)
        this.#collected.elements.push({ value, timestamp, window: windows[0] as BoundedWindow, pane: pane })
      }
    }
    this.#stored = this.#collected.elements.length
  }
}

/** How what is collected is stored, by name. */
export type CollectedCoders = ReadonlyMap<
  string,
  { readonly step: StepInfo; readonly coder: Coder<WindowedValue<unknown, BoundedWindow>> }
>

/** The coders of all that a run collects. */
export function collectedCoders({ built, outputs }: StagedPipeline): CollectedCoders {
  const { collections, windowingStrategies } = built.graph.components
  const coders = new Map<string, { step: StepInfo; coder: Coder<WindowedValue<unknown, BoundedWindow>> }>()
  for (const { consumers, collectionId, coderId } of outputs.values()) {
    const strategy = windowingStrategies.get(collections.get(collectionId)?.windowingStrategyId ?? '')
    for (const operator of consumers) {
      if (operator.kind !== 'collect' || strategy === undefined) continue
      const coder = windowedValueCoder(coderOf(built, coderId), windowCoderOf(strategy.windowFn))
      coders.set(operator.name, { step: operator.info, coder })
    }
  }
  return coders
}

/** Keepers of all that a run collects. */
export function collectedKeepers(
  staged: StagedPipeline,
  collected: ReadonlyMap<string, Collected>,
): ReadonlyMap<string, Keeper> {
  const keepers = new Map<string, Keeper>()
  for (const [name, { step, coder }] of collectedCoders(staged)) {
    const own = collected.get(name)
    if (own !== undefined) keepers.set(`${step.id} collected`, new CollectedKeeper(own, coder))
  }
  return keepers
}
