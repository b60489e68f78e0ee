/**
 * What Node does for the distributed runner.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DistributedCapabilities } from '../distributed-runner.js'
import { startFlink } from './flink.js'
import { clusterJobEndpoint } from './flink-cluster.js'
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
      if (endpoint !== undefined) return { address: endpoint, close: async () => undefined }
      if (name === 'prism') return startPrism(warn)
      if (name === 'flink-cluster' && flinkMaster === undefined)
        return { address: clusterJobEndpoint(), close: async () => undefined }
      return startFlink(warn, flinkMaster)
    },
  }
}
