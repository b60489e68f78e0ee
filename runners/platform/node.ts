/**
 * The platform of a Node process.
 */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import type { DistributedCapabilities } from '../distributed/distributed-runner.js'
import { distributedCapabilities as nodeDistributed } from '../distributed/node/node.js'
import type { MicroBatchCapabilities } from '../micro-batch/micro-batch-runner.js'
import { nodeCapabilities, nodeViews } from '../micro-batch/node.js'
import { provideViews } from '../micro-batch/views.js'
import type { Env } from '../../sdk/env.js'
import { nodeEnv } from '../direct/node.js'

export { workerLoadingModule } from '../author-module/loading.js'

provideViews(nodeViews)

/** The Env of this process. */
export function platformEnv(): Env {
  return nodeEnv()
}

/** Whether the module with this URL is the program that was started. */
export function isMainModule(url: string): boolean {
  const started = process.argv[1]
  if (!isMainThread || started === undefined) return false
  try {
    return realpathSync(fileURLToPath(url)) === realpathSync(started)
  } catch {
    return false
  }
}

/** What the micro-batch runner can do here. */
export const microBatchCapabilities: () => MicroBatchCapabilities = nodeCapabilities

/** What runners on other engines can do here. */
export const distributedCapabilities: () => DistributedCapabilities = nodeDistributed
