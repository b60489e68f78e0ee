/**
 * Prism: found where it is, started for a run, ended by its handle.
 *
 * Law: a Prism that is started here listens on free ports and ends with the run. It binds every interface, which it cannot be told
 * not to: who starts it is warned, unless the process has a network of its own.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { PipelineError } from '../../../sdk/errors.js'
import type { Engine } from '../distributed-runner.js'
import { enginePlace, firstProgram, freePort, pathFolders, startEngine } from './engine-process.js'

/** The version that this runner is tried with. */
export const PRISM_VERSION = '2.77.0'
const MODULE = 'github.com/apache/beam/sdks/v2/go/cmd/prism'

/** Where `npm run engines -- install prism` puts it. */
export function prismPlace(): string {
  return enginePlace(`prism-${PRISM_VERSION}`)
}

/** What installs it, for people. */
export const PRISM_INSTALL: string = `go install ${MODULE}@v${PRISM_VERSION}`

/** The program, if there is one: named by MILLRACE_PRISM, in the cache, on PATH, or where Go puts programs. */
export function findPrism(): string | undefined {
  const { MILLRACE_PRISM: named, GOBIN, GOPATH } = process.env
  if (named !== undefined) return named
  const folders = [prismPlace(), ...pathFolders(), GOBIN ?? '', join(GOPATH ?? join(homedir(), 'go'), 'bin')]
  return firstProgram(folders.map((folder) => join(folder, 'prism')))
}

/** Where whoever watches it is killed, too, it ends itself when it has no job. */
const ORPHANED = '--idle_shutdown_timeout=60s'

/** Starts Prism. @throws {PipelineError} when it is not there, or does not start. */
export async function startPrism(warn: (text: string) => void): Promise<Engine> {
  const program = findPrism()
  if (program === undefined)
    throw new PipelineError(
      'MR-6204',
      `Prism was not found: not in ${prismPlace()}, not on PATH. Install it (${PRISM_INSTALL}), name it in MILLRACE_PRISM, or run with an endpoint.`,
    )
  const port = await freePort()
  const args = [`--job_port=${port}`, '--serve_http=false', '--log_kind=text', '--log_level=error', ORPHANED]
  return startEngine({ name: 'Prism', program, args, port, startMillis: 15_000, outlivesUs: true }, warn)
}
