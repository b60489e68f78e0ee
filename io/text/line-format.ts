/**
 * Text files as the write protocol sees them: what a part and a file of lines have in them.
 *
 * Law: every line of a file ends in `\n`; the bytes are the UTF-8 of the lines, and of nothing else.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import type { FileHandle, FileSystem } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { textOf } from '../../sdk/transforms/keyed.js'
import type { FileFormat } from './finish-shards.js'
import type { PartFormat } from './write-parts.js'

/** Text around the lines of every file. */
export interface FileFrame {
  readonly header: string | undefined
  readonly footer: string | undefined
}

/** Bytes copied at a time. */
const COPY_BYTES = 1024 * 1024

const encoder = new TextEncoder()

/** Lines of a part. */
export const linePart: PartFormat<string> = {
  lineOf: textOf,
  sizeOf: (line) => line.length + 1,
  bytesOf(lines) {
    const text = `${lines.join('\n')}\n`
    // Once for all of them: to look at each line by itself costs as much as writing it.
    if (loneSurrogateAt(text) >= 0) refuseLine(lines.find((line) => loneSurrogateAt(line) >= 0) as string)
    return encoder.encode(text)
  },
}

/** Lines of a file. */
export function lineFile(frame: FileFrame): FileFormat {
  let buffer: Uint8Array | undefined
  const writeLine = (handle: FileHandle, line: string | undefined): void => {
    if (line !== undefined) handle.write(encoder.encode(`${line}\n`))
  }
  return {
    write(handle, parts, files) {
      writeLine(handle, frame.header)
      for (const part of parts) copy(files, part.path, handle, (buffer ??= new Uint8Array(COPY_BYTES)))
      writeLine(handle, frame.footer)
    },
  }
}

function copy(files: FileSystem, path: string, to: FileHandle, buffer: Uint8Array): void {
  const from = files.openForReading(path)
  try {
    for (let at = 0; ;) {
      const count = from.read(buffer, 0, buffer.length, at)
      if (count === 0) return
      to.write(buffer.subarray(0, count))
      at += count
    }
  } finally {
    from.close()
  }
}

/** Two different lines would become the same bytes, were it written with a replacement. */
function refuseLine(line: string): never {
  throw coded(
    'MR-4007',
    new Error(
      `the line ${preview(line)} has a lone surrogate at index ${loneSurrogateAt(line)}, which UTF-8 cannot hold. Repair it before writeLines; text.toWellFormed() puts U+FFFD there.`,
    ),
  )
}
