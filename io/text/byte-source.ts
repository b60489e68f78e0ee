/**
 * Where the bytes of a text file come from: the file itself, at any offset, or what a gzip file unpacks to, from the
 * beginning on.
 *
 * Law: `read` puts at least one byte into the target, or returns 0 at the end; a gzip file that ends too early is an
 * error, never an end.
 */
import type { FileHandle } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'

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

/** Packed bytes read at a time. */
const PACKED_BLOCK_BYTES = 128 * 1024

/** What the file unpacks to. @throws {PipelineError} where the platform has no gzip. */
export function gunzipped(handle: FileHandle): ByteSource {
  const gunzip = platformZlib().createGunzip({ chunkSize: PACKED_BLOCK_BYTES })
  const packed = new Uint8Array(PACKED_BLOCK_BYTES)
  let at = 0
  // Feeds until the unpacker has enough; it asks for more by "drain".
  const feed = (): void => {
    try {
      for (;;) {
        const count = handle.read(packed, 0, packed.length, at)
        at += count
        if (count === 0) return void gunzip.end()
        if (!gunzip.write(packed.slice(0, count))) return
      }
    } catch (error) {
      gunzip.destroy(error as Error)
    }
  }
  gunzip.on('drain', feed)
  const chunks = gunzip[Symbol.asyncIterator]()
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
        if (next.done === true) return 0
        chunk = next.value
      }
      const count = Math.min(chunk.length, target.length)
      target.set(chunk.subarray(0, count))
      chunk = chunk.subarray(count)
      return count
    },
    close() {
      gunzip.off('drain', feed)
      // What still happens inside is of no interest any more.
      gunzip.on('error', () => undefined)
      gunzip.destroy()
      handle.close()
    },
  }
}

/** Whether bytes begin like a gzip file. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

type Zlib = typeof import('node:zlib')

/** Asked of the platform when it is needed: an import would keep browsers from loading this module at all. */
function platformZlib(): Zlib {
  const { process } = globalThis as { readonly process?: { getBuiltinModule?: (name: string) => Zlib | undefined } }
  const zlib = process?.getBuiltinModule?.('node:zlib')
  if (zlib === undefined) {
    throw new PipelineError(
      'MR-5014',
      'this platform cannot unpack gzip. Unpack the file first, or run in Node 20.19 or later.',
    )
  }
  return zlib
}
