/**
 * Tables of a log. Records of a partition have a table of their own, so that appending always happens at the end of a tree.
 *
 * Law: what a version has written, later ones read; another format has another number.
 */

/** `mlog` in ASCII: says that a database is a log. */
export const APPLICATION_ID = 0x6d6c6f67
/** Of the tables below. */
export const FORMAT_VERSION = 1

/** Everything but the records. Times are milliseconds since 1970 UTC. */
export const SCHEMA = `
CREATE TABLE topics (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  partitions INTEGER NOT NULL,
  compact INTEGER NOT NULL,
  age INTEGER, bytes INTEGER, records INTEGER,
  tombstones INTEGER NOT NULL
);
-- begin and end: the first offset that is kept and the next one; compacted: keys are unique before it; last: time of the last append.
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  topic INTEGER NOT NULL, partition INTEGER NOT NULL,
  begin INTEGER NOT NULL DEFAULT 0, end INTEGER NOT NULL DEFAULT 0,
  records INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
  compacted INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, partition)
);
CREATE TABLE groups (
  name TEXT NOT NULL, topic INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY (name, topic)
) WITHOUT ROWID;
-- member: its name, and of one that joins several times, a row for each time, a slash and a number after it.
CREATE TABLE members (
  name TEXT NOT NULL, topic INTEGER NOT NULL, member TEXT NOT NULL,
  joined INTEGER NOT NULL, session INTEGER NOT NULL, deadline INTEGER NOT NULL, PRIMARY KEY (name, topic, member)
) WITHOUT ROWID;
-- member reads it now, target shall read it: they differ until member has given it back.
CREATE TABLE owners (
  name TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
  member TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (name, topic, partition)
) WITHOUT ROWID;
CREATE TABLE commits (
  name TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
  offset INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (name, topic, partition)
) WITHOUT ROWID;
-- the newest of each query, step and shard; earlier versions have kept older ones, too. number: counts appends that have an id.
CREATE TABLE deliveries (
  query TEXT NOT NULL, step TEXT NOT NULL, shard INTEGER NOT NULL, batch INTEGER NOT NULL,
  number INTEGER NOT NULL, PRIMARY KEY (query, step, shard, batch)
) WITHOUT ROWID;
CREATE INDEX deliveries_by_number ON deliveries (number);
`

/** Makes the table of a partition. */
export function tableOf(partitionId: number, isCompact: boolean): string {
  const table = `p${partitionId}`
  const records = `CREATE TABLE ${table} (
    offset INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, appended INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB);`
  if (!isCompact) return records
  return `${records}
  CREATE INDEX ${table}_key ON ${table} (key, offset);
  CREATE INDEX ${table}_gone ON ${table} (appended) WHERE value IS NULL;`
}

/** Bytes of a record as limits count them. */
export const SIZE = 'ifnull(length(key), 0) + ifnull(length(value), 0) + ifnull(length(headers), 0)'
