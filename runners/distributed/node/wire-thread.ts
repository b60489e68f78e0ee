/**
 * Starts the thread of the wire.
 */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { ToUser, ToWire, Wire } from '../wire/messages.js'
import { SharedCounters } from '../wire/shared-counters.js'
import { type AnswerPort, blockingRead, endWire } from './blocking-wire.js'

/** The compiled module: threads do not load TypeScript. */
function mainModule(): URL {
  const own = new URL('./wire-main.js', import.meta.url)
  // Tests run the sources, and threads what was built of them.
  return import.meta.url.endsWith('.ts')
    ? new URL('../../../dist/runners/distributed/node/wire-main.js', import.meta.url)
    : own
}

/** Starts a wire. */
export function startWireThread(): Wire {
  const answered = new SharedArrayBuffer(4)
  const { port1: answers, port2: theirs } = new MessageChannel()
  const shared = new SharedCounters()
  const workerData: AnswerPort = { answers: theirs, answered, shared: shared.buffer }
  // Flags of the program are not the thread's: a loader of TypeScript would be run again for nothing.
  const worker = new Worker(mainModule(), { workerData, transferList: [theirs], execArgv: [] })
  answers.unref()
  const listeners: ((message: ToUser) => void)[] = []
  const tell = (message: ToUser): void => {
    for (const listener of listeners) listener(message)
  }
  let isClosed = false
  worker.on('message', tell)
  worker.on('error', (error) => tell({ kind: 'jobRefused', status: 'WIRE', message: error.message }))
  worker.on('exit', () => {
    endWire(workerData)
    if (!isClosed) tell({ kind: 'jobRefused', status: 'WIRE', message: 'the thread of the wire has ended' })
  })
  return {
    shared,
    send: (message: ToWire) => worker.postMessage(message),
    onMessage: (listener) => void listeners.push(listener),
    read: blockingRead({ ...workerData, answers }, (message) => worker.postMessage(message)),
    close: async () => {
      isClosed = true
      // A call of user code that nobody has waited for may still want to read, on this very thread.
      endWire(workerData)
      answers.close()
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
      worker.postMessage({ kind: 'close' } satisfies ToWire)
      const timer = setTimeout(() => void worker.terminate(), 2000)
      await ended
      clearTimeout(timer)
    },
  }
}
