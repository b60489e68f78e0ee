/**
 * Writing text files, one element per line, in shards. Lines become part files (per bundle), parts become finished
 * files (per shard), finished files get their names (per window), with a grouping before each of the last two.
 *
 * Law: no file is ever seen under its final name before it is complete; a run that fails leaves nothing behind but
 * what it had completed.
 */
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { refuse } from '../../sdk/refuse.js'
import * as t from 'io-ts'
import type { Codec, TypeOnly } from '../../sdk/codec.js'
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import { type CollectionRef, type GraphBuilder } from '../../sdk/graph/builder.js'
import { type KV, kv } from '../../sdk/kv.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { addImpulse } from '../../sdk/transforms/create.js'
import type { AnyDoFn, DoFnFunctions } from '../../sdk/transforms/do-fn.js'
import { flatten } from '../../sdk/transforms/flatten.js'
import { addStep } from '../../sdk/transforms/step.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { type CommitOptions, ShardCommitter, type WrittenFile, writtenFileCodec } from './commit-shards.js'
import { type FinishedShard, finishedShardCodec, ShardFinisher } from './finish-shards.js'
import { filesOf } from './match-files.js'
import { isPath } from './paths.js'
import { FileNames } from './name-template.js'
import { type Part, partCodec, PartWriter } from './write-parts.js'

/** Options of {@link writeLines}. */
export interface WriteLinesOptions {
  /** Number of files. Default 1. */
  readonly shards?: number
  /**
   * Elements for which this gives the same are in the same shard of their window: all lines of a customer in one file. A text
   * or another value with a JSON form. Default: lines are dealt out evenly.
   */
  readonly shardBy?: (value: never) => unknown
  /** What every file name ends in. Default: what follows the last dot of the path's name, with the dot. */
  readonly suffix?: string
  /** First line of every file. Default: none. */
  readonly header?: string
  /** Last line of every file. Default: none. */
  readonly footer?: string
  /** Whether existing files are replaced; else they are an error. Default `true`. */
  readonly overwrite?: boolean
}

/**
 * Writes one line per element: strings as they are, other values as JSON. The order of lines is not kept. Files appear
 * under their names when they are complete, all shards of a window together.
 *
 * With one shard, in the global window, the file is `path`. Names of more shards end in `-00000-of-00003` before the
 * extension; files of other windows have the window in their names, `spend-20010101T000000Z-20010102T000000Z.csv`;
 * a pane after the first one (late data) has a file of its own, `…-pane-1.csv`. In the global window there is a file
 * although there are no elements. The text is UTF-8; a string with a lone surrogate has none and fails the run. A string
 * that has line ends in it takes several lines.
 *
 * The path may say where these go: `{window.start}` and `{window.end}`, also with a pattern (in UTC; of calendar windows, in their zone:
 * `out/{window.start|yyyy}/{window.start|MM-dd}.csv`), `{pane}` (0 for the first one), `{shard}` and `{shards}`. What it
 * does not say is put at the end of the name as above, and names that windows would share are refused. Names depend on nothing
 * else, so a run that does the same again replaces its own files. A brace of its own is written twice.
 *
 * Files that a write does not write itself are left alone: after a write with 5 shards, one with 3 leaves the five there.
 * Remove them before, or give each run a folder of its own.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, the input is unbounded and not windowed, its windows are sessions that no
 *   grouping has united, or another write of the pipeline has the same path, spelled alike.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { kv, pipeline, run } from 'millrace'
 * import { writeLines } from 'millrace/io/text'
 * const p = pipeline()
 * p.create('ages', [kv('ann', 41), kv('bob', 27)])
 *   .map('row', ({ key, value }) => `${key},${value}`)
 *   .apply('write', writeLines(join(tmpdir(), 'millrace-example', 'ages.csv'), { header: 'name,age' }))
 *   .print('written')
 * await run(p)
 * ```
 */
export function writeLines(
  path: string,
  options: WriteLinesOptions = {},
): (input: PCollection<unknown>) => PCollection<WrittenFile> {
  const shardBy = options.shardBy as ((value: unknown) => unknown) | undefined
  checkedOptions(path, options)
  return (input) => {
    const commit = checkedOptions(path, options)
    const { shards, frame, names } = commit
    const { builder } = input
    const given = builder.strategyOf(input)
    refuseWindows(given, builder.pathOf('parts'))
    names.useFor(given.windowFn, builder.pathOf('parts'))
    refuseTwice(builder, commit, given)
    // Each element is written once, whatever the input's panes repeat, and nothing to write is no file.
    const strategy: WindowingStrategy = {
      ...given,
      accumulationMode: 'discarding',
      onTimeBehavior: 'ifNonEmpty',
      closingBehavior: 'ifNonEmpty',
    }
    const finished = addDoFn(input, 'parts', strategy, partOfShard, partsStep(names.target, shards, shardBy))
      .groupByKey('by shard')
      .parDo('shards', {
        output: shardOrMarker,
        setup: ({ env, step }) => new ShardFinisher(filesOf(env, step), env, names.target, frame),
        teardown: ({ resource }) => resource?.remove(),
        process: ({ key, value }, { resource, emit }) => emit(kv(null, resource.finish(key, value))),
      })
    const isOneFile = builder.collection(input.id).isBounded && given.windowFn.payload.kind === 'global'
    return (isOneFile ? withMarker(finished) : finished).groupByKey('by window').parDo('commit', {
      output: writtenFileCodec,
      setup: ({ env, step }) => {
        const committer = new ShardCommitter(filesOf(env, step), env, commit)
        if (isOneFile) committer.checkTargets()
        return committer
      },
      teardown: ({ resource }) => resource?.remove(),
      process({ value }, { resource, window, pane, emit }) {
        const files = [...value].filter((file) => file !== undefined)
        for (const written of resource.commit(files, window, pane.index)) emit(written)
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

function partsStep(
  target: string,
  shards: number,
  shardBy: ((value: unknown) => unknown) | undefined,
): PlainDoFn<unknown, KV<number, Part>, PartWriter> {
  return {
    setup: ({ env, step }) => new PartWriter(filesOf(env, step), env, target, shards, shardBy),
    // A setup that failed has left no resource.
    teardown: ({ resource }) => (resource as PartWriter | undefined)?.remove(),
    startBundle: ({ resource }) => resource.begin(),
    process: (value, { resource, window }) => resource.add(value, window),
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
      `step "${step}" writes ${strategy.windowFn.description}, which carry data: windows of the same time would have files of the same name. Put windowInto(name, …) with other windows before it, the data in the lines.`,
      step,
    )
  if (strategy.mergeStatus !== 'needsMerge') return
  refuse(
    `step "${step}" writes ${strategy.windowFn.description} that no grouping has united yet, so nobody knows which lines belong together. Group before writing, or put windowInto(name, fixedWindows(…)) before it.`,
    step,
  )
}

/** The writes of each pipeline under construction: the step, by what its files are called. */
const writes = new WeakMap<GraphBuilder, Map<string, string>>()

/** Two writes of one pipeline would replace each other's files, in whichever order they finish. */
function refuseTwice(builder: GraphBuilder, { path, names }: CommitOptions, { windowFn }: WindowingStrategy): void {
  const own = writes.get(builder) ?? new Map<string, string>()
  writes.set(builder, own)
  const isGlobal = windowFn.payload.kind === 'global'
  const called = `${names.template} ${String(isGlobal)}`
  const step = builder.pathOf('parts').replace(/\/parts$/, '')
  const other = own.get(called)
  own.set(called, other ?? step)
  if (other === undefined) return
  refuse(
    `step "${step}" writes to ${preview(path)}, and so does step "${other}": one would replace the files of the other. Give each a path of its own, or write flatten(name, […]) of both.`,
    step,
  )
}

const writeOptions: OptionNames<WriteLinesOptions> = {
  shards: true,
  shardBy: true,
  suffix: true,
  header: true,
  footer: true,
  overwrite: true,
}

function checkedOptions(path: string, options: WriteLinesOptions): CommitOptions {
  refuseUnknownOptions('writeLines', options, writeOptions)
  const { shards = 1, shardBy, suffix, header, footer, overwrite = true } = options
  if (!isPath(path) || /[\\/]$/.test(path)) refuse(`writeLines needs the path of a file, but got ${preview(path)}.`)
  if ((suffix ?? path).endsWith('.gz')) {
    refuse(
      `writeLines does not pack, so ${preview(suffix ?? path)} would be taken for a broken gzip file. Leave ".gz" out.`,
    )
  }
  if (!Number.isInteger(shards) || shards < 1) {
    refuse(`option shards of writeLines must be a whole number from 1, but is ${String(shards)}.`)
  }
  if (shardBy !== undefined && typeof shardBy !== 'function')
    refuse(`option shardBy of writeLines is a function of the element, but is ${preview(shardBy)}.`)
  for (const [name, value] of Object.entries({ suffix, header, footer })) {
    if (value === undefined) continue
    if (typeof value !== 'string') refuse(`option ${name} of writeLines must be text, but is ${preview(value)}.`)
    if (loneSurrogateAt(value) >= 0) {
      refuse(`option ${name} of writeLines has a lone surrogate, which UTF-8 cannot hold: ${preview(value)}.`)
    }
  }
  if (suffix !== undefined && (/[\\/]/.test(suffix) || !isPath(`out${suffix}`))) {
    refuse(`option suffix of writeLines is the end of a file's name, but is ${preview(suffix)}.`)
  }
  return { path, names: new FileNames(path, shards, suffix), shards, overwrite, frame: { header, footer } }
}
