/**
 * Folders that are made on the way to a file. A folder is there for good when the one above it has been synchronised.
 */
import type { FileSystem } from '../../sdk/env.js'
import { folderOf } from './shard-names.js'

/** The folders above those that are missing on the way to a folder, itself among these: what is to be synchronised when they are made. */
export function aboveMissing(files: FileSystem, folder: string): readonly string[] {
  const above: string[] = []
  for (let path = folder; files.status(path) === undefined && folderOf(path) !== path; path = folderOf(path))
    above.push(folderOf(path))
  return above
}
