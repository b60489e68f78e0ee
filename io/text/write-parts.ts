/**
 * First step of a write: the lines of each bundle become part files, one per window and shard. Only descriptions of
 * them travel on.
 *
 * Law: memory is bounded by the bytes of a part, however many lines a bundle has; each line is in exactly one part.
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import type { Env, FileSystem } from '../../sdk/env.js'
import { preview } from '../../sdk/preview.js'
import { textOf } from '../../sdk/transforms/keyed.js'
import { type BoundedWindow, sameWindow } from '../../sdk/windowing/window.js'
import type { CommitOptions } from './commit-shards.js'
import { TemporaryFolder } from './temporary-folder.js'

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

/** Characters that are kept in memory before they are written, although the bundle goes on. */
const KEPT_MAX = 8 * 1024 * 1024

/** Lines of a window, by shard. */
interface OpenWindow {
  readonly window: BoundedWindow
  readonly shards: string[][]
  /** The shard of the next line. */
  next: number
}

/** Collects the lines of a bundle. */
export class PartWriter {
  readonly #env: Env
  readonly #folder: TemporaryFolder
  readonly #shards: number
  readonly #options: CommitOptions
  readonly #encoder = new TextEncoder()
  readonly #open = new Map<string, OpenWindow>()
  #last: OpenWindow | undefined
  #kept = 0
  #written: PlacedPart[] = []

  constructor(files: FileSystem, env: Env, options: CommitOptions) {
    this.#env = env
    this.#folder = new TemporaryFolder(files, env, options.path)
    this.#options = options
    this.#shards = options.shards
  }

  /** Forgets what a bundle that failed has left. */
  begin(): void {
    this.#open.clear()
    this.#last = undefined
    this.#kept = 0
    this.#written = []
  }

  /** Takes a line. */
  add(value: unknown, window: BoundedWindow): void {
    const line = textOf(value)
    const open =
      this.#last !== undefined && sameWindow(this.#last.window, window) ? this.#last : this.#openWindow(window)
    const { shardBy } = this.#options
    if (shardBy === undefined) {
      const { next } = open
      ;(open.shards[next] as string[]).push(line)
      open.next = next + 1 === this.#shards ? 0 : next + 1
    } else {
      ;(open.shards[shardOf(textOf(shardBy(value)), this.#shards)] as string[]).push(line)
    }
    this.#kept += line.length + 1
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

  #openWindow(window: BoundedWindow): OpenWindow {
    const key = `${window.start} ${window.end}`
    let open = this.#open.get(key)
    if (open === undefined) {
      // Not always from the first shard on: bundles of one line would fill no other.
      const next = Math.floor(this.#env.random() * this.#shards)
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

  #write(lines: readonly string[]): Part {
    const { of, frame } = this.#options
    const text = frame.between + lines.join(frame.end + frame.between) + frame.end
    // Once for all of them: to look at each line by itself costs as much as writing it.
    if (loneSurrogateAt(text) >= 0) refuseLine(of, lines.find((line) => loneSurrogateAt(line) >= 0) as string)
    const path = this.#folder.write('part', (handle) => handle.write(this.#encoder.encode(text)))
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

/** Two different lines would become the same bytes, were it written with a replacement. */
function refuseLine(of: string, line: string): never {
  throw coded(
    'MR-4007',
    new Error(
      `the line ${preview(line)} has a lone surrogate at index ${loneSurrogateAt(line)}, which UTF-8 cannot hold. Repair it before ${of}; text.toWellFormed() puts U+FFFD there.`,
    ),
  )
}
