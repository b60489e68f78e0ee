/**
 * The other end of a worker's wire: an engine that schedules nothing, over real gRPC on loopback. A test says which bundles there are,
 * what comes in and when; what the worker sends back is kept.
 */
import { create } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import {
  BeamFnControl,
  BeamFnData,
  BeamFnExternalWorkerPool,
  BeamFnLogging,
  BeamFnWorkerStatus,
  type Elements,
  ElementsSchema,
  InstructionRequestSchema,
  type InstructionRequest,
  type InstructionResponse,
  type LogEntry,
  type ProcessBundleDescriptor,
  type ProcessBundleRequest,
  type ProcessBundleResponse,
  StartWorkerRequestSchema,
  StartWorkerResponseSchema,
  type WorkerStatusRequest,
  WorkerStatusRequestSchema,
} from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import {
  GetProvisionInfoResponseSchema,
  ProvisionService,
} from '../../runners/distributed/proto/generated/beam/provision_pb.js'
import { grpcTransport } from '../../runners/distributed/node/grpc-transport.js'
import { PeerState } from './peer-state.js'
import type {
  ListeningServer,
  MessageStream,
  ServedStream,
  Transport,
} from '../../runners/distributed/transport/transport.js'

/** What has come out of a bundle. */
export interface PeerOutput {
  /** Bytes by step, and by step and family where they are of timers. */
  readonly bytes: Map<string, Uint8Array[]>
  /** Outputs that have ended. */
  readonly ended: Set<string>
}

type Requested = Exclude<InstructionRequest['request'], { case: undefined }>
type Answered = Exclude<InstructionResponse['response'], { case: undefined }>

/** An engine in a test's hands. */
export class EnginePeer {
  readonly transport: Transport = grpcTransport(grpc)
  readonly descriptors = new Map<string, ProcessBundleDescriptor>()
  readonly log: LogEntry[] = []
  readonly capabilities: string[] = []
  offersStatus = false
  /** Whether what comes out is kept, or only measured. */
  keepsOutput = true
  bytesOut = 0
  /** On a thread of its own: the one of this engine is that of user code, which waits for it. */
  readonly state = new PeerState()
  readonly #outputs = new Map<string, PeerOutput>()
  readonly #answers = new Map<string, (response: InstructionResponse) => void>()
  /** Before this is over, a worker that asks what the engine offers has no answer. */
  offered: Promise<void> = Promise.resolve()
  /** Answers that have come for each instruction. */
  readonly answers = new Map<string, number>()
  #connected!: Promise<void>
  #isConnected!: () => void
  #server: ListeningServer | undefined
  #control: MessageStream<InstructionRequest> | undefined
  #status: MessageStream<WorkerStatusRequest> | undefined
  #statusAnswer: ((text: string) => void) | undefined
  #data: ServedStream<Elements> | undefined
  #dataOpened!: () => void
  #hasData!: Promise<void>
  #next = 0

  constructor() {
    this.#awaitWorker()
  }

  #awaitWorker(): void {
    this.#connected = new Promise((resolve) => (this.#isConnected = resolve))
    this.#hasData = new Promise((resolve) => (this.#dataOpened = resolve))
  }

  get address(): string {
    return this.#server?.address ?? ''
  }

  async listen(): Promise<void> {
    const builder = this.transport.server()
    builder.stream(BeamFnControl.method.control, (stream) => {
      this.#control = stream
      this.#isConnected()
      return {
        message: (response) => {
          this.answers.set(response.instructionId, (this.answers.get(response.instructionId) ?? 0) + 1)
          this.#answers.get(response.instructionId)?.(response)
          this.#answers.delete(response.instructionId)
        },
        end: () => stream.finish(),
      }
    })
    builder.unary(BeamFnControl.method.getProcessBundleDescriptor, async ({ processBundleDescriptorId: id }) => {
      const descriptor = this.descriptors.get(id)
      if (descriptor === undefined) throw new Error(`there is no descriptor ${id}`)
      return descriptor
    })
    builder.stream(BeamFnData.method.data, (stream) => {
      this.#data = stream
      this.#dataOpened()
      return { message: (elements) => this.#received(elements), end: () => stream.finish() }
    })
    builder.stream(BeamFnLogging.method.logging, (stream) => ({
      message: ({ logEntries }) => void this.log.push(...logEntries),
      end: () => stream.finish(),
    }))
    builder.stream(BeamFnWorkerStatus.method.workerStatus, (stream) => {
      this.#status = stream
      return { message: ({ statusInfo }) => this.#statusAnswer?.(statusInfo), end: () => stream.finish() }
    })
    builder.unary(ProvisionService.method.getProvisionInfo, async () => {
      await this.offered
      return create(GetProvisionInfoResponseSchema, {
        info: {
          runnerCapabilities: this.capabilities,
          ...(this.offersStatus ? { statusEndpoint: { url: this.address } } : {}),
        },
      })
    })
    this.#server = await builder.listen()
    await this.state.listen()
  }

  /** Has the worker started, as engines do that run steps elsewhere. */
  async start(poolAddress: string): Promise<void> {
    const channel = this.transport.connect(poolAddress)
    const endpoint = { url: this.address }
    const { error } = await channel.call(
      BeamFnExternalWorkerPool.method.startWorker,
      create(StartWorkerRequestSchema, {
        workerId: 'worker 1',
        controlEndpoint: endpoint,
        loggingEndpoint: endpoint,
        provisionEndpoint: endpoint,
      }),
    )
    channel.close()
    if (error !== create(StartWorkerResponseSchema).error) throw new Error(error)
    await this.#connected
  }

  /** Gives an instruction. */
  ask<Case extends Requested['case']>(
    kind: Case,
    value: object,
    instructionId = `i${this.#next++}`,
  ): Promise<Extract<Answered, { case: Case }>['value']> {
    return new Promise((resolve, reject) => {
      this.#answers.set(instructionId, ({ error, response }) => {
        if (error !== '') reject(new Error(error))
        else resolve(response.value as never)
      })
      this.#control?.send(create(InstructionRequestSchema, { instructionId, request: { case: kind, value } as never }))
    })
  }

  /** Begins a bundle. */
  process(
    instructionId: string,
    processBundleDescriptorId: string,
    more: Partial<Omit<ProcessBundleRequest, '$typeName'>> = {},
  ): Promise<ProcessBundleResponse> {
    return this.ask('processBundle', { processBundleDescriptorId, ...more }, instructionId)
  }

  /** Sends input of a bundle. */
  async send(instructionId: string, transformId: string, data: Uint8Array, isLast = false): Promise<void> {
    await this.#hasData
    const bytes = data as Uint8Array<ArrayBuffer>
    return new Promise((resolve) =>
      this.#data?.send(
        create(ElementsSchema, { data: [{ instructionId, transformId, data: bytes, isLast }] }),
        resolve,
      ),
    )
  }

  /** Ends the worker's stream of data: as a connection breaks, or in order. */
  breakData(how: 'broken' | 'in order'): void {
    if (how === 'broken') this.#data?.fail('UNAVAILABLE', 'the connection was reset')
    else this.#data?.finish()
  }

  /** Gives the worker up, without a word about bundles that are open. */
  endWorker(): void {
    this.#awaitWorker()
    this.#control?.finish()
  }

  /** Takes nothing more of what workers put out, until {@link EnginePeer.takeOn}. */
  stall(): void {
    this.#data?.pause()
  }

  takeOn(): void {
    this.#data?.resume()
  }

  /** What a bundle has put out. */
  output(instructionId: string): PeerOutput {
    let output = this.#outputs.get(instructionId)
    if (output === undefined) this.#outputs.set(instructionId, (output = { bytes: new Map(), ended: new Set() }))
    return output
  }

  #received({ data, timers }: Elements): void {
    for (const { instructionId, transformId, data: bytes, isLast } of data)
      this.#put(instructionId, transformId, bytes, isLast)
    for (const { instructionId, transformId, timerFamilyId, timers: bytes, isLast } of timers)
      this.#put(instructionId, `${transformId} ${timerFamilyId}`, bytes, isLast)
  }

  #put(instructionId: string, of: string, bytes: Uint8Array, isLast: boolean): void {
    const output = this.output(instructionId)
    this.bytesOut += bytes.length
    if (isLast) output.ended.add(of)
    if (!this.keepsOutput) return
    const before = output.bytes.get(of)
    if (before === undefined) output.bytes.set(of, [bytes])
    else before.push(bytes)
  }

  /** Asks the worker how it is. */
  async status(): Promise<string> {
    while (this.#status === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    const answer = new Promise<string>((resolve) => (this.#statusAnswer = resolve))
    this.#status.send(create(WorkerStatusRequestSchema, { id: '1' }))
    return answer
  }

  async close(): Promise<void> {
    this.#control?.finish()
    await this.state.close()
    await this.#server?.close()
  }
}
