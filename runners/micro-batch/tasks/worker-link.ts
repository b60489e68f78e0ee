/**
 * What drivers and workers say to each other. A worker hosts partitions of a query's state; the driver gives it tasks, and keeps what
 * is needed to give the same tasks to another worker when this one is gone.
 *
 * Law: every message can be cloned as structured data; a worker says nothing that it was not asked for, but that a task is done or has
 * failed; messages of one link arrive in the order they were sent in.
 */
import type { Env } from '../../../sdk/env.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import type { QueueBounds } from '../queue/source-queue.js'
import type { HostedStage, LoggedLine, StuckText, TaskDone, TaskOrder } from './task.js'
import type { StageStatus } from '../../core/execution/stage-status.js'
import type { MetricsDelta } from '../../core/metrics.js'
import type { WireError } from '../../core/wire-error.js'

/** A worker as its driver sees it. */
export interface WorkerLink {
  /** For people: "worker 2 (process 4711)". */
  readonly name: string
  /** In order, and each once as long as the worker lives. */
  send(message: ToWorker): void
  /** Called once, before anything is sent. */
  onMessage(listener: (message: FromWorker) => void): void
  /** Called once, before anything is sent. The listener hears that the worker died or was killed, once; never of `close`. */
  onEnd(listener: (reason: string) => void): void
  /** Ends it at once, as `kill -9` does. The driver hears of the end. */
  kill(): void
  /** Ends it in order. The worker has said `ended` before, or is not waited for. */
  close(): Promise<void>
}

/** Starts worker `index`, counted from 0, or starts it anew after its end. */
export type OpenWorker = (index: number) => Promise<WorkerLink>

/** A driver as its worker sees it. */
export interface DriverPort {
  /** In order, and each once as long as the driver lives. */
  send(message: FromWorker): void
  /** Called once, before anything arrives. */
  onMessage(listener: (message: ToWorker) => void): void
}

/** What is known of a worker that serves. */
export interface ServedWorker {
  /** Once the driver has said `end`, all that was set up is torn down, and `ended` is said. Never rejects. */
  readonly ended: Promise<void>
  /** It ends at once, as when its process is killed: of what goes on by itself, nothing does any more. */
  halt(): void
}

/** What a worker may do unlike others. */
export interface ServeOptions {
  /** Whether combiners live in this worker; not where the driver's own process hosts it, which sets them up itself. Default true. */
  readonly setsUpCombiners?: boolean
}

/** Serves a driver: what stands behind a link. `built` is the pipeline as `run` gets it. */
export type ServeWorker = (port: DriverPort, built: BuiltPipeline, env: Env, options?: ServeOptions) => ServedWorker

/** What all workers of a run are to be at one about. */
export interface RunSettings {
  /** Of the graph, as `sdk/graph/fingerprint.ts` makes it. */
  readonly fingerprint: string
  readonly seed: number
  readonly isStrict: boolean
  readonly reexecutes: boolean
  readonly bundleSize: number | undefined
  readonly stageCompiler: 'auto' | 'generated' | 'closures'
  /** Whether scripted events move the clock. */
  readonly isScripted: boolean
  readonly partitions: number
  /** Whether there is a latency objective, so that what elements of steps that shed are worth is asked for. */
  readonly hasObjective: boolean
  /** Sources that are read ahead, by stage, with the bounds of all partitions together; and where what the memory does not hold goes. */
  readonly queues:
    | {
        readonly folder: string | undefined
        readonly of: readonly { readonly stage: number; readonly bounds: QueueBounds }[]
      }
    | undefined
  readonly query: { readonly id: string; readonly epoch: number | undefined; readonly restarts: boolean }
  /** Levels of the log that somebody reads. */
  readonly logLevels: readonly string[]
}

/** The first message. */
export interface Begin extends RunSettings {
  readonly kind: 'begin'
  /** Whether the driver follows another one: then nothing leaves the worker's process. */
  readonly isFenced: boolean
}

/** Makes a partition live on a worker, as it was when `batch` was committed. */
export interface HostPartition {
  readonly kind: 'host'
  readonly partition: number
  /** Unlike that of any other life of the partition. */
  readonly life: number
  /** See {@link OfPartition.request}. */
  readonly request: number
  readonly batch: number
  /** What processing time was then. */
  readonly instant: number
  /** As `change-bytes.ts` packs them. */
  readonly entries: readonly Uint8Array[]
  /** Output watermarks of stages, over all partitions. */
  readonly watermarks: readonly number[]
}

/** Something done with a partition that lives there. */
export interface OfPartition {
  readonly partition: number
  readonly life: number
  /**
   * Counts what is asked in this life, from 1; the answer has the same. What comes twice is done once. 0 of what nobody waits for.
   */
  readonly request: number
}

/** What there is to be said of a batch: its plan is durable, it is committed, or it is committed by another driver. */
export type Settled = 'planned' | 'committed' | 'followed'

/** Messages of a driver. */
export type ToWorker =
  | Begin
  | HostPartition
  /** The partition's life there is over; nothing of it was seen by anybody. */
  | ({ readonly kind: 'drop' } & OfPartition)
  | ({ readonly kind: 'task'; readonly order: TaskOrder } & OfPartition)
  /** The plan of the batch is durable. Answered with `settled`. */
  | ({ readonly kind: 'planned'; readonly batch: number } & OfPartition)
  /** What has changed in the batch is asked for. Answered with `changes`. */
  | ({ readonly kind: 'changes'; readonly batch: number } & OfPartition)
  /** The batch is committed. Answered with `settled`. */
  | ({ readonly kind: 'committed'; readonly batch: number } & OfPartition)
  /** The batch is committed by another driver, whose workers were told. Answered with `settled`. */
  | ({ readonly kind: 'followed'; readonly batch: number } & OfPartition)
  /** The driver, which has followed another one, leads: what is done here may leave the process. */
  | { readonly kind: 'leads'; readonly epoch: number | undefined }
  /** How the partition stands is asked for. Answered with `status`. */
  | ({ readonly kind: 'look' } & OfPartition)
  /** Which call has been under way longest is asked for. Answered with `stuck`. */
  | { readonly kind: 'stuck' }
  /** What is under way is not waited for. */
  | { readonly kind: 'cancel' }
  /** No more messages come. Answered with `ended`. */
  | { readonly kind: 'end'; readonly isQueryOver: boolean }

/** Messages of a worker. */
export type FromWorker =
  /** It has the same graph as the driver. */
  | { readonly kind: 'ready' }
  /** It cannot serve this driver, or has come to something that it cannot go on from. */
  | { readonly kind: 'refused'; readonly error: WireError }
  /** The partition lives there. */
  | ({ readonly kind: 'hosted'; readonly stages: readonly HostedStage[] } & OfPartition)
  | ({ readonly kind: 'done'; readonly done: TaskDone } & OfPartition)
  /** What was asked of the partition has failed: the pipeline's own code, most often. */
  | ({ readonly kind: 'failed'; readonly error: WireError; readonly log: readonly LoggedLine[] } & OfPartition)
  | ({ readonly kind: 'changes'; readonly batch: number; readonly changes: readonly Uint8Array[] } & OfPartition)
  | ({
      readonly kind: 'settled'
      readonly batch: number
      readonly metrics: MetricsDelta
      readonly log: readonly LoggedLine[]
    } & OfPartition)
  | ({ readonly kind: 'status'; readonly stages: readonly StageStatus[] } & OfPartition)
  | { readonly kind: 'stuck'; readonly call: StuckText | undefined }
  /** All is torn down; `error` is the first thing that went wrong in that. */
  | { readonly kind: 'ended'; readonly error: WireError | undefined }
