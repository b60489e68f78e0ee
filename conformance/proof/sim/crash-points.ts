/**
 * Crash points that a query of the simulation passes: those of the micro-batch runner, of deliveries, of acknowledgements, and of the
 * store where the driver itself writes the state. `conformance/repo.test.ts` sees to it that no point of the source is missing here
 * or among those that other proofs aim at.
 */
import { STORE_CRASH_POINTS } from '../../../runners/micro-batch/store/crash-points.js'

/** Those that only other uses of a store pass: partitions of other processes, another number of them, copies. */
const OTHERS = /^store\.(write|update|savepoint)\./
/** Passed where lives divide what is kept among other partitions: seldom, and held to no number. */
export const RARE_POINTS: readonly string[] = STORE_CRASH_POINTS.filter((name) => name.startsWith('store.update.'))
/** Passed once in a query, when it begins. */
const BEGINNING = /^store\.create\./
/** Passed where changes have outgrown the state. */
const SELDOM = /^store\.compact\./

const REACHED_OF_STORE: readonly string[] = STORE_CRASH_POINTS.filter((name) => !OTHERS.test(name))

/** Passed by the first life only. */
export const FIRST_POINTS: readonly string[] = REACHED_OF_STORE.filter((name) => BEGINNING.test(name))
/** Passed by lives that go on from what another has left. */
export const LATER_POINTS: readonly string[] = ['query.restored']
/** Passed now and then. */
export const SELDOM_POINTS: readonly string[] = REACHED_OF_STORE.filter((name) => SELDOM.test(name))
/** Passed where a program has a source that is told what was read. */
export const TOLD_POINTS: readonly string[] = ['source.acknowledge', 'source.acknowledged']
/** Passed by any life. */
export const ALWAYS_POINTS: readonly string[] = [
  'batch.read',
  'batch.commit',
  'batch.committed',
  'delivery.begin',
  'delivery.done',
  ...REACHED_OF_STORE.filter((name) => !BEGINNING.test(name) && !SELDOM.test(name)),
]

/** The names. */
export const REACHED_POINTS: readonly string[] = [
  ...FIRST_POINTS,
  ...LATER_POINTS,
  ...ALWAYS_POINTS,
  ...SELDOM_POINTS,
  ...TOLD_POINTS,
]
