/**
 * Compiles snippets against the package's sources, with the strictness of the house.
 */
import { dirname, join } from 'node:path'
import ts from 'typescript'
import type { Snippet } from './snippets.js'

/** What the compiler says of each snippet, as `path:line message`. */
export function compileSnippets(root: string, snippets: readonly Snippet[]): ReadonlyMap<Snippet, readonly string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.tests.json'), (path) => ts.sys.readFile(path)) as {
    config: object
  }
  const parsed = ts.parseJsonConfigFileContent({ ...config, include: [], files: ['none'] }, ts.sys, root)
  const options: ts.CompilerOptions = {
    ...parsed.options,
    // A snippet names things to show them.
    noUnusedLocals: false,
    noUnusedParameters: false,
    moduleDetection: ts.ModuleDetectionKind.Force,
  }
  // Beside what shows it, so that relative imports mean what they say.
  const files = new Map(snippets.map((snippet, at) => [join(root, dirname(snippet.path), `snippet-${at}.ts`), snippet]))
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile } = host
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.readFile = (path) => files.get(path)?.code ?? readFile(path)
  host.getSourceFile = (path, languageVersion, ...rest) => {
    const snippet = files.get(path)
    if (snippet === undefined) return getSourceFile(path, languageVersion, ...rest)
    return ts.createSourceFile(path, snippet.code, languageVersion, true)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  return new Map(
    [...files].map(([path, snippet]) => {
      const file = program.getSourceFile(path)
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      return [snippet, found.map((diagnostic) => describe(snippet, diagnostic))]
    }),
  )
}

function describe({ path, lines, line }: Snippet, { start, file, messageText }: ts.Diagnostic): string {
  const at = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line
  return `${path}:${lines[at] ?? line} ${ts.flattenDiagnosticMessageText(messageText, '\n  ')}`
}
