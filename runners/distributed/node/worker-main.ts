/**
 * A worker in a process of its own, as an engine or a pool of workers starts it. The main thread is the wire: it fetches the program, hears
 * the engine and reports to the client. The author's code runs on a thread beside it.
 *
 * Law: the process lives as long as the engine's control stream. What keeps it from working is told to the engine as the failure of the
 * first bundle, and so reaches whoever has submitted the job.
 */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { MessageChannel, Worker } from 'node:worker_threads'
import { create, fromBinary } from '@bufbuild/protobuf'
import { messageOf, PipelineError } from '../../../sdk/errors.js'
import { type ArtifactInformation, ArtifactStagingToRolePayloadSchema } from '../proto/generated/beam/pipeline_pb.js'
import { StartWorkerRequestSchema } from '../proto/generated/beam/fn_execution_pb.js'
import { WorkerReportSchema } from '../proto/generated/millrace/worker_link_pb.js'
import type { CallFailed } from '../transport/call-failed.js'
import type { Transport } from '../transport/transport.js'
import { artifactBytes } from '../wire/artifacts.js'
import { LinkClient } from '../wire/link-client.js'
import type { ToUser, ToWire } from '../wire/messages.js'
import { askProvision } from '../wire/provision.js'
import { SharedCounters } from '../wire/shared-counters.js'
import { linkSecret, PROGRAM_ARTIFACT, TICKET_VARIABLE, ticketOf, type WorkerTicket } from '../wire/ticket.js'
import { WireSide } from '../wire/wire-side.js'
import { type AnswerPort, answering, ownBytes } from './blocking-wire.js'
import { grpcTransport } from './grpc-transport.js'
import { loadGrpc } from './packages.js'
import { proofs } from './proofs.js'
import { readToken } from './token.js'
import { workerEntry } from './worker-entry.js'
import type { FromUserThread, UserThreadData } from './worker-user.js'

/** So long an engine may take to answer. */
const CALL_MILLIS = 30_000
/** So long the last frames of streams have to leave. */
const LEAVE_MILLIS = 100
/** So often the program is fetched, and so much longer is waited each time before. */
const FETCHES_MAX = 4
const FETCH_AGAIN_MILLIS = 250
/** So long the end may take: what was collected is sent, what was opened is closed. */
const END_MILLIS = 5000

/** `--id=1-1 --control_endpoint=localhost:1234 …`, as engines say it; Prism puts the id into quotes. */
function argumentsOf(args: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    args.flatMap((arg) => {
      const [, name, value] = /^--(\w+)=(.*)$/s.exec(arg) ?? []
      return name === undefined || value === undefined ? [] : [[name, value.replace(/^'(.*)'$/s, '$1')] as const]
    }),
  )
}

/** What a worker begins with. */
interface Provisions {
  readonly controlAddress: string
  readonly program: Uint8Array
}

async function provisions(transport: Transport, id: string, args: ReadonlyMap<string, string>): Promise<Provisions> {
  const metadata = { worker_id: id }
  const said = await askProvision(transport, args.get('provision_endpoint') ?? '', { metadata, timeoutMillis: CALL_MILLIS }) // prettier-ignore
  const or = (address: string, name: string): string => (address === '' ? (args.get(name) ?? '') : address)
  const controlAddress = or(said.controlAddress, 'control_endpoint')
  const artifactAddress = or(said.artifactAddress, 'artifact_endpoint')
  const artifact = said.dependencies.find((each) => stagedName(each) === PROGRAM_ARTIFACT)
  if (artifact === undefined)
    throw new PipelineError('MR-6206', 'the engine has no program for this worker: the job was submitted without one')
  for (let attempt = 1; ; attempt++) {
    try {
      return { controlAddress, program: await fetched(transport, artifactAddress, artifact, metadata) }
    } catch (error) {
      // A job server that several workers ask at once was seen to answer one of them with an error that says nothing.
      if (attempt === FETCHES_MAX) throw error
      await new Promise((resolve) => void setTimeout(resolve, attempt * FETCH_AGAIN_MILLIS))
    }
  }
}

function stagedName({ roleUrn, rolePayload }: ArtifactInformation): string | undefined {
  if (roleUrn !== 'beam:artifact:role:staging_to:v1') return undefined
  return fromBinary(ArtifactStagingToRolePayloadSchema, rolePayload).stagedName
}

function fetched(
  transport: Transport,
  address: string,
  artifact: ArtifactInformation,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const channel = transport.connect(address)
  return artifactBytes(channel, artifact, { metadata, timeoutMillis: 10 * CALL_MILLIS })
    .catch(({ status, message }: CallFailed) => {
      throw new PipelineError('MR-6201', `the program cannot be fetched from ${address} (${status}: ${message})`)
    })
    .finally(() => channel.close())
}

class WorkerProcess {
  readonly #transport: Transport
  readonly #id: string
  readonly #side: WireSide
  #user: Worker | undefined
  #link: LinkClient | undefined
  /** The last report has left. */
  #told: Promise<void> = Promise.resolve()
  /** Why no bundle can be worked on. */
  #fault: string | undefined
  #isEnding = false
  readonly #port: AnswerPort
  readonly #theirs: UserThreadData['port']

  constructor(transport: Transport, id: string) {
    this.#transport = transport
    this.#id = id
    const { port1: answers, port2 } = new MessageChannel()
    const answered = new SharedArrayBuffer(4)
    const shared = new SharedCounters()
    this.#port = { answers, answered, shared: shared.buffer }
    this.#theirs = { answers: port2, answered, shared: shared.buffer }
    this.#side = new WireSide({
      transport,
      shared,
      proofs,
      later: (millis, run) => void setTimeout(run, millis),
      user: { send: (message) => this.#toUser(message), answer: answering(this.#port) },
    })
  }

  async run(args: ReadonlyMap<string, string>): Promise<void> {
    let controlAddress = args.get('control_endpoint') ?? ''
    try {
      const ticket = ticketOf(process.env[TICKET_VARIABLE])
      const given = await provisions(this.#transport, this.#id, args)
      controlAddress = given.controlAddress
      this.#openLink(ticket)
      this.#startUser({ program: given.program, ticket, port: this.#theirs })
    } catch (error) {
      this.#broken(messageOf(error))
    }
    if (controlAddress === '') {
      process.exitCode = 1
      return this.#end()
    }
    const endpoint = (name: string) => ({ url: args.get(name) ?? '' })
    this.#side.startWorker(
      create(StartWorkerRequestSchema, {
        workerId: this.#id,
        controlEndpoint: { url: controlAddress },
        loggingEndpoint: endpoint('logging_endpoint'),
        provisionEndpoint: endpoint('provision_endpoint'),
      }),
    )
  }

  #openLink({ link, key, authority }: WorkerTicket): void {
    const secret = linkSecret(key, readToken())
    // An engine's names of workers may have characters that metadata may not.
    const worker = createHash('sha256').update(`${hostname()} ${process.pid} ${this.#id}`).digest('hex').slice(0, 16)
    this.#link = new LinkClient({
      transport: this.#transport,
      address: link,
      connect: authority === undefined ? {} : { authority },
      worker,
      proof: proofs.of(secret, worker),
      later: (millis, run) => void setTimeout(run, millis).unref(),
      behind: (isSo) => process.stderr.write(`millrace worker ${this.#id}: the client at ${link} ${isSo ? 'takes nothing of what it is told. The job goes on, and what is told waits for it.' : 'has taken what waited for it.'}\n`), // prettier-ignore
      ended: (failure) => {
        if (failure?.status === 'UNAUTHENTICATED')
          this.#broken(`the client at ${link} does not let this worker in: ${failure.message}. Give client and worker the same token.`) // prettier-ignore
        else if (!this.#isEnding)
          process.stderr.write(`millrace worker ${this.#id}: the client at ${link} is gone or cannot be reached (${failure?.message ?? 'it has ended'}); what is collected and counted from now on is not told. The job goes on.\n`) // prettier-ignore
      },
    })
  }

  #startUser(workerData: UserThreadData): void {
    const user = new Worker(workerEntry('worker-user'), { workerData, transferList: [workerData.port.answers] })
    this.#user = user
    user.on('message', (message: FromUserThread) => {
      if (message.kind === 'broken') this.#broken(message.error)
      else if (message.kind === 'report')
        this.#told = this.#link?.send(fromBinary(WorkerReportSchema, message.bytes), message.bytes.length) ?? this.#told
      // An engine may kill this process as soon as it hears that the last bundle is done.
      else if (message.kind === 'done' || message.kind === 'failed')
        void this.#told.then(() => this.#side.receive(message))
      else if (message.kind === 'close') this.#end()
      else this.#side.receive(message satisfies ToWire)
    })
    user.on('error', (error) => this.#broken(`the thread of user code has ended: ${error.stack ?? error.message}`))
    // In a thread it ends no more than the thread: nobody would answer the engine.
    user.on('exit', (code) => {
      if (!this.#isEnding)
        this.#broken(`user code has ended its thread with code ${code}: it must not call process.exit(). Throw an error instead.`) // prettier-ignore
    })
  }

  #toUser(message: ToUser): void {
    if (message.kind === 'workerEnded') return this.stop()
    if (this.#fault === undefined) this.#user?.postMessage(message, ownBytes(message))
    else if (message.kind === 'start')
      this.#side.receive({ kind: 'failed', bundle: message.bundle, error: this.#fault })
  }

  #broken(fault: string): void {
    this.#fault ??= fault
    process.stderr.write(`millrace worker ${this.#id}: ${fault}\n`)
    this.#side.failOpen(this.#fault)
  }

  /** Ends in order: user code is torn down, what it leaves is told. */
  stop(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    setTimeout(() => process.exit(1), END_MILLIS).unref()
    if (this.#user === undefined || this.#fault !== undefined) this.#end()
    else this.#user.postMessage({ kind: 'workerEnded', worker: 0 } satisfies ToUser)
  }

  #end(): void {
    this.#isEnding = true
    void this.#leave().finally(() => process.exit())
  }

  /** Streams end in order: an engine that finds one cut off may take its job for failed. */
  async #leave(): Promise<void> {
    await this.#link?.close()
    await this.#side.close()
    await new Promise((resolve) => void setTimeout(resolve, LEAVE_MILLIS))
  }
}

async function main(): Promise<void> {
  const args = argumentsOf(process.argv.slice(2))
  const worker = new WorkerProcess(grpcTransport(await loadGrpc()), args.get('id') ?? '')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => worker.stop())
  await worker.run(args)
}

void main()
