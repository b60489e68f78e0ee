/**
 * Reading Avro's object container files: a step that finds the files, a splittable step that reads ranges of them, and, with
 * `onError`, steps that check the records and make letters of what cannot be read.
 *
 * Law: each record of each file is emitted once, however the files are cut into ranges and the ranges into bundles; what
 * cannot be read fails the run or is a letter.
 */
import * as t from 'io-ts'
import { type Codec, isCodec, type TypeOf, typed } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import { splitRange } from '../../sdk/transforms/create.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { lettersOf, unreadPartCodec, unreadError } from '../records/bad-part.js'
import { checkedBy } from '../records/codec-values.js'
import { OpenReaders } from '../records/open-readers.js'
import { filesOf, type MatchedFile, matchedFileCodec, matchFiles } from '../text/match-files.js'
import { isPath } from '../text/paths.js'
import { BlockReader, type Decoding } from './block-reader.js'
import { unpackerOf } from './compression.js'
import { type AvroHeader, schemaJson } from './container.js'
import { type Read, reading } from './decode.js'
import type { TimestampMode } from './logical.js'
import { parsed } from './row-schema.js'
import { type AvroSchema, type AvroType, parseSchema } from './schema.js'
import type { AvroValue, AvroValueOf } from './value.js'

/** Options of {@link readAvro}. */
export interface ReadAvroOptions<C extends Codec = Codec, S extends AvroSchema = AvroSchema> {
  /** What records are; each is checked, and where the codec wants `undefined` for null or a bigint for a long it gets it. */
  readonly codec?: C
  /** The schema to read by, where it is not the one the file was written by: fields have defaults, aliases, wider types. */
  readonly schema?: S
  /** Whether dates and timestamps are Dates, or the whole numbers that the file has. Default `'date'`. */
  readonly timestamps?: TimestampMode
  /** What happens when nothing fits a pattern, or a file does not exist. Default `'error'`. */
  readonly emptyMatch?: 'error' | 'allow'
  /** Most bytes of a block, packed and unpacked; a larger one is not read. Default 64 MiB. */
  readonly maxBlockBytes?: number
  /** Where files, blocks and records go that cannot be read. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/** What {@link readAvro} gives: as the codec says, else as the schema says. */
export type AvroElement<C, S> = [C] extends [never] ? ([S] extends [never] ? AvroValue : AvroValueOf<S>) : TypeOf<C>

/**
 * Reads the records of Avro's object container files, with blocks packed by deflate, by snappy (with the package
 * hyparquet-compressors) or not at all. Records are objects; a long is a number where that is exact, else a bigint; maps are
 * Maps, bytes Uint8Arrays, decimals texts, dates and timestamps Dates, the branch of a union the value itself.
 *
 * With `onError`, a file or a block that cannot be read is one letter with its place, and reading goes on behind it; so is a
 * record that does not fit the codec. The records of a block before the first that cannot be decoded are read.
 *
 * @param patterns paths or globs, relative to the folder the program was started in.
 * @throws {PipelineError} when an option is wrong. What is wrong with a file fails the run, with step, file and offset.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { readAvro, writeAvro } from 'millrace/io/avro'
 * const path = join(tmpdir(), 'millrace-example', 'ages.avro')
 * const Person = t.type({ name: t.string, age: t.number })
 * const write = pipeline()
 * write.create('people', [{ name: 'ann', age: 41 }]).apply('write', writeAvro(path, { codec: Person }))
 * await run(write)
 * const read = pipeline()
 * read.apply('read', readAvro(path, { codec: Person })).print('people')
 * await run(read)
 * ```
 */
export function readAvro<C extends Codec = never, const S extends AvroSchema = never>(
  patterns: string | readonly string[],
  options: ReadAvroOptions<C, S> = {},
): (pipeline: Pipeline) => PCollection<AvroElement<C, S>> {
  const all = [patterns].flat()
  if (!all.every(isPath))
    refuse('MR-1004', `readAvro needs a path, a pattern or a list of them, but got ${preview(patterns)}.`)
  const { emptyMatch, onError, codec, ...how } = checkedOptions(options)
  return (pipeline) => {
    const files = pipeline.create('patterns', all, { codec: t.string }).parDo('files', {
      output: matchedFileCodec,
      setup: ({ env, step }) => filesOf(env, step),
      process(pattern, { resource, emit }) {
        for (const file of matchFiles(resource, pattern, { emptyMatch, compression: 'none' })) emit(file)
      },
    })
    const ranges = rangesOf(how)
    if (onError === undefined) {
      const records = files.apply(
        'records',
        splittableParDo({
          ...ranges,
          output: typed<unknown>(),
          process: (file: MatchedFile, tracker, { resource, emit }) =>
            resource.at(file, tracker.currentRestriction().from).read(tracker, {
              emit: emit as (record: unknown) => void,
              unread: (part) => {
                throw unreadError(part)
              },
            }),
        }),
      )
      return checkedBy(codec, records, {}) as never
    }
    const { out, unread } = files.apply(
      'records',
      splittableParDo({
        ...ranges,
        outputs: { out: typed<unknown>(), unread: unreadPartCodec },
        process: (file: MatchedFile, tracker, { resource, emit }) =>
          resource.at(file, tracker.currentRestriction().from).read(tracker, { emit: emit.out, unread: emit.unread }),
      }),
    )
    lettersOf('unread', unread, onError)
    return checkedBy(codec, out, { onError }) as never
  }
}

interface Reading {
  readonly reader: AvroType | undefined
  readonly timestamps: TimestampMode
  readonly maxBlockBytes: number
}

/** What the step that reads ranges has, with letters or without. */
function rangesOf({ maxBlockBytes, ...how }: Reading) {
  return {
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    setup: ({ env, step }: { readonly env: Env; readonly step: string }): OpenReaders<MatchedFile, BlockReader> => {
      const files = filesOf(env, step)
      const decodingOf = decodings(how)
      return new OpenReaders((file, from) => new BlockReader(files, file, from, { maxBlockBytes, decodingOf }))
    },
    teardown: ({ resource }: { readonly resource: OpenReaders<MatchedFile, BlockReader> | undefined }): void =>
      resource?.close(),
    // A file without a byte is none, and somebody must say so.
    restriction: ({ size }: MatchedFile): OffsetRange => ({ from: 0, to: Math.max(1, size) }),
    restrictionCodec: offsetRangeCodec,
    split: (_: MatchedFile, range: OffsetRange, parts: number): readonly OffsetRange[] => splitRange(range, parts),
    tracker: (range: OffsetRange): OffsetRangeTracker => new OffsetRangeTracker(range),
  }
}

/** Schemas of files that are remembered. */
const SCHEMAS_MAX = 64

/** How files are decoded; the files of a folder have one schema most of the time. */
function decodings({
  reader,
  timestamps,
}: Omit<Reading, 'maxBlockBytes'>): (header: AvroHeader) => Decoding | Promise<Decoding> {
  const known = new Map<string, Read>()
  const readOf = (text: string): Read => {
    const before = known.get(text)
    if (before !== undefined) return before
    const writer = parseSchema(schemaJson(text))
    const read = reading(writer, reader ?? writer, { timestamps })
    if (known.size >= SCHEMAS_MAX) known.clear()
    known.set(text, read)
    return read
  }
  return (header) => {
    const read = readOf(header.schemaText)
    const unpack = unpackerOf(header.codec)
    return unpack instanceof Promise ? unpack.then((loaded) => ({ read, unpack: loaded })) : { read, unpack }
  }
}

const optionNames: OptionNames<ReadAvroOptions> = {
  codec: true,
  schema: true,
  timestamps: true,
  emptyMatch: true,
  maxBlockBytes: true,
  onError: true,
}

function checkedOptions(options: ReadAvroOptions): Reading & {
  readonly codec: Codec | undefined
  readonly emptyMatch: 'error' | 'allow'
  readonly onError: ErrorHandler | undefined
} {
  refuseUnknownOptions('readAvro', options, optionNames)
  const {
    codec,
    schema,
    timestamps = 'date',
    emptyMatch = 'error',
    maxBlockBytes = 64 * 1024 * 1024,
    onError,
  } = options
  if (codec !== undefined && !isCodec(codec))
    refuse('MR-1004', `option codec of readAvro is no codec, but ${preview(codec)}.`)
  refuseUnknownValue('option timestamps of readAvro', timestamps, ['date', 'integer'])
  refuseUnknownValue('option emptyMatch of readAvro', emptyMatch, ['error', 'allow'])
  if (!Number.isSafeInteger(maxBlockBytes) || maxBlockBytes < 1)
    refuse(
      'MR-1002',
      `option maxBlockBytes of readAvro must be a whole number from 1, but is ${preview(maxBlockBytes)}.`,
    )
  const reader = schema === undefined ? undefined : parsed(schema, 'option schema of readAvro')
  return { codec, reader, timestamps, emptyMatch, maxBlockBytes, onError }
}
