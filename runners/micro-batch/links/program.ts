/**
 * The program of a run's workers: the author's module and the options that the driver was given. Options that are secret leave the
 * message and come by the worker's environment.
 *
 * Law: a worker builds of its program what the driver has built, or is refused.
 */
import { createHash } from 'node:crypto'
import { PipelineError } from '../../../sdk/errors.js'
import { holdsSecret, Secret } from '../../../sdk/secret.js'
import { packageVersion } from '../../author-module/package-root.js'
import type { ModuleText } from '../../author-module/module-text.js'
import { entry } from './entry.js'
import { SECRETS_VARIABLE, type WorkerBoot, type WorkerProgram } from './worker-boot.js'

/** What workers are started with. */
export interface BootAndEnvironment {
  readonly boot: WorkerBoot
  /** Variables beside those of the driver. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * What workers of an author's module are started with.
 *
 * @param given the options as the driver was given them.
 * @param checked the same, as the pipeline's codec has made them.
 * @throws {PipelineError} when an option cannot be handed over.
 */
export function bootOfModule(text: ModuleText, given: unknown, checked: unknown): BootAndEnvironment {
  const options: Record<string, unknown> = {}
  const secrets: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue
    const isSecret = holdsSecret(value) || holdsSecret((checked as Readonly<Record<string, unknown>> | null)?.[name])
    if (isSecret) secrets[name] = revealed(value)
    else options[name] = cloned(name, value)
  }
  const program: WorkerProgram = { kind: 'text', text, options }
  const environment: Record<string, string> =
    Object.keys(secrets).length === 0 ? {} : { [SECRETS_VARIABLE]: JSON.stringify(secrets) }
  return { boot: bootOf(program), environment }
}

/** What workers of a function are started with, that builds the pipeline of an argument. */
export function bootOfCall(program: Extract<WorkerProgram, { readonly kind: 'call' }>): BootAndEnvironment {
  return { boot: bootOf(program), environment: {} }
}

function bootOf(program: WorkerProgram): WorkerBoot {
  return { program, hash: hashOf(program), server: new URL('../tasks/worker.js', entry('worker-thread')).href }
}

/** In the worker: @throws {PipelineError} when the driver has another program, or another version of millrace. */
export function checkProgram({ program, hash }: WorkerBoot): void {
  const own = hashOf(program)
  if (own === hash) return
  throw new PipelineError(
    'MR-6041',
    `a worker has another program than its driver (${own.slice(0, 12)} instead of ${hash.slice(0, 12)}): millrace was changed while the run was going on. End the run, and start it again.`,
  )
}

/** In the worker: the options of the driver. Those that are secret are taken out of the environment. */
export function optionsFor({ options }: Extract<WorkerProgram, { readonly kind: 'text' }>): Record<string, unknown> {
  const secrets = process.env[SECRETS_VARIABLE]
  delete process.env[SECRETS_VARIABLE]
  return { ...options, ...(secrets === undefined ? {} : (JSON.parse(secrets) as Record<string, unknown>)) }
}

function hashOf(program: WorkerProgram): string {
  const hash = createHash('sha256').update(packageVersion()).update('\0')
  return hash.update(program.kind === 'text' ? program.text.code : `${program.url}#${program.name}`).digest('hex')
}

function cloned(name: string, value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch {
    throw new PipelineError(
      'MR-6042',
      `option "${name}" cannot be handed to workers: it holds what cannot be copied to another thread or process, such as a function. Make the option data, or run with workers: 0.`,
    )
  }
}

/** Secrets as the text that their codec takes. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal()
  if (Array.isArray(value)) return value.map(revealed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revealed(part)]))
}
