/**
 * Text files, line by line: reading by patterns, plain or gzip, and writing in shards that appear whole or not at all.
 *
 * @module
 */
export type { WrittenFile } from './commit-shards.js'
export type { LineAt } from './line-reader.js'
export { readLines, type ReadLinesOptions } from './read-lines.js'
export { writeLines, type WriteLinesOptions } from './write-lines.js'
