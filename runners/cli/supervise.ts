/**
 * Holds what a supervised run needs (the pipeline's thread, signals, a clock that ticks) and gives every event to the
 * supervision, one after another.
 *
 * Law: however it ends, the thread is gone, and nothing of ours keeps the process alive.
 */
import type { EventEmitter } from 'node:events'
import type { Worker } from 'node:worker_threads'
import * as Effect from 'effect/Effect'
import * as Queue from 'effect/Queue'
import type { Scope } from 'effect/Scope'
import { canListen, listenToKeys } from './live-keys.js'
import { look, type Sight } from './probe.js'
import type { ModuleText } from '../author-module/module-text.js'
import type { FromWorker } from './protocol.js'
import { AuthorMap } from '../author-module/stacks.js'
import { Supervision, type SupervisionServices, type SupervisorEvent } from './supervision.js'

/** What is supervised. */
export interface Task extends Omit<SupervisionServices, 'post' | 'look' | 'now'> {
  /** The thread, started already: it loads millrace while the module is bundled. */
  readonly worker: Worker
  readonly module: Promise<ModuleText>
  /** Whether the terminal's keys are for the run. */
  readonly listens: boolean
  /** Aborted when the author's files have changed: the run is to make room for another. */
  readonly changed?: AbortSignal
}

/** A thread in native code cannot be stopped from inside the process. */
const STOP_MILLIS = 3000

/** Supervises until the task is over. @returns the exit code. */
export function supervise(task: Task): Promise<number> {
  return Effect.runPromise(Effect.scoped(supervised(task)))
}

const supervised = Effect.fnUntraced(function* (task: Task) {
  const { worker, watchdog, display, listens } = task
  const events = yield* Queue.unbounded<SupervisorEvent>()
  const tell = (event: SupervisorEvent): void => void Queue.offerUnsafe(events, event)
  // Released in reverse order: signals are heard until the thread has stopped.
  yield* listening(process, 'SIGINT', () => tell({ kind: 'signal', name: 'SIGINT' }))
  yield* listening(process, 'SIGTERM', () => tell({ kind: 'signal', name: 'SIGTERM' }))
  if ((task.start.runner.workers ?? 0) > 0) {
    yield* listening(process, 'SIGUSR2', () => tell({ kind: 'workers', by: 1 }))
    // Where nobody listens, Node opens its debugger at this signal.
    yield* listening(process, 'SIGUSR1', () => tell({ kind: 'workers', by: -1 }))
  }
  yield* listening(process.stdout, 'error', () => tell({ kind: 'outputClosed' }))
  yield* listening(process.stderr, 'error', () => undefined)
  yield* Effect.acquireRelease(Effect.succeed(worker), stop)
  yield* listening(process.stderr, 'resize', () => tell({ kind: 'resized' }))
  const input = process.stdin
  if (listens && canListen(input)) {
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        listenToKeys(input, (key) => {
          // Whoever else waits for the signal, such as a watch over the files, must hear of it too.
          if (key === 'interrupt') process.emit('SIGINT', 'SIGINT')
          else tell({ kind: 'key', key })
        }),
      ),
      (stopListening) => Effect.sync(stopListening),
    )
    display.keysWork?.()
  }
  yield* listening(worker, 'message', (message: FromWorker) => tell({ kind: 'message', message }))
  yield* listening(worker, 'error', (error: unknown) => tell({ kind: 'threadError', error }))
  yield* listening(worker, 'exit', (code: number) => tell({ kind: 'threadExit', code }))
  // Nearly all output comes as messages; what bypasses them is not lost.
  yield* listening(worker.stdout, 'data', (chunk: Buffer) => tell({ kind: 'log', text: chunk.toString() }))
  yield* listening(worker.stderr, 'data', (chunk: Buffer) => tell({ kind: 'log', text: chunk.toString() }))
  const { changed } = task
  if (changed !== undefined) yield* aborted(changed, () => tell({ kind: 'changed' }))
  const tickMillis = Math.min(250, (watchdog?.lookEveryMillis ?? 500) / 2)
  yield* ticking(tickMillis, () => tell({ kind: 'tick' }))
  task.module.then(
    (module) => tell({ kind: 'module', module }),
    (error: unknown) => tell({ kind: 'noModule', error }),
  )
  let map: AuthorMap | undefined
  const supervision = new Supervision({
    ...task,
    display,
    now: () => performance.now(),
    post: (message) => worker.postMessage(message),
    look: (module) => {
      const lookedAt = performance.now()
      map ??= new AuthorMap(module)
      const seen = (sight?: Sight): void => tell({ kind: 'sight', sight, lookedAt })
      // The thread may end while it is looked at.
      look(map).then(seen, () => seen())
    },
  })
  for (;;) {
    const code = supervision.on(yield* Queue.take(events))
    if (code !== undefined) return code
  }
})

/** Listens for as long as the scope is open. */
function listening<A>(
  emitter: EventEmitter,
  event: string,
  listener: (argument: A) => void,
): Effect.Effect<unknown, never, Scope> {
  return Effect.acquireRelease(
    Effect.sync(() => emitter.on(event, listener)),
    () => Effect.sync(() => emitter.off(event, listener)),
  )
}

/** Listens to a signal, which may have been aborted already. */
function aborted(signal: AbortSignal, listener: () => void): Effect.Effect<unknown, never, Scope> {
  return Effect.acquireRelease(
    Effect.sync(() => {
      if (signal.aborted) listener()
      else signal.addEventListener('abort', listener)
    }),
    () => Effect.sync(() => signal.removeEventListener('abort', listener)),
  )
}

function ticking(millis: number, tick: () => void): Effect.Effect<unknown, never, Scope> {
  return Effect.acquireRelease(
    Effect.sync(() => setInterval(tick, millis)),
    (timer) => Effect.sync(() => clearInterval(timer)),
  )
}

/** Ends the thread; where that is impossible, ends the process, which is what the user asked for. */
function stop(worker: Worker): Effect.Effect<void> {
  return Effect.promise(async () => {
    const stuck = setTimeout(() => {
      process.stderr.write(
        "error: the pipeline's thread is inside native code and cannot be stopped; the process is killed.\n",
      )
      process.kill(process.pid, 'SIGKILL')
    }, STOP_MILLIS)
    await worker.terminate()
    clearTimeout(stuck)
  })
}
