/**
 * Writing records in shards. Their texts become part files (per bundle), parts become finished files (per shard), finished
 * files get their names (per window), with a grouping before each of the last two.
 *
 * Law: no file is ever seen under its final name before it is complete; a run that fails leaves nothing behind but
 * what it had completed.
 */
import * as t from 'io-ts'
import type { Codec, TypeOnly } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import type { CollectionRef, GraphBuilder } from '../../sdk/graph/builder.js'
import { type KV, kv } from '../../sdk/kv.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { addImpulse } from '../../sdk/transforms/impulse.js'
import type { AnyDoFn, DoFnFunctions } from '../../sdk/transforms/do-fn.js'
import { flatten } from '../../sdk/transforms/flatten.js'
import { addStep } from '../../sdk/transforms/step.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { type CommitOptions, fileMovesCodec, ShardCommitter, type WrittenFile } from './commit-shards.js'
import { type FileFormat, type FinishedShard, finishedShardCodec, ShardFinisher } from './finish-shards.js'
import { filesOf } from './match-files.js'
import { type Part, partCodec, type PartFormat, PartWriter } from './write-parts.js'

/** What a format adds to a write in shards: `Line` is what is kept of an element, `Written` what is said of a file. */
export interface ShardFormat<Line, Written> {
  readonly part: () => PartFormat<Line> | Promise<PartFormat<Line>>
  readonly file: (env: Env) => FileFormat | Promise<FileFormat>
  readonly output: t.Type<Written>
  readonly written: (file: WrittenFile) => Written
}

/** Writes files in shards, whatever is in them; see `writeLines` for their names and what holds of them. */
export function writeShards<Line, Written>(
  settings: CommitOptions,
  format: ShardFormat<Line, Written>,
): (input: PCollection<unknown>) => PCollection<Written> {
  return (input) => {
    const { builder } = input
    const given = builder.strategyOf(input)
    refuseWindows(given, builder.pathOf('parts'))
    const { isBounded } = builder.collection(input.id)
    const commit = {
      ...settings,
      names: settings.names.forWindows(given.windowFn, builder.pathOf('parts')),
      overwrite: settings.overwrite ?? (isBounded ? true : undefined),
    }
    if (!isBounded && settings.overwrite === false) refuseFailing(settings.writer, builder.pathOf('parts'))
    const { path } = commit
    refuseTwice(builder, commit, given)
    // Each element is written once, whatever the input's panes repeat, and nothing to write is no file.
    const strategy: WindowingStrategy = {
      ...given,
      accumulationMode: 'discarding',
      onTimeBehavior: 'ifNonEmpty',
      closingBehavior: 'ifNonEmpty',
    }
    const finished = addDoFn(input, 'parts', strategy, partOfShard, partsStep(commit, format.part))
      .groupByKey('by shard')
      .parDo('shards', {
        output: shardOrMarker,
        setup: async ({ env, step, query }) =>
          new ShardFinisher(filesOf(env, step), env, path, { step, query }, await format.file(env)),
        teardown: ({ resource }) => resource?.remove(),
        process({ key, value }, { resource, emit }) {
          const shard = resource.finish(key, value)
          return shard instanceof Promise ? shard.then((done) => emit(kv(null, done))) : emit(kv(null, shard))
        },
      })
    const isOneFile = isBounded && given.windowFn.payload.kind === 'global'
    return (isOneFile ? withMarker(finished) : finished).groupByKey('by window').parDo('commit', {
      output: format.output,
      setup: async ({ env, step, query }) => {
        const committer = new ShardCommitter(filesOf(env, step), env, commit, { step, query }, await format.file(env))
        if (isOneFile) committer.checkTargets()
        return committer
      },
      teardown: ({ resource }) => resource?.remove(),
      delivery: {
        codec: fileMovesCodec,
        repeats: 'harmless',
        deliver(items, { resource, id, log, recognised }) {
          if (!resource.deliver(items, id, log)) recognised()
        },
        newest: ({ resource, id }) => resource.newest(id),
      },
      process({ value }, { resource, window, pane, emit, deliver }) {
        const finished = [...value].filter((file) => file !== undefined)
        const moves = resource.plan(finished, window, pane.index)
        deliver(moves)
        for (const { to, lines } of moves.files) emit(format.written({ path: to, lines }))
      },
    })
  }
}

const partOfShard = t.type({ key: t.number, value: partCodec })

/** A finished shard, or the marker that a write without lines has, too. */
const shardOrMarker = t.type({ key: t.null, value: t.union([finishedShardCodec, t.undefined]) })
type ShardOrMarker = t.TypeOf<typeof shardOrMarker>

type None = Record<never, never>
type PlainDoFn<T, Out, R> = DoFnFunctions<T, TypeOnly<Out>, never, None, None, None, R, None>

function partsStep<Line>(
  commit: CommitOptions,
  format: ShardFormat<Line, unknown>['part'],
): PlainDoFn<unknown, KV<number, Part>, PartWriter<Line>> {
  return {
    setup: async ({ env, step, query }) =>
      new PartWriter(filesOf(env, step), env, commit, { step, query }, await format()),
    // A setup that failed has left no resource.
    teardown: ({ resource }) => (resource as PartWriter<Line> | undefined)?.remove(),
    startBundle: ({ resource }) => resource.begin(),
    process: (value, { resource, window, random }) => resource.add(value, window, random),
    finishBundle({ resource, emit }) {
      for (const { window, shard, part } of resource.finish()) emit(kv(shard, part), window.maxTimestamp, window)
    },
  }
}

/** A keyed ParDo whose output has a strategy of its own, which `parDo` has no word for. */
function addDoFn<T, K, V, R>(
  input: PCollection<T>,
  name: string,
  strategy: WindowingStrategy,
  codec: Codec,
  doFn: PlainDoFn<T, KV<K, V>, R>,
): PCollection<KV<K, V>> {
  const { builder } = input
  const [output] = addStep(input, {
    name,
    fn: { kind: 'doFn', doFn: doFn as unknown as AnyDoFn, tags: ['out'], allowedSkewMillis: 0, options: {} },
    outputs: (path) => [{ tag: 'out', coderId: builder.coders.codec(path, 0, codec), strategy }],
  })
  return input.derive(output as CollectionRef)
}

/** Adds an element that is none: also without a line there is something to commit. */
function withMarker(finished: PCollection<ShardOrMarker>): PCollection<ShardOrMarker> {
  const { builder } = finished
  const once = finished.derive<Uint8Array>(addImpulse(builder, 'once'))
  const marker = addDoFn<Uint8Array, null, FinishedShard | undefined, undefined>(
    once,
    'marker',
    builder.strategyOf(finished),
    shardOrMarker,
    {
      process: (_, { emit }) => emit(kv(null, undefined)),
    },
  )
  return flatten('all', [finished, marker])
}

function refuseWindows(strategy: WindowingStrategy, step: string): void {
  if (strategy.windowFn.data !== undefined)
    refuse(
      'MR-5011',
      `step "${step}" writes ${strategy.windowFn.description}, which carry data: windows of the same time would have files of the same name. Put windowInto(name, …) with other windows before it, the data in the lines.`,
      step,
    )
  if (strategy.mergeStatus !== 'needsMerge') return
  refuse(
    'MR-5011',
    `step "${step}" writes ${strategy.windowFn.description} that no grouping has united yet, so nobody knows which lines belong together. Group before writing, or put windowInto(name, fixedWindows(…)) before it.`,
    step,
  )
}

/** What a stream was read from may be gone by the time its files are written. */
function refuseFailing(writer: string, step: string): never {
  return refuse(
    'MR-1002',
    `step "${step}" writes an unbounded collection with overwrite: false, which would fail in the middle of it, with what it was read from perhaps deleted already. Leave overwrite out: ${writer} then leaves files of other runs alone, and takes the next free name.`,
    step,
  )
}

/** The writes of each pipeline under construction: the step, by what its files are called. */
const writes = new WeakMap<GraphBuilder, Map<string, string>>()

/** Two writes of one pipeline would replace each other's files, in whichever order they finish. */
function refuseTwice(builder: GraphBuilder, { names }: CommitOptions, { windowFn }: WindowingStrategy): void {
  const own = writes.get(builder) ?? new Map<string, string>()
  writes.set(builder, own)
  const isGlobal = windowFn.payload.kind === 'global'
  const called = `${names.template} ${String(isGlobal)}`
  const step = builder.pathOf('parts').replace(/\/parts$/, '')
  const other = own.get(called)
  own.set(called, other ?? step)
  if (other === undefined) return
  refuse(
    'MR-5012',
    `step "${step}" writes to ${preview(names.path)}, and so does step "${other}": one would replace the files of the other. Give each a path of its own, or write flatten(name, […]) of both.`,
    step,
  )
}
