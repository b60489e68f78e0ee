/**
 * Second step of a write: the parts of a shard become one file, still hidden, complete to its last byte.
 *
 * Law: a finished file has reached the disk before anyone hears of it.
 */
import * as t from 'io-ts'
import type { Env, FileHandle, FileSystem } from '../../sdk/env.js'
import { type FolderOwner, GatheredGone, TemporaryFolder } from './temporary-folder.js'
import type { Part } from './write-parts.js'

/** A shard that only has to be moved into place. */
export interface FinishedShard {
  readonly shard: number
  readonly path: string
  readonly lines: number
  /** Files that are not needed any more once it is in place. */
  readonly parts: readonly string[]
}

/** Describes finished shards. */
export const finishedShardCodec: t.Type<FinishedShard> = t.type({
  shard: t.number,
  path: t.string,
  lines: t.number,
  parts: t.readonlyArray(t.string),
})

/** What a file of parts has in it. */
export interface FileFormat {
  /** Writes all of it. Each part is taken once, in order. */
  write(handle: FileHandle, parts: Iterable<Part>, files: FileSystem): void
  /** Writes all of it in the background, where that is how it is done; else `write` does it. */
  writeInBackground?(handle: FileHandle, parts: Iterable<Part>, files: FileSystem): Promise<void>
}

/** Makes files of parts. */
export class ShardFinisher {
  readonly #files: FileSystem
  readonly #env: Env
  readonly #folder: TemporaryFolder
  readonly #format: FileFormat
  readonly #target: string
  readonly #owner: FolderOwner

  constructor(files: FileSystem, env: Env, target: string, owner: FolderOwner, format: FileFormat) {
    this.#files = files
    this.#env = env
    this.#folder = new TemporaryFolder(files, env, target, owner)
    this.#format = format
    this.#target = target
    this.#owner = owner
  }

  /** The file of a shard; a promise where the format writes in the background. */
  finish(shard: number, parts: Iterable<Part>): FinishedShard | Promise<FinishedShard> {
    const format = this.#format
    if (format.writeInBackground === undefined) return this.finishNow(shard, parts)
    const taken = this.#taken(parts)
    const fill = async (handle: FileHandle): Promise<void> => {
      await format.writeInBackground?.(handle, taken, this.#files)
      handle.sync()
    }
    return this.#folder.writeInBackground('shard', fill).then((path) => this.#finished(shard, path, taken))
  }

  /** The same at once. Without parts the file has what every file has. */
  finishNow(shard: number, parts: Iterable<Part>): FinishedShard {
    const taken = this.#taken(parts)
    const path = this.#folder.write('shard', (handle) => {
      this.#format.write(handle, taken, this.#files)
      handle.sync()
    })
    return this.#finished(shard, path, taken)
  }

  #finished(shard: number, path: string, { paths, lines }: TakenParts): FinishedShard {
    this.#env.crashpoint('text.write.shard')
    return { shard, path, lines, parts: paths }
  }

  #taken(parts: Iterable<Part>): TakenParts {
    return new TakenParts(parts, ({ path }) => {
      if (this.#files.status(path) === undefined) throw new GatheredGone(path, this.#target, this.#owner.query.restarts)
    })
  }

  /** Removes files that nobody has moved into place. */
  remove(): void {
    this.#folder.remove()
  }
}

/** Parts, and what is known of them when they have been taken. */
class TakenParts implements Iterable<Part> {
  readonly paths: string[] = []
  lines = 0
  readonly #parts: Iterable<Part>
  readonly #check: (part: Part) => void

  constructor(parts: Iterable<Part>, check: (part: Part) => void) {
    this.#parts = parts
    this.#check = check
  }

  *[Symbol.iterator](): Iterator<Part> {
    for (const part of this.#parts) {
      this.#check(part)
      yield part
      this.paths.push(part.path)
      this.lines += part.lines
    }
  }
}
