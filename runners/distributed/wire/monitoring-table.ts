/**
 * What the short ids of monitoring infos mean, for engines that ask, and for those that want everything in full.
 */
import { create, fromBinary } from '@bufbuild/protobuf'
import { type MonitoringInfo, MonitoringInfoSchema } from '../proto/generated/beam/metrics_pb.js'

/** The ids that the workers of a process have given. */
export class MonitoringTable {
  readonly #infos = new Map<string, MonitoringInfo>()

  learn(id: string, info: Uint8Array): void {
    this.#infos.set(id, fromBinary(MonitoringInfoSchema, info))
  }

  /** What ids mean, without values. */
  meaning(ids: readonly string[]): Record<string, MonitoringInfo> {
    const known: Record<string, MonitoringInfo> = {}
    for (const id of ids) {
      const info = this.#infos.get(id)
      if (info !== undefined) known[id] = info
    }
    return known
  }

  /** Values in full. */
  infos(data: Readonly<Record<string, Uint8Array>>): MonitoringInfo[] {
    return Object.entries(data).flatMap(([id, payload]) => {
      const info = this.#infos.get(id)
      if (info === undefined) return []
      const { urn, type, labels } = info
      return [create(MonitoringInfoSchema, { urn, type, labels, payload })]
    })
  }
}
