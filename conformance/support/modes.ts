/**
 * The ways in which a correct runner cannot be told apart: both stage compilers, bundles of any size, strict mode under
 * several seeds. Tests run each case in all of them.
 */
import { describe } from 'vitest'
import type { RunOptions } from 'millrace'

/** A way of running, with a name for test output. */
export interface Mode {
  readonly name: string
  readonly options: RunOptions
}

/** Every way. */
export const modes: readonly Mode[] = [
  { name: 'generated', options: { stageCompiler: 'generated' } },
  { name: 'closures', options: { stageCompiler: 'closures' } },
  { name: 'bundles of one', options: { stageCompiler: 'generated', bundleSize: 1 } },
  { name: 'bundles of two, closures', options: { stageCompiler: 'closures', bundleSize: 2 } },
  { name: 'strict, seed 1', options: { strict: true, seed: 1, stageCompiler: 'generated' } },
  { name: 'strict, seed 2, closures', options: { strict: true, seed: 2, stageCompiler: 'closures' } },
]

/** Ways that keep the order in which elements were created, for cases about order. */
export const orderedModes: readonly Mode[] = modes.filter(({ options }) => options.strict !== true)

/** Registers the same tests once for each way. */
export function inEveryMode(tests: (options: RunOptions) => void, chosen: readonly Mode[] = modes): void {
  for (const { name, options } of chosen) describe(name, () => tests(options))
}
