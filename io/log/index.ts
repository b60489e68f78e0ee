/**
 * A log in a folder: topics, partitions, offsets and consumer groups on SQLite, for what has Kafka in production. Several programs
 * append and read at once. The package better-sqlite3 is loaded when a log is opened.
 *
 * @module
 */
export type { AppendId, AppendOptions, RecordPosition } from './append.js'
export type { Assignment, GroupInfo } from './groups.js'
export type { Sync } from './log-file.js'
export { type GroupMember, type Log, type LogOptions, type LogTransaction, openLog } from './log.js'
export type { Maintained } from './maintain.js'
export type { LogEnv } from './node.js'
export type { PartitionInfo, ReadLimits } from './read.js'
export { readLog, type ReadLogOptions } from './read-log.js'
export type { LogRecord, NewRecord } from './records.js'
export type { Retention, TopicInfo, TopicOptions } from './topics.js'
export { writeLog, type WriteLogOptions } from './write-log.js'
