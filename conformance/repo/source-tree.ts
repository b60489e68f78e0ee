/**
 * The repository as its rules see it: paths and texts, read once.
 *
 * Law: a rule is a function of texts, so that a violation made up in memory is judged exactly as a file is.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A text of the repository. */
export interface TextFile {
  /** From the root, with `/`. */
  readonly path: string
  readonly text: string
}

/** Where a rule is broken, and what to do. */
export interface Violation {
  readonly path: string
  /** From 1; absent where the whole file is meant. */
  readonly line?: number
  readonly message: string
}

/** `path:line message`. */
export function describeViolation({ path, line, message }: Violation): string {
  return `${path}${line === undefined ? '' : `:${line}`} ${message}`
}

/** Made or fetched, not written. */
const GENERATED = new Set(['node_modules', 'dist', 'out', '.git', '.cache', 'docs/site'])
const BINARY = /\.(gz|zip|png|jpg|ico|woff2?|tgz|parquet|bin)$/

/** All texts under `root` that people wrote. */
export function readTree(root: string, folder = ''): readonly TextFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry): readonly TextFile[] => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (GENERATED.has(path) || GENERATED.has(entry.name)) return []
    if (entry.isDirectory()) return readTree(root, path)
    return entry.isFile() && !BINARY.test(path) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
  })
}
