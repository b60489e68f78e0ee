/**
 * Where the configuration file of a folder is.
 *
 * Law: it is looked for from the folder up to the package the folder belongs to and no further, so that no file of a
 * stranger decides anything.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from './command-line.js'

const NAMES = ['ts', 'mjs', 'js', 'json'].map((end) => `millrace.config.${end}`)

/** Path of the configuration file for a folder. @throws {UsageError} when a folder has two. */
export function findConfig(folder: string): string | undefined {
  const last = packageFolder(folder) ?? folder
  for (let at = folder; ; at = dirname(at)) {
    const found = NAMES.filter((name) => existsSync(join(at, name)))
    if (found.length > 1)
      throw new UsageError('MR-7020', `there are ${found.join(' and ')} in ${at}. Keep one of them.`, '')
    if (found[0] !== undefined) return join(at, found[0])
    if (at === last) return undefined
  }
}

/** The next folder upward that has a package.json. */
export function packageFolder(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at
    if (dirname(at) === at) return undefined
  }
}
