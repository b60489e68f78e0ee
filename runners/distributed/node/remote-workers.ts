/**
 * What this process does for workers in others: bundles their program, makes the secret of the run, and says how an engine gets them.
 */
import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PipelineError } from '../../../sdk/errors.js'
import { graphFingerprint } from '../../../sdk/graph/fingerprint.js'
import { packageVersion } from '../../author-module/package-root.js'
import type { EngineSettings } from '../../engine-settings.js'
import type { RemoteRequest, RemoteWorkers, WorkerEnvironment } from '../remote-workers.js'
import type { ListenOptions } from '../transport/listen-options.js'
import {
  linkSecret,
  PROGRAM_ARTIFACT,
  TICKET_PARAMETER,
  TICKET_PROOF,
  TICKET_VARIABLE,
  type WorkerTicket,
} from '../wire/ticket.js'
import { cacheFolder } from './engine-process.js'
import { ownCertificate } from './own-certificate.js'
import { proofs } from './proofs.js'
import { remoteProgram } from './remote-program.js'
import { readToken, TOKEN_FILE_VARIABLE } from './token.js'
import { workerEntry } from './worker-entry.js'

/** What a run has for its workers. */
export async function prepareRemote(request: RemoteRequest): Promise<RemoteWorkers> {
  const { built, module, settings, isEngineHere } = request
  if (isEngineHere) checkProgram(settings)
  const { linkHost, tls, tokenFile, nativePackages = [] } = settings
  const token = readToken(tokenFile)
  const own = tls === undefined ? undefined : await ownCertificate(tls, linkHost ?? 'localhost')
  const { bytes, moduleHash, sha256 } = await remoteProgram(module, built.options, nativePackages)
  const key = randomBytes(24).toString('hex')
  const listen: ListenOptions = {
    ...(linkHost === undefined ? {} : { host: linkHost }),
    ...(own === undefined ? {} : { tls: own.tls }),
  }
  const graph = graphFingerprint(built.graph).hash
  const authority = own === undefined ? {} : { authority: own.authority }
  return {
    moduleHash,
    artifact: { name: PROGRAM_ARTIFACT, sha256, bytes },
    link: { listen, secret: linkSecret(key, token) },
    asked: whatIsAsked(settings),
    letIn: howToLetIn(settings),
    environment: (link) =>
      environmentOf(settings, { version: packageVersion(), moduleHash, graph, link, key, ...authority }, token),
  }
}

function environmentOf(
  { environment, environmentConfig = '', tokenFile }: EngineSettings,
  ticket: WorkerTicket,
  token: string | undefined,
): WorkerEnvironment {
  const text = JSON.stringify(ticket)
  if (environment === 'external') {
    const proof = token === undefined ? {} : { [TICKET_PROOF]: proofs.of(token, text) }
    return { kind: 'external', address: environmentConfig, params: { [TICKET_PARAMETER]: text, ...proof } }
  }
  const isOurs = environmentConfig === ''
  const said = process.env[TOKEN_FILE_VARIABLE]
  // An engine may work in another folder, and what the author's program reads may be on another machine.
  const file = isOurs && token !== undefined ? resolve(tokenFile ?? said ?? '') : said
  return {
    kind: 'process',
    command: isOurs ? bootProgram() : environmentConfig,
    variables: { [TICKET_VARIABLE]: text, ...(file === undefined ? {} : { [TOKEN_FILE_VARIABLE]: file }) },
  }
}

/**
 * What an engine of this machine cannot start it may try to start for ever. A relative path is the engine's own, if it was not started here.
 *
 * @throws {PipelineError} when the program is not there.
 */
function checkProgram({ environment, environmentConfig: path = '', jobEndpoint }: EngineSettings): void {
  const isKnown = isAbsolute(path) || (path.includes('/') && jobEndpoint === undefined)
  if (environment !== 'process' || !isKnown || isProgram(path)) return
  throw new PipelineError('MR-6206', `environmentConfig (--environment-config) names ${path}, and on this machine, where the engine works, that is no file that can be executed. Name a program that starts a worker, or leave it out: then one is made. An engine in a container must be named by another address than that of this machine itself.`) // prettier-ignore
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function whatIsAsked({ environment, environmentConfig = 'a program of this machine' }: EngineSettings): string {
  return environment === 'external'
    ? `The engine was to ask the pool at ${environmentConfig} for one: look at what the pool says, and whether the engine reaches that address.`
    : `The engine was to start ${environmentConfig}: look whether that can be executed where the engine works, and at what the engine says.`
}

function howToLetIn({ environment, environmentConfig }: EngineSettings): string {
  if (environment === 'external') return 'Start the pool with --token-file, and the text that tokenFile has here.'
  if (environmentConfig === undefined) return 'The file of the token may have changed while the run lasts.'
  return `Set ${TOKEN_FILE_VARIABLE} in ${environmentConfig}, which starts workers, to a file there with the text that tokenFile has here.`
}

/** Flags of a worker's process: code comes from files, and never from texts. */
export const WORKER_FLAGS: readonly string[] = ['--disallow-code-generation-from-strings', '--enable-source-maps']

/** A program that starts a worker of this copy of millrace, whatever engine calls it, also when this process is gone. */
export function bootProgram(): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
  const main = fileURLToPath(workerEntry('worker-main'))
  const line = [process.execPath, ...WORKER_FLAGS, main].map(quoted).join(' ')
  const text = `#!/bin/sh\nexec ${line} "$@"\n`
  const folder = join(cacheFolder(), 'workers')
  const path = join(folder, `boot-${packageVersion()}-${proofs.of('', text).slice(0, 12)}.sh`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  // Another process may be doing the same.
  const own = `${path}.${process.pid}`
  writeFileSync(own, text, { mode: 0o755 })
  renameSync(own, path)
  return path
}
