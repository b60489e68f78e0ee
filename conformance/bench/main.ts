/**
 * `npm run bench`: ours against the hand-written loop, in one process, outputs compared before times.
 *
 * `npm run bench -- micro-batch` measures batches instead, `-- distributed` our worker beside Beam's others. Options: `--rounds n` (default 7), `--guard` (smaller, and fails when a ratio exceeds its limit), `--only name`.
 * Peak memory is measured in a process of its own for each program (`--memory name:who` is that process).
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fiveMaps, fiveMapsContests, windowedCountContest, wordCountContest } from './contests.js'
import { distributedBench } from './distributed.js'
import { firstOutputTimes, helpTimes } from './first-output.js'
import { microBatchBench } from './micro-batch.js'
import { compete, type Contest, medianRatio, type Outcome, timesOf } from './measure.js'

/** Largest ratios that are acceptable; `docs/performance.md` says where they come from. */
const LIMITS = { 'five maps': 6, 'word count': 1.5, 'windowed count': 1.5 }
/** Milliseconds that a person may wait for the first output of the command. */
const FIRST_OUTPUT_MILLIS_MAX = 1000
/** The same for `millrace --help`. Node alone takes a third of it. */
const HELP_MILLIS_MAX = 150
/** Largest deviation from the middle, when the work grows twentyfold. */
const FLAT = 0.15

type Finding = readonly [holds: boolean, what: string]

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    guard: { type: 'boolean', default: false },
    only: { type: 'string' },
    memory: { type: 'string' },
  },
})

const contestsOf = (kind: string): readonly Contest[] => {
  const scale = flags.guard ? 0.5 : 1
  switch (kind) {
    case 'five maps':
      return fiveMapsContests(10_000_000)
    case 'word count':
      return [wordCountContest(8_000_000 * scale)]
    default:
      return [windowedCountContest(8_000_000 * scale, 1000)]
  }
}

const kinds = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter(
  (kind) => flags.only === undefined || kind.includes(flags.only),
)

if (positionals[0] === 'micro-batch') process.exitCode = (await microBatchBench(flags.only)) ? 0 : 1
else if (positionals[0] === 'distributed') process.exitCode = (await distributedBench()) ? 0 : 1
else if (flags.memory !== undefined) await measureMemory(flags.memory)
else process.exitCode = (await report()) ? 0 : 1

async function report(): Promise<boolean> {
  let isFine = true
  const check = (holds: boolean, what: string): void => {
    console.log(`${holds ? '✔' : '✘'} ${what}`)
    isFine &&= holds
  }
  console.log(
    `ours against the hand-written loop · Node ${process.version} · ${flags.rounds} rounds after one that warms up`,
  )
  const all = new Map(kinds.map((kind) => [kind, contestsOf(kind)]))
  const outcomes = await compete([...all.values()].flat(), Number(flags.rounds))
  for (const outcome of outcomes) console.log(line(outcome))
  for (const [kind, contests] of all) {
    const own = outcomes.filter(({ name }) => contests.some((contest) => contest.name === name))
    const ratio = medianRatio(own)
    check(ratio <= LIMITS[kind], `${kind}: ${ratio.toFixed(2)} × the loop (limit ${LIMITS[kind]} ×)`)
  }
  if (flags.only === undefined || 'flat'.includes(flags.only)) check(...(await atMostThrice(flatness())))
  if (flags.only === undefined || 'first output'.includes(flags.only)) check(...(await atMostThrice(firstOutput)))
  if (flags.only === undefined || 'help'.includes(flags.only)) check(...(await atMostThrice(help)))
  if (!flags.guard) for (const kind of kinds) console.log(memoryLine(kind))
  return isFine
}

function line({ name, hand, ours, ratio }: Outcome): string {
  const times = ({ median, fastest, slowest }: Outcome['hand']): string =>
    `${median.toFixed(2).padStart(7)} ns (${fastest.toFixed(2)}–${slowest.toFixed(2)})`
  return `  ${name.padEnd(26)} hand ${times(hand).padEnd(28)} ours ${times(ours).padEnd(28)} ${ratio.toFixed(2)} ×`
}

/** Measures again what misses its limit: a busy machine does so once, a slow program every time. */
async function atMostThrice(measure: () => Promise<Finding>): Promise<Finding> {
  for (let left = 2; ; left--) {
    const finding = await measure()
    if (finding[0] || left === 0) return finding
    console.log(`  measured again: ${finding[1]}`)
  }
}

/**
 * Nanoseconds per element must not depend on how many there are. Building and starting a pipeline takes its time before
 * the first element; it is measured as a run over a thousand elements, shown, and left out of what is compared. What is
 * measured again adds to what was measured.
 */
function flatness(): () => Promise<Finding> {
  const few = 1000
  const sizes = [few, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000]
  const times = new Map(sizes.map((size) => [size, [] as number[]]))
  // Whatever disturbs a measurement makes it longer, and short ones are disturbed more: the quicker ones are compared.
  const usual = (size: number): number => timesOf(times.get(size) ?? []).quarter
  return async () => {
    for (let round = -1; round < 7; round++) {
      for (const [size, millis] of times) {
        // Smaller sizes are repeated, so that each measurement lasts about as long.
        for (let repeat = 0; repeat < Math.min(20, 20_000_000 / size / 2); repeat++) {
          const start = performance.now()
          await fiveMaps(0, size)
          if (round >= 0) millis.push(performance.now() - start)
        }
      }
    }
    const perElement = sizes.slice(1).map((size) => ((usual(size) - usual(few)) * 1e6) / (size - few))
    const middle = (Math.max(...perElement) + Math.min(...perElement)) / 2
    const deviation = (Math.max(...perElement) - middle) / middle
    const list = sizes.slice(1).map((size, i) => `${size / 1e6} M: ${perElement[i]?.toFixed(2)}`)
    return [
      deviation <= FLAT,
      `five maps, ns per element after the start (${usual(few).toFixed(2)} ms) at ${list.join(', ')}: ±${(deviation * 100).toFixed(0)} % (limit ±${FLAT * 100} %)`,
    ]
  }
}

async function firstOutput(): Promise<Finding> {
  const { median, fastest, slowest } = await firstOutputTimes(5)
  return [
    median <= FIRST_OUTPUT_MILLIS_MAX,
    `first output of millrace run on the word count: ${median.toFixed(0)} ms (${fastest.toFixed(0)}–${slowest.toFixed(0)}, limit ${FIRST_OUTPUT_MILLIS_MAX} ms)`,
  ]
}

/** The fastest counts: whatever else the machine does makes a start longer, and says nothing of what is loaded. */
async function help(): Promise<Finding> {
  const { median, fastest, slowest } = await helpTimes(20)
  return [
    fastest <= HELP_MILLIS_MAX,
    `millrace --help: ${fastest.toFixed(0)} ms (median ${median.toFixed(0)}, slowest ${slowest.toFixed(0)}, limit ${HELP_MILLIS_MAX} ms)`,
  ]
}

function memoryLine(kind: string): string {
  const peak = (who: string): string => {
    const main = fileURLToPath(import.meta.url)
    const { stdout } = spawnSync(process.execPath, [main, '--memory', `${kind}:${who}`], {
      encoding: 'utf8',
    })
    return `${stdout.trim()} MiB`
  }
  return `  ${kind}: peak memory with input: nothing run ${peak('none')}, hand ${peak('hand')}, ours ${peak('ours')}`
}

async function measureMemory(what: string): Promise<void> {
  const [kind, who] = what.split(':')
  const contest = contestsOf(kind ?? '')[0]
  for (let i = 0; i < 3; i++) {
    if (who === 'hand') contest?.hand()
    if (who === 'ours') await contest?.ours()
  }
  console.log(Math.round(process.resourceUsage().maxRSS / 1024))
}
