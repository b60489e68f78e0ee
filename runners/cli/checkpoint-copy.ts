/**
 * Looks at a checkpoint without touching it: what is looked at is a copy in a folder for temporary files. SQLite writes when it
 * opens a file and when it closes it, and takes a damaged end for a short one.
 *
 * Law: no byte of the checkpoint is changed; what was copied was there at one moment.
 */
import { constants, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { coded, errorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import type { CheckpointStore } from '../micro-batch/store/checkpoint-store.js'
import { systemEnv } from '../core/system-env.js'
import { UsageError } from './command-line.js'

/** Copying is tried so often: what a run writes meanwhile spoils the copy. */
const TRIES = 20
const PAUSE_MILLIS = 25
/** Two changes may have the same time when they are no further apart than this. */
const TICK_MILLIS = 20
const FILE = /^(?:head|(?:log|state-\d+(?:\.\d+)?)\.sqlite(?:-wal|-journal)?)$/

/** A copy, or a savepoint, of a checkpoint. */
export class CheckpointCopy {
  readonly place: string
  readonly folder: string
  /** Whether a run was writing it, so that this is a savepoint of the newest commit. */
  readonly isLive: boolean
  readonly #temporary: string

  constructor(place: string, temporary: string, isLive: boolean) {
    this.place = place
    this.folder = join(temporary, 'checkpoint')
    this.isLive = isLive
    this.#temporary = temporary
  }

  /** Opens the copy. Whoever does closes it. */
  async open(): Promise<CheckpointStore> {
    const { openSqliteStore } = await import('../micro-batch/store/sqlite-store.js')
    return openSqliteStore(this.folder, systemEnv())
  }

  /** Does something with the copy. What goes wrong is told of the checkpoint, or of the folder that has no room for the copy. */
  async looked<T>(look: () => Promise<T>): Promise<T> {
    try {
      return await look()
    } catch (error) {
      if (isFull(error)) throw noCopy(this.place, error)
      // Whoever asked knows the checkpoint, and the copy is gone when the message is read.
      if (error instanceof Error) error.message = this.shown(error.message)
      throw error
    }
  }

  /** A text about the copy, as one about the checkpoint. */
  shown(text: string): string {
    return text.replaceAll(this.folder, this.place)
  }

  remove(): void {
    rmSync(this.#temporary, { recursive: true, force: true })
  }
}

/** Names of a checkpoint's files. @throws {UsageError} when there are none. */
export function filesOf(place: string): readonly string[] {
  const names = statSync(place, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(place) : []
  const found = names.filter((name) => FILE.test(name)).sort()
  if (found.length === 0)
    throw new UsageError(
      'MR-7024',
      `there is no checkpoint at ${place}: it is ${names.length > 0 ? 'a folder of other files' : 'no folder with files'}. Give the folder that the run was given as its checkpoint.`,
      '',
    )
  return found
}

/** Copies a checkpoint that nobody is writing. @throws {UsageError} when somebody does. */
export async function copyOf(given: string): Promise<CheckpointCopy> {
  const copy = await quietCopy(given)
  if (copy !== undefined) return copy
  throw new UsageError(
    'MR-7025',
    `a run is writing the checkpoint ${given}. End it first, or take a savepoint and look at that: millrace savepoint ${given} TARGET.`,
    '',
  )
}

/** Copies a checkpoint, or takes a savepoint where a run is writing it. */
export async function viewOf(given: string): Promise<CheckpointCopy> {
  const copy = await quietCopy(given)
  if (copy !== undefined) return copy
  const place = resolve(given)
  const live = new CheckpointCopy(place, temporaryFor(place), true)
  try {
    const { openSqliteStore } = await import('../micro-batch/store/sqlite-store.js')
    const store = await openSqliteStore(live.place, systemEnv())
    try {
      await live.looked(() => store.savepoint(live.folder))
    } finally {
      await store.close()
    }
    return live
  } catch (error) {
    live.remove()
    throw error
  }
}

async function quietCopy(given: string): Promise<CheckpointCopy | undefined> {
  const place = resolve(given)
  filesOf(place)
  for (let tries = 0; tries < TRIES; tries++) {
    const copy = new CheckpointCopy(place, temporaryFor(place), false)
    try {
      if (copyFiles(place, copy.folder)) return copy
    } catch (error) {
      copy.remove()
      throw error
    }
    copy.remove()
    await new Promise((wait) => setTimeout(wait, PAUSE_MILLIS))
  }
  return undefined
}

/** @returns whether nothing has changed meanwhile. */
function copyFiles(from: string, to: string): boolean {
  const before = stampOf(from)
  const changed = Math.max(...filesOf(from).map((name) => changedAt(join(from, name))))
  if (Math.abs(Date.now() - changed) < TICK_MILLIS) return false
  mkdirSync(to, { mode: 0o700 })
  try {
    for (const name of filesOf(from)) copyFileSync(join(from, name), join(to, name), constants.COPYFILE_FICLONE)
  } catch (error) {
    // A run that ends removes its write-ahead logs.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    if (isFull(error)) throw noCopy(from, error)
    throw coded('MR-6105', new Error(`the checkpoint ${from} cannot be copied: ${messageOf(error)}.`, { cause: error }))
  }
  return stampOf(from) === before
}

/** A folder for a copy of the checkpoint. */
function temporaryFor(place: string): string {
  try {
    return mkdtempSync(join(tmpdir(), 'millrace-checkpoint-'))
  } catch (error) {
    throw noCopy(place, error)
  }
}

/** Whether the folder for temporary files has no room for a copy, or for what SQLite writes beside it: of the checkpoint that says nothing. */
export function isFull(error: unknown): boolean {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } }
  if (code === 'ENOSPC' || code === 'EDQUOT' || errorCode(error) === 'MR-6106') return true
  const inside = typeof cause?.code === 'string' ? cause.code : ''
  return inside.startsWith('SQLITE_IOERR_SHM') || inside === 'SQLITE_IOERR_WRITE'
}

/** What is looked at is copied first, and there is no place for that. */
function noCopy(place: string, cause: unknown): Error {
  const bytes = filesOf(place).reduce((sum, name) => sum + sizeOf(join(place, name)), 0)
  const why = isFull(cause) ? 'it has no room' : messageOf(cause)
  return coded(
    isFull(cause) ? 'MR-6106' : 'MR-6105',
    new Error(
      `the checkpoint ${place} cannot be copied into ${tmpdir()}, the folder for temporary files, to be looked at: ${why}. The copy takes about ${Math.ceil(bytes / 1000)} kB, and as much again to be opened. Make room there, or name another folder: TMPDIR=/path/with/room millrace …`,
      { cause },
    ),
  )
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Of names, sizes and times of change. */
function stampOf(place: string): string {
  return filesOf(place)
    .map((name) => {
      const found = statSync(join(place, name), { bigint: true, throwIfNoEntry: false })
      return `${name} ${found?.ino ?? 0} ${found?.size ?? 0} ${found?.mtimeNs ?? 0}`
    })
    .join()
}
