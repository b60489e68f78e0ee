/**
 * Text files, line by line: reading by patterns or as they come, plain or packed, and writing in shards that appear whole or
 * not at all; files that grow, and the standard streams of a process.
 *
 * @module
 */
export type { EventTimeOptions } from '../event-times.js'
export type { WrittenFile } from './commit-shards.js'
export type { Compression, Packing } from './compression.js'
export type { FileStream } from './file-stream.js'
export type { LineTextOptions } from './line-options.js'
export type { LineAt } from './line-reader.js'
export type { MatchedFile } from './match-files.js'
export { readFiles, type ReadFilesLinesOptions } from './read-files.js'
export { readLines, type ReadLinesOptions } from './read-lines.js'
export type { FilePatterns, ReadFilesOptions, RecordPreview } from './read-options.js'
export { readStdin, type ReadStdinOptions } from './read-stdin.js'
export { spool, type SpoolOptions } from './spool.js'
export { tailLines, type TailLinesOptions } from './tail-lines.js'
export type { TailPosition } from './tail-reader.js'
export { watchFiles, type WatchFilesOptions } from './watch-files.js'
export { writeLines, type WriteLinesOptions } from './write-lines.js'
export type { WriteFilesOptions } from './write-options.js'
export { writeStdout } from './write-stdout.js'
