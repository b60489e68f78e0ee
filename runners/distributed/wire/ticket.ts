/**
 * What a worker in another process is told by the client, by way of the engine: which program it must have, and where its client hears it.
 *
 * Law: nothing in it is worth anything once the run is over.
 */
import { PipelineError } from '../../../sdk/errors.js'

/** What a worker is told. */
export interface WorkerTicket {
  /** Version of millrace that the client has. */
  readonly version: string
  readonly moduleHash: string
  /** Fingerprint of the graph that the client has built. */
  readonly graph: string
  /** `host:port` of the client. */
  readonly link: string
  /** What a worker proves to know. */
  readonly key: string
  /** Certificate, in PEM, of who has signed the client's; where the client encrypts. */
  readonly authority?: string
}

/** Parameter of an external environment, and variable of a process, that holds the ticket. */
export const TICKET_PARAMETER = 'millrace_ticket'
export const TICKET_VARIABLE = 'MILLRACE_WORKER_TICKET'
/** Parameter that proves that the client knows the token of a pool. */
export const TICKET_PROOF = 'millrace_ticket_proof'
/** Parameter of a request that only asks whether a worker would be started. */
export const TICKET_PROBE = 'millrace_probe'
/** Name of the program among a job's artifacts. */
export const PROGRAM_ARTIFACT = 'millrace-program.bin'

/** A ticket from its text. @throws {PipelineError} when it is none. */
export function ticketOf(text: string | undefined): WorkerTicket {
  try {
    const { version, moduleHash, graph, link, key, authority } = JSON.parse(text ?? '') as Partial<WorkerTicket>
    if (
      version !== undefined &&
      moduleHash !== undefined &&
      graph !== undefined &&
      link !== undefined &&
      key !== undefined
    )
      return { version, moduleHash, graph, link, key, ...(authority === undefined ? {} : { authority }) }
  } catch {
    // Said below.
  }
  throw new PipelineError(
    'MR-6206',
    'a worker of millrace was asked for by a job that does not say what it needs: it was submitted by another SDK, or by another version of millrace.',
  )
}

/** What a worker proves, besides that it knows the token, where there is one. */
export function linkSecret(key: string, token: string | undefined): string {
  return `${key} ${token ?? ''}`
}
