/**
 * The worker's side of a run: what the wire brings of bundles, each in a queue of its own, and who works on them.
 *
 * Law: what comes for a bundle waits until the bundle begins, and is dropped once it has ended. Bundles of one description may be
 * open at once; each has stages of its own, which serve one bundle after another.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { messageOf } from '../../../sdk/errors.js'
import { invariant } from '../../../sdk/invariant.js'
import { type ProcessBundleDescriptor, ProcessBundleDescriptorSchema } from '../proto/generated/beam/fn_execution_pb.js'
import type { BundleName, ToUser } from '../wire/messages.js'
import { FragmentAtWork } from './bundle.js'
import { fragmentOf } from './fragment.js'
import type { WorkerRun } from './worker-run.js'

type Arrived = Extract<ToUser, { kind: 'data' }>

/** Ended bundles that are remembered, so that what still comes for them is dropped. */
const ENDED_MAX = 10_000

/** What has come for a bundle. */
class Mailbox {
  readonly #waiting: Arrived[] = []
  #wake: (() => void) | undefined

  put(message: Arrived): void {
    this.#waiting.push(message)
    this.#wake?.()
  }

  async next(): Promise<Arrived> {
    for (;;) {
      const message = this.#waiting.shift()
      if (message !== undefined) return message
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

/** Works on bundles. */
export class WorkerSide {
  readonly #run: WorkerRun
  readonly #descriptors = new Map<string, ProcessBundleDescriptor>()
  readonly #idle = new Map<string, FragmentAtWork[]>()
  readonly #all: FragmentAtWork[] = []
  readonly #mailboxes = new Map<string, Mailbox>()
  readonly #ended = new Set<string>()
  readonly #open = new Set<Promise<void>>()
  /** The first thing that went wrong: what the engine says of it later is only its text. */
  failure: unknown

  constructor(run: WorkerRun) {
    this.#run = run
  }

  receive(message: ToUser): void {
    switch (message.kind) {
      case 'descriptor':
        this.#descriptors.set(
          `${message.worker} ${message.id}`,
          fromBinary(ProcessBundleDescriptorSchema, message.bytes),
        )
        return
      case 'start': {
        const work = this.#work(message.bundle, message.descriptorId)
        this.#open.add(work)
        void work.finally(() => this.#open.delete(work))
        return
      }
      case 'data':
        if (!this.#ended.has(keyOf(message.bundle))) this.#mailbox(message.bundle).put(message)
        return
      default:
    }
  }

  #mailbox(bundle: BundleName): Mailbox {
    const key = keyOf(bundle)
    let mailbox = this.#mailboxes.get(key)
    if (mailbox === undefined) this.#mailboxes.set(key, (mailbox = new Mailbox()))
    return mailbox
  }

  async #work(bundle: BundleName, descriptorId: string): Promise<void> {
    const mailbox = this.#mailbox(bundle)
    const plan = `${bundle.worker} ${descriptorId}`
    let at: FragmentAtWork | undefined
    try {
      at = await this.#take(plan)
      await at.begin(bundle)
      const awaited = new Set(at.awaited)
      while (awaited.size > 0) {
        const { transformId, family, bytes, isLast } = await mailbox.next()
        if (family === undefined) await at.data(transformId, bytes)
        else at.timers(transformId, family, bytes)
        if (isLast) awaited.delete(family === undefined ? transformId : `${transformId} ${family}`)
      }
      const response = await at.finish()
      this.#run.wire.send({ kind: 'done', bundle, response })
      this.#idle.get(plan)?.push(at)
    } catch (error) {
      this.failure ??= error
      at?.abandon()
      this.#run.wire.send({ kind: 'failed', bundle, error: textOf(error) })
    } finally {
      this.#forget(keyOf(bundle))
    }
  }

  #forget(key: string): void {
    this.#mailboxes.delete(key)
    this.#ended.add(key)
    if (this.#ended.size <= ENDED_MAX) return
    const [oldest] = this.#ended
    if (oldest !== undefined) this.#ended.delete(oldest)
  }

  /** Stages for a description: idle ones, or new ones. */
  async #take(plan: string): Promise<FragmentAtWork> {
    const idle = this.#idle.get(plan)?.pop()
    if (idle !== undefined) return idle
    const descriptor = this.#descriptors.get(plan)
    invariant(descriptor !== undefined, 'a bundle is described before it begins', { plan })
    const { built, moduleHash, env } = this.#run
    const fragment = fragmentOf(descriptor, built, {
      moduleHash,
      now: () => env.now(),
      resourceOf: (fn) => this.#run.resourceOf(fn),
    })
    const made = new FragmentAtWork(this.#run, fragment)
    this.#all.push(made)
    if (!this.#idle.has(plan)) this.#idle.set(plan, [])
    await made.setup()
    return made
  }

  /** Waits for bundles that are open, then tears down. */
  async close(): Promise<void> {
    let failure: unknown
    for (const each of this.#all) {
      try {
        await each.teardown()
      } catch (error) {
        failure ??= error
      }
    }
    await this.#run.teardown()
    if (failure !== undefined) throw failure
  }
}

function keyOf({ worker, instruction }: BundleName): string {
  return `${worker} ${instruction}`
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}
