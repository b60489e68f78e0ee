/**
 * The lanes that exist, in the order in which `npm run proof` lists them. A lane is added here and nowhere else.
 */
import { setFlagsFromString } from 'node:v8'
import type { Lane } from './lane.js'
import { seededLane, seededSample } from './seeded-lane.js'

/** Whose columns of the matrix there are. */
const RUNNERS = [
  ['direct', 'the direct runner'],
  ['micro-batch', 'the micro-batch runner'],
  ['prism', 'Prism'],
  ['flink', 'Flink'],
  ['flink-cluster', 'the cluster that `npm run engines -- start flink-cluster` has started'],
] as const

/** The table of lanes. */
export const lanes: readonly Lane[] = [
  {
    name: 'bundling',
    meaning:
      'random pipelines give the reference result however they are bundled [--seeds n] [--from seed] [--minutes m]',
    sample: seededSample,
    load: async () => seededLane({ lane: 'bundling', seeds: 20_000, faultOf: (await import('./bundling.js')).faultOf }),
  },
  {
    name: 'streams',
    meaning:
      'random streams with late elements give the reference content, and scripts its panes [--seeds n] [--from seed] [--minutes m]',
    sample: seededSample,
    load: async () => seededLane({ lane: 'streams', seeds: 10_000, faultOf: (await import('./streams.js')).faultOf }),
  },
  {
    name: 'failures',
    meaning:
      'random calls that throw, wait and are tried again leave all their outputs or one dead letter [--seeds n] [--from seed] [--minutes m]',
    sample: seededSample,
    load: async () => seededLane({ lane: 'failures', seeds: 5_000, faultOf: (await import('./failures.js')).faultOf }),
  },
  {
    name: 'kill',
    meaning:
      'drivers of the micro-batch runner that are killed (-9) anywhere lose nothing and repeat nothing [--seeds n] [--from seed] [--minutes m]',
    sample: seededSample,
    load: async () => (await import('./kill/kill-cycles.js')).killLane(),
  },
  {
    name: 'kill-flink',
    meaning:
      'TaskManagers, workers, pools, clients and job servers of a stream on a cluster of Flink that are killed (-9) lose nothing of its state [--kills n]',
    load: async () => (await import('./kill-flink/lane.js')).killFlinkLane(),
  },
  {
    name: 'points',
    meaning:
      'streams, disks, sinks and drivers of the micro-batch runner that fail, one by one, are said clearly and got over [--only part-of-name] [--from seed] [--minutes m]',
    sample: seededSample,
    load: async () => (await import('./kill/failure-points.js')).pointsLane(),
  },
  {
    name: 'wal',
    meaning:
      'checkpoints that are cut, whose disk fails or is full, keep a prefix of their batches or are refused [--seeds n] [--from seed] [--minutes m]',
    sample: seededSample,
    load: async () => (await import('./wal-lane.js')).walLane(),
  },
  {
    name: 'sim',
    meaning:
      'random programs in batches give the reference result, and their sinks everything once, through crashes and losses of power in simulated time [--seeds n] [--from seed] [--minutes m] [--faults 0,2] [--input n]',
    sample: seededSample,
    load: async () => {
      // A thousand short runs in one thread: who collects garbage beside it, or compiles what soon is over, only takes time from it.
      for (const flag of ['--no-parallel-scavenge', '--interrupt-budget=1000000']) setFlagsFromString(flag)
      return (await import('./sim/lane.js')).simLane()
    },
  },
  {
    name: 'load',
    meaning:
      'a worker passes bundles of a gigabyte in bounded memory, and keys with 100,000 entries of state are read and written within a minute [--engine flink|prism] [--only part-of-name]',
    load: async () => (await import('./load-lane.js')).loadLane(),
  },
  ...RUNNERS.map(([runner, title]): Lane => ({
    name: runner,
    meaning: `every case holds on ${title}, is refused by name, or is known to be broken there [--only ids] [--sample n] [--from seed] [--publish]`,
    load: async () => (await import('./engine-lane.js')).engineLane(runner),
  })),
  {
    name: 'mutants',
    meaning: 'every broken law is noticed by a case that is named for it [--only part-of-name]',
    load: async () => (await import('./mutants/run-mutants.js')).mutantsLane(),
  },
  {
    name: 'oracle',
    meaning:
      "random windows, triggers and late elements give, pane by pane, the panes of Beam Java's rules [--seeds n] [--from seed] [--minutes m]",
    sample: seededSample,
    load: async () => seededLane({ lane: 'oracle', seeds: 100_000, faultOf: (await import('./oracle.js')).faultOf }),
  },
]
