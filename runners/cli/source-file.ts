/**
 * The file that a command names.
 */
import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { isLike } from '../../sdk/suggestion.js'
import { UsageError } from './command-line.js'

const MODULE = /\.[cm]?[jt]sx?$/
/** More names than this help nobody. */
const NAMES_MAX = 12

/** Its absolute path. @throws {UsageError} when it is no module. */
export function sourceFile(given: string): string {
  const file = resolve(given)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined)
    throw new UsageError('MR-7005', `there is no file ${given}.`, basename(file), neighbours(file))
  if (!stats.isFile()) {
    throw new UsageError('MR-7005', `${given} is not a file. Name the module that exports the pipeline.`, '', [])
  }
  if (MODULE.test(file)) return file
  throw new UsageError(
    'MR-7005',
    `${given} is not a TypeScript or JavaScript file. A pipeline is a module: .ts, .mts, .js or .mjs.`,
    '',
    [],
  )
}

/** Modules beside a file that is not there; of very many, those whose names are like its name. */
function neighbours(file: string): readonly string[] {
  try {
    const names = readdirSync(dirname(file)).filter((name) => MODULE.test(name))
    return names.length > NAMES_MAX ? names.filter((name) => isLike(basename(file), name)) : names
  } catch {
    return []
  }
}
