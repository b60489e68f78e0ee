/**
 * The micro-batch runner, free of Node. `run(p, { runner: 'micro-batch', checkpoint: './folder' })` gives it what Node can do.
 *
 * @module millrace/micro-batch
 */
export {
  MICRO_BATCH_FEATURES,
  type MicroBatchCapabilities,
  microBatchRunner,
  type OpenStore,
  type OpenWorkers,
} from './micro-batch-runner.js'
export { readState, type ReadStateOptions } from './read-state.js'
export type { DriverNames } from './query-store.js'
export { type SinkKind, type SinkPromise, sinkPromises, type SourceAbility, sourceAbilities } from './sink-promises.js'
export type {
  BatchRecord,
  Change as StateChange,
  CheckpointStore,
  CommitRecord,
  KeptChange,
  Lease,
  LeaseClaim,
  LeaseHolder,
  PartitionStore,
  PlanRecord,
  QueryFork,
  QueryRecord,
  StoredEntry,
  StoreFault,
  StoreView,
  VersionChanges,
} from './store/checkpoint-store.js'
export type { OpenWorker, WorkerLink } from './tasks/worker-link.js'
