/**
 * Files that a checkpoint names: what a write has gathered in hidden folders, and not put in place yet. These folders are called after the
 * query. A savepoint is a query of its own, so it gets copies of them, in folders that are called after it.
 *
 * Law: neither of two queries names a file of the other; where a file that is named is not found, there is no savepoint, and no copy.
 */
import { closeSync, constants, copyFileSync, fsyncSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ErrorCode } from '../../sdk/error-codes.js'
import { nodeFiles } from '../direct/node.js'
import type { StoredEntry } from '../micro-batch/store/checkpoint-store.js'

/** Bytes of the length before a text, at most: no path is longer. */
const LENGTH_BYTES = 3

/** A file that is named is not there. */
export class KeptFileGone extends Error {
  override readonly name = 'KeptFileGone'
  readonly code: ErrorCode = 'MR-5004'

  constructor(part: string, named: string) {
    super(
      `the checkpoint keeps the name of a file that is gathered for a write, and the file is not found: ${named}, in "${part}". A savepoint has copies of such files. Take it in the folder that the run was started in, where its paths are relative, and where its outputs can be reached; and leave hidden folders beside outputs alone.`,
    )
  }
}

/** Copies files from a query to another. */
export class SavepointFiles {
  readonly #from: Buffer
  readonly #to: Buffer
  /** By the path of what was copied. */
  readonly #copies = new Map<string, string>()

  /** @param from id of the query that is copied. @param to id of the savepoint, of the same length: lengths of texts stay what they are. */
  constructor(from: string, to: string) {
    this.#from = Buffer.from(markOf(from))
    this.#to = Buffer.from(markOf(to))
  }

  /** What the savepoint keeps in place of an entry, once the files that it names are copied. @throws {KeptFileGone} */
  entry(entry: StoredEntry): StoredEntry {
    const { content } = entry
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    let at = bytes.indexOf(this.#from)
    if (at < 0) return entry
    const copy = Buffer.from(bytes)
    for (; at >= 0; at = bytes.indexOf(this.#from, at + this.#from.length)) {
      this.#copy(this.#pathAt(bytes, at) ?? this.#gone(entry.part, bytes, at))
      this.#to.copy(copy, at)
    }
    return { ...entry, content: new Uint8Array(copy) }
  }

  /** There is no savepoint: its files go. */
  remove(): void {
    for (const copy of this.#copies.values()) nodeFiles.remove(copy)
    for (const folder of new Set([...this.#copies.values()].map(dirname))) nodeFiles.removeFolder(folder)
    this.#copies.clear()
  }

  /** The path that goes through here: a text, with its length before it, that is the name of a file. */
  #pathAt(bytes: Buffer, at: number): string | undefined {
    for (let start = at; start > 0; start--) {
      for (let width = 1; width <= LENGTH_BYTES && width <= start; width++) {
        const length = lengthOf(bytes.subarray(start - width, start))
        if (length === undefined || start + length <= at + this.#from.length) continue
        if (start + length > bytes.length) continue
        const path = bytes.toString('utf8', start, start + length)
        if (this.#copies.has(path) || isFile(path)) return path
      }
    }
    return undefined
  }

  #gone(part: string, bytes: Buffer, at: number): never {
    const text = bytes.toString('utf8', Math.max(0, at - 200), at + 100)
    // Control characters are numbers, and none of a name.
    const [named] = text.split(/[\0-\x1f\ufffd]+/).filter((each) => each.includes(this.#from.toString()))
    throw new KeptFileGone(part, named ?? '')
  }

  #copy(path: string): void {
    if (this.#copies.has(path)) return
    const to = path.replace(this.#from.toString(), this.#to.toString())
    nodeFiles.makeFolder(dirname(to))
    this.#copies.set(path, to)
    copyFileSync(path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    const handle = openSync(to, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    nodeFiles.syncFolder(dirname(to))
    nodeFiles.syncFolder(dirname(dirname(to)))
  }
}

/** What only looks like a path may be none at all. */
function isFile(path: string): boolean {
  try {
    return !path.includes('\0') && statSync(path).isFile()
  } catch {
    return false
  }
}

/** How the names of a query's hidden folders go on. */
function markOf(query: string): string {
  return `.tmp-${query}-`
}

/** A length in its shortest form, seven bits a byte, the lowest first. */
function lengthOf(bytes: Buffer): number | undefined {
  let length = 0
  for (const [i, byte] of bytes.entries()) {
    const isLast = i === bytes.length - 1
    if (isLast === byte >= 0x80 || (isLast && i > 0 && byte === 0)) return undefined
    length += (byte & 0x7f) * 0x80 ** i
  }
  return length
}
