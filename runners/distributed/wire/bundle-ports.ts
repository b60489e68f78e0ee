/**
 * Where bundles of a description read from and write to.
 */
import { fromBinary } from '@bufbuild/protobuf'
import * as urns from '../../../sdk/graph/urns.js'
import { type ProcessBundleDescriptor, RemoteGrpcPortSchema } from '../proto/generated/beam/fn_execution_pb.js'
import { SINK_URN, SOURCE_URN } from './port-urns.js'

/** What a description says of streams. */
export interface BundlePorts {
  /** The step that bundles read; of several the last. */
  readonly source: string | undefined
  /** Addresses of streams, by step. */
  readonly addresses: ReadonlyMap<string, string>
}

/** @param usual the address where none is said. */
export function portsOf(descriptor: ProcessBundleDescriptor, usual: string): BundlePorts {
  const { transforms, timerApiServiceDescriptor: timers } = descriptor
  const addresses = new Map<string, string>()
  let source: string | undefined
  for (const [transformId, { spec }] of Object.entries(transforms)) {
    if (spec?.urn === SOURCE_URN || spec?.urn === SINK_URN) {
      const port = fromBinary(RemoteGrpcPortSchema, spec.payload)
      addresses.set(transformId, port.apiServiceDescriptor?.url ?? usual)
      if (spec.urn === SOURCE_URN) source = transformId
    } else if (spec?.urn === urns.PAR_DO && timers !== undefined && timers.url !== '')
      addresses.set(transformId, timers.url)
  }
  return { source, addresses }
}
