/**
 * Reading NDJSON: one JSON value per line.
 */
import type { Codec } from '../../sdk/codec.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { frameCodec } from '../text/frame.js'
import { linesFraming } from '../text/read-lines.js'
import { type FilePatterns, patternList, readSettings } from '../text/read-options.js'
import { readRecords } from '../text/read-records.js'
import { refuseNoCodec } from '../text/record-codec.js'
import { jsonDecoder, type ReadJsonOptions, readJsonOptionNames, type RecordOf } from './json-options.js'

/**
 * Reads files of NDJSON (JSON Lines): one JSON value per line, in UTF-8. Lines of white space are no records. Plain files are
 * read in ranges.
 *
 * A record is bad, and goes to `onError`, when it is no JSON, longer than `maxRecordBytes`, nested deeper than 512, has a
 * field name longer than 1 MiB or a number that no double holds, or does not fit the codec. Whole numbers beyond 2^53 are
 * rounded, as `JSON.parse` does.
 *
 * @param patterns paths or globs, relative to the folder the program was started in.
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts no-run
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { readNdjson } from 'millrace/io/json'
 * const Order = t.type({ user: t.string, cents: t.number })
 * const p = pipeline()
 * p.apply('orders', readNdjson('orders/*.ndjson.gz', { codec: Order }))
 *   .map('cents', (order) => order.cents)
 *   .print('cents')
 * await run(p)
 * ```
 */
export function readNdjson<C extends Codec | undefined = undefined>(
  patterns: FilePatterns,
  options: ReadJsonOptions<C> = {},
): (pipeline: Pipeline) => PCollection<RecordOf<C>> {
  const all = patternList('readNdjson', patterns)
  const settings = readSettings('readNdjson', options, readJsonOptionNames, 'maxRecordBytes', 'error')
  const { codec } = options
  refuseNoCodec('readNdjson', codec)
  const decode = jsonDecoder(codec)
  return (pipeline) =>
    readRecords(pipeline, all, settings, {
      framing: linesFraming(settings, 'maxRecordBytes', 'frame', frameCodec),
      decoder: () => decode,
      codec,
    }) as PCollection<RecordOf<C>>
}
