/**
 * What the thread of the wire and a thread of user code say to each other. The wire thread talks to engines; it never runs user
 * code, and never waits. The user thread runs bundles; it blocks where user code reads state, until the wire thread has the answer.
 *
 * Law: everything from user to wire goes over one port, so that nothing overtakes anything; answers to reads have a port of
 * their own, so that they can be taken while nothing else is.
 */
import type { ListenOptions } from '../transport/listen-options.js'

import type { SharedCounters } from './shared-counters.js'

/** Names a bundle: the worker that the engine started, and its instruction. */
export interface BundleName {
  readonly worker: number
  readonly instruction: string
}

/** A file that goes with a job, for workers to fetch. */
export interface Artifact {
  readonly name: string
  /** Of the bytes, in hexadecimal. */
  readonly sha256: string
  readonly bytes: Uint8Array
}

/** Where workers of other processes report to the client. */
export interface LinkSettings {
  readonly listen: ListenOptions
  /** Only workers that know it are heard. */
  readonly secret: string
}

/** A job to be run. */
export interface JobRequest {
  /** `host:port` of the Job API. */
  readonly endpoint: string
  readonly jobName: string
  /** Bytes of the Pipeline message. */
  readonly pipeline: Uint8Array
  /** Options of the engine, by their names in snake case. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[]>>
  /** Files for workers. Default: none. */
  readonly artifacts?: readonly Artifact[]
  /** A pool of workers that is asked before the engine whether it would serve the job. Default: none is. */
  readonly pool?: { readonly address: string; readonly params: Readonly<Record<string, string>> }
}

/** What is done with a state cell. */
export type StateChange = { readonly kind: 'append'; readonly data: Uint8Array } | { readonly kind: 'clear' }

/** A line of a step's log. */
export interface LogLine {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  /** Milliseconds since 1970. */
  readonly millis: number
  /** The engine's id of the step; empty where none is known. */
  readonly transformId: string
  /** The stack of an error that it is about. */
  readonly trace: string
  /** Other fields, as JSON. */
  readonly fields: string
}

/** From the user thread. */
export type ToWire =
  /** Begin to serve workers. Answered by `opened`. */
  | { readonly kind: 'open' }
  /** Begin to hear workers of other processes. Answered by `linkOpened`. */
  | { readonly kind: 'openLink'; readonly link: LinkSettings }
  /** Ask those workers for what they have still to say. Answered by `linkFlushed`. */
  | { readonly kind: 'flushLink' }
  /** In a worker of its own process: bytes of a WorkerReport for the client. */
  | { readonly kind: 'report'; readonly bytes: Uint8Array }
  | { readonly kind: 'submit'; readonly job: JobRequest }
  /** Follow a job that runs already. Answered by what comes of it. */
  | { readonly kind: 'attach'; readonly endpoint: string; readonly jobId: string }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'drain' }
  /** Output of a bundle; of timers, where a family is named. */
  | {
      readonly kind: 'out'
      readonly bundle: BundleName
      readonly transformId: string
      readonly family?: string
      readonly bytes: Uint8Array
      readonly isLast: boolean
    }
  /** Reads state cells, whole; answered together on the port of answers. */
  | { readonly kind: 'get'; readonly bundle: BundleName; readonly url: string; readonly keys: readonly Uint8Array[] }
  | {
      readonly kind: 'put'
      readonly bundle: BundleName
      readonly url: string
      readonly key: Uint8Array
      readonly change: StateChange
    }
  /** A bundle has ended: bytes of its ProcessBundleResponse, or what went wrong. */
  | { readonly kind: 'done'; readonly bundle: BundleName; readonly response: Uint8Array }
  | { readonly kind: 'failed'; readonly bundle: BundleName; readonly error: string }
  | { readonly kind: 'finalized'; readonly bundle: BundleName; readonly error: string | undefined }
  /** What a short id of a monitoring info means: bytes of the info, without a value. */
  | { readonly kind: 'shortId'; readonly id: string; readonly info: Uint8Array }
  | { readonly kind: 'log'; readonly bundle: BundleName; readonly line: LogLine }
  /** What of a bundle is given away: bytes of a ProcessBundleSplitResponse. */
  | { readonly kind: 'hasSplit'; readonly bundle: BundleName; readonly response: Uint8Array }
  /** Input that waited is worked off; or, though it is not, a bundle waits for what has not come in. */
  | { readonly kind: 'readOn'; readonly isStarving: boolean }
  | { readonly kind: 'close' }

/** Tokens under which what is read of state may be kept, as text. */
export interface CacheTokens {
  readonly state: string | undefined
  /** Of side inputs, by step and name. */
  readonly sides: ReadonlyMap<string, string>
}

/** Nothing may be kept from bundle to bundle. */
export const NO_TOKENS: CacheTokens = { state: undefined, sides: new Map() }

/** How a job stands, by Beam's names of states. */
export type JobStateName =
  | 'UNSPECIFIED' | 'STOPPED' | 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED' | 'UPDATED' | 'DRAINING' | 'DRAINED'
  | 'STARTING' | 'CANCELLING' | 'UPDATING' // prettier-ignore

/** From the wire thread. */
export type ToUser =
  | { readonly kind: 'opened'; readonly poolAddress: string }
  | { readonly kind: 'linkOpened'; readonly address: string }
  /** A worker of another process has come, or was not let in. */
  | { readonly kind: 'linked' | 'linkRefused'; readonly worker: string }
  /** Bytes of a WorkerReport. */
  | { readonly kind: 'reported'; readonly bytes: Uint8Array }
  | { readonly kind: 'linkFlushed' }
  | { readonly kind: 'submitted'; readonly jobId: string }
  | { readonly kind: 'jobState'; readonly state: JobStateName }
  | { readonly kind: 'jobMessage'; readonly importance: number; readonly text: string }
  /** What the engine has counted, before it says that the job is over: bytes of its MetricResults. */
  | { readonly kind: 'jobMetrics'; readonly bytes: Uint8Array }
  /** The job is over, with the state it ended in; or it could not be run. */
  | { readonly kind: 'jobEnded'; readonly state: JobStateName; readonly error: string | undefined }
  /** What the engine does not take, or a connection that broke: status and text. */
  | { readonly kind: 'jobRefused'; readonly status: string; readonly message: string }
  /** Bytes of a ProcessBundleDescriptor, before the first bundle of it. */
  | { readonly kind: 'descriptor'; readonly worker: number; readonly id: string; readonly bytes: Uint8Array }
  | {
      readonly kind: 'start'
      readonly bundle: BundleName
      readonly descriptorId: string
      /** Its place in the shared counters; -1 for none. */
      readonly slot: number
      readonly tokens: CacheTokens
    }
  /** The engine wants a part of a bundle back: bytes of a ProcessBundleSplitRequest. */
  | { readonly kind: 'split'; readonly bundle: BundleName; readonly slot: number; readonly request: Uint8Array }
  /** There is room for output again. */
  | { readonly kind: 'room' }
  /** Input is held up: so much of it waits. */
  | { readonly kind: 'paused' }
  | {
      readonly kind: 'data'
      readonly bundle: BundleName
      readonly transformId: string
      readonly family?: string
      readonly bytes: Uint8Array
      readonly isLast: boolean
    }
  | { readonly kind: 'finalize'; readonly bundle: BundleName }
  /** A bundle for which data may have come never begins. */
  | { readonly kind: 'dropped'; readonly bundle: BundleName }
  /** A stream broke: bundles of the worker that are open have failed. */
  | { readonly kind: 'workerLost'; readonly worker: number; readonly error: string }
  | { readonly kind: 'workerEnded'; readonly worker: number }

/** The answer to a `get`: a cell's bytes for each key, or what went wrong. */
export type Answer =
  | { readonly kind: 'values'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'error'; readonly message: string }

/** The wire, as a thread of user code sees it. */
export interface Wire {
  readonly shared: SharedCounters
  send(message: ToWire): void
  onMessage(listener: (message: ToUser) => void): void
  /** Sends a `get` and blocks until it is answered. @throws when the state could not be read. */
  read(request: Extract<ToWire, { kind: 'get' }>): readonly Uint8Array[]
  close(): Promise<void>
}

/** A thread of user code, as the wire sees it. */
export interface UserPort {
  send(message: ToUser): void
  answer(answer: Answer): void
}
