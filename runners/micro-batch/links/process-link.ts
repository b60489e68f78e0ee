/**
 * A worker in a process of its own. Its main thread carries messages and shows that it lives; the author's code runs on a thread beside
 * it, so that no call can keep the process from hearing that its driver is gone.
 *
 * The two are joined by a socket that only they have: its end is the other's end, also after `kill -9`. A process that was stopped
 * keeps its socket and shows no life; it is killed then.
 */
import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { deserialize, serialize } from 'node:v8'
import { CarriedLink } from './carried-link.js'
import { entry } from './entry.js'
import { FRAME, FrameReader, writeFrame } from './frames.js'
import type { ConsoleSink, Incoming, WorkerBoot } from './worker-boot.js'

/** How often a worker is asked for a sign of life. */
const PING_MILLIS = 250
/** Without any for so long, it is killed. */
const SILENT_MILLIS_MAX = 5000
/** So long a worker may take to end in order. */
const CLOSE_MILLIS_MAX = 2000
/** What would make two processes listen to one debugger's port, … */
const DEBUGGER_FLAG = /^--inspect|^--debug/
/** … and what would have them do what this process was told to do by flags, instead of being workers. */
const OTHER_PROGRAM = /^(-e|-p|-pe|-c|-i|--eval|--print|--check|--interactive|--input-type|--test|--watch)(=|$)/

/** Flags of this process that its workers have too, such as loaders. Exported for its test. */
export function workerFlags(flags: readonly string[]): readonly string[] {
  return flags.filter((flag, at) => {
    // A program that is given by a flag stands behind it.
    const before = flags[at - 1] ?? ''
    const isText = /^(-e|-p|-pe|--eval|--print)$/.test(before)
    return !isText && !DEBUGGER_FLAG.test(flag) && !OTHER_PROGRAM.test(flag)
  })
}

/** Starts a worker in a process. @param environment what it has besides the variables of this one. */
export function openProcess(
  index: number,
  boot: WorkerBoot,
  environment: Readonly<Record<string, string>>,
  console: ConsoleSink,
  silentMillisMax: number = SILENT_MILLIS_MAX,
): Promise<CarriedLink> {
  const flags = workerFlags(process.execArgv)
  // Standard input is the driver's: two readers would each get a part of it.
  const child = spawn(process.execPath, [...flags, fileURLToPath(entry('worker-process'))], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...environment },
    windowsHide: true,
  })
  const socket = child.stdio[3] as Socket
  let reason: string | undefined
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    const over = (): void => {
      isGone = true
      resolve()
    }
    child.once('exit', over)
    child.once('error', over)
  })
  const link = new CarriedLink(
    `worker ${index + 1} (process ${child.pid ?? 'none'})`,
    {
      post: (message) => writeFrame(socket, FRAME.message, serialize(message)),
      kill: () => void child.kill('SIGKILL'),
      close: async () => {
        writeFrame(socket, FRAME.end)
        const late = setTimeout(() => child.kill('SIGKILL'), CLOSE_MILLIS_MAX)
        await gone
        clearTimeout(late)
      },
    },
    console,
  )
  const heart = watch(silentMillisMax, {
    ask: () => writeFrame(socket, FRAME.ping),
    dead: () => {
      reason = `has shown no life for ${silentMillisMax / 1000} s, and was killed`
      child.kill('SIGKILL')
    },
  })
  const reader = new FrameReader((kind, bytes) => {
    if (kind === FRAME.message) link.arrived(deserialize(bytes) as Incoming)
  })
  socket.on('data', (piece) => {
    heart.sign()
    reader.push(piece)
  })
  // A socket that breaks says so here; that the process is gone, below.
  socket.on('error', () => undefined)
  child.on('error', (error) => link.ended(`could not be started: ${error.message}`))
  child.on('exit', (code, signal) => {
    heart.stop()
    socket.destroy()
    link.ended(reason ?? (signal === null ? `ended by itself, with code ${code ?? 0}` : `was ended by ${signal}`))
  })
  // Not without a process: its socket may be closed while it still runs.
  socket.on('close', () => {
    if (!isGone) child.kill('SIGKILL')
  })
  writeFrame(socket, FRAME.message, serialize(boot))
  return link.started()
}

/**
 * Watches for signs of life. Time in which this process did nothing counts as one interval: it may have been stopped itself, and what the
 * worker has sent in the meantime is read after timers have had their turn.
 */
function watch(
  silentMillisMax: number,
  { ask, dead }: { readonly ask: () => void; readonly dead: () => void },
): { readonly sign: () => void; readonly stop: () => void } {
  let silent = 0
  let looked = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    silent += Math.min(now - looked, 2 * PING_MILLIS)
    looked = now
    if (silent < silentMillisMax) return ask()
    clearInterval(timer)
    dead()
  }, PING_MILLIS)
  return {
    sign: () => {
      silent = 0
    },
    stop: () => clearInterval(timer),
  }
}
