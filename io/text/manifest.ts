/**
 * Manifests: what one delivery of a write has put in place, in a file that appears in one instant. They have the query and the
 * batch in their names, so that one that is written again replaces itself.
 *
 * Law: whoever reads only what manifests name sees a batch whole, or nothing of it.
 */
import * as t from 'io-ts'
import type { Env, FileSystem } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import type { DeliveryId } from '../../sdk/transforms/delivery.js'
import { aboveMissing } from './new-folders.js'
import { hashText, nameOfQuery } from './query-names.js'

/** A manifest. */
export interface Manifest extends DeliveryId {
  /** Version of this form. */
  readonly format: 1
  /** The files, by the names that the write gave them, with the lines or records in each. */
  readonly files: readonly { readonly path: string; readonly lines: number }[]
}

/** Describes manifests. */
export const manifestCodec: t.Type<Manifest> = t.type({
  format: t.literal(1),
  query: t.string,
  step: t.string,
  batch: t.number,
  shard: t.number,
  files: t.readonlyArray(t.type({ path: t.string, lines: t.number })),
})

/** Name of a manifest: sorted, those of one query and step come in the order of their batches. */
export function manifestName({ query, step, batch, shard }: DeliveryId): string {
  return `${beforeBatch(query, step)}${String(batch).padStart(12, '0')}${afterBatch(shard)}`
}

const beforeBatch = (query: string, step: string): string => `${nameOfQuery(query)}-${hashText(step)}-`
const afterBatch = (shard: number): string => `-${String(shard).padStart(5, '0')}.json`

/** Whether a delivery has its manifest. */
export function hasManifest(files: FileSystem, folder: string, id: DeliveryId): boolean {
  return files.status(`${folder}/${manifestName(id)}`) !== undefined
}

/** The newest batch of a query, step and shard that has a manifest. */
export function newestManifest(
  files: FileSystem,
  folder: string,
  { query, step, shard }: DeliveryId,
): number | undefined {
  const before = beforeBatch(query, step)
  const after = afterBatch(shard)
  let newest: number | undefined
  for (const name of files.list(folder)) {
    if (!name.startsWith(before) || !name.endsWith(after)) continue
    const batch = Number(name.slice(before.length, -after.length))
    if (Number.isSafeInteger(batch) && batch > (newest ?? -1)) newest = batch
  }
  return newest
}

/**
 * Those of some files that manifests of a folder name.
 *
 * @throws when a manifest cannot be understood, or names a file that is not there.
 */
export function namedByManifests(files: FileSystem, folder: string, paths: readonly string[]): readonly string[] {
  const named = new Set<string>()
  for (const name of files.list(folder)) {
    if (name.startsWith('.') || !name.endsWith('.json')) continue
    const manifest = `${folder}/${name}`
    for (const { path } of readManifest(files, manifest).files) {
      const status = files.status(path)
      if (status === undefined)
        throw coded(
          'MR-5003',
          new Error(
            `manifest "${manifest}" names the file "${path}", which is gone. Remove a manifest together with its files.`,
          ),
        )
      // Which file it is, however its path is spelled.
      named.add(status.id)
    }
  }
  return paths.filter((path) => named.has(files.status(path)?.id ?? ''))
}

function readManifest(files: FileSystem, path: string): Manifest {
  const handle = files.openForReading(path)
  try {
    const bytes = new Uint8Array(handle.status().size)
    let size = 0
    for (let read = 1; read > 0 && size < bytes.length; size += read)
      read = handle.read(bytes, size, bytes.length - size, size)
    const manifest: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, size)))
    if (manifestCodec.is(manifest)) return manifest
    throw coded('MR-5101', new Error('it has not the fields of a manifest of this version'))
  } catch (cause) {
    throw coded('MR-5101', new Error(`"${path}" is no manifest: ${messageOf(cause)}`, { cause }))
  } finally {
    handle.close()
  }
}

/** Writes a manifest. When this returns it is there, also after a loss of power. */
export function writeManifest(
  files: FileSystem,
  env: Env,
  folder: string,
  id: DeliveryId,
  written: Manifest['files'],
): void {
  const name = manifestName(id)
  const { query, step, batch, shard } = id
  const manifest: Manifest = { format: 1, query, step, batch, shard, files: written }
  const hidden = `${folder}/.${name}.tmp`
  // Of an attempt that was broken off.
  files.remove(hidden)
  const above = aboveMissing(files, folder)
  const handle = files.create(hidden)
  try {
    handle.write(new TextEncoder().encode(`${JSON.stringify(manifest)}\n`))
    handle.sync()
  } finally {
    handle.close()
  }
  env.crashpoint('text.write.manifest')
  files.rename(hidden, `${folder}/${name}`)
  for (const each of [folder, ...above]) files.syncFolder(each)
  env.crashpoint('text.write.manifested')
}
