/**
 * The worker's end of what it reports to the client that has submitted its job.
 *
 * Law: the client may go, and the job lives: what is reported then is lost, and said once. A client that does not know the worker ends
 * its work.
 */
import { create } from '@bufbuild/protobuf'
import { WorkerLink, type WorkerReport, WorkerReportSchema } from '../proto/generated/millrace/worker_link_pb.js'
import type { Channel, ConnectOptions, MessageStream, Transport, TransportFailure } from '../transport/transport.js'
import { PROOF_METADATA, WORKER_METADATA } from './link-server.js'

/** How a worker reaches its client. */
export interface LinkClientParts {
  readonly transport: Transport
  readonly address: string
  readonly connect: ConnectOptions
  readonly worker: string
  readonly proof: string
  /** The link is over. */
  ended(failure: TransportFailure | undefined): void
}

/** Reports. */
export class LinkClient {
  readonly #channel: Channel
  readonly #stream: MessageStream<WorkerReport>
  #isOver = false
  /** Reports that have been taken in. */
  #taken = 0
  /** Who waits until a report has been, in the order of reports. */
  readonly #waiting: (() => void)[] = []

  constructor({ transport, address, connect, worker, proof, ended }: LinkClientParts) {
    this.#channel = transport.connect(address, { ...connect, own: true })
    this.#stream = this.#channel.stream(
      WorkerLink.method.report,
      {
        message: ({ flush, taken }) => {
          if (flush) void this.send(create(WorkerReportSchema, { report: { case: 'flushed', value: {} } }))
          else this.#told(taken - this.#taken)
        },
        end: (failure) => {
          this.#isOver = true
          this.#told(this.#waiting.length)
          ended(failure)
        },
      },
      { metadata: { [WORKER_METADATA]: worker, [PROOF_METADATA]: proof } },
    )
  }

  /**
   * @returns when the client has taken it in, or never will: whoever is killed after that has told it. What has only left this process
   * may be lost when it is killed, since the other end reads no further than a connection that is reset.
   */
  send(report: WorkerReport): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    this.#stream.send(report)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Ends the link when all has been taken in. */
  async close(): Promise<void> {
    if (this.#isOver) return
    await this.send(create(WorkerReportSchema, { report: { case: 'flushed', value: {} } }))
    this.#stream.finish()
  }

  /** So many more reports are taken care of. */
  #told(count: number): void {
    this.#taken += count
    for (const resolve of this.#waiting.splice(0, count)) resolve()
  }
}
