/**
 * Text files, line by line: reading by patterns, plain or gzip, and writing in shards that appear whole or not at all.
 *
 * @module
 */
export type { WrittenFile } from './commit-shards.js'
export type { LineAt } from './line-reader.js'
export type { FileStream } from './file-stream.js'
export type { MatchedFile } from './match-files.js'
export { readFiles, type ReadFilesLinesOptions } from './read-files.js'
export { readLines, type ReadLinesOptions } from './read-lines.js'
export { readStdin, type ReadStdinOptions } from './read-stdin.js'
export { spool, type SpoolOptions } from './spool.js'
export { watchFiles, type WatchFilesOptions } from './watch-files.js'
export { tailLines, type TailLinesOptions } from './tail-lines.js'
export type { TailPosition } from './tail-reader.js'
export type { EventTimeOptions } from '../event-times.js'
export type { LineTextOptions } from './line-options.js'
export { writeLines, type WriteLinesOptions } from './write-lines.js'
export { writeStdout } from './write-stdout.js'
