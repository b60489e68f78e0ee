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
  /** Whether files that are there are replaced; `undefined`: those of other runs are left, and the next free name is taken. */
  readonly overwrite: boolean | undefined
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
    const files = [...byShard.values()].sort((a, b) => a.shard - b.shard)
    const pathsOf = (turn: number): readonly string[] =>
      files.map(({ shard }) => this.#pathOf(shard, window, pane, turn))
    const paths = pathsOf(this.#options.overwrite === undefined ? this.#turn(files, pathsOf) : 1)
    const moves = files
      .map((file, at) => ({ file, to: paths[at] as string }))
      // Files without a line last: they are made anew when this is done again, and know their place by the others.
      .sort((a, b) => Number(finished.includes(b.file)) - Number(finished.includes(a.file)))
      // What is gone from here and there already was moved before a failure.
      .filter(({ file, to }) => !(this.#isThere(to) && !this.#isThere(file.path)))
    if (this.#options.overwrite !== undefined) for (const { to } of moves) this.#checkTarget(to)
    const folders = foldersOf(moves.map(({ to }) => to))
    for (const folder of folders) this.#attempt(folder, () => this.#files.makeFolder(folder))
    this.#env.crashpoint('text.write.commit')
    for (const { file, to } of moves) {
      this.#attempt(to, () => this.#files.rename(file.path, to))
      this.#env.crashpoint('text.write.rename')
    }
    for (const folder of folders) this.#files.syncFolder(folder)
    this.#env.crashpoint('text.write.committed')
    this.#tidyUp(files)
    return files.map(({ lines }, at) => ({ path: paths[at] as string, lines }))
  }

  /** Removes what was not moved. */
  remove(): void {
    this.#empties.remove()
  }

  /**
   * The first turn of which no name is taken; all shards have the same. When the step is done again, the turn whose files it has
   * moved already.
   */
  #turn(files: readonly FinishedShard[], pathsOf: (turn: number) => readonly string[]): number {
    const moved = files.map(({ path }) => !this.#isThere(path))
    for (let turn = 1; moved.includes(true); turn++) {
      const there = pathsOf(turn).map((path) => this.#files.status(path))
      if (there.some((status, at) => moved[at] === true && status?.id === files[at]?.id)) return turn
      if (there.every((status) => status === undefined)) break
    }
    for (let turn = 1; ; turn++) if (!pathsOf(turn).some((path) => this.#isThere(path))) return turn
  }

  #pathOf(shard: number, window: BoundedWindow, pane: number, turn = 1): string {
    return this.#options.names.pathOf({ shard, window, pane, turn })
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
