/**
 * The Env of a run under supervision: results leave as messages, and files that sinks make visible are remembered for
 * the summary.
 */
import type { Env, FileSystem } from '../../sdk/env.js'
import { printable } from '../direct/node.js'

/** An Env, and the files that were made in it. */
export interface RunEnv {
  readonly env: Env
  /** Paths of files that are there now and were made by the run, in order of making. */
  readonly files: () => readonly string[]
}

/** The platform's Env with another way to print. */
export function runEnv(platform: Env, print: Env['print']): RunEnv {
  const made = new Set<string>()
  const { files } = platform
  return {
    env: {
      ...platform,
      print: (line, stream) => print(printable(line), stream),
      files: files === undefined ? undefined : remembering(files, made),
    },
    files: () => [...made].filter((path) => !HIDDEN_PART.test(path)),
  }
}

/** In a path: what a sink has not made visible yet, because the run stopped before. */
const HIDDEN_PART = /(^|[\\/])\.[^\\/]*\.tmp-/

function remembering(files: FileSystem, made: Set<string>): FileSystem {
  return {
    ...files,
    create(path) {
      const handle = files.create(path)
      made.add(path)
      return handle
    },
    rename(from, to) {
      files.rename(from, to)
      if (made.delete(from)) made.add(to)
    },
    remove(path) {
      files.remove(path)
      made.delete(path)
    },
  }
}
