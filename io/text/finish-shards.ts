/**
 * Second step of a write: the parts of a shard become one file, still hidden, complete to its last byte.
 *
 * Law: a finished file has reached the disk before anyone hears of it.
 */
import * as t from 'io-ts'
import type { Env, FileHandle, FileSystem } from '../../sdk/env.js'
import { packed, type Packer, packer, type Packing } from './compression.js'
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

/** Text around the records of every file. */
export interface FileFrame {
  /** Before the first record; not empty, it is a whole line. */
  readonly head: string
  /** Before each record but the first. */
  readonly between: string
  /** After each record. */
  readonly end: string
  /** After the last. */
  readonly tail: string
}

/** What files are made like. */
export interface FileOptions {
  /** The function that writes them, for messages. */
  readonly of: string
  readonly path: string
  readonly frame: FileFrame
  readonly packing: Packing
}

/** Bytes copied at a time. */
const COPY_BYTES = 1024 * 1024

/** Makes files of parts. */
export class ShardFinisher {
  readonly #files: FileSystem
  readonly #env: Env
  readonly #folder: TemporaryFolder
  readonly #options: FileOptions
  readonly #encoder = new TextEncoder()

  constructor(files: FileSystem, env: Env, options: FileOptions) {
    this.#files = files
    this.#env = env
    this.#folder = new TemporaryFolder(files, env, options.path)
    this.#options = options
  }

  /** The file of a shard; a promise where it is packed, which happens in the background. */
  finish(shard: number, parts: Iterable<Part>): FinishedShard | Promise<FinishedShard> {
    const { packing } = this.#options
    const all = [...parts]
    const finished = (path: string): FinishedShard => {
      this.#env.crashpoint('text.write.shard')
      const lines = all.reduce((sum, part) => sum + part.lines, 0)
      return { shard, path, lines, parts: all.map((part) => part.path) }
    }
    if (packing !== 'none') {
      return this.#folder.writeInBackground('shard', (handle) => this.#writePacked(handle, packing, all)).then(finished)
    }
    const path = this.#folder.write('shard', (handle) => {
      for (const block of this.#blocks(all)) handle.write(block)
      handle.sync()
    })
    return finished(path)
  }

  /** The file of a shard without a record. */
  finishEmpty(shard: number): FinishedShard {
    const { frame, packing } = this.#options
    const path = this.#folder.write('shard', (handle) => {
      handle.write(packed(packing, this.#encoder.encode(frame.head + frame.tail)))
      handle.sync()
    })
    this.#env.crashpoint('text.write.shard')
    return { shard, path, lines: 0, parts: [] }
  }

  /** Removes files that nobody has moved into place. */
  remove(): void {
    this.#folder.remove()
  }

  async #writePacked(handle: FileHandle, packing: Packing, parts: readonly Part[]): Promise<void> {
    const packs = packer(packing)
    const blocks = this.#blocks(parts)
    const feeding = feed(packs, blocks)
    // Whatever fails first, the other side hears of it, and the failure is the one that is thrown.
    feeding.catch((error: unknown) => packs.destroy(error as Error))
    try {
      for await (const block of packs as AsyncIterable<Uint8Array>) handle.write(block)
      await feeding
    } finally {
      packs.destroy()
      blocks.return()
    }
    handle.sync()
  }

  /** The bytes of a file, from its parts. A block is good until the next one is asked for. */
  *#blocks(parts: readonly Part[]): Generator<Uint8Array, void, void> {
    const { head, between, tail } = this.#options.frame
    if (head !== '') yield this.#encoder.encode(head)
    // Nothing stands between nothing and the first record.
    let from = this.#encoder.encode(between).length
    for (const { path } of parts) {
      yield* this.#bytesOf(path, from)
      from = 0
    }
    if (tail !== '') yield this.#encoder.encode(tail)
  }

  *#bytesOf(path: string, from: number): Generator<Uint8Array, void, void> {
    const handle = this.#files.openForReading(path)
    try {
      for (let at = from; ;) {
        // Of its own: what packs in the background may still be at the last one.
        const buffer = new Uint8Array(COPY_BYTES)
        const count = handle.read(buffer, 0, buffer.length, at)
        if (count === 0) return
        yield buffer.subarray(0, count)
        at += count
      }
    } finally {
      handle.close()
    }
  }
}

/** Gives blocks as fast as they are taken. */
async function feed(packs: Packer, blocks: Iterable<Uint8Array>): Promise<void> {
  for (const block of blocks) {
    if (!packs.write(block)) {
      await new Promise<void>((resolve) => {
        packs.once('drain', resolve)
        packs.once('close', resolve)
      })
    }
    if (packs.destroyed) return
  }
  packs.end()
}
