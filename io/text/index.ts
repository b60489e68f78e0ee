/**
 * Text files, line by line: reading by patterns, plain or packed, and writing in shards that appear whole or not at all.
 *
 * @module
 */
export type { WrittenFile } from './commit-shards.js'
export type { Compression, Packing } from './compression.js'
export type { LineAt } from './line-reader.js'
export { readLines, type ReadLinesOptions } from './read-lines.js'
export type { ReadFilesOptions, RecordPreview } from './read-options.js'
export { writeLines, type WriteLinesOptions } from './write-lines.js'
export type { WriteFilesOptions } from './write-options.js'
