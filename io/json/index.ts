/**
 * JSON files: NDJSON, one value per line, and files that are one array each; read and written, packed or not.
 *
 * @module
 */
export type { WrittenFile } from '../text/commit-shards.js'
export type { Compression, Packing } from '../text/compression.js'
export type { ReadFilesOptions, ReadRecordsOptions, RecordPreview } from '../text/read-options.js'
export type { WriteFilesOptions } from '../text/write-options.js'
export type { ReadJsonOptions, RecordOf } from './json-options.js'
export { readJsonArray } from './read-json-array.js'
export { readNdjson } from './read-ndjson.js'
export { writeJsonArray, type WriteJsonOptions, writeNdjson } from './write-json.js'
