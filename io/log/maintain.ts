/**
 * What keeps a log from growing: limits kept exactly, keys made unique, room given back. Done in pieces, so that nobody who
 * appends waits long.
 *
 * Law: it may be ended anywhere, and done by several at once; what it does is what appending does by and by.
 */
import { store } from './append.js'
import { compactSome } from './compaction.js'
import type { LogFile } from './log-file.js'
import { trim } from './retention.js'
import { type PartitionRow, partitionOfTopic, partitionsOf, type TopicRow } from './topics.js'

/** What {@link Log.maintain} has done. */
export interface Maintained {
  /** Records that limits have removed. */
  readonly expired: number
  /** Records whose key has a later one, or none any more. */
  readonly compacted: number
  /** Bytes that the file became smaller by. */
  readonly givenBack: number
}

/** Records looked at in one go. */
const PIECE = 5000
/** Pages given back in one go. */
const PAGES = 1000

/** Does everything that there is to do. */
export function maintain(file: LogFile): Maintained {
  const partitions = file.read(() =>
    (file.rows('SELECT * FROM topics') as TopicRow[]).flatMap((topic) =>
      partitionsOf(file, topic.id).map(({ partition }) => ({ topic, partition })),
    ),
  )
  let expired = 0
  let compacted = 0
  for (const { topic, partition } of partitions) {
    expired += inPieces(file, topic, partition, (row, now) => trim(file, topic, row, { now, slack: 0, rowsMax: PIECE }))
    if (topic.compact === 0) continue
    for (let isDone = false; !isDone;) {
      isDone = true
      compacted += piece(file, topic, partition, (row, now) => {
        const removed = compactSome(file, topic, row, now, PIECE)
        isDone = row.compacted === row.end
        return removed
      })
    }
  }
  let givenBack = 0
  for (let bytes = file.shrink(PAGES); bytes > 0; bytes = file.shrink(PAGES)) givenBack += bytes
  return { expired, compacted, givenBack }
}

type Work = (partition: PartitionRow, now: number) => number

/** Until nothing is left to remove. */
function inPieces(file: LogFile, topic: TopicRow, partition: number, work: Work): number {
  let removed = 0
  for (let last = -1; last !== 0; removed += last) last = piece(file, topic, partition, work)
  return removed
}

/** A topic that has gone meanwhile has nothing to be done. */
function piece(file: LogFile, topic: TopicRow, partition: number, work: Work): number {
  return file.write(() => {
    if (file.row('SELECT 1 FROM topics WHERE id = ?', topic.id) === undefined) return 0
    const row = partitionOfTopic(file, topic.name, partition)
    const removed = work(row, Math.trunc(file.env.now()))
    store(file, row)
    return removed
  })
}
