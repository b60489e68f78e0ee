/**
 * `millrace savepoint`: a copy of the newest committed version that is a query of its own. A run may be writing the checkpoint
 * meanwhile.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemEnv } from '../core/system-env.js'
import type { CheckpointStore, QueryRecord } from '../micro-batch/store/checkpoint-store.js'
import { DeliveriesPending } from '../micro-batch/store/errors.js'
import { filesOf } from './checkpoint-copy.js'
import { type CommandInvocation, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { KeptFileGone, SavepointFiles } from './savepoint-files.js'
import { withToldErrors } from './told-errors.js'

/** A run that lives delivers soon after it has committed. */
const PENDING_MILLIS = 5_000
const PAUSE_MILLIS = 50

/** Does the command. @returns the exit code. */
export function savepointCommand({ operands, options }: CommandInvocation): Promise<number> {
  return withToldErrors(options, async () => {
    const [place, target] = operands as readonly [string, string]
    filesOf(place)
    const { openSqliteStore } = await import('../micro-batch/store/sqlite-store.js')
    const store = await openSqliteStore(place, systemEnv())
    try {
      const query = await store.query()
      if (query === undefined)
        throw new UsageError('MR-7024', `there is no checkpoint at ${place}: no query was begun in it.`, '')
      await take(store, query, target)
    } finally {
      await store.close()
    }
    const copy = await openSqliteStore(target, systemEnv())
    try {
      const query = await copy.query()
      const batch = (await copy.committed())?.batch ?? 0
      const planned = (await copy.planned())?.batch
      process.stdout.write(
        options.get('json') === true
          ? `${JSON.stringify({ checkpoint: place, savepoint: target, query: query?.id, batch, planned: planned ?? null })}\n`
          : `${target}: pipeline "${query?.pipeline}" as of batch ${batch}, as query ${query?.id}\n`,
      )
      return EXIT.done
    } finally {
      await copy.close()
    }
  })
}

async function take(store: CheckpointStore, query: QueryRecord, target: string): Promise<void> {
  const id = newId(query.id.length)
  const until = Date.now() + PENDING_MILLIS
  for (;;) {
    const files = new SavepointFiles(query.id, id)
    try {
      await store.savepoint(target, { id, createdAt: Date.now(), entry: (entry) => files.entry(entry) })
      return
    } catch (error) {
      files.remove()
      // A run that lives delivers what is pending, and puts in place what was named a moment ago.
      const mayPass = error instanceof DeliveriesPending || error instanceof KeptFileGone
      if (!mayPass || Date.now() > until) throw error
      await sleep(PAUSE_MILLIS)
    }
  }
}

/** As long as that of the query: its name is put in place of the other within what is kept. */
function newId(length: number): string {
  let id = ''
  while (id.length < length) id += randomUUID().replaceAll('-', '')
  return id.slice(0, length)
}
