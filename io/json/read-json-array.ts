/**
 * Reading files that are one JSON array each.
 */
import type { Codec } from '../../sdk/codec.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { frameCodec } from '../text/frame.js'
import { type FilePatterns, patternList, readSettings } from '../text/read-options.js'
import { readRecords } from '../text/read-records.js'
import { refuseNoCodec } from '../text/record-codec.js'
import { ArrayReader } from './array-reader.js'
import { jsonDecoder, type ReadJsonOptions, readJsonOptionNames, type RecordOf } from './json-options.js'

/**
 * Reads files that are one JSON array each, element by element: a file of any size takes the memory of its largest element. A
 * file is read by one reader, from its beginning; for files that are read in ranges there is NDJSON.
 *
 * An element is bad, and goes to `onError`, for the reasons of `readNdjson`. Where the array itself is none (no `[`, a file
 * that is cut off, something after `]`), the rest of the file is one bad record.
 *
 * @param patterns paths or globs, relative to the folder the program was started in.
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts no-run
 * import { z } from 'zod'
 * import { pipeline, run } from 'millrace'
 * import { readJsonArray } from 'millrace/io/json'
 * const City = z.object({ name: z.string(), founded: z.coerce.date() })
 * const p = pipeline()
 * p.apply('cities', readJsonArray('cities.json', { codec: City }))
 *   .filter('old', (city) => city.founded.getUTCFullYear() < 1500)
 *   .print('old')
 * await run(p)
 * ```
 */
export function readJsonArray<C extends Codec | undefined = undefined>(
  patterns: FilePatterns,
  options: ReadJsonOptions<C> = {},
): (pipeline: Pipeline) => PCollection<RecordOf<C>> {
  const all = patternList('readJsonArray', patterns)
  const settings = readSettings('readJsonArray', options, readJsonOptionNames, 'maxRecordBytes', 'error')
  const { codec } = options
  refuseNoCodec('readJsonArray', codec)
  const decode = jsonDecoder(codec)
  return (pipeline) =>
    readRecords(pipeline, all, settings, {
      framing: {
        step: 'elements',
        output: frameCodec,
        splittable: false,
        open: (files, file, from) => new ArrayReader(files, file, from, settings.limits),
      },
      decoder: () => decode,
      codec,
    }) as PCollection<RecordOf<C>>
}
