/**
 * Elements that wait, as a store has them: an entry for each, by the number it got when it came.
 *
 * Law: they come back in the order of their numbers. They lie in slot 0, whatever their keys: their order goes over all keys.
 */
import { ByteReader, encodeToBytes, varintCoder } from '../../../sdk/coders/index.js'
import { UserCodeError } from '../../../sdk/errors.js'
import { preview } from '../../../sdk/preview.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { Windows } from '../../../sdk/windowing/window.js'
import { bytesOf, numberOf } from '../cells/kept-cells.js'
import type { ElementCoding } from '../element-coding.js'
import type { ChangeSink, KeptEntry } from '../kept-state.js'
import type { StepInfo } from '../stage.js'

/** How elements that wait for a step are stored. */
export interface WaitingCoding {
  readonly coding: ElementCoding
  /** The step that they wait for. */
  readonly step: StepInfo
}

/** Takes an element that was stored. */
export type PushNumbered = (number: number, value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => void

/** Stores elements. */
export class KeptElements {
  readonly #coding: ElementCoding
  readonly #step: StepInfo

  constructor({ coding, step }: WaitingCoding) {
    this.#coding = coding
    this.#step = step
  }

  put(sink: ChangeSink, number: number, value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    let content: Uint8Array
    try {
      content = bytesOf((out) => this.#coding.write(out, value, timestamp, windows, pane))
    } catch (cause) {
      const { path, source } = this.#step
      const call = 'storing an element that waits for it'
      throw new UserCodeError({ step: path, call, element: preview(value), timestamp, source, cause })
    }
    sink.put(0, encodeToBytes(varintCoder, number), content)
  }

  remove(sink: ChangeSink, number: number): void {
    sink.remove(0, encodeToBytes(varintCoder, number))
  }

  /** Takes back what was stored, in order. */
  restore(entries: Iterable<KeptEntry>, push: PushNumbered): void {
    const numbered = [...entries].map(({ id, content }) => ({ number: numberOf(new ByteReader(id)), content }))
    for (const { number, content } of numbered.sort((a, b) => a.number - b.number)) {
      this.#coding.read(new ByteReader(content), (value, timestamp, windows, pane) =>
        push(number, value, timestamp, windows, pane),
      )
    }
  }
}
