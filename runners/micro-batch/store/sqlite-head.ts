/**
 * The file `head`: the newest step, a durable plan or a commit, written down after it and never made durable by itself. SQLite takes
 * a write-ahead log whose end is broken for one that ends earlier, and steps that were promised would be gone without a word; this
 * file remembers them.
 *
 * Law: what it says was durable before it was written, so a log that knows less has lost something. After a loss of power it may say
 * too little, never too much.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { reasonOf, StoreDamaged, StoreFailed } from './errors.js'

/** One after the other in turn, so that a write that is broken off leaves the other. Far enough apart for no disk to write both. */
const PLACES = [4096, 8192] as const
/** Durable from the beginning and never written again: both others may be torn by a loss of power. */
const FIRST_PLACE = 0
const RECORD_BYTES = 16
const MAGIC = 0x4d526864

/** The open file. */
export class HeadFile {
  readonly #path: string
  readonly #descriptor: number

  /** @param isNew makes it, and makes it durable. */
  constructor(path: string, isNew: boolean) {
    this.#path = path
    const begun = `${path}.new`
    this.#descriptor = this.#guarded(() => openSync(isNew ? begun : path, isNew ? 'w+' : 'r+', 0o600))
    if (!isNew) return
    try {
      for (const place of [FIRST_PLACE, ...PLACES]) this.#write(0, place)
      this.sync()
      this.#guarded(() => renameSync(begun, path))
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Remembers a step. */
  write(step: number): void {
    this.#write(step, PLACES[step % 2] as number)
  }

  /** Makes it durable, where it is not written down after each commit. */
  sync(): void {
    this.#guarded(() => fsyncSync(this.#descriptor))
  }

  #write(step: number, place: number): void {
    const record = Buffer.alloc(RECORD_BYTES)
    record.writeUInt32LE(MAGIC, 0)
    record.writeDoubleLE(step, 4)
    record.writeUInt32LE(crc32(record.subarray(0, 12)), 12)
    this.#guarded(() => writeSync(this.#descriptor, record, 0, RECORD_BYTES, place))
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #guarded<T>(body: () => T): T {
    try {
      return body()
    } catch (error) {
      throw new StoreFailed(this.#path, reasonOf(error), (error as NodeJS.ErrnoException).code === 'ENOSPC', error)
    }
  }
}

/** What is wrong with the file, down to the byte: a record that cannot be read, and anything between the records. */
export function headFaults(path: string): readonly string[] {
  const bytes = readFileSync(path)
  const places = [FIRST_PLACE, ...PLACES]
  const faults = places
    .filter((place) => stepAt(bytes, place) === undefined)
    .map(
      (place) =>
        `its record at byte ${place} cannot be read; after a loss of power that may be, and the next run mends it`,
    )
  const isOfRecord = (at: number): boolean => places.some((place) => at >= place && at < place + RECORD_BYTES)
  const stray = bytes.findIndex((byte, at) => byte !== 0 && !isOfRecord(at))
  return stray < 0 ? faults : [...faults, `byte ${stray} lies in no record, and is not 0`]
}

function stepAt(bytes: Buffer, place: number): number | undefined {
  const record = bytes.subarray(place, place + RECORD_BYTES)
  if (record.length < RECORD_BYTES || record.readUInt32LE(0) !== MAGIC) return undefined
  return crc32(record.subarray(0, 12)) === record.readUInt32LE(12) ? record.readDoubleLE(4) : undefined
}

/** The step that the file remembers; `undefined` where there is no file. @throws {StoreDamaged} when it says nothing. */
export function readHead(path: string): number | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new StoreFailed(path, reasonOf(error), false, error)
  }
  const steps = [FIRST_PLACE, ...PLACES].flatMap((place) => {
    const step = stepAt(bytes, place)
    return step === undefined ? [] : [step]
  })
  if (steps.length === 0) throw new StoreDamaged(path, 'none of its records can be read')
  return Math.max(...steps)
}
