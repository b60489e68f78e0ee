/**
 * One engine for all cases: engines that take seconds to start are started once for the process.
 *
 * Law: it ends with the process, of which it keeps nothing awake.
 */
import type { DistributedCapabilities, Engine } from '../../runners/distributed/distributed-runner.js'

/** An engine that runs share. */
export interface SharedEngine {
  /** Capabilities by which each engine is opened once, and closed by no run. */
  readonly capabilities: DistributedCapabilities
  /** Ends it; the next run opens another. */
  readonly renew: () => Promise<void>
}

/** Makes one of capabilities that open an engine for every run. */
export function sharedEngine(capabilities: DistributedCapabilities): SharedEngine {
  const opened = new Map<string, Promise<Engine>>()
  return {
    capabilities: {
      ...capabilities,
      openEngine: async (name, options, warn) => {
        const engine = opened.get(name) ?? capabilities.openEngine(name, options, warn)
        opened.set(name, engine)
        return { address: (await engine).address, close: async () => undefined }
      },
    },
    renew: async () => {
      const engines = [...opened.values()]
      opened.clear()
      for (const engine of engines) await (await engine).close()
    },
  }
}
