/**
 * A worker on a thread of this process. A thread is ended by its isolate, wherever its code is; it cannot outlive the process.
 */
import { Worker } from 'node:worker_threads'
import { CarriedLink } from './carried-link.js'
import { entry } from './entry.js'
import type { ConsoleSink, Incoming, WorkerBoot } from './worker-boot.js'

/** Starts a worker on a thread. @param environment what it has besides the variables of this thread. */
export function openThread(
  index: number,
  boot: WorkerBoot,
  environment: Readonly<Record<string, string>>,
  console: ConsoleSink,
): Promise<CarriedLink> {
  const worker = new Worker(entry('worker-thread'), {
    workerData: { boot, isFramed: false },
    env: { ...process.env, ...environment },
    name: `millrace-worker-${index + 1}`,
  })
  let reason: string | undefined
  const link = new CarriedLink(
    `worker ${index + 1} (thread ${worker.threadId})`,
    {
      post: (message) => worker.postMessage(message),
      kill: () => {
        reason ??= 'was terminated'
        void worker.terminate()
      },
      close: async () => void (await worker.terminate()),
    },
    console,
  )
  worker.on('message', (message: Incoming) => link.arrived(message))
  worker.on('error', (error: unknown) => (reason ??= reasonOf(error)))
  worker.on('exit', (code) => link.ended(reason ?? `ended by itself, with code ${code}`))
  return link.started()
}

function reasonOf(error: unknown): string {
  if ((error as { readonly code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'ran out of memory'
  return `died: ${error instanceof Error ? error.message : String(error)}`
}
