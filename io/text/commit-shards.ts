/**
 * Last step of a write: once all files of a window are finished they get their names, and are moved there. The names are found
 * while the window's pane is processed; moving is the delivery, which comes when nothing can be taken back any more.
 *
 * Law: a file under its final name is complete; an existing one is replaced in one instant. A delivery that is done again,
 * wherever it was broken off, ends the same. What another query has gathered is neither moved nor removed. (Several files are not one instant: a crash between two moves leaves the first
 * without the second, each of them whole, until the rest is moved. A manifest names all of them in one instant.)
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import type { Env, FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { StepLog } from '../../sdk/logger.js'
import type { DeliveryId, Query } from '../../sdk/transforms/delivery.js'
import { type BoundedWindow, globalWindow } from '../../sdk/windowing/window.js'
import { type FileFormat, type FinishedShard, ShardFinisher } from './finish-shards.js'
import { type FileNames, foldersOf } from './name-template.js'
import { hasManifest, newestManifest, writeManifest } from './manifest.js'
import { aboveMissing } from './new-folders.js'
import { nameOfQuery } from './query-names.js'
import { type FolderOwner, queryOfFile } from './temporary-folder.js'

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
  /** A folder for manifests. */
  readonly manifest: string | undefined
  /** What the author calls the write, for messages: `writeLines`. */
  readonly writer: string
}

/** The files of a window's pane on their way into place. */
export interface FileMoves {
  readonly files: readonly { readonly from: string; readonly to: string; readonly lines: number }[]
  /** Files that are not needed any more afterwards. */
  readonly parts: readonly string[]
}

/** Describes them. */
export const fileMovesCodec: t.Type<FileMoves> = t.type({
  files: t.readonlyArray(t.type({ from: t.string, to: t.string, lines: t.number })),
  parts: t.readonlyArray(t.string),
})

/** Names files, and moves them into place. */
export class ShardCommitter {
  readonly #files: FileSystem
  readonly #env: Env
  readonly #options: CommitOptions
  readonly #query: Query
  /** Makes the files of shards without a line. */
  readonly #empties: ShardFinisher

  constructor(files: FileSystem, env: Env, options: CommitOptions, owner: FolderOwner, format: FileFormat) {
    this.#files = files
    this.#env = env
    this.#options = options
    this.#query = owner.query
    this.#empties = new ShardFinisher(files, env, options.path, owner, format)
  }

  /**
   * Looks at the names of the global window before any work is done; not where the query restarts, and may have written them
   * itself. @throws when one cannot be written.
   */
  checkTargets(): void {
    if (this.#query.restarts) return
    for (let shard = 0; shard < this.#options.shards; shard++) {
      this.#checkTarget(this.#pathOf(shard, globalWindow, 0))
    }
  }

  /** Names the files of a window's pane. A first pane has all shards, further ones those with something new. */
  plan(finished: readonly FinishedShard[], window: BoundedWindow, pane: number): FileMoves {
    const byShard = new Map(finished.map((file) => [file.shard, file]))
    for (let shard = 0; pane === 0 && shard < this.#options.shards; shard++) {
      if (!byShard.has(shard)) byShard.set(shard, this.#empties.finishNow(shard, []))
    }
    const files = [...byShard.values()].sort((a, b) => a.shard - b.shard)
    const pathsOf = (turn: number): readonly string[] =>
      files.map(({ shard }) => this.#pathOf(shard, window, pane, turn))
    const paths = pathsOf(this.#options.overwrite === undefined ? this.#freeTurn(pathsOf) : 1)
    if (this.#options.overwrite !== undefined) for (const path of paths) this.#checkTarget(path)
    return {
      files: files.map(({ path, lines }, at) => ({ from: path, to: paths[at] as string, lines })),
      parts: files.flatMap(({ parts }) => parts),
    }
  }

  /** Moves files into place: those that are not there yet. @returns whether it was not done before, as far as that is known. */
  deliver(items: readonly FileMoves[], id: DeliveryId, log: StepLog): boolean {
    for (const { files } of items) this.#move(files, log)
    const { manifest } = this.#options
    const isNew = manifest === undefined || !hasManifest(this.#files, manifest, id)
    if (manifest !== undefined) {
      const written = items.flatMap(({ files }) => files.map(({ to, lines }) => ({ path: to, lines })))
      // Delivered before a crash, read, and removed together with its manifest: one that came back would name nothing that is there.
      const isTaken = written.length > 0 && !written.some(({ path }) => this.#isThere(path))
      if (!isTaken) this.#attempt(manifest, () => writeManifest(this.#files, this.#env, manifest, id, written))
    }
    for (const item of items) this.#tidyUp(item)
    return isNew
  }

  /** The newest batch that is known to have been delivered: only manifests tell. */
  newest(id: DeliveryId): number | undefined {
    const { manifest } = this.#options
    return manifest === undefined ? undefined : newestManifest(this.#files, manifest, id)
  }

  /** Removes what was not moved. */
  remove(): void {
    this.#empties.remove()
  }

  #move(moves: FileMoves['files'], log: StepLog): void {
    const there = moves.filter(({ from }) => this.#isThere(from))
    for (const { from } of there) if (this.#isOthers(from)) refuseOthers(from)
    // What is gone from here and there already was moved before a crash.
    for (const { from, to } of moves) if (!this.#isThere(from) && !this.#isThere(to)) this.#lost(from, to, log)
    const folders = foldersOf(moves.map(({ to }) => to))
    const above = new Set(folders.flatMap((folder) => aboveMissing(this.#files, folder)))
    for (const folder of folders) this.#attempt(folder, () => this.#files.makeFolder(folder))
    this.#env.crashpoint('text.write.commit')
    for (const { from, to } of there) {
      this.#attempt(to, () => this.#files.rename(from, to))
      this.#env.crashpoint('text.write.rename')
    }
    for (const folder of new Set([...folders, ...above])) this.#files.syncFolder(folder)
    this.#env.crashpoint('text.write.committed')
  }

  /** Neither here nor there: after a crash somebody may have taken it away from there already. */
  #lost(from: string, to: string, log: StepLog): void {
    const what = `file "${from}" is gone before it was moved to "${to}"`
    if (this.#query.restarts) log.warn(`${what}, or was moved before a crash and has been taken away from there`)
    else throw coded('MR-5009', new Error(`${what}. Leave hidden folders beside files that are written alone.`))
  }

  /** The first turn of which no name is taken; all shards have the same. */
  #freeTurn(pathsOf: (turn: number) => readonly string[]): number {
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

  #tidyUp({ files, parts }: FileMoves): void {
    const own = parts.filter((part) => !this.#isOthers(part))
    for (const part of own) this.#files.remove(part)
    for (const folder of foldersOf([...files.map(({ from }) => from), ...own])) this.#files.removeFolder(folder)
  }

  /** Of a copy of a checkpoint that has an id of its own, and not files of its own, the other query needs them still. */
  #isOthers(path: string): boolean {
    const query = queryOfFile(path)
    return query !== undefined && query !== nameOfQuery(this.#query.id)
  }
}

function refuseOthers(path: string): never {
  throw coded(
    'MR-5009',
    new Error(
      `file "${path}" was gathered by another query, of which this one is a copy, and is not taken away from it. Copy a checkpoint with millrace savepoint, which copies such files too.`,
    ),
  )
}
