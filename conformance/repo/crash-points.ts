/**
 * The edges at which a run may be ended, as the source names them: each is one that some proof aims at.
 *
 * Law: a point that nobody aims at is a promise that nobody has looked at; one that is aimed at and not there any more proves nothing.
 */
import ts from 'typescript'
import { at, type Module, walk } from './module.js'
import type { Violation } from './source-tree.js'

const ENGINE = /^(runners|io)\//

interface Named {
  readonly name: string
  readonly module: Module
  readonly node: ts.Node
}

/** Calls `crashpoint('name')`, whoever's method it is. */
function crashPoints(modules: readonly Module[]): readonly Named[] {
  return modules
    .filter(({ path, isTest }) => ENGINE.test(path) && !isTest)
    .flatMap((module) => {
      const found: Named[] = []
      walk(module.tree, (node) => {
        if (!ts.isCallExpression(node)) return
        const { expression: callee, arguments: given } = node
        const called = ts.isPropertyAccessExpression(callee) ? callee.name.text : undefined
        const [name] = given
        if (called === 'crashpoint' && name !== undefined && ts.isStringLiteralLike(name))
          found.push({ name: name.text, module, node })
      })
      return found
    })
}

/** Points that nobody aims at, and aims at points that are not there. */
export function unaimedCrashPoints(modules: readonly Module[], aims: readonly string[]): readonly Violation[] {
  const points = crashPoints(modules)
  const known = new Set(aims)
  const there = new Set(points.map(({ name }) => name))
  return [
    ...points
      .filter(({ name }) => !known.has(name))
      .map(({ name, module, node }) =>
        at(
          module,
          node,
          `names the crash point "${name}", at which no proof ends a run. Add it to conformance/proof/sim/crash-points.ts, or to conformance/proof/kill/kill-case.ts.`,
        ),
      ),
    ...[...known]
      .filter((name) => !there.has(name))
      .map((name) => ({ path: 'conformance/proof', message: `aims at crash point "${name}", which no module names.` })),
  ]
}
