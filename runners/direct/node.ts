/**
 * What Node adds to the world of a run: files. The only module that touches `node:fs`.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import { globSync, isDynamicPattern } from 'tinyglobby'
import type { Env, FileHandle, FileStatus, FileSystem } from '../../sdk/env.js'
import { systemEnv } from '../core/system-env.js'

/** Node's file system. */
export const nodeFiles: FileSystem = {
  status(path): FileStatus | undefined {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return undefined
    return { kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other', size: stats.size }
  },
  glob(pattern) {
    if (!isDynamicPattern(pattern)) return statSync(pattern, { throwIfNoEntry: false }) === undefined ? [] : [pattern]
    // Without `absolute` an absolute pattern, too, would give paths relative to the current folder.
    const absolute = isAbsolute(pattern)
    return [...globSync(pattern, { onlyFiles: true, dot: false, expandDirectories: false, absolute })].sort()
  },
  openForReading: (path) => handle(openSync(path, 'r')),
  create(path) {
    mkdirSync(dirname(path), { recursive: true })
    return handle(openSync(path, 'wx'))
  },
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  removeFolder(path) {
    try {
      rmdirSync(path)
    } catch (error) {
      const { code } = error as { readonly code?: string }
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    }
  },
  syncFolder(path) {
    const folder = openSync(path, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  },
}

function handle(descriptor: number): FileHandle {
  return {
    read: (target, offset, length, position) => readSync(descriptor, target, offset, length, position),
    write(bytes) {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
    },
    sync: () => fsyncSync(descriptor),
    close: () => closeSync(descriptor),
  }
}

/** The Env of a Node process. */
export function nodeEnv(): Env {
  return systemEnv({
    files: nodeFiles,
    print: (line, stream) => void (stream === 'out' ? process.stdout : process.stderr).write(`${line}\n`),
  })
}
