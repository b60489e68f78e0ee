/**
 * Short ids of monitoring infos: what is said of each metric once goes to the wire, which tells engines that ask; with each bundle go
 * ids and values only.
 *
 * Law: an id means one metric for as long as the process lives, and the wire knows it before it is used.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { type MonitoringInfo, MonitoringInfoSchema } from '../proto/generated/beam/metrics_pb.js'
import type { ToWire } from './messages.js'

/** The ids that a worker has given. */
export class ShortIds {
  readonly #prefix: string
  readonly #ids = new Map<string, string>()
  readonly #send: (message: Extract<ToWire, { kind: 'shortId' }>) => void

  /** @param prefix sets its ids apart from those that others give. */
  constructor(prefix: string, send: (message: Extract<ToWire, { kind: 'shortId' }>) => void) {
    this.#prefix = prefix
    this.#send = send
  }

  /** Values by id. */
  valuesOf(infos: Iterable<MonitoringInfo>): Record<string, Uint8Array<ArrayBuffer>> {
    const values: Record<string, Uint8Array<ArrayBuffer>> = {}
    for (const info of infos) values[this.#idOf(info)] = info.payload as Uint8Array<ArrayBuffer>
    return values
  }

  #idOf({ urn, type, labels }: MonitoringInfo): string {
    const key = JSON.stringify([urn, type, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = `${this.#prefix}${this.#ids.size.toString(16)}`
    this.#ids.set(key, id)
    this.#send({
      kind: 'shortId',
      id,
      info: toBinary(MonitoringInfoSchema, create(MonitoringInfoSchema, { urn, type, labels })),
    })
    return id
  }
}
