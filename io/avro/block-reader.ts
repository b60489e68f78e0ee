/**
 * Reads the blocks of one Avro file from an offset on. It outlives bundles.
 *
 * Law: a block belongs to the range in which the marker before it begins (that of the first block ends the header), so the
 * ranges of a file, read in any order, give each record once. After a block that cannot be read comes the next marker.
 */
import { coded, errorCode } from '../../sdk/error-codes.js'
import type { FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import type { PlacedReader } from '../records/open-readers.js'
import { hexOf, type UnreadPart } from '../records/bad-part.js'
import type { MatchedFile } from '../text/match-files.js'
import type { Unpack } from './compression.js'
import { type AvroHeader, readBlock, readHeader, SYNC_BYTES } from './container.js'
import { AvroDataError, EMPTY_MAX, Input, type Read, readValue } from './decode.js'
import { FileWindow } from './file-window.js'

/** What is needed to read the blocks of a file. */
export interface Decoding {
  readonly read: Read
  readonly unpack: Unpack
}

/** How a file is read. */
export interface BlockReaderOptions {
  readonly maxBlockBytes: number
  /** How files with this header are read. @throws when they cannot be. */
  readonly decodingOf: (header: AvroHeader) => Decoding | Promise<Decoding>
}

/** Takes the records of a bundle. */
export interface RecordSink {
  readonly emit: (record: unknown) => void
  /** Takes what cannot be read. @throws when nobody wants to have it. */
  readonly unread: (part: UnreadPart) => void
}

/** A file that is being read. */
export class BlockReader implements PlacedReader {
  readonly #file: MatchedFile
  readonly #window: FileWindow
  readonly #options: BlockReaderOptions
  #opened: { readonly header: AvroHeader; readonly decoding: Decoding } | undefined
  /** Nothing before it is left to be read. */
  #from: number
  /** Offset of the next marker, where it is known. */
  #next: number | undefined
  #hasFailedBehind = false

  constructor(files: FileSystem, file: MatchedFile, from: number, options: BlockReaderOptions) {
    this.#file = file
    this.#options = options
    this.#from = from
    this.#window = new FileWindow(files.openForReading(file.path))
  }

  isAt(from: number): boolean {
    return from >= this.#from && (this.#next === undefined ? from === this.#from : from <= this.#next)
  }

  close(): void {
    this.#window.close()
  }

  /** Emits the records of the tracker's range until a claim is refused. */
  async read(tracker: OffsetRangeTracker, sink: RecordSink): Promise<void> {
    try {
      this.#opened ??= await this.#open()
    } catch (error) {
      // The whole file is one letter: of the range that has its beginning.
      const { from, to } = tracker.currentRestriction()
      if (!tracker.tryClaim(Math.max(from, to - 1)) || from > 0) return
      sink.unread(this.#unread(0, error))
      return
    }
    this.#readBlocks(this.#opened, tracker, sink)
  }

  async #open(): Promise<{ readonly header: AvroHeader; readonly decoding: Decoding }> {
    const header = readHeader(this.#window)
    return { header, decoding: await this.#options.decodingOf(header) }
  }

  #readBlocks(
    { header, decoding }: { readonly header: AvroHeader; readonly decoding: Decoding },
    tracker: OffsetRangeTracker,
    sink: RecordSink,
  ): void {
    const firstMarker = header.end - SYNC_BYTES
    for (;;) {
      const { to } = tracker.currentRestriction()
      const marker = (this.#next ??=
        this.#from <= firstMarker ? firstMarker : this.#window.find(header.sync, this.#from, to))
      if (marker === undefined || marker + SYNC_BYTES >= this.#file.size) {
        this.#checkSize()
        tracker.tryClaim(to)
        return
      }
      if (!tracker.tryClaim(marker)) return
      this.#from = marker + 1
      const start = marker + SYNC_BYTES
      this.#next = undefined
      try {
        const block = readBlock(this.#window, start, header.sync, this.#options.maxBlockBytes)
        this.#next = block.end
        this.#emitRecords(decoding, block.count, block.packed, sink)
      } catch (error) {
        if (this.#hasFailedBehind) throw error
        sink.unread(this.#unread(start, error))
        // What the block says of its length need not be true.
        this.#next = undefined
        this.#from = start
      }
    }
  }

  #emitRecords({ read, unpack }: Decoding, count: number, packed: Uint8Array, sink: RecordSink): void {
    this.#hasFailedBehind = false
    const input = new Input(unpack(packed, this.#options.maxBlockBytes))
    if (count > input.remaining && count > EMPTY_MAX)
      throw coded('MR-4107', new Error(`the block has ${input.remaining} bytes, and is said to have ${count} records`))
    for (let i = 0; i < count; i++) {
      let record: unknown
      try {
        record = readValue(read, input)
      } catch (error) {
        throw coded(
          errorCode(error) ?? 'MR-4102',
          new Error(
            `record ${i + 1} of ${count} in the block: ${messageOf(error)}; that and what follows in the block is not read`,
          ),
        )
      }
      // What goes wrong with a record after it was read is no fault of the block.
      this.#hasFailedBehind = true
      sink.emit(record)
      this.#hasFailedBehind = false
    }
    if (input.remaining > 0)
      throw coded('MR-4104', new Error(`${input.remaining} bytes are left in the block after its ${count} records`))
  }

  #unread(offset: number, error: unknown): UnreadPart {
    let beginning: string
    try {
      beginning = hexOf(this.#window.bytes(offset, 16))
    } catch {
      beginning = ''
    }
    const at = error instanceof AvroDataError && error.position > 0 ? ` (byte ${error.position})` : ''
    return {
      file: this.#file.path,
      offset,
      code: errorCode(error) ?? 'MR-4104',
      reason: messageOf(error) + at,
      beginning,
    }
  }

  /** A file that has become shorter would lose its records without a word. */
  #checkSize(): void {
    const { path, size } = this.#file
    if (size > 0 && this.#window.bytes(size - 1, 1).length === 0)
      throw coded(
        'MR-5003',
        new Error(`file "${path}" had ${size} bytes and is shorter now: it was changed while it was read.`),
      )
  }
}
