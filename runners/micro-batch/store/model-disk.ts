/**
 * A disk in memory that knows what is durable: bytes that were written but not synchronised are in the cache of a machine that may
 * lose its power, and writes and syncs fail where the test says so.
 *
 * Law: the end of the process loses nothing that was written; a loss of power loses what it likes of what was not synchronised: all
 * of it, a part, or what was written first; what was synchronised is never touched. The same draws give the same disk.
 */
import { coded } from '../../../sdk/error-codes.js'

/** What a disk does, as far as it can fail. */
export type DiskOperation = 'write' | 'sync'

/** A write that is not durable yet. */
interface PendingWrite {
  readonly at: number
  /** The bytes before it, as far as there were any. */
  readonly before: Uint8Array
  readonly length: number
}

/** Bytes with a name or two. */
interface DiskFile {
  bytes: Uint8Array
  length: number
  pending: PendingWrite[]
  /** Whose sync failed: the system takes them for written, and the disk may not have them. */
  doomed: PendingWrite[]
}

/** Names that came to mean something else, or nothing, in one step. */
type NameChange = readonly (readonly [name: string, file: DiskFile | undefined])[]

/** See the head of this file. */
export class ModelDisk {
  /** Writes and syncs so far. */
  operations = 0
  /** Syncs so far. */
  syncs = 0
  /** Asked before each operation, with its number from 1: whether it fails. */
  fails: ((operation: number, what: DiskOperation) => boolean) | undefined
  /** More bytes than these have no room. */
  capacityBytes: number = Infinity
  readonly #random: () => number
  #names = new Map<string, DiskFile>()
  /** What names mean on the disk. */
  #durableNames = new Map<string, DiskFile>()
  /** What happened to names since, in order: a system that keeps a journal of them loses the last ones first. */
  #pendingNames: NameChange[] = []

  /** @param random decides what a loss of power leaves, and how far a write that fails has come. */
  constructor(random: () => number) {
    this.#random = random
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** All names, sorted. */
  list(): readonly string[] {
    return [...this.#names.keys()].sort()
  }

  /** The bytes; a view, which changes with the file. */
  read(name: string): Uint8Array {
    const { bytes, length } = this.#file(name)
    return bytes.subarray(0, length)
  }

  /** How many bytes a file has; `undefined` when there is none of that name. */
  lengthOf(name: string): number | undefined {
    return this.#names.get(name)?.length
  }

  create(name: string): void {
    this.#rename([[name, { bytes: new Uint8Array(256), length: 0, pending: [], doomed: [] }]])
  }

  append(name: string, bytes: Uint8Array): void {
    this.write(name, this.#file(name).length, bytes)
  }

  /** Writes at a position not behind the end. @throws with `code` `EIO` or `ENOSPC`, when a part may have been written. */
  write(name: string, at: number, bytes: Uint8Array): void {
    const file = this.#file(name)
    const room = this.capacityBytes - this.size() + Math.max(0, file.length - at)
    const isFull = bytes.length > room
    const fails = this.#counts('write')
    if (!isFull && !fails) return put(file, at, bytes)
    const written = Math.min(Math.max(0, room), Math.floor(this.#random() * bytes.length))
    put(file, at, bytes.subarray(0, written))
    throw isFull ? failure('ENOSPC', 'no space left') : failure('EIO', 'the write failed')
  }

  /** Cuts a file off. */
  truncate(name: string, length: number): void {
    const file = this.#file(name)
    if (length >= file.length) return
    file.pending = file.pending.filter(({ at }) => at < length)
    file.length = length
  }

  /** Makes the bytes of a file durable. Where it fails nobody knows, and a later one does not make up for it. */
  sync(name: string): void {
    const file = this.#file(name)
    this.syncs++
    const fails = this.#counts('sync')
    const pending = file.pending
    file.pending = []
    if (!fails) return
    file.doomed.push(...pending)
    throw failure('EIO', 'the sync failed')
  }

  /** Makes names durable. */
  syncNames(): void {
    this.syncs++
    if (this.#counts('sync')) throw failure('EIO', 'the sync failed')
    this.#durableNames = new Map(this.#names)
    this.#pendingNames = []
  }

  /** Gives all files whose names begin so names that begin otherwise, in one step, as a folder is renamed. */
  moveAll(from: string, to: string): void {
    const moved = [...this.#names].filter(([name]) => name.startsWith(from))
    this.#rename(
      moved.flatMap(([name, file]): NameChange => [
        [name, undefined],
        [to + name.slice(from.length), file],
      ]),
    )
  }

  remove(name: string): void {
    this.#rename([[name, undefined]])
  }

  /** Bytes of all files. */
  size(): number {
    let sum = 0
    for (const { length } of this.#names.values()) sum += length
    return sum
  }

  /** Loses the machine's power. */
  losePower(): void {
    const names = new Map(this.#durableNames)
    const kept = Math.floor(this.#random() * (this.#pendingNames.length + 1))
    for (const change of this.#pendingNames.slice(0, kept)) applyNames(names, change)
    for (const file of new Set(names.values())) {
      lose(file, [...file.doomed, ...file.pending], this.#random)
      file.pending = []
      file.doomed = []
    }
    this.#names = names
    this.#durableNames = new Map(names)
    this.#pendingNames = []
  }

  /** A copy, which shares nothing with this one but its draws. */
  copy(): ModelDisk {
    const copies = new Map<DiskFile, DiskFile>()
    const copyOf = (file: DiskFile): DiskFile => {
      const copy = copies.get(file) ?? {
        bytes: file.bytes.slice(),
        length: file.length,
        pending: [...file.pending],
        doomed: [...file.doomed],
      }
      copies.set(file, copy)
      return copy
    }
    const disk = new ModelDisk(this.#random)
    for (const [name, file] of this.#names) disk.#names.set(name, copyOf(file))
    for (const [name, file] of this.#durableNames) disk.#durableNames.set(name, copyOf(file))
    disk.#pendingNames = this.#pendingNames.map((change) =>
      change.map(([name, file]) => [name, file === undefined ? undefined : copyOf(file)] as const),
    )
    return disk
  }

  #rename(change: NameChange): void {
    applyNames(this.#names, change)
    this.#pendingNames.push(change)
  }

  #counts(what: DiskOperation): boolean {
    this.operations++
    return this.fails?.(this.operations, what) === true
  }

  #file(name: string): DiskFile {
    const file = this.#names.get(name)
    if (file === undefined) throw failure('ENOENT', `there is no file ${name}`)
    return file
  }
}

function applyNames(names: Map<string, DiskFile>, change: NameChange): void {
  for (const [name, file] of change) {
    if (file === undefined) names.delete(name)
    else names.set(name, file)
  }
}

function put(file: DiskFile, at: number, bytes: Uint8Array): void {
  const end = at + bytes.length
  file.pending.push({ at, before: file.bytes.slice(at, Math.min(end, file.length)), length: bytes.length })
  if (end > file.bytes.length) {
    const larger = new Uint8Array(Math.max(end, file.bytes.length * 2))
    larger.set(file.bytes.subarray(0, file.length))
    file.bytes = larger
  }
  file.bytes.set(bytes, at)
  file.length = Math.max(file.length, end)
}

/** Takes writes back, or parts of them, the newest first: a file may end earlier, or have a hole of zeros. */
function lose(file: DiskFile, pending: readonly PendingWrite[], random: () => number): void {
  for (let i = pending.length - 1; i >= 0; i--) {
    const { at, before, length } = pending[i] as PendingWrite
    const draw = random()
    if (draw < 0.4) continue
    const kept = draw < 0.7 ? 0 : Math.floor(random() * length)
    for (let k = kept; k < length; k++) file.bytes[at + k] = before[k] ?? 0
    if (at + length === file.length && before.length < length) file.length = at + Math.max(kept, before.length)
  }
}

/** What the system says. */
export interface DiskError extends Error {
  /** As in errno. */
  readonly errno: 'EIO' | 'ENOSPC' | 'ENOENT'
}

function failure(errno: DiskError['errno'], message: string): DiskError {
  const error = coded(errno === 'ENOSPC' ? 'MR-6106' : 'MR-6105', new Error(`${errno}: ${message}`))
  return Object.assign(error, { errno })
}
