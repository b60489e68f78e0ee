/**
 * The ways in which cases run in batches: batches of any size, one process or many. Where a mode restarts, the process ends after
 * committed batches, or at crash points that the seed chooses, and a fresh one goes on from what is kept.
 *
 * Law: as of all modes, a seed decides everything that is random.
 */
import { microBatchCapabilities } from '#platform'
import { type Runner, type RunnerOptions, seededRandom } from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { type CrashPlan, restartingRunner } from '../../runners/testing/restarting-runner.js'
import type { Mode } from './modes.js'

/** Short, so that cases that wait for time are soon over. */
const INTERVAL = '2 millis'
/** Restarts of one run at most: what comes after them runs on. A case with thousands of batches takes no longer than one with few. */
const RESTARTS_MAX = 60
/** Crash points that a life passes at most before it ends, where the seed chooses. */
const POINTS_MAX = 25

/** How the process of a mode ends. */
export type Restarts = 'after each batch' | 'by seed'

/** All modes under a seed. */
export function batchModes(seed: number): readonly Mode[] {
  const random = seededRandom(seed ^ 0x2545f491)
  const size = 2 + Math.floor(random() * 40)
  const every = 2 + Math.floor(random() * 4)
  return [
    batches('batches of 7', { batchSize: 7 }, 'generated'),
    batches('batches of 1', { batchSize: 1 }, 'closures'),
    batches('batches of all', {}, 'generated'),
    batches(`batches of ${size}, by seed`, { batchSize: size }, 'closures'),
    { ...batches(`batches of 7, strict, seed ${seed}`, { batchSize: 7, strict: true, seed }, 'generated'), ...STRICT }, // prettier-ignore
    {
      ...batches(`batches of ${size}, strict, seed ${seed + 1}, each bundle twice`, { batchSize: size, strict: true, seed: seed + 1, reexecute: true }, 'closures'), // prettier-ignore
      ...STRICT,
      traits: [...STRICT.traits, 'reexecuted'],
      isOptional: true,
    },
    batches('1 worker', { workers: 1, isolation: 'memory' }, 'generated'),
    shared(batches('3 workers, batches of 7', { workers: 3, isolation: 'memory', batchSize: 7 }, 'closures')),
    shared({
      ...batches(`3 workers, 5 partitions, strict, seed ${seed}`, { workers: 3, partitions: 5, isolation: 'memory', strict: true, seed }, 'generated'), // prettier-ignore
      ...STRICT,
    }),
    shared(restarted('3 workers, batches of 3, restarted after each', { workers: 3, isolation: 'memory', batchSize: 3 }, () => afterBatches(1))), // prettier-ignore
    restarted('batches of 3, restarted after each', { batchSize: 3 }, () => afterBatches(1)),
    shared(restarted('batches of 3, restarted after each with other workers', { batchSize: 3 }, () => afterBatches(1), { optionsOf: otherWorkers })), // prettier-ignore
    shared(restarted(`batches of ${size}, ended at crash points, other workers then, seed ${seed + 2}`, { batchSize: size }, () => atPoints(seed + 2), { optionsOf: otherWorkers, reexecutes: true })), // prettier-ignore
    restarted(`batches of all, restarted after each ${every}`, {}, () => afterBatches(every)),
    restarted(`batches of ${size}, ended at crash points, seed ${seed}`, { batchSize: size }, () => atPoints(seed), {
      reexecutes: true,
    }),
  ]
}

/** Where the workers of modes are. */
export interface ModeWorkers {
  readonly workers: number
  readonly isolation: 'thread' | 'process'
}

/** Modes with workers of their own: threads or processes that build each case anew. */
export function workerModes(seed: number, { workers, isolation }: ModeWorkers): readonly Mode[] {
  const where = `${workers} ${workers === 1 ? 'worker' : 'workers'}, ${isolation === 'thread' ? 'threads' : 'processes'}`
  const elsewhere = { workers, isolation }
  return [
    { ...batches(`batches of 7, ${where}`, { batchSize: 7, ...elsewhere }, 'generated'), isElsewhere: true },
    { ...batches(`batches of all, ${where}`, elsewhere, 'closures'), isElsewhere: true },
    {
      ...batches(`batches of 7, strict, seed ${seed}, ${where}`, { batchSize: 7, strict: true, seed, ...elsewhere }, 'generated'), // prettier-ignore
      ...STRICT,
      isElsewhere: true,
    },
  ]
}

/** The runner of a mode. */
export function batchRunner(mode?: Mode): Runner {
  return mode?.makeRunner === undefined
    ? microBatchRunner({ batchInterval: INTERVAL }, microBatchCapabilities())
    : mode.makeRunner()
}

/** Batches below this are small: too many for a case with a hundred thousand elements. */
const SMALL = 1_000

const STRICT = { traits: ['strict', 'bundles', 'batches', 'smallBatches'], keepsScripts: false } as const

function batches(name: string, options: RunnerOptions, stageCompiler: 'generated' | 'closures'): Mode {
  return {
    name,
    options: { batchInterval: INTERVAL, stageCompiler, ...options },
    traits: [
      'fast',
      'batches',
      stageCompiler,
      ...((options.batchSize ?? SMALL) < SMALL ? (['smallBatches'] as const) : []),
    ],
    keepsScripts: true,
  }
}

/** Partitions do the work: whatever user code shares within a process, several of it are there. */
function shared(mode: Mode): Mode {
  return { ...mode, traits: [...mode.traits, 'workers'] }
}

/** What lives differ in, and whether they also end within batches, which are done again then. */
interface Lives {
  readonly optionsOf?: (life: number) => RunnerOptions
  readonly reexecutes?: boolean
}

/** Lives that divide what is kept among other partitions than the one before. */
function otherWorkers(life: number): RunnerOptions {
  const each: readonly RunnerOptions[] = [
    { workers: 3, isolation: 'memory' },
    {},
    { workers: 2, isolation: 'memory', partitions: 2 },
    { workers: 1, isolation: 'memory', partitions: 5 },
  ]
  return each[life % each.length] as RunnerOptions
}

function restarted(name: string, options: RunnerOptions, planOf: () => CrashPlan, lives: Lives = {}): Mode {
  const { reexecutes = false, ...others } = lives
  const mode = batches(name, options, 'generated')
  return {
    ...mode,
    traits: [...mode.traits, 'restarts', ...(reexecutes ? (['reexecuted'] as const) : [])],
    makeRunner: () => restartingRunner({ batchInterval: INTERVAL }, { random: seededRandom(1), planOf, ...others }),
  }
}

/** Ends a life after so many batches. */
function afterBatches(every: number): CrashPlan {
  let restarts = 0
  let left = every
  return {
    crashAt(point) {
      if (point !== 'batch.committed' || restarts >= RESTARTS_MAX || --left > 0) return undefined
      left = every
      restarts++
      return 'process'
    },
  }
}

/** Ends lives anywhere, by the end of the process or of its machine's power. */
function atPoints(seed: number): CrashPlan {
  const random = seededRandom(seed)
  const next = (): number => 1 + Math.floor(random() * POINTS_MAX)
  let restarts = 0
  let left = next()
  return {
    crashAt() {
      if (restarts >= RESTARTS_MAX || --left > 0) return undefined
      left = next()
      restarts++
      return random() < 0.5 ? 'process' : 'power'
    },
  }
}
