/**
 * First step of a write: the lines (or records) of each bundle become part files, one per window and shard. Only
 * descriptions of them travel on.
 *
 * Law: memory is bounded by the bytes of a part, however many lines a bundle has; each line is in exactly one part.
 */
import * as t from 'io-ts'
import type { Env, FileSystem } from '../../sdk/env.js'
import { type BoundedWindow, sameWindow } from '../../sdk/windowing/window.js'
import { textOf } from '../../sdk/transforms/keyed.js'
import type { CommitOptions } from './commit-shards.js'
import { type FolderOwner, TemporaryFolder } from './temporary-folder.js'

/** A part file: some lines of a shard. */
export interface Part {
  readonly path: string
  readonly lines: number
}

/** Describes parts. */
export const partCodec: t.Type<Part> = t.type({ path: t.string, lines: t.number })

/** A part with its place. */
export interface PlacedPart {
  readonly window: BoundedWindow
  readonly shard: number
  readonly part: Part
}

/** How elements are kept until they are written to a part, and how they are written there. */
export interface PartFormat<Line> {
  /** What is kept of an element. @throws when it cannot be written. */
  lineOf(value: unknown): Line
  /** How much room it takes, about: characters or bytes. */
  sizeOf(line: Line): number
  bytesOf(lines: readonly Line[]): Uint8Array
}

/** Characters that are kept in memory before they are written, although the bundle goes on. */
const KEPT_MAX = 8 * 1024 * 1024

/** Lines of a window, by shard. */
interface OpenWindow<Line> {
  readonly window: BoundedWindow
  readonly shards: Line[][]
  /** The shard of the next line. */
  next: number
}

/** Collects the lines of a bundle. */
export class PartWriter<Line> {
  readonly #env: Env
  readonly #folder: TemporaryFolder
  readonly #shards: number
  readonly #shardBy: ((value: unknown) => unknown) | undefined
  readonly #format: PartFormat<Line>
  readonly #open = new Map<string, OpenWindow<Line>>()
  #last: OpenWindow<Line> | undefined
  #kept = 0
  #written: PlacedPart[] = []

  constructor(
    files: FileSystem,
    env: Env,
    { path, shards, shardBy }: CommitOptions,
    owner: FolderOwner,
    format: PartFormat<Line>,
  ) {
    this.#env = env
    this.#folder = new TemporaryFolder(files, env, path, owner)
    this.#shards = shards
    this.#shardBy = shardBy
    this.#format = format
  }

  /** Forgets what a bundle that failed has left. */
  begin(): void {
    this.#open.clear()
    this.#last = undefined
    this.#kept = 0
    this.#written = []
  }

  /** Takes a line; `random` is the step's own, so that a batch done again has the same parts. */
  add(value: unknown, window: BoundedWindow, random: () => number): void {
    const line = this.#format.lineOf(value)
    const open =
      this.#last !== undefined && sameWindow(this.#last.window, window) ? this.#last : this.#openWindow(window, random)
    if (this.#shardBy === undefined) {
      const { next } = open
      ;(open.shards[next] as Line[]).push(line)
      open.next = next + 1 === this.#shards ? 0 : next + 1
    } else {
      ;(open.shards[shardOf(textOf(this.#shardBy(value)), this.#shards)] as Line[]).push(line)
    }
    this.#kept += this.#format.sizeOf(line)
    if (this.#kept > KEPT_MAX) this.#flush()
  }

  /** Writes what is left. @returns the parts of the bundle. */
  finish(): readonly PlacedPart[] {
    this.#flush()
    const written = this.#written
    this.#written = []
    return written
  }

  /** Removes parts that nobody has taken. */
  remove(): void {
    this.#folder.remove()
  }

  #openWindow(window: BoundedWindow, random: () => number): OpenWindow<Line> {
    const key = `${window.start} ${window.end}`
    let open = this.#open.get(key)
    if (open === undefined) {
      // Not always from the first shard on: bundles of one line would fill no other.
      const next = Math.floor(random() * this.#shards)
      open = { window, shards: Array.from({ length: this.#shards }, () => []), next }
      this.#open.set(key, open)
    }
    return (this.#last = open)
  }

  #flush(): void {
    for (const { window, shards } of this.#open.values()) {
      shards.forEach((lines, shard) => {
        if (lines.length > 0) this.#written.push({ window, shard, part: this.#write(lines) })
      })
    }
    this.#open.clear()
    this.#last = undefined
    this.#kept = 0
  }

  #write(lines: readonly Line[]): Part {
    const bytes = this.#format.bytesOf(lines)
    const path = this.#folder.write('part', (handle) => handle.write(bytes))
    this.#env.crashpoint('text.write.part')
    return { path, lines: lines.length }
  }
}

/** The shard of a key, the same in every run (FNV-1a of its UTF-16). */
function shardOf(key: string, shards: number): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % shards
}
