/**
 * Looks at files again and again, and says which are new.
 *
 * Law: a file is said to be new once for as long as it is there; memory is bounded by the files that are there.
 */
import type { FileStatus, FileSystem } from '../../sdk/env.js'

/** What a watch has seen, as plain data: path and version of each file that is there. */
export type SeenFiles = readonly (readonly [path: string, version: string])[]

/** How files are looked at. */
export interface WatchRules {
  /** The files that are there now, sorted. */
  readonly paths: (files: FileSystem) => readonly string[]
  /** Whether a file that has changed since is new again. */
  readonly changedIsNew: boolean
  /** So long a file must have stayed as it is before it counts, milliseconds. */
  readonly settleMillis: number
}

/** A file that is new. */
export interface NewFile {
  readonly path: string
  readonly status: FileStatus
}

/** Tells a file from what its name stood for before. */
export function versionOf({ id, size, modified }: FileStatus): string {
  return `${id} ${size} ${modified}`
}

/** Looks at files. */
export class FolderWatch {
  readonly #files: FileSystem
  readonly #rules: WatchRules
  #seen: Map<string, string>
  #snapshot: SeenFiles | undefined
  /** Files that may still change: since when they have not. */
  #settling = new Map<string, { readonly version: string; readonly since: number }>()

  constructor(files: FileSystem, rules: WatchRules, seen: SeenFiles) {
    this.#files = files
    this.#rules = rules
    this.#seen = new Map(seen)
  }

  /** What has been seen, for a watch that goes on from here. */
  get seen(): SeenFiles {
    return (this.#snapshot ??= [...this.#seen])
  }

  /** Says that a file is being read. */
  take({ path, status }: NewFile): void {
    this.#seen.set(path, versionOf(status))
    this.#snapshot = undefined
  }

  /** Looks once. @param now milliseconds of any clock that goes on. */
  look(now: number): readonly NewFile[] {
    const { changedIsNew, settleMillis, paths } = this.#rules
    const found: NewFile[] = []
    const settling = new Map<string, { readonly version: string; readonly since: number }>()
    const all = paths(this.#files)
    for (const path of all) {
      const seen = this.#seen.get(path)
      if (seen !== undefined && !changedIsNew) continue
      const status = this.#files.status(path)
      // It may go while we look, and a folder is no file.
      if (status?.kind !== 'file') continue
      const version = versionOf(status)
      if (version === seen) continue
      const before = this.#settling.get(path)
      const since = before?.version === version ? before.since : now
      if (now - since >= settleMillis) found.push({ path, status })
      else settling.set(path, { version, since })
    }
    this.#settling = settling
    this.#forgetGone(all)
    return found
  }

  /** A name that is gone is free again. */
  #forgetGone(all: readonly string[]): void {
    if (this.#seen.size === 0) return
    const there = new Set(all)
    for (const path of this.#seen.keys()) {
      if (there.has(path)) continue
      this.#seen.delete(path)
      this.#snapshot = undefined
    }
  }
}
