/**
 * Programs of engines: where they are kept, started on free ports, watched until they listen, ended with the run.
 *
 * Law: what is started here ends with this process, however that ends: where a program does not end by itself when nobody needs it,
 * a shell beside it waits for the end of a pipe that this process holds, and ends it then.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { homedir, networkInterfaces } from 'node:os'
import { delimiter, join } from 'node:path'
import { PipelineError } from '../../../sdk/errors.js'
import type { Engine } from '../distributed-runner.js'

/** Where what is fetched is kept from run to run. */
export function cacheFolder(): string {
  const { MILLRACE_CACHE: own, XDG_CACHE_HOME: xdg } = process.env
  return own ?? join(xdg ?? join(homedir(), '.cache'), 'millrace')
}

/** Where the program of an engine is kept. */
export function enginePlace(name: string): string {
  return join(cacheFolder(), 'engines', name)
}

/** The first of these files that can be executed. */
export function firstProgram(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Folders of PATH. */
export function pathFolders(): readonly string[] {
  return (process.env['PATH'] ?? '').split(delimiter)
}

/** Runs a program in a shell that ends it when its standard input ends. */
export const WATCHED =
  'exec 3<&0; "$@" </dev/null 3<&- & program=$!; (cat <&3 >/dev/null; kill -9 $program 2>/dev/null) & watcher=$!; wait $program; code=$?; kill $watcher 2>/dev/null; exit $code'

/** How a program is started. */
export interface EngineProgram {
  /** What people call it. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  /** Where its Job API will listen. */
  readonly port: number
  /** How long it may take to listen. */
  readonly startMillis: number
  /** Whether it goes on when this process is killed, and must be watched. */
  readonly outlivesUs: boolean
  /** Runs when it has ended. */
  readonly cleanUp?: () => void
}

/** Starts an engine. @throws {PipelineError} when it does not listen in time. */
export async function startEngine(engine: EngineProgram, warn: (text: string) => void): Promise<Engine> {
  const { name, program, args, port, startMillis, outlivesUs, cleanUp } = engine
  if (isReachable()) warn(`warning: ${name} listens on every network interface of this machine while the run lasts.`)
  const [command = program, ...own] = outlivesUs ? ['sh', '-c', WATCHED, 'sh', program, ...args] : [program, ...args]
  const child = spawn(command, own, { stdio: ['pipe', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said.push(bytes)
      if (said.length > 50) said.shift()
    })
  // Whoever waits for a run keeps the process awake; an engine does not.
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref()
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let failure: Error | undefined
  child.once('error', (error) => (failure = error))
  child.stdin.on('error', () => undefined)
  const end = (): void => {
    if (outlivesUs) child.stdin.destroy()
    else child.kill('SIGKILL')
  }
  process.once('exit', end)
  const close = async (): Promise<void> => {
    process.removeListener('exit', end)
    child.ref()
    end()
    await ended
    cleanUp?.()
  }
  for (const until = Date.now() + startMillis; ;) {
    if (await listens(port)) return { address: `localhost:${port}`, close }
    if (failure !== undefined || child.exitCode !== null || Date.now() > until) {
      await close()
      throw new PipelineError(
        'MR-6204',
        `${program} did not start: ${failure?.message ?? (Buffer.concat(said).toString().trim() || 'it says nothing')}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Whether others may reach this process: it has an interface that is not loopback. */
function isReachable(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal) === true)
}

/** A port of the loopback interface that nobody uses. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Whether somebody listens on a port of this machine. */
export async function listens(port: number): Promise<boolean> {
  return (await whyNotReached({ port, host: '127.0.0.1' })) === undefined
}

/** Why nobody takes a connection at a place; `undefined` where somebody does. @param timeoutMillis Default: as long as the system waits. */
export function whyNotReached(
  place: { readonly port: number; readonly host: string },
  timeoutMillis = 0,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...place, timeout: timeoutMillis })
    const end = (why: string | undefined): void => {
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => end(undefined))
    socket.once('timeout', () => end(`no connection within ${timeoutMillis / 1000} s`))
    // Where a name has several addresses, the error of each is within the one that comes.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.message || (error.code ?? error.name)))
  })
}
