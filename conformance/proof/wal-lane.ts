/**
 * The program of lane `wal`: seeds, and what needs a system of its own. A run that is given minutes is a sample, and takes less of the
 * latter.
 */
import type { LaneProgram } from './lane.js'
import { seededLane } from './seeded-lane.js'
import { faultOf } from './wal.js'
import { failingSqlite, mountedDisks } from './wal-disk.js'

/** 20,000 cuts. */
const SEEDS = 800

/** Makes the program. */
export function walLane(print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`)): LaneProgram {
  const seeds = seededLane({ lane: 'wal', seeds: SEEDS, faultOf }, print)
  return async (args) => {
    const tallies = [await seeds(args)]
    // With `--seeds` somebody repeats some.
    if (!args.includes('--seeds'))
      tallies.push(await failingSqlite(args.includes('--minutes') ? 40 : 1, print), await mountedDisks(print))
    return {
      passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
      failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    }
  }
}
