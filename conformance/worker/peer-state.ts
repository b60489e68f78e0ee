/**
 * The state of an engine in a test's hands, on a thread of its own: user code blocks its thread while it waits for state.
 */
import { Worker } from 'node:worker_threads'

/** What was asked of the state. */
export interface StateAsked {
  readonly kind: 'get' | 'append' | 'clear'
  /** The step's id, its cell or side input, and the key in hex. */
  readonly transformId: string
  readonly cell: string
  readonly key: string
}

/** From and to the thread. */
export type ToState = { readonly kind: 'asked' } | { readonly kind: 'close' }
export type FromState =
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'asked'; readonly asked: readonly StateAsked[] }

/** The State service. */
export class PeerState {
  address = ''
  #thread: Worker | undefined

  async listen(): Promise<void> {
    // Threads do not load TypeScript: what was built of it is run.
    const main = import.meta.url.endsWith('.ts')
      ? new URL('../../dist/conformance/worker/peer-state-main.js', import.meta.url)
      : new URL('./peer-state-main.js', import.meta.url)
    this.#thread = new Worker(main, { execArgv: [] })
    const first = await this.#next()
    if (first.kind === 'listening') this.address = first.address
  }

  /** What was asked since the last time. */
  async asked(): Promise<readonly StateAsked[]> {
    this.#thread?.postMessage({ kind: 'asked' } satisfies ToState)
    const answer = await this.#next()
    return answer.kind === 'asked' ? answer.asked : []
  }

  #next(): Promise<FromState> {
    return new Promise((resolve) => this.#thread?.once('message', resolve))
  }

  async close(): Promise<void> {
    await this.#thread?.terminate()
  }
}
