/**
 * What the packed package may contain, judged by its list of files.
 */
import type { Manifest } from '../repo/package-rules.js'

/** A file that npm packed. */
export interface PackedFile {
  readonly path: string
  readonly size: number
}

/** What `npm pack --json` says. */
export interface Packed {
  readonly filename: string
  /** Bytes, packed. */
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly PackedFile[]
}

const NEVER: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a test', /\.test\./],
  ['a fixture', /(^|\/)(fixtures?|testdata|__\w+__)\//],
  ['a record of a build', /\.tsbuildinfo$|(^|\/)\.build\//],
  // The suite and what Beam Java answers are for readers' runners; how the project proves itself is not.
  ['conformance beyond the suite', /^(dist\/)?conformance\/(?!(cases|harness|oracle)\/.*\.(js|ts|map)$)/],
  ['an example', /^(dist\/)?examples\//],
  ['a configuration', /(^|\/)(tsconfig[^/]*\.json|typedoc\.json|\.[^/]+)$/],
  // `millrace explain` shows the pages of errors.
  ['documentation beyond the README and the pages of errors', /^docs\/(?!errors\/(MR-\d{4}|README)\.md$)/],
]

/** Files that `millrace init` copies. */
const TEMPLATE = /^runners\/cli\/templates\/\w+\/(?!.*node_modules)/
/** One file of each template must be there for it to be of use. */
const TEMPLATES = ['wordcount', 'clicks', 'test'].flatMap((name) =>
  ['package.json', 'tsconfig.json', 'gitignore', 'README.md'].map((file) => `runners/cli/templates/${name}/${file}`),
)

/** What is packed and should not be, or should be and is not. */
export function faultsOfTarball(
  files: readonly string[],
  manifest: Manifest & { readonly bin: Readonly<Record<string, string>> },
): readonly string[] {
  const packed = new Set(files)
  const unwanted = files.flatMap((path) => {
    // A template is a whole project: its tests and configuration are what it is for.
    if (TEMPLATE.test(path)) return []
    const never = NEVER.find(([, pattern]) => pattern.test(path))
    return never === undefined ? [] : [`${path} is ${never[0]}`]
  })
  const wanted = [
    'package.json',
    'README.md',
    'LICENSE',
    'docs/errors/README.md',
    'docs/errors/MR-1005.md',
    ...TEMPLATES,
    'runners/cli/templates/test/tests/orders.test.ts',
    ...Object.values(manifest.bin),
    ...Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : Object.values(target))),
  ]
  const missing = wanted
    .map((path) => path.replace(/^\.\//, ''))
    .filter((path) => !packed.has(path))
    .map((path) => `${path} is missing`)
  // Declaration maps lead an editor to the source.
  const orphans = files
    .filter((path) => /^dist\/.*(?<!\.d)\.(js|ts)$/.test(path) || path.endsWith('.d.ts'))
    .map((path) => path.replace(/^dist\//, '').replace(/(\.d\.ts|\.js)$/, '.ts'))
    .filter((source) => !packed.has(source))
    .map((source) => `${source} is missing, and is what a file of dist was made of`)
  return [...unwanted, ...missing, ...new Set(orphans)]
}
