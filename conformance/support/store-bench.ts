/**
 * A CheckpointStore on the bench: opened, stopped at its crash points, copied as a crash would leave it, damaged.
 *
 * Law: an image is what the end of the process at that moment leaves, and nothing that happens later changes it.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, seededRandom } from '../../sdk/env.js'
import { systemEnv } from '../../runners/core/system-env.js'
import type { CheckpointStore } from '../../runners/micro-batch/store/checkpoint-store.js'
import { openMemoryStore } from '../../runners/micro-batch/store/memory-store.js'
import { ModelDisk } from '../../runners/micro-batch/store/model-disk.js'
import { openSqliteStore } from '../../runners/micro-batch/store/sqlite-store.js'

/** See the head of this file. */
export interface StoreBench {
  /** Opens what is there. */
  open(): Promise<CheckpointStore>
  /** Called at each crash point. */
  onCrashPoint: ((name: string) => void) | undefined
  /** What the end of the process would leave now. */
  image(): StoreBench
  /** A bench beside this one, with nothing in it; its place is the name that `savepoint` takes. */
  beside(): { readonly place: string; readonly bench: StoreBench }
  /** Names of files. */
  files(): readonly string[]
  /** Changes the bytes of a file, or removes it. */
  damage(file: string, change: (bytes: Uint8Array) => Uint8Array | undefined): void
  /** Bytes of all files. */
  size(): number
  /** Ends it: stores that are open are closed, folders removed. */
  end(): Promise<void>
}

/** Files in memory where there are such: what fsync costs is not what is looked at, and a story has hundreds. */
const FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A bench of SQLite files in a temporary folder. */
export class SqliteBench implements StoreBench {
  onCrashPoint: ((name: string) => void) | undefined
  readonly #root: string
  readonly folder: string
  readonly #open: CheckpointStore[] = []
  readonly #others: StoreBench[] = []
  readonly #compactAboveBytes: number

  /** @param folder where it is to be; it is not removed with the bench. */
  constructor(compactAboveBytes = 500, folder?: string) {
    this.#compactAboveBytes = compactAboveBytes
    this.#root = mkdtempSync(join(FOLDER, 'millrace-store-'))
    this.folder = folder ?? join(this.#root, 'checkpoint')
  }

  get env(): Env {
    return { ...systemEnv(), crashpoint: (name) => this.onCrashPoint?.(name) }
  }

  async open(): Promise<CheckpointStore> {
    const store = await openSqliteStore(this.folder, this.env, { compactAboveBytes: this.#compactAboveBytes })
    this.#open.push(store)
    return store
  }

  image(): SqliteBench {
    const { bench } = this.beside()
    if (existsSync(this.folder)) cpSync(this.folder, bench.folder, { recursive: true })
    // The index of the write-ahead log is made anew from the log: whoever crashed had it open, and it is memory, not content.
    for (const file of bench.files()) if (file.endsWith('-shm')) rmSync(join(bench.folder, file))
    return bench
  }

  beside(): { readonly place: string; readonly bench: SqliteBench } {
    const bench = new SqliteBench(this.#compactAboveBytes)
    this.#others.push(bench)
    return { place: bench.folder, bench }
  }

  files(): readonly string[] {
    return existsSync(this.folder) ? readdirSync(this.folder).sort() : []
  }

  damage(file: string, change: (bytes: Uint8Array) => Uint8Array | undefined): void {
    const path = join(this.folder, file)
    const bytes = change(readFileSync(path))
    if (bytes === undefined) rmSync(path)
    else writeFileSync(path, bytes)
  }

  size(): number {
    return this.files().reduce((sum, file) => sum + statSync(join(this.folder, file)).size, 0)
  }

  async end(): Promise<void> {
    this.onCrashPoint = undefined
    for (const store of this.#open) await store.close()
    for (const bench of this.#others) await bench.end()
    rmSync(this.#root, { recursive: true, force: true })
  }
}

/** A bench on a modelled disk. */
export class MemoryBench implements StoreBench {
  onCrashPoint: ((name: string) => void) | undefined
  readonly disk: ModelDisk
  readonly #place: string
  readonly #compactAboveBytes: number
  #others = 0

  constructor(compactAboveBytes = 500, disk: ModelDisk = new ModelDisk(seededRandom(7)), place = 'checkpoint') {
    this.#compactAboveBytes = compactAboveBytes
    this.disk = disk
    this.#place = place
  }

  open(): Promise<CheckpointStore> {
    const env = { ...systemEnv(), crashpoint: (name: string) => this.onCrashPoint?.(name) }
    return openMemoryStore(this.disk, this.#place, env, { compactAboveBytes: this.#compactAboveBytes })
  }

  image(): MemoryBench {
    return new MemoryBench(this.#compactAboveBytes, this.disk.copy(), this.#place)
  }

  beside(): { readonly place: string; readonly bench: MemoryBench } {
    const place = `other-${++this.#others}`
    return { place, bench: new MemoryBench(this.#compactAboveBytes, this.disk, place) }
  }

  files(): readonly string[] {
    const start = `${this.#place}/`
    return this.disk.list().flatMap((name) => (name.startsWith(start) ? [name.slice(start.length)] : []))
  }

  damage(file: string, change: (bytes: Uint8Array) => Uint8Array | undefined): void {
    const name = `${this.#place}/${file}`
    const bytes = change(this.disk.read(name).slice())
    this.disk.remove(name)
    if (bytes !== undefined) {
      this.disk.create(name)
      this.disk.append(name, bytes)
      this.disk.sync(name)
    }
    this.disk.syncNames()
  }

  size(): number {
    return this.disk.size()
  }

  async end(): Promise<void> {
    // Nothing is open.
  }
}
