/**
 * A worker of ours with an {@link EnginePeer} at its other end: real threads, real gRPC, the stages that engines get.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { type Runnable, type RunOptions } from 'millrace'
import { RunLog } from '../../runners/core/run-log.js'
import { buildOf } from '../../runners/run.js'
import { nodeEnv } from '../../runners/direct/node.js'
import { forEngine } from '../../runners/distributed/for-engine.js'
import { startWireThread } from '../../runners/distributed/node/wire-thread.js'
import {
  type ProcessBundleDescriptor,
  ProcessBundleDescriptorSchema,
  RemoteGrpcPortSchema,
} from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import {
  CoderSchema,
  EnvironmentSchema,
  PTransformSchema,
  type Pipeline as PipelineMessage,
} from '../../runners/distributed/proto/generated/beam/pipeline_pb.js'
import { WireCoderTable } from '../../runners/distributed/translation/coders.js'
import { graphToWire } from '../../runners/distributed/translation/graph-to-wire.js'
import { functionSpec } from '../../runners/distributed/translation/references.js'
import { WorkerFunctions } from '../../runners/distributed/worker/worker-functions.js'
import { WorkerRun } from '../../runners/distributed/worker/worker-run.js'
import { WorkerSide } from '../../runners/distributed/worker/worker-side.js'
import type { ToUser } from '../../runners/distributed/wire/messages.js'
import { ByteReader, ByteWriter, type Coder, type WindowedValue } from '../../sdk/coders/index.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import { type BoundedWindow, globalWindow } from '../../sdk/windowing/window.js'
import { EnginePeer } from './engine-peer.js'

/** An element on the wire. */
export type Sent = WindowedValue<unknown, BoundedWindow>

/** A fragment that the peer describes. */
export interface PeerFragment {
  readonly id: string
  /** The only source. */
  readonly source: string
  encode(values: readonly unknown[], timestamp?: number): Uint8Array
  /** What a bundle has put out at a collection. */
  decode(instructionId: string, collectionId: string): readonly Sent[]
}

/** A worker and its engine. */
export class WorkerAtPeer {
  readonly peer: EnginePeer
  readonly run: WorkerRun
  readonly side: WorkerSide
  /** Where a worker can be had. */
  pool = ''
  readonly #built: BuiltPipeline
  readonly #message: PipelineMessage

  private constructor(peer: EnginePeer, built: BuiltPipeline, run: WorkerRun) {
    this.peer = peer
    this.#built = built
    this.run = run
    this.side = new WorkerSide(run)
    const environment = create(EnvironmentSchema, { urn: 'beam:env:external:v1' })
    this.#message = graphToWire(forEngine(built), { moduleHash: 'inline', environment, expiresByTimers: true })
  }

  /** Starts both. */
  static async start(
    pipeline: Runnable,
    options: Pick<RunOptions, 'logger'> = {},
    prepare: (peer: EnginePeer) => void = () => undefined,
    startsWorker = true,
  ): Promise<WorkerAtPeer> {
    const peer = new EnginePeer()
    prepare(peer)
    await peer.listen()
    const built = buildOf(pipeline)
    const env = nodeEnv()
    const wire = startWireThread()
    const run = new WorkerRun(built, env, new RunLog(env, built.name, options.logger), wire, {})
    const at = new WorkerAtPeer(peer, built, run)
    const pool = new Promise<string>((resolve) => {
      wire.onMessage((message: ToUser) => {
        if (message.kind === 'opened') resolve(message.poolAddress)
        else at.side.receive(message)
      })
    })
    wire.send({ kind: 'open' })
    at.pool = await pool
    if (startsWorker) await peer.start(at.pool)
    return at
  }

  /** Describes the part of the pipeline that consists of these steps: what they read comes in, what others read goes out. */
  describe(...steps: readonly string[]): PeerFragment {
    return this.describeAt(this.peer.address, steps)
  }

  /** The same, for an engine at another address. */
  describeAt(address: string, steps: readonly string[]): PeerFragment {
    const { components } = this.#message
    if (components === undefined) throw new Error('a pipeline has components')
    const { transforms, pcollections, coders, windowingStrategies } = components
    const at = { url: address }
    const id = `fragment ${this.peer.descriptors.size}`
    const own = Object.fromEntries(steps.map((step) => [step, transforms[step] as (typeof transforms)[string]]))
    const made = new Set(Object.values(own).flatMap(({ outputs }) => Object.values(outputs)))
    const read = (collection: string): boolean =>
      Object.values(own).some(({ inputs }) => Object.values(inputs).includes(collection))
    const outer = [...new Set(Object.values(own).map(({ inputs }) => inputs['in'] ?? ''))].filter(
      (each) => !made.has(each),
    )
    const all = { ...coders }
    const windowed = (collection: string): string => {
      const coderId = pcollections[collection]?.coderId ?? ''
      const name = `windowed ${coderId}`
      all[name] = create(CoderSchema, {
        spec: functionSpec('beam:coder:windowed_value:v1'),
        componentCoderIds: [coderId, 'window global'],
      })
      return name
    }
    const port = (urn: string, collection: string, isSource: boolean) =>
      create(PTransformSchema, {
        uniqueName: `${isSource ? 'from' : 'to'} ${collection}`,
        spec: functionSpec(
          urn,
          toBinary(
            RemoteGrpcPortSchema,
            create(RemoteGrpcPortSchema, { apiServiceDescriptor: at, coderId: windowed(collection) }),
          ),
        ),
        ...(isSource ? { outputs: { out: collection } } : { inputs: { in: collection } }),
      })
    const ports = [
      ...outer.map((each) => [`from ${each}`, port('beam:runner:source:v1', each, true)] as const),
      ...[...made]
        .filter((each) => !read(each))
        .map((each) => [`to ${each}`, port('beam:runner:sink:v1', each, false)] as const),
    ]
    const descriptor: ProcessBundleDescriptor = create(ProcessBundleDescriptorSchema, {
      id,
      transforms: { ...own, ...Object.fromEntries(ports) },
      pcollections,
      windowingStrategies,
      coders: all,
      stateApiServiceDescriptor: { url: this.peer.state.address },
      timerApiServiceDescriptor: at,
    })
    this.peer.descriptors.set(id, descriptor)
    const table = new WireCoderTable(all, new WorkerFunctions(this.#built.functions))
    const coder = (collection: string): Coder<Sent> => table.of(windowed(collection)) as Coder<Sent>
    const [source = ''] = outer
    return {
      id,
      source: `from ${source}`,
      encode: (values, timestamp = 0) => {
        const out = new ByteWriter()
        for (const value of values)
          coder(source).encode({ value, timestamp, windows: [globalWindow], pane: NO_FIRING }, out, true)
        return out.take()
      },
      decode: (instructionId, collectionId) => {
        const chunks = this.peer.output(instructionId).bytes.get(`to ${collectionId}`) ?? []
        const found: Sent[] = []
        for (const input = new ByteReader(Buffer.concat(chunks)); input.remaining > 0;)
          found.push(coder(collectionId).decode(input, true))
        return found
      },
    }
  }

  async close(): Promise<void> {
    await this.side.close()
    await this.run.wire.close()
    await this.peer.close()
  }
}
