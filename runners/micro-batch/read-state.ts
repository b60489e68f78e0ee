/**
 * Reads what a checkpoint keeps, as a source: the newest committed state of a step, while the run that writes it goes on.
 */
import { type Codec, decodeWith, type TypeOf, typed } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'
import { refuseUnknownOptions } from '../../sdk/known-options.js'
import type { KV } from '../../sdk/kv.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { suggestion } from '../../sdk/suggestion.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import { toCombine } from '../../sdk/transforms/combine.js'
import { readFrom, type SourceRecord } from '../../sdk/transforms/read-from.js'
import { globalWindow } from '../../sdk/windowing/window.js'
import { UnsupportedFeature } from '../runner.js'
import { HostedEntries, unhosted } from './hosted-part.js'
import { type KeptRow, keptRows } from './kept-rows.js'
import { storedGraph } from './migration/adopt-graph.js'
import type { PartShape } from './migration/kept-shape.js'
import type { CheckpointStore } from './store/checkpoint-store.js'
import { openView } from './views.js'

/** Which state is read. */
export interface ReadStateOptions<K extends Codec, V extends Codec> {
  /** Path of the step that keeps it, as `millrace state ls` names it. */
  readonly step: string
  /** Name of a state cell; of a grouping, nothing. May be left out where the step has one cell. */
  readonly state?: string
  /** Describes keys. Default: as they are stored. */
  readonly key?: K
  /** Describes what a cell holds, or what a grouping has accumulated. Default: as it is stored. */
  readonly value?: V
  /** The combiner of the grouping or of the combining cell: values are then what it makes of accumulators. Default: accumulators. */
  readonly combine?: object
}

/**
 * The newest committed state of a step, one `{ key, value }` for each key and window, with the end of the window as its timestamp.
 *
 * Values are those of a value cell; the list of a bag, a set or of grouped values; pairs of a map, with lists in a multimap;
 * `{ timestamp, value }` of an ordered list; accumulators of what combines. Keys and windows without a value are not there.
 *
 * What a window has is gone when it has expired, so a run that is over has little. A run may be writing the checkpoint: what is read is of one batch, and the run is not disturbed. Two sources may read different
 * batches; `millrace query` gives all of them the same. All rows of the step are in memory while they are read.
 *
 * @throws {PipelineError} while running, when there is no such checkpoint, step or state, with the names there are.
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as t from 'io-ts'
 * import { pipeline, run, start, state } from 'millrace'
 * import { periodic } from 'millrace/io/generate'
 * import { readState } from 'millrace/micro-batch'
 *
 * const checkpoint = join(mkdtempSync(join(tmpdir(), 'millrace-docs-')), 'kept')
 * const counting = pipeline()
 * counting
 *   .apply('tick', periodic({ every: '1 ms' }))
 *   .keyBy('one key', () => 'all')
 *   .parDo('count', {
 *     output: t.number,
 *     state: { seen: state.value(t.number, { initial: 0 }) },
 *     process: (_, { state }) => state.seen.write(state.seen.read() + 1),
 *   })
 * const running = start(counting, { runner: 'micro-batch', checkpoint, batchInterval: '10 ms' })
 * while ((running.status().batches?.committed ?? 0) < 3) await new Promise((resolve) => setTimeout(resolve, 5))
 *
 * // The run goes on meanwhile.
 * const asking = pipeline()
 * asking
 *   .apply('seen', readState(checkpoint, { step: 'count', state: 'seen', key: t.string, value: t.number }))
 *   .map('as text', ({ key, value }) => `${key}: ${value > 0 ? 'some' : 'none'}`)
 *   .collect('answer')
 * const result = await run(asking)
 * result.collect('answer') // => ['all: some']
 * running.stop()
 * await running.result
 * ```
 */
export function readState<K extends Codec = Codec, V extends Codec = Codec>(
  checkpoint: string,
  options: ReadStateOptions<K, V>,
): (p: Pipeline) => PCollection<KV<TypeOf<K>, TypeOf<V>>> {
  refuseUnknownOptions('readState', options, { step: true, state: true, key: true, value: true, combine: true })
  type Row = KV<TypeOf<K>, TypeOf<V>>
  return readFrom({
    output: typed<Row>(),
    bounded: true,
    replayable: false,
    watermark: watermarks.manual(),
    setup: ({ env }) => recordsOf<Row>(checkpoint, options, env),
    open: (mark: number | undefined, { resource: records }) => {
      let at = mark ?? 0
      return {
        read: () => records[at++] ?? 'end',
        mark: () => at,
        watermark: () => TIMESTAMP_MIN,
      }
    },
  })
}

async function recordsOf<Row>(
  checkpoint: string,
  options: ReadStateOptions<Codec, Codec>,
  env: Env,
): Promise<readonly SourceRecord<Row>[]> {
  const view = await openView(checkpoint, env)
  try {
    const rows = await rowsOf(view.store, checkpoint, options)
    return rows.map(({ key, value, window }) => ({
      value: { key: described(key, options.key), value: described(value, options.value) } as Row,
      timestamp: window === undefined || window === globalWindow ? TIMESTAMP_MIN : window.maxTimestamp,
    }))
  } finally {
    await view.close()
  }
}

function described(value: unknown, codec: Codec | undefined): unknown {
  return codec === undefined ? value : decodeWith(codec, value)
}

async function rowsOf(
  store: CheckpointStore,
  checkpoint: string,
  { step, state, combine }: ReadStateOptions<Codec, Codec>,
): Promise<readonly KeptRow[]> {
  const query = await store.query()
  const parts = query === undefined ? undefined : storedGraph(query).kept?.parts
  if (query === undefined || parts === undefined)
    throw missing(`there is no checkpoint at ${checkpoint}, or none that can be read.`)
  const readable = parts.filter(({ keeps }) => keeps === 'state' || keeps === 'grouping')
  const part = readable.find(({ path }) => path === step)
  if (part === undefined) {
    const known = [...new Set(readable.map(({ path }) => path))]
    throw missing(`checkpoint ${checkpoint} keeps no state of a step "${step}".${suggestion(step, known)}`)
  }
  const name = stateOf(part, state)
  if (part.windows?.fn['kind'] === 'sliding' && part.keeps === 'grouping')
    throw new UnsupportedFeature(
      'MR-6054',
      'readState.sliding',
      `step "${step}" groups by sliding windows, which share what they have accumulated until they end, so it cannot be read by window. Read the output of the step instead.`,
    )
  const committed = await store.committed()
  const entries = new HostedEntries()
  for (let index = 0; committed !== undefined && index < query.partitions; index++)
    for await (const entry of store.partition(index).read(committed.batch))
      if (unhosted(entry.part)[0] === part.part) entries.add(entry)
  const all = entries.of(part.part).flatMap((host) => keptRows(host, part))
  const rows = all.filter((row) => row.state === name && row.kind !== 'timer')
  return combine === undefined ? rows : rows.map((row) => ({ ...row, value: combined(row.value, combine, step, part) }))
}

function missing(message: string): PipelineError {
  return new PipelineError('MR-6054', message)
}

/** The name of the state that is meant. */
function stateOf({ keeps, cells, path }: PartShape, given: string | undefined): string {
  if (keeps === 'grouping') {
    if (given === undefined || given === 'values') return 'values'
    throw missing(`step "${path}" is a grouping, which has no state cell "${given}". Leave state out.`)
  }
  const names = cells.map(({ name }) => name)
  if (given === undefined && names.length === 1) return names[0] as string
  if (given !== undefined && names.includes(given)) return given
  const what = given === undefined ? `has several state cells` : `has no state cell "${given}"`
  throw missing(`step "${path}" ${what}. It has ${names.map((name) => `"${name}"`).join(', ') || 'none'}.`)
}

/** What a combiner makes of an accumulator, or of the pieces of one. */
function combined(value: unknown, combiner: object, step: string, { keeps, cells }: PartShape): unknown {
  const combine = toCombine(combiner, step)
  if (combine.kind !== 'full') return value
  const fn = combine.fn as unknown as {
    readonly mergeAccumulators: (a: unknown, b: unknown) => unknown
    readonly extractOutput: (accumulator: unknown) => unknown
  }
  const inPieces = keeps === 'state' && cells.some((cell) => cell.inPieces)
  const pieces = inPieces && Array.isArray(value) ? (value as readonly unknown[]) : [value]
  return fn.extractOutput(pieces.reduce((a, b) => fn.mergeAccumulators(a, b)))
}
