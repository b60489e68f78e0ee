/**
 * What Node does for the distributed runner.
 */
import type { DistributedCapabilities } from '../distributed-runner.js'
import { startFlink } from './flink.js'
import { checkPackages } from './packages.js'
import { startPrism } from './prism.js'
import { startWireThread } from './wire-thread.js'

/** The capabilities of this process. */
export function distributedCapabilities(): DistributedCapabilities {
  return {
    startWire: startWireThread,
    openEngine: async (name, { endpoint }, warn) => {
      // Else the thread would find out, and nobody could say it well.
      await checkPackages()
      if (endpoint !== undefined) return { address: endpoint, close: async () => undefined }
      return name === 'flink' ? startFlink(warn) : startPrism(warn)
    },
  }
}
