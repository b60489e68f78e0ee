import { create } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import {
  BeamFnControl,
  BeamFnExternalWorkerPool,
  InstructionRequestSchema,
  type InstructionRequest,
  InstructionResponseSchema,
  StartWorkerRequestSchema,
  StartWorkerResponseSchema,
  StopWorkerRequestSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import { JobService, JobMessagesRequestSchema } from '../proto/generated/beam/job_management_pb.js'
import type { ListeningServer, TransportFailure } from '../transport/transport.js'
import { grpcTransport } from './grpc-transport.js'

const transport = grpcTransport(grpc)
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})
const kept = <T extends { close(): unknown }>(it: T): T => {
  open.push(it)
  return it
}

/** A stream's end, and what came before it. */
interface Collector<T> {
  readonly got: T[]
  readonly ended: Promise<unknown>
  message(message: T): void
  end(failure: TransportFailure | undefined): void
}

function collector<T>(): Collector<T> {
  let done!: (failure: unknown) => void
  const ended = new Promise<unknown>((resolve) => (done = resolve))
  const got: T[] = []
  return { got, ended, message: (m) => got.push(m), end: (failure) => done(failure) }
}

/** Asks what it is told to and answers `error` with what it was told. */
async function controlServer(
  requests: number,
): Promise<{ server: ListeningServer; told: string[]; closed: Promise<unknown> }> {
  const told: string[] = []
  const client = collector()
  const builder = transport.server()
  builder.stream(BeamFnControl.method.control, (stream, metadata) => {
    for (let i = 0; i < requests; i++)
      stream.send(create(InstructionRequestSchema, { instructionId: `${metadata.get('worker_id')}-${i}` }))
    return {
      message: ({ instructionId, error }) => {
        told.push(`${instructionId} ${error}`)
        if (told.length === requests) stream.finish()
      },
      end: client.end,
    }
  })
  return { server: kept(await builder.listen()), told, closed: client.ended }
}

describe('gRPC', () => {
  it('answers a call, and listens on loopback only', async () => {
    const builder = transport.server()
    builder.unary(BeamFnExternalWorkerPool.method.startWorker, async ({ workerId, params }) =>
      create(StartWorkerResponseSchema, { error: `${workerId} ${params['a'] ?? ''}` }),
    )
    const server = kept(await builder.listen())
    expect(server.address).toMatch(/^localhost:\d+$/)
    const channel = kept(transport.connect(server.address))
    const answer = await channel.call(
      BeamFnExternalWorkerPool.method.startWorker,
      create(StartWorkerRequestSchema, { workerId: 'job[1]', params: { a: 'b' } }),
    )
    expect(answer.error).toBe('job[1] b')
  })

  it('says how a call failed: the status, and what the other side said', async () => {
    const builder = transport.server()
    builder.unary(BeamFnExternalWorkerPool.method.startWorker, () => Promise.reject(new Error('no room')))
    const server = kept(await builder.listen())
    const channel = kept(transport.connect(server.address))
    const { startWorker, stopWorker } = BeamFnExternalWorkerPool.method
    const timeoutMillis = 5000
    await expect(channel.call(startWorker, create(StartWorkerRequestSchema), { timeoutMillis })).rejects.toMatchObject({
      status: 'UNKNOWN',
      message: 'no room',
    })
    await expect(channel.call(stopWorker, create(StopWorkerRequestSchema), { timeoutMillis })).rejects.toMatchObject({
      status: 'UNIMPLEMENTED',
    })
  })

  it('gives up a call whose time is over, and one that nobody answers', async () => {
    const builder = transport.server()
    builder.unary(BeamFnExternalWorkerPool.method.startWorker, () => new Promise(() => undefined))
    const server = await builder.listen()
    const channel = kept(transport.connect(server.address))
    const ask = (timeoutMillis: number) =>
      channel.call(BeamFnExternalWorkerPool.method.startWorker, create(StartWorkerRequestSchema), { timeoutMillis })
    await expect(ask(50)).rejects.toMatchObject({ status: 'DEADLINE_EXCEEDED' })
    await server.close()
    await expect(ask(2000)).rejects.toMatchObject({ status: expect.stringMatching(/UNAVAILABLE|DEADLINE|CANCELLED/) })
  })

  it('carries a stream both ways, in order, with its metadata, until the server ends it', async () => {
    const { server, told, closed } = await controlServer(200)
    const channel = kept(transport.connect(server.address, { own: true }))
    const client = collector<InstructionRequest>()
    const stream = channel.stream(
      BeamFnControl.method.control,
      {
        message: (request) => {
          client.message(request)
          stream.send(create(InstructionResponseSchema, { instructionId: request.instructionId, error: 'seen' }))
        },
        end: client.end,
      },
      { metadata: { worker_id: 'w' } },
    )
    expect(await client.ended).toBeUndefined()
    expect(client.got.map(({ instructionId }) => instructionId)).toEqual(
      Array.from({ length: 200 }, (_, i) => `w-${i}`),
    )
    expect(told).toHaveLength(200)
    stream.finish()
    await closed
  })

  it('takes messages above the usual limit of 4 MiB', async () => {
    const error = 'x'.repeat(6 * 1024 * 1024)
    const { server, told } = await controlServer(1)
    const channel = kept(transport.connect(server.address))
    const client = collector<InstructionRequest>()
    const stream = channel.stream(BeamFnControl.method.control, {
      message: ({ instructionId }) => stream.send(create(InstructionResponseSchema, { instructionId, error })),
      end: client.end,
    })
    expect(await client.ended).toBeUndefined()
    expect(told[0]).toHaveLength(error.length + 'undefined-0 '.length)
  })

  it('tells both sides once when one cancels', async () => {
    const { server, closed } = await controlServer(2)
    const channel = kept(transport.connect(server.address))
    const client = collector<InstructionRequest>()
    const stream = channel.stream(BeamFnControl.method.control, client)
    await expect.poll(() => client.got.length).toBe(2)
    stream.cancel()
    expect(await client.ended).toMatchObject({ status: 'CANCELLED' })
    await closed
  })

  it('calls back for each message when the other side is gone, also for those that have not left', async () => {
    const builder = transport.server()
    let taken = (): void => undefined
    const opened = new Promise<void>((resolve) => (taken = resolve))
    builder.stream(BeamFnControl.method.control, (stream) => {
      stream.pause()
      taken()
      return { message: () => undefined, end: () => undefined }
    })
    const server = await builder.listen()
    const channel = kept(transport.connect(server.address))
    const client = collector()
    const stream = channel.stream(BeamFnControl.method.control, client)
    let [sent, left] = [0, 0]
    const error = 'x'.repeat(1024 * 1024)
    for (; sent < 50; sent++) stream.send(create(InstructionResponseSchema, { error }), () => void left++)
    await opened
    expect(left).toBeLessThan(sent)
    await server.close()
    expect(await client.ended).toBeDefined()
    await expect.poll(() => left).toBe(sent)
    // Who sends when it is over hears of it, too.
    stream.send(create(InstructionResponseSchema, { error }), () => void left++)
    await expect.poll(() => left).toBe(sent + 1)
  })

  it('says that a stream has failed when there is no such server', async () => {
    const builder = transport.server()
    const server = await builder.listen()
    await server.close()
    const channel = kept(transport.connect(server.address))
    const client = collector()
    const stream = channel.stream(JobService.method.getMessageStream, client)
    stream.send(create(JobMessagesRequestSchema, { jobId: 'none' }))
    expect(await client.ended).toMatchObject({ status: 'UNAVAILABLE' })
  })
})
