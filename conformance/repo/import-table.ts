/**
 * Who may import whom, as a table. Project references hold the coarse rows already (a file of `sdk` that imports a runner
 * does not compile); this holds the finer ones.
 *
 * Law: every module that ships, or that proves what ships, has a row; the first one that matches decides. Tests may look
 * at anything but the command line's modules.
 */
import { builtinModules } from 'node:module'
import { type Import, type Module, relativeTarget } from './module.js'
import type { Violation } from './source-tree.js'

/** A row: what the modules that match may import. */
interface Row {
  readonly of: RegExp
  /** Modules of this repository, by path. */
  readonly modules: readonly RegExp[]
  /** Packages, the platform's modules among them. */
  readonly packages: readonly RegExp[]
  /** Packages of which only types may be imported. */
  readonly typesOf?: readonly RegExp[]
}

const PUBLIC = /^millrace(\/|$)/
const NODE = /^node:/
/** fp-ts has no export map: its folders do not load under Node's ESM, `lib/*.js` and the root do. */
const FP_TS = /^fp-ts(\/lib\/\w+\.js)?$/
const IO_TS = /^io-ts$/
/** Never the barrel: it takes four times as long to load. */
const EFFECT = /^effect\/\w+$/
const PROTOBUF = /^@bufbuild\/protobuf(\/(wkt|codegenv2))?$/
const ANY_PACKAGE = /^(?!\.)/

const table: readonly Row[] = [
  { of: /^sdk\/time\.ts$/, modules: [/^sdk\//], packages: [/^effect\/Duration$/] },
  {
    of: /^sdk\//,
    modules: [/^sdk\//],
    packages: [FP_TS, IO_TS, /^@noble\/hashes(\/|$)/],
    typesOf: [/^@standard-schema\/spec$/],
  },
  {
    of: /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/,
    modules: [/^sdk\//, /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/],
    packages: [],
  },
  {
    of: /^runners\/core\//,
    modules: [/^sdk\//, /^runners\/core\//, /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/],
    packages: [],
  },
  {
    of: /^runners\/direct\/node(-stdio)?\.ts$/,
    modules: [/^sdk\//, /^runners\/(core|direct)\//],
    packages: [NODE, /^tinyglobby$/],
  },
  {
    of: /^runners\/direct\//,
    modules: [
      /^sdk\//,
      /^runners\/core\//,
      /^runners\/direct\/(?!node)/,
      /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/,
    ],
    packages: [],
  },
  // Reads files of the author and makes a module of them; knows no runner.
  { of: /^runners\/author-module\//, modules: [/^sdk\//, /^runners\/author-module\//], packages: [NODE, /^esbuild$/] },
  {
    of: /^runners\/micro-batch\/(node|store\/sqlite-[\w-]+)\.ts$/,
    modules: [/^sdk\//, /^runners\/(core|micro-batch)\//],
    packages: [NODE, /^better-sqlite3$/],
  },
  {
    of: /^runners\/micro-batch\/links\//,
    modules: [
      /^sdk\//,
      /^runners\/(author-module|core|direct|micro-batch)\//,
      /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/,
    ],
    packages: [NODE],
  },
  {
    of: /^runners\/micro-batch\//,
    modules: [
      /^sdk\//,
      /^runners\/core\//,
      /^runners\/micro-batch\/(?!node|links\/|store\/sqlite-)/,
      /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/,
    ],
    packages: [/^@noble\/hashes(\/|$)/],
  },
  {
    of: /^runners\/distributed\/proto\/generated\//,
    modules: [/^runners\/distributed\/proto\/generated\//],
    packages: [PROTOBUF],
  },
  {
    of: /^runners\/distributed\/node\//,
    modules: [
      /^sdk\//,
      /^runners\/(author-module|core|distributed)\//,
      /^runners\/direct\/node\.ts$/,
      /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/,
    ],
    packages: [NODE, PROTOBUF, /^@grpc\/grpc-js$/],
  },
  {
    of: /^runners\/distributed\//,
    modules: [
      /^sdk\//,
      /^runners\/core\//,
      /^runners\/distributed\/(?!node)/,
      /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/,
    ],
    packages: [PROTOBUF, /^@noble\/hashes(\/|$)/],
  },
  {
    of: /^runners\/platform\/node\.ts$/,
    modules: [/^sdk\//, /^runners\/(author-module|core|direct|distributed|micro-batch)\//],
    packages: [NODE],
  },
  {
    of: /^runners\/platform\//,
    modules: [/^sdk\//, /^runners\/(core|direct|distributed|micro-batch)\/(?!node)/, /^runners\/runner\.ts$/],
    packages: [],
  },
  {
    of: /^runners\/testing\//,
    modules: [
      /^sdk\//,
      /^runners\/(core|direct|testing)\/(?!node)/,
      /^runners\/micro-batch\/(?!node|links\/|store\/sqlite-)/,
      /^runners\/(run|runner)\.ts$/,
    ],
    packages: [/^#platform$/, /^vitest$/],
  },
  {
    of: /^runners\/metrics\//,
    modules: [/^sdk\//, /^runners\/metrics\//, /^runners\/(runner|run-status)\.ts$/],
    packages: [/^node:(http|net|perf_hooks)$/],
  },
  {
    of: /^runners\/opentelemetry\//,
    modules: [/^sdk\//, /^runners\/opentelemetry\//, /^runners\/(engine-settings|runner|run-status|telemetry)\.ts$/],
    packages: [/^@opentelemetry\/api$/],
  },
  {
    of: /^runners\/graph-picture\//,
    modules: [/^sdk\//, /^runners\/(core|graph-picture)\//],
    packages: [/^@dagrejs\/dagre$/, /^string-width$/],
  },
  // What a reader of a template gets is a project of their own.
  { of: /^runners\/cli\/templates\//, modules: [/^runners\/cli\/templates\//], packages: [ANY_PACKAGE] },
  { of: /^runners\/cli\//, modules: [/^sdk\//, /^runners\//], packages: [ANY_PACKAGE] },
  {
    of: /^runners\/[^/]+\.ts$/,
    modules: [/^sdk\//, /^runners\/(core|direct|distributed|micro-batch)\/(?!node)/, /^runners\/[^/]+\.ts$/],
    packages: [/^#platform$/, EFFECT],
  },
  {
    of: /^io\/parquet\//,
    modules: [/^sdk\//, /^io\//],
    packages: [IO_TS, /^node:zlib$/, /^hyparquet(-compressors|-writer)?$/],
  },
  {
    of: /^io\/log\/node\.ts$/,
    modules: [/^sdk\//],
    packages: [/^node:(fs|perf_hooks)$/],
  },
  { of: /^io\/log\/packages\.ts$/, modules: [/^sdk\//], packages: [/^better-sqlite3$/] },
  {
    of: /^io\/avro\/compression\.ts$/,
    modules: [/^sdk\//, /^io\//],
    packages: [/^node:zlib$/, /^hyparquet-compressors$/],
  },
  {
    of: /^io\/sqlite\//,
    modules: [/^sdk\//, /^io\/(sqlite|records)\//, /^io\/event-times\.ts$/, /^io\/text\/paths\.ts$/],
    packages: [IO_TS, /^better-sqlite3$/],
  },
  { of: /^io\//, modules: [/^sdk\//, /^io\//], packages: [IO_TS, /^node:zlib$/] },
  { of: /^conformance\/cases\//, modules: [/^sdk\//, /^conformance\/cases\//], packages: [PUBLIC, FP_TS, IO_TS] },
  { of: /^conformance\//, modules: [/^(sdk|runners|io|examples|conformance)\//], packages: [ANY_PACKAGE] },
  // A reader of an example must be able to copy it into a project of their own.
  { of: /^examples\//, modules: [], packages: [ANY_PACKAGE] },
]

/** Modules that the table is about. */
const COVERED = /^(sdk|runners|io|conformance|examples)\//
const COMMAND_LINE = /^runners\/cli\//

/** Imports that the table does not allow. */
export function forbiddenImports(modules: readonly Module[], exportNames: readonly string[]): readonly Violation[] {
  return modules
    .filter(({ path }) => COVERED.test(path))
    .flatMap((module) =>
      module.imports.flatMap((imported): readonly Violation[] => {
        const message = complaint(module, imported, exportNames)
        return message === undefined ? [] : [{ path: module.path, line: imported.line, message }]
      }),
    )
}

function complaint(module: Module, imported: Import, exportNames: readonly string[]): string | undefined {
  const { specifier } = imported
  const target = relativeTarget(module.path, specifier)
  if (target !== undefined && COMMAND_LINE.test(target) && !COMMAND_LINE.test(module.path)) {
    return `imports "${specifier}": nobody imports the command line's modules. Move what both need into runners/.`
  }
  if (PUBLIC.test(specifier) && !exportNames.includes(specifier)) {
    return `imports "${specifier}", which package.json does not export. It exports ${exportNames.join(', ')}.`
  }
  if (builtinModules.includes(specifier)) return `imports "${specifier}": write "node:${specifier}".`
  if (module.isTest) return undefined
  const row = table.find(({ of }) => of.test(module.path))
  if (row === undefined)
    return 'is in no row of conformance/repo/import-table.ts. Add the row that says what it may import.'
  const allowed =
    target === undefined
      ? matches(row.packages, specifier) || (imported.typeOnly && matches(row.typesOf ?? [], specifier))
      : matches(row.modules, target)
  if (allowed) return undefined
  const what = imported.typeOnly ? 'imports types of' : 'imports'
  return `${what} "${specifier}", which the row ${String(row.of)} of conformance/repo/import-table.ts does not allow.`
}

function matches(patterns: readonly RegExp[], text: string): boolean {
  return patterns.some((pattern) => pattern.test(text))
}
