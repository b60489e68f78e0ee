/**
 * The inside of a worker, on its thread: loads the program that its driver has, builds the same graph and serves the driver. What the
 * author's code writes to the console goes to the driver, with the step that wrote it.
 *
 * Law: a worker that has another program than its driver serves nobody; while a module loads, it can start no run.
 */
import { deserialize, serialize } from 'node:v8'
import { parentPort, type Transferable, workerData } from 'node:worker_threads'
import { coded } from '../../../sdk/error-codes.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { captureOutput } from '../../author-module/capture-output.js'
import { loadPipeline } from '../../author-module/load-module.js'
import { markLoadingModule } from '../../author-module/loading.js'
import { AuthorMap, framesOfCall, framesOfError, mapStacks } from '../../author-module/stacks.js'
import { type Frame, StepOfCall } from '../../author-module/step-of-call.js'
import { nodeEnv } from '../../direct/node.js'
import type { ServeWorker, ToWorker } from '../tasks/worker-link.js'
import { errorToWire } from '../../core/wire-error.js'
import { builtFrom } from './called-program.js'
import { checkProgram, optionsFor } from './program.js'
import type { Incoming, WorkerBoot, WorkerProgram } from './worker-boot.js'

const given = parentPort
if (given === null)
  throw new Error('this module is the inside of a worker of millrace. Run: millrace run FILE --workers 2')
const port = given

const { boot, isFramed } = workerData as { readonly boot: WorkerBoot; readonly isFramed: boolean }
/** Folder of millrace's compiled modules: `…/dist/`. */
const ownFolder = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '')
/** Smaller blocks are copied as fast as they are handed over. */
const TRANSFER_BYTES_MIN = 64 * 1024

/** Who writes to the console, and of which step an error is; known once the pipeline is built. */
let writer: () => string | undefined = () => undefined
let stepOfError: (error: unknown) => string | undefined = () => undefined

function post(message: Incoming): void {
  if (!isFramed) return port.postMessage(message, handedOver(message))
  const bytes = serialize(message)
  port.postMessage(bytes, [bytes.buffer])
}

/** Blocks of a finished task: nobody here needs them any more. */
function handedOver(message: Incoming): Transferable[] {
  if (!('kind' in message) || message.kind !== 'done') return []
  const buffers = new Set<ArrayBuffer>()
  for (const { bytes } of message.done.blocks) {
    const { buffer } = bytes
    const isWhole = buffer instanceof ArrayBuffer && bytes.length === buffer.byteLength
    if (isWhole && bytes.length >= TRANSFER_BYTES_MIN) buffers.add(buffer)
  }
  return [...buffers]
}

async function builtProgram(program: WorkerProgram): Promise<BuiltPipeline> {
  if (program.kind === 'call') return builtFrom(program)
  const { text } = program
  const map = new AuthorMap(text)
  mapStacks(map)
  const built = (await loadPipeline(text, map)).build(optionsFor(program))
  let steps: StepOfCall | undefined
  const stepOf = (frames: Iterable<Frame>): string | undefined =>
    (steps ??= new StepOfCall(built.functions.all(), text.code)).step(frames)
  writer = () => stepOf(framesOfCall(map, ownFolder))
  stepOfError = (error) => stepOf(framesOfError(error, map, ownFolder))
  return built
}

/** What no call of a step can be blamed for. */
function stray(what: (of: string) => string): (error: unknown) => void {
  return (cause) => {
    const step = stepOfError(cause)
    const error = new Error(what(step === undefined ? '' : ` of step "${step}"`), { cause })
    post({ kind: 'refused', error: errorToWire(coded('MR-3027', error)) })
  }
}

async function begin(): Promise<void> {
  captureOutput((text, stream) => {
    const step = writer()
    post({ link: 'console', text, stream, ...(step === undefined ? {} : { step }) })
  })
  const early: ToWorker[] = []
  let hear = (message: ToWorker): void => void early.push(message)
  port.on('message', (message: ToWorker | Uint8Array) =>
    hear(isFramed ? (deserialize(message as Uint8Array) as ToWorker) : (message as ToWorker)),
  )
  checkProgram(boot)
  const serving = import(boot.server) as Promise<{ readonly serveWorker: ServeWorker }>
  // Waited for below, unless the author's module fails before.
  serving.catch(() => undefined)
  markLoadingModule(true)
  const built = await builtProgram(boot.program).finally(() => markLoadingModule(false))
  process.on(
    'uncaughtException',
    stray((of) => `an error${of} was thrown outside of every call`),
  )
  process.on(
    'unhandledRejection',
    stray((of) => `a promise${of} was rejected and nobody waited for it. Await it inside the call that makes it`),
  )
  const { serveWorker } = await serving
  // Standard input is one for all: where several read it, each gets a part.
  serveWorker({ send: post, onMessage: (listener) => (hear = listener) }, built, { ...nodeEnv(), stdin: undefined })
  post({ link: 'up' })
  for (const message of early) hear(message)
}

begin().catch((error: unknown) => post({ link: 'down', error: errorToWire(error) }))
