/**
 * A pool of workers: starts a process for each worker that an engine asks for, and ends it when the engine says so. Beam calls the
 * service BeamFnExternalWorkerPool.
 *
 * Law: nobody starts a worker who does not know the pool's token, where it has one; without one the pool is reached by this machine
 * alone, unless that was asked for otherwise. What differs in version is refused before a process is started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import { messageOf } from '../../../sdk/errors.js'
import {
  BeamFnExternalWorkerPool,
  type StartWorkerRequest,
  StartWorkerResponseSchema,
  StopWorkerResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { ListenOptions } from '../transport/listen-options.js'
import { TICKET_PARAMETER, TICKET_PROBE, TICKET_PROOF, TICKET_VARIABLE, ticketOf } from '../wire/ticket.js'
import { grpcTransport } from './grpc-transport.js'
import { loadGrpc } from './packages.js'
import { proofs } from './proofs.js'
import { versionFault } from './remote-program.js'
import { WORKER_FLAGS } from './remote-workers.js'
import { workerEntry } from './worker-entry.js'

/** So long a worker may take to end in order. */
const STOP_MILLIS = 6000

/** How a pool is started. */
export interface PoolOptions extends ListenOptions {
  /** Only jobs that prove to know it get workers. Default: all do. */
  readonly token?: string | undefined
  /** Takes a line about a worker. */
  readonly say: (line: string) => void
}

/** A pool at work. */
export interface WorkerPool {
  /** `host:port`. */
  readonly address: string
  /** Ends it, and its workers. */
  close(): Promise<void>
}

/** Starts a pool. @throws {CallFailed} when it cannot listen. {@link PipelineError} when a package is missing. */
export async function startWorkerPool({ token, say, ...listen }: PoolOptions): Promise<WorkerPool> {
  const workers = new Set<ChildProcess>()
  /** `undefined` where several have had the name: two engines of a cluster may give their workers the same names, each its own. */
  const named = new Map<string, ChildProcess | undefined>()
  const builder = grpcTransport(await loadGrpc()).server()
  builder.unary(BeamFnExternalWorkerPool.method.startWorker, async (request) => {
    const fault = faultOf(request, token)
    if (fault !== undefined) {
      say(`refused worker ${request.workerId}: ${fault}`)
      return create(StartWorkerResponseSchema, { error: fault })
    }
    if (request.params[TICKET_PROBE] !== undefined) return create(StartWorkerResponseSchema)
    const child = started(request)
    workers.add(child)
    named.set(request.workerId, named.has(request.workerId) ? undefined : child)
    say(`started worker ${request.workerId} (process ${child.pid ?? 'none'})`)
    child.once('error', (error) => say(`worker ${request.workerId} could not be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      workers.delete(child)
      say(`worker ${request.workerId} has ended (${signal ?? `code ${code ?? 0}`})`)
    })
    return create(StartWorkerResponseSchema)
  })
  builder.unary(BeamFnExternalWorkerPool.method.stopWorker, async ({ workerId }) => {
    const child = named.get(workerId)
    // Where nobody says whose worker it is, it ends with its control stream, as they all do.
    if (child !== undefined) void end(child)
    return create(StopWorkerResponseSchema)
  })
  const server = await builder.listen(listen)
  return {
    address: server.address,
    close: async () => {
      await server.close()
      await Promise.all([...workers].map(end))
    },
  }
}

/** Why there is no worker for a request. */
function faultOf({ params }: StartWorkerRequest, token: string | undefined): string | undefined {
  const text = params[TICKET_PARAMETER]
  if (token !== undefined && !proofs.matches(token, text ?? '', params[TICKET_PROOF] ?? ''))
    return 'the job does not know the token of this pool of workers. Give the client the same tokenFile.'
  try {
    return versionFault(ticketOf(text))
  } catch (error) {
    return messageOf(error)
  }
}

function started({ workerId, params, ...endpoints }: StartWorkerRequest): ChildProcess {
  const { controlEndpoint, provisionEndpoint, artifactEndpoint, loggingEndpoint } = endpoints
  const args = [
    `--id=${workerId}`,
    `--control_endpoint=${controlEndpoint?.url ?? ''}`,
    `--provision_endpoint=${provisionEndpoint?.url ?? ''}`,
    `--artifact_endpoint=${artifactEndpoint?.url ?? ''}`,
    `--logging_endpoint=${loggingEndpoint?.url ?? ''}`,
  ]
  return spawn(process.execPath, [...WORKER_FLAGS, fileURLToPath(workerEntry('worker-main')), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, [TICKET_VARIABLE]: params[TICKET_PARAMETER] },
    windowsHide: true,
  })
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MILLIS)
    child.once('exit', () => {
      clearTimeout(late)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
