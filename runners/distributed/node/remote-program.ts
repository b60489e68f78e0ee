/**
 * The program of workers that run elsewhere: the author's module with its packages, and the options of the pipeline. It travels as one
 * file, by the engine.
 *
 * Law: a worker that has another program than its client, or another version of millrace, builds nothing. What is secret does not travel.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { deserialize, serialize } from 'node:v8'
import { PipelineError } from '../../../sdk/errors.js'
import { graphFingerprint } from '../../../sdk/graph/fingerprint.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { holdsSecret } from '../../../sdk/secret.js'
import { NATIVE_MODULE, OWN_MODULE } from '../../author-module/author-modules.js'
import { loadPipeline } from '../../author-module/load-module.js'
import type { ModuleText } from '../../author-module/module-text.js'
import { packageVersion } from '../../author-module/package-root.js'
import { AuthorMap, mapStacks } from '../../author-module/stacks.js'
import type { WorkerModule } from '../../runner.js'
import type { WorkerTicket } from '../wire/ticket.js'

/** A program, as it travels. */
interface SentProgram {
  readonly code: string
  readonly sourceUrl: string
  readonly map: string
  readonly file: string
  readonly options: Readonly<Record<string, unknown>>
}

/** A program, ready to be sent. */
export interface RemoteProgram {
  readonly bytes: Uint8Array
  /** sha-256 of the version of millrace and the bytes, in hexadecimal. */
  readonly moduleHash: string
  readonly sha256: string
}

/**
 * Makes the program of a module.
 *
 * @param checked the pipeline's options, as its codec has made them.
 * @param native packages that workers have installed themselves.
 * @throws {PipelineError} when something of it cannot be sent. {@link BundleError} when the module cannot be bundled.
 */
export async function remoteProgram(
  module: WorkerModule,
  checked: unknown,
  native: readonly string[],
): Promise<RemoteProgram> {
  if ('call' in module)
    throw new PipelineError('MR-6040', 'workers in other processes need a module that exports the pipeline, and were given a function. Give its file.') // prettier-ignore
  const file = 'text' in module ? (module.text as ModuleText).file : module.file
  const { bundle } = await import('../../author-module/bundle.js')
  const text = await bundle(file.startsWith('file:') ? fileURLToPath(file) : resolve(file), { native })
  const options = sendable(module.options ?? checked, checked)
  const program: SentProgram = { code: text.code, sourceUrl: text.sourceUrl, map: text.map, file: basename(text.file), options } // prettier-ignore
  const bytes = new Uint8Array(serialize(program))
  return { bytes, moduleHash: hashOf(bytes), sha256: createHash('sha256').update(bytes).digest('hex') }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(packageVersion()).update('\0').update(bytes).digest('hex')
}

function sendable(given: unknown, checked: unknown): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue
    if (holdsSecret(value) || holdsSecret((checked as Readonly<Record<string, unknown>> | null)?.[name]))
      throw new PipelineError('MR-6042', `option "${name}" is secret, and would lie with the engine for workers to fetch. Let steps read it where they run, from the environment, or leave environment out.`) // prettier-ignore
    try {
      options[name] = structuredClone(value)
    } catch {
      throw new PipelineError('MR-6042', `option "${name}" cannot be sent to workers: it holds what cannot be copied to another process, such as a function. Make the option data.`) // prettier-ignore
    }
  }
  return options
}

/** What differs between a worker and its client, before anything is loaded; nothing where all is alike. */
export function versionFault({ version }: WorkerTicket): string | undefined {
  const own = packageVersion()
  if (version === own) return undefined
  return `the job was submitted by millrace ${version}, and this worker is millrace ${own}. Install the same version at both ends.`
}

/** In a worker: the pipeline of a program. @throws {PipelineError} when it is not what the client has. */
export async function builtOfProgram(bytes: Uint8Array, ticket: WorkerTicket): Promise<BuiltPipeline> {
  const fault = versionFault(ticket)
  if (fault !== undefined) throw new PipelineError('MR-6041', fault)
  const own = hashOf(bytes)
  if (own !== ticket.moduleHash)
    throw new PipelineError('MR-6041', `the program that this worker has fetched is ${own.slice(0, 12)}, and its client’s is ${ticket.moduleHash.slice(0, 12)}. Submit the job again.`) // prettier-ignore
  const program = deserialize(bytes) as SentProgram
  const text: ModuleText = { ...program, code: linked(program.code), folder: process.cwd(), files: [], hash: own }
  const map = new AuthorMap(text)
  mapStacks(map)
  const built = (await loadPipeline(text, map)).build(program.options)
  const graph = graphFingerprint(built.graph).hash
  if (graph !== ticket.graph)
    throw new PipelineError('MR-6031', `pipeline "${built.name}" is another one in this worker (${graph.slice(0, 12)}) than in its client (${ticket.graph.slice(0, 12)}): what it is made of depends on the machine, the time or chance. Make it depend on options alone.`) // prettier-ignore
  return built
}

/** Code whose imports of millrace lead to this copy of it, and those of native packages to what is installed here. */
function linked(code: string): string {
  return code
    .replaceAll(new RegExp(`"${OWN_MODULE}([^"]+)"`, 'g'), (_, name: string) =>
      JSON.stringify(import.meta.resolve(name)),
    )
    .replaceAll(new RegExp(`"${NATIVE_MODULE}([^"]+)"`, 'g'), (_, name: string) => JSON.stringify(nativeModule(name)))
}

function nativeModule(name: string): string {
  for (const from of [join(process.cwd(), 'noop.js'), fileURLToPath(import.meta.url)]) {
    try {
      const found = createRequire(from).resolve(name)
      if (existsSync(found)) return pathToFileURL(found).href
    } catch {
      // The next folder may have it.
    }
  }
  throw new PipelineError('MR-6043', `package "${name}" is not installed where this worker runs (${process.cwd()}). Install it there: npm install ${name}`) // prettier-ignore
}
