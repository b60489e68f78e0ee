/**
 * One worker of an engine's: takes instructions, fetches what they are about, and carries bytes between the engine and the thread
 * of user code. It answers progress and splits itself, so that an engine never waits for user code.
 *
 * Law: one answer for each instruction. The answer to a bundle leaves after all its output has been sent and all its changes of
 * state have been confirmed. When a stream breaks, every open bundle has failed.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import * as urns from '../../../sdk/graph/urns.js'
import {
  BeamFnControl,
  BeamFnData,
  type Elements,
  ElementsSchema,
  FinalizeBundleResponseSchema,
  GetProcessBundleDescriptorRequestSchema,
  HarnessMonitoringInfosResponseSchema,
  type InstructionRequest,
  type InstructionResponse,
  InstructionResponseSchema,
  MonitoringInfosMetadataResponseSchema,
  ProcessBundleDescriptorSchema,
  type ProcessBundleDescriptor,
  ProcessBundleProgressResponseSchema,
  ProcessBundleResponseSchema,
  ProcessBundleSplitResponseSchema,
  RegisterResponseSchema,
  RemoteGrpcPortSchema,
  SampleDataResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { Channel, MessageStream, Transport, TransportFailure } from '../transport/transport.js'
import type { Answer, BundleName, ToUser, ToWire } from './messages.js'
import { StateStream } from './state-stream.js'

/** URNs of the steps that an engine puts in where data comes in and goes out. */
export const SOURCE_URN = 'beam:runner:source:v1'
export const SINK_URN = 'beam:runner:sink:v1'

/** What a worker is started with. */
export interface HarnessParts {
  readonly transport: Transport
  /** Number of the worker within this process. */
  readonly worker: number
  /** The engine's name for it; goes with every call. */
  readonly workerId: string
  readonly controlAddress: string
  tell(message: ToUser): void
  answer(answer: Answer): void
}

type Out = Extract<ToWire, { kind: 'out' }>

/** A worker at work. */
export class Harness {
  readonly #parts: HarnessParts
  readonly #metadata: Readonly<Record<string, string>>
  readonly #control: Channel
  readonly #stream: MessageStream<InstructionResponse>
  readonly #descriptors = new Map<string, Promise<ProcessBundleDescriptor>>()
  readonly #data = new Map<string, MessageStream<Elements>>()
  readonly #state = new Map<string, StateStream>()
  readonly #channels: Channel[] = []
  /** Where output of a descriptor goes: addresses by step. */
  readonly #addressOf = new Map<string, string>()
  /** Changes of state that are not confirmed, by instruction. */
  readonly #unconfirmed = new Map<string, Promise<unknown>[]>()
  readonly #open = new Set<string>()
  readonly #descriptorOf = new Map<string, string>()
  #isOver = false

  constructor(parts: HarnessParts) {
    this.#parts = parts
    this.#metadata = { worker_id: parts.workerId }
    this.#control = parts.transport.connect(parts.controlAddress)
    this.#stream = this.#control.stream(
      BeamFnControl.method.control,
      { message: (request) => this.#instructed(request), end: (failure) => this.#ended(failure) },
      { metadata: this.#metadata },
    )
  }

  #instructed({ instructionId, request }: InstructionRequest): void {
    const respond = (kind: string, value: object): void => this.#respond(instructionId, kind, value)
    switch (request.case) {
      case 'processBundle': {
        const { processBundleDescriptorId: descriptorId } = request.value
        this.#open.add(instructionId)
        void this.#start(instructionId, descriptorId)
        return
      }
      // Nothing is known of a bundle's progress beyond that it goes on; nothing of it is given away.
      case 'processBundleProgress':
        respond('processBundleProgress', create(ProcessBundleProgressResponseSchema))
        return
      case 'processBundleSplit':
        respond('processBundleSplit', create(ProcessBundleSplitResponseSchema))
        return
      case 'monitoringInfos':
        respond('monitoringInfos', create(MonitoringInfosMetadataResponseSchema))
        return
      case 'harnessMonitoringInfos':
        respond('harnessMonitoringInfos', create(HarnessMonitoringInfosResponseSchema))
        return
      case 'sampleData':
        respond('sampleData', create(SampleDataResponseSchema))
        return
      case 'register':
        for (const descriptor of request.value.processBundleDescriptor) this.#known(descriptor)
        respond('register', create(RegisterResponseSchema))
        return
      case 'finalizeBundle':
        this.#parts.tell({ kind: 'finalize', bundle: this.#name(request.value.instructionId) })
        // The answer does not wait: callbacks come after the fact, and may take their time.
        respond('finalizeBundle', create(FinalizeBundleResponseSchema))
        return
      case undefined:
        this.#fail(instructionId, 'this worker does not know the kind of the instruction')
    }
  }

  #name(instruction: string): BundleName {
    return { worker: this.#parts.worker, instruction }
  }

  async #start(instructionId: string, descriptorId: string): Promise<void> {
    try {
      const known = this.#descriptors.get(descriptorId)
      const descriptor = await (known ?? this.#fetch(descriptorId))
      this.#descriptorOf.set(instructionId, descriptorId)
      this.#connect(descriptor)
      this.#parts.tell({ kind: 'start', bundle: this.#name(instructionId), descriptorId })
    } catch (error) {
      this.#fail(instructionId, `the description of the bundle cannot be had: ${(error as Error).message}`)
    }
  }

  #fetch(id: string): Promise<ProcessBundleDescriptor> {
    const fetched = this.#control
      .call(
        BeamFnControl.method.getProcessBundleDescriptor,
        create(GetProcessBundleDescriptorRequestSchema, { processBundleDescriptorId: id }),
        { metadata: this.#metadata, timeoutMillis: 60_000 },
      )
      .then((descriptor) => this.#tellDescriptor(id, descriptor))
    this.#descriptors.set(id, fetched)
    return fetched
  }

  #known(descriptor: ProcessBundleDescriptor): void {
    this.#descriptors.set(descriptor.id, Promise.resolve(this.#tellDescriptor(descriptor.id, descriptor)))
  }

  #tellDescriptor(id: string, descriptor: ProcessBundleDescriptor): ProcessBundleDescriptor {
    const bytes = toBinary(ProcessBundleDescriptorSchema, descriptor)
    this.#parts.tell({ kind: 'descriptor', worker: this.#parts.worker, id, bytes })
    return descriptor
  }

  /** Opens the streams that bundles of a descriptor read from and write to. */
  #connect({ id, transforms, timerApiServiceDescriptor: timers }: ProcessBundleDescriptor): void {
    for (const [transformId, { spec }] of Object.entries(transforms)) {
      if (spec?.urn === SOURCE_URN || spec?.urn === SINK_URN) {
        const port = fromBinary(RemoteGrpcPortSchema, spec.payload)
        const address = port.apiServiceDescriptor?.url ?? this.#parts.controlAddress
        this.#addressOf.set(`${id} ${transformId}`, address)
        this.#dataStream(address)
      } else if (spec?.urn === urns.PAR_DO && timers !== undefined && timers.url !== '') {
        this.#addressOf.set(`${id} ${transformId}`, timers.url)
        this.#dataStream(timers.url)
      }
    }
  }

  #dataStream(address: string): MessageStream<Elements> {
    let stream = this.#data.get(address)
    if (stream !== undefined) return stream
    stream = this.#channel(address).stream(
      BeamFnData.method.data,
      { message: (elements) => this.#received(elements), end: (failure) => this.#lost('data', failure) },
      { metadata: this.#metadata },
    )
    this.#data.set(address, stream)
    return stream
  }

  #channel(address: string): Channel {
    const channel = this.#parts.transport.connect(address, { own: true })
    this.#channels.push(channel)
    return channel
  }

  #received({ data, timers }: Elements): void {
    const { tell } = this.#parts
    for (const { instructionId, transformId, data: bytes, isLast } of data)
      tell({ kind: 'data', bundle: this.#name(instructionId), transformId, bytes: bytes.slice(), isLast })
    for (const { instructionId, transformId, timerFamilyId: family, timers: bytes, isLast } of timers)
      tell({ kind: 'data', bundle: this.#name(instructionId), transformId, family, bytes: bytes.slice(), isLast })
  }

  /** Sends output of a bundle. */
  send({ bundle: { instruction }, transformId, family, bytes, isLast }: Out): void {
    const address = this.#addressOf.get(`${this.#descriptorOf.get(instruction) ?? ''} ${transformId}`)
    if (address === undefined) return
    const of = { instructionId: instruction, transformId, isLast }
    const data = bytes as Uint8Array<ArrayBuffer>
    this.#dataStream(address).send(
      create(
        ElementsSchema,
        family === undefined
          ? { data: [{ ...of, data }] }
          : { timers: [{ ...of, timerFamilyId: family, timers: data }] },
      ),
    )
  }

  /** Reads cells, all at once. */
  read({ bundle: { instruction }, url, keys }: Extract<ToWire, { kind: 'get' }>): void {
    const { answer } = this.#parts
    const stream = this.#stateStream(url)
    Promise.all(keys.map((key) => stream.read(instruction, key))).then(
      (values) => answer({ kind: 'values', values }),
      (error: Error) => answer({ kind: 'error', message: error.message }),
    )
  }

  /** Changes a cell. */
  change({ bundle: { instruction }, url, key, change }: Extract<ToWire, { kind: 'put' }>): void {
    const confirmed = this.#stateStream(url).change(instruction, key, change)
    // Looked at when the bundle ends.
    confirmed.catch(() => undefined)
    const others = this.#unconfirmed.get(instruction)
    if (others === undefined) this.#unconfirmed.set(instruction, [confirmed])
    else others.push(confirmed)
  }

  #stateStream(url: string): StateStream {
    let stream = this.#state.get(url)
    if (stream === undefined) {
      stream = new StateStream(this.#channel(url), { metadata: this.#metadata }, (failure) =>
        this.#lost('state', { status: '', message: failure }),
      )
      this.#state.set(url, stream)
    }
    return stream
  }

  /** Answers for a bundle that has succeeded. */
  async done(instruction: string, response: Uint8Array): Promise<void> {
    try {
      await Promise.all(this.#unconfirmed.get(instruction) ?? [])
      this.#respond(instruction, 'processBundle', fromBinary(ProcessBundleResponseSchema, response))
      this.#forget(instruction)
    } catch (error) {
      this.fail(instruction, (error as Error).message)
    }
  }

  /** Answers for a bundle that has failed. */
  fail(instruction: string, error: string): void {
    this.#fail(instruction, error)
    this.#forget(instruction)
  }

  #forget(instruction: string): void {
    this.#open.delete(instruction)
    this.#unconfirmed.delete(instruction)
    this.#descriptorOf.delete(instruction)
  }

  #respond(instructionId: string, kind: string, value: object): void {
    if (this.#isOver) return
    const response = { case: kind, value } as never
    this.#stream.send(create(InstructionResponseSchema, { instructionId, response }))
  }

  #fail(instructionId: string, error: string): void {
    if (!this.#isOver) this.#stream.send(create(InstructionResponseSchema, { instructionId, error }))
  }

  #lost(what: string, failure: TransportFailure | undefined): void {
    if (this.#isOver || (failure === undefined && this.#open.size === 0)) return
    const error = `the stream of ${what} broke: ${failure?.message ?? 'the engine ended it'}`
    for (const instruction of [...this.#open]) this.fail(instruction, error)
    this.#parts.tell({ kind: 'workerLost', worker: this.#parts.worker, error })
  }

  #ended(_failure: TransportFailure | undefined): void {
    if (this.#isOver) return
    this.close()
    this.#parts.tell({ kind: 'workerEnded', worker: this.#parts.worker })
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const stream of this.#data.values()) stream.finish()
    for (const stream of this.#state.values()) stream.close()
    this.#stream.finish()
    for (const channel of [...this.#channels, this.#control]) channel.close()
  }
}
