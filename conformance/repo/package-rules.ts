/**
 * What the package promises in its own files: the same subpaths everywhere, exact versions, a lockfile without
 * addresses, and nothing that runs when it is installed.
 */
import type { TextFile, Violation } from './source-tree.js'

/** What of package.json is judged. */
export interface Manifest {
  readonly name: string
  readonly engines?: { readonly node?: string }
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly allowScripts?: Readonly<Record<string, boolean>>
}

/** What of package-lock.json is judged. */
export interface Lockfile {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly hasInstallScript?: boolean; readonly version?: string }>
  >
}

/** Where the names of the package's subpaths must also be known. */
export interface Surfaces {
  /** typedoc's entry points, from the root. */
  readonly documented: readonly string[]
  /** The source that a name stands for in tests. */
  readonly aliasOf: (name: string) => string | undefined
  /** The source that a name stands for where tests are type-checked. */
  readonly pathOf: (name: string) => string | undefined
  readonly exists: (path: string) => boolean
}

/** Names by which the package is imported. */
export function publicNames({ name, exports }: Pick<Manifest, 'name' | 'exports'>): readonly string[] {
  return Object.keys(exports).map((subpath) => name + subpath.slice(1))
}

/** Every subpath has a source, a page of documentation, and the same source in tests. */
export function exportSurfaces(manifest: Manifest, surfaces: Surfaces): readonly Violation[] {
  return Object.entries(manifest.exports).flatMap(([subpath, target]): readonly Violation[] => {
    if (typeof target === 'string') return []
    const name = manifest.name + subpath.slice(1)
    const source = target.default.replace('./dist/', '').replace(/\.js$/, '.ts')
    const complain = (path: string, message: string): Violation => ({ path, message: `"${name}" ${message}` })
    const violations: Violation[] = []
    if (!surfaces.exists(source))
      violations.push(complain('package.json', `is exported, and ${source} does not exist.`))
    if (target.types !== target.default.replace(/\.js$/, '.d.ts')) {
      violations.push(complain('package.json', `has types of another module: ${target.types}.`))
    }
    if (!surfaces.documented.includes(source)) {
      violations.push(complain('docs/typedoc.json', `is not documented: add ${source} to entryPoints.`))
    }
    if (surfaces.aliasOf(name) !== source) {
      violations.push(
        complain('vitest.config.ts', `is ${surfaces.aliasOf(name) ?? 'nothing'} in tests, and not ${source}.`),
      )
    }
    if (surfaces.pathOf(name) !== source) {
      violations.push(
        complain('tsconfig.tests.json', `is ${surfaces.pathOf(name) ?? 'nothing'} under "paths", and not ${source}.`),
      )
    }
    return violations
  })
}

/**
 * Versions that were chosen, each for a reason: the newest of several packages does not run on the oldest Node.js that
 * is supported, or has no compiler API. A package that is not used yet is listed so that it is right when it comes.
 */
export const CHOSEN_VERSIONS: Readonly<Record<string, string>> = {
  'better-sqlite3': '12.9.0',
  effect: '4.1.0',
  'fp-ts': '2.16.11',
  'io-ts': '2.2.22',
  kafkajs: '2.2.4',
  typedoc: '0.28.20',
  typescript: '6.0.3',
  vitest: '4.1.12',
}

/** Versions are exact, and the chosen ones where a choice was made. */
export function pinnedVersions(manifest: Manifest): readonly Violation[] {
  const complain = (message: string): Violation => ({ path: 'package.json', message })
  const wanted = '>=20.19'
  const engines = manifest.engines?.node === wanted ? [] : [complain(`engines.node must be ${wanted}.`)]
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).flatMap(
    ([name, version]) => {
      const chosen = CHOSEN_VERSIONS[name]
      if (chosen !== undefined && version !== chosen) return [complain(`${name} must be ${chosen}, and is ${version}.`)]
      return /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)
        ? []
        : [complain(`${name} must be an exact version: ${version}.`)]
    },
  )
  return [...engines, ...versions]
}

/** Packages that are compiled or fetched when they are installed, and that only those install who want what they do. */
const NATIVE: ReadonlySet<string> = new Set(['better-sqlite3'])

/** Installing runs no script but those of native packages, and leaves no address of a registry behind. */
export function quietInstall(manifest: Manifest, lockfile: Lockfile, npmrc: string): readonly Violation[] {
  const ours = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']
    .filter((script) => script in manifest.scripts)
    .map((script): Violation => ({ path: 'package.json', message: `has a script "${script}", which runs on install.` }))
  const theirs = Object.entries(lockfile.packages).flatMap(([path, entry]): readonly Violation[] => {
    const violations: Violation[] = []
    if (entry.resolved !== undefined) {
      violations.push({
        path: 'package-lock.json',
        message: `records where ${path} came from. Run npm install with the project's .npmrc.`,
      })
    }
    const name = path.replace(/^.*node_modules\//, '')
    // By name alone: with the addresses left out, npm matches no key that has a version.
    const isNative = NATIVE.has(name)
    if (entry.hasInstallScript === true && manifest.allowScripts?.[name] !== isNative) {
      violations.push({
        path: 'package.json',
        message: `must say "${name}": ${isNative} under allowScripts, or not depend on it.`,
      })
    }
    return violations
  })
  const setting = 'omit-lockfile-registry-resolved=true'
  const settings = npmrc.split('\n').includes(setting) ? [] : [{ path: '.npmrc', message: `must say ${setting}.` }]
  return [...ours, ...theirs, ...settings]
}

/** Put together from pieces, so that this file does not mention what it looks for. */
const MENTIONS: readonly (readonly [what: string, pattern: RegExp])[] = [
  [
    'a host of a package registry',
    new RegExp(
      [
        ['registry', 'npmjs', 'org'],
        ['registry', 'yarnpkg', 'com'],
        ['proxy', 'golang', 'org'],
        ['files', 'pythonhosted', 'org'],
        ['index', 'crates', 'io'],
        ['static', 'crates', 'io'],
        ['repo1?', 'maven', '(apache\\.)?org'],
        ['deb', 'debian', 'org'],
      ]
        .map((labels) => labels.join('\\.'))
        .join('|'),
    ),
  ],
  ['a path of one machine', new RegExp(`(^|[^\\w.])/(${['work', 'root', 'home'].join('|')})/`)],
  ['a folder beside the repository', new RegExp(`\\.\\./${'shared'}\\b`)],
  ['an e-mail address', /[\w.+-]+@(?!example\.)[\w-]+(\.[\w-]+)*\.(com|org|net|io|dev|de|eu|edu|gov|me|app|co)\b/],
]

/** Nothing of where or by whom the project is made. */
export function mentions(files: readonly TextFile[]): readonly Violation[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) =>
      MENTIONS.filter(([, pattern]) => pattern.test(line)).map(([what, pattern]): Violation => ({
        path,
        line: at + 1,
        message: `mentions ${what}: "${pattern.exec(line)?.[0].trim() ?? ''}".`,
      })),
    ),
  )
}
