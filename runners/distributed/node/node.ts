/**
 * What Node does for the distributed runner.
 */
import type { DistributedCapabilities } from '../distributed-runner.js'
import { checkPackages } from './packages.js'
import { startPrism } from './prism.js'
import { startWireThread } from './wire-thread.js'

/** The capabilities of this process. */
export function distributedCapabilities(): DistributedCapabilities {
  return {
    startWire: startWireThread,
    openEngine: async (_name, { endpoint }, warn) => {
      // Else the thread would find out, and nobody could say it well.
      await checkPackages()
      return endpoint === undefined ? startPrism(warn) : { address: endpoint, close: async () => undefined }
    },
  }
}
