/**
 * One engine for all cases: engines that take seconds to start are started once for the process.
 *
 * Law: it ends with the process, of which it keeps nothing awake.
 */
import type { DistributedCapabilities, Engine } from '../../runners/distributed/distributed-runner.js'

/** Capabilities by which each engine is opened once, and closed by nobody. */
export function sharedEngine(capabilities: DistributedCapabilities): DistributedCapabilities {
  const opened = new Map<string, Promise<Engine>>()
  return {
    ...capabilities,
    openEngine: async (name, options, warn) => {
      const engine = opened.get(name) ?? capabilities.openEngine(name, options, warn)
      opened.set(name, engine)
      return { address: (await engine).address, close: async () => undefined }
    },
  }
}
