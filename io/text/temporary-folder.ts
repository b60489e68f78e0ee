/**
 * A hidden folder next to the files that will be, so that finished ones can be moved into place without copying. Its
 * owner takes with it whatever it has made and nobody has taken over.
 *
 * Where the query restarts, what it has kept names files in here, so they stay while it goes on: the folder is called after the
 * query and the step, and files after the batch and the driver that made them. The first file made after a restart shows which batch
 * goes on; files of that batch and of later ones were made by attempts that were given up, and nothing names them. Those of a newer
 * driver are not among them: whoever stood still while it took over neither makes nor removes a file of its.
 *
 * Where workers do the step in parts, files are named after the part as well. A part that is done again makes the same files again, while
 * others may read them or make them at the same moment: so each is made under a name of its own and then given its name, and nobody
 * but the driver, at the end of the query, removes any.
 *
 * Law: after `remove`, nothing the owner has made is left but what was moved away, or what a query that goes on may name. A
 * file that may be named after a restart has reached the disk, and so has its name.
 */
import { coded, type ErrorCode } from '../../sdk/error-codes.js'
import type { Env, FileHandle, FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { Query } from '../../sdk/transforms/delivery.js'
import { aboveMissing } from './new-folders.js'
import { hashText, nameOfQuery } from './query-names.js'
import { folderOf, splitPath } from './shard-names.js'

/** Paths remembered before the first look at which of them are gone. */
const REMEMBERED_MIN = 1024

/** Whose files they are. */
export interface FolderOwner {
  /** Path of the step. */
  readonly step: string
  readonly query: Query
}

/** A file in which something was gathered is not there any more. */
export class GatheredGone extends Error {
  override readonly name = 'GatheredGone'
  readonly code: ErrorCode = 'MR-5009'

  constructor(path: string, target: string, restarts: boolean) {
    const older =
      ' Or the checkpoint is older than what was written, and names files that were put in place since: a copy that was put back. Go on from the newest checkpoint, or from a savepoint, which has copies of such files.'
    super(
      `cannot write "${target}": file "${path}", in which a part of it was gathered, is gone. Leave hidden folders beside files that are written alone.${restarts ? older : ''}`,
    )
  }
}

/** A file that is being made, and the name that it will have. */
interface MadeFile {
  readonly path: string
  readonly madeAs: string
  readonly handle: FileHandle
}

/** A folder for files on their way to `target`. Made with its first file. */
export class TemporaryFolder {
  readonly #files: FileSystem
  readonly #random: () => number
  readonly #target: string
  readonly #query: Query
  /** Where the query restarts: the folder that it finds again. */
  readonly #kept: string | undefined
  /** The batch that the next file is named after, once there was one. */
  #batch: number | undefined
  #path: string | undefined
  #count = 0
  /** Files that may still be there. */
  readonly #made = new Set<string>()
  #forgetAt = REMEMBERED_MIN
  /** Folders in which the folder, or one above it, was made and is not synchronised. */
  #unsettled: readonly string[] = []
  /** Folders above that were made along with it, the innermost first. */
  #above: readonly string[] = []

  constructor(files: FileSystem, env: Env, target: string, { step, query }: FolderOwner) {
    this.#files = files
    this.#random = () => env.random()
    this.#target = target
    this.#query = query
    const { folder, base, extension } = splitPath(target)
    this.#kept =
      query.restarts || query.part !== undefined
        ? `${folder}.${base}${extension}.tmp-${nameOfQuery(query.id)}-${hashText(step)}`
        : undefined
  }

  /** Makes a file of its own name. @returns its path. @throws an error that names the target. */
  write(kind: string, fill: (handle: FileHandle) => void): string {
    try {
      const made = this.#create(kind)
      try {
        fill(made.handle)
        this.#settle(made.handle)
      } finally {
        made.handle.close()
      }
      return this.#named(made)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** The same for what takes its time. */
  async writeInBackground(kind: string, fill: (handle: FileHandle) => Promise<void>): Promise<string> {
    try {
      const made = this.#create(kind)
      try {
        await fill(made.handle)
        this.#settle(made.handle)
      } finally {
        made.handle.close()
      }
      return this.#named(made)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Removes what is still there; nothing while the query goes on. */
  remove(): void {
    if (this.#query.restarts || this.#query.part !== undefined) return
    if (this.#kept !== undefined) this.#removeBatches(this.#kept, 0)
    this.#path ??= this.#kept
    for (const path of this.#made) this.#files.remove(path)
    this.#made.clear()
    if (this.#path !== undefined) this.#files.removeFolder(this.#path)
    // Folders that were only made for files that did not come to be.
    for (const path of this.#above) this.#files.removeFolder(path)
  }

  #create(kind: string): MadeFile {
    const path = this.#kept === undefined ? this.#freshFile(kind) : this.#fileOfBatch(kind, this.#kept)
    if (this.#kept !== undefined) this.#unsettled = [...this.#unsettled, ...aboveMissing(this.#files, this.#kept)]
    if (this.#query.part !== undefined) return this.#createBeside(path)
    const handle = this.#files.create(path)
    this.#remember(path)
    return { path, madeAs: path, handle }
  }

  /** Under the first name that is free. Not one by chance: what is done again has the same random numbers. */
  #createBeside(path: string): MadeFile {
    for (let attempt = 0; ; attempt++) {
      const madeAs = `${path}.${attempt}`
      if (this.#files.status(madeAs) !== undefined) continue
      try {
        return { path, madeAs, handle: this.#files.create(madeAs) }
      } catch (error) {
        // Somebody else may have made it in this moment.
        if (this.#files.status(madeAs) === undefined) throw error
      }
    }
  }

  /** Gives a finished file its name. */
  #named({ path, madeAs }: MadeFile): string {
    if (madeAs !== path) this.#files.rename(madeAs, path)
    this.#settleNames()
    return path
  }

  #freshFile(kind: string): string {
    this.#path ??= this.#freshPath()
    return `${this.#path}/${kind}-${digits(this.#count++)}`
  }

  #fileOfBatch(kind: string, folder: string): string {
    const { batch, part, epoch } = this.#query
    if (this.#batch === undefined && part === undefined) this.#removeBatches(folder, batch)
    if (this.#batch !== batch) this.#count = 0
    this.#batch = batch
    this.#path = folder
    const ofDriver = epoch === undefined ? '' : `e${epoch}-`
    const ofPart = part === undefined ? '' : `p${part}-`
    return `${folder}/${kind}-${digits(batch)}-${ofDriver}${ofPart}${digits(this.#count++)}`
  }

  /** Removes the files of a batch and of later ones, but for those of newer drivers. */
  #removeBatches(folder: string, first: number): void {
    const newest = this.#query.epoch ?? Infinity
    for (const name of this.#files.list(folder)) {
      const [, batch, epoch = 0] = /^[a-z]+-(\d+)-(?:e(\d+)-)?(?:p\d+-)?\d+(?:\.\w+)?$/.exec(name) ?? []
      if (batch !== undefined && Number(batch) >= first && Number(epoch) <= newest)
        this.#files.remove(`${folder}/${name}`)
    }
  }

  #settle(handle: FileHandle): void {
    if (this.#kept !== undefined) handle.sync()
  }

  /** The names of files, and that of their folder. */
  #settleNames(): void {
    if (this.#kept === undefined) return
    const folders = new Set([this.#kept, folderOf(this.#kept), ...this.#unsettled])
    this.#unsettled = []
    for (const folder of folders) this.#files.syncFolder(folder)
  }

  #failure(error: unknown): Error {
    if (error instanceof GatheredGone) return error
    return coded(
      'MR-5009',
      new Error(
        `cannot write "${this.#target}": ${messageOf(error)}. What goes into it is gathered in a hidden folder beside it first, so "${folderOf(this.#target)}" must be a folder that can be written to and has room for them.`,
        { cause: error },
      ),
    )
  }

  #freshPath(): string {
    const { folder, base, extension } = splitPath(this.#target)
    const missing: string[] = []
    for (let above = folderOf(this.#target); this.#files.status(above) === undefined; above = folderOf(above)) {
      missing.push(above)
    }
    this.#above = missing
    for (;;) {
      const random = Math.floor(this.#random() * 36 ** 8)
        .toString(36)
        .padStart(8, '0')
      const path = `${folder}.${base}${extension}.tmp-${random}`
      if (this.#files.status(path) === undefined) return path
    }
  }

  #remember(path: string): void {
    if (this.#kept !== undefined) return
    this.#made.add(path)
    if (this.#made.size < this.#forgetAt) return
    for (const made of this.#made) if (this.#files.status(made) === undefined) this.#made.delete(made)
    this.#forgetAt = Math.max(REMEMBERED_MIN, 2 * this.#made.size)
  }
}

/** The name of the query whose hidden folder a file lies in, where it restarts. */
export function queryOfFile(path: string): string | undefined {
  return /\.tmp-([\w-]+)-[0-9a-z]{13}[\\/][^\\/]+$/.exec(path)?.[1]
}

const digits = (n: number): string => String(n).padStart(6, '0')
