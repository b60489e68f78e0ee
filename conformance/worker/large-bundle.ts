/**
 * One large bundle through a worker of ours, from an engine that takes nothing of what comes out for a while: what waits must wait with
 * the engine, not in memory.
 */
import { toBinary } from '@bufbuild/protobuf'
import type { Runnable } from 'millrace'
import { ProcessBundleDescriptorSchema } from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { PeerLoad } from './peer-load.js'
import { WorkerAtPeer } from './worker-at-peer.js'

/** The bundle: elements of 8 KiB, sixteen of them in a chunk. */
export interface LargeBundle {
  readonly chunks: number
  /** What each element becomes. */
  readonly copies: number
  /** For so long the engine takes nothing of what comes out. */
  readonly stallMillis: number
}

/** What has come of it. */
export interface LargeBundleResult {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly millis: number
  /** By so much the process, worker and engine, was larger at most than before, in bytes. */
  readonly growth: number
}

const ELEMENT = 'x'.repeat(8192)
const IN_CHUNK = 16

/** Passes it through. @throws {Error} when the bundle fails. */
export async function passLargeBundle({ chunks, copies, stallMillis }: LargeBundle): Promise<LargeBundleResult> {
  const multiplied: Runnable = (p) =>
    p
      .create('texts', [''])
      .flatMap('multiply', (text) => Array.from({ length: copies }, () => text))
      .collect('all')
  const at = await WorkerAtPeer.start(multiplied, {}, undefined, false)
  const load = new PeerLoad()
  await load.listen()
  const before = process.memoryUsage.rss()
  let growth = 0
  const looks = setInterval(() => (growth = Math.max(growth, process.memoryUsage.rss() - before)), 20)
  try {
    const multiply = at.describeAt(load.address, ['multiply'])
    const chunk = multiply.encode(Array.from({ length: IN_CHUNK }, () => ELEMENT))
    await load.start(at.pool)
    const descriptor = toBinary(ProcessBundleDescriptorSchema, at.peer.descriptors.get(multiply.id) as never)
    const result = await load.run({ descriptor, source: multiply.source, chunk, chunks, stallMillis })
    return { ...result, bytesIn: chunk.length * chunks, growth }
  } finally {
    clearInterval(looks)
    await load.close()
    await at.close()
  }
}
