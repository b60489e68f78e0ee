/**
 * The thread of the wire: gRPC, and nothing of the author's.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Answer, ToUser, ToWire } from '../wire/messages.js'
import { WireSide } from '../wire/wire-side.js'
import { grpcTransport } from './grpc-transport.js'
import { loadGrpc } from './packages.js'

/** What the thread is started with. */
export interface WireThreadData {
  readonly answers: MessagePort
  /** One number, which grows with each answer. */
  readonly answered: SharedArrayBuffer
}

/** Bytes that share no memory with others are handed over; the rest is copied. */
function ownBytes(message: ToUser): ArrayBuffer[] {
  if (message.kind !== 'data') return []
  const { buffer, byteLength } = message.bytes
  return buffer.byteLength === byteLength && buffer instanceof ArrayBuffer ? [buffer] : []
}

async function main(): Promise<void> {
  const port = parentPort
  if (port === null) return
  const { answers, answered } = workerData as WireThreadData
  const counter = new Int32Array(answered)
  const side = new WireSide({
    transport: grpcTransport(await loadGrpc()),
    later: (millis, run) => void setTimeout(run, millis),
    user: {
      send: (message: ToUser) => port.postMessage(message, ownBytes(message)),
      answer: (answer: Answer) => {
        answers.postMessage(answer)
        Atomics.add(counter, 0, 1)
        Atomics.notify(counter, 0)
      },
    },
  })
  port.on('message', (message: ToWire) => {
    if (message.kind === 'close') void side.close().finally(() => port.close())
    else side.receive(message)
  })
}

void main()
