/**
 * A worker: hosts partitions for a driver, at the other end of a link. It is the same in a thread, in a process, and in the driver's own
 * memory.
 *
 * Law: what is asked of one partition is done in the order it was asked in; partitions do not wait for each other. What fails is told
 * to the driver, which decides.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { Env } from '../../../sdk/env.js'
import { graphFingerprint } from '../../../sdk/graph/fingerprint.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { preview } from '../../../sdk/preview.js'
import { CombinerLives } from '../../core/combiner-lives.js'
import { runGraph } from '../../core/execution/run-graph.js'
import { fuse } from '../../core/fusion.js'
import type { StagedPipeline } from '../../core/stage.js'
import { Fence } from '../fence.js'
import { PartitionHost } from './partition-host.js'
import type { StuckText } from './task.js'
import { errorToWire } from '../../core/wire-error.js'
import type { Begin, DriverPort, FromWorker, HostPartition, OfPartition, ServedWorker, ServeOptions, ToWorker } from './worker-link.js' // prettier-ignore

/** What ends calls that nobody waits for any more. */
const GIVEN_UP = coded('MR-6009', new Error('the driver does not wait for this any more'))

/** Serves a driver until it says that it is over. */
export function serveWorker(
  port: DriverPort,
  built: BuiltPipeline,
  env: Env,
  options: ServeOptions = {},
): ServedWorker {
  const worker = new Worker(port, built, env, options)
  port.onMessage((message) => worker.hear(message))
  return worker
}

/** The life of a partition here. */
interface Life {
  readonly host: PartitionHost
  /** What was asked of it, one after another. */
  queue: Promise<void>
  isDropped: boolean
  /** The last request that was taken. */
  last: number
}

class Worker implements ServedWorker {
  readonly ended: Promise<void>
  readonly #port: DriverPort
  readonly #built: BuiltPipeline
  readonly #env: Env
  readonly #combiners: CombinerLives | undefined
  readonly #lives = new Map<number, Life>()
  #isBegun = false
  /** Up where the driver follows another one. */
  readonly #fence = new Fence()
  #begin: Begin | undefined
  #staged: StagedPipeline | undefined
  #ready: Promise<void> = Promise.resolve()
  #failure: unknown
  #end: () => void = () => undefined

  constructor(port: DriverPort, built: BuiltPipeline, env: Env, { setsUpCombiners = true }: ServeOptions) {
    this.#port = port
    this.#built = built
    this.#env = env
    this.#combiners = setsUpCombiners ? new CombinerLives(built) : undefined
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  halt(): void {
    for (const { host } of this.#lives.values()) host.halt()
  }

  hear(message: ToWorker): void {
    switch (message.kind) {
      case 'begin':
        if (this.#isBegun) return
        this.#isBegun = true
        this.#ready = this.#start(message)
        return
      case 'host':
        this.#host(message)
        return
      case 'cancel':
        for (const { host } of this.#lives.values()) host.broken(GIVEN_UP)
        return
      case 'stuck':
        this.#port.send({ kind: 'stuck', call: this.#stuck() })
        return
      case 'leads':
        this.#leads(message.epoch)
        return
      case 'end':
        void this.#finish(message.isQueryOver)
        return
      case 'drop': {
        const life = this.#lives.get(message.life)
        if (life === undefined) return
        life.isDropped = true
        life.host.halt()
        life.host.broken(GIVEN_UP)
        void life.queue.then(() => this.#tearDown(message.life, life))
        return
      }
      default:
        this.#ask(message)
    }
  }

  async #start(begin: Begin): Promise<void> {
    try {
      const { hash } = graphFingerprint(this.#built.graph)
      if (hash !== begin.fingerprint)
        throw coded(
          'MR-6031',
          new Error(
            `a worker has built another graph than its driver for pipeline "${this.#built.name}". A pipeline that workers run must be built alike everywhere: not from the clock, from random numbers or from what only one process knows.`,
          ),
        )
      this.#begin = begin
      this.#staged = fuse(runGraph(this.#built, begin, true))
      await this.#combiners?.setup()
      this.#port.send({ kind: 'ready' })
    } catch (error) {
      this.#port.send({ kind: 'refused', error: errorToWire(error) })
    }
  }

  #leads(epoch: number | undefined): void {
    this.#fence.lower()
    if (this.#begin !== undefined) this.#begin = { ...this.#begin, query: { ...this.#begin.query, epoch } }
    for (const { host } of this.#lives.values()) host.epoch = epoch
  }

  #host(message: HostPartition): void {
    const { partition, life: number, request } = message
    if (this.#lives.has(number)) return
    const queue = this.#ready.then(async () => {
      const { host } = life
      await this.#guarded(message, life, async () => {
        await host.begin(message)
        return { kind: 'hosted', partition, life: number, request, stages: host.hosted() }
      })
    })
    const begin = this.#begin
    const staged = this.#staged
    if (begin === undefined || staged === undefined) return
    const life: Life = {
      host: new PartitionHost(staged, begin, partition, begin.isFenced ? this.#fence.env(this.#env) : this.#env),
      queue,
      isDropped: false,
      last: request,
    }
    this.#lives.set(number, life)
  }

  #ask(message: Exclude<ToWorker, Begin | HostPartition> & OfPartition): void {
    const life = this.#lives.get(message.life)
    if (life === undefined || (message.request > 0 && message.request <= life.last)) return
    life.last = Math.max(life.last, message.request)
    life.queue = life.queue.then(() => this.#guarded(message, life, () => this.#answer(message, life.host)))
  }

  async #answer(message: ToWorker & OfPartition, host: PartitionHost): Promise<FromWorker | undefined> {
    const { partition, life, request } = message
    switch (message.kind) {
      case 'task':
        return { kind: 'done', partition, life, request, done: await host.task(message.order) }
      case 'changes':
        return { kind: 'changes', partition, life, request, batch: message.batch, changes: host.changes() }
      case 'planned':
        await host.planned()
        return { kind: 'settled', partition, life, request, batch: message.batch, ...host.takeRemarks() }
      case 'committed':
        await host.committed()
        return { kind: 'settled', partition, life, request, batch: message.batch, ...host.takeRemarks() }
      case 'followed':
        host.followed()
        return { kind: 'settled', partition, life, request, batch: message.batch, ...host.takeRemarks() }
      case 'look':
        return { kind: 'status', partition, life, request, stages: host.status() }
      default:
        return undefined
    }
  }

  async #guarded(
    { partition, life: number, request }: OfPartition,
    life: Life,
    run: () => Promise<FromWorker | undefined>,
  ): Promise<void> {
    if (life.isDropped) return
    try {
      const answer = await run()
      if (answer !== undefined) this.#port.send(answer)
    } catch (error) {
      this.#port.send({
        kind: 'failed',
        partition,
        life: number,
        request,
        error: errorToWire(error),
        log: life.host.takeRemarks().log,
      })
    }
  }

  #stuck(): StuckText | undefined {
    const calls = [...this.#lives.values()].map(({ host }) => host.stuck()).filter((call) => call !== undefined)
    const [oldest] = calls.sort((a, b) => a.since - b.since)
    if (oldest === undefined) return undefined
    const { step, call, element, since } = oldest
    return {
      step,
      call,
      element: element === undefined ? undefined : preview(element),
      millis: this.#env.monotonic() - since,
    }
  }

  async #tearDown(number: number, { host }: Life): Promise<void> {
    this.#lives.delete(number)
    try {
      await host.teardown()
    } catch (error) {
      this.#failure ??= error
    }
  }

  async #finish(isQueryOver: boolean): Promise<void> {
    await this.#ready
    for (const [number, life] of [...this.#lives]) {
      await life.queue
      life.host.isQueryOver = isQueryOver
      await this.#tearDown(number, life)
    }
    // What was rejected, and nobody waits for, is told before the end.
    await this.#env.yield()
    try {
      await this.#combiners?.teardown()
    } catch (error) {
      this.#failure ??= error
    }
    this.#port.send({ kind: 'ended', error: this.#failure === undefined ? undefined : errorToWire(this.#failure) })
    this.#end()
  }
}
