/**
 * Output that goes with the answer to its bundle, for engines that take it so: all of it, or, when it grows, none.
 */
import { create } from '@bufbuild/protobuf'
import { type Elements, ElementsSchema } from '../proto/generated/beam/fn_execution_pb.js'

/** Bytes that are embedded. */
const BYTES_MAX = 64 * 1024

interface Held {
  readonly elements: Elements
  size: number
}

/** Output of open bundles. What was held and does not fit is given to `send`. */
export class EmbeddedOutput {
  readonly #held = new Map<string, Held>()
  /** Bundles whose output streams. */
  readonly #streaming = new Set<string>()
  readonly #send: (instruction: string, elements: Elements) => void

  constructor(send: (instruction: string, elements: Elements) => void) {
    this.#send = send
  }

  /** @returns whether it is held here; else it is to be sent. */
  holds(instruction: string, elements: Elements): boolean {
    if (this.#streaming.has(instruction)) return false
    const held = this.#held.get(instruction) ?? { elements: create(ElementsSchema), size: 0 }
    this.#held.set(instruction, held)
    held.elements.data.push(...elements.data)
    held.elements.timers.push(...elements.timers)
    held.size += sizeOf(elements)
    if (held.size <= BYTES_MAX) return true
    this.#held.delete(instruction)
    this.#streaming.add(instruction)
    // Each goes where its step sends to.
    for (const data of held.elements.data) this.#send(instruction, create(ElementsSchema, { data: [data] }))
    for (const timers of held.elements.timers) this.#send(instruction, create(ElementsSchema, { timers: [timers] }))
    return true
  }

  /** Takes out what goes with the answer, where nothing was sent before. */
  take(instruction: string): Elements | undefined {
    this.#streaming.delete(instruction)
    const held = this.#held.get(instruction)
    this.#held.delete(instruction)
    return held?.elements
  }
}

/** Bytes of elements and timers. */
export function sizeOf({ data, timers }: Elements): number {
  return [...data.map((each) => each.data), ...timers.map((each) => each.timers)].reduce((sum, { length }) => sum + length, 0) // prettier-ignore
}
