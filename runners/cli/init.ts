/**
 * Makes a project of a template: the files of `templates/NAME/`, with the name of the project and the version of millrace
 * in its package.json.
 *
 * Law: nothing that is there is overwritten; either all files are made or none is left.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { nodeFiles } from '../direct/node.js'
import { UsageError } from './command-line.js'
import type { TemplateName } from './commands.js'
import { packageRoot, packageVersion } from '../author-module/package-root.js'

/** What npm would leave out of the package, or read as its own, by the name it has in a template. */
const RENAMED: ReadonlyMap<string, string> = new Map([['gitignore', '.gitignore']])

/** Writes a template's files. @returns their paths within the folder. @throws {UsageError} when one is there already. */
export function makeProject(folder: string, template: TemplateName): readonly string[] {
  checkFolder(folder)
  const source = join(packageRoot(), 'runners', 'cli', 'templates', template)
  const files = new Map(
    filesIn(source).map((path) => {
      const target = join(dirname(path), RENAMED.get(basename(path)) ?? basename(path))
      return [target, contentOf(join(source, path), folder)] as const
    }),
  )
  const inTheWay = [...files.keys()].filter((path) => existsSync(join(folder, path)))
  if (inTheWay.length > 0) {
    const place = relative(process.cwd(), folder) || 'this folder'
    throw new UsageError(
      'MR-7023',
      `${place} has ${inTheWay.join(', ')} already, and nothing was written. Choose another folder: millrace init DIR`,
      '',
    )
  }
  write(folder, files)
  return [...files.keys()]
}

function checkFolder(folder: string): void {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(at)) {
      if (statSync(at).isDirectory()) return
      throw new UsageError('MR-7023', `${at} is a file. Name a folder, new or empty.`, '')
    }
    if (dirname(at) === at) return
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

function contentOf(path: string, folder: string): string {
  const text = readFileSync(path, 'utf8')
  if (basename(path) !== 'package.json') return text
  const manifest = JSON.parse(text) as { name: string; dependencies: Record<string, string> }
  manifest.name = packageName(basename(folder))
  manifest.dependencies['millrace'] = `^${packageVersion()}`
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}

/** The name of a folder as npm takes it. */
function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._~-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '')
  return name === '' || name === 'millrace' ? 'pipelines' : name
}

function write(folder: string, files: ReadonlyMap<string, string>): void {
  const made: string[] = []
  try {
    for (const [path, content] of files) {
      const target = join(folder, path)
      nodeFiles.makeFolder(dirname(target))
      // Somebody may have been quicker than the look at what is there.
      writeFileSync(target, content, { flag: 'wx' })
      made.push(target)
    }
  } catch (error) {
    for (const path of made) rmSync(path, { force: true })
    throw new UsageError('MR-7023', `the project could not be written: ${(error as Error).message}`, '')
  }
}
