/**
 * How the bytes of a file are packed: what its name says, what its beginning says, and the way there and back.
 *
 * Law: unpacking what was packed gives the same bytes; nothing here holds a file as a whole.
 */
import { PipelineError } from '../../sdk/errors.js'

/** How a file is packed. */
export type Packing = 'none' | 'gzip' | 'brotli'

/** How a file is packed, or `'auto'`: as its name says, and, when it is read, its first bytes. */
export type Compression = 'auto' | Packing

/** Values of the option `compression`. */
export const COMPRESSIONS: readonly Compression[] = ['auto', 'none', 'gzip', 'brotli']

/** What the end of a name says: `.gz` is gzip, `.br` brotli. */
export function packingOfName(path: string): Packing {
  return path.endsWith('.gz') ? 'gzip' : path.endsWith('.br') ? 'brotli' : 'none'
}

/** Whether bytes begin like a gzip file. Brotli has no mark of its own. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** Packed bytes read at a time, and the size of blocks that come out. */
export const PACKED_BLOCK_BYTES: number = 128 * 1024

type Zlib = typeof import('node:zlib')
type Transform = import('node:zlib').Gunzip

/** Packs or unpacks in the background. */
export type Packer = Transform

/** Makes what unpacks. @throws {PipelineError} where the platform cannot. */
export function unpacker(packing: Packing): Packer {
  const zlib = platformZlib()
  const options = { chunkSize: PACKED_BLOCK_BYTES }
  return packing === 'gzip' ? zlib.createGunzip(options) : zlib.createBrotliDecompress(options)
}

/** Makes what packs, block by block. @throws {PipelineError} where the platform cannot. */
export function packer(packing: Packing): Packer {
  const zlib = platformZlib()
  const options = { chunkSize: PACKED_BLOCK_BYTES }
  if (packing === 'gzip') return zlib.createGzip(options)
  return zlib.createBrotliCompress({ ...options, params: brotliParameters(zlib) })
}

/** Packs a few bytes at once. */
export function packed(packing: Packing, bytes: Uint8Array): Uint8Array {
  if (packing === 'none') return bytes
  const zlib = platformZlib()
  return packing === 'gzip' ? zlib.gzipSync(bytes) : zlib.brotliCompressSync(bytes, { params: brotliParameters(zlib) })
}

/** The platform's own choice is the slowest there is, some hundred times as slow as gzip for little gain on text. */
function brotliParameters(zlib: Zlib): Record<number, number> {
  return { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 }
}

/** Asked of the platform when it is needed: an import would keep browsers from loading this module at all. */
function platformZlib(): Zlib {
  const { process } = globalThis as { readonly process?: { getBuiltinModule?: (name: string) => Zlib | undefined } }
  const zlib = process?.getBuiltinModule?.('node:zlib')
  if (zlib === undefined) {
    throw new PipelineError(
      'MR-5014',
      'this platform can neither pack nor unpack files. Use plain files, or run in Node 20.19 or later.',
    )
  }
  return zlib
}
