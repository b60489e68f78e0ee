/**
 * State of one worker's bundles: which of its streams a request goes to, and which changes the engine has not confirmed.
 */
import type { Answer, ToWire } from './messages.js'
import type { StateStream } from './state-stream.js'

/** The state that an engine keeps. */
export class StatePlane {
  readonly #answer: (answer: Answer) => void
  readonly #open: (url: string, lost: (failure: string) => void) => StateStream
  readonly #lost: (failure: string) => void
  readonly #streams = new Map<string, StateStream>()
  /** Changes that are not confirmed, by instruction. */
  readonly #unconfirmed = new Map<string, Promise<unknown>[]>()

  /** @param lost is told when a stream breaks. */
  constructor(
    answer: (answer: Answer) => void,
    open: (url: string, lost: (failure: string) => void) => StateStream,
    lost: (failure: string) => void,
  ) {
    this.#answer = answer
    this.#open = open
    this.#lost = lost
  }

  #stream(url: string): StateStream {
    let stream = this.#streams.get(url)
    if (stream !== undefined) return stream
    stream = this.#open(url, (failure) => {
      // Whoever comes next gets another one.
      this.#streams.delete(url)
      this.#lost(failure)
    })
    this.#streams.set(url, stream)
    return stream
  }

  /** Reads cells, all at once. */
  read({ bundle: { instruction }, url, keys }: Extract<ToWire, { kind: 'get' }>): void {
    const stream = this.#stream(url)
    Promise.all(keys.map((key) => stream.read(instruction, key))).then(
      (values) => this.#answer({ kind: 'values', values }),
      (error: Error) => this.#answer({ kind: 'error', message: error.message }),
    )
  }

  /** Changes a cell. */
  change({ bundle: { instruction }, url, key, change }: Extract<ToWire, { kind: 'put' }>): void {
    const confirmed = this.#stream(url).change(instruction, key, change)
    // Looked at when the bundle ends.
    confirmed.catch(() => undefined)
    const others = this.#unconfirmed.get(instruction)
    if (others === undefined) this.#unconfirmed.set(instruction, [confirmed])
    else others.push(confirmed)
  }

  /** Resolves when all that a bundle has changed is confirmed. */
  async confirmed(instruction: string): Promise<void> {
    await Promise.all(this.#unconfirmed.get(instruction) ?? [])
  }

  /** How many changes of open bundles there are. */
  get changes(): number {
    return [...this.#unconfirmed.values()].reduce((sum, { length }) => sum + length, 0)
  }

  forget(instruction: string): void {
    this.#unconfirmed.delete(instruction)
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close()
  }
}
