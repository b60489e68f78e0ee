/**
 * Which batch brought a record to a sink. Manifests name the files of a batch. A log knows which queries have delivered to it, and not
 * which records: what a query delivers comes between the instant of its batch and that of the next, which the checkpoint remembers for
 * its last commits.
 *
 * Law: a batch is said where it is known, or with the word that it is told by time; never of a query that has not written there.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { viewOf } from './checkpoint-copy.js'
import { UsageError } from './command-line.js'

/** Tells the batch of a record. */
export interface BatchesOf {
  ofFile(path: string): number | undefined
  /** Told which queries have delivered to a log. @returns whether the query is among them whose batches {@link at} tells. */
  wrote(queries: readonly string[]): boolean
  /** About: of what came to the sink at a time, milliseconds since 1970, if it is the query that brought it. */
  at(time: number): number | undefined
  /** How batches are known, when the sink has been read. */
  readonly by: 'manifest' | 'time' | undefined
  /** Why nothing is known, where something was given to know it by. */
  readonly unknown: string | undefined
}

/** Nothing is known. */
export const NO_BATCHES: BatchesOf = {
  ofFile: () => undefined,
  wrote: () => false,
  at: () => undefined,
  by: undefined,
  unknown: undefined,
}

/** What manifests in a folder, and a checkpoint, tell. @throws {UsageError} when there is none of what was named. */
export async function batchesOf(manifests: string | undefined, checkpoint: string | undefined): Promise<BatchesOf> {
  const files = manifests === undefined ? new Map<string, number>() : filesIn(manifests)
  const kept = checkpoint === undefined ? undefined : await keptIn(checkpoint)
  let by: BatchesOf['by']
  let unknown = kept === undefined ? undefined : 'the sink is no log, and a checkpoint tells batches of a log alone'
  return {
    ofFile(path) {
      const batch = files.get(resolve(path))
      if (batch !== undefined) [by, unknown] = ['manifest', undefined]
      return batch
    },
    wrote(queries) {
      if (kept === undefined) return false
      if (queries.includes(kept.query)) [by, unknown] = ['time', undefined]
      else unknown = `the log remembers no delivery of query ${kept.query}, which the checkpoint ${checkpoint} is of`
      return by === 'time'
    },
    at(time) {
      const { instants } = kept as Kept
      const next = instants.findIndex(({ instant }) => instant > time)
      // What came before the first commit that is remembered may be of any.
      return instants[(next < 0 ? instants.length : next) - 1]?.batch
    },
    get by() {
      return by
    },
    get unknown() {
      return unknown
    },
  }
}

/** What a checkpoint tells. */
interface Kept {
  readonly query: string
  readonly instants: readonly { readonly batch: number; readonly instant: number }[]
}

function filesIn(folder: string): Map<string, number> {
  const files = new Map<string, number>()
  for (const name of namesIn(folder)) {
    const manifest = JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown
    if (!isManifest(manifest)) continue
    for (const { path } of manifest.files) files.set(resolve(path), manifest.batch)
  }
  if (files.size === 0)
    throw new UsageError(
      'MR-7027',
      `verify cannot read ${folder}: it has no manifest. Give the folder that the write was given as manifest.`,
      '',
    )
  return files
}

/** Whether it is what `manifest` of a write makes. */
function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false
  const { format, batch, files } = value as Partial<Manifest>
  return format === 1 && typeof batch === 'number' && Array.isArray(files)
}

interface Manifest {
  readonly format: number
  readonly batch: number
  readonly files: readonly { readonly path: string }[]
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json') && !name.startsWith('.'))
  } catch (error) {
    throw new UsageError('MR-7027', `verify cannot read ${folder}: ${(error as Error).message}.`, '')
  }
}

async function keptIn(place: string): Promise<Kept> {
  const view = await viewOf(place)
  const look = async (): Promise<Kept> => {
    const store = await view.open()
    try {
      const instants = (await store.history()).map(({ batch, instant }) => ({ batch, instant }))
      return { query: (await store.query())?.id ?? '', instants }
    } finally {
      await store.close()
    }
  }
  try {
    return await view.looked(look)
  } finally {
    view.remove()
  }
}
