/**
 * Which batch brought a record to a sink: manifests name the files of a batch, and what is delivered comes between the instant of its
 * batch and that of the next, which the checkpoint remembers for its last commits.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { viewOf } from './checkpoint-copy.js'
import { UsageError } from './command-line.js'

/** Tells the batch of a record. */
export interface BatchesOf {
  ofFile(path: string): number | undefined
  /** Of what came to the sink at a time, milliseconds since 1970. */
  at(time: number): number | undefined
}

/** Nothing is known. */
export const NO_BATCHES: BatchesOf = { ofFile: () => undefined, at: () => undefined }

/** What manifests in a folder, and a checkpoint, tell. @throws {UsageError} when there is none of what was named. */
export async function batchesOf(manifests: string | undefined, checkpoint: string | undefined): Promise<BatchesOf> {
  const files = manifests === undefined ? new Map<string, number>() : filesIn(manifests)
  const instants = checkpoint === undefined ? [] : await instantsOf(checkpoint)
  return {
    ofFile: (path) => files.get(resolve(path)),
    at: (time) => {
      const next = instants.findIndex(({ instant }) => instant > time)
      // What came before the first commit that is remembered may be of any.
      return instants[(next < 0 ? instants.length : next) - 1]?.batch
    },
  }
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

async function instantsOf(place: string): Promise<readonly { readonly batch: number; readonly instant: number }[]> {
  const view = await viewOf(place)
  try {
    const store = await view.open()
    try {
      return (await store.history()).map(({ batch, instant }) => ({ batch, instant }))
    } finally {
      await store.close()
    }
  } finally {
    view.remove()
  }
}
