/**
 * Follows a file that grows, and the files that take its name after it.
 *
 * Law: the lines of a file come in order, each once, and all of them before the first line of the file that takes its name;
 * a position names a file by its identity, so it stays true when the file is renamed.
 */
import * as t from 'io-ts'
import type { FileHandle, FileStatus, FileSystem } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import type { LineLimits } from './line-buffer.js'
import { BadLine, type FedLine, LineFeed } from './line-feed.js'
import { folderOf, splitPath } from './shard-names.js'

/** A place in a file that is followed. Plain data: it can be stored, and given to a later run. */
export interface TailPosition {
  /** Which file, whatever its name. */
  readonly file: string
  /** Bytes of it that were read. */
  readonly offset: number
  /** Tells whether what lies before the offset is still what was read. */
  readonly check: number
}

/** Describes positions. */
export const tailPositionCodec: t.Type<TailPosition> = t.type({ file: t.string, offset: t.number, check: t.number })

/** How a file is followed. */
export interface TailReaderOptions extends LineLimits {
  readonly path: string
  readonly whenDeleted: 'wait' | 'end'
  /** Whether lines say where they lie. */
  readonly withOffsets: boolean
  /** Told what is lost. */
  readonly warn: (fields: object, message: string) => void
}

/** The position of a reader that looked before there was a file: the one that comes is read from its beginning. */
const NOTHING: TailPosition = { file: '', offset: 0, check: 0 }

/** Bytes read at a time. */
const BLOCK_BYTES = 256 * 1024
/** Bytes before an offset that tell whether a file is still the same. */
const CHECK_BYTES = 64
/** No file has this check. */
const NO_CHECK = -1

/** The file that is read now. */
interface Current {
  readonly handle: FileHandle
  readonly id: string
  readonly feed: LineFeed
  /** What the bytes before the end read so far were, and how long the file was then. */
  seen: { readonly offset: number; readonly check: number; readonly size: number }
  /** Whether the name was another file's already when the reader last looked. */
  isReplaced: boolean
}

/** Reads a file that grows. */
export class TailReader {
  readonly #files: FileSystem
  readonly #options: TailReaderOptions
  #start: 'beginning' | 'end' | TailPosition
  #current: Current | undefined
  /** A line of a file that has ended, without an end of its own. */
  #last: FedLine | undefined
  /** The end of the file before. */
  #behind: TailPosition | undefined
  #isOver = false

  constructor(files: FileSystem, start: 'beginning' | 'end' | TailPosition, options: TailReaderOptions) {
    this.#files = files
    this.#start = start
    this.#options = options
  }

  /** Looks which file there is by now. @returns where reading begins. */
  begin(): TailPosition {
    this.#open()
    return this.position() ?? NOTHING
  }

  /** The next line, or why there is none: nothing now, or nothing ever again. */
  next(): FedLine | 'idle' | 'end' {
    for (;;) {
      const line = this.#last ?? this.#attemptLine(false)
      this.#last = undefined
      if (line !== undefined) return line
      if (this.#isOver) return 'end'
      const state = this.#current === undefined ? this.#open() : this.#readOn(this.#current)
      if (state !== 'more') return state
    }
  }

  /** Where the next line begins; `undefined` while no file has been there. */
  position(): TailPosition | undefined {
    const current = this.#current
    if (current === undefined) return this.#behind ?? (typeof this.#start === 'object' ? this.#start : undefined)
    const { offset } = current.feed
    // What was cut since must not be taken for what was read: with such a position the file is read from its beginning.
    const check = isOther(current.handle, current.seen) ? NO_CHECK : checkBefore(current.handle, offset)
    return { file: current.id, offset, check }
  }

  /** Bytes that are there and have not become lines. */
  backlog(): number {
    if (this.#current === undefined) return this.#files.status(this.#options.path)?.size ?? 0
    const { handle, feed } = this.#current
    return Math.max(0, handle.status().size - feed.offset)
  }

  close(): void {
    this.#current?.handle.close()
    this.#current = undefined
  }

  // ---- which file ------------------------------------------------------------------------------------------------

  #open(): 'more' | 'idle' {
    const { path } = this.#options
    const start = this.#start
    const from = typeof start === 'object' ? this.#pathOf(start) : path
    if (this.#files.status(from) === undefined) {
      // What comes after the first look has no old lines that could be meant by "the end".
      if (start === 'end') this.#start = NOTHING
      return 'idle'
    }
    const handle = this.#attempt('open', () => this.#files.openForReading(from))
    const status = handle.status()
    if (status.kind !== 'file') {
      handle.close()
      throw coded(
        'MR-5002',
        new Error(
          `"${path}" is ${status.kind === 'directory' ? 'a folder' : 'no file'}, and cannot be followed. Give tailLines the path of a file; watchFiles and spool follow folders.`,
        ),
      )
    }
    this.#start = 'beginning'
    const offset = offsetIn(handle, status, start)
    if (typeof start === 'object' && start.file !== '') this.#warnOfGap(start, from, status, offset)
    this.#current = this.#begin(handle, status, offset)
    return 'more'
  }

  /** Says what a reader that begins at a position cannot follow: its file is gone, or there was one after it. */
  #warnOfGap(position: TailPosition, from: string, { modified }: FileStatus, offset: number): void {
    const { path, warn } = this.#options
    if (offset === 0 && position.offset > 0) {
      warn(
        { file: path, offset: position.offset },
        `the file that the position of "${path}" is of is gone, packed, or was cut: what was not read of it is lost. "${path}" is read from its beginning.`,
      )
    }
    if (from === path) return
    const name = path.slice(splitPath(path).folder.length)
    const between = this.#files.list(folderOf(path)).filter((other) => {
      const sibling = `${splitPath(path).folder}${other}`
      if (!other.startsWith(name) || sibling === path || sibling === from) return false
      const status = this.#files.status(sibling)
      return status?.kind === 'file' && status.id !== position.file && status.modified > modified
    })
    if (between.length === 0) return
    warn(
      { file: path, from, between },
      `"${path}" was rotated more than once since its position was taken: "${from}" is read to its end, then "${path}". Read ${between.map((other) => `"${other}"`).join(', ')} with readLines: what is in there is not followed.`,
    )
  }

  #begin(handle: FileHandle, { id }: FileStatus, from: number): Current {
    const first = Math.max(0, from - 1)
    const feed = new LineFeed(from, first, BLOCK_BYTES, this.#options, this.#options.withOffsets)
    return { handle, id, feed, seen: seenAt(handle, first), isReplaced: false }
  }

  /** Where the file of a position is now: it may have been renamed since. */
  #pathOf(position: TailPosition): string {
    const { path } = this.#options
    if (position.file === '' || this.#files.status(path)?.id === position.file) return path
    const folder = folderOf(path)
    const inFolder = path.startsWith(folder) ? `${folder.replace(/[\\/]$/, '')}/` : ''
    const renamed = this.#files
      .list(folder)
      .map((name) => `${inFolder}${name}`)
      .find((other) => this.#files.status(other)?.id === position.file && this.#holds(other, position))
    return renamed ?? path
  }

  /** Whether a file is that of a position: the number of a file that is gone may be given to another. */
  #holds(path: string, { offset, check }: TailPosition): boolean {
    const handle = this.#files.openForReading(path)
    try {
      return handle.status().size >= offset && checkBefore(handle, offset) === check
    } finally {
      handle.close()
    }
  }

  // ---- reading ---------------------------------------------------------------------------------------------------

  #readOn(current: Current): 'more' | 'idle' {
    const { handle, feed } = current
    const { seen } = current
    if (isOther(handle, seen)) return this.#restart(current)
    const space = feed.space()
    const count = this.#attempt('read', () => handle.read(space, 0, space.length, feed.received))
    // Cut while it was read: nobody knows of which content the block is.
    if (isOther(handle, seen)) return this.#restart(current)
    if (count > 0) {
      // Of what was read rather than of the file, which may be cut at this moment.
      const check = count < CHECK_BYTES ? undefined : hashOf(space.subarray(count - CHECK_BYTES, count))
      feed.filled(count)
      current.seen = { ...seenAt(handle, feed.received), ...(check === undefined ? {} : { check }) }
      current.isReplaced = false
      return 'more'
    }
    return this.#atEnd(current)
  }

  #atEnd(current: Current): 'more' | 'idle' {
    const { path, whenDeleted } = this.#options
    const named = this.#files.status(path)
    const { received } = current.feed
    if (named?.id === current.id) {
      if (named.size < received) return this.#restart(current)
      current.isReplaced = false
      return 'idle'
    }
    // Who has the old file open may still write to it: it is looked at once more, a poll later.
    if (!current.isReplaced) {
      current.isReplaced = true
      return 'idle'
    }
    if (named === undefined && whenDeleted === 'wait') return 'idle'
    this.#finish(current)
    this.#isOver = named === undefined
    return 'more'
  }

  /** The file was cut, and is filled anew from its beginning. */
  #restart(current: Current): 'more' {
    const { seen } = current
    const unread = seen.size - seen.offset
    // With more behind it, what has no end is half a line, and its other half is gone.
    if (unread <= 0) this.#last = this.#attemptLine(true)
    else {
      this.#options.warn(
        { file: this.#options.path, bytes: unread },
        `"${this.#options.path}" was cut while at least ${unread} bytes of it were not read: they are lost. It is read from its beginning again. Rotate by renaming, or cut less often than the pipeline takes to catch up.`,
      )
    }
    this.#current = this.#begin(current.handle, current.handle.status(), 0)
    return 'more'
  }

  /** Nothing more comes of this file: its last line may have no end. */
  #finish({ handle, id, feed }: Current): void {
    this.#last = this.#attemptLine(true)
    this.#behind = { file: id, offset: feed.received, check: checkBefore(handle, feed.received) }
    handle.close()
    this.#current = undefined
  }

  #attemptLine(isAtEnd: boolean): FedLine | undefined {
    try {
      return this.#current?.feed.next(isAtEnd)
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      throw coded(error.code, new Error(`line at byte ${error.offset} of "${this.#options.path}" ${error.message}`))
    }
  }

  #attempt<T>(what: string, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw coded('MR-5004', new Error(`cannot ${what} "${this.#options.path}": ${messageOf(error)}`, { cause: error }))
    }
  }
}

/** Where in a file reading begins. */
function offsetIn(handle: FileHandle, { id, size }: FileStatus, start: 'beginning' | 'end' | TailPosition): number {
  if (start === 'beginning') return 0
  if (start === 'end') return size
  const { file, offset, check } = start
  return file === id && size >= offset && checkBefore(handle, offset) === check ? offset : 0
}

/** What a file is known by, read up to an offset. */
function seenAt(handle: FileHandle, offset: number): Current['seen'] {
  return { offset, check: checkBefore(handle, offset), size: handle.status().size }
}

/** Whether a file is no longer what was read: it was cut, or cut and filled again. */
function isOther(handle: FileHandle, { offset, check }: { readonly offset: number; readonly check: number }): boolean {
  return handle.status().size < offset || checkBefore(handle, offset) !== check
}

/** A hash of the bytes before an offset. */
function checkBefore(handle: FileHandle, offset: number): number {
  const bytes = new Uint8Array(Math.min(CHECK_BYTES, offset))
  return hashOf(bytes.subarray(0, handle.read(bytes, 0, bytes.length, offset - bytes.length)))
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
