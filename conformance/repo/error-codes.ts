/**
 * Every error that a user can meet has a code, and every code is an error's. The compiler sees to it for millrace's own
 * classes, whose constructors take the code first; this rule looks after errors of the platform's classes, which get theirs
 * by `coded(code, error)`.
 *
 * Law: what is thrown and has no code never reaches a user; each such place is listed here, with the reason.
 */
import ts from 'typescript'
import { at, type Module, walk } from './module.js'
import type { Violation } from './source-tree.js'

const PRODUCT = /^(sdk|runners|io)\//
const PLATFORM_CLASSES = new Set(['Error', 'RangeError', 'TypeError', 'SyntaxError', 'EvalError', 'URIError'])
const CATALOGUE = 'sdk/error-codes.ts'

/** Places that make an error without a code, and why nobody meets it. */
const NEVER_MET: Readonly<Record<string, string>> = {
  'sdk/time.ts': 'is caught in the same file, which then says what is wrong',
  'sdk/testing/do-fn-tester.ts': 'lends its stack to a value that is no Error',
  'runners/core/execution/execution.ts': 'ends the turns of a cancelled run, whose result says so',
  'runners/cli/worker.ts': 'is for who starts an inner module by hand',
  'runners/micro-batch/links/worker-thread.ts': 'is for who starts an inner module by hand',
  'runners/distributed/node/worker-user.ts': 'is for who starts an inner module by hand',
  'runners/core/wire-error.ts': 'makes again what was thrown elsewhere, with its code',
  'runners/cli/doctor.ts': 'becomes a line of the report in the same function',
  'runners/author-module/package-root.ts': 'is for a package that somebody has taken apart',
}

/** Errors of the platform's classes without a code, and classes of errors that have none. */
export function uncodedErrors(modules: readonly Module[]): readonly Violation[] {
  return modules
    .filter(({ path, isTest }) => PRODUCT.test(path) && !isTest && !path.includes('/fixtures/'))
    .flatMap((module) => {
      const violations: Violation[] = []
      const excused = NEVER_MET[module.path] !== undefined
      walk(module.tree, (node) => {
        if (!excused && isPlatformError(node) && !isCoded(node)) {
          violations.push(
            at(module, node, `makes an error without a code. Write coded('MR-…', new …(message)); see ${CATALOGUE}.`),
          )
        }
        if (ts.isClassLike(node) && extendsError(node) && !hasCode(node)) {
          violations.push(at(module, node, `has no \`code\`. Errors that users meet say which mistake they are.`))
        }
      })
      return violations
    })
}

/** Codes that nothing uses, by the catalogue among the modules. */
export function unusedCodes(modules: readonly Module[], codes: readonly string[]): readonly Violation[] {
  const used = new Set<string>()
  for (const module of modules) {
    if (module.isTest || module.path === CATALOGUE || !/^(sdk|runners|io|conformance\/harness)\//.test(module.path))
      continue
    walk(module.tree, (node) => {
      if (ts.isStringLiteralLike(node) && /^MR-\d{4}$/.test(node.text)) used.add(node.text)
    })
  }
  const known = new Set(codes)
  return [
    ...codes
      .filter((code) => !used.has(code))
      .map((code) => ({ path: CATALOGUE, message: `has ${code}, which nothing uses. Use it or take it out.` })),
    ...[...used]
      .filter((code) => !known.has(code))
      .map((code) => ({ path: CATALOGUE, message: `has no ${code}, which something uses. Add it, with a page.` })),
  ]
}

function isPlatformError(node: ts.Node): boolean {
  return (
    (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
    ts.isIdentifier(node.expression) &&
    PLATFORM_CLASSES.has(node.expression.text) &&
    // Without a message it is made for its stack, not to be thrown.
    (node.arguments ?? []).length > 0
  )
}

function isCoded({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && ts.isIdentifier(parent.expression) && parent.expression.text === 'coded'
}

function extendsError({ heritageClauses }: ts.ClassLikeDeclaration): boolean {
  return (heritageClauses ?? []).some(
    ({ token, types }) =>
      token === ts.SyntaxKind.ExtendsKeyword &&
      types.some(({ expression }) => ts.isIdentifier(expression) && PLATFORM_CLASSES.has(expression.text)),
  )
}

function hasCode({ members }: ts.ClassLikeDeclaration): boolean {
  return members.some(
    (member) => ts.isPropertyDeclaration(member) && ts.isIdentifier(member.name) && member.name.text === 'code',
  )
}
