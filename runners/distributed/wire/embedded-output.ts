/**
 * Output that goes with the answer to its bundle, for engines that take it so: all of it, or, when it grows, none.
 *
 * Law: which of the two is settled when a bundle begins: its end would else overtake what has been sent before.
 */
import { create } from '@bufbuild/protobuf'
import { type Elements, ElementsSchema } from '../proto/generated/beam/fn_execution_pb.js'

/** Bytes that are embedded. */
const BYTES_MAX = 64 * 1024

interface Held {
  readonly elements: Elements
  size: number
}

/** Output of the bundles that {@link EmbeddedOutput.begin} was told of. What was held and does not fit is given to `send`. */
export class EmbeddedOutput {
  readonly #held = new Map<string, Held>()
  readonly #send: (instruction: string, elements: Elements) => void

  constructor(send: (instruction: string, elements: Elements) => void) {
    this.#send = send
  }

  /** A bundle begins whose output may go with its answer. */
  begin(instruction: string): void {
    this.#held.set(instruction, { elements: create(ElementsSchema), size: 0 })
  }

  /** @returns whether it is held here; else it is to be sent. */
  holds(instruction: string, elements: Elements): boolean {
    const held = this.#held.get(instruction)
    if (held === undefined) return false
    held.elements.data.push(...elements.data)
    held.elements.timers.push(...elements.timers)
    held.size += sizeOf(elements)
    if (held.size <= BYTES_MAX) return true
    this.#held.delete(instruction)
    // Each goes where its step sends to.
    for (const data of held.elements.data) this.#send(instruction, create(ElementsSchema, { data: [data] }))
    for (const timers of held.elements.timers) this.#send(instruction, create(ElementsSchema, { timers: [timers] }))
    return true
  }

  /** Takes out what goes with the answer, where nothing was sent before. */
  take(instruction: string): Elements | undefined {
    const held = this.#held.get(instruction)
    this.#held.delete(instruction)
    return held === undefined || held.elements.data.length + held.elements.timers.length === 0
      ? undefined
      : held.elements
  }
}

/** Bytes of elements and timers. */
export function sizeOf({ data, timers }: Elements): number {
  return [...data.map((each) => each.data), ...timers.map((each) => each.timers)].reduce((sum, { length }) => sum + length, 0) // prettier-ignore
}
