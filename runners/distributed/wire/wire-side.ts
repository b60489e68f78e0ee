/**
 * The wire's side of a run: serves the pool of workers that an engine asks to start, submits the job, and hands on what the thread
 * of user code and the engine have to say to each other.
 */
import { create } from '@bufbuild/protobuf'
import {
  BeamFnExternalWorkerPool,
  type StartWorkerRequest,
  StartWorkerResponseSchema,
  StopWorkerResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { ListeningServer, Transport } from '../transport/transport.js'
import { Harness } from './harness.js'
import { JobClient } from './job-client.js'
import { JobFollower, type JobWorld } from './job-follower.js'
import { LinkServer } from './link-server.js'
import type { LinkSettings, ToWire, UserPort } from './messages.js'
import { MonitoringTable } from './monitoring-table.js'
import { Slots } from './open-bundles.js'
import type { Proofs } from './proofs.js'
import type { SharedCounters } from './shared-counters.js'
import { ShortIds } from './short-ids.js'

/** Bytes that are taken in at once for a bundle that waits behind others. */
const STARVING_BYTES = 16 * 1024 * 1024

/** What the wire needs of its thread. */
export interface WireWorld {
  readonly transport: Transport
  readonly user: UserPort
  readonly proofs: Proofs
  readonly shared: SharedCounters
  later(millis: number, run: () => void): void
}

/** The wire of one run. */
export class WireSide {
  readonly #world: WireWorld
  readonly #workers = new Map<number, Harness>()
  readonly #byId = new Map<string, number>()
  readonly #monitoring = new MonitoringTable()
  readonly #slots = new Slots()
  /** Ids of what the wire itself says. */
  readonly #ids = new ShortIds('w', ({ id, info }) => this.#monitoring.learn(id, info))
  /** Bytes of input beyond the usual that are taken in for bundles that would starve. */
  #more = 0
  #pool: ListeningServer | undefined
  #job: JobFollower | undefined
  #link: LinkServer | undefined
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
      case 'openLink':
        void this.#openLink(message.link)
        return
      case 'flushLink':
        void this.#link?.flush().then(() => this.#world.user.send({ kind: 'linkFlushed' }))
        return
      case 'submit': {
        const { job } = message
        void new JobClient(this.#jobWorld, job, (this.#job = new JobFollower(this.#jobWorld, job.endpoint))).submit()
        return
      }
      case 'attach':
        this.#job = new JobFollower(this.#jobWorld, message.endpoint)
        void this.#job.attach(message.jobId)
        return
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
        this.#of(message)?.finalized(message.bundle.instruction, message.error)
        return
      case 'hasSplit':
        this.#of(message)?.hasSplit(message.bundle.instruction, message.response)
        return
      case 'readOn':
        this.#readOn(message.isStarving)
        return
      case 'shortId':
        this.#monitoring.learn(message.id, message.info)
        return
      case 'log':
        this.#of(message)?.logged(message.bundle.instruction, message.line)
        return
      case 'report':
        return
    }
  }

  get #jobWorld(): JobWorld {
    const { transport, user, later } = this.#world
    return { transport, later, tell: (message) => user.send(message) }
  }

  #of({ bundle }: { readonly bundle: { readonly worker: number } }): Harness | undefined {
    return this.#workers.get(bundle.worker)
  }

  /** Holds engines up while too much waits for user code. */
  #cameIn(): void {
    const { shared, user } = this.#world
    if (shared.isPaused || !shared.isInFull(this.#more)) return
    shared.isPaused = true
    for (const worker of this.#workers.values()) worker.pause()
    user.send({ kind: 'paused' })
  }

  #readOn(isStarving: boolean): void {
    const { shared } = this.#world
    this.#more = isStarving ? this.#more + STARVING_BYTES : 0
    if (!shared.isPaused) return
    shared.isPaused = false
    for (const worker of this.#workers.values()) worker.resume()
  }

  async #open(): Promise<void> {
    const { transport, user } = this.#world
    const builder = transport.server()
    builder.unary(BeamFnExternalWorkerPool.method.startWorker, async (request) => {
      this.startWorker(request)
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

  async #openLink({ listen, secret }: LinkSettings): Promise<void> {
    const { transport, user, proofs, later } = this.#world
    const isProof = (proof: string, worker: string): boolean => proofs.matches(secret, worker, proof)
    this.#link = new LinkServer({ transport, later, isProof, tell: (message) => user.send(message) })
    try {
      user.send({ kind: 'linkOpened', address: await this.#link.open(listen) })
    } catch (error) {
      user.send({ kind: 'jobRefused', status: 'UNAVAILABLE', message: (error as Error).message })
    }
  }

  /** Begins a worker. */
  startWorker({ workerId, controlEndpoint, loggingEndpoint, provisionEndpoint }: StartWorkerRequest): void {
    const worker = this.#started++
    const { transport, user, later } = this.#world
    const harness = new Harness({
      transport,
      worker,
      workerId,
      controlAddress: controlEndpoint?.url ?? '',
      loggingAddress: loggingEndpoint?.url ?? '',
      provisionAddress: provisionEndpoint?.url ?? '',
      monitoring: this.#monitoring,
      shared: this.#world.shared,
      slots: this.#slots,
      ids: this.#ids,
      cameIn: () => this.#cameIn(),
      later,
      tell: (message) => user.send(message),
      answer: (answer) => user.answer(answer),
    })
    this.#workers.set(worker, harness)
    this.#byId.set(workerId, worker)
  }

  /** Bundles that are open have failed. */
  failOpen(error: string): void {
    for (const worker of this.#workers.values()) worker.failOpen(error)
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
    await this.#link?.close()
  }
}
