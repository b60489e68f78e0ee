/**
 * The platform of a web page: the common world, and no files.
 */
import type { DistributedCapabilities } from '../distributed/distributed-runner.js'
import { UnsupportedFeature } from '../runner.js'
import type { MicroBatchCapabilities } from '../micro-batch/micro-batch-runner.js'
import type { Env } from '../../sdk/env.js'
import { systemEnv } from '../core/system-env.js'

/** The Env of a page. */
export function platformEnv(): Env {
  return systemEnv()
}

/** A page has no main module. */
export function isMainModule(): boolean {
  return false
}

/** Whether this program runs inside a worker that a `millrace` command made; never in a page. */
export function workerLoadingModule(): boolean {
  return false
}

/** What the micro-batch runner can do here: there are no folders. */
export const microBatchCapabilities: () => MicroBatchCapabilities = () => ({})

/** What runners on other engines can do here: a page opens no gRPC connections. */
export const distributedCapabilities: () => DistributedCapabilities = () => {
  const refuse = (): never => {
    throw new UnsupportedFeature('MR-6002', 'runner.engines', "a page reaches no engine. Use runner: 'direct' here.")
  }
  return { startWire: refuse, openEngine: refuse, folderUrl: refuse, prepareRemote: refuse }
}
