/**
 * Where elements leave a worker: encoded as the engine reads them, in chunks.
 */
import { ByteWriter, type Coder, type WindowedValue } from '../../../sdk/coders/index.js'
import { UserCodeError } from '../../../sdk/errors.js'
import { preview } from '../../../sdk/preview.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import type { Receiver } from '../../core/element-buffer.js'
import { listOf } from '../../core/side-inputs.js'
import type { StepInfo } from '../../core/stage.js'

/** Bytes that are sent together. */
const CHUNK_BYTES = 1024 * 1024

/** Takes elements for an engine. */
export class Outlet implements Receiver {
  readonly #coder: Coder<WindowedValue<unknown, BoundedWindow>>
  readonly #producer: StepInfo
  readonly #send: (bytes: Uint8Array, isLast: boolean) => void
  readonly #broken: (error: unknown) => void
  readonly #out = new ByteWriter()

  constructor(
    coder: Coder<unknown>,
    producer: StepInfo,
    send: (bytes: Uint8Array, isLast: boolean) => void,
    broken: (error: unknown) => void,
  ) {
    this.#coder = coder as Coder<WindowedValue<unknown, BoundedWindow>>
    this.#producer = producer
    this.#send = send
    this.#broken = broken
  }

  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    try {
      this.#coder.encode({ value, timestamp, windows: listOf(windows), pane }, this.#out, true)
    } catch (cause) {
      const { path: step, source } = this.#producer
      const error = new UserCodeError({ step, call: 'its output', element: preview(value), timestamp, source, cause })
      // User code may swallow what is thrown through it; the bundle fails all the same.
      this.#broken(error)
      throw error
    }
    if (this.#out.length >= CHUNK_BYTES) this.#send(this.#out.take(), false)
  }

  /** Forgets what has not been sent: the bundle has failed, or another begins. */
  reset(): void {
    this.#out.truncate(0)
  }

  /** Sends the rest, and that it is the last. */
  finish(): void {
    this.#send(this.#out.take(), true)
  }
}
