/**
 * Counting the lines of a file that lie before an offset. It costs a read of all of them, so only errors ask for it.
 */
import type { FileSystem } from '../../sdk/env.js'
import { newlinesIn } from './line-buffer.js'

/** Bytes read at a time. */
export const NEWLINE_BLOCK_BYTES: number = 1024 * 1024

/** Line ends in `[from, to)` of a plain file; of a file that has become shorter, those that are left. */
export function newlinesUpTo(files: FileSystem, path: string, from: number, to: number, block: Uint8Array): number {
  const handle = files.openForReading(path)
  let lines = 0
  try {
    for (let at = from; at < to;) {
      const count = handle.read(block, 0, Math.min(block.length, to - at), at)
      if (count === 0) break
      lines += newlinesIn(block.subarray(0, count))
      at += count
    }
  } finally {
    handle.close()
  }
  return lines
}
