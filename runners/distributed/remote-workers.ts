/**
 * Workers in processes of their own, as the client of their job sees them: what it sends for them, and how it hears them.
 *
 * Law: nothing of a pipeline is sent but its module and its options; workers build the same graph, or refuse to work.
 */
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { EngineSettings } from '../engine-settings.js'
import type { WorkerModule } from '../runner.js'
import type { Artifact, LinkSettings } from './wire/messages.js'

/** How an engine gets workers. */
export type WorkerEnvironment =
  /** It asks a pool. */
  | { readonly kind: 'external'; readonly address: string; readonly params: Readonly<Record<string, string>> }
  /** It starts a program. */
  | { readonly kind: 'process'; readonly command: string; readonly variables: Readonly<Record<string, string>> }

/** What is asked of the platform. */
export interface RemoteRequest {
  readonly built: BuiltPipeline
  readonly module: WorkerModule
  readonly settings: EngineSettings
  /** Whether the engine works on this machine, as far as its addresses tell. */
  readonly isEngineHere: boolean
}

/** What is known of the workers of a run before there are any. */
export interface RemoteWorkers {
  readonly moduleHash: string
  /** Their program. */
  readonly artifact: Artifact
  /** Where this process hears them. */
  readonly link: LinkSettings
  /** What the engine is asked for, and where to look when no worker comes. */
  readonly asked: string
  /** What to do where a worker was not let in, because it does not know the token. */
  readonly letIn: string
  /** How the engine gets them. @param address of the link. */
  environment(address: string): WorkerEnvironment
}
