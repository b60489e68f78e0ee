/**
 * The package this module belongs to.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly bin?: Readonly<Record<string, string>>
}

function manifestAt(folder: string): Manifest | undefined {
  const file = join(folder, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Manifest) : undefined
}

let root: string | undefined

/** Folder of the package. */
export function packageRoot(): string {
  if (root !== undefined) return root
  let folder = dirname(fileURLToPath(import.meta.url))
  while (manifestAt(folder)?.name !== 'millrace') {
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`the command is not inside a millrace package: ${import.meta.url}`)
    folder = parent
  }
  return (root = realpathSync(folder))
}

/** Its version. */
export function packageVersion(): string {
  return manifestAt(packageRoot())?.version ?? 'unknown'
}

/**
 * The command of the copy of millrace that a file would import, when that is another copy than this: a command that is
 * installed globally steps back for the project's own. Two copies in one program would not know each other's classes.
 */
export function otherCopy(file: string): string | undefined {
  let manifestFile: string
  try {
    manifestFile = createRequire(file).resolve('millrace/package.json')
  } catch {
    return undefined
  }
  const folder = realpathSync(dirname(manifestFile))
  if (folder === packageRoot()) return undefined
  const bin = manifestAt(folder)?.bin?.['millrace']
  const main = bin === undefined ? undefined : join(folder, bin)
  return main !== undefined && existsSync(main) ? pathToFileURL(main).href : undefined
}
