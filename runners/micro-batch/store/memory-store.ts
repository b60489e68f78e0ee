/**
 * A CheckpointStore on a modelled disk, for simulation: the same store as in SQLite files, over files that know what is durable.
 *
 * Law: what it promises after a loss of power, a torn write, an fsync that failed or a full disk is what the contract of every store
 * says; a place is a folder's name on the disk.
 */
import type { Env } from '../../../sdk/env.js'
import { refuseUnknownOptions } from '../../../sdk/known-options.js'
import type { CheckpointStore } from './checkpoint-store.js'
import { crc32 } from './crc32.js'
import { reasonOf, StoreDamaged, StoreFailed } from './errors.js'
import { FileStore } from './file-store.js'
import { beginFrames, canReadFrames, type FramePosition, hasFrames, removeFrames } from './memory-frames.js'
import { MemoryLog } from './memory-log.js'
import { MemoryPartition } from './memory-partition.js'
import type { DiskError, ModelDisk } from './model-disk.js'
import { StoreSession } from './store-session.js'
import type { PartitionName, StoreFiles } from './store-tables.js'

/** How a store on a modelled disk behaves. */
export interface MemoryStoreOptions {
  /** Changes of a partition below this are not merged into a snapshot. Default: 64 KiB. */
  readonly compactAboveBytes?: number
}

const OPTIONS = { compactAboveBytes: true } as const

/**
 * Opens a store.
 *
 * @param place begins the names of its files.
 * @throws {StoreDamaged} when what is there cannot be trusted.
 */
export async function openMemoryStore(
  disk: ModelDisk,
  place: string,
  env: Env,
  options: MemoryStoreOptions = {},
): Promise<CheckpointStore> {
  refuseUnknownOptions('openMemoryStore', options, OPTIONS)
  const session = new StoreSession(new MemoryFiles(disk, place), env)
  session.log()
  return new FileStore(session, options.compactAboveBytes ?? 1 << 16)
}

const HEAD_RECORD_BYTES = 28
/** The first is durable from the beginning and never written again, the others in turn. */
const HEAD_PLACES = [0, HEAD_RECORD_BYTES, 2 * HEAD_RECORD_BYTES] as const
const STATE = /\/(state-\d+(?:\.(\d+))?)~\d+$/

class MemoryFiles implements StoreFiles {
  readonly place: string
  readonly logPath: string
  readonly headPath: string
  readonly #disk: ModelDisk
  #log: MemoryLog | undefined
  #writes = 0

  constructor(disk: ModelDisk, place: string) {
    this.#disk = disk
    this.place = place
    this.logPath = `${place}/log`
    this.headPath = `${place}/head`
  }

  statePath(partition: number, generation: number): string {
    return `${this.place}/state-${partition}${generation === 0 ? '' : `.${generation}`}`
  }

  make(): void {
    // Names need no folder.
  }

  sync(): void {
    this.#guarded(this.place, () => this.#disk.syncNames())
  }

  hasLog(): boolean {
    return hasFrames(this.#disk, this.logPath)
  }

  openLog(isNew: boolean): MemoryLog {
    const least = this.#head()?.log
    if (isNew && !canReadFrames(this.#disk, this.logPath))
      this.#guarded(this.logPath, () => beginFrames(this.#disk, this.logPath))
    this.#log = new MemoryLog(this.#disk, this.logPath, least)
    return this.#log
  }

  openPartition(name: PartitionName, isNew: boolean): MemoryPartition {
    const path = this.statePath(name.partition, name.generation)
    if (isNew) this.#guarded(path, () => beginFrames(this.#disk, path))
    else if (!hasFrames(this.#disk, path)) throw new StoreDamaged(path, 'it is missing')
    return new MemoryPartition(this.#disk, path, name, isNew)
  }

  states(): readonly { readonly name: string; readonly generation: number }[] {
    const found = new Map<string, number>()
    for (const name of this.#disk.list()) {
      const match = name.startsWith(`${this.place}/`) ? STATE.exec(name) : null
      if (match !== null) found.set(match[1] as string, Number(match[2] ?? 0))
    }
    return [...found].map(([name, generation]) => ({ name, generation }))
  }

  removeState(name: string): void {
    removeFrames(this.#disk, `${this.place}/${name}`)
  }

  head(): number | undefined {
    return this.#head()?.step
  }

  makeHead(): void {
    this.#guarded(this.headPath, () => {
      const begun = `${this.headPath}.new`
      this.#disk.create(begun)
      for (const place of HEAD_PLACES) this.#disk.write(begun, place, this.#headRecord(0))
      this.#disk.sync(begun)
      this.#disk.moveAll(begun, this.headPath)
      this.#disk.syncNames()
    })
  }

  writeHead(step: number): void {
    const place = HEAD_PLACES[1 + (this.#writes++ % 2)] as number
    this.#guarded(this.headPath, () => this.#disk.write(this.headPath, place, this.#headRecord(step)))
  }

  syncHead(): void {
    this.#guarded(this.headPath, () => this.#disk.sync(this.headPath))
  }

  closeHead(): void {
    // Nothing is open.
  }

  at(place: string): MemoryFiles {
    return new MemoryFiles(this.#disk, place)
  }

  isOccupied(): boolean {
    return this.#disk.list().some((name) => name.startsWith(`${this.place}/`))
  }

  remove(): void {
    for (const name of this.#disk.list()) if (name.startsWith(`${this.place}/`)) this.#disk.remove(name)
  }

  moveTo(place: string): void {
    this.#disk.moveAll(`${this.place}/`, `${place}/`)
    this.#guarded(place, () => this.#disk.syncNames())
  }

  /** What was durable when it was written. */
  #headRecord(step: number): Uint8Array {
    const { turn, length } = this.#log?.position ?? { turn: 0, length: 0 }
    const record = new Uint8Array(HEAD_RECORD_BYTES)
    const view = new DataView(record.buffer)
    view.setFloat64(0, step, true)
    view.setFloat64(8, turn, true)
    view.setFloat64(16, length, true)
    view.setUint32(24, crc32(record.subarray(0, 24)), true)
    return record
  }

  #head(): { readonly step: number; readonly log: FramePosition } | undefined {
    if (!this.#disk.has(this.headPath)) return undefined
    const bytes = this.#disk.read(this.headPath)
    const records = HEAD_PLACES.flatMap((place) => {
      if (place + HEAD_RECORD_BYTES > bytes.length) return []
      const view = new DataView(bytes.buffer, bytes.byteOffset + place, HEAD_RECORD_BYTES)
      const isWhole = crc32(bytes.subarray(place, place + 24)) === view.getUint32(24, true)
      const position = { turn: view.getFloat64(8, true), length: view.getFloat64(16, true) }
      return isWhole ? [{ step: view.getFloat64(0, true), log: position }] : []
    })
    const newest = records.sort((a, b) => b.step - a.step || b.log.turn - a.log.turn || b.log.length - a.log.length)[0]
    if (newest === undefined) throw new StoreDamaged(this.headPath, 'none of its records can be read')
    return newest
  }

  #guarded(path: string, body: () => void): void {
    try {
      body()
    } catch (error) {
      throw new StoreFailed(path, reasonOf(error), (error as Partial<DiskError>).errno === 'ENOSPC', error)
    }
  }
}
