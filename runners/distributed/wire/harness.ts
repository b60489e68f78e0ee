/**
 * One worker of an engine's: takes instructions, fetches what they are about, and carries bytes between the engine and the thread
 * of user code. It answers progress and splits itself, so that an engine never waits for user code.
 *
 * Law: one answer for each instruction. The answer to a bundle leaves after all its output has been sent and all its changes of
 * state have been confirmed. When a stream breaks, every open bundle has failed, and the next one has another stream.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
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
  type ProcessBundleRequest,
  ProcessBundleResponseSchema,
  RegisterResponseSchema,
  SampleDataResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { Channel, MessageStream, Transport, TransportFailure } from '../transport/transport.js'
import { portsOf } from './bundle-ports.js'
import { LogStream } from './log-stream.js'
import type { Answer, BundleName, LogLine, ToUser, ToWire } from './messages.js'
import { type BundleWorld, OpenBundles } from './open-bundles.js'
import { EmbeddedOutput, sizeOf } from './embedded-output.js'
import { tokensOf } from './cache-tokens.js'
import { type Provision, provisionOf, UNPROVISIONED } from './provision.js'
import { StatePlane } from './state-plane.js'
import { EMBEDDING, SHORT_IDS } from './port-urns.js'
import { StateStream } from './state-stream.js'
import { answerStatus } from './status-stream.js'

/** What a worker is started with. */
export interface HarnessParts extends BundleWorld {
  readonly transport: Transport
  /** Number of the worker within this process. */
  readonly worker: number
  /** The engine's name for it; goes with every call. */
  readonly workerId: string
  readonly controlAddress: string
  /** Where its log is taken, and what the engine tells of itself; empty where it offers neither. */
  readonly loggingAddress: string
  readonly provisionAddress: string
  /** Input has come in. */
  cameIn(): void
  answer(answer: Answer): void
}

type Out = Extract<ToWire, { kind: 'out' }>
type Arrived = Extract<ToUser, { kind: 'data' }>

/** A worker at work. */
export class Harness {
  readonly #parts: HarnessParts
  readonly #metadata: Readonly<Record<string, string>>
  readonly #control: Channel
  readonly #stream: MessageStream<InstructionResponse>
  readonly #descriptors = new Map<string, Promise<ProcessBundleDescriptor>>()
  readonly #data = new Map<string, MessageStream<Elements>>()
  readonly #state: StatePlane
  readonly #channels: Channel[] = []
  /** Where output of a descriptor goes: addresses by step. */
  readonly #addressOf = new Map<string, string>()
  /** What bundles of a descriptor read. */
  readonly #sourceOf = new Map<string, string>()
  /** Output that goes with the answer, where the engine takes it so, by instruction. */
  readonly #embedded = new EmbeddedOutput((instruction, elements) => {
    this.#parts.shared.outPut(sizeOf(elements))
    this.#sendElements(instruction, elements)
  })
  readonly #bundles: OpenBundles
  readonly #descriptorOf = new Map<string, string>()
  /** Who waits for the callbacks of a bundle, by instruction of the bundle. */
  readonly #finalizing = new Map<string, string>()
  #provision: Provision = UNPROVISIONED
  #log: LogStream | undefined
  #isOver = false

  constructor(parts: HarnessParts) {
    this.#parts = parts
    this.#metadata = { worker_id: parts.workerId }
    this.#bundles = new OpenBundles(parts)
    this.#state = new StatePlane(
      parts.answer,
      (url, lost) => new StateStream(this.#channel(url), { metadata: this.#metadata }, lost),
      (failure) => this.#lost('state', { status: '', message: failure }),
    )
    this.#control = parts.transport.connect(parts.controlAddress)
    this.#stream = this.#control.stream(
      BeamFnControl.method.control,
      { message: (request) => this.#instructed(request), end: () => this.close() },
      { metadata: this.#metadata },
    )
    this.#logTo(parts.loggingAddress)
    void provisionOf(parts.transport, parts.provisionAddress, { metadata: this.#metadata }).then((provision) =>
      this.#provisioned(provision),
    )
  }

  #provisioned(provision: Provision): void {
    if (this.#isOver) return
    this.#provision = provision
    const { loggingAddress, statusAddress } = provision
    if (this.#log === undefined) this.#logTo(loggingAddress)
    if (statusAddress !== '')
      answerStatus(this.#channel(statusAddress), () => this.#status(), { metadata: this.#metadata })
  }

  #logTo(address: string): void {
    if (address !== '') this.#log = new LogStream(this.#parts, address, { metadata: this.#metadata })
  }

  #status(): string {
    const bundles = this.#bundles.names.map((id) => `${id} of ${this.#descriptorOf.get(id) ?? '(not begun)'}`)
    return [
      `${bundles.length} open bundles`,
      ...bundles,
      `${this.#state.changes} changes of state in open bundles`,
    ].join('\n')
  }

  #instructed({ instructionId, request }: InstructionRequest): void {
    const respond = (kind: string, value: object): void => this.#respond(instructionId, kind, value)
    switch (request.case) {
      case 'processBundle': {
        this.#bundles.open(instructionId)
        if (this.#provision.capabilities.has(EMBEDDING)) this.#embedded.begin(instructionId)
        this.#parts.shared.started()
        void this.#start(instructionId, request.value)
        if (request.value.elements !== undefined) this.#received(request.value.elements)
        return
      }
      case 'processBundleProgress':
        respond('processBundleProgress', this.#bundles.progress(request.value.instructionId))
        return
      case 'processBundleSplit':
        this.#bundles.split(this.#name(request.value.instructionId), request.value, (response) =>
          respond('processBundleSplit', response),
        )
        return
      case 'monitoringInfos':
        respond(
          'monitoringInfos',
          create(MonitoringInfosMetadataResponseSchema, {
            monitoringInfo: this.#parts.monitoring.meaning(request.value.monitoringInfoId),
          }),
        )
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
        this.#finalizing.set(request.value.instructionId, instructionId)
        this.#parts.tell({ kind: 'finalize', bundle: this.#name(request.value.instructionId) })
        return
      case undefined:
        this.#fail(instructionId, 'this worker does not know the kind of the instruction')
    }
  }

  #name(instruction: string): BundleName {
    return { worker: this.#parts.worker, instruction }
  }

  async #start(instructionId: string, request: ProcessBundleRequest): Promise<void> {
    const { processBundleDescriptorId: descriptorId } = request
    try {
      const known = this.#descriptors.get(descriptorId)
      const descriptor = await (known ?? this.#fetch(descriptorId))
      // It may have failed meanwhile.
      if (!this.#bundles.has(instructionId)) return
      this.#descriptorOf.set(instructionId, descriptorId)
      this.#connect(descriptor)
      this.#bundles.described(instructionId, this.#sourceOf.get(descriptorId))
      this.#parts.tell({
        kind: 'start',
        bundle: this.#name(instructionId),
        descriptorId,
        slot: this.#bundles.slotOf(instructionId),
        tokens: tokensOf(request),
      })
    } catch (error) {
      this.#parts.tell({ kind: 'dropped', bundle: this.#name(instructionId) })
      this.fail(instructionId, `the description of the bundle cannot be had: ${(error as Error).message}`)
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
    // What failed once may be had the next time.
    fetched.catch(() => this.#descriptors.delete(id))
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
  #connect(descriptor: ProcessBundleDescriptor): void {
    const { source, addresses } = portsOf(descriptor, this.#parts.controlAddress)
    if (source !== undefined) this.#sourceOf.set(descriptor.id, source)
    for (const [transformId, address] of addresses) {
      this.#addressOf.set(`${descriptor.id} ${transformId}`, address)
      this.#dataStream(address)
    }
  }

  #dataStream(address: string): MessageStream<Elements> {
    let stream = this.#data.get(address)
    if (stream !== undefined) return stream
    stream = this.#channel(address).stream(
      BeamFnData.method.data,
      {
        message: (elements) => this.#received(elements),
        end: (failure) => {
          this.#data.delete(address)
          this.#lost('data', failure)
        },
      },
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
    const take = (instruction: string, of: Omit<Arrived, 'kind' | 'bundle'>): void => {
      this.#parts.shared.inPut(of.bytes.length)
      this.#parts.tell({ kind: 'data', bundle: this.#name(instruction), ...of, bytes: of.bytes.slice() })
    }
    // Which of them came first, a message does not say. Timers that are known fire before the elements that are later than they.
    for (const { instructionId, transformId, timerFamilyId: family, timers: bytes, isLast } of timers)
      take(instructionId, { transformId, family, bytes, isLast })
    for (const { instructionId, transformId, data: bytes, isLast } of data)
      take(instructionId, { transformId, bytes, isLast })
    this.#parts.cameIn()
  }

  /** Sends output of a bundle. */
  send({ bundle: { instruction }, transformId, family, bytes, isLast }: Out): void {
    const of = { instructionId: instruction, transformId, isLast }
    const data = bytes as Uint8Array<ArrayBuffer>
    const elements = create(
      ElementsSchema,
      family === undefined ? { data: [{ ...of, data }] } : { timers: [{ ...of, timerFamilyId: family, timers: data }] },
    )
    if (this.#embedded.holds(instruction, elements)) this.#left(bytes.length)
    else this.#sendElements(instruction, elements)
  }

  #sendElements(instruction: string, elements: Elements): void {
    const [{ transformId } = { transformId: '' }] = [...elements.data, ...elements.timers]
    const left = (): void => this.#left(sizeOf(elements))
    const address = this.#addressOf.get(`${this.#descriptorOf.get(instruction) ?? ''} ${transformId}`)
    if (address === undefined || this.#isOver) left()
    else this.#dataStream(address).send(elements, left)
  }

  /** Output is on its way no longer. */
  #left(bytes: number): void {
    if (this.#parts.shared.outLeft(bytes)) this.#parts.tell({ kind: 'room' })
  }

  pause(): void {
    for (const stream of this.#data.values()) stream.pause()
  }

  resume(): void {
    for (const stream of this.#data.values()) stream.resume()
  }

  /** User code has split a bundle. */
  hasSplit(instruction: string, response: Uint8Array): void {
    this.#bundles.hasSplit(instruction, response)
  }

  /** Reads cells, all at once. */
  read(request: Extract<ToWire, { kind: 'get' }>): void {
    this.#state.read(request)
  }

  /** Changes a cell. */
  change(request: Extract<ToWire, { kind: 'put' }>): void {
    this.#state.change(request)
  }

  /** Answers for a bundle that has succeeded, unless it is answered: it failed with a stream. */
  async done(instruction: string, response: Uint8Array): Promise<void> {
    try {
      await this.#state.confirmed(instruction)
      if (!this.#bundles.has(instruction)) return
      const answer = fromBinary(ProcessBundleResponseSchema, response)
      // Engines that do not say that they know short ids may want everything in full, or may ask.
      if (!this.#provision.capabilities.has(SHORT_IDS))
        answer.monitoringInfos = this.#parts.monitoring.infos(answer.monitoringData)
      const elements = this.#embedded.take(instruction)
      if (elements !== undefined) answer.elements = elements
      this.#bundles.close(instruction)
      this.#respond(instruction, 'processBundle', answer)
      this.#forget(instruction)
    } catch (error) {
      this.fail(instruction, (error as Error).message)
    }
  }

  /** The callbacks of a bundle have been called. */
  finalized(instruction: string, error: string | undefined): void {
    const asked = this.#finalizing.get(instruction)
    this.#finalizing.delete(instruction)
    if (asked === undefined) return
    if (error === undefined) this.#respond(asked, 'finalizeBundle', create(FinalizeBundleResponseSchema))
    else this.#fail(asked, error)
  }

  /** Takes a line of user code. */
  logged(instruction: string, line: LogLine): void {
    this.#log?.add(instruction, line)
  }

  /** Answers for a bundle that has failed, unless it is answered. */
  fail(instruction: string, error: string): void {
    if (this.#bundles.has(instruction)) this.#fail(instruction, error)
    this.#forget(instruction)
  }

  #forget(instruction: string): void {
    this.#bundles.close(instruction)
    this.#embedded.take(instruction)
    this.#state.forget(instruction)
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
    if (this.#isOver || (failure === undefined && this.#bundles.names.length === 0)) return
    this.failOpen(`the stream of ${what} broke: ${failure?.message ?? 'the engine ended it'}`)
  }

  /** Every bundle that is open has failed. */
  failOpen(error: string): void {
    for (const instruction of this.#bundles.names) this.fail(instruction, error)
    this.#parts.tell({ kind: 'workerLost', worker: this.#parts.worker, error })
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const instruction of this.#bundles.names) this.#forget(instruction)
    this.#log?.close()
    for (const stream of this.#data.values()) stream.finish()
    this.#state.close()
    this.#stream.finish()
    for (const channel of [...this.#channels, this.#control]) channel.close()
    this.#parts.tell({ kind: 'workerEnded', worker: this.#parts.worker })
  }
}
