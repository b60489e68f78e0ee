/**
 * The suite as tests of vitest, for any runner: one test a case. The only module that needs vitest, which is loaded when
 * it is called.
 */
import type { Runner } from 'millrace'
import { chosenModes, type Mode, type ModeChoice } from './modes.js'
import { listCases } from './suite.js'

/** What of the suite is run, and how. */
export interface ConformanceOptions {
  /** An id, or how ids begin: `TRG-15`, `TRG`. Default: everything. */
  readonly only?: string
  /** `'one'` (the default), `'all'`, names of modes, or modes of your own. */
  readonly modes?: ModeChoice | readonly Mode[]
  /** Seed of the modes that are random. Default 1. */
  readonly seed?: number
  /** Whether functions of a pipeline run in this process, so that cases may look at its variables. Default true. */
  readonly inProcess?: boolean
}

/**
 * Registers the suite with vitest: call it in a test file of your runner's project.
 *
 * A case whose features the runner lacks passes when the runner refuses it. What a case leaves out is skipped with its reason.
 *
 * @param makeRunner makes a fresh runner, for each run one.
 * @throws when `only` names no case, or `modes` no mode.
 * @example
 * ```ts
 * import { directRunner } from 'millrace/direct'
 * import { conformance } from 'millrace/conformance'
 * await conformance(() => directRunner(), { only: 'CRE' })
 * ```
 */
export async function conformance(makeRunner: () => Runner, options: ConformanceOptions = {}): Promise<void> {
  const { describe, it } = await import('vitest')
  const { only, seed = 1, inProcess = true } = options
  const modes = modesOf(options.modes ?? 'one', seed)
  const { name } = makeRunner()
  const cases = await listCases(only)
  const areas = new Set(cases.map(({ area }) => area))
  for (const area of areas) {
    describe(`${area} on ${name}`, () => {
      for (const each of cases.filter((one) => one.area === area)) {
        it(`${each.id} ${each.name}`, async ({ skip }) => {
          const { status, why } = await each.run({ makeRunner, modes, inProcess })
          if (status === 'failed') throw new Error(why)
          if (status === 'leftOut' || status === 'broken') skip(`${status}: ${why}`)
        })
      }
    })
  }
}

function modesOf(given: ModeChoice | readonly Mode[], seed: number): readonly Mode[] {
  if (given === 'one' || given === 'all') return chosenModes(given, seed)
  return given.flatMap((each) => (typeof each === 'string' ? chosenModes([each], seed) : [each]))
}
