/**
 * Parts of a write in shards whose elements are bytes: each record behind its length (four bytes, big-endian).
 *
 * Law: the records of a part are read as they were written, in order; a part that ends within one is an error.
 */
import { coded } from '../../sdk/error-codes.js'
import type { FileSystem } from '../../sdk/env.js'
import type { PartFormat } from '../text/write-parts.js'

/** Bytes read at a time. */
const READ_BYTES = 256 * 1024
const LENGTH_BYTES = 4

/** Parts of records. @param encode the bytes of an element, not used again afterwards. */
export function recordPart(encode: (value: unknown) => Uint8Array): PartFormat<Uint8Array> {
  return {
    lineOf: encode,
    sizeOf: (record) => record.length + LENGTH_BYTES,
    bytesOf(records) {
      const bytes = new Uint8Array(records.reduce((sum, { length }) => sum + length + LENGTH_BYTES, 0))
      const view = new DataView(bytes.buffer)
      let at = 0
      for (const record of records) {
        view.setUint32(at, record.length)
        bytes.set(record, at + LENGTH_BYTES)
        at += LENGTH_BYTES + record.length
      }
      return bytes
    },
  }
}

/** The records of a part. Each is valid until the next is asked for. */
export function* recordsOf(files: FileSystem, path: string): Generator<Uint8Array, void> {
  const handle = files.openForReading(path)
  try {
    let buffer = new Uint8Array(READ_BYTES)
    let [start, end, at] = [0, 0, 0]
    const fill = (length: number): boolean => {
      if (end - start >= length) return true
      if (length > buffer.length) {
        const larger = new Uint8Array(Math.max(length, 2 * buffer.length))
        larger.set(buffer.subarray(start, end))
        buffer = larger
      } else {
        buffer.copyWithin(0, start, end)
      }
      end -= start
      start = 0
      while (end < length) {
        const count = handle.read(buffer, end, buffer.length - end, at)
        if (count === 0) return false
        end += count
        at += count
      }
      return true
    }
    while (fill(LENGTH_BYTES)) {
      const length = new DataView(buffer.buffer, start).getUint32(0)
      start += LENGTH_BYTES
      if (!fill(length)) throw coded('MR-4104', new Error(`the part "${path}" ends within a record.`))
      start += length
      yield buffer.subarray(start - length, start)
    }
    if (end > start) throw coded('MR-4104', new Error(`the part "${path}" ends within a record.`))
  } finally {
    handle.close()
  }
}
