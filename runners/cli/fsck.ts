/**
 * Looks at all of a checkpoint, in a copy, and finds what is wrong.
 *
 * Law: nothing is changed; whatever byte that anybody reads is not as it was written is found, and its file named.
 */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { checkCommits } from '../micro-batch/check-commits.js'
import type { CheckpointStore, QueryRecord, StoreFault } from '../micro-batch/store/checkpoint-store.js'
import { headFaults } from '../micro-batch/store/sqlite-head.js'
import { type CheckpointCopy, copyOf, isFull } from './checkpoint-copy.js'

/** A file that cannot be trusted, is not known, cannot be read. */
const DAMAGE: ReadonlySet<string> = new Set(['MR-6103', 'MR-6104', 'MR-6105'])

type Found = Omit<Report, 'place'>

/** What was found. */
export interface Report {
  /** The folder, as an absolute path. */
  readonly place: string
  readonly query: QueryRecord | undefined
  /** The newest committed batch, 0 before the first. */
  readonly batch: number
  /** The one that is planned after it. */
  readonly planned: number | undefined
  readonly faults: readonly StoreFault[]
}

/** Looks at the checkpoint in a folder. @throws {UsageError} when there is none, or a run is writing it. */
export async function fsck(given: string): Promise<Report> {
  const copy = await copyOf(given)
  try {
    return { place: copy.place, ...(await copy.looked(() => examined(copy))) }
  } finally {
    copy.remove()
  }
}

async function examined(copy: CheckpointCopy): Promise<Found> {
  const faults: StoreFault[] = headOf(copy).map((message) => ({ invariant: 'format', where: 'head', message }))
  const store = await opened(copy, faults)
  if (store === undefined) return { query: undefined, batch: 0, planned: undefined, faults: named(copy, faults) }
  try {
    try {
      faults.push(...(await store.check()))
    } catch (error) {
      faults.push(faultOf(copy, error))
    }
    return { ...(await commits(copy, store, faults)), faults: named(copy, faults) }
  } finally {
    await store.close()
  }
}

function headOf(copy: CheckpointCopy): readonly string[] {
  const head = join(copy.folder, 'head')
  return existsSync(head) ? headFaults(head) : []
}

async function opened(copy: CheckpointCopy, faults: StoreFault[]): Promise<CheckpointStore | undefined> {
  try {
    return await copy.open()
  } catch (error) {
    faults.push(faultOf(copy, error))
    return undefined
  }
}

/** What the driver has written. */
async function commits(
  copy: CheckpointCopy,
  store: CheckpointStore,
  faults: StoreFault[],
): Promise<Omit<Found, 'faults'>> {
  try {
    const query = await store.query()
    const history = await store.history()
    const planned = await store.planned()
    faults.push(...checkCommits(history, planned, 'log.sqlite'))
    return { query, batch: history.at(-1)?.batch ?? 0, planned: planned?.batch }
  } catch (error) {
    const fault = faultOf(copy, error)
    if (!faults.some(({ message }) => copy.shown(message) === fault.message)) faults.push(fault)
    return { query: undefined, batch: 0, planned: undefined }
  }
}

/** An error as a fault. @throws what says nothing of the checkpoint: there is no room, a package is missing. */
function faultOf(copy: CheckpointCopy, error: unknown): StoreFault {
  const code = errorCode(error)
  if ((code !== undefined && !DAMAGE.has(code)) || isFull(error)) throw error
  const { file } = error as { readonly file?: unknown }
  const where = typeof file === 'string' ? basename(file) : 'log.sqlite'
  return { invariant: 'format', where, message: copy.shown(messageOf(error)), code }
}

/** Faults with names of files as they are in the folder, each once. */
function named(copy: CheckpointCopy, faults: readonly StoreFault[]): readonly StoreFault[] {
  const all = faults.map(({ invariant, where, message, code }) => ({
    invariant,
    where: basename(where),
    message: copy.shown(message),
    ...(code === undefined ? {} : { code }),
  }))
  return all.filter(({ message }, at) => all.findIndex((other) => other.message === message) === at)
}
