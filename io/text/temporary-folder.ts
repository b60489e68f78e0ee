/**
 * A hidden folder next to the files that will be, so that finished ones can be moved into place without copying. Its
 * owner takes with it whatever it has made and nobody has taken over.
 *
 * Law: after `remove`, nothing the owner has made is left but what was moved away.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Env, FileHandle, FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import { folderOf, splitPath } from './shard-names.js'

/** Paths remembered before the first look at which of them are gone. */
const REMEMBERED_MIN = 1024

/** A folder for files on their way to `target`. Made with its first file. */
export class TemporaryFolder {
  readonly #files: FileSystem
  readonly #random: () => number
  readonly #target: string
  #path: string | undefined
  #count = 0
  /** Files that may still be there. */
  readonly #made = new Set<string>()
  #forgetAt = REMEMBERED_MIN
  /** Folders above that were made along with it, the innermost first. */
  #above: readonly string[] = []

  constructor(files: FileSystem, env: Env, target: string) {
    this.#files = files
    this.#random = () => env.random()
    this.#target = target
  }

  /** Makes a file of its own name. @returns its path. @throws an error that names the target. */
  write(kind: string, fill: (handle: FileHandle) => void): string {
    try {
      const { path, handle } = this.#create(kind)
      try {
        fill(handle)
      } finally {
        handle.close()
      }
      return path
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** The same for what takes its time. */
  async writeInBackground(kind: string, fill: (handle: FileHandle) => Promise<void>): Promise<string> {
    try {
      const { path, handle } = this.#create(kind)
      try {
        await fill(handle)
      } finally {
        handle.close()
      }
      return path
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Removes what is still there. */
  remove(): void {
    for (const path of this.#made) this.#files.remove(path)
    this.#made.clear()
    if (this.#path !== undefined) this.#files.removeFolder(this.#path)
    // Folders that were only made for files that did not come to be.
    for (const path of this.#above) this.#files.removeFolder(path)
  }

  #create(kind: string): { readonly path: string; readonly handle: FileHandle } {
    this.#path ??= this.#freshPath()
    const path = `${this.#path}/${kind}-${String(this.#count++).padStart(6, '0')}`
    const handle = this.#files.create(path)
    this.#remember(path)
    return { path, handle }
  }

  #failure(error: unknown): Error {
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
    this.#made.add(path)
    if (this.#made.size < this.#forgetAt) return
    for (const made of this.#made) if (this.#files.status(made) === undefined) this.#made.delete(made)
    this.#forgetAt = Math.max(REMEMBERED_MIN, 2 * this.#made.size)
  }
}
