/**
 * Second step of a write: the parts of a shard become one file, still hidden, complete to its last byte.
 *
 * Law: a finished file has reached the disk before anyone hears of it.
 */
import * as t from 'io-ts'
import type { Env, FileHandle, FileSystem } from '../../sdk/env.js'
import { TemporaryFolder } from './temporary-folder.js'
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
}

/** Makes files of parts. */
export class ShardFinisher {
  readonly #files: FileSystem
  readonly #env: Env
  readonly #folder: TemporaryFolder
  readonly #format: FileFormat

  constructor(files: FileSystem, env: Env, target: string, format: FileFormat) {
    this.#files = files
    this.#env = env
    this.#folder = new TemporaryFolder(files, env, target)
    this.#format = format
  }

  /** The file of a shard. Without parts it has what every file has. */
  finish(shard: number, parts: Iterable<Part>): FinishedShard {
    const taken: string[] = []
    let lines = 0
    const path = this.#folder.write('shard', (handle) => {
      const noted = function* (): Iterable<Part> {
        for (const part of parts) {
          yield part
          taken.push(part.path)
          lines += part.lines
        }
      }
      this.#format.write(handle, noted(), this.#files)
      handle.sync()
    })
    this.#env.crashpoint('text.write.shard')
    return { shard, path, lines, parts: taken }
  }

  /** Removes files that nobody has moved into place. */
  remove(): void {
    this.#folder.remove()
  }
}
