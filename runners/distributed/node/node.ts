/**
 * What Node does for the distributed runner.
 */
import type { DistributedCapabilities } from '../distributed-runner.js'
import { loadGrpc } from './packages.js'
import { startPrism } from './prism.js'
import { startWireThread } from './wire-thread.js'

/** The capabilities of this process. @param warn says something to people. */
export function distributedCapabilities(warn: (text: string) => void): DistributedCapabilities {
  return {
    startWire: startWireThread,
    openEngine: async (_name, { endpoint }) => {
      // Else the thread would find out, and nobody could say it well.
      await loadGrpc()
      return endpoint === undefined ? startPrism(warn) : { address: endpoint, close: async () => undefined }
    },
  }
}
