/**
 * What the thread of the wire and a thread of user code say to each other. The wire thread talks to engines; it never runs user
 * code, and never waits. The user thread runs bundles; it blocks where user code reads state, until the wire thread has the answer.
 *
 * Law: everything from user to wire goes over one port, so that nothing overtakes anything; answers to reads have a port of
 * their own, so that they can be taken while nothing else is.
 */

/** Names a bundle: the worker that the engine started, and its instruction. */
export interface BundleName {
  readonly worker: number
  readonly instruction: string
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
}

/** What is done with a state cell. */
export type StateChange = { readonly kind: 'append'; readonly data: Uint8Array } | { readonly kind: 'clear' }

/** From the user thread. */
export type ToWire =
  /** Begin to serve workers. Answered by `opened`. */
  | { readonly kind: 'open' }
  | { readonly kind: 'submit'; readonly job: JobRequest }
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
  | { readonly kind: 'close' }

/** How a job stands, by Beam's names of states. */
export type JobStateName =
  | 'UNSPECIFIED' | 'STOPPED' | 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED' | 'UPDATED' | 'DRAINING' | 'DRAINED'
  | 'STARTING' | 'CANCELLING' | 'UPDATING' // prettier-ignore

/** From the wire thread. */
export type ToUser =
  | { readonly kind: 'opened'; readonly poolAddress: string }
  | { readonly kind: 'submitted'; readonly jobId: string }
  | { readonly kind: 'jobState'; readonly state: JobStateName }
  | { readonly kind: 'jobMessage'; readonly importance: number; readonly text: string }
  /** The job is over, with the state it ended in; or it could not be run. */
  | { readonly kind: 'jobEnded'; readonly state: JobStateName; readonly error: string | undefined }
  /** What the engine does not take, or a connection that broke: status and text. */
  | { readonly kind: 'jobRefused'; readonly status: string; readonly message: string }
  /** Bytes of a ProcessBundleDescriptor, before the first bundle of it. */
  | { readonly kind: 'descriptor'; readonly worker: number; readonly id: string; readonly bytes: Uint8Array }
  | { readonly kind: 'start'; readonly bundle: BundleName; readonly descriptorId: string }
  | {
      readonly kind: 'data'
      readonly bundle: BundleName
      readonly transformId: string
      readonly family?: string
      readonly bytes: Uint8Array
      readonly isLast: boolean
    }
  | { readonly kind: 'finalize'; readonly bundle: BundleName }
  /** A stream broke: bundles of the worker that are open have failed. */
  | { readonly kind: 'workerLost'; readonly worker: number; readonly error: string }
  | { readonly kind: 'workerEnded'; readonly worker: number }

/** The answer to a `get`: a cell's bytes for each key, or what went wrong. */
export type Answer =
  | { readonly kind: 'values'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'error'; readonly message: string }

/** The wire, as a thread of user code sees it. */
export interface Wire {
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
