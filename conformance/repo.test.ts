/**
 * The rules of the house, checked on every file. Each rule is also shown a violation made up in memory, so that a rule
 * that no longer catches anything fails here.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import vitestConfig from '../vitest.config.js'
import { STORE_CRASH_POINTS } from '../runners/micro-batch/store/crash-points.js'
import { AIMED_POINTS } from './proof/kill/kill-case.js'
import { REACHED_POINTS } from './proof/sim/crash-points.js'
import { unaimedCrashPoints } from './repo/crash-points.js'
import { importCycles } from './repo/cycles.js'
import { errorCodes } from '../sdk/error-codes.js'
import { uncodedErrors, unusedCodes } from './repo/error-codes.js'
import { platformUses, topLevelAwaits, unchecked } from './repo/forbidden.js'
import { forbiddenImports } from './repo/import-table.js'
import { moduleOf, modulesOf } from './repo/module.js'
import {
  CHOSEN_VERSIONS,
  exportSurfaces,
  type Lockfile,
  type Manifest,
  mentions,
  pinnedVersions,
  publicNames,
  quietInstall,
  type Surfaces,
} from './repo/package-rules.js'
import { chainingMethods, FILE_LINES_MAX, FILE_LINES_USUAL, longFiles, untestedExamples } from './repo/shape.js'
import { describeViolation, readTree, type Violation } from './repo/source-tree.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const json = <T>(path: string): T => JSON.parse(read(path)) as T

const files = readTree(root)
const modules = modulesOf(files)
const manifest = json<Manifest>('package.json')
const lockfile = json<Lockfile>('package-lock.json')
const exported = publicNames(manifest)

const noneOf = (violations: readonly Violation[]): void => {
  expect(violations.map(describeViolation)).toEqual([])
}
const made = (path: string, text: string) => moduleOf({ path, text })
/** The violations of one made-up file, as text. */
const caught = (violations: readonly Violation[]): string => violations.map(describeViolation).join('\n')

describe('imports', () => {
  it('follow the table', () => noneOf(forbiddenImports(modules, exported)))
  it('make no cycle', () => noneOf(importCycles(modules)))

  it.each([
    ['sdk/kv.ts', "import { run } from '../runners/run.js'"],
    ['sdk/kv.ts', "import type { Runner } from '../runners/runner.js'"],
    ['sdk/kv.ts', "import * as Duration from 'effect/Duration'"],
    ['sdk/time.ts', "import * as Effect from 'effect/Effect'"],
    ['sdk/kv.ts', "import { pipe } from 'fp-ts/function'"],
    ['sdk/codec.ts', "import { StandardSchemaV1 } from '@standard-schema/spec'"],
    ['sdk/kv.ts', "export * from 'lodash'"],
    ['sdk/kv.ts', "const fs = await import('node:fs')"],
    ['sdk/kv.ts', "type Stats = import('node:fs').Stats"],
    ['runners/core/stage.ts', "import { directRunner } from '../direct/direct-runner.js'"],
    ['runners/core/stage.ts', "import * as Effect from 'effect/Effect'"],
    ['runners/direct/direct-runner.ts', "import { nodeFiles } from './node.js'"],
    ['runners/direct/direct-runner.ts', "import { run } from '../run.js'"],
    ['runners/micro-batch/driver.ts', "import { nodeEnv } from './node.js'"],
    ['runners/micro-batch/driver.ts', "import { sqliteStore } from './store/sqlite-store.js'"],
    ['runners/micro-batch/store/memory-store.ts', "import Database from 'better-sqlite3'"],
    ['runners/platform/browser.ts', "import { nodeEnv } from '../direct/node.js'"],
    ['runners/run.ts', "import { main } from './cli/main.js'"],
    ['runners/run-effect.ts', "import { Effect } from 'effect'"],
    ['io/text/read.ts', "import { systemEnv } from '../../runners/core/system-env.js'"],
    ['io/text/read.ts', "import { readFileSync } from 'node:fs'"],
    ['conformance/cases/panes.ts', "import { directRunner } from '../../runners/direct/direct-runner.js'"],
    ['conformance/bench/main.ts', "import { main } from '../../runners/cli/main.js'"],
    ['conformance/panes.test.ts', "import { main } from '../runners/cli/main.js'"],
    ['conformance/panes.test.ts', "import { run } from 'millrace/internal'"],
    ['examples/word-count.ts', "import { pipeline } from '../sdk/pipeline.js'"],
    ['examples/word-count.ts', "import { readFileSync } from 'fs'"],
    ['runners/elsewhere/new.ts', "import { pipeline } from '../../sdk/pipeline.js'"],
  ])('the table refuses, in %s: %s', (path, text) => {
    expect(caught(forbiddenImports([made(path, text)], exported))).toContain(`${path}:1`)
  })

  it('the table allows what its rows name', () => {
    noneOf(
      forbiddenImports(
        [
          made('sdk/time.ts', "import * as Duration from 'effect/Duration'"),
          made('sdk/codec.ts', "import type { StandardSchemaV1 } from '@standard-schema/spec'"),
          made('sdk/x.ts', "import { monoid } from 'fp-ts'\nimport { Ord } from 'fp-ts/lib/Ord.js'"),
          made('runners/core/x.ts', "import type { Runner } from '../runner.js'"),
          made('io/text/gzip.ts', "import { createGunzip } from 'node:zlib'"),
          made('examples/x.ts', "import * as t from 'io-ts'\nimport { run } from 'millrace'"),
        ],
        exported,
      ),
    )
  })

  it('a cycle is found, and one of types is none', () => {
    const cycle = [
      made('sdk/a.ts', "import { b } from './b.js'"),
      made('sdk/b.ts', "export { c } from './c.js'"),
      made('sdk/c.ts', "import { type A } from './a.js'"),
    ]
    expect(caught(importCycles(cycle, []))).toContain('sdk/a.ts → sdk/b.ts → sdk/c.ts → sdk/a.ts')
    noneOf(
      importCycles(
        [made('sdk/a.ts', "import type { B } from './b.js'"), made('sdk/b.ts', "import { a } from './a.js'")],
        [],
      ),
    )
    expect(caught(importCycles([], ['sdk/a.ts → sdk/b.ts → sdk/a.ts']))).toContain('no longer imports itself')
  })
})

describe('the engine', () => {
  it('asks the Env for time, chance, timers and files', () => noneOf(platformUses(modules)))
  it('does not await while it loads', () => noneOf(topLevelAwaits(modules)))

  it.each([
    'const t = Date.now()',
    'const t = globalThis.Date.now()',
    "const t = Date['now']()",
    'const t = new Date()',
    'const t = new Date',
    'const t = Date()',
    'const clock = performance.now',
    'const t = performance.timeOrigin',
    'const r = Math.random()',
    'const { random } = Math; Math.random.call(null)',
    'const id = crypto.randomUUID()',
    'setTimeout(() => undefined, 1)',
    'globalThis.setInterval(() => undefined, 1)',
    'const later = setImmediate',
    'queueMicrotask(() => undefined)',
    'const timers = { setTimeout }',
    "import { readFileSync } from 'node:fs'",
    "import { connect } from 'node:net'",
    "import { request } from 'node:http'",
    "import { Worker } from 'node:worker_threads'",
    "import { spawn } from 'node:child_process'",
    'const home = process.env.HOME',
    'process.exit(1)',
  ])('may not say: %s', (text) => {
    for (const path of ['sdk/x.ts', 'runners/core/x.ts', 'runners/x.ts', 'io/text/x.ts']) {
      expect(caught(platformUses([made(path, text)]))).toContain(`${path}:1`)
    }
    noneOf(
      platformUses([
        made('runners/core/system-env.ts', text),
        made('runners/cli/x.ts', text),
        made('sdk/x.test.ts', text),
      ]),
    )
  })

  it.each([
    'const day = new Date(timestamp)',
    'const time = Date.parse(text)',
    'const { process } = doFn; process.call(undefined)',
    'const out = fn.process(element)',
    'const timer = { setTimeout: 1 }.setTimeout',
    '// Date.now() and setTimeout() are for the Env',
    "const text = 'Math.random()'",
    'interface Clock { performance: number; setTimeout(): void }',
  ])('may say: %s', (text) => noneOf(platformUses([made('sdk/x.ts', text)])))

  it.each(['await fetch(url)', 'for await (const x of y) x()', 'if (a) { await b }', 'export const x = await y'])(
    'may not await at the top level: %s',
    (text) => expect(caught(topLevelAwaits([made('runners/x.ts', text)]))).toContain('runners/x.ts:1'),
  )

  it('may await inside functions', () =>
    noneOf(topLevelAwaits([made('sdk/x.ts', 'const f = async () => { for await (const x of y) await x }')])))
})

describe('the compiler', () => {
  it('is never switched off', () => noneOf(unchecked(modules)))

  it.each([
    ['sdk/x.ts', `// @${'ts-ignore'}\nfoo()`],
    ['sdk/x.test.ts', `/* @${'ts-nocheck'} */`],
    ['sdk/x.ts', 'const x: any = 1'],
    ['conformance/x.ts', 'const x = y as any'],
    ['examples/x.ts', 'const x: Map<string, any[]> = y'],
  ])('is told nothing false, in %s: %s', (path, text) => {
    expect(caught(unchecked([made(path, text)]))).toContain(`${path}:1`)
  })

  it('may be told that an error is expected, and the word any may be said', () =>
    noneOf(unchecked([made('sdk/x.ts', '// @ts-expect-error: any number is refused\nfoo(1)')])))
})

describe('errors', () => {
  it('have a code wherever a user can meet them', () => noneOf(uncodedErrors(modules)))
  it('use each code of the catalogue, and no other', () => noneOf(unusedCodes(modules, Object.keys(errorCodes))))

  it.each([
    "throw new Error('x')",
    "return Error('x')",
    'const cause = new RangeError(text)',
    "class Bad extends Error { override readonly name = 'Bad' }",
  ])('are caught without one: %s', (text) => {
    expect(caught(uncodedErrors([made('io/text/x.ts', text)]))).toContain('io/text/x.ts:1')
    noneOf(uncodedErrors([made('io/text/x.test.ts', text), made('conformance/x.ts', text)]))
  })

  it('may be made with one', () =>
    noneOf(
      uncodedErrors([
        made('sdk/x.ts', "throw coded('MR-2002', new RangeError('x'))"),
        made('sdk/y.ts', 'class Bad extends Error { readonly code: ErrorCode }'),
      ]),
    ))

  it('a code is caught that nothing uses, or that nobody lists', () => {
    const found = caught(unusedCodes([made('sdk/x.ts', "refuse('MR-1001', '')")], ['MR-1002']))
    expect(found).toContain('has MR-1002, which nothing uses')
    expect(found).toContain('has no MR-1001, which something uses')
  })
})

describe('sizes', () => {
  it('PCollection has few chaining methods, and each takes the name first', () => noneOf(chainingMethods(modules)))
  it('files are short, and the long ones shrink', () => noneOf(longFiles(files)))
  it('every example has a test', () => noneOf(untestedExamples(files)))

  const pcollection = (members: string) => [made('sdk/pcollection.ts', `export class PCollection<T> {\n${members}\n}`)]

  it('one method too many is caught', () => {
    const methods = (count: number) =>
      pcollection(Array.from({ length: count }, (_, at) => `m${at}(name: string): void {}`).join('\n'))
    noneOf(chainingMethods(methods(25)))
    expect(caught(chainingMethods(methods(26)))).toContain('26 chaining methods')
  })

  it.each([
    'map(fn: (value: T) => T): void {}',
    'map(fn: () => T, name: string): void {}',
    'map(name?: string): void {}',
    "map(name = 'map'): void {}",
    'map(label: string): void {}',
    'map(name: string): void\nmap(): void {}',
    'keys(this: PCollection<T>, label: string): void {}',
  ])('a method that does not take the name first is caught: %s', (text) => {
    expect(caught(chainingMethods(pcollection(text)))).toContain('does not take "name: string" first')
  })

  it('overloads count once; what is private, static or internal does not count', () => {
    const hidden =
      '#view(x: number) {}\nprivate a() {}\nstatic b() {}\n/** @internal */\nc() {}\nconstructor(x: number) {}'
    noneOf(chainingMethods(pcollection(`${hidden}\nmap(name: string): void\nmap(this: X, name: string): void {}`)))
    expect(caught(chainingMethods([]))).toContain('no class PCollection')
  })

  it('an example without a test is caught', () => {
    const named = (...paths: readonly string[]) => untestedExamples(paths.map((path) => ({ path, text: '' })))
    expect(caught(named('examples/a.ts', 'examples/b.test.ts'))).toBe(
      'examples/a.ts has no test beside it. Add one that holds it to its exact result.',
    )
    noneOf(named('examples/a.ts', 'examples/a.test.ts', 'examples/data/b.ts'))
  })

  it('a long file is caught, and a list that says more than is true', () => {
    const file = (path: string, lines: number) => ({ path, text: 'x\n'.repeat(lines) })
    const long = FILE_LINES_USUAL + 10
    expect(caught(longFiles([file('sdk/a.ts', long)], {}))).toContain(`has ${long} lines`)
    expect(caught(longFiles([file('sdk/a.ts', long)], { 'sdk/a.ts': long - 1 }))).toContain(`has ${long} lines`)
    expect(caught(longFiles([file('sdk/a.ts', FILE_LINES_MAX + 1)], { 'sdk/a.ts': 9999 }))).toContain('701 lines')
    expect(caught(longFiles([file('sdk/a.test.ts', FILE_LINES_MAX + 1)], {}))).toContain('701 lines')
    expect(caught(longFiles([file('sdk/a.ts', 10)], { 'sdk/a.ts': long }))).toContain('Remove it')
    expect(caught(longFiles([], { 'sdk/a.ts': long }))).toContain('does not exist')
    noneOf(longFiles([file('sdk/a.ts', long), file('sdk/a.test.ts', long)], { 'sdk/a.ts': long }))
  })
})

describe('crash points', () => {
  // Those of a store's other uses are reached by its own tests, which see to it that they reach all.
  const aims = [...REACHED_POINTS, ...AIMED_POINTS, ...STORE_CRASH_POINTS]

  it('are all aimed at by a proof, and no other', () => noneOf(unaimedCrashPoints(modules, aims)))

  it('one that nobody aims at is caught, and an aim at nothing', () => {
    const found = caught(unaimedCrashPoints([made('io/new/sink.ts', "env.crashpoint('new.sink')")], ['old.sink']))
    expect(found).toContain('io/new/sink.ts:1')
    expect(found).toContain('aims at crash point "old.sink"')
  })
})

describe('the package', () => {
  const inRoot = (path: string): string => relative(root, path).replaceAll('\\', '/')
  const typedoc = json<{ entryPoints: readonly string[] }>('docs/typedoc.json')
  const { paths } = json<{ compilerOptions: { paths: Record<string, readonly string[]> } }>(
    'tsconfig.tests.json',
  ).compilerOptions
  const alias = vitestConfig.resolve?.alias as readonly { find: RegExp; replacement: string }[]
  const surfaces: Surfaces = {
    documented: typedoc.entryPoints.map((path) => path.replace('../', '')),
    aliasOf: (name) => inRoot(alias.find(({ find }) => find.test(name))?.replacement ?? ''),
    pathOf: (name) => paths[name]?.[0]?.replace('./', ''),
    exists: (path) => existsSync(join(root, path)),
  }
  const npmrc = read('.npmrc')

  it('has every subpath as a source, in the API reference and in tests', () =>
    noneOf(exportSurfaces(manifest, surfaces)))
  it('pins its versions', () => noneOf(pinnedVersions(manifest)))
  it('installs quietly', () => noneOf(quietInstall(manifest, lockfile, npmrc)))
  it('does not tell where or by whom it is made', () => noneOf(mentions(files)))

  it('a subpath that is missing somewhere is caught', () => {
    const exports = { './io/new': { types: './dist/io/old/index.d.ts', default: './dist/io/new/index.js' } }
    const found = caught(exportSurfaces({ ...manifest, exports }, surfaces))
    for (const path of ['package.json', 'docs/typedoc.json', 'vitest.config.ts', 'tsconfig.tests.json']) {
      expect(found).toContain(`${path} "millrace/io/new"`)
    }
    expect(found).toContain('types of another module')
  })

  it('a version that is not exact, or not the chosen one, is caught', () => {
    const withDependency = (name: string, version: string) =>
      caught(pinnedVersions({ ...manifest, dependencies: { [name]: version }, devDependencies: {} }))
    expect(withDependency('effect', '^4.1.0')).toContain('effect must be 4.1.0')
    expect(withDependency('better-sqlite3', '13.2.0')).toContain('better-sqlite3 must be 12.9.0')
    expect(withDependency('left-pad', '~1.3.0')).toContain('must be an exact version')
    expect(withDependency('left-pad', 'latest')).toContain('must be an exact version')
    expect(caught(pinnedVersions({ ...manifest, engines: { node: '>=18' } }))).toContain('engines.node')
    expect(Object.keys(CHOSEN_VERSIONS)).toContain('typescript')
  })

  it('a script on install, and an address in the lockfile, are caught', () => {
    const scripts = { ...manifest.scripts, postinstall: 'node build.js' }
    expect(caught(quietInstall({ ...manifest, scripts }, lockfile, npmrc))).toContain('postinstall')
    const entry = (of: object): Lockfile => ({ packages: { 'node_modules/native': of } })
    expect(caught(quietInstall(manifest, entry({ hasInstallScript: true }), npmrc))).toContain('"native": false')
    expect(caught(quietInstall(manifest, entry({ resolved: 'somewhere' }), npmrc))).toContain('records where')
    expect(caught(quietInstall(manifest, lockfile, 'save-exact=true'))).toContain('.npmrc')
  })

  it.each([
    ['registry', 'npmjs', 'org'].join('.'),
    `see ${['', 'work', 'main'].join('/')}`,
    `cd ${['', 'root', '.cache'].join('/')}`,
    ['..', 'shared', 'design.md'].join('/'),
    ['somebody', 'mail.org'].join('@'),
  ])('a mention is caught: %s', (text) => {
    expect(caught(mentions([{ path: 'docs/x.md', text: `first line\n${text}` }]))).toContain('docs/x.md:2 mentions')
  })

  it('what only looks like a mention is not caught', () =>
    noneOf(mentions([{ path: 'docs/x.md', text: 'typescript@6.0.3 user@example.com a/work/b 5@home net/root/x' }])))
})
