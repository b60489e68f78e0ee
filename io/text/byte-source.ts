/**
 * Where the bytes of a text file come from: the file itself, at any offset, or what a packed file unpacks to, from the
 * beginning on.
 *
 * Law: `read` puts at least one byte into the target, or returns 0 at the end; a packed file that ends too early is an
 * error, never an end, and so is one that goes on after its end.
 */
import { coded } from '../../sdk/error-codes.js'
import type { FileHandle } from '../../sdk/env.js'
import { PACKED_BLOCK_BYTES, type Packing, unpacker } from './compression.js'

/** Bytes, one block after another. */
export interface ByteSource {
  /** A promise where the platform unpacks in the background. */
  read(target: Uint8Array): number | Promise<number>
  close(): void
}

/** The bytes of a file from `position` on. */
export function fileBytes(handle: FileHandle, position: number): ByteSource {
  let at = position
  return {
    read(target) {
      const count = handle.read(target, 0, target.length, at)
      at += count
      return count
    },
    close: () => handle.close(),
  }
}

/** What the file unpacks to. @throws {PipelineError} where the platform cannot unpack. */
export function unpacked(handle: FileHandle, packing: Packing): ByteSource {
  const unpacking = unpacker(packing)
  const packed = new Uint8Array(PACKED_BLOCK_BYTES)
  let at = 0
  // Feeds until the unpacker has enough; it asks for more by "drain".
  const feed = (): void => {
    try {
      for (;;) {
        const count = handle.read(packed, 0, packed.length, at)
        at += count
        if (count === 0) return void unpacking.end()
        if (!unpacking.write(packed.slice(0, count))) return
      }
    } catch (error) {
      unpacking.destroy(error as Error)
    }
  }
  unpacking.on('drain', feed)
  const chunks = unpacking[Symbol.asyncIterator]()
  let chunk: Uint8Array = new Uint8Array(0)
  let isFed = false
  return {
    async read(target) {
      if (!isFed) {
        isFed = true
        feed()
      }
      while (chunk.length === 0) {
        const next = (await chunks.next()) as IteratorResult<Uint8Array, undefined>
        if (next.done === true) {
          checkRest(handle, unpacking.bytesWritten, packing)
          return 0
        }
        chunk = next.value
      }
      const count = Math.min(chunk.length, target.length)
      target.set(chunk.subarray(0, count))
      chunk = chunk.subarray(count)
      return count
    },
    close() {
      unpacking.off('drain', feed)
      // What still happens inside is of no interest any more.
      unpacking.on('error', () => undefined)
      unpacking.destroy()
      handle.close()
    },
  }
}

/**
 * The unpacker stops at what it takes for the end, without a word about what follows. Zeros after a gzip file are usual, as
 * padding; anything else would be lost.
 */
function checkRest(handle: FileHandle, end: number, packing: Packing): void {
  const block = new Uint8Array(PACKED_BLOCK_BYTES)
  for (let at = end; ;) {
    const count = handle.read(block, 0, block.length, at)
    if (count === 0) return
    if (packing !== 'gzip' || block.subarray(0, count).some((byte) => byte !== 0)) {
      throw coded('MR-5005', new Error(`the packed text ends at byte ${end}, and something else follows`))
    }
    at += count
  }
}
