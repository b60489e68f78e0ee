/**
 * Avro's object container files: a header with the schema, then blocks, each followed by the marker that the header names.
 *
 * Law: nothing that a file says of itself is believed before it is checked against the bytes that are there.
 */
import { coded } from '../../sdk/error-codes.js'
import { ByteWriter } from '../../sdk/coders/bytes.js'
import { messageOf } from '../../sdk/errors.js'
import { AvroDataError, Input, reading, readValue } from './decode.js'
import { writing, writeLong } from './encode.js'
import type { FileWindow } from './file-window.js'
import { parseSchema } from './schema.js'

/** Bytes of a sync marker. */
export const SYNC_BYTES = 16

const MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 1)

/** What a file says before its first block. */
export interface AvroHeader {
  /** The schema, as the file has it: JSON. */
  readonly schemaText: string
  readonly codec: string
  readonly sync: Uint8Array
  /** Where the blocks begin. */
  readonly end: number
}

const metadataType = parseSchema({ type: 'map', values: 'bytes' })
const readMetadata = reading(metadataType, metadataType, { timestamps: 'integer' })
const writeMetadata = writing(metadataType)

/** Bytes of the first attempt at a header, and of the last. */
const HEADER_FIRST = 64 * 1024
const HEADER_MAX = 16 * 1024 * 1024

/** The header of a file. @throws {AvroDataError} */
export function readHeader(window: FileWindow): AvroHeader {
  for (let length = HEADER_FIRST; ; length *= 4) {
    const bytes = window.bytes(0, length)
    try {
      return parseHeader(bytes)
    } catch (error) {
      // It may go on behind what has been read.
      if (bytes.length < length || !(error instanceof AvroDataError) || error.position === 0) throw error
      if (length >= HEADER_MAX) throw new AvroDataError(`its header has more than ${HEADER_MAX} bytes`, 0)
    }
  }
}

/** The header at the beginning of bytes. @throws {AvroDataError} */
export function parseHeader(bytes: Uint8Array): AvroHeader {
  if (!MAGIC.every((byte, i) => bytes[i] === byte))
    throw new AvroDataError('it is no Avro object container file: it does not begin with "Obj" and 1', 0)
  const input = new Input(bytes)
  input.position = MAGIC.length
  const metadata = readValue(readMetadata, input) as ReadonlyMap<string, Uint8Array>
  if (input.remaining < SYNC_BYTES) throw new AvroDataError('the file ends within its header', input.position)
  const textOf = (name: string): string | undefined => {
    const value = metadata.get(name)
    return value && new TextDecoder().decode(value)
  }
  const schemaText = textOf('avro.schema')
  if (schemaText === undefined) throw new AvroDataError('its header has no schema', 0)
  return { schemaText, codec: textOf('avro.codec') ?? 'null', sync: input.bytes(SYNC_BYTES), end: input.position }
}

/** The JSON of a schema. @throws with what is wrong. */
export function schemaJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw coded('MR-4104', new Error(`its schema is no JSON: ${messageOf(error)}`, { cause: error }))
  }
}

/** A block, still packed. */
export interface Block {
  readonly count: number
  readonly packed: Uint8Array
  /** Offset of the marker after it. */
  readonly end: number
}

/** Bytes that the two numbers before a block take at most. */
const NUMBERS_MAX = 20

/** The block at an offset. @throws with what is wrong. */
export function readBlock(window: FileWindow, at: number, sync: Uint8Array, maxBytes: number): Block {
  const input = new Input(window.bytes(at, NUMBERS_MAX))
  let count: number | bigint
  let size: number | bigint
  try {
    count = input.long()
    size = input.long()
  } catch {
    throw coded('MR-4104', new Error('the file ends within the numbers before a block, or they are none'))
  }
  if (typeof count === 'bigint' || count < 0 || typeof size === 'bigint' || size < 0)
    throw coded('MR-4104', new Error(`a block cannot have ${count} records in ${size} bytes`))
  if (size > maxBytes)
    throw coded('MR-4107', new Error(`the block has ${size} bytes, more than ${maxBytes} (maxBlockBytes)`))
  const start = at + input.position
  const bytes = window.bytes(start, size + SYNC_BYTES)
  if (bytes.length < size + SYNC_BYTES)
    throw coded(
      'MR-4104',
      new Error(`the block has ${size} bytes and a marker, but the file ends after ${bytes.length} of them`),
    )
  if (!sync.every((byte, i) => bytes[size + i] === byte))
    throw coded('MR-4104', new Error('the marker after the block is not the one that the header names'))
  return { count, packed: bytes.subarray(0, size), end: start + size }
}

/** The header of a new file. */
export function headerBytes(schemaText: string, codec: string, sync: Uint8Array): Uint8Array {
  const out = new ByteWriter()
  const encoder = new TextEncoder()
  out.bytes(MAGIC)
  writeMetadata(
    out,
    new Map([
      ['avro.schema', encoder.encode(schemaText)],
      ['avro.codec', encoder.encode(codec)],
    ]),
  )
  out.bytes(sync)
  return out.take()
}

/** A block of a new file. */
export function blockBytes(count: number, packed: Uint8Array, sync: Uint8Array): Uint8Array {
  const out = new ByteWriter(packed.length + NUMBERS_MAX + SYNC_BYTES)
  writeLong(out, count)
  writeLong(out, packed.length)
  out.bytes(packed)
  out.bytes(sync)
  return out.take()
}
