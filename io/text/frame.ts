/**
 * A frame is the text of one record with its place: what lies between finding the records of a file and understanding them.
 *
 * Law: each byte of a file that is part of a record is in exactly one frame, whatever is wrong with it.
 */
import type { Problem } from './line-buffer.js'
import { typed, type TypeOnly } from '../../sdk/codec.js'
import type { FileSystem } from '../../sdk/env.js'
import { NEWLINE_BLOCK_BYTES, newlinesUpTo } from './line-count.js'

/** The text of a record, and where it lies. */
export interface Frame {
  /** The text; of a record that is too long, its beginning. */
  readonly text: string
  /** Path of the file. */
  readonly file: string
  /** Offset of its first byte; in a packed file, of the text that it unpacks to. */
  readonly offset: number
  /** Where its reader began to count lines: 0 in a packed file. */
  readonly countedFrom: number
  /** Line ends from there to the record. */
  readonly lines: number
  /** What is wrong with it, where that was seen before it was understood. */
  readonly bad: Problem | undefined
}

/** Frames between two steps of the package's own. */
export const frameCodec: TypeOnly<Frame> = typed<Frame>()

/** Lines of frames, counted when somebody asks: a range of a file does not know how many lines lie before it. */
export class FramePlaces {
  readonly #files: FileSystem
  /** By path, up to which offset lines were counted, and how many there are. */
  readonly #counted = new Map<string, { readonly offset: number; readonly lines: number }>()
  #block: Uint8Array | undefined

  constructor(files: FileSystem) {
    this.#files = files
  }

  /** `file:line (byte offset)`, the first line being 1. */
  placeOf({ file, offset, countedFrom, lines }: Frame): string {
    return `${file}:${this.#linesBefore(file, countedFrom) + lines + 1} (byte ${offset})`
  }

  #linesBefore(file: string, offset: number): number {
    if (offset === 0) return 0
    const known = this.#counted.get(file)
    const start = known !== undefined && known.offset <= offset ? known : { offset: 0, lines: 0 }
    const block = (this.#block ??= new Uint8Array(NEWLINE_BLOCK_BYTES))
    const lines = start.lines + newlinesUpTo(this.#files, file, start.offset, offset, block)
    this.#counted.set(file, { offset, lines })
    return lines
  }
}
