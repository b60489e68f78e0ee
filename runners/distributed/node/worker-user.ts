/**
 * The thread of user code in a worker's process: builds the pipeline of the client's program, and works on bundles.
 *
 * Law: code is not made at run time here; the process forbids it. Why a worker cannot work is said once, as its first message.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { messageOf } from '../../../sdk/errors.js'
import { captureOutput } from '../../author-module/capture-output.js'
import { markLoadingModule } from '../../author-module/loading.js'
import { RunLog } from '../../core/run-log.js'
import { nodeEnv } from '../../direct/node.js'
import type { ToUser, ToWire, Wire } from '../wire/messages.js'
import { SharedCounters } from '../wire/shared-counters.js'
import type { WorkerTicket } from '../wire/ticket.js'
import { consoleReport, failureReport, takeReport } from '../worker/reports.js'
import { WorkerRun } from '../worker/worker-run.js'
import { WorkerSide } from '../worker/worker-side.js'
import { type AnswerPort, blockingRead } from './blocking-wire.js'
import { builtOfProgram } from './remote-program.js'

/** What the thread is started with. */
export interface UserThreadData {
  readonly program: Uint8Array
  readonly ticket: WorkerTicket
  readonly port: AnswerPort & { readonly answers: MessagePort }
}

/** What the thread says: to the wire, or that it cannot work. */
export type FromUserThread = ToWire | { readonly kind: 'broken'; readonly error: string }

const port = parentPort
if (port === null) throw new Error('this module is the inside of a worker of millrace, which an engine starts')
const post = (message: FromUserThread): void => port.postMessage(message)

function wireOver({ port: answers }: UserThreadData): Wire {
  return {
    shared: new SharedCounters(answers.shared),
    send: post,
    onMessage: () => undefined,
    read: blockingRead(answers, post),
    close: async () => post({ kind: 'close' }),
  }
}

/** A worker at work. */
function serve(built: BuiltPipeline, data: UserThreadData): WorkerSide {
  const env = { ...nodeEnv(), stdin: undefined }
  const report = (bytes: Uint8Array): void => post({ kind: 'report', bytes })
  const reporter = {
    bundle: (left: Parameters<typeof takeReport>[0]) => report(takeReport(left)),
    failure: (error: unknown) => report(failureReport(error)),
  }
  const { moduleHash } = data.ticket
  const log = new RunLog(env, built.name, undefined)
  const options = { stageCompiler: 'closures' } as const
  return new WorkerSide(new WorkerRun(built, env, log, wireOver(data), options, { moduleHash, reporter }))
}

async function main(): Promise<void> {
  const data = workerData as UserThreadData
  captureOutput((text, stream) => post({ kind: 'report', bytes: consoleReport(text, stream === 'err') }))
  markLoadingModule(true)
  let side: WorkerSide
  try {
    side = serve(await builtOfProgram(data.program, data.ticket), data)
  } catch (error) {
    post({ kind: 'report', bytes: failureReport(error) })
    return post({ kind: 'broken', error: messageOf(error) })
  } finally {
    markLoadingModule(false)
  }
  port?.on('message', (message: ToUser) => {
    if (message.kind !== 'workerEnded') return side.receive(message)
    void side
      .close()
      .catch((error: unknown) => post({ kind: 'report', bytes: failureReport(error) }))
      .finally(() => post({ kind: 'close' }))
  })
}

void main()
