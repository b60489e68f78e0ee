/**
 * The world of a log: the Env of a run, or this process where a log is opened outside of one. And the one thing that no Env
 * has: to wait in the middle of a call, since those of SQLite are synchronous.
 */
import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Env, FileSystem } from '../../sdk/env.js'

/** What a log needs of the world; an `Env` has it. */
export interface LogEnv extends Pick<Env, 'now' | 'monotonic' | 'random' | 'crashpoint'> {
  /** Where the platform has files. */
  readonly files: Pick<FileSystem, 'status' | 'create' | 'remove' | 'makeFolder'> | undefined
}

/** This process. */
export const processEnv: LogEnv = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  crashpoint: () => undefined,
  files: {
    status(path) {
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats === undefined) return undefined
      const kind = stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other'
      return { kind, size: stats.size, id: `${stats.dev}:${stats.ino}`, modified: stats.mtimeMs }
    },
    create(path) {
      closeSync(openSync(path, 'wx'))
      return CLOSED
    },
    remove: (path) => rmSync(path, { force: true }),
    makeFolder: (path) => void mkdirSync(path, { recursive: true }),
  },
}

/** Files that a log makes by itself are empty: their being there is what they say. */
const CLOSED: ReturnType<FileSystem['create']> = {
  read: () => 0,
  write: () => undefined,
  sync: () => undefined,
  status: () => ({ kind: 'file', size: 0, id: '', modified: 0 }),
  close: () => undefined,
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Waits with everything else of the thread. */
export function sleep(millis: number): void {
  Atomics.wait(sleeper, 0, 0, millis)
}
