/**
 * How the bundler finds modules: files of the author go into the bundle, packages stay outside and are named by their
 * absolute place, found as Node would find them from the importing file. A package that is missing is thus reported at
 * the author's import, before anything runs.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Loader, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'

/** A place that stands in the bundle's text, and what to call it where places do not count. */
export interface Placed {
  readonly text: string
  readonly file: string
  readonly specifier?: string
}

/** Packages that go into the bundle, because it will be loaded where they are not. */
export interface Inlined {
  /** Packages that stay outside all the same: their native code must be installed where the bundle is loaded. */
  readonly native: readonly string[]
}

/** What stands in a bundle for a module that is looked for where the bundle is loaded: millrace's own, or a native package's. */
export const OWN_MODULE = 'millrace-own:'
export const NATIVE_MODULE = 'millrace-native:'

const META = 'millrace-meta'
const SEEN = Symbol('resolved by the bundler itself')

/** The plugin; fills `placed`, and `read` with the author's files. @param inlined given where packages go into the bundle. */
export function authorModules(placed: Placed[], read: Set<string>, inlined?: Inlined): Plugin {
  return {
    name: 'millrace',
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${META}:`) }, ({ path }) => ({
        path: path.slice(META.length + 1),
        namespace: META,
      }))
      build.onLoad({ filter: /.*/, namespace: META }, ({ path }) => metaModule(path, placed))
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, ({ path }) => {
        read.add(path)
        return authorFile(path)
      })
      // Names of packages; a relative or absolute path is a file of the author.
      build.onResolve({ filter: /^[^./]/ }, (args) => resolvePackage(build, args, placed, inlined))
      if (inlined !== undefined)
        build.onLoad({ filter: /\.node$/, namespace: 'file' }, ({ path }) => ({ errors: [{ text: nativeCode(path) }] }))
    },
  }
}

// ---- import.meta ---------------------------------------------------------------------------------------------------

/**
 * A file that says `import.meta` gets its own, by an import at its end: imports are hoisted, and no line or column moves.
 * `undefined` leaves the file to the bundler.
 */
async function authorFile(path: string): Promise<OnLoadResult | undefined> {
  const text = await readFile(path, 'utf8')
  if (text.includes('import.meta')) {
    return {
      contents: `${text}\nimport $millraceMeta from ${JSON.stringify(`${META}:${path}`)}`,
      loader: loaderOf(path),
    }
  }
  const isCommonJs = !/^\s*(import|export)\b/m.test(text)
  if (!isCommonJs || !/\b__(filename|dirname)\b/.test(text)) return undefined
  const names = `var __filename=${JSON.stringify(path)},__dirname=${JSON.stringify(dirname(path))};`
  return { contents: names + text.replace(/^#!/, '//'), loader: loaderOf(path) }
}

function loaderOf(path: string): Loader {
  if (/\.[cm]?ts$/.test(path)) return 'ts'
  if (path.endsWith('x')) return path.endsWith('.tsx') ? 'tsx' : 'jsx'
  return 'js'
}

function metaModule(path: string, placed: Placed[]): OnLoadResult {
  const url = pathToFileURL(path).href
  placed.push({ text: url, file: path }, { text: path, file: path }, { text: dirname(path), file: dirname(path) })
  const contents = `
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
const url = ${JSON.stringify(url)}
export default {
  url,
  filename: ${JSON.stringify(path)},
  dirname: ${JSON.stringify(dirname(path))},
  main: false,
  resolve(specifier) {
    if (/^(\\.{0,2}\\/|[a-z]+:)/.test(specifier)) return new URL(specifier, url).href
    const found = createRequire(url).resolve(specifier)
    return found.startsWith('/') || /^[A-Za-z]:/.test(found) ? pathToFileURL(found).href : found
  },
}`
  return { contents, loader: 'js' }
}

// ---- packages ------------------------------------------------------------------------------------------------------

/** @param inlined where packages go into the bundle: millrace and what is native stay outside. */
async function resolvePackage(
  build: PluginBuild,
  args: OnResolveArgs,
  placed: Placed[],
  inlined: Inlined | undefined,
): Promise<OnResolveResult | undefined> {
  const { path, kind, importer, resolveDir, namespace } = args
  if (kind === 'entry-point' || args.pluginData === SEEN) return undefined
  if (isBuiltin(path) || /^(data|https?):/.test(path)) return { path, external: true }
  if (path.startsWith('file:')) return { path: fileURLToPath(path) }
  if (path === 'millrace' || path.startsWith('millrace/'))
    return inlined === undefined
      ? external(ownModule(path), args, placed)
      : { path: `${OWN_MODULE}${path}`, external: true }
  if (inlined?.native.includes(nameOfPackage(path)) === true) return { path: `${NATIVE_MODULE}${path}`, external: true }
  const found = await build.resolve(path, { importer, kind, namespace, resolveDir, pluginData: SEEN })
  if (found.errors.length > 0 || found.path === '') return { errors: [{ text: missing(path) }] }
  if (found.external) return { path: found.path, external: true }
  if (inlined !== undefined || isAuthors(found.path, args)) return { path: found.path, namespace: found.namespace }
  return external(found.path, args, placed)
}

function nativeCode(path: string): string {
  const [, name = path] = /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/](?!.*node_modules)/.exec(path) ?? []
  return `package "${name}" has native code, which cannot be sent to workers. Install it where workers run, and name it in nativePackages.`
}

function nameOfPackage(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** A module of the copy of millrace that this command belongs to. */
function ownModule(specifier: string): string | { readonly error: string } {
  try {
    return fileURLToPath(import.meta.resolve(specifier))
  } catch {
    return { error: `millrace has no module "${specifier}".` }
  }
}

function external(
  found: string | { readonly error: string },
  { path, kind }: OnResolveArgs,
  placed: Placed[],
): OnResolveResult {
  if (typeof found !== 'string') return { errors: [{ text: found.error }] }
  const isRequired = kind === 'require-call' || kind === 'require-resolve'
  const place = isRequired ? found : pathToFileURL(found).href
  placed.push({ text: place, file: found, specifier: path })
  return { path: place, external: true }
}

/**
 * A name that leads to the author's own files: an alias of tsconfig, an entry of `imports`, or a package of the same
 * workspace that is still TypeScript, which Node could not load.
 */
function isAuthors(found: string, { path, resolveDir }: OnResolveArgs): boolean {
  if (/[\\/]node_modules[\\/]/.test(found)) return false
  return path.startsWith('#') || /\.([cm]?ts|[jt]sx)$/.test(found) || !isInstalled(path, resolveDir)
}

function isInstalled(specifier: string, from: string): boolean {
  const name = nameOfPackage(specifier)
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', name))) return true
    if (dirname(folder) === folder) return false
  }
}

function missing(specifier: string): string {
  if (specifier.startsWith('#')) return `there is no "${specifier}" under "imports" of package.json.`
  const name = nameOfPackage(specifier)
  return `cannot find package "${specifier}". Install it: npm install ${name}`
}
