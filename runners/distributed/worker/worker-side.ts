/**
 * The worker's side of a run: what the wire brings of bundles, each in a queue of its own, and who works on them.
 *
 * Law: what comes for a bundle waits until the bundle begins, and is dropped once it has ended. Bundles of one description may be
 * open at once; each has stages of its own, which serve one bundle after another. A bundle that its worker has lost leaves nothing, and
 * is nobody's failure: the engine gives it again.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { messageOf } from '../../../sdk/errors.js'
import { invariant } from '../../../sdk/invariant.js'
import {
  type ProcessBundleDescriptor,
  ProcessBundleDescriptorSchema,
  ProcessBundleSplitRequestSchema,
  type ProcessBundleSplitResponse,
  ProcessBundleSplitResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { BundleName, ToUser } from '../wire/messages.js'
import { type FinishedBundle, FragmentAtWork } from './bundle.js'
import { clipped } from './clipped.js'
import { fragmentOf } from './fragment.js'
import type { WorkerRun } from './worker-run.js'

type Arrived = Extract<ToUser, { kind: 'data' }>

/** Ended bundles that are remembered, so that what still comes for them is dropped. */
const ENDED_MAX = 10_000

/** The engine has gone from a bundle. */
class BundleLost extends Error {
  readonly code = 'MR-6203'
}

/** What has come for a bundle. */
class Mailbox {
  readonly #waiting: Arrived[] = []
  #wake: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Whether somebody waits for what has not come. */
  get isAwaited(): boolean {
    return this.#wake !== undefined
  }

  /** Takes out what nobody will work on. */
  left(): readonly Arrived[] {
    return this.#waiting.splice(0)
  }

  put(message: Arrived): void {
    this.#waiting.push(message)
    this.#wake?.()
  }

  /** The bundle cannot end well. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake?.()
  }

  /** @throws what the bundle has failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** @throws what the bundle has failed with. */
  async next(): Promise<Arrived> {
    for (;;) {
      this.check()
      const message = this.#waiting.shift()
      if (message !== undefined) return message
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#wake = undefined
    }
  }
}

/** Works on bundles. */
export class WorkerSide {
  readonly #run: WorkerRun
  readonly #descriptors = new Map<string, ProcessBundleDescriptor>()
  readonly #idle = new Map<string, FragmentAtWork[]>()
  /** All stages that are not torn down, with the numbers of their workers; and workers that have ended. */
  readonly #all = new Map<FragmentAtWork, number>()
  readonly #gone = new Set<number>()
  readonly #atWork = new Map<string, FragmentAtWork>()
  readonly #mailboxes = new Map<string, Mailbox>()
  readonly #ended = new Set<string>()
  readonly #finalizing = new Set<Promise<void>>()
  /** Stages are torn down one after the other; and what the first has thrown that could not be. */
  #retiring: Promise<void> = Promise.resolve()
  #teardownFailure: { readonly error: unknown } | undefined
  /** What waits for the engine to say that a bundle is committed, by bundle. */
  readonly #finalizers = new Map<string, FinishedBundle['finalizers']>()
  /** Whether some of them were given up, which is said once. */
  #givesUp = false
  /** The first thing that went wrong: what the engine says of it later is only its text. */
  failure: unknown
  /** Is told when a bundle has failed. */
  onFailure: (error: unknown) => void = () => undefined

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
      case 'start':
        void this.#work(message)
        return
      case 'data':
        if (this.#ended.has(keyOf(message.bundle))) this.#taken(message)
        else this.#mailbox(message.bundle).put(message)
        return
      case 'room':
        this.#run.hasRoom()
        return
      case 'paused':
        if ([...this.#mailboxes.values()].some((mailbox) => mailbox.isAwaited)) this.#readOn(true)
        return
      case 'split':
        this.#split(message)
        return
      case 'finalize': {
        const work = this.#finalize(message.bundle)
        this.#finalizing.add(work)
        void work.finally(() => this.#finalizing.delete(work))
        return
      }
      case 'dropped':
        this.#forget(keyOf(message.bundle))
        return
      case 'workerLost':
        this.#lose(message.worker, message.error)
        return
      case 'workerEnded':
        this.#gone.add(message.worker)
        this.#lose(message.worker, 'the worker has ended')
        this.#dismiss(message.worker)
        return
      default:
    }
  }

  /** Bundles of a worker that have begun, and those of which something has come, will not end well. */
  #lose(worker: number, why: string): void {
    for (const [key, mailbox] of this.#mailboxes) if (isOf(worker, key)) mailbox.fail(new BundleLost(why))
  }

  /** Forgets a worker that has ended, but for bundles that user code is still at. */
  #dismiss(worker: number): void {
    for (const plan of [...this.#descriptors.keys()].filter((each) => isOf(worker, each))) {
      this.#descriptors.delete(plan)
      this.#idle.delete(plan)
    }
    const busy = new Set(this.#atWork.values())
    for (const [at, of] of this.#all) if (of === worker && !busy.has(at)) void this.#retire(at)
  }

  /** Tears down what nobody will use again, after what was there before. */
  #retire(at: FragmentAtWork): Promise<void> {
    if (this.#all.delete(at))
      this.#retiring = this.#retiring
        .then(() => Promise.all(this.#finalizing))
        .then(() => at.teardown())
        .catch((error: unknown) => void (this.#teardownFailure ??= { error }))
    return this.#retiring
  }

  #split({ bundle, slot, request }: Extract<ToUser, { kind: 'split' }>): void {
    const at = this.#atWork.get(keyOf(bundle))
    const { wire } = this.#run
    // Who asked may have given up, and then nothing may be given away.
    if (at === undefined || !wire.shared.takeSplit(slot)) return
    let response: ProcessBundleSplitResponse
    try {
      response = at.split(fromBinary(ProcessBundleSplitRequestSchema, request))
    } catch (error) {
      // A tracker of the author's may have cut already: what it has cut off is given away by nobody, so the bundle has failed.
      this.#mailbox(bundle).fail(error)
      response = create(ProcessBundleSplitResponseSchema)
    }
    wire.send({ kind: 'hasSplit', bundle, response: toBinary(ProcessBundleSplitResponseSchema, response) })
  }

  /** Input is worked off, or dropped. */
  #taken({ bytes }: Arrived): void {
    if (this.#run.wire.shared.inTaken(bytes.length)) this.#readOn(false)
  }

  #readOn(isStarving: boolean): void {
    this.#run.wire.send({ kind: 'readOn', isStarving })
  }

  async #finalize(bundle: BundleName): Promise<void> {
    const key = keyOf(bundle)
    const finalizers = this.#finalizers.get(key)
    this.#finalizers.delete(key)
    // What a callback throws is reported where it is called.
    for (const each of finalizers ?? []) await each().catch(() => undefined)
    const error = finalizers === undefined ? `bundle ${bundle.instruction} has nothing to finalize` : undefined
    this.#run.wire.send({ kind: 'finalized', bundle, error })
  }

  #mailbox(bundle: BundleName): Mailbox {
    const key = keyOf(bundle)
    let mailbox = this.#mailboxes.get(key)
    if (mailbox === undefined) this.#mailboxes.set(key, (mailbox = new Mailbox()))
    return mailbox
  }

  async #work({ bundle, descriptorId, slot, tokens }: Extract<ToUser, { kind: 'start' }>): Promise<void> {
    const mailbox = this.#mailbox(bundle)
    const plan = `${bundle.worker} ${descriptorId}`
    let at: FragmentAtWork | undefined
    try {
      this.#run.openBundles++
      at = await this.#take(plan, bundle.worker)
      await at.begin(bundle, slot, tokens)
      this.#atWork.set(keyOf(bundle), at)
      const awaited = new Set(at.awaited)
      while (awaited.size > 0) {
        if (mailbox.isEmpty && this.#run.wire.shared.isPaused) this.#readOn(true)
        const message = await mailbox.next()
        const { transformId, family, bytes, isLast } = message
        if (family === undefined) await at.data(transformId, bytes, isLast)
        else at.timers(transformId, family, bytes)
        this.#taken(message)
        if (isLast) awaited.delete(family === undefined ? transformId : `${transformId} ${family}`)
      }
      const { response, finalizers } = await at.finish(() => mailbox.check())
      if (finalizers.length > 0) this.#keepFinalizers(keyOf(bundle), finalizers)
      // Before the engine hears of it: when the job is over, everything has been told.
      this.#run.reporter?.bundle(this.#run.left)
      this.#run.wire.send({ kind: 'done', bundle, response })
      this.#idle.get(plan)?.push(at)
    } catch (error) {
      at?.abandon()
      const isLost = error instanceof BundleLost
      if (!isLost) this.failure ??= error
      // Before the engine hears of it: it may end this process then.
      if (!isLost) this.#run.reporter?.failure(error)
      this.#run.wire.send({ kind: 'failed', bundle, error: textOf(error) })
      if (!isLost) this.onFailure(error)
    } finally {
      this.#run.openBundles--
      this.#forget(keyOf(bundle))
      if (at !== undefined && this.#gone.has(bundle.worker)) void this.#retire(at)
    }
  }

  #keepFinalizers(key: string, finalizers: FinishedBundle['finalizers']): void {
    this.#finalizers.set(key, finalizers)
    if (this.#finalizers.size <= ENDED_MAX) return
    // An engine may never speak of a bundle again.
    if (!this.#givesUp)
      this.#run.log.event('warn', `the engine has not said of ${ENDED_MAX} bundles that they are committed: callbacks of the oldest are given up`) // prettier-ignore
    this.#givesUp = true
    const [oldest] = this.#finalizers.keys()
    if (oldest !== undefined) this.#finalizers.delete(oldest)
  }

  #forget(key: string): void {
    this.#atWork.delete(key)
    for (const message of this.#mailboxes.get(key)?.left() ?? []) this.#taken(message)
    this.#mailboxes.delete(key)
    this.#ended.add(key)
    if (this.#ended.size <= ENDED_MAX) return
    const [oldest] = this.#ended
    if (oldest !== undefined) this.#ended.delete(oldest)
  }

  /** Stages for a description: idle ones, or new ones. */
  async #take(plan: string, worker: number): Promise<FragmentAtWork> {
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
    this.#all.set(made, worker)
    if (!this.#idle.has(plan)) this.#idle.set(plan, [])
    await made.setup()
    return made
  }

  /** Tears down; callbacks of bundles that are committed end first. */
  async close(): Promise<void> {
    await Promise.all(this.#finalizing)
    for (const each of [...this.#all.keys()]) await this.#retire(each)
    await this.#retiring
    await this.#run.teardown()
    if (this.#teardownFailure !== undefined) throw this.#teardownFailure.error
  }
}

function keyOf({ worker, instruction }: BundleName): string {
  return `${worker} ${instruction}`
}

/** Whether a key of a bundle, or of a description, is of a worker. */
function isOf(worker: number, key: string): boolean {
  return key.startsWith(`${worker} `)
}

function textOf(error: unknown): string {
  return clipped(error instanceof Error ? (error.stack ?? error.message) : messageOf(error))
}
