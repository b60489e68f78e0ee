/**
 * The client's end of what workers in other processes report: what bundles have collected, printed and counted, what user code
 * writes, and what fails.
 *
 * Law: a worker is heard when it knows the secret of the run, and is told of each of its reports that it was taken in. Before a run is
 * called done, every worker that is there has been asked for what it still has to say.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import {
  LinkRequestSchema,
  type LinkRequest,
  WorkerLink,
  type WorkerReport,
  WorkerReportSchema,
} from '../proto/generated/millrace/worker_link_pb.js'
import type { ListenOptions } from '../transport/listen-options.js'
import type { ListeningServer, MessageStream, Transport } from '../transport/transport.js'
import type { ToUser } from './messages.js'

/** Metadata by which a worker says who it is, and proves it. */
export const WORKER_METADATA = 'millrace-worker'
export const PROOF_METADATA = 'millrace-proof'

/** So long workers may take to say their last words. */
const FLUSH_MILLIS = 5000

/** What the server needs of its thread. */
export interface LinkWorld {
  readonly transport: Transport
  tell(message: ToUser): void
  later(millis: number, run: () => void): void
  /** Whether a proof is that of a worker of the run. */
  isProof(proof: string, worker: string): boolean
}

/** Hears workers. */
export class LinkServer {
  readonly #world: LinkWorld
  readonly #workers = new Map<MessageStream<LinkRequest>, () => void>()
  #server: ListeningServer | undefined

  constructor(world: LinkWorld) {
    this.#world = world
  }

  /** Listens. @returns `host:port`. @throws {CallFailed} */
  async open(options: ListenOptions): Promise<string> {
    const builder = this.#world.transport.server()
    builder.stream(WorkerLink.method.report, (stream, metadata) => {
      const worker = metadata.get(WORKER_METADATA) ?? ''
      const proof = metadata.get(PROOF_METADATA) ?? ''
      if (!this.#world.isProof(proof, worker)) {
        this.#world.tell({ kind: 'linkRefused', worker })
        stream.fail('UNAUTHENTICATED', 'the worker does not know the token of this run')
        return { message: () => undefined, end: () => undefined }
      }
      this.#workers.set(stream, () => undefined)
      this.#world.tell({ kind: 'linked', worker })
      let taken = 0
      const gone = (): void => {
        this.#workers.get(stream)?.()
        this.#workers.delete(stream)
      }
      return {
        message: (report) => {
          this.#reported(stream, report)
          stream.send(create(LinkRequestSchema, { taken: ++taken }))
        },
        end: () => {
          stream.finish()
          gone()
        },
      }
    })
    this.#server = await builder.listen(options)
    return this.#server.address
  }

  #reported(stream: MessageStream<LinkRequest>, message: WorkerReport): void {
    if (message.report.case === 'flushed') this.#workers.get(stream)?.()
    else this.#world.tell({ kind: 'reported', bytes: toBinary(WorkerReportSchema, message) })
  }

  /** Waits for what workers have still to say. */
  async flush(): Promise<void> {
    const answers = [...this.#workers.keys()].map((stream) => {
      const answered = new Promise<void>((resolve) => {
        this.#workers.set(stream, resolve)
        this.#world.later(FLUSH_MILLIS, resolve)
      })
      stream.send(create(LinkRequestSchema, { flush: true }))
      return answered
    })
    await Promise.all(answers)
  }

  async close(): Promise<void> {
    for (const stream of this.#workers.keys()) stream.finish()
    await this.#server?.close()
  }
}
