/**
 * The worker's end of what it reports to the client that has submitted its job.
 *
 * Law: the client may go, and the job lives: what is reported then is lost, and said once. A client that is there and takes nothing (it was
 * stopped, its network is away) holds nobody up for longer than {@link SLOW_MILLIS}: what is reported waits for it, up to a limit. A client
 * that does not know the worker ends its work.
 */
import { create } from '@bufbuild/protobuf'
import { WorkerLink, type WorkerReport, WorkerReportSchema } from '../proto/generated/millrace/worker_link_pb.js'
import type { Channel, ConnectOptions, MessageStream, Transport, TransportFailure } from '../transport/transport.js'
import { PROOF_METADATA, WORKER_METADATA } from './link-server.js'

/** So long a report may take to be taken in; after that nobody waits for one until all are. */
const SLOW_MILLIS = 5000
/** Bytes of reports that wait for a client that takes none: of more the link is given up. */
const BEHIND_BYTES_MAX = 64 * 1024 * 1024

/** How a worker reaches its client. */
export interface LinkClientParts {
  readonly transport: Transport
  readonly address: string
  readonly connect: ConnectOptions
  readonly worker: string
  readonly proof: string
  /** Runs something after so many milliseconds. */
  later(millis: number, run: () => void): void
  /** The client takes nothing, or has taken all again. */
  behind(isSo: boolean): void
  /** The link is over. */
  ended(failure: TransportFailure | undefined): void
}

/** Reports. */
export class LinkClient {
  readonly #channel: Channel
  readonly #stream: MessageStream<WorkerReport>
  readonly #parts: LinkClientParts
  #isOver = false
  #isWatched = false
  /** Reports that have been sent, and that have been taken in. */
  #sent = 0
  #taken = 0
  /** Bytes that were sent since the client fell behind; `undefined` while it keeps up. */
  #behindBytes: number | undefined
  /** Who waits until a report has been taken in, by its number. */
  readonly #waiting: { readonly number: number; readonly resolve: () => void }[] = []

  constructor(parts: LinkClientParts) {
    const { transport, address, connect, worker, proof } = parts
    this.#parts = parts
    this.#channel = transport.connect(address, { ...connect, own: true })
    this.#stream = this.#channel.stream(
      WorkerLink.method.report,
      {
        message: ({ flush, taken }) => {
          if (flush) void this.send(create(WorkerReportSchema, { report: { case: 'flushed', value: {} } }))
          else this.#told(taken)
        },
        end: (failure) => this.#end(failure),
      },
      { metadata: { [WORKER_METADATA]: worker, [PROOF_METADATA]: proof } },
    )
  }

  /**
   * @param size bytes of the report, about.
   * @returns when the client has taken it in, or never will, or takes its time: whoever is killed after that has told it, as far as it
   * could be told. What has only left this process may be lost when it is killed, since the other end reads no further than a connection
   * that is reset.
   */
  send(report: WorkerReport, size = 0): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    this.#stream.send(report)
    const number = ++this.#sent
    if (this.#behindBytes !== undefined) {
      this.#behindBytes += size
      if (this.#behindBytes > BEHIND_BYTES_MAX) this.#giveUp()
      return Promise.resolve()
    }
    this.#watch()
    return new Promise((resolve) => this.#waiting.push({ number, resolve }))
  }

  /** Sees to it that nobody waits for long. */
  #watch(): void {
    if (this.#isWatched) return
    this.#isWatched = true
    const newest = this.#sent
    this.#parts.later(SLOW_MILLIS, () => {
      this.#isWatched = false
      if (this.#isOver || this.#behindBytes !== undefined) return
      if (this.#taken < newest) this.#fallBehind()
      else if (this.#taken < this.#sent) this.#watch()
    })
  }

  #fallBehind(): void {
    this.#behindBytes = 0
    this.#release(this.#sent)
    this.#parts.behind(true)
  }

  #giveUp(): void {
    this.#stream.cancel()
    this.#end({ status: 'RESOURCE_EXHAUSTED', message: `it takes nothing, and ${BEHIND_BYTES_MAX} bytes wait for it` })
  }

  #end(failure: TransportFailure | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#release(this.#sent)
    this.#parts.ended(failure)
  }

  /** Ends the link when all has been taken in. */
  async close(): Promise<void> {
    if (this.#isOver) return
    await this.send(create(WorkerReportSchema, { report: { case: 'flushed', value: {} } }))
    this.#stream.finish()
  }

  /** So many reports have been taken in. */
  #told(taken: number): void {
    this.#taken = taken
    this.#release(taken)
    if (this.#behindBytes === undefined || taken < this.#sent) return
    this.#behindBytes = undefined
    this.#parts.behind(false)
  }

  /** Nobody waits for reports up to this one. */
  #release(number: number): void {
    while (this.#waiting[0] !== undefined && this.#waiting[0].number <= number) this.#waiting.shift()?.resolve()
  }
}
