/**
 * Messages on a stream of bytes, one after another. Blocks may be many megabytes: they are copied once, into a buffer that is as long as
 * the message.
 *
 * Law: what was written as frames is read as the same frames, however the stream cuts them.
 */
import type { Socket } from 'node:net'

/** What a frame is. */
export const FRAME = {
  /** A message, as `v8.serialize` has it. */
  message: 0,
  /** A sign of life, or the wish for one. */
  ping: 1,
  /** The worker is to end in order. */
  end: 2,
} as const

/** A number of {@link FRAME}. */
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

/** Length and kind. */
const HEAD_BYTES = 5
const NOTHING = new Uint8Array(0)

/** Writes a frame. The bytes are not to change any more. */
export function writeFrame(socket: Socket, kind: FrameKind, bytes: Uint8Array = NOTHING): void {
  if (socket.destroyed || socket.writableEnded) return
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeUInt32LE(bytes.length, 0)
  head[4] = kind
  socket.cork()
  socket.write(head)
  if (bytes.length > 0) socket.write(bytes)
  socket.uncork()
}

/** Reads frames from pieces of a stream. */
export class FrameReader {
  readonly #frame: (kind: FrameKind, bytes: Uint8Array<ArrayBuffer>) => void
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #headAt = 0
  #body: Uint8Array<ArrayBuffer> | undefined
  #bodyAt = 0

  /** @param frame takes frames; the bytes have a buffer of their own. */
  constructor(frame: (kind: FrameKind, bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#frame = frame
  }

  /** Takes the next piece. */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      if (this.#body === undefined) {
        const taken = Math.min(HEAD_BYTES - this.#headAt, piece.length - at)
        this.#head.set(piece.subarray(at, at + taken), this.#headAt)
        this.#headAt += taken
        at += taken
        if (this.#headAt < HEAD_BYTES) return
        this.#body = new Uint8Array(this.#head.readUInt32LE(0))
        this.#bodyAt = 0
      }
      const taken = Math.min(this.#body.length - this.#bodyAt, piece.length - at)
      this.#body.set(piece.subarray(at, at + taken), this.#bodyAt)
      this.#bodyAt += taken
      at += taken
      if (this.#bodyAt === this.#body.length) this.#finish(this.#body)
    }
  }

  #finish(body: Uint8Array<ArrayBuffer>): void {
    this.#body = undefined
    this.#headAt = 0
    this.#frame(this.#head[4] as FrameKind, body)
  }
}
