/**
 * What Node does for the distributed runner.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DistributedCapabilities, Engine } from '../distributed-runner.js'
import { startFlink } from './flink.js'
import { clusterOfThisMachine } from './flink-cluster.js'
import { endOnFlink } from './flink-jobs.js'
import { checkPackages } from './packages.js'
import { startPrism } from './prism.js'
import { startWireThread } from './wire-thread.js'

/** The capabilities of this process. */
export function distributedCapabilities(): DistributedCapabilities {
  return {
    startWire: startWireThread,
    folderUrl: (folder) => pathToFileURL(resolve(folder)).href,
    prepareRemote: async (request) => {
      await checkPackages()
      return (await import('./remote-workers.js')).prepareRemote(request)
    },
    openEngine: async (name, { endpoint, flinkMaster }, warn) => {
      // Else the thread would find out, and nobody could say it well.
      await checkPackages()
      const close = async (): Promise<void> => undefined
      if (endpoint !== undefined) return { address: endpoint, close, ...endsOn(flinkMaster) }
      if (name === 'prism') return startPrism(warn)
      if (name === 'flink-cluster' && flinkMaster === undefined) {
        const { jobEndpoint, address } = clusterOfThisMachine()
        return { address: jobEndpoint, close, ...endsOn(address) }
      }
      return { ...(await startFlink(warn, flinkMaster)), ...endsOn(flinkMaster) }
    },
  }
}

/** @param rest REST service of a cluster of Flink; one that is embedded has none. */
function endsOn(rest: string | undefined): Pick<Engine, 'endCancelled'> {
  return rest === undefined ? {} : { endCancelled: (jobId) => endOnFlink(rest, jobId) }
}
