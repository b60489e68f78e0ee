/**
 * Whether pipelines can be tried on engines here.
 */
import { findFlink, findJava } from '../../runners/distributed/node/flink.js'
import { findPrism } from '../../runners/distributed/node/prism.js'

/** Whether Flink can be started. */
export function isFlinkInstalled(): boolean {
  return findFlink() !== undefined && findJava() !== undefined
}

/** Whether tests try it: not where they are told to leave it out. */
export function isFlinkTried(): boolean {
  return isFlinkInstalled() && process.env['MILLRACE_WITHOUT_FLINK'] === undefined
}

/** @throws when an engine is not installed; runners of our own are. */
export function requireInstalled(engine: string): void {
  const isThere = engine === 'prism' ? findPrism() !== undefined : !engine.startsWith('flink') || isFlinkInstalled()
  if (!isThere) throw new Error(`${engine} is not installed. npm run engines -- install ${engine}`)
}
