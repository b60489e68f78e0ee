/**
 * Lane `sim`: random programs on the micro-batch runner, in simulated time, through ends of the process, losses of power and failures
 * of the disk. Each gives the reference's result, and its sink everything once; the laws of the store hold in every life; it ends.
 *
 * `npm run proof -- sim [--seeds n] [--from seed] [--minutes m]`. A failing seed is made smaller (faults are dropped, then the input
 * is halved) and printed as the command that repeats what is left: `--faults 0,2 --input 10`.
 */
import { parseArgs } from 'node:util'
import type { LaneProgram } from '../lane.js'
import { RARE_POINTS, REACHED_POINTS } from './crash-points.js'
import { type Cut, inputOf, scenarioOf } from './scenario.js'
import { wholeNumber } from '../whole-number.js'
import { play } from './simulation.js'

/** The full set. */
const SEEDS = 20_000
/** Each crash point ends so many lives in the full set, and its part of them in a smaller one, … */
const HITS_OF_WHOLE = 500
/** … unless that is so small that chance may have missed one. */
const SEEDS_FOR_ALL_POINTS = 2_000
/** Failures after which going on tells nothing new. */
const FAILURES = 10
/** Every so many-th seed is played twice. */
const TWICE_EVERY = 50

/** Makes the lane's program. */
export function simLane(print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`)): LaneProgram {
  return async (args) => {
    const { seeds, from, minutes, failures, cut } = optionsOf(args)
    const started = performance.now()
    const cpu = process.cpuUsage()
    const crashes = new Map<string, number>()
    const sums = { lives: 0, batches: 0, simulatedMillis: 0, diskFaults: 0, twice: 0 }
    let passed = 0
    let failed = 0
    for (let seed = from; seed < from + seeds && failed < failures; seed++) {
      if (performance.now() - started > minutes * 60_000) break
      const played = await play(scenarioOf(seed, cut))
      for (const [point, count] of played.crashes) crashes.set(point, (crashes.get(point) ?? 0) + count)
      sums.lives += played.lives
      sums.batches += played.batches
      sums.simulatedMillis += played.simulatedMillis
      sums.diskFaults += played.diskFaults
      let { fault } = played
      if (fault === undefined && seed % TWICE_EVERY === 0) {
        sums.twice++
        if ((await play(scenarioOf(seed, cut))).trace !== played.trace) fault = 'played twice, it goes two ways'
      }
      if (fault === undefined) {
        passed++
        continue
      }
      failed++
      const smallest = await shrunken(seed, cut)
      print(`✗ seed ${seed}: ${(await play(scenarioOf(seed, smallest))).fault ?? fault}`)
      print(`  repeat: npm run proof -- sim --from ${seed} --seeds 1${cutText(smallest)}`)
    }
    const { user, system } = process.cpuUsage(cpu)
    const tried = passed + failed
    print(`crash points: ${REACHED_POINTS.map((point) => `${point} ${crashes.get(point) ?? 0}`).join(' · ')}`)
    // Fewer seeds may have missed one by chance.
    if (failed === 0 && tried >= SEEDS_FOR_ALL_POINTS) {
      const least = Math.floor((tried * HITS_OF_WHOLE) / SEEDS)
      const passed = [...crashes.keys()].filter((point) => !RARE_POINTS.includes(point))
      const missed = [...new Set([...REACHED_POINTS, ...passed])].filter(
        (point) => (crashes.get(point) ?? 0) < Math.max(1, least) || !REACHED_POINTS.includes(point),
      )
      for (const point of missed) {
        const hits = crashes.get(point) ?? 0
        const what = REACHED_POINTS.includes(point)
          ? `of ${least} that so many seeds must have`
          : 'and it is in no list'
        print(`✗ crash point ${point} ended ${hits} lives, ${what}`)
      }
      failed += missed.length
    }
    print(
      `${tried} seeds, ${Math.round((tried * 1e6) / (user + system))} a second of a core: ${sums.lives} lives, ${sums.batches} batches, ${sums.diskFaults} failures of the disk, ${Math.round(sums.simulatedMillis / 1000)} simulated seconds; ${sums.twice} played twice`,
    )
    if (tried < seeds) print(`tried ${tried} of ${seeds} seeds`)
    return { passed, failed }
  }
}

/** The smallest cut that was found to fail. */
async function shrunken(seed: number, given: Cut): Promise<Cut> {
  let cut = given
  const fails = async (candidate: Cut): Promise<boolean> =>
    (await play(scenarioOf(seed, candidate))).fault !== undefined
  const all = cut.faults ?? scenarioOf(seed, cut).faults.map((_, at) => at)
  let faults = all
  for (const fault of all) {
    const fewer = faults.filter((each) => each !== fault)
    if (!(await fails({ ...cut, faults: fewer }))) continue
    faults = fewer
    cut = { ...cut, faults }
  }
  for (let input = inputOf(scenarioOf(seed, cut).of); input > 0;) {
    input = Math.floor(input / 2)
    if (!(await fails({ ...cut, input }))) break
    cut = { ...cut, input }
  }
  return cut
}

function cutText({ faults, input }: Cut): string {
  const ofFaults = faults === undefined ? '' : ` --faults ${faults.length === 0 ? 'none' : faults.join(',')}`
  return `${ofFaults}${input === undefined ? '' : ` --input ${input}`}`
}

function optionsOf(args: readonly string[]): {
  readonly seeds: number
  readonly from: number
  readonly minutes: number
  readonly failures: number
  readonly cut: Cut
} {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      minutes: { type: 'string' },
      failures: { type: 'string' },
      faults: { type: 'string' },
      input: { type: 'string' },
    },
  })
  const minutes = values.minutes === undefined ? Infinity : Number(values.minutes)
  if (!(minutes > 0)) throw new Error(`--minutes needs a number above 0, and got "${values.minutes ?? ''}"`)
  const { faults, input } = values
  return {
    seeds: values.seeds === undefined ? SEEDS : wholeNumber('--seeds', values.seeds),
    from: values.from === undefined ? 1 : wholeNumber('--from', values.from),
    minutes,
    failures: values.failures === undefined ? FAILURES : wholeNumber('--failures', values.failures),
    cut: {
      ...(faults === undefined
        ? {}
        : { faults: faults === 'none' ? [] : faults.split(',').map((each) => wholeNumber('--faults', each)) }),
      ...(input === undefined ? {} : { input: wholeNumber('--input', input) }),
    },
  }
}
