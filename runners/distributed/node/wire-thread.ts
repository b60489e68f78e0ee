/**
 * Starts the thread of the wire, and blocks this one where user code reads state.
 *
 * Law: one read is under way at a time, so the next answer is its answer. Waiting counts answers, not wake-ups: a late wake-up of
 * the answer before would else be taken for this one's.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { coded } from '../../../sdk/error-codes.js'
import type { Answer, ToUser, ToWire, Wire } from '../wire/messages.js'
import type { WireThreadData } from './wire-main.js'

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
  const counter = new Int32Array(answered)
  const { port1: answers, port2: theirs } = new MessageChannel()
  const workerData: WireThreadData = { answers: theirs, answered }
  // Flags of the program are not the thread's: a loader of TypeScript would be run again for nothing.
  const worker = new Worker(mainModule(), { workerData, transferList: [theirs], execArgv: [] })
  answers.unref()
  let seen = 0
  const listeners: ((message: ToUser) => void)[] = []
  const tell = (message: ToUser): void => {
    for (const listener of listeners) listener(message)
  }
  let isClosed = false
  worker.on('message', tell)
  worker.on('error', (error) => tell({ kind: 'jobRefused', status: 'WIRE', message: error.message }))
  worker.on('exit', () => {
    if (!isClosed) tell({ kind: 'jobRefused', status: 'WIRE', message: 'the thread of the wire has ended' })
  })
  return {
    send: (message: ToWire) => worker.postMessage(message),
    onMessage: (listener) => void listeners.push(listener),
    read: (request) => {
      worker.postMessage(request)
      while (Atomics.load(counter, 0) === seen) Atomics.wait(counter, 0, seen)
      seen = (seen + 1) | 0
      const answer = receiveMessageOnPort(answers)?.message as Answer | undefined
      if (answer?.kind === 'values') return answer.values
      throw coded('MR-6203', new Error(answer?.message ?? 'the wire gave no answer'))
    },
    close: async () => {
      isClosed = true
      answers.close()
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
      worker.postMessage({ kind: 'close' } satisfies ToWire)
      const timer = setTimeout(() => void worker.terminate(), 2000)
      await ended
      clearTimeout(timer)
    },
  }
}
