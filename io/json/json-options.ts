/**
 * What readers of JSON have in common.
 */
import type { Codec, TypeOf } from '../../sdk/codec.js'
import type { OptionNames } from '../../sdk/known-options.js'
import type { Frame } from '../text/frame.js'
import { type FrameDecoder, skipped } from '../text/read-records.js'
import { type ReadRecordsOptions, readRecordsOptionNames } from '../text/read-options.js'
import { decodeRecord } from '../text/record-codec.js'
import { parseJson } from './parse-json.js'

/** Type of the records that a codec describes; without one nothing is known of them. */
export type RecordOf<C extends Codec | undefined> = C extends Codec ? TypeOf<C> : unknown

/** Options of readers of JSON. */
export interface ReadJsonOptions<C extends Codec | undefined = undefined> extends ReadRecordsOptions<RecordOf<C>> {
  /**
   * Describes the records: io-ts, or any Standard Schema (zod, valibot …). Each is decoded, so that a codec of dates gives
   * dates. Default: records are what `JSON.parse` gives, and of type `unknown`.
   */
  readonly codec?: C
}

/** Names of {@link ReadJsonOptions}. */
export const readJsonOptionNames: OptionNames<ReadJsonOptions<Codec>> = { ...readRecordsOptionNames, codec: true }

/** Understands the text of a record; white space is none. */
export function jsonDecoder(codec: Codec | undefined): FrameDecoder {
  return ({ text }: Frame): unknown => {
    if (!/[^ \t\r\n]/.test(text)) return skipped
    const value = parseJson(text)
    return codec === undefined ? value : decodeRecord(codec, value)
  }
}
