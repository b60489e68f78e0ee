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
  /** Gives the handle back; no call may follow. */
  close(): void
}

/** What a path names. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other'
  readonly size: number
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
  /** Opens an existing file; fails when there is none. */
  openForReading(path: string): FileHandle
  /** Creates a new file for writing, with its folders; fails when it exists. */
  create(path: string): FileHandle
  /** Moves a file, replacing the target atomically where the platform can. */
  rename(from: string, to: string): void
  /** Removes a file; nothing happens when there is none. */
  remove(path: string): void
  /** Removes a folder that is empty; nothing happens when it is not, or when there is none. */
  removeFolder(path: string): void
  /** Makes the folder's entries (renames, creations) survive power loss. */
  syncFolder(path: string): void
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
