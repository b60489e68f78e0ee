/**
 * The folder of a checkpoint: which files it has, and how they come and go.
 *
 * Law: a file that appears or goes has done so for good, also after a loss of power; only the owner may look inside.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { reasonOf, StoreFailed } from './errors.js'
import type { BetterSqlite3 } from './sqlite-database.js'
import { HeadFile, readHead } from './sqlite-head.js'
import { SqliteLog } from './sqlite-log.js'
import { SqlitePartition } from './sqlite-partition.js'
import type { PartitionName, StoreFiles } from './store-tables.js'

/** What says that a folder cannot be opened or synchronised here: Windows opens none, some file systems sync none. */
const NO_FOLDER_SYNC: ReadonlySet<string | undefined> = new Set(['EPERM', 'EISDIR', 'EACCES', 'EINVAL'])
const STATE = /^state-(\d+)(?:\.(\d+))?\.sqlite$/

/** A folder. */
export class SqliteFiles implements StoreFiles {
  readonly place: string
  readonly logPath: string
  readonly headPath: string
  readonly #sqlite: BetterSqlite3
  #head: HeadFile | undefined

  constructor(sqlite: BetterSqlite3, place: string) {
    this.#sqlite = sqlite
    this.place = place
    this.logPath = join(place, 'log.sqlite')
    this.headPath = join(place, 'head')
  }

  statePath(partition: number, generation: number): string {
    return join(this.place, generation === 0 ? `state-${partition}.sqlite` : `state-${partition}.${generation}.sqlite`)
  }

  hasLog(): boolean {
    return existsSync(this.logPath)
  }

  openLog(isNew: boolean): SqliteLog {
    return new SqliteLog(this.#sqlite, this.logPath, isNew)
  }

  openPartition(name: PartitionName, isNew: boolean): SqlitePartition {
    return new SqlitePartition(this.#sqlite, this.statePath(name.partition, name.generation), name, isNew)
  }

  head(): number | undefined {
    return readHead(this.headPath)
  }

  makeHead(): void {
    this.closeHead()
    this.#head = new HeadFile(this.headPath, true)
    this.sync()
  }

  writeHead(step: number): void {
    this.#head ??= new HeadFile(this.headPath, false)
    this.#head.write(step)
  }

  syncHead(): void {
    this.#head?.sync()
  }

  closeHead(): void {
    this.#head?.close()
    this.#head = undefined
  }

  at(place: string): SqliteFiles {
    return new SqliteFiles(this.#sqlite, place)
  }

  isOccupied(): boolean {
    return this.#list().length > 0
  }

  #list(): readonly string[] {
    return this.#guarded(this.place, () => (existsSync(this.place) ? readdirSync(this.place).sort() : []))
  }

  states(): readonly { readonly name: string; readonly generation: number }[] {
    return this.#list().flatMap((name) => {
      const match = STATE.exec(name)
      return match === null ? [] : [{ name, generation: Number(match[2] ?? 0) }]
    })
  }

  make(): void {
    this.#guarded(this.place, () => {
      const missing: string[] = []
      for (let path = resolve(this.place); !existsSync(path); path = dirname(path)) missing.unshift(path)
      // One by one: Node's own `recursive` never returns where a folder cannot be although the one above it is, as in /proc.
      for (const folder of missing) makeFolder(folder)
      for (const folder of missing) syncFolder(dirname(folder))
    })
  }

  sync(): void {
    this.#guarded(this.place, () => syncFolder(this.place))
  }

  removeState(name: string): void {
    const path = join(this.place, name)
    this.#guarded(path, () => {
      for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${end}`, { force: true })
    })
  }

  remove(): void {
    this.#guarded(this.place, () => rmSync(this.place, { recursive: true, force: true }))
  }

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

/** Whoever was quicker has made it. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!existsSync(path)) throw error
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
