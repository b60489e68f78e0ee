/**
 * The thread of {@link PeerLoad}.
 */
import { parentPort } from 'node:worker_threads'
import { fromBinary } from '@bufbuild/protobuf'
import { ProcessBundleDescriptorSchema } from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { EnginePeer } from './engine-peer.js'
import type { FromLoad, Load, LoadResult, ToLoad } from './peer-load.js'

const peer = new EnginePeer()
peer.keepsOutput = false
const say = (message: FromLoad): void => parentPort?.postMessage(message)
const NOTHING = new Uint8Array(0)

/** Chunks that may be on their way to the worker. */
const AHEAD = 8

async function run({ descriptor, source, chunk, chunks, stallMillis }: Load): Promise<LoadResult> {
  const described = fromBinary(ProcessBundleDescriptorSchema, descriptor)
  peer.descriptors.set(described.id, described)
  const began = performance.now()
  const response = peer.process('large', described.id)
  let stalled = Promise.resolve()
  if (stallMillis > 0) {
    // The stream is there once something has been sent.
    await peer.send('large', source, NOTHING)
    peer.stall()
    stalled = new Promise((resolve) =>
      setTimeout(() => {
        peer.takeOn()
        resolve()
      }, stallMillis),
    )
  }
  const onTheWay: Promise<void>[] = []
  for (let i = 0; i < chunks; i++) {
    if (onTheWay.length >= AHEAD) await onTheWay.shift()
    onTheWay.push(peer.send('large', source, chunk))
  }
  await peer.send('large', source, NOTHING, true)
  await response
  await stalled
  // The answer and the last of the output are on different streams.
  while (peer.output('large').ended.size === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  return { bytesOut: peer.bytesOut, millis: performance.now() - began }
}

parentPort?.on('message', (message: ToLoad) => {
  const work =
    message.kind === 'start'
      ? peer.start(message.pool).then(() => say({ kind: 'started' }))
      : run(message.load).then((result) => say({ kind: 'done', result }))
  work.catch((error: Error) => say({ kind: 'failed', message: error.message }))
})
await peer.listen()
say({ kind: 'listening', address: peer.address })
