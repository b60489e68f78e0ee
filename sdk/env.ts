/**
 * Env is everything the world may do to a pipeline: tell the time, give randomness, wake us later, keep bytes.
 * Runners and connectors get it handed in and use nothing else, so a test or a simulation owns the world completely.
 *
 * Law: two runs with equal Envs and equal input make the same calls in the same order.
 */

/** A cancellable wake-up. */
export interface TimerHandle {
  /** After this the callback will not come. */
  cancel(): void
}

/** An open file: positional reads for sources, appends for sinks. All calls are synchronous; see {@link FileSystem}. */
export interface FileHandle {
  /** Reads up to `length` bytes at `position` into `target` at `offset`; returns the number read, 0 at the end. */
  read(target: Uint8Array, offset: number, length: number, position: number): number
  /** Appends all the bytes. */
  write(bytes: Uint8Array): void
  /** Makes what was written survive power loss. */
  sync(): void
  /** Of the open file itself, wherever its name has gone. */
  status(): FileStatus
  /** Gives the handle back; no call may follow. */
  close(): void
}

/** What a path names. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other'
  readonly size: number
  /** Which file it is, whatever its name: two files that are there at the same time have different ones. */
  readonly id: string
  /** When its content changed last, milliseconds since 1970 UTC, with fractions. */
  readonly modified: number
}

/**
 * A file system. Calls are synchronous because sources read in blocks far larger than the cost of a call, and an
 * asynchronous call per block costs more than the read itself on a local disk.
 */
export interface FileSystem {
  /** `undefined` when nothing is there. */
  status(path: string): FileStatus | undefined
  /** Files matching a glob, sorted by path; a path without wildcards matches itself. */
  glob(pattern: string): readonly string[]
  /** Names of what is in a folder, sorted; nothing where there is no folder. */
  list(folder: string): readonly string[]
  /** Opens an existing file; fails when there is none. */
  openForReading(path: string): FileHandle
  /** Creates a new file for writing, with its folders; fails when it exists. */
  create(path: string): FileHandle
  /** Moves a file, replacing the target atomically where the platform can. */
  rename(from: string, to: string): void
  /** Removes a file; nothing happens when there is none. */
  remove(path: string): void
  /** Makes a folder and those above it; nothing happens when it is there. */
  makeFolder(path: string): void
  /** Removes a folder that is empty; nothing happens when it is not, or when there is none. */
  removeFolder(path: string): void
  /** Makes the folder's entries (renames, creations) survive power loss. */
  syncFolder(path: string): void
}

/** Bytes that come in by themselves: a pipe, a terminal. */
export interface ByteInput {
  /** What has come, at least one byte, once there is something; `undefined` at the end. No second call before the first has answered. */
  read(): Promise<Uint8Array | undefined>
  /** Lets the process end although more may come. */
  release(): void
}

/** Where bytes go out: a pipe, a terminal. */
export interface ByteOutput {
  /** Resolves once the other side has taken all the bytes, or there is room for them on the way. @throws {OutputClosed} */
  write(bytes: Uint8Array): Promise<void>
}

/** Thrown where nobody reads any more what goes out, as `head` does after some lines. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
  readonly code = 'MR-5204' as const
}

/** What is asked of a server. */
export interface HttpRequest {
  readonly url: string
  readonly method: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** More bytes than these in the answer are an error. */
  readonly maxBytes: number
  /** Ends the request. */
  readonly signal: AbortSignal
}

/** What a server answers. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

/** Asks servers. */
export interface HttpClient {
  /** One request; an answer that leads elsewhere is given as it is, where the platform shows it. Rejects when there is no answer. */
  request(request: HttpRequest): Promise<HttpResponse>
}

/** Which latency load is measured by: from the arrival of elements, or from their timestamps. */
export type LoadMeasure = 'arrival' | 'event'

/** Says of elements whether there is time for them. */
export interface LoadGate {
  /** Whether an element of this utility is to be dropped. Asked once for each element, in their order. */
  drops(utility: number): boolean
}

/** How busy a run is, for steps that can do without some of their elements. */
export interface LoadControl {
  /** The gate of a step. */
  gate(step: string, measure: LoadMeasure): LoadGate
}

/** The world as seen by runners and connectors. */
export interface Env {
  /** Wall clock, milliseconds since 1970 UTC. May jump. */
  now(): number
  /** Monotonic clock, milliseconds from an arbitrary start, with fractions. */
  monotonic(): number
  /** Uniform in [0, 1). */
  random(): number
  /** Calls back once, not before `millis` have passed. */
  setTimer(millis: number, callback: () => void): TimerHandle
  /** Lets other work of the process (I/O, signals, promises) run, then resolves. */
  yield(): Promise<void>
  /** Writes one line for the user; `stream` tells results (`out`) from diagnostics (`err`). */
  print(line: string, stream: 'out' | 'err'): void
  /** Files, where the platform has them. */
  readonly files: FileSystem | undefined
  /** Standard input of the process, where there is one. */
  readonly stdin?: ByteInput | undefined
  /** Standard output of the process, where there is one. */
  readonly stdout?: ByteOutput | undefined
  /** How busy the run is, where the runner says so. */
  readonly load?: LoadControl | undefined
  /** HTTP, where the platform has it. */
  readonly http?: HttpClient | undefined
  /**
   * Marks an edge at which a crash must lose nothing that was promised. Simulations and kill tests stop here;
   * otherwise it does nothing.
   */
  crashpoint(name: string): void
  /** Whether to do something legal but unlikely here (a small batch, an early flush). Always false outside simulation. */
  buggify(name: string): boolean
}

/**
 * A small seeded generator (mulberry32): 32 bits of state, uniform in [0, 1), the same sequence for the same seed on
 * every platform. For choosing schedules and sample data, never for secrets.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
