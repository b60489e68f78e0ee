/**
 * What Node adds to the micro-batch runner: checkpoints in folders of SQLite files.
 */
import type { OpenStore } from './micro-batch-runner.js'

/** Opens a folder as a store; SQLite is loaded when the first one is opened. */
export const openFolder: OpenStore = async (place, env) => {
  const { openSqliteStore } = await import('./store/sqlite-store.js')
  return openSqliteStore(place, env)
}
