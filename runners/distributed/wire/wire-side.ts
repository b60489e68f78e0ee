/**
 * The wire's side of a run: serves the pool of workers that an engine asks to start, submits the job, and hands on what the thread
 * of user code and the engine have to say to each other.
 */
import { create } from '@bufbuild/protobuf'
import {
  BeamFnExternalWorkerPool,
  StartWorkerResponseSchema,
  StopWorkerResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { ListeningServer, Transport } from '../transport/transport.js'
import { Harness } from './harness.js'
import { JobClient } from './job-client.js'
import type { ToWire, UserPort } from './messages.js'

/** What the wire needs of its thread. */
export interface WireWorld {
  readonly transport: Transport
  readonly user: UserPort
  later(millis: number, run: () => void): void
}

/** The wire of one run. */
export class WireSide {
  readonly #world: WireWorld
  readonly #workers = new Map<number, Harness>()
  readonly #byId = new Map<string, number>()
  #pool: ListeningServer | undefined
  #job: JobClient | undefined
  #started = 0

  constructor(world: WireWorld) {
    this.#world = world
  }

  /** Takes a message of the user thread. */
  receive(message: ToWire): void {
    switch (message.kind) {
      case 'open':
        void this.#open()
        return
      case 'submit': {
        const { transport, user, later } = this.#world
        this.#job = new JobClient({ transport, later, tell: (each) => user.send(each) }, message.job)
        void this.#job.submit()
        return
      }
      case 'cancel':
        this.#job?.cancel()
        return
      case 'drain':
        this.#job?.drain()
        return
      case 'close':
        void this.close()
        return
      case 'out':
        this.#of(message)?.send(message)
        return
      case 'get': {
        const worker = this.#of(message)
        if (worker === undefined) this.#world.user.answer({ kind: 'error', message: 'the worker has ended' })
        else worker.read(message)
        return
      }
      case 'put':
        this.#of(message)?.change(message)
        return
      case 'done':
        void this.#of(message)?.done(message.bundle.instruction, message.response)
        return
      case 'failed':
        this.#of(message)?.fail(message.bundle.instruction, message.error)
        return
      case 'finalized':
        return
    }
  }

  #of({ bundle }: { readonly bundle: { readonly worker: number } }): Harness | undefined {
    return this.#workers.get(bundle.worker)
  }

  async #open(): Promise<void> {
    const { transport, user } = this.#world
    const builder = transport.server()
    builder.unary(BeamFnExternalWorkerPool.method.startWorker, async ({ workerId, controlEndpoint }) => {
      this.#start(workerId, controlEndpoint?.url ?? '')
      return create(StartWorkerResponseSchema)
    })
    builder.unary(BeamFnExternalWorkerPool.method.stopWorker, async ({ workerId }) => {
      this.#stop(workerId)
      return create(StopWorkerResponseSchema)
    })
    try {
      this.#pool = await builder.listen()
      user.send({ kind: 'opened', poolAddress: this.#pool.address })
    } catch (error) {
      user.send({ kind: 'jobRefused', status: 'UNAVAILABLE', message: (error as Error).message })
    }
  }

  #start(workerId: string, controlAddress: string): void {
    const worker = this.#started++
    const { transport, user } = this.#world
    const harness = new Harness({
      transport,
      worker,
      workerId,
      controlAddress,
      tell: (message) => user.send(message),
      answer: (answer) => user.answer(answer),
    })
    this.#workers.set(worker, harness)
    this.#byId.set(workerId, worker)
  }

  #stop(workerId: string): void {
    const worker = this.#byId.get(workerId)
    if (worker === undefined) return
    this.#byId.delete(workerId)
    this.#workers.get(worker)?.close()
  }

  async close(): Promise<void> {
    this.#job?.close()
    for (const worker of this.#workers.values()) worker.close()
    await this.#pool?.close()
  }
}
