/**
 * Text files, line by line: reading by patterns, plain or gzip, and writing in shards that appear whole or not at all.
 *
 * @module
 */
export type { WrittenFile } from './commit-shards.js'
export type { LineAt } from './line-reader.js'
export { readLines, type ReadLinesOptions } from './read-lines.js'
export { tailLines, type TailLinesOptions } from './tail-lines.js'
export type { TailPosition } from './tail-reader.js'
export type { EventTimeOptions } from '../event-times.js'
export type { LineTextOptions } from './line-options.js'
export { writeLines, type WriteLinesOptions } from './write-lines.js'
