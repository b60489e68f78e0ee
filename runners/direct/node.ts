/**
 * What Node adds to the world of a run: files, and the standard streams of `node-stdio.ts`.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute } from 'node:path'
import type { Env, FileHandle, FileStatus, FileSystem } from '../../sdk/env.js'
import { systemEnv } from '../core/system-env.js'
import { nodeStdin, nodeStdout } from './node-stdio.js'

/** Without any of these a pattern is a plain path. */
const WILDCARDS = /[*?[\]{}()!\\]/

/** What may also be a part of a name, as systems and people give them: `data (1)`, `[old]`. */
const IN_NAMES = /^[^*?\\]*[[\]{}()!][^*?\\]*$/

let globber: typeof import('tinyglobby') | undefined

/** Read when a pattern asks for it: loading takes longer than many runs. */
function tinyglobby(): typeof import('tinyglobby') {
  return (globber ??= createRequire(import.meta.url)('tinyglobby') as typeof import('tinyglobby'))
}

/**
 * The folder at the beginning of a pattern that stands for itself, as it is there, whatever its name has in it; empty where no name of
 * its folders looks like a pattern.
 */
function literalFolder(pattern: string): string {
  const parts = pattern.split('/')
  let literal = ''
  for (let at = 0; at < parts.length - 1; at++) {
    const name = parts[at] as string
    if (!WILDCARDS.test(name)) continue
    const folder = parts.slice(0, at + 1).join('/')
    if (!IN_NAMES.test(name) || statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) break
    literal = folder
  }
  return literal
}

/** What says that a folder cannot be opened or synchronised here: Windows opens none, some file systems sync none. */
const NO_FOLDER_SYNC: ReadonlySet<string | undefined> = new Set(['EPERM', 'EISDIR', 'EACCES'])

/** Node's file system. */
export const nodeFiles: FileSystem = {
  status(path): FileStatus | undefined {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats === undefined ? undefined : statusOf(stats)
  },
  list(folder) {
    try {
      return readdirSync(folder).sort()
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  },
  glob(pattern) {
    const folder = WILDCARDS.test(pattern) ? literalFolder(pattern) : ''
    const rest = folder === '' ? pattern : pattern.slice(folder.length + 1)
    if (!WILDCARDS.test(rest) || !tinyglobby().isDynamicPattern(rest))
      return statSync(pattern, { throwIfNoEntry: false }) === undefined ? [] : [pattern]
    // Without `absolute` an absolute pattern, too, would give paths relative to the current folder.
    const absolute = isAbsolute(rest)
    const within = folder === '' ? {} : { cwd: folder }
    return tinyglobby()
      .globSync(rest, { onlyFiles: true, dot: false, expandDirectories: false, absolute, ...within })
      .map((path) => (folder === '' ? path : `${folder}/${path}`))
      .sort()
  },
  openForReading: (path) => handle(openSync(path, 'r')),
  create(path) {
    makeFolder(dirname(path))
    return handle(openSync(path, 'wx'))
  },
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  makeFolder,
  removeFolder(path) {
    try {
      rmdirSync(path)
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    }
  },
  syncFolder(path) {
    let folder: number | undefined
    try {
      folder = openSync(path, 'r')
      fsyncSync(folder)
    } catch (error) {
      if (!NO_FOLDER_SYNC.has(codeOf(error))) throw error
    } finally {
      if (folder !== undefined) closeSync(folder)
    }
  },
}

/**
 * Makes a folder and those above it. Node's own `recursive` never returns where a file system answers that the new folder
 * "does not exist" although the one above it does, as /proc and broken network drives do.
 */
function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (isFolder(path)) return
    const above = dirname(path)
    if (codeOf(error) !== 'ENOENT' || above === path) throw error
    if (!isFolder(above)) makeFolder(above)
    try {
      mkdirSync(path)
    } catch (again) {
      // Workers make the same folders at the same moment: whoever was quicker has made it.
      if (!isFolder(path)) throw again
    }
  }
}

/** A link that leads nowhere is there, and is none. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function codeOf(error: unknown): string | undefined {
  return (error as { readonly code?: string }).code
}

function statusOf(stats: Stats): FileStatus {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other'
  return { kind, size: stats.size, id: `${stats.dev}:${stats.ino}`, modified: stats.mtimeMs }
}

function handle(descriptor: number): FileHandle {
  return {
    read: (target, offset, length, position) => readSync(descriptor, target, offset, length, position),
    write(bytes) {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
    },
    sync: () => fsyncSync(descriptor),
    status: () => statusOf(fstatSync(descriptor)),
    close: () => closeSync(descriptor),
  }
}

/** The Env of a Node process. */
export function nodeEnv(): Env {
  return systemEnv({
    files: nodeFiles,
    stdin: nodeStdin,
    stdout: nodeStdout,
    showsRedirects: true,
    print: (line, stream) => void (stream === 'out' ? process.stdout : process.stderr).write(`${printable(line)}\n`),
  })
}

/** A line for a stream of bytes: half a character, which UTF-8 cannot hold, is shown as `\ud800` instead of as any other. */
export function printable(line: string): string {
  return line.replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`)
}
