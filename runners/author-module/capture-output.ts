/**
 * Takes over what the author's code writes to the console. A worker's own streams wait for its event loop between two
 * writes; in a loop that never ends, the line that would explain it would never be seen. A message leaves at once.
 */
import type { Writable } from 'node:stream'

/** Hands every chunk that this thread writes to `post`. */
export function captureOutput(post: (text: string, stream: 'out' | 'err') => void): void {
  take(process.stdout, (text) => post(text, 'out'))
  take(process.stderr, (text) => post(text, 'err'))
}

type Callback = (error?: Error | null) => void

function take(stream: Writable, post: (text: string) => void): void {
  const decoder = new TextDecoder()
  stream.write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
    const isBytes = chunk instanceof Uint8Array
    post(isBytes ? decoder.decode(chunk, { stream: true }) : asText(chunk, encoding))
    const done = (typeof encoding === 'function' ? encoding : callback) as Callback | undefined
    if (done !== undefined) queueMicrotask(() => done())
    return true
  }
}

function asText(chunk: unknown, encoding: unknown): string {
  const isEncoded = typeof encoding === 'string' && encoding !== 'utf8' && encoding !== 'utf-8'
  return isEncoded ? Buffer.from(String(chunk), encoding as BufferEncoding).toString('utf8') : String(chunk)
}
