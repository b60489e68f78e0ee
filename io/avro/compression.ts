/**
 * How the blocks of Avro files are packed: not at all, by deflate, or (to be read only) by snappy.
 *
 * Law: unpacking never makes more bytes than it may, whatever the packed bytes say.
 */
import { coded } from '../../sdk/error-codes.js'
import { messageOf, PipelineError } from '../../sdk/errors.js'
import { Input } from './decode.js'

/** Unpacks a block into at most `max` bytes. */
export type Unpack = (packed: Uint8Array, max: number) => Uint8Array

/** What unpacks blocks of a codec; a promise where a package has to be loaded. @throws when nothing here does. */
export function unpackerOf(codec: string): Unpack | Promise<Unpack> {
  switch (codec) {
    case 'null':
      return (bytes) => bytes
    case 'deflate':
      return inflate
    case 'snappy':
      return (snappy ??= loadSnappy())
    default:
      throw coded(
        'MR-4105',
        new Error(
          `its blocks are packed by "${codec}", which is not read here; null, deflate and snappy are. Write the file anew with one of them`,
        ),
      )
  }
}

const inflate: Unpack = (packed, max) => {
  try {
    return platformZlib().inflateRawSync(packed, { maxOutputLength: max })
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE')
      throw coded('MR-4107', new Error(`the block unpacks to more than ${max} bytes (maxBlockBytes)`, { cause: error }))
    throw coded('MR-4104', new Error(`the block cannot be unpacked: ${messageOf(error)}`, { cause: error }))
  }
}

/** Packs a block by deflate. */
export function deflate(bytes: Uint8Array): Uint8Array {
  return platformZlib().deflateRawSync(bytes)
}

let snappy: Promise<Unpack> | undefined

async function loadSnappy(): Promise<Unpack> {
  const { decompressSnappy } = await importCompressors()
  return (packed, max) => {
    const checksumAt = packed.length - 4
    if (checksumAt < 1) throw coded('MR-4104', new Error('the snappy block has no checksum'))
    const length = new Input(packed).varint()
    if (length < 0 || length > max)
      throw coded('MR-4107', new Error(`the block unpacks to ${length} bytes, more than ${max} (maxBlockBytes)`))
    // Begins with a copy: the unpacker may keep to whole buffers.
    const bytes = decompressSnappy(packed.slice(0, checksumAt), Number(length))
    const expected = new DataView(packed.buffer, packed.byteOffset + checksumAt).getUint32(0)
    if (platformZlib().crc32(bytes) !== expected)
      throw coded('MR-4104', new Error('the checksum of the snappy block is wrong'))
    return bytes
  }
}

async function importCompressors(): Promise<typeof import('hyparquet-compressors')> {
  try {
    return await import('hyparquet-compressors')
  } catch (error) {
    throw new PipelineError(
      'MR-5017',
      `blocks packed by snappy need the package hyparquet-compressors, which cannot be loaded (${messageOf(error)}). Install it: npm install hyparquet-compressors@1`,
    )
  }
}

type Zlib = typeof import('node:zlib')

/** Asked of the platform when it is needed: an import would keep browsers from loading this module at all. */
function platformZlib(): Zlib {
  const { process } = globalThis as { readonly process?: { getBuiltinModule?: (name: string) => Zlib | undefined } }
  const zlib = process?.getBuiltinModule?.('node:zlib')
  if (zlib === undefined)
    throw new PipelineError(
      'MR-5014',
      'this platform cannot pack or unpack. Use Node 20.19 or later, or files with compression "null".',
    )
  return zlib
}
