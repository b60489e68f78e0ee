/**
 * A TypeScript module as the rules see it: its syntax tree and what it imports.
 *
 * Law: an import counts as a type's only where the compiler erases it: `import type`, `export type`, `import('x').T`.
 * `import { type T }` leaves `import {}` behind under `verbatimModuleSyntax`, which loads the module.
 */
import ts from 'typescript'
import type { TextFile, Violation } from './source-tree.js'

/** One import or re-export. */
export interface Import {
  readonly specifier: string
  readonly line: number
  readonly typeOnly: boolean
  /** `import(…)`, which runs when the call does and not when the module is loaded. */
  readonly dynamic: boolean
}

/** A parsed module. */
export interface Module extends TextFile {
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
  /** Whether it is a test, or shared by tests only. */
  readonly isTest: boolean
}

/** Parses every `.ts` file among `files`. */
export function modulesOf(files: readonly TextFile[]): readonly Module[] {
  return files.filter(({ path }) => path.endsWith('.ts')).map(moduleOf)
}

/** Parses one file. */
export function moduleOf(file: TextFile): Module {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true)
  return { ...file, tree, imports: importsOf(tree), isTest: file.path.endsWith('.test.ts') }
}

/** Calls `visit` for every node; its children are skipped where it gives `false`. */
export function walk(node: ts.Node, visit: (node: ts.Node) => boolean | undefined | void): void {
  if (visit(node) === false) return
  node.forEachChild((child) => walk(child, visit))
}

/** A violation at a node. */
export function at(module: Module, node: ts.Node, message: string): Violation {
  return { path: module.path, line: lineOf(module.tree, node), message }
}

/** The path of a relative import; `undefined` for a package. */
export function relativeTarget(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const segments = from.split('/').slice(0, -1)
  for (const segment of specifier.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '.') segments.push(segment)
  }
  return segments.join('/').replace(/\.js$/, '.ts')
}

function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

function importsOf(tree: ts.SourceFile): readonly Import[] {
  const imports: Import[] = []
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean, dynamic: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    imports.push({ specifier: specifier.text, line: lineOf(tree, node), typeOnly, dynamic })
  }
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword, false)
    } else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly, false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true, false)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false, true)
    }
  })
  return imports
}
