/**
 * Writing JSON: one value per line, or one array per file.
 *
 * Law: every file is valid by itself, and reading it gives the values that were written to it.
 */
import * as t from 'io-ts'
import type { Codec } from '../../sdk/codec.js'
import type { OptionNames } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import type { WrittenFile } from '../text/commit-shards.js'
import type { FileFrame } from '../text/line-format.js'
import { refuseNoCodec } from '../text/record-codec.js'
import { type WriteFilesOptions, writeFilesOptionNames, writeSettings, writeTexts } from '../text/write-options.js'
import { formatJson } from './format-json.js'
import type { RecordOf } from './json-options.js'

/** Options of writers of JSON. */
export interface WriteJsonOptions<C extends Codec | undefined = undefined> extends WriteFilesOptions {
  /**
   * Describes the values. An io-ts codec encodes them: dates become texts. A Standard Schema cannot encode, so with one values
   * are written as they are. Default: as they are.
   */
  readonly codec?: C
  /** Takes the values that have no JSON. Default: they fail the run. */
  readonly onError?: ErrorHandler
}

/**
 * Writes NDJSON (JSON Lines): one value per line. What holds for files, shards, windows and packing holds as for `writeLines`
 * of `millrace/io/text`.
 *
 * A value that JSON cannot say exactly is refused: a NaN, a Map, a bigint, an object of a class, nesting deeper than 512. A
 * Date becomes its text, −0 becomes 0, and a field that is `undefined` is left out.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, and for the reasons of `writeLines`.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { pipeline, run } from 'millrace'
 * import { writeNdjson } from 'millrace/io/json'
 * const p = pipeline()
 * p.create('ages', [{ name: 'ann', age: 41 }, { name: 'bob', age: 27 }])
 *   .apply('write', writeNdjson(join(tmpdir(), 'millrace-example', 'ages.ndjson.gz')))
 *   .print('written')
 * await run(p)
 * ```
 */
export function writeNdjson<C extends Codec | undefined = undefined>(
  path: string,
  options: WriteJsonOptions<C> = {},
): (input: PCollection<RecordOf<C>>) => PCollection<WrittenFile> {
  return writeJson('writeNdjson', path, options, { head: '', between: '', end: '\n', tail: '' })
}

/**
 * Writes files that are one JSON array each, an element to a line: every shard is valid JSON, one without elements `[]`. What is
 * refused, and what becomes of dates, is as for {@link writeNdjson}.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, and for the reasons of `writeLines`.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { pipeline, run } from 'millrace'
 * import { writeJsonArray } from 'millrace/io/json'
 * const p = pipeline()
 * p.create('ages', [{ name: 'ann', age: 41 }, { name: 'bob', age: 27 }])
 *   .apply('write', writeJsonArray(join(tmpdir(), 'millrace-example', 'ages.json'), { shards: 2 }))
 *   .print('written')
 * await run(p)
 * ```
 */
export function writeJsonArray<C extends Codec | undefined = undefined>(
  path: string,
  options: WriteJsonOptions<C> = {},
): (input: PCollection<RecordOf<C>>) => PCollection<WrittenFile> {
  return writeJson('writeJsonArray', path, options, { head: '[\n', between: ',\n', end: '', tail: '\n]\n' })
}

function writeJson<C extends Codec | undefined>(
  of: string,
  path: string,
  options: WriteJsonOptions<C>,
  frame: FileFrame,
): (input: PCollection<RecordOf<C>>) => PCollection<WrittenFile> {
  const settings = writeSettings(of, path, options, writeOptions, frame)
  const { codec, onError } = options
  refuseNoCodec(of, codec)
  return (input) => {
    const texts = (input as PCollection<unknown>).map('encode', (value) => formatJson(codec, value), {
      codec: t.string,
      ...(onError === undefined ? {} : { onError }),
    })
    return writeTexts(settings)(texts)
  }
}

const writeOptions: OptionNames<WriteJsonOptions<Codec>> = { ...writeFilesOptionNames, codec: true, onError: true }
