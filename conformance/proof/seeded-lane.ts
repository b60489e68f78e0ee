/**
 * A lane that tries a claim on seeds, one after the other.
 *
 * Law: a seed decides everything, so the line printed for a failure is the command that repeats it. A lane that is given
 * less time than its full set takes says how much of it was tried.
 */
import { parseArgs } from 'node:util'
import type { LaneProgram } from './lane.js'
import { wholeNumber } from './whole-number.js'

/** A claim that seeds can break. */
export interface SeededClaim {
  /** The lane's name, for the command that repeats a failure. */
  readonly lane: string
  /** Seeds in the full set. */
  readonly seeds: number
  /** Seeds that are tried at a time. Default: 1. */
  readonly atOnce?: number
  /** What is wrong with a seed, in words; `undefined` when nothing is. */
  faultOf(seed: number): Promise<string | undefined>
}

/** Failures after which going on tells nothing new. */
const FAILURES_MAX = 10

/**
 * Makes the lane's program: `--seeds n` tries n seeds, `--from seed` starts there, `--minutes m` stops after m minutes, `--failures k`
 * after k failures.
 */
export function seededLane(
  claim: SeededClaim,
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        minutes: { type: 'string' },
        failures: { type: 'string' },
      },
    })
    const seeds = values.seeds === undefined ? claim.seeds : wholeNumber('--seeds', values.seeds)
    const from = values.from === undefined ? 1 : wholeNumber('--from', values.from)
    const minutes = values.minutes === undefined ? Infinity : Number(values.minutes)
    if (!(minutes > 0)) throw new Error(`--minutes needs a number above 0, and got "${values.minutes}"`)
    const failures = values.failures === undefined ? FAILURES_MAX : wholeNumber('--failures', values.failures)
    const started = performance.now()
    let passed = 0
    let failed = 0
    let next = from
    const work = async (): Promise<void> => {
      while (next < from + seeds && failed < failures && performance.now() - started <= minutes * 60_000) {
        const seed = next++
        const fault = await claim.faultOf(seed)
        if (fault === undefined) {
          passed++
          continue
        }
        failed++
        print(`✗ ${fault}`)
        print(`  repeat: npm run proof -- ${claim.lane} --from ${seed} --seeds 1`)
      }
    }
    await Promise.all(Array.from({ length: claim.atOnce ?? 1 }, work))
    if (passed + failed < seeds) print(`tried ${passed + failed} of ${seeds} seeds`)
    return { passed, failed }
  }
}

/** The sample of a seeded lane. */
export function seededSample(seed: number, minutes: number): readonly string[] {
  return ['--from', String(seed), '--minutes', String(minutes)]
}
