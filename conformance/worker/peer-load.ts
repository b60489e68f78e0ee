/**
 * An engine on a thread of its own that gives a worker one large bundle, and takes what comes out as fast as it is told to.
 */
import { Worker } from 'node:worker_threads'

/** What the engine does. */
export interface Load {
  /** Bytes of the descriptor. */
  readonly descriptor: Uint8Array
  readonly source: string
  /** Elements as bytes, sent again and again. */
  readonly chunk: Uint8Array
  readonly chunks: number
  /** For so long nothing of what comes out is taken. */
  readonly stallMillis: number
}

/** What has come of it. */
export interface LoadResult {
  readonly bytesOut: number
  readonly millis: number
}

/** From and to the thread. */
export type ToLoad = { readonly kind: 'start'; readonly pool: string } | { readonly kind: 'run'; readonly load: Load }
export type FromLoad =
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'started' }
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly message: string }

/** The engine. */
export class PeerLoad {
  address = ''
  #thread: Worker | undefined

  async listen(): Promise<void> {
    const main = import.meta.url.endsWith('.ts')
      ? new URL('../../dist/conformance/worker/peer-load-main.js', import.meta.url)
      : new URL('./peer-load-main.js', import.meta.url)
    this.#thread = new Worker(main, { execArgv: [] })
    const first = await this.#next()
    if (first.kind === 'listening') this.address = first.address
  }

  async start(pool: string): Promise<void> {
    this.#thread?.postMessage({ kind: 'start', pool } satisfies ToLoad)
    await this.#next()
  }

  async run(load: Load): Promise<LoadResult> {
    this.#thread?.postMessage({ kind: 'run', load } satisfies ToLoad)
    const answer = await this.#next()
    if (answer.kind === 'done') return answer.result
    throw new Error(answer.kind === 'failed' ? answer.message : answer.kind)
  }

  #next(): Promise<FromLoad> {
    return new Promise((resolve, reject) => {
      this.#thread?.once('message', resolve)
      this.#thread?.once('error', reject)
    })
  }

  async close(): Promise<void> {
    await this.#thread?.terminate()
  }
}
