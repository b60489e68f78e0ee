/**
 * Looks whether everything is here that millrace needs, or could use.
 *
 * Law: what is said to work was tried; what is only optional is never called broken.
 */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packageFolder } from './find-config.js'
import { outputOn } from './output.js'
import { packageRoot, packageVersion } from '../author-module/package-root.js'

/** How something is: working, not there and not needed, worth knowing, or in the way of everything. */
export type FindingState = 'fine' | 'missing' | 'note' | 'broken'

/** What was found of one thing. */
export interface Finding {
  readonly name: string
  readonly state: FindingState
  readonly text: string
  /** What to do about it: a command, or a sentence. */
  readonly fix?: string
}

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly type?: string
  readonly main?: string
  readonly engines?: { readonly node?: string }
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly allowScripts?: Readonly<Record<string, boolean>>
}

/** What the optional packages are for. */
export const PEER_USES: ReadonlyMap<string, string> = new Map([
  ['@bufbuild/protobuf', 'the messages of engines such as Flink'],
  ['@grpc/grpc-js', 'calls to engines such as Flink'],
  ['@opentelemetry/api', 'traces and metrics by OpenTelemetry'],
  ['better-sqlite3', 'checkpoints, tables and logs in SQLite files'],
  ['hyparquet', 'reading Parquet files'],
  ['hyparquet-compressors', 'reading compressed Parquet files'],
  ['hyparquet-writer', 'writing Parquet files'],
  ['pino', 'logs by pino'],
  ['vitest', 'the matchers of millrace/testing/vitest'],
])

/** With less room than this, sinks and bundlers fail in ways that are hard to read. */
const DISK_BYTES_LEAST = 100 * 1024 * 1024

const BUNDLER_FIX = 'npm install --include=optional (esbuild comes as a package for each platform)'

/** Looks at everything, for a project in a folder. */
export async function examine(folder: string): Promise<readonly Finding[]> {
  const project = packageFolder(folder)
  const own = manifestIn(packageRoot()) ?? {}
  return [
    nodeFinding(process.versions.node, own.engines?.node ?? '>=0'),
    millraceFinding(folder),
    await bundlerFinding(),
    typescriptFinding(folder),
    ...peerFindings(folder, own),
    ...projectFindings(project),
    ...temporaryFindings(),
    terminalFinding(),
  ]
}

/** Whether this version of Node.js is in the range that the package asks for. */
export function nodeFinding(version: string, wanted: string): Finding {
  if (isInRange(version, wanted)) return { name: 'Node.js', state: 'fine', text: version }
  return {
    name: 'Node.js',
    state: 'broken',
    text: `${version}, and millrace needs ${wanted}`,
    fix: 'Install a newer Node.js, or choose it with your version manager.',
  }
}

function millraceFinding(folder: string): Finding {
  const text = `${packageVersion()} in ${packageRoot()}`
  const installed = packageJsonOf('millrace', folder)
  if (installed === undefined || realpathSync(dirname(installed)) === packageRoot())
    return { name: 'millrace', state: 'fine', text }
  const other = manifestIn(dirname(installed))?.version ?? 'another version'
  return {
    name: 'millrace',
    state: 'note',
    text: `${text}; this project has ${other}, and files in it are run by that one`,
  }
}

/** Bundles something: the bundler is a program of its own, which may be missing where its package is there. */
async function bundlerFinding(): Promise<Finding> {
  const name = 'bundler (esbuild)'
  let esbuild: typeof import('esbuild') | undefined
  try {
    esbuild = createRequire(import.meta.url)('esbuild') as typeof import('esbuild')
    const { code } = await esbuild.transform('export const n: number = 1', { loader: 'ts' })
    if (code.includes('n = 1'))
      return { name, state: 'fine', text: `${esbuild.version}, works; its install script is not needed` }
    return { name, state: 'broken', text: `makes of TypeScript: ${code}`, fix: BUNDLER_FIX }
  } catch (error) {
    return {
      name,
      state: 'broken',
      text: `does not work: ${(error as Error).message.split('\n')[0] ?? ''}`,
      fix: BUNDLER_FIX,
    }
  } finally {
    await esbuild?.stop()
  }
}

function typescriptFinding(folder: string): Finding {
  const name = 'typescript'
  const path = packageJsonOf('typescript', folder)
  const use = 'type checks, --check'
  if (path === undefined)
    return {
      name,
      state: 'missing',
      text: `not installed (${use}; pipelines run without)`,
      fix: 'npm install --save-dev typescript',
    }
  return { name, state: 'fine', text: `${manifestIn(dirname(path))?.version ?? 'a version'} (${use})` }
}

/** The optional packages: found from the project, as a connector that is used there would find them. */
export function peerFindings(folder: string, own: Manifest): readonly Finding[] {
  return Object.entries(own.peerDependencies ?? {}).map(([name, range]): Finding => {
    const use = PEER_USES.get(name) ?? 'an optional part'
    const path = packageJsonOf(name, folder) ?? packageJsonOf(name, packageRoot())
    const version = path === undefined ? undefined : manifestIn(dirname(path))?.version
    const exact = JSON.stringify(`${name}@${range}`)
    const flag = name === 'vitest' ? '--save-dev ' : ''
    if (version === undefined)
      return { name, state: 'missing', text: `not installed (${use})`, fix: `npm install ${flag}${exact}` }
    if (isInRange(version, range)) return { name, state: 'fine', text: `${version} (${use})` }
    return {
      name,
      state: 'note',
      text: `${version}, and ${use} needs ${range}`,
      fix: `npm install ${flag}${exact}`,
    }
  })
}

function projectFindings(project: string | undefined): readonly Finding[] {
  if (project === undefined)
    return [{ name: 'project', state: 'note', text: 'no package.json here or above', fix: 'millrace init' }]
  const manifest = manifestIn(project)
  const name = 'package.json'
  if (manifest === undefined)
    return [{ name, state: 'broken', text: `${join(project, 'package.json')} is no JSON`, fix: 'Mend it by hand.' }]
  const findings: Finding[] = [
    manifest.type === 'module'
      ? { name, state: 'fine', text: 'says "type": "module"' }
      : {
          name,
          state: 'note',
          text: 'does not say "type": "module"; millrace run works all the same, node itself reads .js and .ts as CommonJS',
          fix: 'npm pkg set type=module',
        },
  ]
  const blocked = Object.entries(manifest.allowScripts ?? {}).filter(([, allowed]) => !allowed)
  findings.push({
    name: 'install scripts',
    state: 'fine',
    text: `millrace needs none${blocked.length === 0 ? '' : `; blocked here: ${blocked.map(([blockedName]) => blockedName).join(', ')}`}`,
  })
  return findings
}

function temporaryFindings(): readonly Finding[] {
  const folder = tmpdir()
  const name = 'temporary files'
  try {
    const made = mkdtempSync(join(folder, 'millrace-doctor-'))
    writeFileSync(join(made, 'probe'), 'probe')
    rmSync(made, { recursive: true })
    const { bavail, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const text = `${folder}, ${sizeText(free)} free`
    if (free >= DISK_BYTES_LEAST) return [{ name, state: 'fine', text }]
    return [{ name, state: 'broken', text, fix: 'Make room, or set TMPDIR to another folder.' }]
  } catch (error) {
    return [
      {
        name,
        state: 'broken',
        text: `${folder} cannot be written: ${(error as Error).message}`,
        fix: 'Set TMPDIR to a folder that can be written.',
      },
    ]
  }
}

function terminalFinding(): Finding {
  const { isTerminal, hasColour, size } = outputOn(process.stderr)
  const { columns, rows } = size()
  const text = isTerminal
    ? `${columns} × ${rows}, ${hasColour ? 'colours' : 'no colours'}: progress is redrawn in place`
    : 'none on stderr: progress is one line a second'
  return { name: 'terminal', state: 'fine', text }
}

function sizeText(bytes: number): string {
  const giga = bytes / 1024 ** 3
  return giga >= 1 ? `${giga.toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`
}

/** Path of a package's package.json, as a module in the folder would find the package. Some packages do not export it. */
function packageJsonOf(name: string, folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'node_modules', name, 'package.json')
    if (existsSync(path)) return path
    // A project finds itself by its name, as Node does.
    const self = join(at, 'package.json')
    if (name === 'millrace' && existsSync(self) && manifestIn(at)?.name === name) return self
    if (dirname(at) === at) return undefined
  }
}

function manifestIn(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  } catch {
    return undefined
  }
}

/** Whether a version fulfils comparators that stand beside each other: `>=1.9 <2`. */
export function isInRange(version: string, range: string): boolean {
  const numbers = (text: string): readonly number[] => text.split('-')[0]?.split('.').map(Number) ?? []
  const order = (a: readonly number[], b: readonly number[]): number => {
    for (let i = 0; i < 3; i++) {
      const difference = (a[i] ?? 0) - (b[i] ?? 0)
      if (difference !== 0) return difference
    }
    return 0
  }
  const own = numbers(version)
  return range
    .trim()
    .split(/\s+/)
    .every((comparator) => {
      const [, sign = '', text = ''] = /^(>=|<=|>|<|=)?(.*)$/.exec(comparator) ?? []
      const difference = order(own, numbers(text))
      if (sign === '>=') return difference >= 0
      if (sign === '>') return difference > 0
      if (sign === '<=') return difference <= 0
      return sign === '<' ? difference < 0 : difference === 0
    })
}
