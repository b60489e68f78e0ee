/**
 * What an engine tells a worker that starts: what it can, and where else it listens.
 *
 * Law: a worker starts without it. Engines need not offer it, and those that do may not answer.
 */
import { create } from '@bufbuild/protobuf'
import type { ArtifactInformation } from '../proto/generated/beam/pipeline_pb.js'
import { GetProvisionInfoRequestSchema, ProvisionService } from '../proto/generated/beam/provision_pb.js'
import type { CallOptions, Transport } from '../transport/transport.js'

/** What an engine offers. Addresses are empty where it names none. */
export interface Provision {
  readonly capabilities: ReadonlySet<string>
  readonly controlAddress: string
  readonly loggingAddress: string
  readonly statusAddress: string
  readonly artifactAddress: string
  /** What a worker must fetch. */
  readonly dependencies: readonly ArtifactInformation[]
}

/** What is known where nothing was said. */
export const UNPROVISIONED: Provision = {
  capabilities: new Set(),
  controlAddress: '',
  loggingAddress: '',
  statusAddress: '',
  artifactAddress: '',
  dependencies: [],
}

const CALL_MILLIS = 5000

/** Asks the engine. */
export async function provisionOf(transport: Transport, address: string, options: CallOptions): Promise<Provision> {
  if (address === '') return UNPROVISIONED
  try {
    return await askProvision(transport, address, { ...options, timeoutMillis: CALL_MILLIS })
  } catch {
    return UNPROVISIONED
  }
}

/** Asks an engine that must answer. @throws {CallFailed} when it does not. */
export async function askProvision(transport: Transport, address: string, options: CallOptions): Promise<Provision> {
  const channel = transport.connect(address)
  try {
    const { getProvisionInfo } = ProvisionService.method
    const { info } = await channel.call(getProvisionInfo, create(GetProvisionInfoRequestSchema), options)
    return {
      capabilities: new Set(info?.runnerCapabilities ?? []),
      controlAddress: info?.controlEndpoint?.url ?? '',
      loggingAddress: info?.loggingEndpoint?.url ?? '',
      statusAddress: info?.statusEndpoint?.url ?? '',
      artifactAddress: info?.artifactEndpoint?.url ?? '',
      dependencies: info?.dependencies ?? [],
    }
  } finally {
    channel.close()
  }
}
