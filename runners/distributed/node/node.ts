/**
 * What Node does for the distributed runner.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PipelineError } from '../../../sdk/errors.js'
import type { DistributedCapabilities, Engine } from '../distributed-runner.js'
import { whyNotReached } from './engine-process.js'
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
      if (flinkMaster !== undefined) await mustBeReached(flinkMaster)
      return { ...(await startFlink(warn, flinkMaster)), ...endsOn(flinkMaster) }
    },
  }
}

/** So long a cluster may take to take a connection. */
const CONNECTS_MILLIS = 5000

/** A job server looks for its cluster for a minute, and does not say where. @throws {PipelineError} where nobody listens. */
async function mustBeReached(flinkMaster: string): Promise<void> {
  const [host = '', port] = flinkMaster.split(':')
  const why = await whyNotReached({ host, port: Number(port) }, CONNECTS_MILLIS)
  if (why === undefined) return
  throw new PipelineError('MR-6204', `no cluster of Flink answers at ${flinkMaster} (${why}), which flinkMaster (--flink-master) names. Start it, or give the address of its REST service, such as localhost:8081.`) // prettier-ignore
}

/** @param rest REST service of a cluster of Flink; one that is embedded has none. */
function endsOn(rest: string | undefined): Pick<Engine, 'endCancelled'> {
  return rest === undefined ? {} : { endCancelled: (jobId) => endOnFlink(rest, jobId) }
}
