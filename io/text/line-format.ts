/**
 * Files of text as the write protocol sees them: what a part and a file have in them.
 *
 * Law: the bytes of a file are the UTF-8 of its records, of what stands around and between them, and of nothing else, packed or
 * not.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import type { FileHandle, FileSystem } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { textOf } from '../../sdk/transforms/keyed.js'
import { packed, type Packer, packer, type Packing } from './compression.js'
import type { FileFormat } from './finish-shards.js'
import type { Part, PartFormat } from './write-parts.js'

/** Text around the records of every file. */
export interface FileFrame {
  /** Before the first record; not empty, it is a whole line. */
  readonly head: string
  /** Before each record but the first. */
  readonly between: string
  /** After each record. */
  readonly end: string
  /** After the last. */
  readonly tail: string
}

/** Bytes copied at a time. */
const COPY_BYTES = 1024 * 1024

const encoder = new TextEncoder()

/** Records of a part: strings as they are, other values as JSON. @param writer what the author calls the write. */
export function linePart(writer: string, { between, end }: FileFrame): PartFormat<string> {
  return {
    lineOf: textOf,
    sizeOf: (line) => line.length + 1,
    bytesOf(lines) {
      const text = between + lines.join(end + between) + end
      // Once for all of them: to look at each line by itself costs as much as writing it.
      if (loneSurrogateAt(text) >= 0) refuseLine(writer, lines.find((line) => loneSurrogateAt(line) >= 0) as string)
      return encoder.encode(text)
    },
  }
}

/** Records of a file. */
export function lineFile(frame: FileFrame, packing: Packing): FileFormat {
  if (packing === 'none') {
    return {
      write(handle, parts, files) {
        for (const block of blocksOf(files, frame, parts)) handle.write(block)
      },
    }
  }
  return {
    // At once only where there is next to nothing.
    write(handle, parts, files) {
      const blocks = [...blocksOf(files, frame, parts)]
      const whole = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const block of blocks) {
        whole.set(block, at)
        at += block.length
      }
      handle.write(packed(packing, whole))
    },
    writeInBackground: (handle, parts, files) => pack(handle, packing, blocksOf(files, frame, parts)),
  }
}

async function pack(handle: FileHandle, packing: Packing, blocks: Generator<Uint8Array, void, void>): Promise<void> {
  const packs = packer(packing)
  const feeding = feed(packs, blocks)
  // Whatever fails first, the other side hears of it, and the failure is the one that is thrown.
  feeding.catch((error: unknown) => packs.destroy(error as Error))
  try {
    for await (const block of packs as AsyncIterable<Uint8Array>) handle.write(block)
    await feeding
  } finally {
    packs.destroy()
    blocks.return()
  }
}

/** Gives blocks as fast as they are taken. */
async function feed(packs: Packer, blocks: Iterable<Uint8Array>): Promise<void> {
  for (const block of blocks) {
    if (!packs.write(block)) {
      await new Promise<void>((resolve) => {
        packs.once('drain', resolve)
        packs.once('close', resolve)
      })
    }
    if (packs.destroyed) return
  }
  packs.end()
}

/** The bytes of a file, from its parts. */
function* blocksOf(
  files: FileSystem,
  { head, between, tail }: FileFrame,
  parts: Iterable<Part>,
): Generator<Uint8Array, void, void> {
  if (head !== '') yield encoder.encode(head)
  // Nothing stands between nothing and the first record.
  let from = encoder.encode(between).length
  for (const { path } of parts) {
    yield* bytesOf(files, path, from)
    from = 0
  }
  if (tail !== '') yield encoder.encode(tail)
}

function* bytesOf(files: FileSystem, path: string, from: number): Generator<Uint8Array, void, void> {
  const handle = files.openForReading(path)
  try {
    for (let at = from; ;) {
      // One of its own for each: what packs in the background may still be at the last one.
      const buffer = new Uint8Array(COPY_BYTES)
      const count = handle.read(buffer, 0, buffer.length, at)
      if (count === 0) return
      yield buffer.subarray(0, count)
      at += count
    }
  } finally {
    handle.close()
  }
}

/** Two different lines would become the same bytes, were it written with a replacement. */
function refuseLine(writer: string, line: string): never {
  throw coded(
    'MR-4007',
    new Error(
      `the line ${preview(line)} has a lone surrogate at index ${loneSurrogateAt(line)}, which UTF-8 cannot hold. Repair it before ${writer}; text.toWellFormed() puts U+FFFD there.`,
    ),
  )
}
