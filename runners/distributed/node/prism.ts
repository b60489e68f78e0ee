/**
 * Prism: found where it is, started for a run, ended by its handle.
 *
 * Law: a Prism that is started here listens on free ports and ends with the run. It binds every interface, which it cannot be told
 * not to: who starts it is warned, unless the process has a network of its own.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createServer, connect } from 'node:net'
import { homedir, networkInterfaces } from 'node:os'
import { delimiter, join } from 'node:path'
import { PipelineError } from '../../../sdk/errors.js'
import type { Engine } from '../distributed-runner.js'

/** The version that this runner is tried with. */
export const PRISM_VERSION = '2.77.0'
const MODULE = 'github.com/apache/beam/sdks/v2/go/cmd/prism'

/** Where what is fetched is kept from run to run. */
export function cacheFolder(): string {
  const { MILLRACE_CACHE: own, XDG_CACHE_HOME: xdg } = process.env
  return own ?? join(xdg ?? join(homedir(), '.cache'), 'millrace')
}

/** Where `npm run engines -- install prism` puts it. */
export function prismPlace(): string {
  return join(cacheFolder(), 'engines', `prism-${PRISM_VERSION}`)
}

/** What installs it, for people. */
export const PRISM_INSTALL: string = `go install ${MODULE}@v${PRISM_VERSION}`

/** The program, if there is one: named by MILLRACE_PRISM, in the cache, on PATH, or where Go puts programs. */
export function findPrism(): string | undefined {
  const { MILLRACE_PRISM: named, PATH = '', GOBIN, GOPATH } = process.env
  if (named !== undefined) return named
  const folders = [prismPlace(), ...PATH.split(delimiter), GOBIN ?? '', join(GOPATH ?? join(homedir(), 'go'), 'bin')]
  return folders.map((folder) => join(folder, 'prism')).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** How long it may take to listen. */
const START_MILLIS = 15_000

/** Who starts it may be killed, and can then not end it: it does so itself when it has no job. */
const ORPHANED = '--idle_shutdown_timeout=60s'

/** Starts Prism. @throws {PipelineError} when it is not there, or does not start. */
export async function startPrism(warn: (text: string) => void): Promise<Engine> {
  const program = findPrism()
  if (program === undefined)
    throw new PipelineError(
      'MR-6204',
      `Prism was not found: not in ${prismPlace()}, not on PATH. Install it (${PRISM_INSTALL}), name it in MILLRACE_PRISM, or run with an endpoint.`,
    )
  if (isReachable()) warn('warning: Prism listens on every network interface of this machine while the run lasts.')
  const port = await freePort()
  const flags = [`--job_port=${port}`, '--serve_http=false', '--log_kind=text', '--log_level=error', ORPHANED]
  const child = spawn(program, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said.push(bytes)
      if (said.length > 50) said.shift()
    })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let failure: Error | undefined
  child.once('error', (error) => (failure = error))
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  const close = async (): Promise<void> => {
    process.removeListener('exit', end)
    end()
    await ended
  }
  for (const until = Date.now() + START_MILLIS; ;) {
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

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
