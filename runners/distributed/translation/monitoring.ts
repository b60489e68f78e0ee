/**
 * Metrics as Beam's monitoring infos, both ways: what a worker tells an engine of a bundle, and what an engine answers of a job.
 *
 * Law: a metric is found by the step that declares it, which is its namespace, and by its name: ids that engines make of steps are
 * never read. What is decoded and merged is what was counted.
 */
import { create } from '@bufbuild/protobuf'
import {
  ByteReader,
  ByteWriter,
  type Coder,
  doubleCoder,
  encodeToBytes,
  iterableCoder,
  stringUtf8Coder,
  varintCoder,
} from '../../../sdk/coders/index.js'
import type { MetricKind } from '../../../sdk/metrics.js'
import { Metrics, type MetricsDelta, type SystemCounter } from '../../core/metrics.js'
import { type Json, numberText } from '../../core/snapshot-keeper.js'
import type { EngineCounts } from '../job-metrics.js'
import { type MonitoringInfo, MonitoringInfoSchema } from '../proto/generated/beam/metrics_pb.js'

const ELEMENT_COUNT = 'beam:metric:element_count:v1'
const READ_INDEX = 'beam:metric:data_channel:read_index:v1'
/** Names of counters that the worker keeps itself begin so; no author's do. */
const OWN = 'millrace:'
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

const strings = iterableCoder(stringUtf8Coder)

type Labels = Readonly<Record<string, string>>
type Cell = MetricsDelta['cells'][number]

/** What a bundle has counted. */
export interface Counted {
  readonly delta: MetricsDelta
  /** Elements by the engine's ids of collections. */
  readonly elements: Iterable<readonly [collectionId: string, count: number]>
  /** The engine's id of a step, for its own tables. */
  transformOf(step: string): string
  /** Milliseconds since 1970: when gauges were set. */
  readonly now: number
}

/** The infos. */
export function infosOf({ delta, elements, transformOf, now }: Counted): readonly MonitoringInfo[] {
  const named = (step: string, NAME: string): Labels => ({ PTRANSFORM: transformOf(step), NAMESPACE: step, NAME })
  return [
    ...[...elements].map(([id, count]) => elementsInfo(id, count)),
    ...delta.system.flatMap(([step, counters]) =>
      counters.map(([name, by]) => userInfo('sum_int64', named(step, `${OWN}${name}`), integers(by))),
    ),
    ...delta.cells.map((cell) => cellInfo(cell, named(cell[0], cell[1]), now)),
  ]
}

/** How many elements of a source a bundle has begun, -1 before the first. */
export function readIndexInfo(transformId: string, index: number): MonitoringInfo {
  return infoOf(READ_INDEX, 'sum_int64', { PTRANSFORM: transformId }, integers(index))
}

/** Elements of a collection. */
export function elementsInfo(collectionId: string, count: number): MonitoringInfo {
  return infoOf(ELEMENT_COUNT, 'sum_int64', { PCOLLECTION: collectionId }, integers(count))
}

function infoOf(urn: string, type: string, labels: Labels, payload: Uint8Array<ArrayBuffer>): MonitoringInfo {
  return create(MonitoringInfoSchema, { urn, type: `beam:metrics:${type}:v1`, labels, payload })
}

function userInfo(type: string, labels: Labels, payload: Uint8Array<ArrayBuffer>): MonitoringInfo {
  return infoOf(`beam:metric:user:${type}:v1`, type, labels, payload)
}

function cellInfo([, , kind, value]: Cell, labels: Labels, now: number): MonitoringInfo {
  switch (kind) {
    case 'counter': {
      const [small, large] = value as readonly [number, string]
      const sum = BigInt(small) + BigInt(large)
      return sum >= INT64_MIN && sum <= INT64_MAX
        ? userInfo('sum_int64', labels, integers(sum))
        : userInfo('sum_double', labels, encoded(doubleCoder, Number(sum)))
    }
    case 'distribution': {
      const [count, ...rest] = (value as readonly string[]).map(Number) as [number, number, number, number]
      if (rest.every(Number.isSafeInteger)) return userInfo('distribution_int64', labels, integers(count, ...rest))
      return userInfo('distribution_double', labels, join(integers(count), ...rest.map((each) => encoded(doubleCoder, each)))) // prettier-ignore
    }
    case 'gauge': {
      const set = Number(value)
      return Number.isSafeInteger(set)
        ? userInfo('latest_int64', labels, integers(Math.trunc(now), set))
        : userInfo('latest_double', labels, join(integers(Math.trunc(now)), encoded(doubleCoder, set)))
    }
    case 'stringSet':
      return userInfo('set_string', labels, encoded(strings, value as readonly string[]))
  }
}

function encoded<T>(coder: Coder<T>, value: T): Uint8Array<ArrayBuffer> {
  return encodeToBytes(coder, value, true)
}

function integers(...values: readonly (number | bigint)[]): Uint8Array<ArrayBuffer> {
  return join(...values.map((value) => encoded(varintCoder, value)))
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter()
  for (const part of parts) out.bytes(part)
  return out.take()
}

// ---- what an engine answers -----------------------------------------------------------------------------------------

/** Classes of Beam Java's runners, under which they count what they drop as if it were a user's counter. */
const JAVA_RUNNERS = 'org.apache.beam.runners.core.'
const DROPPED: ReadonlyMap<string, SystemCounter> = new Map([
  ['droppedDueToLateness', 'droppedDueToLateness'],
  ['DroppedDueToLateness', 'droppedDueToLateness'],
  ['StatefulParDoDropped', 'droppedDueToLateness'],
  ['DroppedDueToClosedWindow', 'droppedDueToClosedWindow'],
  ['droppedDueToClosedWindow', 'droppedDueToClosedWindow'],
])

/** Reads what an engine says. What is of a kind that steps here do not have is passed over. */
export function countsOf(infos: Iterable<MonitoringInfo>): EngineCounts {
  const elements = new Map<string, number>()
  const metrics = new Metrics(0, 0)
  const gauges: { readonly at: number; readonly cell: Cell }[] = []
  for (const { urn, labels, payload } of infos) {
    const { PCOLLECTION: collection, NAMESPACE: step, NAME: name } = labels
    const input = new ByteReader(payload)
    if (urn === ELEMENT_COUNT) {
      if (collection !== undefined)
        elements.set(collection, (elements.get(collection) ?? 0) + Number(varintCoder.decode(input, true)))
      continue
    }
    const [, type] = /^beam:metric:user:(\w+):v1$/.exec(urn) ?? []
    if (type === undefined || step === undefined || name === undefined) continue
    const read = readCell(type, input)
    if (read === undefined) continue
    const dropped = step.startsWith(JAVA_RUNNERS) ? DROPPED.get(name) : undefined
    if (dropped !== undefined) {
      const [small, large] = read.value as readonly [number, string]
      metrics.count(labels['PTRANSFORM'] ?? step, dropped, small + Number(large))
    } else if (name.startsWith(OWN)) {
      const [small, large] = read.value as readonly [number, string]
      metrics.count(step, name.slice(OWN.length) as SystemCounter, small + Number(large))
    } else if (read.kind === 'gauge') gauges.push({ at: read.at ?? 0, cell: [step, name, 'gauge', read.value] })
    else metrics.merge(deltaOf([step, name, read.kind, read.value]))
  }
  // Of a gauge, what was set last.
  for (const { cell } of gauges.sort((a, b) => a.at - b.at)) metrics.merge(deltaOf(cell))
  return { elements, user: metrics.results(), system: metrics.systemCounters() }
}

function deltaOf(cell: Cell): MetricsDelta {
  return { elements: [], lost: [], system: [], cells: [cell], deadLetters: [] }
}

interface ReadCell {
  readonly kind: MetricKind
  readonly value: Json
  readonly at?: number
}

function readCell(type: string, input: ByteReader): ReadCell | undefined {
  const integer = (): number => Number(varintCoder.decode(input, true))
  const double = (): number => doubleCoder.decode(input, true)
  switch (type) {
    case 'sum_int64':
      return { kind: 'counter', value: counterValue(BigInt(varintCoder.decode(input, true))) }
    case 'sum_double':
      return { kind: 'counter', value: counterValue(BigInt(Math.round(double()))) }
    case 'distribution_int64':
    case 'distribution_double': {
      const count = integer()
      if (count === 0) return undefined
      const number = type === 'distribution_int64' ? integer : double
      return { kind: 'distribution', value: [count, number(), number(), number()].map(numberText) }
    }
    case 'latest_int64':
    case 'latest_double': {
      const at = integer()
      return { kind: 'gauge', at, value: numberText(type === 'latest_int64' ? integer() : double()) }
    }
    case 'set_string':
      return { kind: 'stringSet', value: [...strings.decode(input, true)] }
    default:
      return undefined
  }
}

/** A counter as cells keep it: what is exact as a number, and the rest. */
function counterValue(sum: bigint): Json {
  return sum >= BigInt(Number.MIN_SAFE_INTEGER) && sum <= BigInt(Number.MAX_SAFE_INTEGER)
    ? [Number(sum), '0']
    : [0, String(sum)]
}
