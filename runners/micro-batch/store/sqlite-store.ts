/**
 * A CheckpointStore in a folder of SQLite files: `log.sqlite`, `head`, and `state-<p>.sqlite` for each partition. A batch costs one
 * fsync, and another one where its plan must be durable by itself.
 */
import type { Env } from '../../../sdk/env.js'
import { refuseUnknownOptions } from '../../../sdk/known-options.js'
import type { CheckpointStore } from './checkpoint-store.js'
import { FileStore } from './file-store.js'
import { loadSqlite } from './sqlite-database.js'
import { SqliteFiles } from './sqlite-files.js'
import { StoreSession } from './store-session.js'

/** How a store behaves. */
export interface StoreOptions {
  /** Changes of a partition below this are not merged into a snapshot. Default: 1 MiB. */
  readonly compactAboveBytes?: number
}

const OPTIONS = { compactAboveBytes: true } as const

/**
 * Opens a store; nothing is made before {@link CheckpointStore.acquire}.
 *
 * @param place a folder, made when there is none.
 * @throws {PipelineError} when the package `better-sqlite3` is not installed.
 * @throws {StoreDamaged} when what is there cannot be trusted.
 */
export async function openSqliteStore(place: string, env: Env, options: StoreOptions = {}): Promise<CheckpointStore> {
  refuseUnknownOptions('openSqliteStore', options, OPTIONS)
  const session = new StoreSession(new SqliteFiles(await loadSqlite(), place), env)
  session.log()
  return new FileStore(session, options.compactAboveBytes ?? 1 << 20)
}
