/**
 * The folder of a checkpoint: which files it has, and how they come and go.
 *
 * Law: a file that appears or goes has done so for good, also after a loss of power; only the owner may look inside.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { reasonOf, StoreFailed } from './errors.js'

/** What says that a folder cannot be opened or synchronised here: Windows opens none, some file systems sync none. */
const NO_FOLDER_SYNC: ReadonlySet<string | undefined> = new Set(['EPERM', 'EISDIR', 'EACCES', 'EINVAL'])
const STATE = /^state-(\d+)(?:\.(\d+))?\.sqlite$/

/** A folder. */
export class CheckpointFolder {
  readonly place: string
  readonly log: string
  readonly head: string

  constructor(place: string) {
    this.place = place
    this.log = join(place, 'log.sqlite')
    this.head = join(place, 'head')
  }

  /** The file of a partition. After the number of partitions has changed files have other names, so both sets can be there. */
  state(partition: number, generation: number): string {
    return join(this.place, generation === 0 ? `state-${partition}.sqlite` : `state-${partition}.${generation}.sqlite`)
  }

  /** Whether there is a log. */
  get hasLog(): boolean {
    return existsSync(this.log)
  }

  /** Names of what is there. */
  list(): readonly string[] {
    return this.#guarded(this.place, () => (existsSync(this.place) ? readdirSync(this.place).sort() : []))
  }

  /** Generations of which there are files, with their files' names. */
  states(): readonly { readonly name: string; readonly generation: number }[] {
    return this.list().flatMap((name) => {
      const match = STATE.exec(name)
      return match === null ? [] : [{ name, generation: Number(match[2] ?? 0) }]
    })
  }

  /** Makes the folder; nothing happens when it is there. */
  make(): void {
    this.#guarded(this.place, () => {
      if (existsSync(this.place)) return
      mkdirSync(this.place, { recursive: true, mode: 0o700 })
      syncFolder(dirname(resolve(this.place)))
    })
  }

  /** Makes what was made and removed in it durable. */
  sync(): void {
    this.#guarded(this.place, () => syncFolder(this.place))
  }

  /** Removes an SQLite file and what belongs to it. */
  removeDatabase(path: string): void {
    this.#guarded(path, () => {
      for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${end}`, { force: true })
    })
  }

  /** Removes everything. */
  remove(): void {
    this.#guarded(this.place, () => rmSync(this.place, { recursive: true, force: true }))
  }

  /** Gives the folder another name, for good. */
  moveTo(place: string): void {
    this.#guarded(place, () => {
      renameSync(this.place, place)
      syncFolder(dirname(resolve(place)))
    })
  }

  #guarded<T>(path: string, body: () => T): T {
    try {
      return body()
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      throw new StoreFailed(path, reasonOf(error), code === 'ENOSPC' || code === 'EDQUOT', error)
    }
  }
}

function syncFolder(path: string): void {
  let folder: number | undefined
  try {
    folder = openSync(path, 'r')
    fsyncSync(folder)
  } catch (error) {
    if (!NO_FOLDER_SYNC.has((error as NodeJS.ErrnoException).code)) throw error
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}
