/**
 * `millrace run --check`: type-checks a file with the TypeScript of the project it belongs to, under the project's own
 * tsconfig.json. The bundler strips types and looks at none of them.
 *
 * Law: nothing is written, and nothing of the file runs.
 */
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import type * as TypeScript from 'typescript'
import { UsageError } from './command-line.js'

/** Something the compiler has found. */
export interface TypeFault {
  /** Absolute path; absent for a mistake in the options. */
  readonly file: string | undefined
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** `TS2322`. */
  readonly code: string
  readonly message: string
}

/** The outcome of a check. */
export interface TypeReport {
  readonly faults: readonly TypeFault[]
  /** The compiler's own text for all of them. */
  readonly text: string
}

/** Checks a file and what it imports. @throws {UsageError} when the project has no TypeScript, or one that cannot be asked. */
export function typeCheck(file: string, hasColour: boolean): TypeReport {
  const ts = typescriptFor(file)
  const program = ts.createProgram([file], optionsFor(ts, file))
  const found = ts.sortAndDeduplicateDiagnostics(ts.getPreEmitDiagnostics(program))
  const errors = found.filter(({ category }) => category === ts.DiagnosticCategory.Error)
  const host: TypeScript.FormatDiagnosticsHost = {
    getCurrentDirectory: () => process.cwd(),
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  }
  const format = hasColour ? ts.formatDiagnosticsWithColorAndContext : ts.formatDiagnostics
  return { faults: errors.map((error) => faultOf(ts, error)), text: format(errors, host).trimEnd() }
}

function typescriptFor(file: string): typeof TypeScript {
  let ts: Partial<typeof TypeScript>
  try {
    ts = createRequire(file)('typescript') as Partial<typeof TypeScript>
  } catch {
    throw new UsageError(
      'MR-7021',
      `--check type-checks with your project's own typescript, and there is none for ${file}. Install it: npm install --save-dev typescript`,
      '',
    )
  }
  if (typeof ts.createProgram === 'function') return ts as typeof TypeScript
  throw new UsageError(
    'MR-7021',
    `--check asks the compiler as a library, which typescript ${ts.version ?? 'of this project'} does not offer. Run tsc --noEmit, or install another: npm install --save-dev typescript@6`,
    '',
  )
}

/** The options of the project, less what is about writing files. */
function optionsFor(ts: typeof TypeScript, file: string): TypeScript.CompilerOptions {
  const path = ts.findConfigFile(dirname(file), (name) => ts.sys.fileExists(name))
  const never = { noEmit: true, composite: false, incremental: false, declaration: false, declarationMap: false }
  if (path === undefined) {
    return {
      ...never,
      strict: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      allowImportingTsExtensions: true,
    }
  }
  const { config, error } = ts.readConfigFile(path, (name) => ts.sys.readFile(name)) as {
    readonly config?: object
    readonly error?: TypeScript.Diagnostic
  }
  if (error !== undefined)
    throw new UsageError('MR-7021', `${path}: ${ts.flattenDiagnosticMessageText(error.messageText, ' ')}`, '')
  // The file is what is checked, not what the project lists.
  const parsed = ts.parseJsonConfigFileContent({ ...config, include: [], files: [file] }, ts.sys, dirname(path))
  const fault = parsed.errors.find(({ category }) => category === ts.DiagnosticCategory.Error)
  if (fault !== undefined)
    throw new UsageError('MR-7021', `${path}: ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`, '')
  const { rootDir: _rootDir, tsBuildInfoFile: _info, isolatedDeclarations: _isolated, ...options } = parsed.options
  const isScript = /\.[cm]?jsx?$/.test(file)
  return { ...options, ...never, ...(isScript ? { allowJs: true, checkJs: true } : {}) }
}

function faultOf(ts: typeof TypeScript, { file, start, code, messageText }: TypeScript.Diagnostic): TypeFault {
  const place = file === undefined || start === undefined ? undefined : file.getLineAndCharacterOfPosition(start)
  return {
    file: file === undefined ? undefined : resolve(file.fileName),
    line: (place?.line ?? 0) + 1,
    column: (place?.character ?? 0) + 1,
    code: `TS${code}`,
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }
}
