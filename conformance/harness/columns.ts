/**
 * The columns of the matrix: the runners of the package, each with the ways in which its cases run.
 */
import { PipelineError, type Runner } from 'millrace'
import { distributedCapabilities } from '#platform'
import { directRunner } from 'millrace/direct'
import { engineRunner } from '../../runners/distributed/distributed-runner.js'
import { batchModes, batchRunner, type ModeWorkers, workerModes } from './batch-modes.js'
import { sharedEngine } from './shared-engine.js'
import { allModes, chosenAmong, type Mode, type ModeChoice } from './modes.js'

/** A runner with its modes. */
export interface Column {
  readonly name: string
  /** A fresh runner for each run; for a mode that has one of its own, that. */
  readonly makeRunner: (mode?: Mode) => Runner
  readonly modes: readonly Mode[]
}

interface Kind {
  readonly makeRunner: (mode?: Mode) => Runner
  readonly modesOf: (seed: number) => readonly Mode[]
  /** Modes with workers, where the runner has any. */
  readonly modesWith?: (seed: number, workers: ModeWorkers) => readonly Mode[]
}

/** How cases run on an engine, which has no modes of ours. */
export const ENGINE_MODE: Mode = {
  name: 'engine',
  options: {},
  traits: ['fast', 'generated'],
  keepsScripts: true,
  shares: { transforms: 400, scripts: false },
  atOnce: 3,
}

const sharedFlink = sharedEngine(distributedCapabilities())

/** On Flink an element is a bundle, so that panes come where a script says; what bundles are else is not the model's business. */
export const FLINK_MODE: Mode = {
  ...ENGINE_MODE,
  shares: { transforms: 400, scripts: true },
  streamOptions: { engineOptions: { max_bundle_size: 1 } },
  // It tells of commits when it has made a checkpoint, and with checkpoints a job with an unbounded source does not end.
  lacks: ['bundleFinalizer'],
  renew: sharedFlink.renew,
}

/** A cluster is started by somebody else, and goes on. */
const CLUSTER_MODE: Mode = { ...FLINK_MODE, cannotRenew: true }

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['direct', { makeRunner: () => directRunner(), modesOf: allModes }],
  ['prism', { makeRunner: () => engineRunner('prism', distributedCapabilities()), modesOf: () => [ENGINE_MODE] }],
  ['flink', { makeRunner: () => engineRunner('flink', sharedFlink.capabilities), modesOf: () => [FLINK_MODE] }],
  [
    'flink-cluster',
    { makeRunner: () => engineRunner('flink-cluster', sharedFlink.capabilities), modesOf: () => [CLUSTER_MODE] },
  ],
  ['micro-batch', { makeRunner: batchRunner, modesOf: batchModes, modesWith: workerModes }],
])

/**
 * The columns for names of runners, separated by commas.
 *
 * @throws {PipelineError} when there is no runner of a name, or it has no mode that is chosen.
 */
export function columnsOf(names: string, choice: ModeChoice, seed: number, workers?: ModeWorkers): readonly Column[] {
  return names.split(',').map((each) => {
    const name = each.trim()
    const { makeRunner, modesOf, modesWith } = kindNamed(name)
    if (workers === undefined) return { name, makeRunner, modes: chosenAmong(modesOf(seed), choice) }
    if (modesWith !== undefined) return { name, makeRunner, modes: chosenAmong(modesWith(seed, workers), choice) }
    throw new PipelineError(
      'MR-1016',
      `--workers is for the micro-batch runner; the ${name} runner has none. Leave --workers out, or name --runners micro-batch.`,
    )
  })
}

function kindNamed(name: string): Kind {
  const kind = KINDS.get(name)
  if (kind !== undefined) return kind
  const known = [...KINDS.keys()].join(', ')
  throw new PipelineError('MR-6003', `there is no runner "${name}". Runners: ${known}.`)
}
