/**
 * The thread of the wire: gRPC, and nothing of the author's.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { ToUser, ToWire } from '../wire/messages.js'
import { SharedCounters } from '../wire/shared-counters.js'
import { WireSide } from '../wire/wire-side.js'
import { type AnswerPort, answering, endWire, ownBytes } from './blocking-wire.js'
import { grpcTransport } from './grpc-transport.js'
import { loadGrpc } from './packages.js'
import { proofs } from './proofs.js'

async function main(): Promise<void> {
  const port = parentPort
  if (port === null) return
  const own = workerData as AnswerPort
  // The other thread may be blocked, and hear of no event.
  process.once('exit', () => endWire(own))
  const side = new WireSide({
    transport: grpcTransport(await loadGrpc()),
    shared: new SharedCounters(own.shared),
    proofs,
    later: (millis, run) => void setTimeout(run, millis),
    user: {
      send: (message: ToUser) => port.postMessage(message, ownBytes(message)),
      answer: answering(own),
    },
  })
  port.on('message', (message: ToWire) => {
    if (message.kind === 'close') void side.close().finally(() => port.close())
    else side.receive(message)
  })
}

void main()
