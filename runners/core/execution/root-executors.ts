/**
 * Executors of stages that begin with nothing: an impulse, or the scripted events of a TestStream.
 */
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import { globalWindow } from '../../../sdk/windowing/window.js'
import type { BundleProcessor } from '../bundle-processor.js'
import type { Keeper } from '../kept-state.js'
import { SnapshotKeeper } from '../snapshot-keeper.js'
import { type Committable, type ScriptStage, StageExecutor } from './stage-executor.js'
import { NOTHING_KEPT, type StageStatus } from './stage-status.js'

/** Emits one empty element, then is done. */
export class ImpulseExecutor extends StageExecutor {
  async turn(): Promise<boolean> {
    if (this.isDone) return false
    await this.bundle(() => this.processor.push(new Uint8Array(), TIMESTAMP_MIN, globalWindow, NO_FIRING))
    return this.advanceTo(TIMESTAMP_MAX)
  }
}

/** The processing-time clock of a run with scripted events. */
export interface ScriptedClock {
  advance(millis: number): void
}

/** Plays the events of a TestStream; each is played only when everything before it has been processed completely. */
export class TestStreamExecutor extends StageExecutor implements ScriptStage {
  #next = 0
  #isReleased = false
  /** Whether the run is paused, so that nothing is played. */
  isPaused = false
  readonly #clock: ScriptedClock | undefined
  readonly #keeper = new SnapshotKeeper(
    () => [['played', this.#next]],
    (things) => {
      this.#next = things.get('played') as number
    },
  )

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, clock: ScriptedClock | undefined) {
    super(processor, targets)
    this.#clock = clock
  }

  override get script(): ScriptStage {
    return this
  }

  /** Number of events played; scripts of one pipeline take turns by it. */
  get played(): number {
    return this.#next
  }

  override status(): StageStatus {
    const script = { played: this.#next, events: this.root('testStream').payload.events.length }
    const because = this.isPaused ? 'paused' : 'script'
    const hold = { kind: 'source', at: this.outputWatermark, because, partition: undefined, script } as const
    return { ...NOTHING_KEPT, holds: [hold] }
  }

  override keepers(): ReadonlyMap<string, Keeper> {
    return new Map([['script', this.#keeper]])
  }

  /** Lets the next event happen, in the coming round; the end of the script is one, too. */
  release(): void {
    this.#isReleased = true
  }

  async turn(): Promise<boolean> {
    if (!this.#isReleased || this.isDone) return false
    this.#isReleased = false
    const { events } = this.root('testStream').payload
    const event = events[this.#next++]
    if (event === undefined) return this.advanceTo(TIMESTAMP_MAX)
    switch (event.kind) {
      case 'elements':
        await this.bundle(() => {
          for (const { value, timestamp } of event.elements)
            this.processor.push(value, timestamp, globalWindow, NO_FIRING)
        })
        return true
      case 'watermark':
        this.advanceTo(event.timestamp)
        return true
      case 'processingTime':
        this.#clock?.advance(event.advanceMillis)
        return true
    }
  }
}
