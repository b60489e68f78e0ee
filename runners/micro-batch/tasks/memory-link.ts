/**
 * Links to workers in the driver's own memory: for tests and simulations, and to look at what a partitioned run does. Messages are
 * cloned as on their way to a thread or a process. A script may hold them up, double them, and end workers.
 *
 * Law: messages of one direction arrive in their order, but for answers that the script has doubled or held up.
 */
import type { Env } from '../../../sdk/env.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { serveWorker } from './worker.js'
import type { FromWorker, OpenWorker, ServedWorker, ToWorker, WorkerLink } from './worker-link.js'

/** What may happen to a message. */
export interface MessageFate {
  /** The worker ends instead. */
  readonly kills?: boolean
  /** It arrives so many milliseconds later; what comes after it in the same direction waits. */
  readonly delayMillis?: number
  /** Milliseconds after which it arrives once more. */
  readonly againAfterMillis?: number
}

/** Decides about messages. */
export interface LinkScript {
  /** A message is on its way to a worker, or from it. `worker` is its name. */
  fateOf(worker: string, message: ToWorker | FromWorker): MessageFate | undefined
}

/** Opens workers in memory. */
export function memoryWorkers(built: BuiltPipeline, env: Env, script?: LinkScript): OpenWorker {
  let opened = 0
  return (index) => Promise.resolve(new MemoryLink(`worker ${index} (in memory, ${++opened})`, built, env, script))
}

class MemoryLink implements WorkerLink {
  readonly name: string
  readonly #env: Env
  readonly #script: LinkScript | undefined
  readonly #served: ServedWorker
  #toDriver: ((message: FromWorker) => void) | undefined
  #toWorker: ((message: ToWorker) => void) | undefined
  #ended: ((reason: string) => void) | undefined
  #isOver = false
  /** What is on its way, in either direction. */
  #way: { there: Promise<void>; back: Promise<void> } = { there: Promise.resolve(), back: Promise.resolve() }

  constructor(name: string, built: BuiltPipeline, env: Env, script: LinkScript | undefined) {
    this.name = name
    this.#env = env
    this.#script = script
    this.#served = serveWorker(
      {
        send: (message) => this.#pass('back', message, (copy) => this.#toDriver?.(copy)),
        onMessage: (listener) => (this.#toWorker = listener),
      },
      built,
      env,
      { setsUpCombiners: false },
    )
  }

  send(message: ToWorker): void {
    this.#pass('there', message, (copy) => this.#toWorker?.(copy))
  }

  #pass<Message extends ToWorker | FromWorker>(
    way: 'there' | 'back',
    message: Message,
    arrive: (message: Message) => void,
  ): void {
    if (this.#isOver) return
    const copy = cloned(message) as Message
    const { kills, delayMillis, againAfterMillis } = this.#script?.fateOf(this.name, message) ?? {}
    if (kills === true) {
      this.kill()
      return
    }
    const deliver = (): void => {
      if (!this.#isOver) arrive(copy)
    }
    this.#way[way] = this.#way[way].then(async () => {
      if (delayMillis !== undefined) await new Promise<void>((done) => this.#env.setTimer(delayMillis, done))
      deliver()
    })
    if (againAfterMillis !== undefined) void this.#way[way].then(() => this.#env.setTimer(againAfterMillis, deliver))
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.#toDriver = listener
  }

  onEnd(listener: (reason: string) => void): void {
    this.#ended = listener
  }

  kill(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#served.halt()
    void Promise.resolve().then(() => this.#ended?.('it was killed'))
  }

  close(): Promise<void> {
    this.#isOver = true
    return Promise.resolve()
  }
}

/** As `structuredClone` gives it, which copies the whole buffer behind bytes and takes many times as long for plain data. */
function cloned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? structuredClone(value) : value
  if (Array.isArray(value)) return value.map(cloned)
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value)
  const copy = { ...value } as Record<string, unknown>
  for (const name of Object.keys(copy)) {
    const field = copy[name]
    if (typeof field === 'object' || typeof field === 'function') copy[name] = cloned(field)
  }
  return copy
}
