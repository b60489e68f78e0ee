/**
 * What code may not say. In `sdk/`, `runners/` and `io/`, time, chance, timers, files and processes come from the Env
 * that a run is given; a run would otherwise not be repeatable, and would not work in a page.
 *
 * Law: the modules that make an Env of a platform are the only ones that touch the platform; they are listed here.
 */
import ts from 'typescript'
import { at, type Module, walk } from './module.js'
import type { Violation } from './source-tree.js'

/** Modules that give a run its world, and the program that a person starts. */
const CAPABILITIES =
  /^runners\/(core\/system-env\.ts|direct\/node(-stdio)?\.ts|micro-batch\/(node|links\/[\w-]+|store\/sqlite-[\w-]+)\.ts|distributed\/node\/|platform\/|author-module\/|cli\/|metrics\/(server|thread-reading|run-source|serve-metrics)\.ts)|^io\/log\/node\.ts$/
const ENGINE = /^(sdk|runners|io)\//
const GLOBAL_OBJECTS = new Set(['globalThis', 'window', 'self', 'global'])
const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'])
const NODE_OF_THE_WORLD = /^node:(fs|net|http|http2|https|dgram|tls|dns|worker_threads|child_process|cluster|os)(\/|$)/
const AWAIT_USING: number = ts.NodeFlags.AwaitUsing
const ASK_ENV = 'Ask the Env for it (sdk/env.ts).'

/** Uses of the platform outside the modules that may. */
export function platformUses(modules: readonly Module[]): readonly Violation[] {
  return modules
    .filter(({ path, isTest }) => ENGINE.test(path) && !isTest && !CAPABILITIES.test(path))
    .flatMap((module) => {
      const violations: Violation[] = []
      const declaresProcess = declares(module, 'process')
      for (const { specifier, line } of module.imports) {
        if (NODE_OF_THE_WORLD.test(specifier)) {
          violations.push({ path: module.path, line, message: `imports "${specifier}". ${ASK_ENV}` })
        }
      }
      walk(module.tree, (node) => {
        const use = platformUse(node, declaresProcess)
        if (use !== undefined) violations.push(at(module, node, `uses ${use}. ${ASK_ENV}`))
        // A type that is named `performance` is no clock.
        return !ts.isTypeNode(node)
      })
      return violations
    })
}

function platformUse(node: ts.Node, declaresProcess: boolean): string | undefined {
  if (ts.isNewExpression(node) && globalName(node.expression) === 'Date' && (node.arguments ?? []).length === 0) {
    return 'new Date() without a time'
  }
  if (ts.isCallExpression(node) && globalName(node.expression) === 'Date') return 'Date()'
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    const owner = globalName(node.expression)
    const member = ts.isPropertyAccessExpression(node) ? node.name.text : textOf(node.argumentExpression)
    if (owner === 'Date' && member === 'now') return 'Date.now'
    if (owner === 'Math' && member === 'random') return 'Math.random'
    if (owner === 'performance') return `performance.${member}`
    if (owner === 'crypto' && /^(random|getRandom)/.test(member)) return `crypto.${member}`
    if (owner === 'process' && !declaresProcess) return `process.${member}`
    return globalName(node) !== undefined && TIMERS.has(member) ? member : undefined
  }
  return ts.isIdentifier(node) && TIMERS.has(node.text) && isReference(node) ? node.text : undefined
}

/** The name of a global: `Date`, `globalThis.Date`. */
function globalName(node: ts.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return undefined
  if (!ts.isIdentifier(node.expression) || !GLOBAL_OBJECTS.has(node.expression.text)) return undefined
  return ts.isPropertyAccessExpression(node) ? node.name.text : textOf(node.argumentExpression)
}

/** Whether an identifier stands for a value, and is not the name of a member or of a declaration. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isShorthandPropertyAssignment(parent)) return true
  return !('name' in parent && parent.name === node) && !(ts.isBindingElement(parent) && parent.propertyName === node)
}

function textOf(node: ts.Expression): string {
  return ts.isStringLiteralLike(node) ? node.text : node.getText()
}

/** Whether the module declares a value of this name. A DoFn's `process` is often taken out of it. */
function declares(module: Module, name: string): boolean {
  let found = false
  walk(module.tree, (node) => {
    if (
      (ts.isVariableDeclaration(node) || ts.isBindingElement(node) || ts.isParameter(node)) &&
      ts.isIdentifier(node.name) &&
      node.name.text === name
    ) {
      found = true
    }
    return !found
  })
  return found
}

/** `await` while a module loads: CommonJS could no longer `require` the package. */
export function topLevelAwaits(modules: readonly Module[]): readonly Violation[] {
  return modules
    .filter(({ path, isTest }) => ENGINE.test(path) && !isTest && !path.startsWith('runners/cli/'))
    .flatMap((module) => {
      const violations: Violation[] = []
      walk(module.tree, (node) => {
        if (ts.isFunctionLike(node)) return false
        const awaits =
          ts.isAwaitExpression(node) ||
          (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
          (ts.isVariableDeclarationList(node) && (node.flags & AWAIT_USING) === AWAIT_USING)
        if (awaits) {
          violations.push(
            at(module, node, 'awaits at the top level, so that require("millrace") fails. Await inside a function.'),
          )
        }
        return undefined
      })
      return violations
    })
}

/** `any` in code that ships or proves, and comments that switch the compiler off anywhere. */
export function unchecked(modules: readonly Module[]): readonly Violation[] {
  return modules.flatMap((module) => {
    const violations: Violation[] = []
    for (const [at, line] of module.text.split('\n').entries()) {
      const comment = /(?:\/\/|\/\*|^\s*\*)\s*@(ts-ignore|ts-nocheck)\b/.exec(line)
      if (comment === null) continue
      const message = `says @${comment[1] as string}. Fix the type, or say @ts-expect-error and why.`
      violations.push({ path: module.path, line: at + 1, message })
    }
    if (module.isTest) return violations
    walk(module.tree, (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) {
        violations.push(at(module, node, 'says any. Say unknown and look, or say what it is.'))
      }
    })
    return violations
  })
}
