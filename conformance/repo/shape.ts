/**
 * How large things may get (the chaining methods of a PCollection, and files), and what must not stand alone: an example
 * without a test.
 *
 * Law: a limit that is met only by few is a ratchet: those that exceed it are listed with their size, and may only
 * shrink. An entry that is no longer needed is a violation too, so that the list says the truth.
 */
import ts from 'typescript'
import { GENERATED_FOLDER } from './generate-proto.js'
import { at, type Module } from './module.js'
import type { TextFile, Violation } from './source-tree.js'

/** Chaining is for what everyone uses; the rest are functions for `.apply`. */
export const CHAINING_METHODS_MAX = 25
/** Lines that no file may exceed. */
export const FILE_LINES_MAX = 700
/** Lines above which a source must stand on the list. */
export const FILE_LINES_USUAL = 400

/** Sources above the usual length, with the lines they may have. */
export const LONG_FILES: Readonly<Record<string, number>> = {
  'conformance/proof/random-pipelines.ts': 495,
  'runners/core/do-fn-runtime.ts': 570,
  'runners/core/reduce-fn-runner.ts': 538,
  'runners/core/stage-compiler/stage-text.ts': 539,
}

/** The chaining methods are few, and each takes the step's name first. */
export function chainingMethods(modules: readonly Module[]): readonly Violation[] {
  const module = modules.find(({ path }) => path === 'sdk/pcollection.ts')
  const declared = module?.tree.statements.find(
    (statement): statement is ts.ClassDeclaration =>
      ts.isClassDeclaration(statement) && statement.name?.text === 'PCollection',
  )
  if (module === undefined || declared === undefined) {
    return [{ path: 'sdk/pcollection.ts', message: 'has no class PCollection; this rule looks for it there.' }]
  }
  const methods = declared.members.filter(ts.isMethodDeclaration).filter(isPublic)
  const names = new Set(methods.map(({ name }) => name.getText()))
  const tooMany =
    names.size <= CHAINING_METHODS_MAX
      ? []
      : [
          at(
            module,
            declared,
            `has ${names.size} chaining methods, and ${CHAINING_METHODS_MAX} is the limit. Make it a function for .apply(name, …): ${[...names].join(', ')}.`,
          ),
        ]
  const nameless = methods
    .filter((method) => !takesNameFirst(method))
    .map((method) => at(module, method, `PCollection.${method.name.getText()} does not take "name: string" first.`))
  return [...tooMany, ...nameless]
}

function isPublic(method: ts.MethodDeclaration): boolean {
  if (ts.isPrivateIdentifier(method.name)) return false
  if (ts.getJSDocTags(method).some((tag) => tag.tagName.text === 'internal')) return false
  return !(method.modifiers ?? []).some(({ kind }) =>
    [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword, ts.SyntaxKind.StaticKeyword].includes(kind),
  )
}

function takesNameFirst(method: ts.MethodDeclaration): boolean {
  const first = method.parameters.find(({ name }) => name.getText() !== 'this')
  return (
    first?.name.getText() === 'name' &&
    first.type?.kind === ts.SyntaxKind.StringKeyword &&
    first.questionToken === undefined &&
    first.initializer === undefined
  )
}

/** Files that are too long, or longer than the list allows. */
export function longFiles(
  files: readonly TextFile[],
  listed: Readonly<Record<string, number>> = LONG_FILES,
): readonly Violation[] {
  const sources = files.filter(({ path }) => /\.(ts|mjs)$/.test(path) && !path.startsWith(`${GENERATED_FOLDER}/`))
  const lengths = new Map(sources.map(({ path, text }) => [path, text.trimEnd().split('\n').length]))
  const tooLong = [...lengths].flatMap(([path, lines]): readonly Violation[] => {
    const allowed = listed[path] ?? (isTable(path) ? FILE_LINES_MAX : FILE_LINES_USUAL)
    if (lines <= Math.min(allowed, FILE_LINES_MAX)) return []
    const limit = `and may have ${Math.min(allowed, FILE_LINES_MAX)}`
    return [{ path, message: `has ${lines} lines, ${limit}. One concept, one file: move one of its concepts out.` }]
  })
  const needless = Object.entries(listed).flatMap(([path, allowed]): readonly Violation[] => {
    const lines = lengths.get(path)
    if (lines !== undefined && lines > FILE_LINES_USUAL) return []
    const now = lines === undefined ? 'does not exist' : `has ${lines} lines`
    return [
      {
        path,
        message: `${now} and is listed with ${allowed}. Remove it from LONG_FILES in conformance/repo/shape.ts.`,
      },
    ]
  })
  return [...tooLong, ...needless]
}

/** Tests and cases are lists of small things that stand beside each other. */
function isTable(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('conformance/cases/')
}

/** Every example is a test, too. */
export function untestedExamples(files: readonly TextFile[]): readonly Violation[] {
  const paths = new Set(files.map(({ path }) => path))
  return [...paths]
    .filter((path) => /^examples\/[^/]+(?<!\.test)\.ts$/.test(path) && !paths.has(path.replace(/\.ts$/, '.test.ts')))
    .map((path) => ({ path, message: 'has no test beside it. Add one that holds it to its exact result.' }))
}
