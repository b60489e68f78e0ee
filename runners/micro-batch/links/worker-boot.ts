/**
 * What a worker is told before its driver speaks to it: which program to load, and with which options. And what the link's two ends
 * say to each other beside the messages that they carry.
 *
 * Law: what is secret is not in it: that comes by the worker's environment.
 */
import type { ModuleText } from '../../author-module/module-text.js'
import type { FromWorker } from '../tasks/worker-link.js'
import type { WireError } from '../../core/wire-error.js'

/** Where a worker finds the pipeline. */
export type WorkerProgram =
  /** The author's module, as the driver has it. */
  | { readonly kind: 'text'; readonly text: ModuleText; readonly options: Readonly<Record<string, unknown>> }
  /** What a function gives that a module exports, of an argument. Node loads the module as it is. */
  | { readonly kind: 'call'; readonly url: string; readonly name: string; readonly argument: unknown }

/** The first that a worker hears. */
export interface WorkerBoot {
  readonly program: WorkerProgram
  /** sha-256 of the program and of the version of millrace, as the driver has them. */
  readonly hash: string
  /** The module whose `serveWorker` serves the driver; that of this package, unless links themselves are tested. */
  readonly server: string
}

/** The variable that has the secret options, as JSON. */
export const SECRETS_VARIABLE = 'MILLRACE_WORKER_SECRETS'

/** What the worker's end of a link says by itself. */
export type LinkMessage =
  /** The pipeline is built; the driver's messages are heard. */
  | { readonly link: 'up' }
  /** There is nothing to serve with. */
  | { readonly link: 'down'; readonly error: WireError }
  /** Written to the console by the author's code. */
  | { readonly link: 'console'; readonly text: string; readonly stream: 'out' | 'err'; readonly step?: string }

/** Anything that comes from a worker. */
export type Incoming = FromWorker | LinkMessage

/** Takes what user code in a worker has written to the console. */
export type ConsoleSink = (text: string, stream: 'out' | 'err', step: string | undefined) => void
