/**
 * Parts of a queue that are on the disk: files in a folder of the query's own, each written once and read once.
 *
 * Law: what is read is what was written, or the file is named; nothing is there any more once the run is over, or another has begun.
 * A driver touches its own files, and with the lease those of drivers before it: never those of one that has the lease.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { FileSystem } from '../../../sdk/env.js'
import { messageOf } from '../../../sdk/errors.js'
import { crc32 } from '../store/crc32.js'

/** Where queues may spill to. */
export interface SpillPlace {
  readonly files: FileSystem
  readonly folder: string
  /** Unlike that of any other run. */
  readonly run: string
}

/** Bytes before a frame: its length and its checksum, both unsigned, the lowest byte first. */
const HEAD_BYTES = 8

/** Where the queue of a stage spills to, in the folder of its run; with workers, that of one of its partitions. */
export function spillFolder(folder: string, stage: number, partition?: number): string {
  return `${folder}/queue-${stage}${partition === undefined ? '' : `-${partition + 1}`}`
}

/** Removes what was left by drivers, and by workers, that have ended before they could: of leases up to this one. */
export function clearSpilled(files: FileSystem, folder: string, epoch: number): void {
  for (const name of files.list(folder)) {
    if (!/^queue-\d+(-\d+)?$/.test(name)) continue
    const left = new SpilledParts({ files, folder: `${folder}/${name}`, run: '' })
    left.begin(epoch)
    left.close()
  }
}

/** Files of one queue. */
export class SpilledParts {
  readonly #place: SpillPlace
  #number = 0
  /** Of the lease; `undefined` before there is one. */
  #epoch: number | undefined

  constructor(place: SpillPlace) {
    this.#place = place
  }

  /**
   * The run has the lease. Removes what drivers before it have left: what they had not planned was never acknowledged. One that stands
   * still, and goes on when it was taken over from, does not come to what is newer.
   */
  begin(epoch: number): void {
    const { files, folder } = this.#place
    this.#epoch = epoch
    for (const name of files.list(folder)) {
      const [, made = 0] = /^e(\d+)-.*\.part$/.exec(name) ?? []
      if (Number(made) <= epoch) files.remove(`${folder}/${name}`)
    }
  }

  /** Whether there is a lease to write with. */
  get isBegun(): boolean {
    return this.#epoch !== undefined
  }

  /** Writes a part. @returns its path. @throws when it cannot be written; nothing is left of it then. */
  write(frames: readonly Uint8Array[]): string {
    const { files, folder, run } = this.#place
    files.makeFolder(folder)
    const path = `${folder}/e${this.#epoch ?? 0}-${run}-${++this.#number}.part`
    const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + HEAD_BYTES + length, 0))
    const view = new DataView(bytes.buffer)
    let at = 0
    for (const frame of frames) {
      view.setUint32(at, frame.length, true)
      view.setUint32(at + 4, crc32(frame), true)
      bytes.set(frame, at + HEAD_BYTES)
      at += HEAD_BYTES + frame.length
    }
    const handle = files.create(path)
    try {
      handle.write(bytes)
    } catch (error) {
      handle.close()
      files.remove(path)
      throw error
    }
    handle.close()
    return path
  }

  /** The frames of a part. @throws when it is not what was written. */
  read(path: string): readonly Uint8Array[] {
    const bytes = this.#bytesOf(path)
    const view = new DataView(bytes.buffer)
    const frames: Uint8Array[] = []
    for (let at = 0; at < bytes.length;) {
      const length = at + HEAD_BYTES <= bytes.length ? view.getUint32(at, true) : Infinity
      const frame = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)
      if (frame.length !== length || crc32(frame) !== view.getUint32(at + 4, true)) throw damaged(path, `at byte ${at}`)
      frames.push(frame)
      at += HEAD_BYTES + length
    }
    return frames
  }

  #bytesOf(path: string): Uint8Array {
    try {
      const handle = this.#place.files.openForReading(path)
      try {
        const bytes = new Uint8Array(handle.status().size)
        for (let at = 0; at < bytes.length;) {
          const count = handle.read(bytes, at, bytes.length - at, at)
          if (count === 0) break
          at += count
        }
        return bytes
      } finally {
        handle.close()
      }
    } catch (error) {
      throw damaged(path, messageOf(error))
    }
  }

  remove(path: string): void {
    this.#place.files.remove(path)
  }

  /** The run is over. Where others' files are, the folder stays. */
  close(): void {
    const { files, folder } = this.#place
    if (this.isBegun && files.status(folder) !== undefined) files.removeFolder(folder)
  }
}

function damaged(path: string, where: string): Error {
  return coded(
    'MR-6062',
    new Error(
      `a part of a source's queue cannot be read back: ${path}, ${where}. What it held was not acknowledged and is in no result. Look at the disk, and start the run again.`,
    ),
  )
}
