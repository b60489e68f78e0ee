/**
 * Last step of a write: once all files of a window are finished they are moved into place, all in one step.
 *
 * Law: a file under its final name is complete; an existing one is replaced in one instant. Done again after a failure,
 * the step ends the same. (Several files are not one instant: a crash between two moves leaves the first without the
 * second, each of them whole.)
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import type { Env, FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import { type BoundedWindow, globalWindow } from '../../sdk/windowing/window.js'
import { type FileFormat, type FinishedShard, ShardFinisher } from './finish-shards.js'
import { type FileNames, foldersOf } from './name-template.js'
import { folderOf } from './shard-names.js'

/** A file that was written. */
export interface WrittenFile {
  readonly path: string
  /** Lines or records in it, header and footer not counted. */
  readonly lines: number
}

/** Describes files that were written. */
export const writtenFileCodec: t.Type<WrittenFile> = t.type({ path: t.string, lines: t.number })

/** Where files go. */
export interface CommitOptions {
  readonly path: string
  readonly names: FileNames
  readonly shards: number
  /** Which elements share a shard. */
  readonly shardBy: ((value: unknown) => unknown) | undefined
  readonly overwrite: boolean
  /** What the author calls the write, for messages: `writeLines`. */
  readonly writer: string
}

/** Moves files into place. */
export class ShardCommitter {
  readonly #files: FileSystem
  readonly #env: Env
  readonly #options: CommitOptions
  /** Makes the files of shards without a line. */
  readonly #empties: ShardFinisher

  constructor(files: FileSystem, env: Env, options: CommitOptions, format: FileFormat) {
    this.#files = files
    this.#env = env
    this.#options = options
    this.#empties = new ShardFinisher(files, env, options.path, format)
  }

  /** Looks at the names of the global window before any work is done. @throws when one cannot be written. */
  checkTargets(): void {
    for (let shard = 0; shard < this.#options.shards; shard++) {
      this.#checkTarget(this.#pathOf(shard, globalWindow, 0))
    }
  }

  /** Moves the files of a window's pane into place. A first pane has all shards, further ones those with something new. */
  commit(finished: readonly FinishedShard[], window: BoundedWindow, pane: number): readonly WrittenFile[] {
    const byShard = new Map(finished.map((file) => [file.shard, file]))
    for (let shard = 0; pane === 0 && shard < this.#options.shards; shard++) {
      if (!byShard.has(shard)) byShard.set(shard, this.#empties.finishNow(shard, []))
    }
    const moves = [...byShard.values()]
      .sort((a, b) => a.shard - b.shard)
      .map((file) => ({ file, to: this.#pathOf(file.shard, window, pane) }))
      // What is gone from here and there already was moved before a failure.
      .filter(({ file, to }) => !(this.#isThere(to) && !this.#isThere(file.path)))
    for (const { to } of moves) this.#checkTarget(to)
    const folders = foldersOf(moves.map(({ to }) => to))
    for (const folder of folders) this.#attempt(folder, () => this.#files.makeFolder(folder))
    this.#env.crashpoint('text.write.commit')
    for (const { file, to } of moves) {
      this.#attempt(to, () => this.#files.rename(file.path, to))
      this.#env.crashpoint('text.write.rename')
    }
    for (const folder of folders) this.#files.syncFolder(folder)
    this.#env.crashpoint('text.write.committed')
    this.#tidyUp([...byShard.values()])
    return [...byShard.values()]
      .sort((a, b) => a.shard - b.shard)
      .map(({ shard, lines }) => ({ path: this.#pathOf(shard, window, pane), lines }))
  }

  /** Removes what was not moved. */
  remove(): void {
    this.#empties.remove()
  }

  #pathOf(shard: number, window: BoundedWindow, pane: number): string {
    return this.#options.names.pathOf({ shard, window, pane })
  }

  #isThere(path: string): boolean {
    return this.#files.status(path) !== undefined
  }

  #checkTarget(path: string): void {
    const status = this.#attempt(path, () => this.#files.status(path))
    if (status === undefined) return
    if (status.kind === 'directory') {
      throw coded(
        'MR-5010',
        new Error(
          `"${path}" is a folder. Give ${this.#options.writer} the name of a file, such as "${path}/part.txt".`,
        ),
      )
    }
    // A device or a pipe would be replaced by a file, and be lost to everybody.
    if (status.kind === 'other') {
      throw coded(
        'MR-5010',
        new Error(
          `"${path}" is neither a file nor a folder, and is not replaced. Give ${this.#options.writer} another path.`,
        ),
      )
    }
    if (this.#options.overwrite) return
    throw coded('MR-5008', new Error(`file "${path}" exists. Remove it, or replace it with overwrite: true.`))
  }

  #attempt<T>(path: string, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw coded(
        'MR-5009',
        new Error(
          `cannot write "${path}": ${messageOf(error)}. Give ${this.#options.writer} a path that can be written to.`,
          {
            cause: error,
          },
        ),
      )
    }
  }

  #tidyUp(finished: readonly FinishedShard[]): void {
    const folders = new Set<string>()
    for (const { path, parts } of finished) {
      for (const file of [path, ...parts]) folders.add(folderOf(file))
      for (const part of parts) this.#files.remove(part)
    }
    for (const folder of folders) this.#files.removeFolder(folder)
  }
}
