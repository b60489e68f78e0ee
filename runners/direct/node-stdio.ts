/**
 * The standard streams of a Node process as bytes. They belong to the process, not to a thread: the `millrace` command runs
 * pipelines on a worker thread, whose own `process.stdin` is empty.
 *
 * Law: input is taken from the system a block at a time and only when it is asked for, so a slow reader slows the writer.
 */
import { fstatSync, readSync, write as writeDescriptor } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { isatty, ReadStream } from 'node:tty'
import { type ByteInput, type ByteOutput, OutputClosed } from '../../sdk/env.js'

const STDIN = 0
const STDOUT = 1
const BLOCK_BYTES = 64 * 1024

let source: { next(): Promise<Uint8Array | undefined>; unref(): void } | undefined

/** Standard input. Opened when it is first read. */
export const nodeStdin: ByteInput = {
  read: () => (source ??= openStdin()).next(),
  release: () => source?.unref(),
}

function openStdin(): NonNullable<typeof source> {
  if (isatty(STDIN)) return streamed(new ReadStream(STDIN))
  const stats = fstatSync(STDIN)
  return stats.isFIFO() || stats.isSocket()
    ? streamed(new Socket({ fd: STDIN, readable: true, writable: false }))
    : file()
}

/** A redirected file, or a device that answers at once: `< orders.ndjson`, `< /dev/null`. */
function file(): NonNullable<typeof source> {
  return {
    async next() {
      const block = new Uint8Array(BLOCK_BYTES)
      const count = readSync(STDIN, block, 0, block.length, null)
      return count === 0 ? undefined : block.subarray(0, count)
    },
    unref: () => undefined,
  }
}

/** A pipe or a terminal: the stream is paused but for one block ahead. */
function streamed(stream: Readable & { ref(): unknown; unref(): unknown }): NonNullable<typeof source> {
  let isOver = false
  let failure: unknown
  let wake: (() => void) | undefined
  const woken = (): void => wake?.()
  stream.on('readable', woken)
  stream.on('end', () => {
    isOver = true
    woken()
  })
  stream.on('error', (error) => {
    isOver = true
    failure = error
    woken()
  })
  return {
    async next() {
      stream.ref()
      for (;;) {
        const block = stream.read() as Uint8Array | null
        if (block !== null) return block
        if (failure !== undefined) throw failure
        if (isOver) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = undefined
      }
    },
    unref: () => void stream.unref(),
  }
}

/** How long a full pipe is left alone that does not make its writers wait. */
const FULL_MILLIS = 2

/** Standard output, beside what the process prints. */
export const nodeStdout: ByteOutput = {
  async write(bytes) {
    for (let at = 0; at < bytes.length;) at += await writeSome(bytes.subarray(at))
  },
}

function writeSome(bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    writeDescriptor(STDOUT, bytes, (error, count) => {
      if (error === null) resolve(count)
      else if (error.code === 'EAGAIN') setTimeout(() => resolve(0), FULL_MILLIS)
      else if (error.code === 'EPIPE') reject(new OutputClosed('standard output is closed: nobody reads it any more'))
      else reject(error)
    })
  })
}
