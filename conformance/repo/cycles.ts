/**
 * No module may need itself to be loaded.
 *
 * Law: what is reported is a cycle of imports that run when modules load; a type's import and a call of `import()` are
 * none. Modules of one cycle are reported once, in loading order.
 */
import { type Module, relativeTarget } from './module.js'
import type { Violation } from './source-tree.js'

/**
 * Cycles that are there today, as they are reported. They may only go away: an entry that is no longer true is a
 * violation.
 */
export const KNOWN_CYCLES: readonly string[] = []

/** Cycles among the modules' imports that are not known, and known ones that are gone. */
export function importCycles(
  modules: readonly Module[],
  known: readonly string[] = KNOWN_CYCLES,
): readonly Violation[] {
  const cycles = cyclesOf(modules)
  const found = cycles
    .filter((cycle) => !known.includes(cycle))
    .map((cycle) => ({ path: firstOf(cycle), message: `imports itself: ${cycle}. Move what both need into a third.` }))
  const gone = known
    .filter((cycle) => !cycles.includes(cycle))
    .map((cycle) => ({
      path: firstOf(cycle),
      message: `no longer imports itself by ${cycle}. Remove it from KNOWN_CYCLES in conformance/repo/cycles.ts.`,
    }))
  return [...found, ...gone]
}

function firstOf(cycle: string): string {
  return cycle.split(' ')[0] ?? cycle
}

function cyclesOf(modules: readonly Module[]): readonly string[] {
  const targets = new Map(modules.map((module) => [module.path, targetsOf(module)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const path: string[] = []

  const visit = (module: string): void => {
    const from = path.indexOf(module)
    if (from >= 0) {
      cycles.push([...path.slice(from), module].join(' → '))
      return
    }
    if (done.has(module)) return
    path.push(module)
    for (const target of targets.get(module) ?? []) if (targets.has(target)) visit(target)
    path.pop()
    done.add(module)
  }
  for (const module of targets.keys()) visit(module)
  return cycles
}

function targetsOf(module: Module): readonly string[] {
  return module.imports
    .filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic)
    .map(({ specifier }) => relativeTarget(module.path, specifier))
    .filter((target) => target !== undefined)
}
