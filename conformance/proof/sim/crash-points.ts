/**
 * Crash points that a query of the simulation passes: those of the micro-batch runner, of deliveries, and of the store where the
 * driver itself writes the state. A point that is missing here is asked for by no seed by its name.
 */
import { STORE_CRASH_POINTS } from '../../../runners/micro-batch/store/crash-points.js'

/** Those that only other uses of a store pass: partitions of other processes, another number of them, copies. */
const OTHERS = /^store\.(write|update|savepoint)\./

/** The names. */
export const REACHED_POINTS: readonly string[] = [
  'query.restored',
  'batch.read',
  'batch.commit',
  'batch.committed',
  'delivery.begin',
  'delivery.done',
  ...STORE_CRASH_POINTS.filter((name) => !OTHERS.test(name)),
]
