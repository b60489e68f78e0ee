/**
 * What a seed of the kill lane decides: a pipeline from a source to a sink, its input, how batches are cut, and when its driver is
 * killed. All of it is data: the parent writes it down, and every driver process reads it.
 *
 * Law: an input record has an id of its own, and a pipeline makes one row of each record, which carries the id; so what came out
 * is held against what went in, one by one.
 */
import { CONSISTENCY_KINDS, type ConsistencyKind } from '../consistency.js'
import { type Draw, drawOf } from '../draw.js'

/** A record of the input. */
export interface InputRecord {
  readonly id: number
  readonly key: string
  /** Event time, milliseconds since 1970. */
  readonly at: number
}

/**
 * `stream` is a log that goes on until the run is drained, as are `tail`, a file that may grow, and `changes` of a table; `replay` is a
 * stream in memory that ends; the others are bounded.
 */
export type SourceKind = 'lines' | 'table' | 'log' | 'stream' | 'tail' | 'changes' | 'replay'
/** `manifest` is lines, read through the manifests of the write. */
export type SinkKind = 'lines' | 'manifest' | 'append' | 'upsert' | 'log'
export type PipelineKind =
  'map' | 'counters' | 'windows' | 'sessions' | 'buffers' | 'batches' | 'sideInput' | 'asOf' | 'transfers'

/**
 * When a driver dies: at the n-th hit of a crash point (`*`: of any), some milliseconds after its run began, or when user code sees a
 * record. Or, while no driver runs, the file that is read has gone, or is not what it was: the next driver must refuse it. Or, after some
 * commits, the link to a worker process breaks, or nothing comes over it for a while.
 */
export type Kill =
  | { readonly at: string; readonly nth: number }
  | { readonly afterMillis: number }
  | { readonly inUserCode: number }
  | { readonly stream: StreamFault }
  | { readonly link: LinkFault; readonly commits: number }

/** What becomes of a link: its worker is killed, or stands still for a moment and answers late. */
export type LinkFault = 'broken' | 'silent'

/** What becomes of a file that is read. */
export type StreamFault = 'vanished' | 'cut short' | 'replaced'

/** The seven points at which a stream processor fails. */
export const FAILURE_POINTS = [
  'incoming stream',
  'network',
  'processing',
  'sink connection',
  'sink system',
  'manager',
  'driver',
] as const
/** One of them. */
export type FailurePoint = (typeof FAILURE_POINTS)[number]

/** Kinds of systems that sinks write to. */
export const SINK_SYSTEMS = ['file', 'SQLite', 'log'] as const
/** One of them. */
export type SinkSystem = (typeof SINK_SYSTEMS)[number]

/** The system of a sink. */
export function systemOf(sink: SinkKind): SinkSystem {
  if (sink === 'log') return 'log'
  return sink === 'append' || sink === 'upsert' ? 'SQLite' : 'file'
}

/**
 * Where a run has failed: while it took its input, in user code, on the way to its sink, within what the sink does, in what manages
 * plans, versions and leases, or anywhere else in the driver.
 */
export function failurePointOf(kill: Kill, at: string | undefined): FailurePoint {
  if ('stream' in kill) return 'incoming stream'
  if ('link' in kill) return 'network'
  if ('inUserCode' in kill) return 'processing'
  if (at === 'batch.read' || at?.startsWith('source.')) return 'incoming stream'
  if (at?.startsWith('delivery.')) return 'sink connection'
  if (at !== undefined && /^(text|sqlite|log)\./.test(at)) return 'sink system'
  return at?.startsWith('store.') ? 'manager' : 'driver'
}

/** See the head of this file. */
export interface KillCase {
  readonly seed: number
  readonly source: SourceKind
  readonly sink: SinkKind
  readonly pipeline: PipelineKind
  /** The way of the transfers to their total. */
  readonly consistency: ConsistencyKind
  /** Of the run: 0 is the driver itself. */
  readonly workers: number
  /** Workers of the drivers that follow each other, in turns, as `driver.ts` takes them; none where all have `workers`. */
  readonly workersEach: readonly string[]
  /** In order of arrival. */
  readonly records: readonly InputRecord[]
  /** By how much an element may lie behind the watermark's source, and how long windows wait for late ones, in milliseconds. */
  readonly outOfOrderMillis: number
  readonly latenessMillis: number
  /** Files of lines, partitions of a log. */
  readonly parts: number
  readonly batchSize: number
  readonly batchMillis: number
  /** State above so many bytes of changes is merged into a snapshot. */
  readonly compactAboveBytes: number
  readonly kills: readonly Kill[]
}

/** Windows of the pipelines. */
export const WINDOW_MILLIS = 10_000
/** Gap of the sessions. */
export const GAP_MILLIS = 3_000
/** Where event time begins: 2001-09-09. */
export const BEGINNING = 1_000_000_000_000

const SOURCES: readonly SourceKind[] = ['lines', 'table', 'log', 'stream', 'tail', 'changes', 'replay']
/** Sources that go on until the run is drained. */
export const ENDLESS: ReadonlySet<SourceKind> = new Set(['stream', 'tail', 'changes'])
/** Workers of a driver; `0` is the driver itself. */
const WORKERS = ['0', '0', '2:thread', '1:thread', '4:thread', '3:process'] as const
/** Every so many-th case has other workers with each driver. */
const WORKERS_EVERY = 3
const SINKS: readonly SinkKind[] = ['lines', 'manifest', 'append', 'upsert', 'log']
const PIPELINES: readonly PipelineKind[] = [
  'map',
  'counters',
  'counters',
  'windows',
  'windows',
  'sessions',
  'buffers',
  'batches',
  'sideInput',
  'asOf',
]
/** Every so many-th case is about bank transfers, each time by the next way. */
const TRANSFERS_EVERY = 5

/** Edges that every run has, whatever its sink. */
const COMMON_POINTS: readonly string[] = [
  'store.acquire.before',
  'store.acquire.lease',
  'store.acquire.fenced',
  'query.restored',
  'store.plan.before',
  'store.plan.after',
  'batch.read',
  'batch.commit',
  'store.commit.before',
  'store.commit.changes',
  'store.commit.durable',
  'store.commit.after',
  'batch.committed',
  'store.compact.before',
  'store.compact.snapshot',
  'store.compact.after',
  'delivery.begin',
  'delivery.done',
  'store.delivered.before',
  'store.delivered.after',
]

/** Edges of a query's beginning: passed once, by the first driver. */
const FIRST_POINTS: readonly string[] = [
  'store.create.before',
  'store.create.files',
  'store.create.query',
  'store.create.after',
]

const LINE_POINTS: readonly string[] = [
  'text.write.part',
  'text.write.shard',
  'text.write.commit',
  'text.write.rename',
  'text.write.committed',
]

const SINK_POINTS: Readonly<Record<SinkKind, readonly string[]>> = {
  lines: LINE_POINTS,
  manifest: [...LINE_POINTS, 'text.write.manifest', 'text.write.manifested'],
  append: ['sqlite.commit', 'sqlite.committed'],
  upsert: ['sqlite.commit', 'sqlite.committed'],
  log: ['log.append.begun', 'log.append.written', 'log.append.committed'],
}

/** Every edge that the lane aims at. */
export const AIMED_POINTS: readonly string[] = [
  ...new Set([...FIRST_POINTS, ...COMMON_POINTS, ...Object.values(SINK_POINTS).flat()]),
]

/** Whether elements of a case come in disorder. */
function isDisordered(source: SourceKind, kind: PipelineKind, consistency: ConsistencyKind): boolean {
  const bears = kind === 'windows' || kind === 'sessions' || (kind === 'transfers' && consistency === 'late')
  return (source === 'stream' || source === 'replay') && bears
}

/** The case of a seed. @param workers of the run. */
export function caseOf(seed: number, workers = 0): KillCase {
  const draw = drawOf(seed)
  const source = draw.pick(SOURCES)
  const sink = draw.pick(SINKS)
  const pipeline = seed % TRANSFERS_EVERY === 0 ? 'transfers' : draw.pick(PIPELINES)
  const consistency = CONSISTENCY_KINDS[
    Math.floor(seed / TRANSFERS_EVERY) % CONSISTENCY_KINDS.length
  ] as ConsistencyKind
  const disorderMillis = isDisordered(source, pipeline, consistency) ? draw.int(1_000, 25_000) : 0
  const outOfOrderMillis = draw.pick([0, 1_000, disorderMillis])
  const changesWorkers = workers === 0 && seed % WORKERS_EVERY === 2
  return {
    seed,
    source,
    sink,
    pipeline,
    consistency,
    workers,
    workersEach: changesWorkers ? Array.from({ length: 5 }, () => draw.pick(WORKERS)) : [],
    records: recordsOf(draw, disorderMillis),
    outOfOrderMillis,
    // With less than the disorder some are dropped, and counted; a transfer of which a half was dropped would be no transfer.
    latenessMillis:
      pipeline === 'transfers' || draw.chance(0.5) ? disorderMillis + WINDOW_MILLIS : draw.pick([0, 2_000]),
    parts: draw.int(1, 3),
    batchSize: draw.int(1, 15),
    batchMillis: draw.pick([1, 5, 50]),
    compactAboveBytes: draw.pick([200, 2_000, 1 << 20]),
    kills: killsOf(draw, source, sink, changesWorkers),
  }
}

function recordsOf(draw: Draw, disorderMillis: number): readonly InputRecord[] {
  const keys = draw.int(1, 8)
  let clock = BEGINNING
  return Array.from({ length: draw.int(80, 180) }, (_, id) => {
    clock += draw.chance(0.05) ? draw.int(2_000, 12_000) : draw.int(0, 700)
    const back = draw.chance(0.3) ? draw.int(0, disorderMillis) : 0
    return { id, key: `k${draw.int(1, keys)}`, at: clock - back }
  })
}

/** Kills that follow closely on each other meet the recovery of the one before. */
function killsOf(draw: Draw, source: SourceKind, sink: SinkKind, hasLinks: boolean): readonly Kill[] {
  return Array.from({ length: draw.int(8, 12) }, (_, place): Kill => {
    if (place === 0 && draw.chance(0.3)) return { at: draw.pick(FIRST_POINTS), nth: 1 }
    if (source === 'lines' && place > 0 && draw.chance(0.15))
      return { stream: draw.pick<StreamFault>(['vanished', 'cut short', 'replaced']) }
    if (hasLinks && draw.chance(0.3))
      return { link: draw.pick<LinkFault>(['broken', 'broken', 'silent']), commits: draw.int(1, 4) }
    if (draw.chance(0.12)) return { inUserCode: draw.int(0, 79) }
    if (draw.chance(0.12)) return { afterMillis: draw.int(0, 400) }
    if (draw.chance(0.15)) return { at: '*', nth: draw.chance(0.5) ? draw.int(1, 12) : draw.int(10, 120) }
    if (draw.chance(0.1)) return { at: 'batch.read', nth: draw.int(1, 4) }
    const at = draw.pick(draw.chance(0.4) ? SINK_POINTS[sink] : COMMON_POINTS)
    return { at, nth: /^(store\.acquire|query\.)/.test(at) || draw.chance(0.6) ? 1 : draw.int(2, 4) }
  })
}
