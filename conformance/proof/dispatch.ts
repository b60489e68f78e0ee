/**
 * From the words after `npm run proof --` to a lane, and from its count to the exit code.
 *
 * Law: the last line printed for a lane that ran is `N passed, N failed`, and the exit code is 0 only when something was
 * checked and nothing failed.
 */
import { parseArgs } from 'node:util'
import type { Lane, Tally } from './lane.js'

/** Runs the lane that is asked for, a sample of all lanes, or lists them. Gives the exit code. */
export async function dispatch(
  args: readonly string[],
  lanes: readonly Lane[],
  print: (line: string) => void,
): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) {
    print('usage: npm run proof -- LANE [flags]                    the full set of a lane')
    print('       npm run proof -- --sample SEED [--minutes m]     a sample of every lane, in m minutes (5) together')
    print('')
    const width = Math.max(0, ...lanes.map((lane) => lane.name.length))
    for (const lane of lanes) print(`  ${lane.name.padEnd(width)}  ${lane.meaning}`)
    if (lanes.length === 0) print('  (there is no lane yet: lanes are listed in conformance/proof/lanes.ts)')
    return 0
  }
  if (name === '--sample') {
    const { values } = parseArgs({
      args: [...args],
      options: { sample: { type: 'string' }, minutes: { type: 'string' } },
    })
    const seed = Number(values.sample)
    const sampled = lanes.flatMap((lane) => (lane.sample === undefined ? [] : [{ lane, sample: lane.sample }]))
    const minutes = Number(values.minutes ?? 5) / Math.max(1, sampled.length)
    if (!Number.isSafeInteger(seed) || !(minutes > 0)) {
      print(`--sample needs a whole number and --minutes a positive one, and they got "${args.join(' ')}"`)
      return 2
    }
    let all: Tally = { passed: 0, failed: 0 }
    for (const { lane, sample } of sampled) {
      const words = sample(seed, minutes)
      print(`${lane.name} ${words.join(' ')}`)
      const { passed, failed } = await run(lane, words, print)
      all = { passed: all.passed + passed, failed: all.failed + failed }
    }
    return conclude(all, print)
  }
  const lane = lanes.find((candidate) => candidate.name === name)
  if (lane === undefined) {
    const nearest = nearestOf(name, lanes)
    print(
      `there is no lane "${name}".${nearest === undefined ? '' : ` Did you mean "${nearest}"?`} \`npm run proof\` lists the lanes.`,
    )
    return 2
  }
  return conclude(await run(lane, rest, print), print)
}

function conclude({ passed, failed }: Tally, print: (line: string) => void): number {
  print(`${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

async function run(lane: Lane, args: readonly string[], print: (line: string) => void): Promise<Tally> {
  try {
    const program = await lane.load()
    const tally = await program(args)
    if (tally.passed + tally.failed > 0) return tally
    print(`lane "${lane.name}" checked nothing, which counts as a failure.`)
  } catch (error) {
    print(`lane "${lane.name}" broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
  return { passed: 0, failed: 1 }
}

/** The lane whose name takes the fewest edits, if they are few enough to be a slip. */
function nearestOf(name: string, lanes: readonly Lane[]): string | undefined {
  const [best] = lanes
    .map((lane) => ({ name: lane.name, edits: editsBetween(name, lane.name) }))
    .sort((a, b) => a.edits - b.edits)
  return best !== undefined && best.edits <= Math.max(2, best.name.length / 2) ? best.name : undefined
}

/** Levenshtein's distance. */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [row, left] of [...a].entries()) {
    const here = [row + 1]
    for (const [column, right] of [...b].entries()) {
      const replaced = (above[column] ?? 0) + (left === right ? 0 : 1)
      here.push(Math.min(replaced, (above[column + 1] ?? 0) + 1, (here[column] ?? 0) + 1))
    }
    above = here
  }
  return above[b.length] ?? 0
}
