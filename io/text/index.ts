/**
 * Text files, line by line: reading by patterns, plain or gzip, and writing in shards that appear whole or not at all.
 *
 * @module
 */
export type { LineAt } from './line-reader.js'
export { readLines, type ReadLinesOptions } from './read-lines.js'
