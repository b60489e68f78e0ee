/**
 * Makes one JavaScript text of an author's module: their own files together, packages left where they are. The text is
 * never written to disk. It is loaded from memory, so nothing is left behind however the command ends; for that every
 * import in it is absolute, and `import.meta` of each file still means that file.
 *
 * Law: the same files give the same hash, wherever they lie; there is one copy of millrace in a program.
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { basename, dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BuildFailure, Message, OutputFile } from 'esbuild'
import type { ErrorCode } from '../../sdk/error-codes.js'
import { authorModules, type Inlined, type Placed } from './author-modules.js'
import { packageVersion } from './package-root.js'
import type { ModuleText } from './module-text.js'

/** The module cannot be made: what is wrong, and where. */
export class BundleError extends Error {
  override readonly name = 'BundleError'
  readonly code: ErrorCode
  /** The author's files that were read before it went wrong. */
  readonly files: readonly string[]

  constructor(code: ErrorCode, message: string, files: readonly string[]) {
    super(message)
    this.code = code
    this.files = files
  }
}

/**
 * The author's module, by its absolute path, as one text.
 *
 * @param inlined given where packages go into the bundle, too, because it will be loaded on another machine.
 * @throws {BundleError} naming file, line and column.
 */
export async function bundle(entry: string, inlined?: Inlined): Promise<ModuleText> {
  // Required, not imported: to import CommonJS, Node reads all of it once more for the names it exports.
  const esbuild = createRequire(import.meta.url)('esbuild') as typeof import('esbuild')
  const folder = dirname(entry)
  const placed: Placed[] = []
  const read = new Set([entry])
  try {
    const { outputFiles, metafile } = await esbuild.build({
      entryPoints: [entry],
      absWorkingDir: folder,
      outfile: resolve(folder, 'millrace-bundle.mjs'),
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      // What Node itself would choose in a package.
      conditions: [],
      mainFields: ['main'],
      define: { 'import.meta': '$millraceMeta' },
      sourcemap: 'external',
      sourcesContent: true,
      legalComments: 'none',
      charset: 'utf8',
      logLevel: 'silent',
      plugins: [authorModules(placed, read, inlined)],
    })
    // A path with a colon is one of the bundler's own modules.
    for (const path of Object.keys(metafile.inputs)) if (!path.includes(':')) read.add(resolve(folder, path))
    return { ...moduleText(entry, outputFiles, placed), files: [...read] }
  } catch (error) {
    throw failureOf(error, folder, [...read])
  } finally {
    // The bundler is a child process; it has nothing more to do.
    await esbuild.stop()
  }
}

function moduleText(
  entry: string,
  outputs: readonly OutputFile[],
  placed: readonly Placed[],
): Omit<ModuleText, 'files'> {
  const textOf = (isMap: boolean): string => outputs.find(({ path }) => path.endsWith('.map') === isMap)?.text ?? ''
  const code = withRequire(textOf(false), entry)
  return {
    code,
    sourceUrl: `millrace:${encodeURIComponent(basename(entry))}`,
    map: textOf(true),
    folder: dirname(entry),
    file: entry,
    hash: moduleHash(code, entry, placed),
  }
}

/** An author's CommonJS file asks for packages with `require`, which a module does not have. Line numbers stay. */
function withRequire(code: string, entry: string): string {
  const text = code.replace(/^#!/, '//')
  if (!text.includes('var __require = ')) return text
  const url = JSON.stringify(pathToFileURL(entry).href)
  return `import{createRequire as $millraceRequire}from"node:module";const require=$millraceRequire(${url});${text}`
}

/** sha-256 of the code and the version of millrace. Where the files lie does not count. */
function moduleHash(code: string, entry: string, placed: readonly Placed[]): string {
  const folder = dirname(entry)
  const labels = [
    { text: pathToFileURL(entry).href, label: 'millrace:entry' },
    ...placed.map(({ text, file, specifier }) => ({ text, label: specifier ?? `./${relative(folder, file)}` })),
  ]
  // Longest first: a folder's path is the beginning of its files' paths.
  labels.sort((a, b) => b.text.length - a.text.length)
  const portable = labels.reduce((text, { text: place, label }) => text.replaceAll(place, label), code)
  return createHash('sha256').update(packageVersion()).update('\0').update(portable).digest('hex')
}

function failureOf(error: unknown, folder: string, files: readonly string[]): BundleError {
  if (typeof error !== 'object' || error === null || !Array.isArray((error as Partial<BuildFailure>).errors)) {
    return new BundleError(
      'MR-7010',
      `the bundler could not be started: ${messageOf(error)}\n  Install millrace's dependencies again, optional ones included: esbuild comes as a package for each platform.`,
      files,
    )
  }
  const { errors } = error as BuildFailure
  const shown = errors.slice(0, 5).map((message) => problem(message, folder))
  const more = errors.length - shown.length
  const text = more > 0 ? `${shown.join('\n')}\n… and ${more} more` : shown.join('\n')
  return new BundleError('MR-7009', text, files)
}

/** `file:line:column: text`, the line itself, and a mark below the place. */
function problem({ text, location, notes }: Message, folder: string): string {
  const remarks = notes.map((note) => `  ${note.text}`)
  if (location === null) return [text, ...remarks].join('\n')
  const { file, line, column, lineText, length } = location
  const place = `${resolve(folder, file)}:${line}:${column + 1}`
  const mark = `${' '.repeat(column)}${'^'.repeat(Math.max(1, Math.min(length, lineText.length - column)))}`
  return [`${place}: ${text}`, `    ${lineText}`, `    ${mark}`, ...remarks].join('\n')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
