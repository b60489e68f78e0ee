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

/** Text around the lines of every file. */
export interface FileFrame {
  readonly header: string | undefined
  readonly footer: string | undefined
}

/** Bytes copied at a time. */
const COPY_BYTES = 1024 * 1024

/** Makes files of parts. */
export class ShardFinisher {
  readonly #files: FileSystem
  readonly #env: Env
  readonly #folder: TemporaryFolder
  readonly #frame: FileFrame
  readonly #encoder = new TextEncoder()
  #copyBuffer: Uint8Array | undefined

  constructor(files: FileSystem, env: Env, target: string, frame: FileFrame) {
    this.#files = files
    this.#env = env
    this.#folder = new TemporaryFolder(files, env, target)
    this.#frame = frame
  }

  /** The file of a shard. Without parts it has header and footer only. */
  finish(shard: number, parts: Iterable<Part>): FinishedShard {
    const taken: string[] = []
    let lines = 0
    const path = this.#folder.write('shard', (handle) => {
      this.#writeLine(handle, this.#frame.header)
      for (const part of parts) {
        this.#copy(part.path, handle)
        taken.push(part.path)
        lines += part.lines
      }
      this.#writeLine(handle, this.#frame.footer)
      handle.sync()
    })
    this.#env.crashpoint('text.write.shard')
    return { shard, path, lines, parts: taken }
  }

  /** Removes files that nobody has moved into place. */
  remove(): void {
    this.#folder.remove()
  }

  #writeLine(handle: FileHandle, line: string | undefined): void {
    if (line !== undefined) handle.write(this.#encoder.encode(`${line}\n`))
  }

  #copy(path: string, to: FileHandle): void {
    const buffer = (this.#copyBuffer ??= new Uint8Array(COPY_BYTES))
    const from = this.#files.openForReading(path)
    try {
      for (let at = 0; ;) {
        const count = from.read(buffer, 0, buffer.length, at)
        if (count === 0) return
        to.write(buffer.subarray(0, count))
        at += count
      }
    } finally {
      from.close()
    }
  }
}
